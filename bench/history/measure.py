"""A new batch of 10,000 rows on a growing history: time and memory of `preprocess`, and what the stores hold.

    measure.py BINARIES [ROWS,ROWS,…]"""

import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
from results import spread, table, write  # noqa: E402
from stand_in import Cloud, Function  # noqa: E402

BATCH, TURNS, LARGEST = 10_000, 5, 2_200_000


def items(folder: str) -> int:
    """Items of all tables of the registry."""
    with sqlite3.connect(f"file:{folder}/dynamodb.sqlite?mode=ro", uri=True) as db:
        names = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return sum(db.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in names)


def main() -> None:
    binaries = Path(sys.argv[1]).resolve()
    sizes = [int(rows) for rows in (sys.argv[2] if len(sys.argv) > 2 else "0,100000,1000000,2200000,20000000").split(",")]
    lines, seed, history = [], 1_000, 0
    with tempfile.TemporaryDirectory() as folder, Cloud(binaries, f"{folder}/data") as cloud:
        def clean(rows: int, seed: int) -> tuple[float, float]:
            file = Path(folder) / "batch.csv"
            # In its own process: its memory would count as that of the processes that this one starts.
            subprocess.run([sys.executable, HERE.parent / "listings.py", str(rows), file, str(seed)], check=True)
            environment = cloud.environment | {"TASADOR_SOURCE": str(file), "TASADOR_SOURCE_FILES": "true", "TASADOR_LOG": "error"}
            fetch = Function([str(binaries / "fetch")], environment, "fetch", 2048)
            execution = f"arn:aws:states:us-east-1:000000000000:execution:training:bench-{seed}"
            fetched, *_ = fetch.call({"run_id": f"bench-{seed}", "execution": execution, "input": {}})
            fetch.stop()
            function = Function([str(binaries / "preprocess")], environment, "preprocess", 3008)
            _, seconds, _ = function.call({"run_id": f"bench-{seed}"} | fetched)
            return seconds, function.stop()

        for size in sizes:
            while history < size:
                rows = min(LARGEST, size - history)
                clean(rows, seed)
                history, seed = history + rows, seed + 1
            runs = []
            for _ in range(TURNS):
                runs.append(clean(BATCH, seed))
                seed += 1
            stored = sum(entry.stat().st_size for entry in Path(f"{folder}/data").rglob("*") if entry.is_file() and "/seen/" in str(entry))
            lines.append([f"{size:,}", spread([seconds for seconds, _ in runs], 3), f"{max(mib for _, mib in runs):,.0f}", f"{stored / 1e6:,.1f}", f"{items(f'{folder}/data'):,}"])
            print(lines[-1], file=sys.stderr)
    write("history", f"A batch of {BATCH:,} rows on a history",
          f"`preprocess` as deployed, on the local stores; {TURNS} batches each.\n\n" + table(["rows before", "seconds", "peak MiB", "hashes, MB", "items in the registry"], lines))


if __name__ == "__main__":
    main()
