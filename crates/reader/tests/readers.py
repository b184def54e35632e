"""Generated tables in many forms, one line of JSON each: the bytes, and the cells as Python's csv or pandas reads them
again. Every seventh file is damaged: a text of rows in some of its rows, of which the others are expected; of other
files nothing is expected but an answer.

    readers.py COUNT"""

import base64
import csv
import datetime
import decimal
import io
import json
import random
import sys
import zipfile

import openpyxl
import pandas as pd

WORDS = ["Lee", "Ayer", "A Coruña", "Málaga", "", " ", "East  Windsor", "O'Brien", "say \"hi\"", "a, b", "c; d", "x|y", "two\nlines", "tab\there",
         "289900.0", "06016", "1,180", "-1", "1e5", "NaN", "null", "0", "1999-09-30", "ñ", "=SUM(A1)", "#", "\\", "'", "«»", "100 €"]
ENCODINGS = ["utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"]
ZONES = [None, "Europe/Madrid", "America/New_York", "Asia/Kolkata", "+02:00"]


def text_table(rng: random.Random) -> tuple[list[str], list[list[str]]]:
    width, height = rng.randint(2, 8), rng.randint(5, 30)
    names = [f"{rng.choice(['price', 'bed', 'city', 'note', 'col umn', 'Fläche'])}{place}" for place in range(width)]
    # A first column that is never empty, as no source leaves its key empty.
    rows = [[str(place), *(rng.choice(WORDS) for _ in range(width - 1))] for place in range(height)]
    return names, rows


def delimited(rng: random.Random) -> dict:
    names, rows = text_table(rng)
    form = {"delimiter": rng.choice(",;\t|"), "lineterminator": rng.choice(["\n", "\r\n"]),
            "quoting": rng.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])}
    out = io.StringIO()
    csv.writer(out, **form).writerows([names, *rows])
    encoding = rng.choice(ENCODINGS)
    if encoding == "cp1252" and sum(not line.isascii() for line in out.getvalue().split("\n")) < 3:
        # One or two lines that are not UTF-8 are broken lines.
        encoding = "utf-8"
    data = out.getvalue().encode(encoding)
    text = data.decode(encoding)
    again = list(csv.reader(io.StringIO(text, newline=""), delimiter=form["delimiter"]))
    other = pd.read_csv(io.StringIO(text, newline=""), sep=form["delimiter"], dtype=str, keep_default_na=False)
    assert [again[0], *again[1:]] == [list(other.columns), *other.values.tolist()], (again, other)
    out = [io.StringIO() for _ in again]
    for part, row in zip(out, [names, *rows]):
        csv.writer(part, **form).writerow(row)
    parts = [part.getvalue() for part in out] if encoding == "utf-8" else None
    return {"format": "csv", "data": data, "names": again[0], "rows": again[1:], "parts": parts}


def lines(rng: random.Random) -> dict:
    names, rows = text_table(rng)
    kinds = [rng.choice(["text", "whole", "real", "bool"]) for _ in names]
    make = {"text": lambda: rng.choice([*WORDS, None]), "whole": lambda: rng.choice([rng.randint(-9, 10**6), None]),
            "real": lambda: rng.choice([rng.randint(-9, 10**6) / 4 + 0.125, None]), "bool": lambda: rng.choice([True, False, None])}
    rows = [[make[kind]() for kind in kinds] for _ in rows]
    records = [dict(zip(names, row)) for row in rows]
    is_lines = rng.random() < 0.5
    escaped = rng.random() < 0.5
    dumped = [json.dumps(record, ensure_ascii=escaped) for record in records]
    text = "\n".join(dumped) if is_lines else f"[{', '.join(dumped)}]"
    spelled = lambda value: None if value is None else ("true" if value else "false") if isinstance(value, bool) else str(value)
    return {"format": "ndjson" if is_lines else "json", "data": text.encode(), "names": names, "rows": [[spelled(value) for value in row] for row in rows],
            "parts": ["", *(line + "\n" for line in dumped)] if is_lines else None}


def parquet(rng: random.Random) -> dict:
    height = rng.randint(1, 30)
    zone = rng.choice(ZONES)
    days = [datetime.date(rng.randint(1950, 2024), rng.randint(1, 12), rng.randint(1, 28)) for _ in range(height)]
    words = [rng.choice([*WORDS, None]) for _ in range(height)]
    reals = [rng.choice([rng.randint(-9, 10**6) / 4 + 0.125, None]) for _ in range(height)]
    cents = [rng.choice([decimal.Decimal(rng.randint(-9, 10**9)) / 100, None]) for _ in range(height)]
    whole = {name: [rng.randint(0, 100) for _ in range(height)] for name in ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]}
    columns = {
        "text": pd.Series(words, dtype="str"),
        "category": pd.Categorical(words),
        "real": reals,
        "cents": pd.Series([None if cent is None else cent.quantize(decimal.Decimal("0.01")) for cent in cents], dtype=object),
        "day": days,
        "time": pd.to_datetime(pd.Series(days)).dt.tz_localize(zone),
        "nullable": pd.array([None if real is None else int(real) for real in reals], dtype="Int64"),
        "flag": [real is not None for real in reals],
        "lists": [[1, 2]] * height,
    } | {name: pd.Series(values, dtype=name) for name, values in whole.items()}
    frame = pd.DataFrame(columns)
    out = io.BytesIO()
    frame.to_parquet(out, compression=rng.choice(["snappy", "gzip", "zstd", None]))
    plain = lambda value: None if value is None else str(value)
    expected = {
        "text": words, "category": words, "real": [plain(real) for real in reals],
        "cents": [None if cent is None else f"{cent:.2f}" for cent in cents],
        "day": [str(day) for day in days], "time": [f"{day}T00:00:00" + ("" if zone else "Z") for day in days],
        "nullable": [None if real is None else str(int(real)) for real in reals],
        "flag": ["true" if real is not None else "false" for real in reals],
    } | {name: [str(value) for value in values] for name, values in whole.items()}
    return {"format": "parquet", "data": out.getvalue(), "names": list(expected), "rows": [list(row) for row in zip(*expected.values())]}


def sheet(rng: random.Random) -> dict:
    names, rows = text_table(rng)
    words = [word for word in WORDS if not word.startswith("=")]
    make = {"text": lambda: rng.choice(words) or None, "whole": lambda: rng.choice([rng.randint(-9, 10**6), None]),
            "real": lambda: rng.choice([rng.randint(-9, 10**6) / 4 + 0.125, None]), "bool": lambda: rng.choice([True, False, None]),
            "day": lambda: datetime.date(rng.randint(1950, 2024), rng.randint(1, 12), rng.randint(1, 28))}
    kinds = ["whole", *(rng.choice(list(make)) for _ in names[1:])]
    rows = [[place, *(make[kind]() for kind in kinds[1:])] for place in range(len(rows))]
    book = openpyxl.Workbook()
    book.active.title = "Listings"
    for row in [names, *rows]:
        book.active.append(row)
    if rng.random() < 0.3:
        book.create_sheet("Notes", rng.choice([0, 1])).append(["Exported for the record"])
    out = io.BytesIO()
    book.save(out)
    spelled = lambda value: None if value is None else ("true" if value else "false") if isinstance(value, bool) else str(value)
    return {"format": "csv", "data": out.getvalue(), "names": names, "rows": [[spelled(value) for value in row] for row in rows]}


def zipped(rng: random.Random, case: dict) -> dict:
    out = io.BytesIO()
    end = {"csv": rng.choice(["csv", "txt", "TSV"]), "ndjson": "jsonl"}.get(case["format"], case["format"])
    if case["data"].startswith(b"PK"):
        end = "xlsx"
    with zipfile.ZipFile(out, "w", rng.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])) as archive:
        archive.writestr(f"listings.{end}", case["data"])
        if rng.random() < 0.5:
            archive.writestr("README.md", "Sold homes")
    return case | {"data": out.getvalue(), "parts": None}


def damaged_rows(rng: random.Random, case: dict) -> dict:
    """Some rows get other characters; one of them, a byte that is not UTF-8. No character ends a line, nor opens a
    quote where a field may go on in the next line."""
    header, *rows = [part.encode() for part in case["parts"]]
    quotes = case["format"] == "ndjson" or not any("\n" in (cell or "") for row in case["rows"] for cell in row)
    characters = [*b"aZ0 ,;|\t.{}[]:\\-'"] + [*b'""'] * quotes
    # A broken row of several lines is several broken rows.
    single = [place for place, row in enumerate(rows) if b"\n" not in row.rstrip(b"\r\n")]
    hit = sorted(rng.sample(single, min(len(single), rng.randint(1, 3))))
    not_text = rng.choice([*hit, None])
    for place in hit:
        row = bytearray(rows[place])
        end = len(row.rstrip(b"\r\n"))
        for _ in range(rng.randint(1, 4)):
            row.insert(rng.randint(1, end), rng.choice(characters))
            end += 1
        if place == not_text:
            row.insert(rng.randint(1, end), 0xff)
        rows[place] = bytes(row)
    kept = [row for place, row in enumerate(case["rows"]) if place not in hit]
    return {"format": case["format"], "data": header + b"".join(rows), "names": case["names"], "rows": kept, "damaged_rows": len(hit)}


def damaged(rng: random.Random, case: dict) -> dict:
    data = bytearray(case["data"])
    for _ in range(rng.randint(1, 4)):
        where = rng.randrange(len(data))
        match rng.randrange(3):
            case 0: data[where] = rng.randrange(256)
            case 1: del data[where:where + rng.randint(1, 9)]
            case _: data[where:where] = bytes(rng.randrange(256) for _ in range(rng.randint(1, 9)))
        if not data:
            break
    return {"format": case["format"], "data": bytes(data)}


for seed in range(int(sys.argv[1])):
    rng = random.Random(seed)
    case = rng.choices([delimited, lines, parquet, sheet], [6, 2, 1, 1])[0](rng)
    if rng.random() < 0.05:
        case = zipped(rng, case)
    if seed % 7 == 0:
        case = damaged_rows(rng, case) if case.get("parts") else damaged(rng, case)
    case.pop("parts", None)
    print(json.dumps(case | {"seed": seed, "data": base64.b64encode(case["data"]).decode()}))
