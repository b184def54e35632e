"""Trains one of the peers on a prepared set and prints its figures as JSON.

The recipe is that of the reference figures: logarithm of the price, target encoding of names, cross-fitted over five folds of properties and smoothed by ten rows, LightGBM with 63 leaves
and a learning rate of 0.08. What is timed is all a user of the recipe would wait for once the rows
are in memory: the encoding and the fit.
"""

import json
import resource
import sys
import time

import numpy as np
import pandas as pd

SMOOTHING = 10
FOLDS = 5
NAMES = ["zip_code", "city_code", "city", "state", "status", "brokered_by"]


def means(names, target, everywhere):
    groups = pd.DataFrame({"name": names.to_numpy(), "target": target}).groupby("name")["target"]
    table = groups.agg(["sum", "count"])
    return (table["sum"] + SMOOTHING * everywhere) / (table["count"] + SMOOTHING)


def encode(train, holdout, target, fold):
    """The numbers as they are, and each column of names as its usual log price."""
    drop = [name for name in ["price", "property", *NAMES] if name in train]
    x, h = train.drop(columns=drop).astype(float), holdout.drop(columns=drop).astype(float)
    everywhere = target.mean()
    for name in NAMES:
        if name not in train:
            continue
        inside = np.empty(len(train))
        for k in range(FOLDS):
            table = means(train[name][fold != k], target[fold != k], everywhere)
            inside[fold == k] = train[name][fold == k].map(table).fillna(everywhere)
        x[name] = inside
        h[name] = holdout[name].map(means(train[name], target, everywhere)).fillna(everywhere)
    return x, h


def regressor(peer, threads, seed):
    if peer == "sklearn-linear":
        from sklearn.impute import SimpleImputer
        from sklearn.linear_model import LinearRegression
        from sklearn.pipeline import make_pipeline

        return make_pipeline(SimpleImputer(strategy="median"), LinearRegression())
    if peer == "sklearn-hist":
        from sklearn.ensemble import HistGradientBoostingRegressor

        return HistGradientBoostingRegressor(random_state=seed)
    from lightgbm import LGBMRegressor

    return LGBMRegressor(
        n_estimators=int(peer.removeprefix("lightgbm-")),
        num_leaves=63,
        learning_rate=0.08,
        n_jobs=threads,
        random_state=seed,
        verbose=-1,
    )


def main():
    folder, peer, threads, seed = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    types = {name: str for name in [*NAMES, "property"]}
    train = pd.read_csv(f"{folder}/train.csv", dtype=types)
    holdout = pd.read_csv(f"{folder}/holdout.csv", dtype=types)
    model = regressor(peer, threads, seed)

    started, cpu = time.perf_counter(), time.process_time()
    target = np.log(train["price"].to_numpy())
    properties, codes = np.unique(train["property"].to_numpy(dtype=str), return_inverse=True)
    fold = np.random.RandomState(seed).randint(0, FOLDS, len(properties))[codes]
    x, h = encode(train, holdout, target, fold)
    model.fit(x, target)
    fit_s, cpu_s = time.perf_counter() - started, time.process_time() - cpu
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

    price, predicted = holdout["price"].to_numpy(), np.exp(model.predict(h))
    off = np.abs(price - predicted)
    figures = {
        "name": peer,
        "rmse": float(np.sqrt(np.mean(off**2))),
        "mae": float(np.mean(off)),
        "r2": float(1 - np.sum(off**2) / np.sum((price - price.mean()) ** 2)),
        "median_ape": float(np.median(off / price)),
        "fit_s": fit_s,
        "cpu_s": cpu_s,
        "peak_mib": peak_mib,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
