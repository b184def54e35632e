"""Compares ratio statistics with `assesspy`'s.

Without an argument: prints the sample of `assesspy` (and the one of Quintos, where the package has it) as JSON.
With a file: reads `{name: {"predicted": [...], "price": [...], "statistics": {...}}}` and fails where a
statistic differs by more than 1e-9, or another sale is trimmed.
"""

import json
import sys

import assesspy
import pandas as pd

if len(sys.argv) == 1:
    samples = {"ccao": assesspy.ccao_sample()}
    try:
        samples["quintos"] = assesspy.quintos_sample()
    except FileNotFoundError:
        pass  # The wheel of 2.0.2 lacks the file.
    print(json.dumps({
        name: {"predicted": sample.estimate.tolist(), "price": sample.sale_price.tolist()}
        for name, sample in samples.items()
    }))
    sys.exit()

with open(sys.argv[1]) as file:
    sets = json.load(file)
worst = 0.0
for name, sales in sets.items():
    every = pd.DataFrame({"predicted": sales["predicted"], "price": sales["price"]})
    ratio = every.predicted / every.price
    kept = every[~assesspy.is_outlier(ratio, method="iqr", mult=3.0)].reset_index(drop=True)
    for part, rows in (("untrimmed", every), ("trimmed", kept)):
        ours = sales[part]
        assert ours["sales"] == len(rows), (name, part, ours["sales"], len(rows))
        for statistic in ("cod", "prd", "prb", "mki", "ki"):
            theirs = getattr(assesspy, statistic)(rows.predicted, rows.price)
            difference = abs(ours[statistic]["value"] - theirs)
            worst = max(worst, difference)
            assert difference <= 1e-9, (name, part, statistic, ours[statistic], theirs)
            low, high = ours[statistic]["low"], ours[statistic]["high"]
            assert low < theirs < high, (name, part, statistic, low, theirs, high)
    # The intervals themselves: another generator draws other samples, so only their size is compared.
    theirs = assesspy.boot_ci(assesspy.cod, every.predicted, every.price, nboot=200)
    ours = sales["untrimmed"]["cod"]
    width = theirs[1] - theirs[0]
    assert abs((ours["high"] - ours["low"]) / width - 1) < 0.4, (name, ours, theirs)
print(f"{len(sets)} sets, {sum(len(s['price']) for s in sets.values())} sales, largest difference {worst:.1e}")
