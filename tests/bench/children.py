"""What the bench runs as processes of their own: baselines, the GX check, the regulator's queries, forms.

Each prints one JSON object. A: DuckDB alone, as a careful person would load the same rows. B: pandas, Great
Expectations on the frame, insert.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

THREADS = 2
NAMES = ("ticket_no", "site_name", "receiver", "plate", "product_name", "direction", "gross_kg", "tare_kg", "net_kg",
         "scale_no", "first_weighed_at", "weighed_at", "destination")  # fmt: skip
TYPES = {"gross_kg": "DECIMAL(14, 3)", "tare_kg": "DECIMAL(14, 3)", "net_kg": "DECIMAL(14, 3)",
         "first_weighed_at": "TIMESTAMP", "weighed_at": "TIMESTAMP"}  # fmt: skip
QUERY_ROUNDS = 7


def baseline_a(path: str, database: str) -> dict[str, Any]:
    """Load UTF-8 rows, typed, by `read_csv` into a database file, and checkpoint."""
    import duckdb

    with duckdb.connect(database) as con:
        con.execute(f"SET threads = {THREADS}")
        columns = {name: TYPES.get(name, "VARCHAR") for name in NAMES}
        con.execute(
            "CREATE TABLE ticket AS SELECT * FROM read_csv(?, header = true, auto_detect = false, delim = ',',"
            " quote = '\"', columns = ?)",
            [path, columns],
        )
        con.execute("CHECKPOINT")
        row = con.execute("SELECT count(*) FROM ticket").fetchone()
    return {"rows": row[0] if row else 0}


def baseline_b(path: str, database: str) -> dict[str, Any]:
    """Read GB18030 with pandas, check the frame with the contract's expectations, insert it into DuckDB."""
    import duckdb
    import great_expectations as gx
    import pandas as pd
    from great_expectations.data_context.types.base import ProgressBarsConfig
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    from pipelines import contracts

    frame = pd.read_csv(
        path,
        encoding="gb18030",
        header=0,
        names=list(NAMES),
        dtype={"ticket_no": str},
        parse_dates=["first_weighed_at", "weighed_at"],
    )
    frame["direction"] = frame["direction"].map({"销售": "out", "采购": "in"})
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    suite = gx.ExpectationSuite(name="ticket")
    for spec in contracts.contracts()["weighbridge_ticket"].expectations:
        if spec["kwargs"].get("column", "site_name") in NAMES:
            suite.add_expectation_configuration(
                ExpectationConfiguration(type=spec["type"], kwargs=dict(spec["kwargs"]))
            )
    asset = context.data_sources.add_pandas("frame").add_dataframe_asset("ticket")
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": frame})
    outcome = batch.validate(suite)
    with duckdb.connect(database) as con:
        con.execute(f"SET threads = {THREADS}")
        con.execute("CREATE TABLE ticket AS SELECT * FROM frame")
        con.execute("CHECKPOINT")
    return {"rows": len(frame), "expectations": len(outcome.results), "is_success": bool(outcome.success)}


def check() -> dict[str, Any]:
    """Time the checks of the home in SANDWATCH_HOME, the import of Great Expectations apart."""
    from pipelines import settings, warehouse
    from pipelines.trust import checks, gx_duckdb, validating

    assert gx_duckdb
    assert validating
    current = settings.load()
    with warehouse.writer(current) as con:
        begin = time.perf_counter()
        summary = checks.run(con, current)
        seconds = time.perf_counter() - begin
    checks.require(summary)
    return {"seconds": seconds, "checks": summary.result_count}


def queries() -> dict[str, Any]:
    """Time each regulator query on the published edition, warm: median of several."""
    import statistics

    import duckdb

    from pipelines import settings
    from pipelines.publishing import editions, regulator_macros

    path = editions.current(settings.load(), "regulator")
    with duckdb.connect(str(path), read_only=True) as con:
        con.execute(f"SET threads = {THREADS}")
        con.execute("SET TimeZone = 'Asia/Shanghai'")
        macros = con.execute("SELECT count(*) FROM duckdb_functions() WHERE function_name = 'truck'").fetchone()
        if not macros or not macros[0]:
            raise SystemExit(f"{path.name} holds no macros ({regulator_macros.__name__}.create was not called)")
        found = con.execute(
            "SELECT plate, record_id, weighed_on FROM mart.overload_record WHERE verdict = 'breached'"
            " ORDER BY weighed_on DESC, record_id LIMIT 1"
        ).fetchone()
        if found is None:
            raise SystemExit("the edition holds no overload record: nothing to ask for")
        plate, record, last = found
        calls = {
            "truck": f"truck('{plate}', DATE '{last}' - 180, '{last}')",
            "repeat": f"repeat('{last}')",
            "site_week": "site_week()",
            "record": f"record('{record}')",
            "handover": f"handover(DATE '{last}' - 30, '{last}')",
        }
        seconds = {}
        rows = {}
        for name, call in calls.items():
            times = []
            for _ in range(QUERY_ROUNDS + 1):
                begin = time.perf_counter()
                rows[name] = con.execute(f"FROM {call}").to_arrow_table().num_rows
                times.append(time.perf_counter() - begin)
            seconds[name] = statistics.median(times[1:])
    return {"seconds": seconds, "rows": rows}


def waybills(rows: str) -> dict[str, Any]:
    """Time laying forms beside tickets, in memory; wrong findings fail it."""
    from tests.bench import waybills as forms

    return forms.measure(int(rows))


def scores(path: str) -> dict[str, Any]:
    """Score the first series of a file one by one, by statsmodels."""
    from tests.bench import scores as prices

    return prices.one_by_one(path)


def main(arguments: list[str]) -> None:
    """Run the child named first and print what it found."""
    name, *rest = arguments
    for old in rest[1:]:
        Path(old).unlink(missing_ok=True)
    children = {"a": baseline_a, "b": baseline_b, "check": check, "queries": queries, "waybills": waybills,
                "scores": scores}  # fmt: skip
    sys.stdout.write(json.dumps(children[name](*rest)) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
