"""The compared API: FastAPI, an MLflow pyfunc model, and a row of the inference log per request.

INFERENCE_LOG=on writes each answer with SQLite within the process, which is the quickest log that this stack has, as
durably as the other side's SQLite (a write-ahead log, synchronous=NORMAL).
"""

import json
import os
import sqlite3
import threading
import time
import uuid

import mlflow.pyfunc
import pandas as pd
from fastapi import FastAPI

FEATURES = ["bed", "bath", "acre_lot", "house_size", "zip_code"]
model = mlflow.pyfunc.load_model(os.environ["MODEL"])
app = FastAPI()
lock = threading.Lock()
log = None
if os.environ.get("INFERENCE_LOG") == "on":
    log = sqlite3.connect(os.environ["LOG_FILE"], check_same_thread=False, isolation_level=None)
    log.execute("PRAGMA journal_mode=WAL")
    log.execute("PRAGMA synchronous=NORMAL")
    log.execute("CREATE TABLE IF NOT EXISTS inference_log (id TEXT PRIMARY KEY, at REAL, input TEXT, prediction REAL)")


@app.post("/predict")
def predict(listing: dict):
    row = {name: float(listing.get(name) or "nan") for name in FEATURES}
    price = float(model.predict(pd.DataFrame([row], columns=FEATURES))[0])
    if log is not None:
        with lock:
            log.execute("INSERT INTO inference_log VALUES (?, ?, ?, ?)", (str(uuid.uuid4()), time.time(), json.dumps(listing), price))
    return {"predicted_price": price}


@app.get("/health")
def health():
    return {"status": "ok"}
