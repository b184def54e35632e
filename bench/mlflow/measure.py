"""What `bench/run registry` measures: the same calls over HTTP, to one server after the other.

    measure.py MLFLOW TASADOR RUNS
"""

import http.client
import json
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

mlflow, tasador, runs = sys.argv[1], os.path.abspath(sys.argv[2]), int(sys.argv[3])
WRITERS, TURNS, PAGE, BATCHES = 8, 40, 100, 7
START = 1_700_000_000_000


def free_ports(count):
    """The first of this many consecutive free ports."""
    while True:
        with socket.socket() as first:
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
        try:
            for number in range(count):
                with socket.socket() as one:
                    one.bind(("127.0.0.1", port + number))
            return port
        except OSError:
            continue


class Server:
    def __init__(self, name, command, folder, port):
        self.name, self.port = name, port
        begun = time.monotonic()
        log = open(os.path.join(folder, "log"), "w")
        # A separate process group, so that its workers end with it.
        self.process = subprocess.Popen(
            command, cwd=folder, stdout=log, stderr=log, start_new_session=True
        )
        while True:
            try:
                self.call("GET", "/api/2.0/mlflow/experiments/get?experiment_id=0", None, fresh=True)
                break
            except (OSError, http.client.HTTPException):
                if self.process.poll() is not None or time.monotonic() - begun > 180:
                    raise SystemExit(f"{name} does not start: see {log.name}")
                time.sleep(0.005)
        self.started_s = time.monotonic() - begun

    def call(self, method, path, body, fresh=False, connection=None):
        connection = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        connection.request(
            method, path, None if body is None else json.dumps(body), {"content-type": "application/json"}
        )
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            raise SystemExit(f"{self.name}: {method} {path}: {answer.status} {text[:500]}")
        return json.loads(text)

    def post(self, path, body, connection=None):
        return self.call("POST", f"/api/2.0/mlflow/{path}", body, connection=connection)

    def memory_mib(self):
        """Resident memory of the server and its workers."""
        group, total = os.getpgid(self.process.pid), 0
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                if os.getpgid(int(pid)) == group:
                    with open(f"/proc/{pid}/statm") as file:
                        total += int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")
            except (OSError, ProcessLookupError):
                continue
        return total / 2**20

    def stop(self):
        os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait(60)


def fill(server):
    """The same runs in each: five metrics, three parameters, one experiment."""
    experiment = server.post("experiments/create", {"name": "bench"})["experiment_id"]
    draws = random.Random(42)
    values = [[draws.gauss(100, 15) for _ in range(5)] for _ in range(runs)]

    def write(numbers):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
        for number in numbers:
            made = server.post(
                "runs/create",
                {"experiment_id": experiment, "start_time": START + number, "run_name": f"run {number}"},
                connection,
            )["run"]["info"]["run_id"]
            metrics = [
                {"key": f"metric {key}", "value": value, "timestamp": START, "step": 0}
                for key, value in enumerate(values[number])
            ]
            params = [{"key": f"param {key}", "value": str(number % 10)} for key in range(3)]
            server.post("runs/log-batch", {"run_id": made, "metrics": metrics, "params": params}, connection)

    begun = time.monotonic()
    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(write, [range(first, runs, WRITERS) for first in range(WRITERS)]))
    filled_s = time.monotonic() - begun
    server.post("registered-models/create", {"name": "bench"})
    for _ in range(5):
        server.post("model-versions/create", {"name": "bench", "source": "s3://bench/models/x"})
    server.post("registered-models/alias", {"name": "bench", "alias": "best", "version": "4"})
    return experiment, filled_s


def median_ms(server, method, path, body, expect):
    connection, taken = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120), []
    for _ in range(TURNS):
        begun = time.perf_counter()
        answer = server.call(method, path, body, connection=connection)
        taken.append((time.perf_counter() - begun) * 1000)
        expect(answer)
    return statistics.median(taken), sorted(taken)[int(TURNS * 0.95)]


def measure(server):
    experiment, filled_s = fill(server)
    figures = {"start-up, s": server.started_s, "filling, s": filled_s}

    def page(answer):
        assert len(answer["runs"]) == PAGE and answer["next_page_token"], answer.keys()

    search = {"experiment_ids": [experiment], "max_results": PAGE}
    for title, more in [
        ("search by metric", {"order_by": ["metrics.`metric 0` DESC"]}),
        ("search where a metric is small", {"filter": "metrics.`metric 1` < 80"}),
        (
            "search by metric, where another is small",
            {"filter": "metrics.`metric 1` < 100", "order_by": ["metrics.`metric 0` ASC"]},
        ),
        ("latest runs", {}),
    ]:
        body = search | more
        figures[f"{title}, ms"] = median_ms(server, "POST", "/api/2.0/mlflow/runs/search", body, page)

    taken, connection = [], http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
    for _ in range(BATCHES):
        made = server.post("runs/create", {"experiment_id": experiment, "start_time": START}, connection)
        points = [{"key": f"key {key}", "value": key / 7, "timestamp": START, "step": 0} for key in range(1_000)]
        body = {"run_id": made["run"]["info"]["run_id"], "metrics": points}
        begun = time.perf_counter()
        server.post("runs/log-batch", body, connection)
        taken.append((time.perf_counter() - begun) * 1000)
    figures["log-batch of 1,000 new keys, ms"] = statistics.median(taken), max(taken)
    alias = "/api/2.0/mlflow/registered-models/alias?name=bench&alias=best"

    def fourth(answer):
        assert answer["model_version"]["version"] == "4", answer

    figures["alias look-up, ms"] = median_ms(server, "GET", alias, None, fourth)
    figures["memory, MiB"] = server.memory_mib()
    return figures


both = {}
for name in ("mlflow", "tasador"):
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        port = free_ports(3)
        command = {
            "mlflow": [mlflow, "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
                       "--backend-store-uri", "sqlite:///mlflow.db", "--artifacts-destination", "./artifacts"],
            "tasador": [tasador, "--port", str(port), "--data-dir", os.path.join(folder, "data"), "up"],
        }[name]
        server = Server(name, command, folder, port)
        try:
            both[name] = measure(server)
        finally:
            server.stop()

print(f"{runs} runs, {os.cpu_count()} processors; medians of {TURNS} calls (95th percentile)\n")
print(f"| | mlflow server, SQLite | tasador | ratio |\n|---|---:|---:|---:|")
for title, theirs in both["mlflow"].items():
    ours = both["tasador"][title]
    shown = lambda f: f"{f[0]:.1f} ({f[1]:.1f})" if isinstance(f, tuple) else f"{f:.2f}"
    one = lambda f: f[0] if isinstance(f, tuple) else f
    print(f"| {title} | {shown(theirs)} | {shown(ours)} | {one(theirs) / one(ours):.1f} × |")
