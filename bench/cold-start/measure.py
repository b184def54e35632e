"""Measures the time from the start of a process to its first answer, on a stand-in for Lambda's runtime API: `predict`,
which loads the champion from S3, an empty Rust function, and two Python functions."""

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HERE = Path(__file__).parent
EVENTS = HERE.parent.parent / "events"
# Limits in milliseconds: the first price, and its difference from an empty function.
FIRST_PRICE_MS, BEYOND_EMPTY_MS = 50.0, 30.0


class RuntimeApi(BaseHTTPRequestHandler):
    """Serves one event, accepts its answer, and keeps requests for another event waiting."""

    protocol_version = "HTTP/1.1"
    event = b""

    def do_GET(self) -> None:
        state = self.server.state
        if state["given"]:
            state["over"].wait(30)
            self.close_connection = True
            return
        state["given"] = True
        self.send_response(200)
        for name, value in {
            "Lambda-Runtime-Aws-Request-Id": "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
            "Lambda-Runtime-Deadline-Ms": str(int(time.time() * 1000) + 30_000),
            "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-1:000000000000:function:predict",
            "Lambda-Runtime-Trace-Id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0",
            "Content-Type": "application/json",
            "Content-Length": str(len(self.event)),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(self.event)

    def do_POST(self) -> None:
        state = self.server.state
        length = self.headers.get("Content-Length")
        if length is not None:
            body = self.rfile.read(int(length))
        else:
            body = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        state["answer"], state["path"], state["at"] = body, self.path, time.perf_counter()
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()
        state["answered"].set()

    def log_message(self, *_: object) -> None:
        pass


def first_answer(command: list[str], environment: dict[str, str]) -> tuple[float, dict]:
    """Milliseconds from the start of a process to its answer, and the answer."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), RuntimeApi)
    server.daemon_threads = True
    # A process that has answered is stopped while it waits for more.
    server.handle_error = lambda *_: None
    server.state = {"given": False, "answered": threading.Event(), "over": threading.Event()}
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    environment = environment | {
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{server.server_address[1]}",
        "AWS_LAMBDA_FUNCTION_NAME": "predict",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_LAMBDA_FUNCTION_VERSION": "1",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/predict",
        "AWS_LAMBDA_LOG_STREAM_NAME": "1",
        "PYTHONWARNINGS": "ignore",
    }
    begun = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    state = server.state
    if not state["answered"].wait(60) or not state["path"].endswith("/response"):
        process.kill()
        sys.exit(f"{command[0]} gave no answer: {state.get('path')} {state.get('answer')}")
    process.kill()
    process.wait()
    state["over"].set()
    server.shutdown()
    server.server_close()
    return (state["at"] - begun) * 1000, json.loads(state["answer"])


def main() -> None:
    binaries, runs = Path(sys.argv[1]).resolve(), int(sys.argv[2])
    RuntimeApi.event = (EVENTS / "predict.json").read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, HERE.parent / "http" / "train.py", EVENTS / "listings.csv", f"{folder}/model"], check=True, capture_output=True, cwd=folder)
        cloud = subprocess.Popen(
            [binaries / "tasador", "--port", "0", "--data-dir", f"{folder}/data", "up", "--source", EVENTS / "listings.csv"],
            env=os.environ | {"TASADOR_COMPARE_MIN_ROWS": "10", "TASADOR_CANDIDATES": "boosting", "TASADOR_LOG": "error"},
            stdout=subprocess.PIPE, text=True)
        try:
            variables, url = {}, None
            for line in cloud.stdout:
                if line.startswith("Tasador is up at "):
                    url = line.split()[-1]
                if line.startswith("export "):
                    name, value = line.removeprefix("export ").strip().split("=", 1)
                    variables[name] = value
                if line.startswith("Ctrl-C"):
                    break
            for _ in range(600):
                try:
                    urllib.request.urlopen(f"{url}/model").read()
                    break
                except OSError:
                    time.sleep(0.1)
            environment = os.environ | variables
            sides = {
                "tasador predict, champion from S3": ([str(binaries / "predict")], runs),
                "an empty Rust function": ([str(binaries / "bench-empty")], runs),
                "Python, joblib and scikit-learn": ([sys.executable, str(HERE / "peer.py"), "joblib", f"{folder}/model"], max(3, runs // 10)),
                "Python, mlflow.pyfunc": ([sys.executable, str(HERE / "peer.py"), "pyfunc", f"{folder}/model"], max(3, runs // 10)),
            }
            medians = {}
            print(f"from process start to first answer, load average {os.getloadavg()[0]:.1f} before")
            times = {name: [] for name in sides}
            # Alternately, so that other load on the machine affects all of them equally.
            for turn in range(runs):
                for name, (command, most) in sides.items():
                    if turn < most:
                        ms, answer = first_answer(command, environment)
                        if answer.get("statusCode") != 200:
                            sys.exit(f"{name}: {answer}")
                        times[name].append(ms)
            for name, measured in times.items():
                medians[name] = statistics.median(measured)
                print(f"{name:36} median {medians[name]:8.1f} ms   slowest {max(measured):8.1f} ms   of {len(measured)}")
            predict, empty = (medians[name] for name in list(sides)[:2])
            print(f"beyond the empty function: {predict - empty:.1f} ms (at most {BEYOND_EMPTY_MS:.0f}); first price: {predict:.1f} ms (below {FIRST_PRICE_MS:.0f})")
            if predict >= FIRST_PRICE_MS or predict - empty > BEYOND_EMPTY_MS:
                sys.exit("missed")
        finally:
            cloud.send_signal(signal.SIGTERM)
            cloud.wait(timeout=30)


if __name__ == "__main__":
    main()
