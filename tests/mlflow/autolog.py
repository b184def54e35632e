"""A training run that scikit-learn's autologging takes down, and a look at it afterwards.

    autolog.py TRACKING_URI train
    autolog.py TRACKING_URI look
"""

import os
import sys

uri, what = sys.argv[1:3]
os.environ["MLFLOW_TRACKING_URI"] = uri
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"

import mlflow  # noqa: E402
import numpy as np  # noqa: E402
from sklearn.datasets import make_regression  # noqa: E402
from sklearn.ensemble import RandomForestRegressor  # noqa: E402

features, target = make_regression(200, 5, random_state=1)
client = mlflow.MlflowClient()
if what == "train":
    mlflow.set_experiment("autologged")
    mlflow.sklearn.autolog(silent=True, log_input_examples=True)
    with mlflow.start_run(run_name="forest") as run:
        model = RandomForestRegressor(n_estimators=10, max_depth=4, random_state=1)
        model.fit(features, target)
    mlflow.log_metrics({"expected": float(model.predict(features[:1])[0])}, run_id=run.info.run_id)
else:
    (run,) = mlflow.search_runs(experiment_names=["autologged"], output_format="list")
    assert run.info.status == "FINISHED" and run.data.params["max_depth"] == "4", run
    assert run.data.metrics["training_r2_score"] > 0.5, run.data.metrics
    files = {file.path for file in client.list_artifacts(run.info.run_id)}
    assert "estimator.html" in files, files
    (output,) = run.outputs.model_outputs
    assert client.get_logged_model(output.model_id).status == "READY"
    model = mlflow.pyfunc.load_model(f"models:/{output.model_id}")
    assert np.isclose(model.predict(features[:1])[0], run.data.metrics["expected"])
    # What it was trained on, and the home whose price was asked for.
    contexts = {tag.value for dataset in run.inputs.dataset_inputs for tag in dataset.tags}
    assert contexts == {"train", "eval"}, run.inputs
    print(f"{len(run.data.params)} parameters, {len(run.data.metrics)} metrics, {sorted(files)}, model {output.model_id}")
