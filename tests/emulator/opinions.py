"""Asks other interpreters of the States language what they make of our table of machines.

Run by `tests/emulator/second-opinion` with the folder of tools, and by `tests/localstack` with LocalStack's address. `crates/states/tests/cases.rs` holds ours to the same table.
"""

import itertools
import json
import sys
import time
import urllib.request

import boto3

from emulator import REGION, ministack, moto, until

CASES = "crates/states/tests/cases.json"
ROLE = "arn:aws:iam::000000000000:role/r"

# Where an interpreter is not Step Functions, by its name and the case's: with what it does instead.
DIFFERENCES = "crates/states/tests/differences.json"


def started(client, index, case):
    """An execution under way; what it is refused with, where it is."""
    machine = client.create_state_machine(
        name=f"case-{index}", definition=json.dumps(case["definition"]), roleArn=ROLE
    )
    return client.start_execution(
        stateMachineArn=machine["stateMachineArn"], input=json.dumps(case["input"])
    )["executionArn"]


def found(client, arn, case):
    """What became of an execution, in the form of the table."""

    def ended():
        described = client.describe_execution(executionArn=arn)
        return described if described["status"] != "RUNNING" else None

    described = until(case["name"], ended)
    pages = client.get_paginator("get_execution_history").paginate(executionArn=arn)
    events = [event for page in pages for event in page["events"]]
    entered = [event.get("stateEnteredEventDetails") for event in events]
    result = {"status": described["status"], "path": [one["name"] for one in entered if one]}
    if described["status"] == "SUCCEEDED":
        result["output"] = json.loads(described["output"])
    elif described["status"] == "FAILED":
        failed = [event["executionFailedEventDetails"] for event in events if "executionFailedEventDetails" in event]
        failed = failed[-1] if failed else described
        result["error"] = failed.get("error")
        if "cause" in case["expected"]:
            result["cause"] = failed.get("cause")
    return result


def without_inside(case):
    """The table's expectation for a history that leaves out what is within a Map or a Parallel."""
    own = case["definition"]["States"]
    expected = dict(case["expected"])
    expected["path"] = [state for state in expected["path"] if state in own]
    return expected


def in_turns(result, case):
    """The same where what is entered side by side, within a Map or a Parallel, has no order."""
    own = case["definition"]["States"]
    turns = itertools.groupby(result["path"], lambda state: state in own)
    path = [list(states) if is_own else sorted(states) for is_own, states in turns]
    return {**result, "path": path}


def ask(name, client, cases, expectation):
    known = json.load(open(DIFFERENCES))[name]
    began = time.monotonic()
    running = [(case, started(client, index, case)) for index, case in enumerate(cases)]
    agreed, wrong = 0, []
    for case, arn in running:
        result, expected = in_turns(found(client, arn, case), case), in_turns(expectation(case), case)
        excused = known.get(case["name"])
        if result == expected:
            agreed += 1
            if excused:
                wrong.append(f"{case['name']}: agrees already; take it off the list")
        elif excused:
            print(f"  {name} differs on «{case['name']}»: {excused}")
        else:
            wrong.append(f"{case['name']}:\n    {json.dumps(result)}\n    instead of {json.dumps(expected)}")
    print(f"{name}: {agreed} of {len(cases)} machines go the same way ({time.monotonic() - began:.1f} s)")
    return wrong


def main(tools):
    cases = json.load(open(CASES))
    wrong = []
    with ministack(tools) as emulated:
        wrong += ask("MiniStack", emulated.client("stepfunctions"), cases, without_inside)
    with moto(tools) as emulated:
        # Otherwise every execution succeeds at once.
        asked = urllib.request.Request(
            f"{emulated.endpoint}/moto-api/config",
            data=json.dumps({"stepfunctions": {"execute_state_machine": True}}).encode(),
            headers={"content-type": "application/json"},
        )
        urllib.request.urlopen(asked).read()
        wrong += ask("moto", emulated.client("stepfunctions"), cases, lambda case: case["expected"])
    if wrong:
        sys.exit("\n".join(wrong))


def localstack(endpoint):
    """The table through a running LocalStack."""
    client = boto3.client(
        "stepfunctions", endpoint_url=endpoint, region_name=REGION,
        aws_access_key_id="test", aws_secret_access_key="test",
    )  # fmt: skip
    wrong = ask("LocalStack", client, json.load(open(CASES)), lambda case: case["expected"])
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    localstack(sys.argv[2]) if sys.argv[1] == "LocalStack" else main(sys.argv[1])
