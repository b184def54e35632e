"""A plugin of pytest that runs MLflow's own test files against another server; see `own-suite`.

Wherever these tests start a server or make a database, they get a fresh server instead: `tasador up`, or with
`OWN_SUITE_SERVER=mlflow` MLflow's own behind HTTP with proxied artifacts. What fails with both depends on MLflow's
internals or on the environment, not on the server.
"""

import contextlib
import fnmatch
import functools
import json
import os
import random
import shutil
import socket
import subprocess
import tempfile
import time
from collections import Counter
from pathlib import Path

import pytest
import requests

TASADOR = os.environ.get("TASADOR", "tasador")
SERVER = os.environ.get("OWN_SUITE_SERVER", "tasador")
START_S = 60

results = {}
running = []


def free_port():
    """The first of three free ports in a row: the API's, S3's and DynamoDB's. They are below those that the system
    gives to connections of other programs."""
    while True:
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            port = random.randrange(20_000, 32_000)
            for offset in range(3):
                stack.enter_context(socket.socket()).bind(("127.0.0.1", port + offset))
            return port


def await_health(url, process):
    """Waits until a server answers."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(requests.RequestException):
            if requests.get(f"{url}/health", timeout=5).ok:
                return
        time.sleep(0.02)
    raise RuntimeError(f"{process.args} does not start: {process.poll()}")


@contextlib.contextmanager
def tasador(port, folder):
    """A separate process. Another program may have the port for a moment."""
    environment = {key: value for key, value in os.environ.items() if "MLFLOW" not in key}
    command = [TASADOR, "--port", str(port), "--data-dir", folder, "up"]
    deadline = time.monotonic() + START_S
    while True:
        with open(f"{folder}/log", "w") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        try:
            await_health(f"http://127.0.0.1:{port}", process)
            break
        except RuntimeError as error:
            process.kill()
            process.wait()
            said = Path(f"{folder}/log").read_text()[-500:]
            if "is in use" not in said or time.monotonic() > deadline:
                raise RuntimeError(said) from error
            time.sleep(1)
    try:
        yield
    finally:
        process.terminate()
        process.wait(START_S)


@functools.cache
def empty_database():
    """A file with MLflow's tables: they take seconds to make, so each server gets a copy."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    folder = tempfile.mkdtemp()
    SqlAlchemyStore(f"sqlite:///{folder}/mlflow.db", folder).engine.dispose()
    return f"{folder}/mlflow.db"


@contextlib.contextmanager
def mlflows(port, folder):
    """A thread of this process, as MLflow's tests start it: a process takes seconds to start."""
    from mlflow.server import ARTIFACTS_DESTINATION_ENV_VAR, SERVE_ARTIFACTS_ENV_VAR, handlers
    from mlflow.server.fastapi_app import app

    shutil.copy(empty_database(), folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(ARTIFACTS_DESTINATION_ENV_VAR, f"{folder}/artifacts")
        patch.setenv(SERVE_ARTIFACTS_ENV_VAR, "true")
        for store in ("_tracking_store", "_model_registry_store", "_artifact_repo"):
            setattr(handlers, store, None)
        handlers.initialize_backend_stores(f"sqlite:///{folder}/mlflow.db", default_artifact_root="mlflow-artifacts:/")
        with MlflowServerThread(app, port):
            yield


@contextlib.contextmanager
def server(port=None):
    """A fresh server and its address; it ends with the block. One test has one server, as it has one database."""
    if running and port is None:
        yield running[-1]
        return
    port = port or free_port()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        with {"tasador": tasador, "mlflow": mlflows}[SERVER](port, folder):
            running.append(f"http://127.0.0.1:{port}")
            try:
                yield running[-1]
            finally:
                running.pop()


class ServerThread:
    """In place of MLflow's thread of the same name."""

    def __init__(self, *_, **__):
        self.stack = contextlib.ExitStack()

    def __enter__(self):
        return self.stack.enter_context(server())

    def __exit__(self, *_):
        self.stack.close()


@contextlib.contextmanager
def init_server(*_, **__):
    with server() as url:
        yield url


@contextlib.contextmanager
def launch_server(_host, port, *_, **__):
    with server(port):
        yield None


def replaced_tracking_uri(use_tracking_uri):
    @contextlib.contextmanager
    def use_server(_uri):
        with server() as url, use_tracking_uri(url):
            yield

    return use_server


@pytest.hookimpl(trylast=True)
def pytest_configure(config):
    from tests.tracking import integration_test_utils

    globals()["MlflowServerThread"] = integration_test_utils.ServerThread
    integration_test_utils.ServerThread = ServerThread
    integration_test_utils._init_server = init_server
    for plugin in config.pluginmanager.get_plugins():
        if hasattr(plugin, "_use_tracking_uri"):
            plugin._use_tracking_uri = replaced_tracking_uri(plugin._use_tracking_uri)


def pytest_collection_modifyitems(items):
    for module in {item.module for item in items}:
        if hasattr(module, "_launch_server"):
            module._launch_server = launch_server
        if hasattr(module, "initialize_backend_stores"):
            # It would also point the client at the database.
            module.initialize_backend_stores = lambda *_, **__: None


@pytest.hookimpl(tryfirst=True)
def pytest_fixture_setup(fixturedef, request):
    """The fixture `store` of the tests of stores: the client's store for a fresh server."""
    if fixturedef.argname != "store" or "/store/" not in str(request.path):
        return None
    from mlflow.utils.rest_utils import MlflowHostCreds

    if "model_registry" in str(request.path):
        from mlflow.store.model_registry.rest_store import RestStore as Strict

        class RestStore(Strict):
            # These tests name files of no run; a server refuses them.
            def create_model_version(self, name, source, *args, **kwargs):
                source = source if ":" in source else f"s3://{source}"
                return super().create_model_version(name, source, *args, **kwargs)
    else:
        from mlflow.store.tracking.rest_store import RestStore as Strict

        class RestStore(Strict):
            # These tests make runs without tags as None.
            def create_run(self, experiment_id, user_id, start_time, tags, run_name):
                return super().create_run(experiment_id, user_id, start_time, tags or [], run_name)
    stack = contextlib.ExitStack()
    request.addfinalizer(stack.close)
    url = stack.enter_context(server())
    store = RestStore(lambda: MlflowHostCreds(url))
    fixturedef.cached_result = (store, fixturedef.cache_key(request), None)
    return store


def pytest_runtest_logreport(report):
    name = report.nodeid
    if report.failed:
        results[name] = ("failed", str(report.longrepr).strip().splitlines()[-1] if report.longrepr else "")
    elif report.when == "call" or report.skipped:
        results.setdefault(name, (report.outcome, ""))
    if report.when == "teardown" and (path := os.environ.get("OWN_SUITE_RESULTS")):
        with open(path, "a") as file:
            file.write(json.dumps({"test": name, "outcome": results[name][0], "said": results[name][1][:500]}) + "\n")


def is_named(name, pattern):
    """Whether a pattern with `*` names a test; brackets stand for themselves."""
    return fnmatch.fnmatchcase(name, pattern.replace("[", "[[]"))


def rule_of(name, listed):
    """The entry of the list that explains a failure."""
    return next((rule for rule in listed if any(is_named(name, test) for test in rule["tests"])), None)


def unlisted(listed):
    """The failures that no entry explains, with what they say."""
    failed = ((name, said) for name, (outcome, said) in sorted(results.items()) if outcome == "failed")
    return [(name, said) for name, said in failed if rule_of(name, listed) is None]


def the_list():
    return json.loads(Path(__file__).with_name("own-suite.json").read_text())


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session):
    """Failures with a reason in the list are no failure of the script. Broken collections and the like stay one."""
    if session.exitstatus == pytest.ExitCode.TESTS_FAILED and not unlisted(the_list()):
        session.exitstatus = pytest.ExitCode.OK


def pytest_terminal_summary(terminalreporter):
    """Counts the failures by the classes of the list; what is not listed is named."""
    out = terminalreporter.write_line
    listed = the_list()
    classes = Counter()
    for name, (outcome, _) in results.items():
        if outcome == "failed":
            rule = rule_of(name, listed)
            classes[rule["class"] if rule else "not listed"] += 1
    for name, said in unlisted(listed):
        out(f"{name}\n    {said[:300]}")
    outcomes = Counter(outcome for outcome, _ in results.values())
    out(f"{SERVER}: {dict(outcomes)}; failures by class: {dict(classes)}")
