"""Deploys Tasador onto MiniStack, lets it learn from King County's sales, and asks it for a price.

Run by `tests/emulator/run`. Every step says what it found and how long it took; the first that finds
something else ends the story with a message and exit code 1.
"""

import csv
import gzip
import json
import os
import subprocess
import sys
import time
import zlib

from emulator import http, ministack, source, until
from tokens import Tokens, refused

STACK = "tasador-proof"
BATCH_ROWS = 2000
# The most that a function's zip may have, in MB.
ZIP_MB = 50
SQFT_PER_ACRE = 43_560
# A sale that is left out of the batches: what it is worth is what the deployed API is asked.
UNSEEN = 1
# Columns of the sales that listings have under another name.
RENAMED = {
    "price": "price", "bedrooms": "bed", "bathrooms": "bath", "id": "street",
    "zipcode": "zip_code", "sqft_living": "house_size", "date": "prev_sold_date",
}  # fmt: skip

began = time.monotonic()


def say(what):
    print(f"[{time.monotonic() - began:6.1f} s] {what}", flush=True)


def expect(condition, what):
    if not condition:
        sys.exit(f"not so: {what}")


def listings(folder):
    """The shipped sales as a file of listings, and the one that is left out."""
    rows = []
    with gzip.open("local/data/king-county.csv.gz", "rt", newline="") as sales:
        for sale in csv.DictReader(sales):
            row = {column: sale[name] for name, column in RENAMED.items()}
            row["acre_lot"] = float(sale["sqft_lot"]) / SQFT_PER_ACRE
            row["state"] = "Washington"
            row["status"] = "sold"
            rows.append(row)
    unseen = rows.pop(UNSEEN)
    path = f"{folder}/listings.csv"
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path, unseen


def shell(tools, emulated, command, what, **variables):
    """Runs a command that is to succeed, with the emulator as its AWS."""
    environment = {
        **emulated.environment,
        "PATH": f"{tools}/bin:{tools}/apart/sam/bin:{os.environ['PATH']}",
        **variables,
    }
    done = subprocess.run(
        command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    if done.returncode != 0:
        sys.exit(f"{what} failed:\n{done.stdout[-6000:]}\nMiniStack:\n{emulated.tail()}")
    return done.stdout


def sam(tools, emulated, *arguments):
    return shell(tools, emulated, ["sam", *arguments], f"sam {arguments[0]}")


def strip_programs():
    """A debug build carries its line tables, which nobody reads here, into every upload."""
    folder = ".aws-sam/build"
    programs = [f"{folder}/{name}/bootstrap" for name in os.listdir(folder)]
    programs = [path for path in programs if os.path.isfile(path)]
    subprocess.run(["strip", *programs], check=True)
    return programs


def zipped(programs):
    """Checks every zip. This is a debug build: `tests/zips --all` builds them as they are
    deployed, which takes some twenty minutes and makes them smaller."""
    for path in sorted(programs):
        with open(path, "rb") as program:
            size = len(zlib.compress(program.read())) / 1e6
        name = os.path.basename(os.path.dirname(path))
        print(f"           {name}: {size:.1f} MB of {ZIP_MB}", flush=True)
        expect(size < ZIP_MB, f"the zip of {name} is under {ZIP_MB} MB")


def deploy(tools, emulated, **parameters):
    given = [f"{name}={value}" for name, value in parameters.items()]
    sam(
        tools, emulated, "deploy", "--config-env", "local", "--stack-name", STACK,
        "--parameter-overrides", "Environment=local", "Architecture=x86_64", *given,
    )  # fmt: skip
    stack = emulated.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    # The emulator's gateway is reached by the emulator's address rather than by a name.
    outputs["Url"] = f"{emulated.endpoint}/_aws/execute-api/{outputs['ApiId']}"
    return outputs


def run(emulated, machine, name, given):
    """An execution to its end."""
    states = emulated.client("stepfunctions")
    arn = states.start_execution(stateMachineArn=machine, name=name, input=json.dumps(given))
    arn = arn["executionArn"]

    def ended():
        found = states.describe_execution(executionArn=arn)
        return found if found["status"] != "RUNNING" else None

    found = until(f"execution {name}", ended, patience_s=600)
    pages = states.get_paginator("get_execution_history").paginate(executionArn=arn)
    entered = [
        event["stateEnteredEventDetails"]["name"]
        for page in pages
        for event in page["events"]
        if "stateEnteredEventDetails" in event
    ]
    if found["status"] != "SUCCEEDED":
        sys.exit(f"execution {name}: {found}\nby {entered}\n{emulated.tail()}")
    return entered


def answer(method, url, token_text=None, body=None, status=200):
    found, text = http(method, url, token_text, body)
    expect(found == status, f"{method} {url}: {status}, but {found} {text[:400]}")
    return text


def main(tools):
    target = os.environ.get('CARGO_TARGET_DIR', 'target')
    tasador = f"{target}/{os.environ['CARGO_BUILD_TARGET']}/debug/tasador"
    expect(os.path.isfile(tasador), f"{tasador} is built")
    with ministack(tools) as emulated:
        say("MiniStack answers")
        file, unseen = listings(emulated.folder)
        with source(tasador, file, BATCH_ROWS, emulated.folder) as address:
            story(tools, tasador, emulated, f"{address}/data?group_number=1", unseen)
    say("everything has ended")


def story(tools, tasador, emulated, source_url, unseen):
    sam(tools, emulated, "build", "--config-env", "local")
    programs = strip_programs()
    say(f"sam build: {len(programs)} programs")
    zipped(programs)
    settings = {"SourceUrl": source_url, "Candidates": "linear,boosting"}
    outputs = deploy(tools, emulated, **settings)
    url, machine = outputs["Url"], outputs["StateMachineArn"]
    say(f"sam deploy: {machine}")

    tokens = Tokens(tasador, emulated, outputs)
    bearer = tokens.create("predict", "read", "admin")
    answer("GET", f"{url}/health")
    answer("POST", f"{url}/predict", body="{}", status=401)
    answer("POST", f"{url}/predict", bearer, "{}", status=503)
    say("no token, no price; no model, no price either")
    say(f"{refused(emulated, outputs, tokens)} pairs of a route and a bad token: 401 or 403")

    first = run(emulated, machine, "first", {})
    expect(first[-2:] == ["Notify", "Done"] and "RecordPromotion" in first, f"promoted by {first}")
    say("first execution: " + " → ".join(first))
    second = run(emulated, machine, "second", {})
    say("second execution: " + " → ".join(second))

    history = json.loads(answer("GET", f"{url}/history", bearer))["items"]
    for entry in history:
        print(f"           {entry['run']}: {entry['kind']}: {entry['sentence']}")
    expect([entry["run"] for entry in history] == ["second", "first"], "both runs are in the history")
    model = json.loads(answer("GET", f"{url}/model", bearer))
    say(f"champion: {model['name']} version {model['version']}")

    home = {name: value for name, value in unseen.items() if name != "price"}
    priced = json.loads(answer("POST", f"{url}/predict", bearer, json.dumps(home)))
    interval = priced["interval"]
    expect(interval["low"] < priced["predicted_price"] < interval["high"], f"a price: {priced}")
    say(
        f"POST /predict: {priced['predicted_price']:,.0f} USD "
        f"({interval['low']:,.0f} to {interval['high']:,.0f}); it was sold for {float(unseen['price']):,.0f}"
    )
    expect("<html" in answer("GET", f"{url}/"), "the page is there")

    shell(
        tools, emulated, ["infra/smoke", STACK], "the smoke test",
        TASADOR_URL=url, TASADOR_SMOKE_TOKEN=bearer,
    )  # fmt: skip
    say("infra/smoke: well")

    drop(emulated, outputs, url, bearer)

    two = json.dumps({"instances": [home, home]})
    answer("POST", f"{url}/predict", bearer, two)
    updated = deploy(tools, emulated, **settings, PredictMaxInstances=1)
    expect(updated["ApiId"] == outputs["ApiId"], "the API stays where it was")
    answer("POST", f"{url}/predict", bearer, two, status=422)
    again = json.loads(answer("POST", f"{url}/predict", bearer, json.dumps(home)))
    expect(again["predicted_price"] == priced["predicted_price"], "the same price as before")
    say("update with a changed parameter: it holds, and the champion has stayed")

    sam(tools, emulated, "delete", "--no-prompts", "--stack-name", STACK, "--region", "us-east-1")
    left = [name for name in functions(emulated)] + tables(emulated)
    expect(not left, f"nothing is left: {left}")
    say("sam delete: no function and no table is left")


def drop(emulated, outputs, url, bearer):
    """A file that is put under drop/ becomes a batch, with nobody starting anything."""
    states = emulated.client("stepfunctions")
    machine = outputs["StateMachineArn"]
    known = {one["executionArn"] for one in executions(states, machine)}
    with open(f"{emulated.folder}/listings.csv") as file:
        # So few rows are no reason to train: the gate says so in the history.
        few = "".join(line for _, line in zip(range(31), file))
    key = "drop/may \"1\".csv"
    emulated.client("s3").put_object(Bucket=outputs["Bucket"], Key=key, Body=few.encode())

    def ended():
        new = [one for one in executions(states, machine) if one["executionArn"] not in known]
        return new[0] if new and new[0]["status"] != "RUNNING" else None

    execution = until("the execution of a dropped file", ended, patience_s=120)
    run = execution["name"]
    entry = json.loads(answer("GET", f"{url}/history/{run}", bearer))
    expect(execution["status"] == "SUCCEEDED", f"the dropped file's execution: {execution}")
    say(f"dropped file: {entry['kind']}: {entry['sentence']}")


def executions(states, machine):
    return states.list_executions(stateMachineArn=machine)["executions"]


def functions(emulated):
    pages = emulated.client("lambda").get_paginator("list_functions").paginate()
    return [function["FunctionName"] for page in pages for function in page["Functions"]]


def tables(emulated):
    return emulated.client("dynamodb").list_tables()["TableNames"]


if __name__ == "__main__":
    main(sys.argv[1])
