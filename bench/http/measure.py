"""Runs both sides one after the other under the same load, and compares them."""

import datetime
import hashlib
import hmac
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

HERE = Path(__file__).parent
LISTINGS = HERE.parent.parent / "events" / "listings.csv"
CONNECTIONS = 16
# Required ratios of the two sides: requests per second at least, 99th percentile at most.
TARGETS = {"off": (30.0, 0.1), "on": (4.0, 1.0)}


def free_ports() -> int:
    """The first of three consecutive free ports."""
    while True:
        with socket.socket() as first:
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
        try:
            for offset in range(3):
                with socket.socket() as other:
                    other.bind(("127.0.0.1", port + offset))
            return port
        except (OSError, OverflowError):
            continue


def get(url: str) -> str | None:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.read().decode()
    except OSError:
        return None


def until(url: str, process: subprocess.Popen) -> None:
    for _ in range(600):
        if process.poll() is not None:
            sys.exit(f"the server of {url} ended")
        if get(url):
            return
        time.sleep(0.1)
    sys.exit(f"{url} does not answer")


def stop(process: subprocess.Popen) -> None:
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=30)


def load(url: str, seconds: int) -> dict:
    """A short warm-up, then the load."""
    for duration in (2, seconds):
        command = ["wrk", "--threads", "2", "--connections", str(CONNECTIONS), "--duration", f"{duration}s", "--latency", "--script", str(HERE / "predict.lua"), url]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    line = next(line for line in said.splitlines() if line.startswith("RESULT "))
    result = json.loads(line.removeprefix("RESULT "))
    if result["status_errors"] or result["socket_errors"]:
        sys.exit(f"{url}: {line}")
    return {"per_second": result["requests"] / result["seconds"], "p50_ms": result["p50_ms"], "p99_ms": result["p99_ms"], "requests": result["requests"]}


def signed(url: str, target: str, body: bytes, folder: str) -> urllib.request.Request:
    """A request to the local DynamoDB, signed (Signature Version 4) with the access key of its data folder."""
    lines = Path(folder, "aws-credentials").read_text().splitlines()
    key = dict(line.split(" = ") for line in lines if " = " in line)
    host = url.removeprefix("http://")
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    scope = f"{now[:8]}/us-east-1/dynamodb/aws4_request"
    headers = {"content-type": "application/x-amz-json-1.0", "host": host, "x-amz-date": now, "x-amz-target": target}
    names = ";".join(headers)
    canonical = "".join(f"{name}:{value}\n" for name, value in headers.items())
    request = f"POST\n/\n\n{canonical}\n{names}\n{hashlib.sha256(body).hexdigest()}"
    text = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    secret = f"AWS4{key['aws_secret_access_key']}".encode()
    for part in [*scope.split("/"), text]:
        secret = hmac.new(secret, part.encode(), hashlib.sha256).digest()
    headers["authorization"] = f"AWS4-HMAC-SHA256 Credential={key['aws_access_key_id']}/{scope}, SignedHeaders={names}, Signature={secret.hex()}"
    return urllib.request.Request(url, body, headers)


def records(dynamodb: str, folder: str) -> int:
    """Items in the table of inferences."""
    count, start = 0, None
    while True:
        body = {"TableName": "tasador-inferences", "Select": "COUNT"} | ({"ExclusiveStartKey": start} if start else {})
        request = signed(dynamodb, "DynamoDB_20120810.Scan", json.dumps(body).encode(), folder)
        with urllib.request.urlopen(request, timeout=60) as answer:
            page = json.load(answer)
        count += page["Count"]
        start = page.get("LastEvaluatedKey")
        if not start:
            return count


def ours(binary: str, folder: str, log: str, seconds: int) -> dict:
    port = free_ports()
    environment = os.environ | {
        "TASADOR_INFERENCE_LOG": "true" if log == "on" else "false",
        "TASADOR_LOG": "error",
        "TASADOR_COMPARE_MIN_ROWS": "10",
        "TASADOR_CANDIDATES": "boosting",
    }
    command = [binary, "--port", str(port), "--data-dir", f"{folder}/ours-{log}", "up", "--source", str(LISTINGS)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}"
        until(f"{url}/model", process)
        result = load(url, seconds)
        metrics = get(f"{url}/metrics") or ""
        value = lambda name: int(float(next(line.split()[1] for line in metrics.splitlines() if line.startswith(f"{name} "))))
        result["answered"] = value("inference_requests_total")
        if log == "on":
            result["logged"] = records(f"http://127.0.0.1:{port + 2}", f"{folder}/ours-{log}")
            result["log_failures"] = value("inference_log_failures_total")
        return result
    finally:
        stop(process)


def theirs(folder: str, log: str, seconds: int) -> dict:
    port = free_ports()
    environment = os.environ | {"MODEL": f"{folder}/model", "INFERENCE_LOG": log, "LOG_FILE": f"{folder}/theirs.sqlite", "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, "-m", "uvicorn", "theirs:app", "--app-dir", str(HERE), "--port", str(port), "--log-level", "warning", "--no-access-log"]
    process = subprocess.Popen(command, env=environment, cwd=folder)
    try:
        url = f"http://127.0.0.1:{port}"
        until(f"{url}/health", process)
        result = load(url, seconds)
        if log == "on":
            with sqlite3.connect(f"{folder}/theirs.sqlite") as table:
                result["logged"] = table.execute("SELECT count(*) FROM inference_log").fetchone()[0]
        return result
    finally:
        stop(process)


def main() -> None:
    binary, seconds = os.path.abspath(sys.argv[1]), int(sys.argv[2])
    failed = []
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, str(HERE / "train.py"), str(LISTINGS), f"{folder}/model"], check=True, capture_output=True, cwd=folder)
        print(f"{CONNECTIONS} connections, single listings, {seconds} s each, load average {os.getloadavg()[0]:.1f} before")
        print(f"{'':24}{'requests/s':>12}{'p50 ms':>10}{'p99 ms':>10}")
        for log, (faster, slower) in TARGETS.items():
            python = theirs(folder, log, seconds)
            rust = ours(binary, folder, log, seconds)
            for name, result in (("FastAPI + pyfunc", python), ("tasador", rust)):
                print(f"{name + ', log ' + log:24}{result['per_second']:12.0f}{result['p50_ms']:10.2f}{result['p99_ms']:10.2f}")
            times, tail = rust["per_second"] / python["per_second"], rust["p99_ms"] / python["p99_ms"]
            print(f"  {times:.1f} times the requests (at least {faster:.0f}), p99 {tail:.3f} of theirs (at most {slower})")
            if times < faster or tail > slower:
                failed.append(f"log {log}")
            if log == "on":
                print(f"  answered {rust['answered']}, in the log {rust['logged']}, not kept {rust['log_failures']}")
                if rust["answered"] != rust["logged"]:
                    failed.append("the log is not what was answered")
            print(json.dumps({"log": log, "theirs": python, "ours": rust}))
    if failed:
        sys.exit("missed: " + ", ".join(failed))


if __name__ == "__main__":
    main()
