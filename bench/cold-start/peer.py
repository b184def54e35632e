"""A Lambda function in Python that prices once: `peer.py pyfunc MODEL` or `peer.py joblib MODEL`."""

import json
import os
import sys
import urllib.request

FEATURES = ["bed", "bath", "acre_lot", "house_size", "zip_code"]
kind, path = sys.argv[1:]
if kind == "pyfunc":
    import mlflow.pyfunc
    import pandas as pd

    model = mlflow.pyfunc.load_model(path)
    price = lambda row: model.predict(pd.DataFrame([row], columns=FEATURES))[0]
else:
    import glob

    import joblib
    import numpy as np

    model = joblib.load(glob.glob(f"{path}/model.pkl")[0])
    price = lambda row: model.predict(np.array([[row[name] for name in FEATURES]]))[0]

api = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime/invocation"
with urllib.request.urlopen(f"{api}/next") as event:
    request_id, body = event.headers["Lambda-Runtime-Aws-Request-Id"], json.load(event)
listing = json.loads(body["body"])
answer = {"predicted_price": float(price({name: float(listing.get(name) or 0) for name in FEATURES}))}
reply = json.dumps({"statusCode": 200, "body": json.dumps(answer)}).encode()
urllib.request.urlopen(urllib.request.Request(f"{api}/{request_id}/response", reply)).read()
