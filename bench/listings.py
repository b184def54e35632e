"""Generated listings with the columns, shares of nulls and duplicates of the data set that the original learns from
(2,226,382 rows); the same ones for the same number of rows and seed."""

import sys

import numpy as np
import polars as pl

# Nulls per row, as in the source.
NULLS = {"brokered_by": 0.002, "price": 0.0007, "bed": 0.2162, "bath": 0.2299, "acre_lot": 0.1462, "street": 0.005,
         "city": 0.0006, "zip_code": 0.0001, "house_size": 0.2553, "prev_sold_date": 0.3298}
REPEATED = 0.07
DIRTY = 0.005
DIRTY_CELLS = ["$1,200", "NaN", "n/a", "unknown", " 3.0 ", "-1.0", "three"]


def listings(rows: int, seed: int = 42) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    new = int(rows * (1 - REPEATED)) or 1
    ints = lambda low, high: random.integers(low, high, new).astype(float).astype(str)
    zips = random.integers(601, 99_951, new)
    columns = {
        "brokered_by": ints(0, 110_000),
        "status": random.choice(["for_sale", "sold", "ready_to_build"], new, p=[0.62, 0.37, 0.01]),
        "price": np.exp(random.normal(12.7, 0.9, new)).round(-2).clip(1_000).astype(str),
        "bed": ints(1, 8),
        "bath": ints(1, 6),
        "acre_lot": random.lognormal(-1.5, 1.2, new).round(2).astype(str),
        "street": ints(0, 2_001_358),
        "city": np.char.add("City Number ", (zips % 20_098).astype(str)),
        "state": np.char.add("State ", (zips % 55).astype(str)),
        "zip_code": zips.astype(float).astype(str),
        "house_size": random.normal(1_900, 700, new).round().clip(200).astype(str),
        "prev_sold_date": (np.datetime64("1980-01-01") + random.integers(0, 16_000, new)).astype(str),
    }
    for name, share in NULLS.items():
        columns[name][random.random(new) < share] = ""
    dirty = ["price", "bed", "bath", "acre_lot", "house_size", "zip_code", "city"]
    for name in dirty:
        where = np.flatnonzero(random.random(new) < DIRTY / len(dirty))
        columns[name] = columns[name].astype(object)
        columns[name][where] = random.choice(DIRTY_CELLS, len(where))
    # An earlier row again.
    places = np.concatenate([np.arange(new), random.integers(0, new, rows - new)])
    random.shuffle(places)
    return pl.DataFrame(columns)[places]


if __name__ == "__main__":
    listings(int(sys.argv[1]), int(sys.argv[3]) if len(sys.argv) > 3 else 42).write_csv(sys.argv[2])
