"""Runs deployed functions beside the local cloud: `tasador up` for the stores, and a stand-in for Lambda's runtime API that
hands one event after the other to a function's binary."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Cloud:
    """`tasador up` in a folder, and the environment with which functions find its stores."""

    def __init__(self, binaries: Path, folder: str, *options: str, **environment: str) -> None:
        self.process = subprocess.Popen(
            [binaries / "tasador", "--port", "0", "--data-dir", folder, "up", *options],
            env=os.environ | {"TASADOR_LOG": "error"} | environment, stdout=subprocess.PIPE, text=True)
        self.environment, self.url = dict(os.environ), ""
        for line in self.process.stdout:
            if line.startswith("Tasador is up at "):
                self.url = line.split()[-1]
            if line.startswith("export "):
                name, value = line.removeprefix("export ").strip().split("=", 1)
                self.environment[name] = value
            if line.startswith("Ctrl-C"):
                break
        else:
            sys.exit("`tasador up` did not start")
        # What it prints later must not fill the pipe.
        threading.Thread(target=self.process.stdout.read, daemon=True).start()

    def wait_for(self, path: str) -> None:
        """Waits until a page is there."""
        for _ in range(600):
            try:
                urllib.request.urlopen(self.url + path).read()
                return
            except OSError:
                time.sleep(0.1)
        sys.exit(f"{path} is missing")

    def __enter__(self) -> "Cloud":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=60)


class RuntimeApi(BaseHTTPRequestHandler):
    """One connection of a function to Lambda's runtime API."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        event = self.server.events.get()
        if event is None:
            self.close_connection = True
            return
        name, body, seconds = event
        self.send_response(200)
        for header, value in {
            "Lambda-Runtime-Aws-Request-Id": "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
            "Lambda-Runtime-Deadline-Ms": str(int((time.time() + seconds) * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": f"arn:aws:lambda:us-east-1:000000000000:function:{name}",
            "Lambda-Runtime-Trace-Id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0",
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
        }.items():
            self.send_header(header, value)
        self.end_headers()
        self.server.given = time.perf_counter()
        self.wfile.write(body)

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length")
        if length is not None:
            body = self.rfile.read(int(length))
        else:
            body = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        at = time.perf_counter()
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()
        self.server.answers.put((self.path, body, at))

    def log_message(self, *_: object) -> None:
        pass


class Function:
    """A process of a function, from its start until `stop`."""

    def __init__(self, command: list[str], environment: dict[str, str], name: str, memory_mb: int = 512) -> None:
        self.name = name
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), RuntimeApi)
        self.server.daemon_threads = True
        # A process that has answered is stopped while it waits for more.
        self.server.handle_error = lambda *_: None
        self.server.events, self.server.answers = queue.Queue(), queue.Queue()
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        self.begun = time.perf_counter()
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment | {
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self.server.server_address[1]}",
            "AWS_LAMBDA_FUNCTION_NAME": name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(memory_mb),
            "AWS_LAMBDA_FUNCTION_VERSION": "1",
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{name}",
            "AWS_LAMBDA_LOG_STREAM_NAME": "1",
            "PYTHONWARNINGS": "ignore",
        })

    def call(self, event: bytes | dict, seconds: float = 900) -> tuple[dict, float, float]:
        """The answer to an event, the seconds from the event to the answer, and from the process's start to the answer."""
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        self.server.events.put((self.name, body, seconds))
        try:
            path, answer, at = self.server.answers.get(timeout=seconds)
        except queue.Empty:
            path, answer, at = "no answer in time", b"", 0.0
        if not path.endswith("/response"):
            self.process.kill()
            sys.exit(f"{self.name} failed: {path} {answer.decode()}")
        return json.loads(answer), at - self.server.given, at - self.begun

    def stop(self) -> float:
        """Ends the process; the most memory that it held, in MiB."""
        self.process.kill()
        _, _, usage = os.wait4(self.process.pid, 0)
        self.process.returncode = 0
        self.server.events.put(None)
        self.server.shutdown()
        self.server.server_close()
        return usage.ru_maxrss / 1024
