"""`preprocess` as it is deployed, on the local stores, beside polars, DuckDB and pandas doing the same work on files: the
same rows, two threads each, in turns. Fails if the counts differ.

    measure.py BINARIES [ROWS [TURNS]]"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
from results import spread, table, write  # noqa: E402
from stand_in import Cloud, Function  # noqa: E402

PEERS = ["polars", "duckdb", "pandas"]
BROKEN = "tasador, broken lines"
# At most so much of the time of the clean file.
MOST_OF_THE_TIME = 1.2
THREADS = {"POLARS_MAX_THREADS": "2", "RAYON_NUM_THREADS": "2", "OMP_NUM_THREADS": "2", "ARROW_NUM_THREADS": "2"}


def ours(binaries: Path, file: Path, folder: str) -> dict:
    """Fetch and preprocess of a new data folder."""
    with Cloud(binaries, f"{folder}/data") as cloud:
        environment = cloud.environment | THREADS | {"TASADOR_SOURCE": str(file), "TASADOR_SOURCE_FILES": "true", "TASADOR_LOG": "error"}
        fetch = Function([str(binaries / "fetch")], environment, "fetch", 2048)
        execution = "arn:aws:states:us-east-1:000000000000:execution:training:bench"
        fetched, *_ = fetch.call({"run_id": "bench", "execution": execution, "input": {}})
        fetch.stop()
        function = Function([str(binaries / "preprocess")], environment, "preprocess", 3008)
        cleaned, seconds, _ = function.call({"run_id": "bench"} | fetched)
        return {"seconds": seconds, "mib": function.stop()} | {name: cleaned["rows"][name] for name in ["clean", "rejected", "duplicates"]}


def broken(file: Path) -> Path:
    """The same rows, but one of 1,000 lines cannot be read."""
    damage = [b",surplus", b'"', b"a\rb"]
    copy = file.with_name("broken.csv")
    with open(file, "rb") as clean, open(copy, "wb") as into:
        for number, line in enumerate(clean):
            into.write(line[:-1] + damage[number // 1000 % 3] + b"\n" if number % 1000 == 999 else line)
    return copy


def theirs(library: str, file: Path, folder: str) -> dict:
    command = [sys.executable, str(HERE / "peers.py"), library, str(file), folder]
    process = subprocess.Popen(command, env=os.environ | THREADS, stdout=subprocess.PIPE)
    answer = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = status
    if status:
        sys.exit(f"{library} failed")
    return json.loads(answer) | {"mib": usage.ru_maxrss / 1024}


def main() -> None:
    binaries = Path(sys.argv[1]).resolve()
    rows, turns = (int(argument) for argument in (sys.argv[2:] + ["2200000", "5"][len(sys.argv) - 2:]))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "listings.csv"
        # In its own process: its memory would count as that of the processes that this one starts.
        subprocess.run([sys.executable, HERE.parent / "listings.py", str(rows), file], check=True)
        megabytes = file.stat().st_size / 1e6
        damaged = broken(file)
        sides = {"tasador": lambda into: ours(binaries, file, into), BROKEN: lambda into: ours(binaries, damaged, into)} | {peer: lambda into, peer=peer: theirs(peer, file, into) for peer in PEERS}
        measured = {name: [] for name in sides}
        for turn in range(turns):
            for name, side in sides.items():
                with tempfile.TemporaryDirectory(dir=folder) as into:
                    measured[name].append(side(into))
                print(f"turn {turn + 1}, {name}: {measured[name][-1]}", file=sys.stderr)
    of_broken = measured.pop(BROKEN)
    counts = {name: {(run["clean"], run["rejected"], run["duplicates"]) for run in runs} for name, runs in measured.items()}
    if len(set().union(*counts.values())) != 1:
        sys.exit(f"the counts differ: {counts}")
    clean, rejected, duplicates = counts["tasador"].pop()
    seconds = {name: [run["seconds"] for run in runs] for name, runs in measured.items()}
    base = statistics.median(seconds["tasador"])
    ratio = statistics.median(run["seconds"] for run in of_broken) / base
    label = {"tasador": "`preprocess` (bucket to bucket)", "polars": f"polars {version('polars')}", "duckdb": f"DuckDB {version('duckdb')}", "pandas": f"pandas {version('pandas')}"}
    lines = [[label[name], spread(seconds[name]), f"{statistics.median(seconds[name]) / base:.2f}", f"{max(run['mib'] for run in runs):,.0f}"] for name, runs in measured.items()]
    write("preprocess", f"Cleaning {rows:,} rows",
          f"{megabytes:.0f} MB of CSV: {clean:,} clean, {rejected:,} rejected, {duplicates:,} duplicates; all agree. {turns} turns, two threads each.\n"
          "`preprocess` also verifies the raw object's SHA-256, looks up rows seen before, and stores with checksums and fsync; the others read and write plain files.\n\n"
          + table(["", "seconds", "of ours", "peak MiB"], lines)
          + f"\n\nThe same file with 0.1 % of its lines broken, by a surplus field, a quote or a carriage return: {spread([run['seconds'] for run in of_broken])} s, "
          f"{ratio:.2f} of the time; {of_broken[0]['rejected']:,} rejected.")
    if ratio > MOST_OF_THE_TIME:
        sys.exit(f"the file with broken lines takes {ratio:.2f} of the time of the clean one, at most {MOST_OF_THE_TIME} is allowed")


if __name__ == "__main__":
    main()
