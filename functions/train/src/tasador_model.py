"""Loads a version for `mlflow.pyfunc`: prices homes with the ONNX graph beside this file.

A home says what it knows: columns may be missing or empty, whole numbers and dates are taken as they are.
"""

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pandas as pd


def _load_pyfunc(path):
    return Model(Path(path))


class Model:
    def __init__(self, graph):
        signature = json.loads(graph.with_name("signature.json").read_text(encoding="utf-8"))
        self.kinds = {column["name"]: column["type"] for column in signature["serving"]["inputs"]}
        self.session = onnxruntime.InferenceSession(str(graph), providers=["CPUExecutionProvider"])

    def predict(self, data, params=None):
        homes = pd.DataFrame(data)
        feed = {}
        for column in self.session.get_inputs():
            known = homes.get(column.name, pd.Series(None, index=homes.index, dtype=object))
            values = READ[self.kinds[column.name]](known)
            if column.name == "zip_code":
                values = np.array([zip and zip.zfill(5) for zip in values], dtype=object)
            # A graph of one column takes a table.
            feed[column.name] = values.reshape([-1] + [1] * (len(column.shape) - 1))
        (prices,) = self.session.run(["predicted_price"], feed)
        return pd.DataFrame({"predicted_price": prices.ravel()}, index=homes.index)


def numbers(values):
    return pd.to_numeric(values).to_numpy(dtype="float64", na_value=np.nan)


def days(values):
    if not pd.api.types.is_numeric_dtype(values):
        values = (pd.to_datetime(values) - pd.Timestamp(0)).dt.days
    return numbers(values)


def texts(values):
    return np.array([text(value) for value in values], dtype=object)


def text(value):
    if pd.isna(value):
        return ""
    # pandas makes 98103.0 of a whole number beside an empty field.
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


READ = {"double": numbers, "date": days, "string": texts}
