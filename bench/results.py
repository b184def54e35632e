"""Writes what was measured to bench/RESULTS.md, one section per measurement; the other sections stay."""

import os
import platform
import re
import statistics
import subprocess
import sys
from datetime import date
from pathlib import Path

FILE = Path(__file__).parent / "RESULTS.md"
HEAD = "# Measurements\n\nWritten by `bench/run`; each section says when and where. Times are medians, with the fastest and the slowest run.\n"


def machine() -> str:
    model = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text())
    memory = re.search(r"MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text())
    rust = subprocess.run(["rustc", "--version"], capture_output=True, text=True, check=False).stdout.split()
    return (f"{date.today()}, {os.cpu_count()} cores ({model[1] if model else platform.machine()}), {int(memory[1]) // 2**20 if memory else 0} GiB, "
            f"load average {os.getloadavg()[0]:.1f}, Rust {rust[1] if len(rust) > 1 else '?'}, Python {platform.python_version()}")


def spread(values: list[float], digits: int = 2) -> str:
    """`1.20 (1.10–1.40)`."""
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}–{max(values):.{digits}f})"


def table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def write(name: str, title: str, text: str) -> None:
    """Replaces the section `name`."""
    section = f"<!-- {name} -->\n## {title}\n\n{text.strip()}\n\n`bench/run {name}`; {machine()}.\n"
    print(section)
    old = FILE.read_text() if FILE.exists() else HEAD
    parts = {part.split(" -->")[0]: f"<!-- {part}" for part in old.split("<!-- ")[1:]}
    parts[name] = section
    FILE.write_text(HEAD + "".join("\n" + parts[key].rstrip() + "\n" for key in sorted(parts)))


if __name__ == "__main__":
    _, given, heading = sys.argv
    printed = sys.stdin.read()
    write(given, heading, printed if "|---" in printed else f"```text\n{printed}```")
