"""The work of `preprocess` with polars, DuckDB or pandas, as a careful engineer would write it: read as text, strip, cast,
reject, deduplicate, keys and hashes, profile, Parquet. Prints the counts and the seconds without start and imports.

    peers.py polars|duckdb|pandas CSV FOLDER"""

import json
import sys
import time

NULLS = ["", "na", "n/a", "#n/a", "#na", "<na>", "nan", "-nan", "null", "none", "nil", "nat", "undefined", "-", "--", "?"]
NUMBERS = {"price": (1e-300, 1e9), "bed": (0, 1e3), "bath": (0, 1e3), "acre_lot": (0, 3e6), "house_size": (0, 2e7)}
TEXTS = ["brokered_by", "status", "street", "city", "state"]
CLEAN = ["brokered_by", "status", "price", "bed", "bath", "acre_lot", "street", "city", "state", "zip_code", "house_size", "prev_sold_date"]
# A count of units, dollars and commas between groups of three digits.
AMOUNT = r"^[-+]?\$?(?:\d+|\d{1,3}(?:,\d{3})+)?(?:\.\d*)?(?:[eE][-+]?\d+)?$"


def polars(path: str, folder: str) -> tuple[int, int, int]:
    raw = pl.read_csv(path, infer_schema=False)
    text = raw.with_columns(pl.all().str.strip_chars())
    text = text.with_columns(pl.when(pl.all().str.to_lowercase().is_in(NULLS)).then(None).otherwise(pl.all()).name.keep())
    number = lambda name: pl.col(name).str.replace_all("[$,]", "").cast(pl.Float64, strict=False)
    zip_code = pl.col("zip_code").str.split("-").list.first().str.replace(r"\.0*$", "")
    table = text.with_columns(
        *[number(name) for name in NUMBERS],
        *[pl.col(name).str.replace(r"^(-?\d+)\.0*$", "$1") for name in TEXTS],
        pl.when(zip_code.str.contains(r"^\d{1,5}$") & ~zip_code.str.contains("^0+$")).then(zip_code.str.zfill(5)).alias("zip_code"),
        pl.col("prev_sold_date").str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False),
    )
    outside = [(pl.col(name) < low) | (pl.col(name) > high) for name, (low, high) in NUMBERS.items()]
    refused = table.select(pl.col("price").is_null() | pl.any_horizontal(*[one.fill_null(False) for one in outside])).to_series()
    raw.filter(refused).write_parquet(f"{folder}/rejected.parquet", compression="zstd")
    good = table.filter(~refused)
    clean = good.unique(maintain_order=True)
    place = pl.coalesce("zip_code", pl.concat_str(["city", "state"], ignore_nulls=True))
    street = pl.col("street").str.to_lowercase().str.replace_all(r"[^\w ]", "")
    clean = clean.with_columns(pl.struct(street, place).hash().alias("property_key"), pl.struct(CLEAN).hash().alias("row_hash"))
    steps = [step / 100 for step in range(101)]
    for name in NUMBERS:
        column = clean[name].drop_nulls()
        (column.mean(), column.std(), column.n_unique(), [column.quantile(step) for step in steps] if len(column) < 3 else column.sort().gather([int(step * (len(column) - 1)) for step in steps]))
    for name in [*TEXTS, "zip_code"]:
        clean[name].value_counts(sort=True).head(50_000)
    clean.write_parquet(f"{folder}/clean.parquet", compression="zstd")
    return clean.height, int(refused.sum()), good.height - clean.height


def duckdb(path: str, folder: str) -> tuple[int, int, int]:
    db = ddb.connect(config={"threads": 2})
    nulls = ", ".join(f"'{null}'" for null in NULLS)
    db.execute(f"CREATE TABLE raw AS SELECT * FROM read_csv('{path}', all_varchar=true, header=true)")
    text = lambda name: f"CASE WHEN lower(trim({name})) IN ({nulls}) THEN NULL ELSE trim({name}) END"
    zip_code = f"regexp_replace(split_part({text('zip_code')}, '-', 1), '\\.0*$', '')"
    select = {name: f"try_cast(replace(replace({text(name)}, '$', ''), ',', '') AS DOUBLE)" for name in NUMBERS}
    select |= {name: f"regexp_replace({text(name)}, '^(-?[0-9]+)\\.0*$', '\\1')" for name in TEXTS}
    select["zip_code"] = f"CASE WHEN regexp_matches({zip_code}, '^[0-9]{{1,5}}$') AND NOT regexp_matches({zip_code}, '^0+$') THEN lpad({zip_code}, 5, '0') END"
    select["prev_sold_date"] = f"try_cast(left({text('prev_sold_date')}, 10) AS DATE)"
    columns = ", ".join(f"{select[name]} AS {name}" for name in CLEAN)
    outside = " OR ".join(f"coalesce({name} < {low} OR {name} > {high}, false)" for name, (low, high) in NUMBERS.items())
    db.execute(f"CREATE TABLE cast_rows AS SELECT *, price IS NULL OR {outside} AS refused FROM (SELECT rowid AS place, {columns} FROM raw)")
    db.execute(f"COPY (SELECT raw.* FROM raw JOIN cast_rows ON raw.rowid = place WHERE refused) TO '{folder}/rejected.parquet' (COMPRESSION zstd)")
    names = ", ".join(CLEAN)
    db.execute(f"CREATE TABLE clean AS SELECT {names}, hash(lower(street), coalesce(zip_code, city || state)) AS property_key, hash({names}) AS row_hash "
               f"FROM (SELECT {names}, min(place) AS place FROM cast_rows WHERE NOT refused GROUP BY ALL) ORDER BY place")
    for name in NUMBERS:
        db.execute(f"SELECT avg({name}), stddev({name}), count(DISTINCT {name}), quantile_disc({name}, {[step / 100 for step in range(101)]}) FROM clean").fetchall()
    for name in [*TEXTS, "zip_code"]:
        db.execute(f"SELECT {name}, count(*) FROM clean GROUP BY 1 ORDER BY 2 DESC LIMIT 50000").fetchall()
    db.execute(f"COPY clean TO '{folder}/clean.parquet' (COMPRESSION zstd)")
    count = lambda sql: db.execute(f"SELECT count(*) FROM {sql}").fetchone()[0]
    clean, rejected = count("clean"), count("cast_rows WHERE refused")
    return clean, rejected, count("raw") - clean - rejected


def pandas(path: str, folder: str) -> tuple[int, int, int]:
    raw = pd.read_csv(path, dtype=str, keep_default_na=False)
    text = raw.apply(lambda column: column.str.strip())
    text = text.mask(text.apply(lambda column: column.str.lower().isin(NULLS)))
    table = pd.DataFrame(index=raw.index)
    for name in CLEAN:
        column = text[name]
        if name in NUMBERS:
            table[name] = pd.to_numeric(column.str.replace("[$,]", "", regex=True), errors="coerce")
        elif name == "zip_code":
            digits = column.str.split("-").str[0].str.replace(r"\.0*$", "", regex=True)
            table[name] = digits.where(digits.str.fullmatch(r"\d{1,5}").fillna(False) & ~digits.str.fullmatch("0+").fillna(False)).str.zfill(5)
        elif name == "prev_sold_date":
            table[name] = pd.to_datetime(column.str[:10], format="%Y-%m-%d", errors="coerce")
        else:
            table[name] = column.str.replace(r"^(-?\d+)\.0*$", r"\1", regex=True)
    refused = table["price"].isna()
    for name, (low, high) in NUMBERS.items():
        refused |= (table[name] < low) | (table[name] > high)
    raw[refused].to_parquet(f"{folder}/rejected.parquet", compression="zstd")
    good = table[~refused]
    clean = good.drop_duplicates().copy()
    place = clean["zip_code"].fillna(clean["city"].fillna("") + clean["state"].fillna(""))
    clean["property_key"] = pd.util.hash_pandas_object(clean["street"].str.lower() + " " + place, index=False)
    clean["row_hash"] = pd.util.hash_pandas_object(clean[CLEAN], index=False)
    for name in NUMBERS:
        column = clean[name].dropna()
        (column.mean(), column.std(), column.nunique(), column.quantile([step / 100 for step in range(101)], interpolation="lower"))
    for name in [*TEXTS, "zip_code"]:
        clean[name].value_counts().head(50_000)
    clean.to_parquet(f"{folder}/clean.parquet", compression="zstd")
    return len(clean), int(refused.sum()), len(good) - len(clean)


if __name__ == "__main__":
    _, library, path, folder = sys.argv
    if library == "polars":
        import polars as pl
    elif library == "duckdb":
        import duckdb as ddb
    else:
        import pandas as pd
    begun = time.perf_counter()
    clean, rejected, duplicates = globals()[library](path, folder)
    print(json.dumps({"seconds": time.perf_counter() - begun, "clean": clean, "rejected": rejected, "duplicates": duplicates}))
