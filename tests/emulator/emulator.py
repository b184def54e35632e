"""Emulators of AWS for as long as a `with` block takes, and the programs that belong to them."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import ExitStack, contextmanager

import boto3

REGION = "us-east-1"
# How long a server may take until it answers, and until it has ended.
PATIENCE_S = 60


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def until(what, condition, patience_s=PATIENCE_S, pause_s=0.1):
    """Waits for what `condition` gives back; ends the story where it gives nothing in time."""
    end = time.monotonic() + patience_s
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(pause_s)
    sys.exit(f"{what}: nothing within {patience_s} s")


@contextmanager
def process(command, output, **options):
    """A program in a separate group, which ends with the block, children and all."""
    with open(output, "wb") as log:
        started = subprocess.Popen(
            command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True, **options
        )
        try:
            yield started
        finally:
            for how in (signal.SIGTERM, signal.SIGKILL):
                try:
                    os.killpg(started.pid, how)
                    started.wait(PATIENCE_S)
                    break
                except ProcessLookupError:
                    break
                except subprocess.TimeoutExpired:
                    continue
            # Children that the emulator left behind are of its group.
            try:
                os.killpg(started.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass


class Emulator:
    """A running emulator on a free loopback port, with nothing in it."""

    def __init__(self, endpoint, folder):
        self.endpoint = endpoint
        self.folder = folder
        self.log = f"{folder}/log"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            # Profiles of whoever runs this are none of its business.
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    def tail(self):
        """The end of its log."""
        with open(self.log, errors="replace") as log:
            return log.read()[-6000:]

    def client(self, service):
        return boto3.client(
            service, endpoint_url=self.endpoint, region_name=REGION,
            aws_access_key_id="test", aws_secret_access_key="test",
        )  # fmt: skip


@contextmanager
def server(name, command, patience_s=PATIENCE_S, **variables):
    """An emulator that answers once the block begins. Its folder, with its log, ends with the block."""
    with ExitStack() as stack:
        folder = tempfile.mkdtemp(prefix="tasador-emulator-")
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        port = free_port()
        running = Emulator(f"http://127.0.0.1:{port}", folder)
        # What its functions leave in temporary folders goes with its own.
        variables = {key: value.format(port=port) for key, value in variables.items()}
        environment = {**running.environment, "TMPDIR": folder, **variables}
        command = [part.format(port=port) for part in command]
        started = stack.enter_context(process(command, running.log, env=environment, cwd=folder))

        def answers():
            if started.poll() is not None:
                sys.exit(f"{name} ended:\n{running.tail()}")
            try:
                return running.client("sts").get_caller_identity()
            except Exception:  # noqa: BLE001: whatever it is, it is not up yet.
                return None

        until(name, answers, patience_s)
        yield running


def ministack(tools):
    return server(
        "MiniStack", [f"{tools}/apart/ministack/bin/ministack"], BIND_HOST="127.0.0.1", GATEWAY_PORT="{port}"
    )


def moto(tools):
    return server("moto", [f"{tools}/apart/moto/bin/moto_server", "--host", "127.0.0.1", "--port", "{port}"])


@contextmanager
def source(tasador, listings, batch_rows, folder):
    """The stand-in data API over a file; gives its address."""
    log = f"{folder}/source.log"
    command = [tasador, "source", "--port", "0", "--file", listings, "--batch-rows", str(batch_rows)]
    with process(command, log):
        found = until("the data API", lambda: re.search(r"at (http://\S+)", open(log).read()))
        yield found.group(1)


def http(method, url, token=None, body=None):
    """Status and text of an answer; 4xx and 5xx are answers too."""
    headers = {"content-type": "application/json"}
    if token:
        headers["authorization"] = f"Bearer {token}"
    data = body.encode() if body is not None else None
    request = urllib.request.Request(url, data=data, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
