"""Parquet files with one column of each type that writers make, one line of JSON each: the bytes, the cells as text
(null: left out, with a notice), and how the notice names the type.

    parquet_types.py"""

import base64
import datetime
import decimal
import io
import json

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

D = decimal.Decimal
DAY = datetime.date(2024, 3, 1)
NOON = datetime.datetime(2024, 3, 1, 12, 30, 15)
BIG = 2**63 + 5


def category(values: pa.Array, keys: pa.DataType = pa.int32()) -> pa.Array:
    keys = pa.array([0, None, 1], keys)
    return pa.DictionaryArray.from_arrays(keys, values)


def stamps(unit: str, zone: str | None) -> pa.Array:
    return pa.array([NOON.replace(tzinfo=datetime.timezone.utc) if zone else NOON, None, None], pa.timestamp(unit, zone))


CASES: list[tuple[str, pa.Array, list | None]] = [
    ("int8", pa.array([-4, None, 127], pa.int8()), ["-4", None, "127"]),
    ("int16", pa.array([-4, None, 300], pa.int16()), ["-4", None, "300"]),
    ("int32", pa.array([-4, None, 300], pa.int32()), ["-4", None, "300"]),
    ("int64", pa.array([-4, None, 2**62], pa.int64()), ["-4", None, str(2**62)]),
    ("uint8", pa.array([4, None, 255], pa.uint8()), ["4", None, "255"]),
    ("uint16", pa.array([4, None, 65535], pa.uint16()), ["4", None, "65535"]),
    ("uint32", pa.array([4, None, 2**32 - 1], pa.uint32()), ["4", None, str(2**32 - 1)]),
    ("uint64", pa.array([4, None, BIG], pa.uint64()), ["4", None, str(BIG)]),
    ("float16", pa.array([2.5, None, 3.0], pa.float16()), None),
    ("float32", pa.array([2.5, None, 3.0], pa.float32()), ["2.5", None, "3.0"]),
    ("float64", pa.array([2.5, None, 3.0]), ["2.5", None, "3.0"]),
    ("bool", pa.array([True, None, False]), ["true", None, "false"]),
    ("decimal32", pa.array([D("1.25"), None, D("-3.00")], pa.decimal32(9, 2)), ["1.25", None, "-3.00"]),
    ("decimal64", pa.array([D("1.25"), None, D("-3.00")], pa.decimal64(18, 2)), ["1.25", None, "-3.00"]),
    ("decimal128", pa.array([D("1.25"), None, D("-3.00")], pa.decimal128(38, 2)), ["1.25", None, "-3.00"]),
    ("decimal256", pa.array([D("1.25"), None, D("-3.00")], pa.decimal256(38, 2)), ["1.25", None, "-3.00"]),
    ("decimal256 wide", pa.array([D("1.25"), None, D("-3.00")], pa.decimal256(76, 2)), None),
    ("string", pa.array(["Ayer", None, "ñ"]), ["Ayer", None, "ñ"]),
    ("large_string", pa.array(["Ayer", None, "ñ"], pa.large_string()), ["Ayer", None, "ñ"]),
    ("string_view", pa.array(["Ayer", None, "ñ"], pa.string_view()), ["Ayer", None, "ñ"]),
    ("binary", pa.array([b"Ayer", None, "ñ".encode()], pa.binary()), ["Ayer", None, "ñ"]),
    ("large_binary", pa.array([b"Ayer", None, "ñ".encode()], pa.large_binary()), ["Ayer", None, "ñ"]),
    ("binary of 4", pa.array([b"Ayer", None, b"Leee"], pa.binary(4)), ["Ayer", None, "Leee"]),
    ("binary not text", pa.array([b"\xff\xfe", None, b"\x80"], pa.binary()), None),
    ("date32", pa.array([DAY, None, DAY], pa.date32()), ["2024-03-01", None, "2024-03-01"]),
    ("date64", pa.array([DAY, None, DAY], pa.date64()), ["2024-03-01T00:00:00Z", None, "2024-03-01T00:00:00Z"]),
    *[(f"timestamp {unit}", stamps(unit, None), ["2024-03-01T12:30:15Z", None, None]) for unit in ["s", "ms", "us", "ns"]],
    *[(f"timestamp {unit} in Madrid", stamps(unit, "Europe/Madrid"), ["2024-03-01T13:30:15", None, None]) for unit in ["s", "ms", "us", "ns"]],
    *[(f"timestamp {unit} +05:30", stamps(unit, "+05:30"), ["2024-03-01T18:00:15", None, None]) for unit in ["s", "ms", "us", "ns"]],
    ("null", pa.nulls(3), [None, None, None]),
    ("category of text", category(pa.array(["Ayer", "Lee"])), ["Ayer", None, "Lee"]),
    ("category of large text", category(pa.array(["Ayer", "Lee"], pa.large_string())), ["Ayer", None, "Lee"]),
    ("category of int8 keys", category(pa.array(["Ayer", "Lee"]), pa.int8()), ["Ayer", None, "Lee"]),
    ("category of int64 keys", category(pa.array(["Ayer", "Lee"]), pa.int64()), ["Ayer", None, "Lee"]),
    ("category of uint8 keys", category(pa.array(["Ayer", "Lee"]), pa.uint8()), ["Ayer", None, "Lee"]),
    ("category of integers", category(pa.array([3, 4])), ["3", None, "4"]),
    ("category of int16", category(pa.array([3, 4], pa.int16())), ["3", None, "4"]),
    ("category of floats", category(pa.array([2.5, 3.0])), ["2.5", None, "3.0"]),
    ("category of dates", category(pa.array([DAY, DAY])), ["2024-03-01", None, "2024-03-01"]),
    ("category of booleans", category(pa.array([True, False])), ["true", None, "false"]),
    ("category of timestamps", category(pa.array([NOON, NOON])), ["2024-03-01T12:30:15Z", None, "2024-03-01T12:30:15Z"]),
    ("category of binary", category(pa.array([b"Ayer", b"Lee"])), ["Ayer", None, "Lee"]),
    ("category of decimals", category(pa.array([D("1.25"), D("-3.00")])), ["1.25", None, "-3.00"]),
    ("time32", pa.array([NOON.time(), None, NOON.time()], pa.time32("s")), None),
    ("time64", pa.array([NOON.time(), None, NOON.time()], pa.time64("us")), None),
    ("duration", pa.array([datetime.timedelta(3), None, datetime.timedelta(4)], pa.duration("us")), None),
    ("list", pa.array([[1], None, [2]]), None),
    ("large list", pa.array([[1], None, [2]], pa.large_list(pa.int64())), None),
    ("fixed list", pa.array([[1], None, [2]], pa.list_(pa.int64(), 1)), None),
    ("struct", pa.array([{"a": 1}, None, {"a": 2}]), None),
    ("map", pa.array([[("a", 1)], None, []], pa.map_(pa.string(), pa.int64())), None),
]

for name, values, cells in CASES:
    for dictionary in [True, False]:
        out = io.BytesIO()
        try:
            pq.write_table(pa.table({"price": [100_000, 200_000, 300_000], name: values}), out, use_dictionary=dictionary)
        except (pa.ArrowNotImplementedError, pa.ArrowInvalid) as error:
            raise SystemExit(f"{name}: {error}")
        print(json.dumps({"name": name, "cells": cells, "data": base64.b64encode(out.getvalue()).decode()}))

for name, values, cells in [
    ("pandas categories of integers", pd.Categorical([3, None, 4]), ["3", None, "4"]),
    ("pandas categories of dates", pd.Categorical([pd.Timestamp(DAY), None, pd.Timestamp(DAY)]), ["2024-03-01T00:00:00Z", None, "2024-03-01T00:00:00Z"]),
    ("pandas categories of booleans", pd.Categorical([True, None, False]), ["true", None, "false"]),
    ("pandas float16", pd.Series([2.5, None, 3.0], dtype="float16"), None),
    ("pandas periods", pd.Series(pd.period_range("2024-01", periods=3, freq="M").astype(str)), ["2024-01", "2024-02", "2024-03"]),
]:
    out = io.BytesIO()
    pd.DataFrame({"price": [1, 2, 3], name: values}).to_parquet(out)
    print(json.dumps({"name": name, "cells": cells, "data": base64.b64encode(out.getvalue()).decode()}))
