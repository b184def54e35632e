"""Prints, from served prices and reported sales, the table that `GET /performance` should answer.

Reads a JSON file: `served` (property, at, version, price, kind, low, high, state) and `sales` (property, date, price).
A version is judged by its asking prices only where it served fewer than 20 other prices of homes sold later.
"""

import json
import statistics
import sys
from collections import Counter, defaultdict
from datetime import datetime, timedelta, timezone

with open(sys.argv[1]) as file:
    world = json.load(file)
sales = {(sale["property"], sale["date"]): sale["price"] for sale in world["sales"]}
joined = []
for (home, day), price in sales.items():
    before = datetime.fromisoformat(day).replace(tzinfo=timezone.utc)
    found = [
        served
        for served in world["served"]
        if served["property"] == home
        and before - timedelta(days=365) <= datetime.fromisoformat(served["at"]) < before
    ]
    if found:
        served = max(found, key=lambda one: one["at"])
        joined.append((day, served, price))
asking = Counter(served["version"] for _, served, _ in joined if served["kind"] == "asking")
others = Counter(served["version"] for _, served, _ in joined if served["kind"] != "asking")
groups = defaultdict(list)
for day, served, price in joined:
    if served["kind"] != "asking" or others[served["version"]] < 20:
        for group in ("all", day[:7], served["state"]):
            groups[f"{served['version']} {group}"].append((served, price))


def figures(pairs):
    errors = [served["price"] / price - 1 for served, price in pairs]
    sizes = [abs(error) for error in errors]
    share = lambda hits: sum(hits) / len(pairs)
    return {
        "sales": len(pairs),
        "mae": statistics.fmean(abs(served["price"] - price) for served, price in pairs),
        "median_ape": statistics.median(sizes),
        "bias": statistics.fmean(errors),
        "within_5": share(size <= 0.05 for size in sizes),
        "within_10": share(size <= 0.1 for size in sizes),
        "within_20": share(size <= 0.2 for size in sizes),
        "coverage": share(served["low"] <= price <= served["high"] for served, price in pairs),
    }


table = {name: figures(pairs) for name, pairs in groups.items()}
for version, count in (asking + Counter({version: 0 for version in others})).items():
    table[f"{version} all"]["asking_prices"] = count
print(json.dumps(table))
