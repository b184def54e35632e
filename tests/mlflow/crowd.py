"""Twenty clients log to one run at once, and none of their values is lost.

    crowd.py TRACKING_URI
"""

import os
import sys
from concurrent.futures import ThreadPoolExecutor

os.environ["MLFLOW_TRACKING_URI"] = sys.argv[1]
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"

from mlflow import MlflowClient  # noqa: E402

CLIENTS, STEPS = 20, 25
first = MlflowClient()
run = first.create_run(first.create_experiment("crowd")).info.run_id


def log(number):
    client = MlflowClient()
    for step in range(STEPS):
        client.log_metric(run, "shared", number * STEPS + step, step=number * STEPS + step)
        client.log_metric(run, f"own {number}", step, step=step)
        client.log_param(run, f"parameter {number}/{step}", step)
        client.set_tag(run, f"tag {number}", step)


with ThreadPoolExecutor(CLIENTS) as pool:
    list(pool.map(log, range(CLIENTS)))

shared = first.get_metric_history(run, "shared")
assert sorted(int(point.value) for point in shared) == list(range(CLIENTS * STEPS)), len(shared)
found = first.get_run(run).data
assert found.metrics["shared"] == CLIENTS * STEPS - 1, found.metrics["shared"]
assert len(found.params) == CLIENTS * STEPS, len(found.params)
for number in range(CLIENTS):
    own = first.get_metric_history(run, f"own {number}")
    assert [int(point.value) for point in sorted(own, key=lambda p: p.step)] == list(range(STEPS))
    assert found.metrics[f"own {number}"] == STEPS - 1 and found.tags[f"tag {number}"] == str(STEPS - 1)
print(f"{CLIENTS} clients, {CLIENTS * STEPS * 4} calls, nothing lost")
