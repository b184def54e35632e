"""One script of MLflow calls, for any tracking server: what it answers, as JSON.

    contract.py TRACKING_URI ANSWERS.json

Run against MLflow's own server and against Tasador, the two files must say the same (see
`compare.py`). Names that servers choose are replaced by the order in which they first appear, and
times that servers take by a word. Every call is one entry; one that is refused is recorded with its
error code. The client is whichever version this Python has.
"""

import json
import math
import os
import re
import sys
import tempfile

uri, out = sys.argv[1:3]
os.environ["MLFLOW_TRACKING_URI"] = uri
# A refusal is an answer, and servers that are down are not waited for.
os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "1"
os.environ["MLFLOW_ENABLE_ASYNC_LOGGING"] = "false"
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
# Files above 1 MB go in parts where the server can do that.
os.environ["MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD"] = "true"
os.environ["MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE"] = "1000000"

import mlflow  # noqa: E402
import requests  # noqa: E402
from mlflow import MlflowClient  # noqa: E402
from mlflow.entities import (  # noqa: E402
    Dataset,
    DatasetInput,
    InputTag,
    Metric,
    Param,
    RunTag,
    ViewType,
)
from mlflow.exceptions import MlflowException  # noqa: E402

NEW = int(mlflow.__version__.split(".")[0]) >= 3
START = 1_700_000_000_000

client = MlflowClient()
answers = []
chosen = {}


def plain(value):
    """An entity as JSON."""
    if isinstance(value, dict):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [plain(part) for part in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if value is None or isinstance(value, (str, int, bool)):
        return value
    if hasattr(value, "to_dictionary"):
        return plain(value.to_dictionary())
    if hasattr(type(value), "_properties") or hasattr(value, "__iter__"):
        return {key: plain(part) for key, part in value}
    if hasattr(value, "__dict__"):
        return {key.lstrip("_"): plain(part) for key, part in vars(value).items()}
    return str(value)


def name(kind, id):
    """Takes down a name that the server chose."""
    chosen.setdefault(str(id), f"<{kind} {sum(kind in known for known in chosen.values()) + 1}>")
    return id


def call(title, function, *args, **kwargs):
    """Asks the server, and takes down what it answers."""
    try:
        value = function(*args, **kwargs)
    except MlflowException as error:
        answers.append((title, {"refused": error.error_code}))
        return None
    token = bool(getattr(value, "token", None))
    answers.append((title, plain(value) if not token else {"page": plain(value), "more": True}))
    return value


def tell(title, value):
    answers.append((title, plain(value)))


# --- experiments ---------------------------------------------------------------------------------

default = call("the default experiment", client.get_experiment_by_name, "Default")
first = name("experiment", client.create_experiment("contract", tags={"team": "pricing"}))
second = name("experiment", client.create_experiment("contract, more"))
call("a name that is taken", client.create_experiment, "contract")
call("an empty name", client.create_experiment, "")
call("an experiment by id", client.get_experiment, first)
call("an experiment by name", client.get_experiment_by_name, "contract")
call("no experiment of that name", client.get_experiment_by_name, "nothing")
call("no experiment of that id", client.get_experiment, "987654321")
call("an experiment's tag", client.set_experiment_tag, first, "stage", "test")
call("the experiment with its tag", client.get_experiment, first)
call("rename an experiment", client.rename_experiment, second, "contract, renamed")
call("the renamed one by name", client.get_experiment_by_name, "contract, renamed")
call("its old name", client.get_experiment_by_name, "contract, more")
call("rename to a taken name", client.rename_experiment, second, "contract")
call("delete an experiment", client.delete_experiment, second)
call("a deleted experiment", client.get_experiment, second)
call("the name of a deleted one", client.create_experiment, "contract, renamed")
call("a run in a deleted one", client.create_run, second)
for view in (ViewType.ACTIVE_ONLY, ViewType.DELETED_ONLY, ViewType.ALL):
    found = client.search_experiments(view_type=view, order_by=["name ASC"])
    tell(f"experiments, view {view}", [experiment.name for experiment in found])
call("restore an experiment", client.restore_experiment, second)
for filter in (
    "name = 'contract'",
    "name LIKE 'contract%'",
    "name ILIKE 'CONTRACT, %'",
    "name != 'contract'",
    "tags.team = 'pricing'",
    "tags.team = 'pricing' AND name LIKE '%t'",
    "tags.nothing = 'x'",
    "metrics.x > 1",
    "name",
):
    call(
        f"experiments where {filter}",
        lambda: sorted(e.name for e in client.search_experiments(filter_string=filter)),
    )
page = client.search_experiments(max_results=2, order_by=["name DESC"])
tell("a page of experiments", [[e.name for e in page], bool(page.token)])
page = client.search_experiments(max_results=2, order_by=["name DESC"], page_token=page.token)
tell("the next page of experiments", [[e.name for e in page], bool(page.token)])

# --- a run ---------------------------------------------------------------------------------------

run = client.create_run(
    first, start_time=START, tags={"mlflow.user": "ana", "by": "hand"}, run_name="first"
)
name("run", run.info.run_id)
tell("a new run", run)
id = run.info.run_id
call("a metric", client.log_metric, id, "rmse", 5.5, timestamp=START + 1, step=1)
call("an earlier step", client.log_metric, id, "rmse", 9.5, timestamp=START + 9, step=0)
call("the same step, later", client.log_metric, id, "rmse", 5.25, timestamp=START + 2, step=1)
call("a metric that is none", client.log_metric, id, "odd", float("nan"), timestamp=START, step=0)
call("an infinite metric", client.log_metric, id, "odd", float("inf"), timestamp=START, step=1)
call("a negative step", client.log_metric, id, "early", 1.0, timestamp=START, step=-5)
call("a metric without a name", client.log_metric, id, "", 1.0)
call("a metric with a bad name", client.log_metric, id, "a=b", 1.0)
call("a parameter", client.log_param, id, "depth", 7)
call("the same parameter", client.log_param, id, "depth", 7)
call("the parameter with another value", client.log_param, id, "depth", 8)
call("a parameter with a bad name", client.log_param, id, "/x", 8)
call("an empty parameter", client.log_param, id, "empty", "")
call("a tag", client.set_tag, id, "colour", "red")
call("the tag again", client.set_tag, id, "colour", "blue")
call("one more tag", client.set_tag, id, "gone", "soon")
call("a tag goes", client.delete_tag, id, "gone")
call("a tag that is not there", client.delete_tag, id, "gone")
call(
    "a batch",
    client.log_batch,
    id,
    [Metric("mae", 3.0 - step, START + step, step) for step in range(3)],
    [Param("loss", "l2"), Param("size grösse", "5")],
    [RunTag("batch", "yes")],
)
call("a batch with another value", client.log_batch, id, [], [Param("loss", "l1")], [])
call("a batch that is too large", client.log_batch, id, [], [Param(f"p{n}", "") for n in range(101)])
call("the run", client.get_run, id)
for metric in ("rmse", "odd", "mae", "nothing"):
    call(f"the history of {metric}", client.get_metric_history, id, metric)
for step in range(10):
    client.log_metric(id, "thinned", 10.0, timestamp=START, step=step)


def thinned(**asked):
    asked = {"run_ids": [id], "metric_key": "thinned"} | asked
    sent = requests.get(f"{uri}/ajax-api/2.0/mlflow/metrics/get-history-bulk-interval", params=asked)
    return [point["step"] for point in sent.json()["metrics"]] if sent.ok else sent.json()["error_code"]


for asked in (
    {},
    {"max_results": 5},
    {"max_results": 3},
    {"start_step": 2, "end_step": 7, "max_results": 4},
    {"start_step": 2},
    {"end_step": 2},
    {"start_step": 7, "end_step": 2},
):
    call(f"a thinned series, {asked}", lambda: thinned(**asked))
call("rename a run", client.update_run, id, name="renamed")
call("end a run", client.set_terminated, id, "FINISHED", START + 1_000)
call("the run at its end", client.get_run, id)
call("no such run", client.get_run, "0" * 32)
call("a metric for no such run", client.log_metric, "0" * 32, "rmse", 1.0)
call("delete a run", client.delete_run, id)
call("a deleted run", lambda: client.get_run(id).info)
call("a metric for a deleted run", client.log_metric, id, "rmse", 1.0)
call("a tag for a deleted run", client.set_tag, id, "x", "y")
call("delete it again", client.delete_run, id)
call("restore a run", client.restore_run, id)
call("restore it again", client.restore_run, id)
dataset = Dataset("houses", "d1", "local", '{"uri": "houses.csv"}', '{"columns": []}', '{"rows": 5}')
call("a dataset", client.log_inputs, id, [DatasetInput(dataset, [InputTag("mlflow.data.context", "train")])])
call("the run with its dataset", client.get_run, id)
call("artifacts of an empty run", client.list_artifacts, id)

again = Dataset("houses", "d1", "local", '{"uri": "other.csv"}')
call("the dataset again", client.log_inputs, id, [DatasetInput(again, [InputTag("mlflow.data.context", "eval")])])
for title in ("zeta", "alpha", "middle"):
    call(f"the dataset {title}", client.log_inputs, id, [DatasetInput(Dataset(title, "d", "local", "{}"), [])])
call("the inputs", lambda: plain(client.get_run(id).inputs.dataset_inputs))
call("a dataset with a long name", client.log_inputs, id, [DatasetInput(Dataset("n" * 501, "d", "local", "{}"), [])])
for title, tag in (("key", InputTag("k" * 256, "v")), ("value", InputTag("k", "v" * 501))):
    call(f"a dataset with a long tag's {title}", client.log_inputs, id, [DatasetInput(Dataset("n", "d", "local", "{}"), [tag])])
call("a dataset with a long source", client.log_inputs, id, [DatasetInput(Dataset("n", "d", "local", "x" * 65_536), [])])
call("a dataset with a long digest", client.log_inputs, id, [DatasetInput(Dataset("n", "d" * 37, "local", "{}"), [])])


def summaries():
    asked = {"experiment_ids": [first]}
    found = requests.post(f"{uri}/ajax-api/2.0/mlflow/experiments/search-datasets", json=asked).json()
    return sorted(found["dataset_summaries"], key=lambda one: (one["name"], one.get("context", "")))


call("the datasets of an experiment", summaries)

# --- long values, equal moments, experiments with their runs ----------------------------------------

long = name("run", client.create_run(first, start_time=START, run_name="long").info.run_id)
call("a long parameter", lambda: client._tracking_client.store.log_param(long, Param("long", "x" * 6_001)))
call("a long tag", lambda: client._tracking_client.store.set_tag(long, RunTag("long", "x" * 8_001)))
kept = client.get_run(long).data
tell("what is kept of them", [len(kept.params.get("long", "")), len(kept.tags.get("long", ""))])
twice = [Param("twice", "1"), Param("twice", "1")]
call("a parameter twice in a batch", lambda: client._tracking_client.store.log_batch(long, [], twice, []))
for value in (3.0, float("nan")):
    client.log_metric(long, "one moment", value, timestamp=START, step=0)
    client.log_metric(long, "below zero", -value, timestamp=START, step=0)
call("NaN and a number at one moment", lambda: client.get_run(long).data.metrics)
client.log_metric(long, "val loss", 0.5, timestamp=START, step=0)
quoted = "metrics.'val loss' > 0.1"
call(f"runs where {quoted}", lambda: [run.info.run_name for run in client.search_runs([first], quoted)])
gone = name("experiment", client.create_experiment("goes with its runs"))
inside = name("run", client.create_run(gone, start_time=START, run_name="inside").info.run_id)
client.delete_experiment(gone)
call("a run of a deleted experiment", lambda: client.get_run(inside).info.lifecycle_stage)
call("a metric for it", client.log_metric, inside, "m", 1.0)
client.restore_experiment(gone)
call("a run of a restored experiment", lambda: client.get_run(inside).info.lifecycle_stage)
call("a metric for it again", client.log_metric, inside, "m", 1.0)
elsewhere = name("experiment", client.create_experiment("elsewhere", artifact_location="s3://bucket/a?x=1"))
moved = client.create_run(elsewhere, start_time=START, run_name="moved")
name("run", moved.info.run_id)
call("an artifact location with a query", lambda: moved.info.artifact_uri.replace(moved.info.run_id, "RUN"))

# --- names of runs, and the experiment that always exists ------------------------------------------

tell("the version", requests.get(f"{uri}/version").text)
unnamed = client.create_run(first, start_time=START)
name("run", unnamed.info.run_id)
tell("a name that the server chose", bool(re.fullmatch(r"[a-z]+-[a-z]+-[0-9]+", unnamed.info.run_name)))
tell("its tag", unnamed.data.tags["mlflow.runName"] == unnamed.info.run_name)


def names_now():
    kept = client.get_run(unnamed.info.run_id)
    return [kept.info.run_name, kept.data.tags.get("mlflow.runName")]


call("rename by a tag", client.set_tag, unnamed.info.run_id, "mlflow.runName", "by a tag")
call("names after a tag", names_now)
call("rename by a batch", client.log_batch, unnamed.info.run_id, tags=[RunTag("mlflow.runName", "by a batch")])
call("names after a batch", names_now)
call("rename to nothing", client.update_run, unnamed.info.run_id, name="")
call("names after nothing", names_now)
call("rename by an empty tag", client.set_tag, unnamed.info.run_id, "mlflow.runName", "")
call("names after an empty tag", names_now)
call("the tag of a name goes", client.delete_tag, unnamed.info.run_id, "mlflow.runName")
call("names without a tag", names_now)
call("two names", client.create_run, first, tags={"mlflow.runName": "a"}, run_name="b")
call("experiments, oldest last", lambda: client.search_experiments()[-1].name)
call("an experiment's id that is no number", client.get_experiment, "x")
call("the default experiment goes", client.delete_experiment, "0")
call("a run in it", client.create_run, "0")
call("whether it is listed", lambda: "Default" in [e.name for e in client.search_experiments()])
call("it by name", lambda: client.get_experiment_by_name("Default").lifecycle_stage)
call("it comes back", client.restore_experiment, "0")
call("it gets another name", client.rename_experiment, "0", "Usual")
call("it by its new name", lambda: client.get_experiment_by_name("Usual").experiment_id)
call("its old name", client.get_experiment_by_name, "Default")
call("it gets its name back", client.rename_experiment, "0", "Default")

# --- values of the wrong type -----------------------------------------------------------------------


def raw(path, body, method="POST"):
    """A call that no client of MLflow makes."""
    sent = requests.request(method, f"{uri}/api/2.0/mlflow/{path}", json=body)
    title = json.dumps(body).replace(id, "RUN").replace(json.dumps([first]), "[EXPERIMENT]")
    answers.append((f"{method} {path} with {title}", [sent.status_code, sent.json().get("error_code")]))


point = {"run_id": id, "key": "typed", "value": 1.0, "timestamp": START, "step": 0}
for path, body in (
    ("experiments/create", {"name": 123}),
    ("experiments/create", {"name": "typed", "artifact_location": 9.0}),
    ("experiments/create", {"name": "typed", "tags": "5"}),
    ("experiments/create", {}),
    ("runs/create", {"experiment_id": 5}),
    ("runs/log-metric", point | {"run_id": 31}),
    ("runs/log-metric", point | {"key": 31}),
    ("runs/log-metric", point | {"step": "foo"}),
    ("runs/log-metric", point | {"timestamp": "foo"}),
    ("runs/log-metric", point | {"value": "foo"}),
    ("runs/log-metric", {"key": "typed", "value": 1.0, "timestamp": START}),
    ("runs/log-metric", {"run_id": id, "value": 1.0, "timestamp": START}),
    ("runs/log-metric", {"run_id": id, "key": "typed", "timestamp": START}),
    ("runs/log-metric", {"run_id": id, "key": "typed", "value": 1.0}),
    ("runs/log-parameter", {"run_id": 31, "key": "a", "value": "b"}),
    ("runs/log-parameter", {"run_id": id, "key": 31, "value": "b"}),
    ("runs/log-parameter", {"run_id": id, "value": "b"}),
    ("runs/set-tag", {"run_id": 31, "key": "a", "value": "b"}),
    ("runs/set-tag", {"run_id": id, "key": "a", "value": 31}),
    ("runs/set-tag", {"run_id": id, "value": "b"}),
    ("runs/log-batch", {"run_id": id, "metrics": [{"key": "a", "value": 1.0}]}),
    ("runs/log-batch", {"run_id": id, "metrics": [{"value": 1.0, "timestamp": 1}]}),
    ("runs/log-batch", {"run_id": id, "params": "x"}),
    ("runs/log-batch", {"run_id": id, "params": [{"value": "x"}]}),
    ("runs/log-batch", {"run_id": id, "tags": [{"value": "x"}]}),
    ("runs/search", {"experiment_ids": [5]}),
    ("runs/search", {"experiment_ids": [first], "max_results": "many"}),
    ("runs/search", {"experiment_ids": [first], "filter": 5}),
    ("registered-models/create", {"name": 123}),
    ("registered-models/create", {"name": "typed", "tags": "5"}),
    ("registered-models/alias", {"name": "typed", "alias": 5, "version": "1"}),
    ("model-versions/create", {"name": "typed", "source": 5}),
    ("model-versions/create", {"name": 5, "source": "s3://bucket/a"}),
):
    raw(path, body)

# --- searches ------------------------------------------------------------------------------------

third = name("experiment", client.create_experiment("searched"))
fourth = name("experiment", client.create_experiment("searched, too"))
for number in range(14):
    made = client.create_run(
        third if number % 3 else fourth,
        start_time=START + (number // 2) * 1_000,
        tags={"mlflow.user": "ana", "kind": "even" if number % 2 == 0 else "odd", "n": f"{number:02}"},
        run_name=f"run {number:02}",
    ).info.run_id
    name("run", made)
    if number % 5:
        client.log_metric(made, "rmse", float((number * 7) % 5), timestamp=START, step=0)
    if number == 6:
        client.log_metric(made, "rmse", float("nan"), timestamp=START, step=9)
    client.log_metric(made, "a b/c.d", number / 4, timestamp=START, step=0)
    client.log_param(made, "depth", number % 4)
    if number % 2:
        client.log_param(made, "odd only", f"P{number}")
    if number < 4:
        client.log_inputs(made, [DatasetInput(Dataset(f"set {number}", "d", "local", "{}"), [])])
    client.set_terminated(made, "FAILED" if number == 3 else "FINISHED", START + 20_000 - number)
deleted = client.search_runs([third], "tags.n = '13'")[0].info.run_id
client.delete_run(deleted)
both = [third, fourth]


def names(**asked):
    """What is found; runs that started at once come in the order of their ids, which differ."""
    return [run.info.run_name for run in client.search_runs(both, **asked)]


FILTERS = [
    "",
    "metrics.rmse < 2",
    "metrics.rmse >= 2 AND metrics.rmse != 4",
    "metric.rmse = 3",
    "metrics.`a b/c.d` > 2.5",
    "metrics.\"a b/c.d\" <= 0.5",
    "params.depth = '2'",
    "params.depth != '2'",
    "params.`odd only` LIKE 'P1%'",
    "param.`odd only` ILIKE 'p_'",
    "tags.kind = 'even' and tags.n > '05'",
    "tags.kind = 'even' AND params.depth = '0'",
    "tags.`mlflow.user` = 'ana' AND metrics.rmse > 1",
    "tags.missing != 'x'",
    "attributes.status = 'FAILED'",
    "status != 'FAILED' AND metrics.rmse = 1",
    "attributes.run_name LIKE 'run 0%'",
    "run_name = 'run 07'",
    "attribute.start_time >= 1700000005000",
    "start_time < 1700000002000",
    "end_time > 1700000019995",
    "attributes.user_id = 'ana'",
    "dataset.name = 'set 2'",
    "datasets.name IN ('set 1', 'set 3')",
    "dataset.digest = 'd'",
    "run_id IN ('nothing')",
    "datasets.name IN ('set 1',)",
    "metrics.rmse = 'x'",
    "params.depth = 2",
    "params.depth > '2'",
    "nothing.x = 'y'",
    "attributes.nothing = 'y'",
    "metrics.rmse < 2 OR metrics.rmse > 3",
    "metrics.rmse <",
    "status IN ('FAILED')",
]
for filter in FILTERS:
    call(f"runs where {filter}", lambda: sorted(names(filter_string=filter)))
call("one run by its id", lambda: names(filter_string=f"run_id = '{deleted}'", run_view_type=ViewType.ALL))
for view in (ViewType.DELETED_ONLY, ViewType.ALL):
    call(f"runs, view {view}", lambda: sorted(names(run_view_type=view)))
ORDERS = [
    ["metrics.`a b/c.d`"],
    ["metrics.`a b/c.d` DESC"],
    ["metrics.rmse DESC", "metrics.`a b/c.d`"],
    ["metrics.rmse", "tags.n DESC"],
    ["params.`odd only` DESC", "tags.n"],
    ["attributes.run_name"],
    ["attributes.start_time", "tags.n"],
    ["attributes.end_time DESC"],
    ["tags.n DESC"],
    ["status", "tags.n"],
    ["start_time DESC", "run_name DESC"],
    ["nothing.x"],
    ["dataset.name"],
    ["metrics.x y z"],
]
for order in ORDERS:
    call(f"runs by {order}", lambda: names(order_by=order))
# Equal values, and runs that started at once: only which values come in which order is the same.
for order in (["metrics.rmse"], ["metrics.rmse DESC"]):
    for size in (3, 100):
        found, token, pages = [], None, 0
        while pages < 20:
            page = client.search_runs(both, order_by=order, max_results=size, page_token=token)
            found += [plain(run.data.metrics.get("rmse")) for run in page]
            token, pages = page.token, pages + 1
            if not token:
                break
        tell(f"all pages of {size} by {order}", found)
found, token = [], None
for _ in range(20):
    page = client.search_runs(both, max_results=4, page_token=token)
    found += [run.info.start_time for run in page]
    token = page.token
    if not token:
        break
tell("all pages by start", found)
found, token = [], None
for _ in range(20):
    page = client.search_runs(both, "metrics.rmse >= 1", max_results=2, page_token=token)
    found += [run.info.run_name for run in page]
    token = page.token
    if not token:
        break
tell("all pages of a filter", sorted(found))
call("too many runs at once", client.search_runs, both, max_results=50_001)
call("a wrong page token", client.search_runs, both, page_token="nonsense")
call("no experiments", lambda: list(client.search_runs([])))

# --- artifacts -----------------------------------------------------------------------------------

with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "größe & more.bin")
    with open(path, "wb") as file:
        file.write(bytes(range(256)) * 40)
    call("a file", client.log_artifact, id, path, "deep/er")
    deeper = os.path.join(folder, "local", "folders")
    os.makedirs(deeper)
    large, odd = os.path.join(deeper, "mp.bin"), os.path.join(deeper, "a\\b.txt")
    for path, size in ((large, 2_000_000), (odd, 20)):
        with open(path, "wb") as file:
            file.write(bytes(size))
        call(f"a file of {size} bytes", client.log_artifact, id, path, "sub")
    call("artifacts of local folders", lambda: list(client.list_artifacts(id, "sub")))
    os.remove(large)
    os.remove(odd)
    root = run.info.artifact_uri.removeprefix("mlflow-artifacts:/")
    for file in ("MLproject", "mlproject", "MLmodel", "a.pdf", "a.json", "a.b.yaml", "a.html", "a.svg", "a.png", "a"):
        client.log_text(id, "text", f"types/{file}")
        sent = requests.get(f"{uri}/api/2.0/mlflow-artifacts/artifacts/{root}/types/{file}")
        tell(f"the type of {file}", [sent.headers["content-type"].split(";")[0], sent.headers["x-content-type-options"]])
    call("a text", client.log_text, id, "hello\n", "notes/hello.txt")
    call("a dictionary", client.log_dict, id, {"a": [1, 2]}, "a.json")
    call("the artifacts", lambda: list(client.list_artifacts(id)))
    call("artifacts in a folder", lambda: list(client.list_artifacts(id, "deep")))
    call("artifacts further in", lambda: list(client.list_artifacts(id, "deep/er")))
    call("artifacts of a file", lambda: list(client.list_artifacts(id, "a.json")))
    call("artifacts of nothing", lambda: list(client.list_artifacts(id, "nothing")))
    got = client.download_artifacts(id, "", folder)
    tree = {}
    for root, _, files in os.walk(os.path.join(folder)):
        for file in files:
            full = os.path.join(root, file)
            with open(full, "rb") as opened:
                tree[os.path.relpath(full, folder)] = len(opened.read())
    tell("what came back", dict(sorted(tree.items())))
    call("a text comes back", mlflow.artifacts.load_text, f"runs:/{id}/notes/hello.txt")

# --- registered models ---------------------------------------------------------------------------

call("a model", client.create_registered_model, "Contract Model", {"a": "b"}, "what it is for")
call("a model's name that is taken", client.create_registered_model, "Contract Model")
call("a model without a name", client.create_registered_model, "")
call("a model with a bad name", client.create_registered_model, "a/b")
call("the model", client.get_registered_model, "Contract Model")
call("no such model", client.get_registered_model, "Nothing")
call("describe a model", client.update_registered_model, "Contract Model", "better")
call("a model's tag", client.set_registered_model_tag, "Contract Model", "c", "d")
call("a model's tag goes", client.delete_registered_model_tag, "Contract Model", "a")
source = run.info.artifact_uri + "/model"
for number in (1, 2, 3):
    call(
        f"version {number}",
        client.create_model_version,
        "Contract Model",
        source,
        id,
        {"n": str(number)},
        None,
        f"version {number}",
    )
call("a version of no model", client.create_model_version, "Nothing", source, id)
call("a version", client.get_model_version, "Contract Model", "2")
call("no such version", client.get_model_version, "Contract Model", "99")
call("a version that is no number", client.get_model_version, "Contract Model", "two")
call("where a version is", client.get_model_version_download_uri, "Contract Model", "2")
call("describe a version", client.update_model_version, "Contract Model", "2", "good")
call("a version's tag", client.set_model_version_tag, "Contract Model", "2", "checked", "yes")
call("a version's tag goes", client.delete_model_version_tag, "Contract Model", "2", "n")
call("an alias", client.set_registered_model_alias, "Contract Model", "best", "2")
call("another alias", client.set_registered_model_alias, "Contract Model", "candidate", "2")
call("the alias", client.get_model_version_by_alias, "Contract Model", "best")
call("the alias moves", client.set_registered_model_alias, "Contract Model", "best", "3")
call("the alias where it is now", client.get_model_version_by_alias, "Contract Model", "best")
call("no such alias", client.get_model_version_by_alias, "Contract Model", "worst")
call("an alias of no model", client.get_model_version_by_alias, "Nothing", "best")
call("an alias for no version", client.set_registered_model_alias, "Contract Model", "x", "99")
call("an alias that is reserved", client.set_registered_model_alias, "Contract Model", "v3", "3")
call("a champion", client.set_registered_model_alias, "Contract Model", "champion", "1")
call("the champion", client.get_model_version_by_alias, "Contract Model", "champion")
call("another champion", client.set_registered_model_alias, "Contract Model", "champion", "3")
call("an alias goes", client.delete_registered_model_alias, "Contract Model", "candidate")
call("the model with all of it", client.get_registered_model, "Contract Model")
call("a stage", client.transition_model_version_stage, "Contract Model", "1", "Production")
call("the next", client.transition_model_version_stage, "Contract Model", "2", "production", True)
call("a stage there is not", client.transition_model_version_stage, "Contract Model", "2", "Attic")
call("latest versions", client.get_latest_versions, "Contract Model")
call("latest in production", client.get_latest_versions, "Contract Model", ["Production"])
client.create_registered_model("Contract Second")
client.create_registered_model("another")
for filter in (
    None,
    "name = 'Contract Model'",
    "name LIKE 'Contract%'",
    "name ILIKE 'contract%'",
    "name != 'another'",
    "tag.c = 'd'",
    "tags.c LIKE 'x%'",
    "tag.`mlflow.prompt.is_prompt` != 'true'",
    "metrics.x > 1",
    "name >",
):
    call(
        f"models where {filter}",
        lambda: sorted(m.name for m in client.search_registered_models(filter) if m.name != "Default"),
    )
for order in (["name"], ["name DESC"], ["timestamp ASC", "name"], ["tags.c"], ["nothing"]):
    call(f"models by {order}", lambda: [m.name for m in client.search_registered_models(order_by=order)])
client.update_registered_model("Contract Model", "the last that changed")
for order in (["timestamp"], ["last_updated_timestamp DESC"], ["creation_timestamp"]):
    call(f"models by {order} after a change", lambda: [m.name for m in client.search_registered_models(order_by=order)])
page = client.search_registered_models(max_results=2)
tell("a page of models", [[model.name for model in page], bool(page.token)])
page = client.search_registered_models(max_results=2, page_token=page.token)
tell("the next page of models", [[model.name for model in page], bool(page.token)])
for filter in (
    "name = 'Contract Model'",
    f"run_id = '{id}'",
    f"run_id IN ('{id}', 'x')",
    "name = 'Contract Model' AND tag.n = '3'",
    "version_number > 1",
    "version_number = 2 AND name LIKE 'Contract%'",
    f"source_path = '{source}'",
    "name = 'Nothing'",
    "status = 'READY'",
):
    call(
        f"versions where {filter}",
        lambda: sorted((v.name, str(v.version)) for v in client.search_model_versions(filter)),
    )
for order in (["version_number"], ["version_number DESC"], ["name", "version_number ASC"]):
    call(
        f"versions by {order}",
        lambda: [str(v.version) for v in client.search_model_versions("name = 'Contract Model'", order_by=order)],
    )
for order in (["run_id"], ["source_path"], ["tags.n"], ["last_updated_timestamp", "name"]):
    call(f"versions by {order}", lambda: len(client.search_model_versions("name = 'Contract Model'", order_by=order)))
for order in (["version_number DESC"], ["name DESC"], []):
    call(
        f"all versions by {order}",
        lambda: [(v.name, str(v.version)) for v in client.search_model_versions(order_by=order)],
    )
call("a long tag of a version", client.set_model_version_tag, "Contract Model", "2", "long", "x" * 10_000)
call("a long tag of a model", client.set_registered_model_tag, "Contract Model", "long", "x" * 10_000)
call("a version in full", lambda: client.search_model_versions("name = 'Contract Model' AND version_number = 2"))
call("a version goes", client.delete_model_version, "Contract Model", "2")
call("a version that is gone", client.get_model_version, "Contract Model", "2")
call("a model goes", client.delete_registered_model, "another")
call("a model that is gone", client.get_registered_model, "another")
call("it goes again", client.delete_registered_model, "another")

# What is known to differ; see `differences.json`.
call("the champion's alias goes", client.delete_registered_model_alias, "Contract Model", "champion")
call("a champion's version goes", client.delete_model_version, "Contract Model", "3")
call("a model is renamed", client.rename_registered_model, "Contract Second", "Contract Renamed")
client.create_registered_model("Contract Third")
for number in (1, 2):
    client.create_model_version("Contract Third", source, id)
client.delete_model_version("Contract Third", "2")
call("a number again", lambda: str(client.create_model_version("Contract Third", source, id).version))
call("a model's name with a bracket", lambda: client.create_registered_model("a (b)").name)

# --- a model that is logged, registered and loaded -----------------------------------------------

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from sklearn.linear_model import LinearRegression  # noqa: E402

mlflow.set_experiment("searched")
rows = pd.DataFrame({"bed": [1.0, 2.0, 3.0, 4.0], "bath": [1.0, 1.0, 2.0, 2.0]})
prices = np.array([100.0, 200.0, 350.0, 420.0])
fitted = LinearRegression().fit(rows, prices)
with mlflow.start_run(run_name="logged") as started:
    name("run", started.info.run_id)
    where = {"name": "model"} if NEW else {"artifact_path": "model"}
    logged = mlflow.sklearn.log_model(
        fitted,
        signature=mlflow.models.infer_signature(rows, prices),
        registered_model_name="Contract Sklearn",
        pip_requirements=["scikit-learn"],
        **where,
    )
    if NEW:
        name("model", logged.model_id)
tell("what it predicts", [round(x, 6) for x in mlflow.pyfunc.load_model(logged.model_uri).predict(rows)])
version = call("the version that was registered", client.get_model_version, "Contract Sklearn", "1")
loaded = mlflow.pyfunc.load_model("models:/Contract Sklearn/1")
tell("what the version predicts", [round(x, 6) for x in loaded.predict(rows)])
client.set_registered_model_alias("Contract Sklearn", "good", "1")
loaded = mlflow.sklearn.load_model("models:/Contract Sklearn@good")
tell("what the alias predicts", [round(x, 6) for x in loaded.predict(rows)])
call("the run that logged it", lambda: sorted(client.get_run(started.info.run_id).data.tags))

if NEW:
    model = client.create_logged_model(
        third, "candidate", source_run_id=started.info.run_id, tags={"a": "b"}, params={"depth": "3"}
    )
    name("model", model.model_id)
    tell("a logged model", model)
    call("a logged model's tags", client.set_logged_model_tags, model.model_id, {"c": "d"})
    call("a logged model's tag goes", client.delete_logged_model_tag, model.model_id, "a")
    client.log_metric(started.info.run_id, "mae", 1.5, timestamp=START, step=0, model_id=model.model_id)
    call("a logged model is ready", client.finalize_logged_model, model.model_id, "READY")
    call("the logged model", client.get_logged_model, model.model_id)
    call("no such logged model", client.get_logged_model, "m-nothing")
    for filter in (None, "name = 'candidate'", "params.depth = '3'", "tags.c = 'd'", "metrics.mae > 1"):
        call(
            f"logged models where {filter}",
            lambda: sorted(m.name for m in client.search_logged_models([third], filter_string=filter)),
        )
    other = client.create_logged_model(third, "other", source_run_id=started.info.run_id)
    name("model", other.model_id)
    measured = [("m1", "train", "1", 2.0), ("m1", "test", "2", 5.0), ("m2", "test", "2", 1.0)]
    for step, (which, dataset, digest, value) in enumerate(measured):
        metric = Metric(
            "on", value, START, step,
            model_id=(model if which == "m1" else other).model_id,
            dataset_name=dataset, dataset_digest=digest, run_id=started.info.run_id,
        )
        client.log_batch(started.info.run_id, [metric])

    def logged(**asked):
        return [m.name for m in client.search_logged_models([third], **asked)]

    for datasets in ([{"dataset_name": "train", "dataset_digest": "1"}], [{"dataset_name": "test", "dataset_digest": "2"}], [{"dataset_name": "x"}]):
        call(f"logged models on {datasets}", lambda: sorted(logged(datasets=datasets)))
        filter = "metrics.on > 1.5"
        call(f"logged models on {datasets} where {filter}", lambda: sorted(logged(datasets=datasets, filter_string=filter)))
    for dataset in ("train", "test"):
        key = {"field_name": "metrics.on", "ascending": True, "dataset_name": dataset}
        call(f"logged models by metrics.on on {dataset}", lambda: logged(order_by=[key]))
    for key in ({"dataset_name": "test"}, {"dataset_name": "train"}):
        call(f"logged models by metrics.on, {key}", lambda: logged(order_by=[{"field_name": "metrics.on", "ascending": False} | key]))
    for filter in ("name IN ('candidate',)", "name IN ('candidate', 'x')", "name NOT IN ('candidate')", "params.depth IN ('3')"):
        call(f"logged models where {filter}", lambda: sorted(logged(filter_string=filter)))
    page = client.search_logged_models([third], max_results=1)
    call(
        "a page token with another filter",
        lambda: logged(max_results=1, page_token=page.token, filter_string="name = 'candidate'"),
    )
    call("a logged model with a bad name", lambda: client.create_logged_model(third, "my/model").name)
    client.create_registered_model("Contract Logged")
    inside = model.artifact_location
    for place in (inside, f"{inside}/deeper", f"models:/{model.model_id}", source, other.artifact_location, f"{inside}x"):
        call(
            "a version of a logged model",
            lambda: str(client.create_model_version("Contract Logged", place, model_id=model.model_id).version),
        )
    call("a version of no logged model", client.create_model_version, "Contract Logged", inside, model_id="m-nothing")
    call("a version of another model's name", client.create_model_version, "Contract Logged", f"models:/{model.model_id}", model_id=other.model_id)
    call("the versions of a logged model", lambda: client.get_logged_model(model.model_id).tags)
    call("outputs of the run", lambda: client.get_run(started.info.run_id).outputs)
    call("a logged model goes", client.delete_logged_model, model.model_id)
    call("a logged model that is gone", client.get_logged_model, model.model_id)

# --- autologging ---------------------------------------------------------------------------------

mlflow.sklearn.autolog(log_models=True, silent=True)
with mlflow.start_run(run_name="autologged") as started:
    name("run", started.info.run_id)
    LinearRegression().fit(rows, prices)
mlflow.sklearn.autolog(disable=True)
done = client.get_run(started.info.run_id)
for output in getattr(getattr(done, "outputs", None), "model_outputs", []):
    name("model", output.model_id)
tell("autologged metrics", {key: round(value, 6) for key, value in done.data.metrics.items()})
tell("autologged parameters", done.data.params)
tell("autologged tags", sorted(done.data.tags))
tell("autologged datasets", [[d.dataset.name, d.dataset.digest, plain(d.tags)] for d in done.inputs.dataset_inputs])
tell("autologged artifacts", sorted(f.path for f in client.list_artifacts(started.info.run_id)))

# --- what was answered, under names that are the same everywhere -----------------------------------

TIMES = {
    "creation_time", "last_update_time", "creation_timestamp", "last_updated_timestamp",
}


def normal(value, key=None):
    if isinstance(value, dict):
        return {k: normal(part, k) for k, part in value.items()}
    if isinstance(value, list):
        return [normal(part, key) for part in value]
    if key in TIMES and isinstance(value, int):
        return "<time>"
    # Ids of experiments may be short numbers: those are only looked for where ids are.
    if isinstance(value, str) and "/" in value:
        return "/".join(chosen.get(part, part) for part in value.split("/"))
    if isinstance(value, str) and (len(value) > 20 or key == "experiment_id"):
        return chosen.get(value, value)
    return value


def titled(title):
    return re.sub(r"[^'\s]+", lambda word: normal(word[0]), title)


with open(out, "w") as file:
    told = [{"call": titled(title), "answer": normal(answer)} for title, answer in answers]
    json.dump(told, file, indent=1)
print(f"{len(answers)} answers of {uri} to mlflow {mlflow.__version__}")
