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
listings = pd.DataFrame([row["listing"] for row in rows])
# A listing says what it knows; the model wants every column, and for a date its days since 1970.
frame = pd.DataFrame(index=listings.index)
for column in champion.metadata.get_input_schema().inputs:
    values = listings[column.name] if column.name in listings else pd.Series(None, listings.index)
    if column.type.name == "string":
        frame[column.name] = values.map(lambda value: "" if value is None else str(value)).astype(object)
    elif values.dtype == object or str(values.dtype) == "str":
        days = (pd.to_datetime(values) - pd.Timestamp(0)).dt.days
        frame[column.name] = days.astype("float64")
    else:
        frame[column.name] = values.astype("float64")
prices = champion.predict(frame)["predicted_price"].to_numpy().ravel()
asked = np.array([row["price"] for row in rows])
off = float(np.max(np.abs(prices / asked - 1)))

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

# Shuffled columns are put in order by the signature.
shuffled = champion.predict(frame[sorted(frame.columns)])["predicted_price"].to_numpy().ravel()
assert np.array_equal(shuffled, prices)
print(json.dumps({"version": int(named.version), "off": off, "homes": len(rows)}))
