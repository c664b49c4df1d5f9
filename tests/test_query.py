"""`sandwatch sql`: answers are exact, and no query gets out of the edition, changes it or outlives its limits."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import re
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines.errors import MachineError, WrongCallError
from pipelines.publishing import access_files, editions, query
from pipelines.publishing.query import Limits, QueryLimitError, QueryRefusedError
from pipelines.settings import ROOT, Settings

TABLES = {"regulator": ["policy.verdict", "mart.week"], "public": ["mart.week"]}
SMALL = Limits(timeout_s=1.2, memory_mib=128, cpu_s=3, max_rows=100, threads=2, max_bytes=200_000)


def build_warehouse(settings: Settings) -> duckdb.DuckDBPyConnection:
    con = duckdb.connect(settings.warehouse)
    con.execute("SET TimeZone = 'Asia/Shanghai'")
    con.execute("CREATE SCHEMA policy; CREATE SCHEMA mart")
    con.execute("CREATE TABLE policy.verdict AS SELECT 'axle_limit' AS rule, '豫Q12345' AS plate, 'met' AS verdict")
    con.execute(
        """
        CREATE TABLE mart.week AS
        SELECT
            i::INTEGER AS week_no,
            'site ' || i AS site_name,
            (i * 1.5)::DECIMAL(14, 3) AS net_t,
            DATE '2026-11-23' + i::INTEGER AS day_date,
            TIMESTAMPTZ '2026-11-23 07:30:00+08' AS loaded_at,
            [i, i + 1] AS week_list,
            i % 2 = 0 AS is_even
        FROM range(1000) AS t (i)
        """
    )
    return con


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    settings = Settings(home=tmp_path_factory.mktemp("home"), actor="officer")
    with build_warehouse(settings) as con:
        editions.publish(con, settings, TABLES)
    return settings


def state(settings: Settings) -> dict[str, str]:
    """Name and content of every file of the editions folder."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(settings.editions.rglob("*"))
        if path.is_file()
    }


def log(settings: Settings) -> list[dict[str, Any]]:
    return [line.record for line in access_files.lines(settings) if line.record]


@pytest.fixture
def unharmed(published: Settings) -> Iterator[Settings]:
    """The published city; afterwards nothing in it or beside it may be new or changed."""
    before = state(published)
    yield published
    assert state(published) == before
    assert not list(Path("/tmp").glob("sandwatch-escape*"))  # noqa: S108


# --- answers


def test_values_are_exact_and_typed(published: Settings) -> None:
    result = query.run(published, "FROM mart.week ORDER BY week_no LIMIT 2 OFFSET 3")
    assert result.columns == (*("week_no", "site_name", "net_t", "day_date", "loaded_at", "week_list", "is_even"),)
    at = datetime.fromisoformat("2026-11-23T07:30:00+08:00")
    assert result.rows == (
        (3, "site 3", Decimal("4.500"), date(2026, 11, 26), at, [3, 4], False),
        (4, "site 4", Decimal("6.000"), date(2026, 11, 27), at, [4, 5], True),
    )
    assert result.rows[0][4].utcoffset() == timedelta(hours=8)
    assert not result.truncated
    assert result.note == "2 rows"


def test_json_output(published: Settings) -> None:
    sql = (
        "SELECT 1.10::DECIMAL(9, 2) AS d, DATE '2026-11-23' AS day, TIMESTAMPTZ '2026-11-23 07:30:00.5+08' AS at, "
        "'无' AS t, NULL AS nothing, 'nan'::DOUBLE AS nan, {'a': 0.1::DECIMAL(3, 1), 'l': [1]} AS s, 2 AS d, "
        "170141183460469231731687303715884105727::HUGEINT AS huge, 'infinity'::TIMESTAMPTZ AS never, "
        "'{\"k\": 1}'::JSON AS j"
    )
    text = query.run(published, sql, output="json").text
    assert json.loads(text, parse_float=Decimal) == [
        {
            "d": Decimal("1.10"),
            "day": "2026-11-23",
            "at": "2026-11-23T07:30:00.500000+08:00",
            "t": "无",
            "nothing": None,
            "nan": None,
            "s": {"a": Decimal("0.1"), "l": [1]},
            "d_2": 2,
            "huge": 2**127 - 1,
            "never": "infinity",
            "j": {"k": 1},
        }
    ]
    assert json.loads(query.run(published, "FROM mart.week WHERE false", output="json").text) == []


def test_csv_output_runs_no_formula(published: Settings) -> None:
    starts = ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "＝1", "plain", "a=b"]
    union = " UNION ALL ".join(f"SELECT {i} AS n, '{text}' AS \"=t\", -1.5 AS x" for i, text in enumerate(starts))
    text = query.run(published, f"{union} ORDER BY n", output="csv").text
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert rows[0] == ["n", "'=t", "x"]
    assert [row[1] for row in rows[1:]] == [f"'{start}" for start in starts[:7]] + starts[7:]
    assert {row[2] for row in rows[1:]} == {"-1.5"}  # a number stays a number
    text = query.run(published, "SELECT NULL, '', 'a\"b,c', true", output="csv").text
    assert text.splitlines()[1] == ',"","a""b,c",true'


def test_table_output_keeps_its_width_and_hides_controls(published: Settings) -> None:
    sql = "SELECT '[red]豫Q12345挂' AS 车牌, 'a\x1b[31mb' AS x, repeat('长', 100) AS long, 1 AS n"
    text = query.run(published, sql, width=60).text
    from rich.cells import cell_len

    assert "[red]豫Q" in text
    assert "\x1b" not in text
    assert max(cell_len(line) for line in text.splitlines()) <= 60
    assert text.endswith("1 row\n")


@pytest.mark.parametrize(
    "sql",
    [
        *("DESCRIBE mart.week", "SHOW ALL TABLES", "SUMMARIZE mart.week", "VALUES (1)", "TABLE mart.week"),
        *("EXPLAIN SELECT 1", "/* why */ EXPLAIN ANALYZE FROM mart.week", "EXPLAIN (FORMAT json) SELECT 1"),
        "WITH RECURSIVE r AS (SELECT 1 AS x UNION ALL SELECT x + 1 FROM r WHERE x < 9) FROM r; -- end",
        "PIVOT mart.week ON is_even IN (true, false) USING sum(net_t)",
        "SELECT comment FROM duckdb_columns() WHERE table_name = 'week'",
        "FROM range(3)",
        "SELECT unnest(week_list), row_number() OVER (ORDER BY week_no) FROM mart.week QUALIFY true",
        "FROM information_schema.columns",
    ],
)
def test_every_reading_statement_works(published: Settings, sql: str) -> None:
    assert query.run(published, sql).rows


def test_rows_and_bytes_are_cut_and_said(published: Settings) -> None:
    result = query.run(published, "FROM range(1000000000)", limits=SMALL, output="csv")
    assert (len(result.rows), result.truncated) == (100, True)
    assert "cut at 100" in result.note
    result = query.run(published, "SELECT repeat('x', 50000) FROM range(50)", limits=SMALL)
    assert (len(result.rows), result.truncated) == (3, True)
    assert "MiB" in result.note
    exact = query.run(published, "FROM range(100)", limits=SMALL)
    assert (len(exact.rows), exact.truncated) == (100, False)


def test_errors_are_the_askers_and_name_no_folder(published: Settings) -> None:
    with pytest.raises(WrongCallError, match='Referenced column "nope" not found') as failed:
        query.run(published, "SELECT nope FROM mart.week")
    assert failed.value.exit_code == 2
    with pytest.raises(WrongCallError, match="Could not convert") as failed:
        query.run(published, "SELECT site_name::INTEGER FROM mart.week")
    assert "#1" not in str(failed.value)  # nothing of the statement we make around the asker's
    with pytest.raises(WrongCallError, match="takes table, csv, json"):
        query.run(published, "SELECT 1", output="xml")
    with pytest.raises(WrongCallError, match="regulator or public"):
        query.run(published, "SELECT 1", edition="../regulator")
    with pytest.raises(WrongCallError, match="UTF-8"):
        query.run(published, "SELECT '\udc80'")


def test_the_public_edition_has_no_plate(published: Settings) -> None:
    assert query.run(published, "SELECT plate FROM policy.verdict").rows == (("豫Q12345",),)
    with pytest.raises(WrongCallError, match="does not exist"):
        query.run(published, "SELECT plate FROM policy.verdict", edition="public")


# --- escapes

WAL = "COPY (SELECT from_hex('00') AS b) TO '{edition}.wal' (FORMAT blob)"
ESCAPES = [
    WAL,
    WAL.replace(".wal", ".wal.checkpoint"),
    WAL.replace(".wal", ".tmp"),
    WAL.replace("{edition}.wal", "{edition}"),
    "COPY mart.week TO '/tmp/sandwatch-escape.csv'",
    "COPY mart.week TO '/dev/stdout'",
    "COPY mart.week FROM '/etc/passwd'",
    "EXPLAIN ANALYZE COPY mart.week TO '/tmp/sandwatch-escape.csv'",
    "EXPLAIN /* */ ANALYZE COPY mart.week TO '/tmp/sandwatch-escape.csv'",
    "EXPLAIN (ANALYZE) INSERT INTO mart.week FROM mart.week",
    "EXPORT DATABASE '/tmp/sandwatch-escape'",
    "IMPORT DATABASE '/tmp/sandwatch-escape'",
    "FROM read_csv('/etc/passwd')",
    "FROM Read_Text('/etc/passwd')",
    "FROM read_blob('{edition}')",
    "FROM read_json('/etc/passwd')",
    "FROM read_parquet('/tmp/x.parquet')",
    "FROM read_duckdb('{edition}')",
    "FROM sniff_csv('/etc/passwd')",
    "FROM glob('*')",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM '/etc/passwd.csv'",
    "SELECT * FROM '{edition}'",
    "SELECT * FROM 's3://bucket/x.parquet'",
    "SELECT * FROM 'https://example.com/x.csv'",
    "SELECT (SELECT content FROM read_text('/proc/self/environ'))",
    "WITH x AS MATERIALIZED (FROM read_text('/etc/passwd')) FROM x",
    "ATTACH ':memory:' AS m",
    "ATTACH '/tmp/sandwatch-escape.duckdb' AS m",
    "ATTACH '{warehouse}' AS w (READ_ONLY)",
    "DETACH regulator",
    "USE system",
    "INSTALL httpfs",
    "LOAD httpfs",
    "LOAD '/tmp/x.duckdb_extension'",
    "SET enable_external_access = true",
    "SET disabled_filesystems = ''",
    "SET lock_configuration = false",
    "RESET disabled_filesystems",
    "SET VARIABLE x = 1",
    "PRAGMA enable_profiling",
    "PRAGMA database_list",
    "PRAGMA version",
    "CALL enable_logging(storage = 'file', storage_config = {'path': '/tmp/sandwatch-escape'})",
    "FROM enable_logging()",
    "FROM enable_profiling(save_location = '/tmp/sandwatch-escape')",
    "SELECT write_log('x')",
    "CHECKPOINT",
    "FROM force_checkpoint()",
    "FROM checkpoint()",
    "SELECT getenv('PATH')",
    "SELECT current_setting('allowed_paths')",
    "SELECT main.current_setting('secret_directory')",
    "FROM duckdb_settings()",
    "FROM duckdb_databases",
    "FROM system.main.duckdb_databases()",
    'FROM "DUCKDB_DATABASES"',
    "SUMMARIZE duckdb_settings",
    "FROM pragma_database_list",
    "FROM pg_catalog.pg_settings",
    "FROM duckdb_secrets()",
    "FROM duckdb_logs()",
    "FROM duckdb_extensions()",
    "FROM which_secret('s3://x', 's3')",
    "CREATE SECRET s (TYPE s3)",
    "CREATE TABLE x AS SELECT 1",
    "CREATE TEMP TABLE x AS SELECT 1",
    "CREATE MACRO m() AS 1",
    "CREATE FUNCTION f() AS TABLE FROM read_text('/etc/passwd')",
    "INSERT INTO policy.verdict VALUES ('a', 'b', 'breached')",
    "UPDATE policy.verdict SET verdict = 'breached'",
    "DELETE FROM policy.verdict",
    "DROP TABLE policy.verdict",
    "ALTER TABLE policy.verdict ADD COLUMN x INTEGER",
    "COMMENT ON TABLE policy.verdict IS 'x'",
    "TRUNCATE policy.verdict",
    "MERGE INTO policy.verdict USING mart.week ON false WHEN NOT MATCHED THEN INSERT VALUES ('a', 'b', 'c')",
    "VACUUM",
    "BEGIN",
    "PREPARE p AS SELECT 1",
    "EXECUTE p",
    "SELECT 1; SELECT 2",
    "SELECT 1; COPY mart.week TO '/tmp/sandwatch-escape.csv'",
    "FROM query('SELECT path FROM duckdb_databases()')",
    "FROM query_table('duckdb_databases')",
    "FROM query_table(['duckdb_settings'])",
    "FROM json_execute_serialized_sql(json_serialize_sql('FROM duckdb_settings()'))",
    "FROM python_map_function()",
    "FROM pandas_scan(1)",
    "FROM arrow_scan(1, 2, 3)",
    "SELECT read_text('/etc/passwd')",
    "FROM read_text(getenv('HOME') || '/.bash_history')",
    "FROM read_csv_auto('/etc/*')",
    "FROM parquet_metadata('/tmp/x.parquet')",
    "FROM parquet_scan('https://example.com/x.parquet')",
    "FROM read_ndjson_objects('{edition}')",
    "SELECT * FROM 'hf://datasets/x/y.parquet'",
    "FROM postgres_scan('host=localhost', 'public', 't')",
    "FROM sqlite_scan('/tmp/x.db', 't')",
    "FROM quack_query('localhost', 'SELECT 1')",
    "FORCE INSTALL httpfs FROM 'http://example.com'",
    "UPDATE EXTENSIONS",
    "COPY (FROM mart.week) TO 'https://example.com/x.csv'",
    "COPY FROM DATABASE regulator TO memory",
    "FROM duckdb_temporary_files()",
    "FROM duckdb_variables()",
    "FROM duckdb_prepared_statements()",
    "SELECT content FROM (FROM read_blob('/proc/self/mem')) LIMIT 1",
    "FROM request",
    "FROM sys",
    "PIVOT mart.week ON is_even",
    "SELECT nextval('x')",
    "",
    "-- nothing",
]


def ask_all(settings: Settings, queries: list[str]) -> list[tuple[str, Exception | None, float]]:
    """Ask all, four at a time, as a service would be asked; return each with its error and its seconds."""

    def ask(sql: str) -> tuple[str, Exception | None, float]:
        began = time.monotonic()
        try:
            query.run(settings, sql, limits=SMALL)
        except Exception as error:
            return sql, error, time.monotonic() - began
        return sql, None, time.monotonic() - began

    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(ask, queries))


def test_no_way_out(unharmed: Settings) -> None:
    edition = str(editions.current(unharmed, "regulator"))
    queries = [sql.replace("{edition}", edition).replace("{warehouse}", str(unharmed.warehouse)) for sql in ESCAPES]
    wrong = []
    for sql, error, _ in ask_all(unharmed, queries):
        message = str(error)
        # A refusal is the asker's to repair, says why in more than a word, and names no folder of ours.
        names_folder = str(unharmed.home) in message.replace(sql, "")
        if not isinstance(error, WrongCallError) or names_folder or len(message) < 40:
            wrong.append((sql, repr(error)))
    assert wrong == []
    outcomes = {line["sql"]: line["outcome"] for line in log(unharmed) if line["event"] == "ended"}
    assert {sql: outcomes[sql] for sql in queries if outcomes[sql] not in ("refused", "failed")} == {}
    assert query.run(unharmed, "SELECT verdict FROM policy.verdict").rows == (("met",),)


def test_the_settings_hold_where_the_gate_does_not(unharmed: Settings, tmp_path: Path) -> None:
    """The gate reads statements; behind it DuckDB itself has to be closed. Here the gate is left out."""
    edition = editions.current(unharmed, "regulator")
    script = f"""
import sys; sys.path.insert(0, {str(ROOT / "pipelines" / "publishing")!r})
import json, query_child
request = dict(path={str(edition)!r}, memory_mib=128, cpu_s=5, threads=1, time_zone='Asia/Shanghai')
query_child.limit_process(request)
con, _ = query_child.open_edition(request)
variable = con.sql("SELECT 'of the process'")
for sql in json.load(sys.stdin):
    try:
        con.execute(sql)
    except Exception as error:
        print('closed', type(error).__name__, flush=True)
    else:
        print('OPEN', sql, flush=True)
"""
    target = tmp_path / "out"
    attempts = [
        WAL.replace("{edition}", str(edition)),
        WAL.replace("{edition}.wal", f"{edition}.tmp"),
        f"COPY mart.week TO '{target}'",
        f"EXPORT DATABASE '{target}'",
        f"ATTACH '{target}.duckdb' AS m",
        f"FROM enable_logging(storage = 'file', storage_config = {{'path': '{target}'}})",
        *("FROM read_text('/etc/passwd')", "FROM glob('/*')", "INSTALL httpfs", "LOAD httpfs"),
        *("SET disabled_filesystems = ''", "RESET lock_configuration", "SET temp_directory = '/tmp'"),
        *("DELETE FROM policy.verdict", "CREATE TABLE mart.x AS SELECT 1", "FROM variable", "FROM request"),
        "CREATE PERSISTENT SECRET s (TYPE s3, KEY_ID 'a', SECRET 'b')",
    ]
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-I", "-B", "-c", script], input=json.dumps(attempts), text=True, capture_output=True
    )
    assert "OPEN" not in done.stdout
    assert done.stdout.count("closed") == len(attempts), done.stderr
    assert not list(tmp_path.iterdir())


def test_the_child_inherits_nothing(published: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SANDWATCH_NOTIFY_URLS", "mailto://user:secret@example.com")
    probe = tmp_path / "probe.py"
    probe.write_text(
        "import json, os, sys\n"
        "json.load(sys.stdin)\n"
        "files = [os.readlink(f'/proc/self/fd/{fd}') for fd in os.listdir('/proc/self/fd') if int(fd) > 2\n"
        "         and os.path.exists(f'/proc/self/fd/{fd}')]\n"
        "found = [dict(os.environ), files, os.listdir('.'), os.getsid(0) == os.getpid()]\n"
        "print(json.dumps({'columns': [['x', 'VARCHAR']]})); print(json.dumps([json.dumps(found)]))\n"
        "print(json.dumps({'end': 'all'}))\n",
        encoding="utf-8",
    )
    monkeypatch.setattr(query, "CHILD", probe)
    with Path("/etc/hostname").open("rb") as kept, published.warehouse.open("rb"):
        os.set_inheritable(kept.fileno(), True)
        environment, files, folder, leads_session = json.loads(query.run(published, "SELECT 1").rows[0][0])
    assert set(environment) <= {"LC_CTYPE"}  # set by the interpreter itself
    assert (files, folder, leads_session) == ([], [], True)


# --- bombs

BOMBS = [
    "SELECT repeat('x', 4000000000)",
    "SELECT length(repeat('x', 4000000000))",
    "SELECT rpad('x', 2000000000, 'y')",
    "SELECT printf('%2000000000d', 1)",
    "SELECT count(*) FROM range(1000000000) a, range(1000000000) b",
    "SELECT sum(a.range * b.range) FROM range(1000000) a, range(1000000) b WHERE a.range <> b.range",
    "SELECT list(range) FROM range(1000000000)",
    "SELECT string_agg(range::VARCHAR) FROM range(1000000000)",
    "SELECT max(md5(range::VARCHAR)) FROM range(100000000000)",
    "WITH RECURSIVE r AS (SELECT 1 AS x UNION ALL SELECT x + 1 FROM r) SELECT count(*) FROM r",
    "WITH RECURSIVE r AS (SELECT repeat('x', 100000) AS x UNION ALL SELECT x || x FROM r) SELECT max(x) FROM r",
    "SELECT list_reduce(range(100000000), lambda a, b: a + b)",
    "SELECT levenshtein(repeat('a', 200000), repeat('b', 200000))",
    "SELECT sleep_ms(100000)",
    "SELECT array_agg(a) OVER (ORDER BY a) FROM range(100000000) t (a)",
    "SELECT repeat('x', 200000)",
    "SELECT " + "+".join(["1"] * 20000),
    "SELECT " + "(" * 20000 + "1" + ")" * 20000,
    "SELECT " + "not " * 20000 + "true",
    "SELECT 1 IN (" + ", ".join(["1"] * 50000) + ")",
]


def test_bombs_end_in_time(unharmed: Settings) -> None:
    wrong = []
    for sql, error, seconds in ask_all(unharmed, BOMBS):
        is_clear = re.search(r"limit|ended|at most|nested|needs more", str(error))
        advises_settings = re.search("temp_directory|PRAGMA|SET ", str(error))  # what a reader cannot follow
        is_limit = isinstance(error, QueryLimitError | QueryRefusedError)
        if not is_limit or not is_clear or advises_settings or seconds > SMALL.timeout_s + 2:
            wrong.append((sql[:100], repr(error), seconds))
    assert wrong == []
    assert query.run(unharmed, "SELECT 1").rows == ((1,),)  # the service stays up


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT list(range) FROM range(1000000000)",  # DuckDB's own limit sees this one
        "SELECT length(repeat('x', 4000000000))",  # and not this one: only the address space does
    ],
)
def test_want_of_memory_is_said_in_plain_words(published: Settings, sql: str) -> None:
    with pytest.raises(QueryLimitError, match="needs more than 128 MiB of memory: select fewer columns"):
        query.run(published, sql, limits=Limits(memory_mib=128))


def test_no_process_and_no_folder_stay_behind(
    published: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    started = []
    popen = subprocess.Popen

    def remember(*args: Any, **options: Any) -> Any:
        started.append(popen(*args, **options))
        return started[-1]

    monkeypatch.setattr(query.subprocess, "Popen", remember)
    with pytest.raises(QueryLimitError, match=r"ended after 0\.3 s"):
        query.run(published, "SELECT sleep_ms(100000)", limits=Limits(timeout_s=0.3))
    assert started[0].returncode == -9
    assert not list(tmp_path.iterdir())


def test_computing_time_is_limited(published: Settings) -> None:
    with pytest.raises(QueryLimitError, match="1 s of computing"):
        query.run(published, "SELECT max(md5(range::VARCHAR)) FROM range(100000000000)", limits=Limits(cpu_s=1))


def test_a_child_that_floods_is_bounded(published: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    flood = tmp_path / "flood.py"
    flood.write_text("import sys\nwhile True: sys.stdout.write('x' * 65536)\n", encoding="utf-8")
    monkeypatch.setattr(query, "CHILD", flood)
    with pytest.raises(QueryLimitError):
        query.run(published, "SELECT 1", limits=Limits(timeout_s=1, max_bytes=1000))
    broken = tmp_path / "broken.py"
    broken.write_text("print('hello'); import nothing_like_that\n", encoding="utf-8")
    monkeypatch.setattr(query, "CHILD", broken)
    with pytest.raises(MachineError, match="nothing_like_that"):
        query.run(published, "SELECT 1")


# --- the access log


def test_every_query_is_logged_with_its_outcome(published: Settings) -> None:
    before = len(log(published))
    query.run(published, "SELECT 1 AS 一 -- 为什么", purpose="case 12", edition="public")
    with pytest.raises(QueryRefusedError):
        query.run(published, "DROP TABLE mart.week")
    with pytest.raises(WrongCallError):
        query.run(published, "SELECT nope")
    with pytest.raises(QueryLimitError):
        query.run(published, "SELECT sleep_ms(9000)", limits=Limits(timeout_s=0.3))
    with pytest.raises(WrongCallError):
        query.run(published, "SELECT 1", edition="nothing")
    lines = log(published)[before:]
    assert [line["event"] for line in lines] == ["started", "ended"] * 5
    ended = lines[1::2]
    assert [line["id"] for line in ended] == [line["id"] for line in lines[::2]]
    assert [line["outcome"] for line in ended] == ["ok", "refused", "failed", "limit", "failed"]
    assert [line["build"] for line in ended] == [1, 1, 1, 1, None]
    first = ended[0]
    assert (first["actor"], first["edition"], first["purpose"]) == ("officer", "public", "case 12")
    assert (first["sql"], first["row_count"]) == ("SELECT 1 AS 一 -- 为什么", 1)
    assert 0 < first["duration_ms"] < 10_000
    assert datetime.fromisoformat(first["at"]).utcoffset() == timedelta(hours=8)
    assert {stat.S_IMODE(path.stat().st_mode) for path in (published.logs / "access").glob("*.jsonl")} == {0o640}


def test_what_cannot_be_logged_is_not_answered(
    published: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "editions").symlink_to(published.editions)
    (home / "logs").write_text("a file where the folder should be", encoding="utf-8")
    ran = []
    monkeypatch.setattr(query, "_ask", lambda *_: ran.append(1))
    with pytest.raises(MachineError, match=r"logs/access cannot be written .* not answered"):
        query.run(Settings(home=home), "SELECT 1")
    assert ran == []


# --- beside a writer


def test_queries_run_while_a_writer_writes_and_publishes(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    with build_warehouse(settings) as con:
        editions.publish(con, settings, TABLES)
        con.execute("BEGIN")
        con.execute("DELETE FROM mart.week")  # open and not committed: readers neither wait nor see it
        seen, errors, is_over = [], [], threading.Event()

        def read() -> None:
            while not is_over.is_set():
                try:
                    seen.append(query.run(settings, "SELECT count(*) FROM mart.week").rows[0][0])
                except Exception as error:
                    errors.append(error)

        readers = [threading.Thread(target=read) for _ in range(2)]
        for reader in readers:
            reader.start()
        for _ in range(8):
            editions.publish(con, settings, TABLES)
        time.sleep(0.5)
        is_over.set()
        for reader in readers:
            reader.join()
        con.execute("ROLLBACK")
    assert errors == []
    assert len(seen) > 3
    assert set(seen) == {1000}
    ids = [line["id"] for line in log(settings)]
    assert len(ids) == 2 * len(seen)
    assert len(set(ids)) == len(seen)


def test_importing_the_parent_side_is_light() -> None:
    code = (
        "import sys; import pipelines.publishing.query, pipelines.publishing.editions; "
        "heavy = ('duckdb', 'rich', 'pandas', 'pyarrow', 'numpy', 'yaml', 'sqlglot'); "
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
