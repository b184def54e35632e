"""Loads the champion with MLflow and prices homes with it.

    champion.py TRACKING_URI MODEL HOMES.json

`HOMES.json` is a list of listings, each with the price that `POST /predict` gave. Prints the version
that was loaded and by how much its prices differ at most, relatively.
"""

import json
import os
import sys

uri, model, homes = sys.argv[1:4]
os.environ["MLFLOW_TRACKING_URI"] = uri
os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "1"
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"

import mlflow  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

client = mlflow.MlflowClient()
named = client.get_model_version_by_alias(model, "champion")
assert named.current_stage == "Production", named
(latest,) = client.get_latest_versions(model, ["Production"])
assert latest.version == named.version

champion = mlflow.pyfunc.load_model(f"models:/{model}@champion")
with open(homes) as file:
    rows = json.load(file)
listings = [row["listing"] for row in rows]
frame = pd.DataFrame(listings)
prices = champion.predict(frame)["predicted_price"].to_numpy().ravel()
asked = np.array([row["price"] for row in rows])
off = float(np.max(np.abs(prices / asked - 1)))


def priced(homes):
    return champion.predict(homes)["predicted_price"].to_numpy().ravel()


# The same homes in every form in which people have them.
assert np.array_equal(priced(listings), prices)
assert np.array_equal(priced(frame.iloc[::-1]), prices[::-1])
assert np.array_equal(priced(frame[sorted(frame.columns)]), prices)
assert np.array_equal(priced(frame.assign(note="seen in June")), prices)
assert np.array_equal(priced(frame.astype({"zip_code": "float64"})), prices)
dates = [name for name in frame if "date" in name]
assert dates, frame.columns
assert np.array_equal(priced(frame.assign(**{name: pd.to_datetime(frame[name]) for name in dates})), prices)
# Whole numbers are numbers, also beside unknown ones, and what is left out is unknown.
few = pd.DataFrame({"bed": [3, 4], "house_size": [1500, 2100], "zip_code": ["98103", "06016"]}, index=[9, 4])
assert few["bed"].dtype == "int64"
assert np.array_equal(priced(few), priced(few.astype({"bed": "float64", "house_size": "float64"})))
assert np.array_equal(priced(few), priced(few.assign(city=None, zip_code=[98103, 6016])))
assert np.array_equal(priced(few), [priced([home])[0] for home in few.to_dict("records")])
some = few.assign(bed=pd.array([3, None], dtype="Int64"))
assert np.array_equal(priced(some)[0], priced(few)[0]) and priced(some)[1] > 0

# Browsed like any run: what was measured, what was given, which files there are.
run = client.get_run(named.run_id)
assert run.info.status == "FINISHED" and run.data.metrics["validation_mae"] > 0, run
assert run.data.params["algorithm"], run
(learnt_from,) = run.inputs.dataset_inputs
assert run.data.params["dataset"].startswith(learnt_from.dataset.digest), learnt_from
history = client.get_metric_history(named.run_id, "validation_mae")
assert [point.value for point in history] == [run.data.metrics["validation_mae"]], history
files = {file.path for file in client.list_artifacts(named.run_id)}
assert {"MLmodel", "model.onnx", "signature.json", "card.md"} <= files, files
experiment = client.get_experiment_by_name(model)
best = client.search_runs([experiment.experiment_id], order_by=["metrics.validation_mae"], max_results=1)
assert best[0].data.metrics["validation_mae"] <= run.data.metrics["validation_mae"], best

print(json.dumps({"version": int(named.version), "off": off, "homes": len(rows)}))
