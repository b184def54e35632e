"""Prices and ranges through the service, beside LightGBM: `tasador run` learns from a prepared set's training rows,
`tasador appraise` prices its held-out homes, complete and with fields left empty; LightGBM learns from the same rows.
Prints errors relative to the better of 500 and 1,200 trees, and for each set of fields given, in percent: ranges that hold
the price, their median width, and prices within the forecast standard deviation.

    service.py TASADOR FOLDER [SEED,SEED... [SET,SET...]]

FOLDER is what `bench-model prepare` wrote. The set `northeast-street` is `northeast` with a street per property."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

PEERS = ["lightgbm-500", "lightgbm-1200"]
SETS = ["king-county", "king-county-listing", "northeast", "northeast-street", "listings"]
# Under which name the service gets what the prepared rows call `property`.
PROPERTY = {"king-county": "id", "king-county-listing": "id", "northeast-street": "street", "listings": "street"}
GIVEN = {
    "everything": None,
    "bed, bath, size, zip": ["bed", "bath", "house_size", "zip_code"],
    "zip": ["zip_code"],
    "bed, size": ["bed", "house_size"],
    "nothing": [],
}


def rows(folder: Path, name: str, part: str) -> pd.DataFrame:
    """The rows as a source would send them."""
    source = folder / name.removesuffix("-street") / f"{part}.csv"
    table = pd.read_csv(source, dtype=str, keep_default_na=False)
    for column, date in [("sale_day", "date"), ("prev_sold_date", "prev_sold_date")]:
        if column in table:
            days = pd.to_datetime(pd.to_numeric(table[column]), unit="D").dt.strftime("%Y-%m-%d")
            table[column] = days.fillna("")
            table = table.rename(columns={column: date})
    given = PROPERTY.get(name)
    return table.rename(columns={"property": given}) if given else table.drop(columns="property")


def tasador(binary: Path, data: Path, *arguments: str, **environment: str) -> None:
    command = [binary, "--data-dir", data, *arguments]
    done = subprocess.run(command, env=os.environ | {"TASADOR_LOG": "error"} | environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")


def ours(binary: Path, folder: Path, name: str, seed: int) -> dict:
    with tempfile.TemporaryDirectory() as place:
        data, train = Path(place) / "data", Path(place) / "train.csv"
        rows(folder, name, "train").to_csv(train, index=False)
        tasador(binary, data, "run", TASADOR_SOURCE=str(train), TASADOR_SEED=str(seed))
        held_out = rows(folder, name, "holdout")
        price = held_out.pop("price").astype(float).to_numpy()
        answer = {}
        for given, columns in GIVEN.items():
            table = held_out.copy()
            if columns is not None:
                table.loc[:, [column for column in table if column not in columns]] = ""
            file, priced = Path(place) / "homes.csv", Path(place) / "priced.csv"
            table.to_csv(file, index=False)
            tasador(binary, data, "appraise", str(file), "--out", str(priced), "--contributions", "0")
            told = pd.read_csv(priced)
            holds = ((told["price_low"] <= price) & (price <= told["price_high"])).to_numpy()
            width = (told["price_high"] - told["price_low"]) / told["predicted_price"]
            within = np.abs(price / told["predicted_price"] - 1) <= told["fsd"]
            answer[given] = [float(holds.mean()), float(width.median()), float(within.mean())]
            if columns is None:
                off = np.abs(price - told["predicted_price"].to_numpy())
                answer |= {"rmse": float(np.sqrt(np.mean(off**2))), "mae": float(np.mean(off)), "median_ape": float(np.median(off / price))}
                quarter = pd.qcut(told["predicted_price"], 4, labels=False, duplicates="drop").to_numpy()
                answer["quarters"] = [float(holds[quarter == q].mean()) for q in range(int(quarter.max()) + 1)]
        return answer


def theirs(folder: Path, name: str, seed: int) -> dict:
    found = []
    for peer in PEERS:
        command = [sys.executable, Path(__file__).with_name("peers.py"), folder / name.removesuffix("-street"), peer, "2", str(seed)]
        found.append(json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout))
    return {figure: min(one[figure] for one in found) for figure in ["rmse", "mae", "median_ape"]}


def main() -> None:
    binary, folder = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    seeds = [int(seed) for seed in (sys.argv[3] if len(sys.argv) > 3 else "42,43,44,45,46").split(",")]
    names = sys.argv[4].split(",") if len(sys.argv) > 4 else [name for name in SETS if (folder / name.removesuffix("-street")).exists()]
    print("| Set | RMSE | MAE | Median APE | " + " | ".join(GIVEN) + " | by quarter of the price |")
    print("|---|" + "---|" * (4 + len(GIVEN)))
    for name in names:
        runs = []
        for seed in seeds:
            mine, peer = ours(binary, folder, name, seed), theirs(folder, name, seed)
            runs.append(mine | {f"{figure} ratio": mine[figure] / peer[figure] for figure in peer})
            print(name, seed, json.dumps(runs[-1]), file=sys.stderr, flush=True)
        mean = lambda pick: statistics.mean(pick(run) for run in runs)
        cells = [f"{mean(lambda run: run[figure + ' ratio']):.3f}" for figure in ["rmse", "mae", "median_ape"]]
        cells += [", ".join(f"{100 * mean(lambda run: run[given][place]):.0f}" for place in range(3)) for given in GIVEN]
        quarters = [mean(lambda run: run["quarters"][q]) for q in range(min(len(run["quarters"]) for run in runs))]
        cells.append(f"{100 * min(quarters):.1f} to {100 * max(quarters):.1f} %")
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
