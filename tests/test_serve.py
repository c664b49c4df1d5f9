"""`sandwatch serve`: a real server process and real clients; each gets what is theirs, and nothing else gets out."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import secrets
import signal
import socket
import stat
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import psutil
import pymysql
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mysql_mimic.errors import MysqlError
from mysql_mimic.types import Capabilities
from test_query import BOMBS, ESCAPES, build_warehouse, state
from test_query import TABLES as QUERY_TABLES

from pipelines.errors import MachineError, WrongCallError
from pipelines.publishing import editions
from pipelines.serving import login, metadata, parameters, people, sql_text
from pipelines.serving.connection import is_proof
from pipelines.settings import ROOT, ServeLimits, Settings

LIMITS = {"TIMEOUT_S": "4", "MEMORY_MIB": "128", "MAX_ROWS": "1500", "STATEMENTS": "2", "PER_PERSON": "20"}


TABLES = QUERY_TABLES | {"regulator": [*QUERY_TABLES["regulator"], "mart.overload_record"]}


class City:
    """A published home folder, its people, and a server of its own process."""

    def __init__(self, home: Path) -> None:
        self.settings = Settings(home=home, actor="chief")
        self.writer = build_warehouse(self.settings)
        self.writer.execute(
            "CREATE TABLE mart.overload_record AS SELECT '豫Q12345' AS plate, 'S1' AS site_id, DATE '2026-11-16' AS"
            " week_start, 4200 AS over_kg, 'breached' AS verdict"
        )
        editions.publish(self.writer, self.settings, TABLES)
        self.tokens = {
            name: people.grant(self.settings, name, roles=roles, purpose=purpose)[1] or ""
            for name, roles, purpose in [
                ("zhang", ["plates"], "patrol 2026"),
                ("li.wei", ["plates", "data_officer"], ""),
                ("guest", [], ""),
            ]
        }
        self.process, self.port = start(home, LIMITS)

    def connect(self, name: str = "zhang", **options: Any) -> pymysql.Connection[Any]:
        given = {"password": self.tokens.get(name, "wrong"), "port": self.port, "user": name, "read_timeout": 20}
        return pymysql.connect(host="127.0.0.1", **(given | options))

    def rows(self, sql: str, values: Any = None, **options: Any) -> list[tuple[Any, ...]]:
        with contextlib.closing(self.connect(**options)) as con, con.cursor() as cursor:
            cursor.execute(sql, values)
            return list(cursor.fetchall())

    def log(self) -> list[dict[str, Any]]:
        files = sorted((self.settings.logs / "access").glob("*.jsonl"))
        return [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]


def start(home: Path, limits: dict[str, str], *options: str) -> tuple[subprocess.Popen[str], int]:
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "pipelines", "serve", "--port", "0", *options],
        cwd=ROOT,
        env=os.environ | {"SANDWATCH_HOME": str(home)} | {f"SANDWATCH_SERVE_{k}": v for k, v in limits.items()},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr
    for line in process.stderr:
        if found := re.search(r"port (\d+)", line):
            return process, int(found[1])
    raise AssertionError(f"the server did not start: exit code {process.wait()}")


def stop(process: subprocess.Popen[str], how: int = signal.SIGTERM) -> str:
    process.send_signal(how)
    said = process.communicate(timeout=15)[1]
    assert process.returncode == 0, said
    return said


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    city = City(tmp_path_factory.mktemp("home"))
    yield city
    said = stop(city.process)
    city.writer.close()
    assert "stopped" in said
    assert "Traceback" not in said
    assert "豫" not in said


def refused(city: City, sql: str, **options: Any) -> str:
    with pytest.raises(pymysql.MySQLError) as error:
        city.rows(sql, **options)
    return str(error.value.args[1])


# --- answers


def test_values_of_all_types(city: City) -> None:
    sql = """
        SELECT 1.10::DECIMAL(9, 2), DATE '2026-11-23', TIMESTAMPTZ '2026-11-23 07:30:00.5+08',
            TIMESTAMP '2026-01-02 03:04',
            TIME '07:30:01.25', '无 ''x'' \\', NULL, 'nan'::DOUBLE, 2.5::DOUBLE, true, -7,
            18446744073709551615::UBIGINT, 170141183460469231731687303715884105727::HUGEINT,
            [1, 2], {'a': 0.1::DECIMAL(3, 1)},
            'infinity'::DATE, 'infinity'::TIMESTAMPTZ, INTERVAL 3 DAY, repeat('长', 50000), ''
    """
    at = datetime(2026, 11, 23, 7, 30, 0, 500_000)  # noqa: DTZ001  # told in the zone of the data
    clock = timedelta(hours=7, minutes=30, seconds=1.25)
    assert city.rows(sql) == [
        (
            *(Decimal("1.10"), date(2026, 11, 23), at, datetime(2026, 1, 2, 3, 4), clock, "无 'x' \\"),  # noqa: DTZ001
            *(None, None, 2.5, 1, -7, Decimal(2**64 - 1), Decimal(2**127 - 1), "[1, 2]", '{"a": 0.1}'),
            *("infinity", "infinity", "3 days", "长" * 50_000, ""),
        )
    ]


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("FROM mart.week SELECT week_no WHERE week_no < 2 ORDER BY ALL", [(0,), (1,)]),
        (
            "SELECT list_transform([1, 2], lambda v: v + 1)[2]::INT, week_list[1] FROM mart.week LIMIT 1 OFFSET 3",
            [(3, 3)],
        ),
        ('SELECT "plate" FROM "policy"."verdict"; -- end', [("豫Q12345",)]),
        ("SELECT struct_pack(a := 1).a::INTEGER", [(1,)]),
        ("SELECT $$a`b$$, 'a`b, DATABASE() LIMIT 1, 2' -- `\n", [("a`b", "a`b, DATABASE() LIMIT 1, 2")]),
        ("SELECT `week_no` FROM `mart`.`week` ORDER BY 1 LIMIT 2, 1", [(2,)]),
    ],
)
def test_sql_of_duckdb_goes_through(city: City, sql: str, rows: list[tuple[Any, ...]]) -> None:
    assert city.rows(sql) == rows


HOSTILE = ["it's", "\\", "\\' OR true --", "' OR '1'='1", "%s ?", "$$", "`", "豫Q12345", "a\nb", '"', ""]


def test_values_of_clients_cannot_end_their_string(city: City) -> None:
    con = city.connect()
    marks = ", ".join(["%s"] * len(HOSTILE))
    with contextlib.closing(con), con.cursor() as cursor:
        cursor.execute(f"SELECT {marks}", HOSTILE)
        assert cursor.fetchone() == tuple(HOSTILE)
        cursor.execute("SELECT %s, %s, %s", (Decimal("1.5"), date(2026, 1, 2), None))
        assert cursor.fetchone() == (Decimal("1.5"), "2026-01-02", None)
        assert prepared(con, f"SELECT {marks.replace('%s', '?')}, '?' -- ?", HOSTILE)[:11] == [
            text.encode() for text in HOSTILE
        ]


def prepared(con: pymysql.Connection[Any], sql: str, values: list[str]) -> list[bytes]:
    """Run a prepared statement with texts by MySQL's binary protocol, and return the one row's texts."""
    con._execute_command(0x16, sql)
    head = con._read_packet()
    (number,) = struct.unpack("<I", head.get_all_data()[1:5])
    for _ in range(len(values) + 1):
        con._read_packet()
    body = b"".join(bytes([len(value.encode())]) + value.encode() for value in values)
    flags = struct.pack("<IBI", number, 0, 1) + bytes((len(values) + 7) // 8) + b"\1" + b"\xfd\0" * len(values)
    con._execute_command(0x17, flags + body)
    count = con._read_packet().get_all_data()[0]
    for _ in range(count + 1):
        con._read_packet()
    row = con._read_packet().get_all_data()[1 + (count + 9) // 8 :]
    con._read_packet()
    texts = []
    while row:
        texts.append(row[1 : 1 + row[0]])
        row = row[1 + row[0] :]
    return texts


SIGNS = st.sampled_from("'\\?$`\"- ;E") | st.characters(codec="utf-8", exclude_characters="\0")


@given(st.lists(st.text(SIGNS, max_size=20), min_size=1, max_size=5))
def test_every_text_is_one_literal(values: list[str]) -> None:
    body = b"".join(bytes([len(text.encode())]) + text.encode() for text in values)
    packet = bytes((len(values) + 7) // 8) + b"\1" + b"\xfd\0" * len(values) + body
    given_texts, known = parameters.literals(packet, len(values), (), {}, "utf-8")
    sql = sql_text.with_values("SELECT " + ", ".join("?" * len(values)), given_texts)
    assert duckdb.execute(sql).fetchone() == tuple(values)
    again = bytes((len(values) + 7) // 8) + b"\0" + body  # a client sends the types only once
    assert parameters.literals(again, len(values), known, {}, "utf-8")[0] == given_texts


@given(st.text("-/*'\"`$e \n?ax", max_size=30))
def test_a_statement_without_words_of_mysql_is_not_touched(sql: str) -> None:
    assert "".join(text for _, text in sql_text.pieces(sql)) == sql
    if "`" not in sql:
        assert sql_text.in_duckdb(sql, None, metadata.views) == sql


# What DBeaver (Connector/J), Excel (ODBC, Connector/NET) and the command line ask before a person does.
SMALL_TALK = [
    "/* mysql-connector-j-8.0 */SELECT  @@session.auto_increment_increment AS auto_increment_increment,"
    " @@character_set_client AS character_set_client, @@sql_mode AS sql_mode, @@time_zone AS time_zone,"
    " @@transaction_isolation AS transaction_isolation, @@wait_timeout AS wait_timeout",
    *("SET NAMES utf8mb4", "SET character_set_results = NULL", "SET autocommit=1", "SET SQL_SELECT_LIMIT=DEFAULT"),
    *(
        "SELECT DATABASE()",
        "SELECT @@version_comment LIMIT 1",
        "SET SESSION TRANSACTION READ ONLY",
        "COMMIT",
        "ROLLBACK",
    ),
    *(
        "SHOW VARIABLES LIKE 'lower_case_%'",
        "SHOW COLLATION",
        "SHOW ENGINES",
        "SHOW WARNINGS",
        "SHOW PLUGINS",
        "SHOW STATUS",
    ),
    *(
        "/*!40101 SET NAMES utf8 */",
        "SET SQL_AUTO_IS_NULL = 0",
        "select connection_id(), version(), user()",
        "SHOW GRANTS",
    ),
    "SET autocommit=1, session_track_schema=1, sql_mode=concat(@@sql_mode,',STRICT_TRANS_TABLES'), names UTF8MB4",
]


def test_small_talk_of_clients_is_answered(city: City) -> None:
    before = len(city.log())
    with contextlib.closing(city.connect("li.wei")) as con, con.cursor() as cursor:
        for sql in SMALL_TALK:
            cursor.execute(sql)
        con.ping()
    assert len(city.log()) == before  # it costs no process and reads nothing


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("SHOW DATABASES", [("mart",), ("policy",)]),
        ("SHOW TABLES", [("mart.overload_record",), ("mart.week",), ("policy.verdict",)]),
        ("SHOW FULL TABLES FROM `mart` LIKE 'wee%'", [("week", "BASE TABLE")]),
        ("SHOW FULL COLUMNS FROM `verdict` FROM `policy` LIKE 'pla%'", "plate"),
        (
            "SELECT table_name, engine FROM `information_schema`.`TABLES` t WHERE t.TABLE_NAME = 'week'",
            [("week", "DuckDB")],
        ),
        (
            "SELECT data_type, column_type FROM information_schema.COLUMNS WHERE column_name = 'net_t'",
            [("decimal", "decimal(14,3)")],
        ),
        ("SELECT index_name FROM information_schema.STATISTICS WHERE table_name = 'week'", []),
    ],
)
def test_clients_find_the_tables(city: City, sql: str, rows: Any) -> None:
    found = city.rows(sql)
    assert found == rows if isinstance(rows, list) else found[0][0] == rows


# --- people


def test_who_gets_in_and_to_what(city: City) -> None:
    for name, token in [
        ("zhang", "wrong"),
        ("zhang", ""),
        ("nobody", "x"),
        ("zhang", city.tokens["guest"]),
        ("", ""),
    ]:
        assert "do not belong together" in refused(city, "SELECT 1", name=name, password=token)
    assert city.rows("SELECT count(*) FROM mart.week", name="guest") == [(1000,)]
    assert "does not exist" in refused(city, "SELECT plate FROM policy.verdict", name="guest")
    assert "no role that opens the regulator edition" in refused(city, "USE regulator", name="guest")
    assert "no role that opens the regulator edition" in refused(city, "SELECT 1", name="guest", database="regulator")
    assert "there is no database 'nothing'" in refused(city, "SELECT 1", database="nothing")
    assert "does not exist" in refused(city, "SELECT plate FROM policy.verdict", database="public")
    assert city.rows("SELECT DATABASE(), plate FROM policy.verdict", database="policy") == [("policy", "豫Q12345")]


def test_a_refused_login_answers_nothing_more(city: City) -> None:
    """The server library goes on to take statements after it has said no."""
    with socket.create_connection(("127.0.0.1", city.port), 5) as plug:
        plug.recv(4096)
        capabilities = 0x00000200 | 0x00008000 | 0x00080000
        login = (
            struct.pack("<IIB23x", capabilities, 2**24, 45) + b"zhang\0\x20" + b"x" * 32 + b"caching_sha2_password\0"
        )
        question = b"\x03SELECT plate FROM policy.verdict"
        packets = [(login, 1), (question, 0)]
        plug.sendall(b"".join(struct.pack("<I", len(p) | number << 24) + p for p, number in packets))
        heard = b""
        with contextlib.suppress(ConnectionError):
            while piece := plug.recv(4096):
                heard += piece
    assert b"do not belong together" in heard
    assert "豫".encode() not in heard


def test_access_ends_at_the_next_statement(city: City) -> None:
    settings = city.settings
    name = "wang.wu"
    city.tokens[name] = people.grant(settings, name, roles=["plates"], purpose="p", until=people.today())[1] or ""
    with contextlib.closing(city.connect(name)) as con, con.cursor() as cursor:
        cursor.execute("SELECT plate FROM policy.verdict")
        assert people.grant(settings, name, purpose="p")[1] is None  # without the role now, and with the same token
        with pytest.raises(pymysql.MySQLError, match="does not exist"):
            cursor.execute("SELECT plate FROM policy.verdict")
        fresh = people.renew(settings, name)
        with pytest.raises(pymysql.MySQLError, match="replaced by a new one"):
            cursor.execute("SELECT 1")
    assert "do not belong together" in refused(city, "SELECT 1", name=name)
    city.tokens[name] = fresh
    with contextlib.closing(city.connect(name)) as con, con.cursor() as cursor:
        people.revoke(settings, name)
        with pytest.raises(pymysql.MySQLError, match="was revoked on"):
            cursor.execute("SELECT 1")
    assert "was revoked on" in refused(city, "SELECT 1", name=name)
    assert people.Person("a", (), "", date(2026, 1, 1), "", "", "").obstacle(date(2026, 1, 2)) == (
        "the access of a ended with 2026-01-01"
    )


def test_a_program_with_a_wrong_token_is_made_to_wait(city: City) -> None:
    said = [refused(city, "SELECT 1", name="impatient", password=f"{k}") for k in range(6)]
    assert "do not belong together" in said[4]
    assert "wait" in said[5]
    assert city.rows("SELECT 1") == [(1,)]  # others are not


def test_every_read_of_plates_says_why(city: City) -> None:
    sql = "SELECT plate FROM policy.verdict"
    with contextlib.closing(city.connect("li.wei")) as con, con.cursor() as cursor:
        with pytest.raises(pymysql.MySQLError, match=r"says why.*SET @purpose"):
            cursor.execute(sql)
        cursor.execute("SHOW TABLES")  # names of tables need none
        cursor.execute(f"-- purpose: case 12\n{sql}")
        cursor.execute("SET @purpose = '第 13 号'")
        cursor.execute(sql)
    city.rows(sql, name="li.wei", init_command="SET @purpose = 'case 14'")
    city.rows(sql)
    city.rows("SELECT count(*) FROM mart.week", name="guest")
    lines = [line for line in city.log() if line["event"] == "ended" and line["sql"].endswith((sql, "mart.week"))][
        -6:
    ]
    assert [(line["actor"], line["purpose"], line["edition"], line["outcome"]) for line in lines] == [
        ("li.wei", "", "regulator", "refused"),
        ("li.wei", "case 12", "regulator", "ok"),
        ("li.wei", "第 13 号", "regulator", "ok"),
        ("li.wei", "case 14", "regulator", "ok"),
        ("zhang", "patrol 2026", "regulator", "ok"),
        ("guest", "", "public", "ok"),
    ]
    assert {(line["channel"], line["build"] >= 1) for line in lines} == {("serve", True)}
    assert lines[-2]["plates_read"] == ["豫Q12345"]


def test_the_data_officer_asks_the_log(city: City) -> None:
    city.rows("SELECT count(*) FROM mart.overload_record WHERE plate = '豫Q12345'")
    with contextlib.closing(city.connect("li.wei")) as con, con.cursor() as cursor:
        cursor.execute("SET @purpose = 'quarterly review'")
        cursor.execute("USE access_log")
        cursor.execute(
            "SELECT person, plate FROM access.plate JOIN access.query USING (query_id) WHERE plate = '豫Q12345'"
        )
        assert ("zhang", "豫Q12345") in cursor.fetchall()
        with pytest.raises(pymysql.MySQLError, match="refused"):
            cursor.execute("COPY access.plate TO '/tmp/plates.csv'")
    looks = [line for line in city.log() if line["edition"] == "access_log" and line["event"] == "ended"]
    assert [(look["actor"], look["purpose"], look["channel"]) for look in looks] == [
        ("li.wei", "quarterly review", "serve")
    ] * len(looks)
    assert {look["outcome"] for look in looks} == {"ok", "refused"}
    assert "data_officer" in refused(city, "USE access_log")


def test_only_a_hash_is_kept(city: City) -> None:
    path = city.settings.access / "people.json"
    text = path.read_text(encoding="utf-8")
    assert not any(token in text for token in city.tokens.values())
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    token, nonce = city.tokens["zhang"], secrets.token_bytes(20)
    kept = people.everyone(city.settings)["zhang"].verifier
    # A thief of the file can make neither the token nor an answer to a challenge from it.
    once = hashlib.sha256(token.encode()).digest()
    mask = hashlib.sha256(bytes.fromhex(kept) + nonce).digest()
    assert is_proof(kept, nonce, bytes(a ^ b for a, b in zip(once, mask, strict=True)))
    assert not is_proof(kept, nonce, bytes(a ^ b for a, b in zip(bytes.fromhex(kept), mask, strict=True)))
    assert not is_proof(kept, nonce, b"")


@pytest.mark.parametrize("name", ["", "a b", "../x", "x" * 33, "a'", "ａ", "-a", "a\n"])
def test_names_are_checked(tmp_path: Path, name: str) -> None:
    with pytest.raises(WrongCallError, match="is no name"):
        people.grant(Settings(home=tmp_path), name)


def test_people_changed_at_once_are_all_kept(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda k: people.grant(settings, f"person{k}"), range(24)))
    assert len(people.everyone(settings)) == 24
    (settings.access / "people.json").write_text("{", encoding="utf-8")
    with pytest.raises(MachineError, match="nobody is let in"):
        people.everyone(settings)


# --- escapes and bombs


def ask_all(city: City, queries: list[str], connections: int = 4) -> list[tuple[str, str, float]]:
    """Ask all over some connections; return each with the sentence of its refusal, empty where it was answered."""

    def ask(part: list[str]) -> list[tuple[str, str, float]]:
        said = []
        with contextlib.closing(city.connect()) as con, con.cursor() as cursor:
            for sql in part:
                began = time.monotonic()
                try:
                    cursor.execute(sql)
                except pymysql.MySQLError as error:
                    said.append((sql, str(error.args[1]), time.monotonic() - began))
                else:
                    said.append((sql, "", time.monotonic() - began))
        return said

    with ThreadPoolExecutor(connections) as pool:
        return [
            line for part in pool.map(ask, [queries[k::connections] for k in range(connections)]) for line in part
        ]


def test_no_way_out(city: City) -> None:
    before = state(city.settings)
    edition = str(editions.current(city.settings, "regulator"))
    queries = [
        sql.replace("{edition}", edition).replace("{warehouse}", str(city.settings.warehouse)) for sql in ESCAPES
    ]
    queries += [
        "SET GLOBAL read_only = 0",
        "KILL 1",
        "USE `../regulator`",
        "LOAD DATA INFILE '/etc/passwd' INTO TABLE mart.week",
    ]
    queries += [
        "SELECT LOAD_FILE('/etc/passwd')",
        "SELECT 1 INTO OUTFILE '/tmp/sandwatch-escape'",
        "SET @x = 1",
        "LOCK TABLES",
    ]
    queries += [
        "SHOW TABLES LIKE 'a' OR 1=1",
        "SELECT `x` FROM read_text('/etc/passwd')",
        "SHOW CREATE TABLE `a' OR 1=1 --`.b, c",
    ]
    assert len(queries) >= 60
    answers = ask_all(city, queries)
    home = str(city.settings.home)
    assert [(sql, said) for sql, said, _ in answers if len(said) < 40 or home in said.replace(sql, "")] == []
    assert state(city.settings) == before
    assert not list(Path("/tmp").glob("sandwatch-escape*"))  # noqa: S108
    assert city.rows("SELECT verdict FROM policy.verdict") == [("met",)]


def test_bombs_end_in_time(city: City) -> None:
    # Time, memory, address space, depth, length, recursion; the whole list is run in tests/test_query.py.
    bombs = [sql for sql in BOMBS if re.search(r"length\(repeat|rpad|sleep|list\(range|\(\(\(", sql)]
    assert len(bombs) >= 4
    wrong = [
        (sql[:80], said, seconds)
        for sql, said, seconds in ask_all(city, bombs)
        if not re.search("limit|ended|nested|needs more", said) or seconds > 10
    ]
    assert wrong == []
    assert "100,001 characters" in refused(city, "SELECT " + "1" * 99_994)
    assert city.rows("SELECT 2 + 1") == [(3,)]


def test_a_result_is_whole_or_refused(city: City) -> None:
    assert len(city.rows("FROM range(1500)")) == 1500
    assert "cut at 1,500" in refused(city, "FROM range(1501)")
    assert len(city.rows("FROM range(1501)", init_command="SET SQL_SELECT_LIMIT=200")) == 200  # as the client wished


def test_a_full_server_says_so(city: City) -> None:
    settings = Settings(home=city.settings.home)
    process, port = start(settings.home, {"STATEMENTS": "1", "WAITING": "1", "TIMEOUT_S": "3", "PER_PERSON": "3"})
    try:
        with ThreadPoolExecutor(2) as pool:
            slow = [pool.submit(refused, city, "SELECT sleep_ms(2000)::VARCHAR || 1", port=port) for _ in range(2)]
            time.sleep(0.6)
            assert "the server is busy: 1 statements run and 1 wait" in refused(city, "FROM mart.week", port=port)
            kept = city.connect(port=port)
            assert "as many as one person may" in refused(city, "SELECT 1", port=port)
            kept.close()
            before = psutil.Process(process.pid).children(recursive=True)
            assert before
            said = stop(process, signal.SIGINT)  # while a statement runs
            assert "stopped" in said
            assert "Traceback" not in said
            assert not any(child.is_running() for child in before)
            for each in slow:
                each.exception()
    finally:
        process.kill()


# --- the wire


def test_junk_is_turned_away(city: City) -> None:
    junk = [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
        b"\xff\xff\xff\x01" + b"x" * 70_000,
        *(bytes([3, 0, 0, 1]) + b"abc", b"\0\0\0\1", b"\1", os.urandom(5000), b""),
        struct.pack("<I", 40 | 1 << 24) + b"\xff" * 40,
    ]
    for bytes_ in junk:
        with socket.create_connection(("127.0.0.1", city.port), 5) as plug, contextlib.suppress(ConnectionError):
            plug.settimeout(5)
            assert plug.recv(100)
            plug.sendall(bytes_)
            plug.shutdown(socket.SHUT_WR)
            while plug.recv(4096):
                pass
    with contextlib.closing(city.connect(read_timeout=5)) as con:  # after the login: too long by what it says
        con._sock.sendall(struct.pack("<I", 0xFFFFFF) + b"\3")
        with contextlib.suppress(ConnectionError):
            assert con._sock.recv(1) == b""
    with contextlib.closing(city.connect()) as con:
        for command in (0x01, 0x11, 0x17, 0x18, 0x1C, 0x0D, 0x04, 0x99):
            with contextlib.suppress(pymysql.MySQLError, OSError, struct.error, IndexError):
                con._execute_command(command, b"\xff" * 7)
                con._read_packet()
    assert city.rows("SELECT 1") == [(1,)]
    memory = psutil.Process(city.process.pid).memory_info().rss
    assert memory < 400 * 2**20


@given(st.binary(max_size=80))
def test_any_login_is_read_or_refused(junk: bytes) -> None:
    with contextlib.suppress(MysqlError):
        login.read(junk, Capabilities(0x01FFFFFF))
    with contextlib.suppress(MysqlError):
        login.read(b"\xff" * 8 + b"\x2d" + bytes(23) + junk, Capabilities(0x01FFFFFF))


def test_a_login_in_any_character_set_is_read_or_refused() -> None:
    taken = 0
    for charset in range(256):
        packet = bytes.fromhex("00020000") + bytes(4) + bytes([charset]) + bytes(23) + b"li\0" + b"\0"
        with contextlib.suppress(MysqlError):
            taken += bool(login.read(packet, Capabilities(0x01FFFFFF)).name)
    assert taken > 100


def test_readers_go_on_while_editions_are_published(city: City) -> None:
    seen: set[tuple[int, int, int]] = set()
    errors: list[BaseException] = []
    is_over = threading.Event()
    # One place a reader at least, each on one connection from before the first swap to after the last.
    everyone = threading.Barrier(17)

    def read() -> None:
        try:
            with (
                contextlib.closing(city.connect(init_command="SET @purpose = 'swap'")) as con,
                con.cursor() as cursor,
            ):
                everyone.wait(20)
                while not is_over.is_set():
                    cursor.execute("SELECT min(week_no), max(week_no), count(*) FROM mart.week")
                    seen.update(cursor.fetchall())
        except BaseException as error:
            errors.append(error)

    readers = [threading.Thread(target=read) for _ in range(16)]
    for reader in readers:
        reader.start()
    everyone.wait(20)
    counts = {(0, 999, 1000)}
    for build in range(1, 7):
        city.writer.execute(
            f"CREATE OR REPLACE TABLE mart.week AS SELECT {build} AS week_no FROM range({1000 + build})"
        )
        editions.publish(city.writer, city.settings, TABLES)
        counts.add((build, build, 1000 + build))
        time.sleep(0.2)
    is_over.set()
    for reader in readers:
        reader.join()
    assert errors == []
    assert len(seen) >= 4
    assert seen <= counts


def test_tls_or_nothing_off_the_loopback(city: City, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pipelines", "serve", "--port", "0", "--host", "0.0.0.0"]  # noqa: S104
    environment = os.environ | {"SANDWATCH_HOME": str(city.settings.home)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)  # noqa: S603
    assert (done.returncode, "--tls-cert and --tls-key" in done.stderr) == (2, True)
    cert, key = certificate(tmp_path)
    process, port = start(
        city.settings.home, {}, "--host", "127.0.0.1", "--tls-cert", str(cert), "--tls-key", str(key)
    )
    try:
        assert "over TLS only" in refused(city, "SELECT 1", port=port, ssl_disabled=True)
        rows = city.rows("SELECT 40 + 2", port=port, ssl={"ca": str(cert), "check_hostname": False})
        assert rows == [(42,)]
    finally:
        stop(process)


def certificate(folder: Path) -> tuple[Path, Path]:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    today = datetime(2026, 1, 1)  # noqa: DTZ001
    cert = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(today)
        .not_valid_after(today + timedelta(days=9000))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "cert.pem", folder / "key.pem"
    paths[0].write_bytes(cert.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths


def test_what_stops_a_start_is_said(city: City, tmp_path: Path) -> None:
    for home, port, words in [
        (city.settings.home, city.port, f"port {city.port} of 127.0.0.1 is taken"),
        (tmp_path, 0, "edition is published yet"),
    ]:
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-m", "pipelines", "serve", "--port", str(port)],
            cwd=ROOT,
            env=os.environ | {"SANDWATCH_HOME": str(home)},
            capture_output=True,
            text=True,
        )
        assert done.returncode in (2, 3)
        assert words in done.stderr
        assert "Traceback" not in done.stderr


# --- the page


PAGE = (ROOT / "docs" / "serve.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("block", re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
def test_python_of_the_page_runs(city: City, block: str) -> None:
    done = subprocess.run(  # noqa: S603  # the documentation's own lines
        [sys.executable, "-c", block.replace("3307", str(city.port))],
        env=os.environ | {"TOKEN": city.tokens["li.wei"]},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "breached" in done.stdout


def test_sql_of_the_page_runs(city: City) -> None:
    blocks = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
    assert blocks
    for block in blocks:
        assert city.rows(block, name="li.wei")
    for setting in re.findall(r"SANDWATCH_SERVE_(\w+)", PAGE):
        assert setting.lower() in ServeLimits.__dataclass_fields__
