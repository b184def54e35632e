"""Holds two files of answers (see `contract.py`) against each other, field by field.

    compare.py MLFLOW.json TASADOR.json DIFFERENCES.json

Every difference must be one that is listed, and every one that is listed must occur: a list that
says too much is as wrong as one that says too little. Exits with 1 otherwise.
"""

import fnmatch
import json
import sys

(theirs, ours), listed = [json.load(open(path)) for path in sys.argv[1:3]], json.load(open(sys.argv[3]))


def differences(path, a, b):
    if isinstance(a, dict) and isinstance(b, dict):
        for key in sorted(set(a) | set(b)):
            yield from differences(f"{path}.{key}", a.get(key, "<absent>"), b.get(key, "<absent>"))
    elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        for at, (x, y) in enumerate(zip(a, b)):
            yield from differences(f"{path}[{at}]", x, y)
    elif a != b:
        yield path, a, b


unlisted, used = [], set()
calls = [entry["call"] for entry in theirs]
if calls != [entry["call"] for entry in ours]:
    sys.exit("the two files are not of the same calls")
for a, b in zip(theirs, ours):
    for path, x, y in differences(a["call"], a["answer"], b["answer"]):
        rule = next((rule for rule in listed if fnmatch.fnmatch(path, rule["at"].replace("[", "[[]"))), None)
        if rule is None:
            unlisted.append(f"{path}\n    mlflow:  {json.dumps(x)}\n    tasador: {json.dumps(y)}")
        else:
            used.add(rule["at"])
unused = [rule["at"] for rule in listed if rule["at"] not in used]
for line in unlisted:
    print(line)
for rule in unused:
    print(f"listed, and does not occur: {rule}")
fields = sum(1 for entry in theirs for _ in json.dumps(entry["answer"]).split(","))
print(f"{len(calls)} calls, some {fields} fields, {len(unlisted)} differences that are not listed, {len(used)} kinds that are")
sys.exit(1 if unlisted or unused else 0)
