"""What clients of MySQL say between questions (SET, SHOW VARIABLES, SELECT @@x), answered without an edition.

Only sentences known here are answered; everything else goes to the gate of the edition, which refuses what is no
question.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

from mysql_mimic.charset import CharacterSet
from mysql_mimic.errors import ErrorCode, MysqlError
from mysql_mimic.variables import SYSTEM_VARIABLES, GlobalVariables, SessionVariables

from pipelines.serving.sql_text import pieces

VERSION = "8.0.36-sandwatch"
Table = tuple[list[tuple[Any, ...]], list[str]]
_MODE = "ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT,ONLY_FULL_GROUP_BY"
_OWN_VARIABLES: dict[str, tuple[Any, Any, bool]] = {
    "version": (str, VERSION, False),
    "version_comment": (str, "sandwatch editions, read-only, DuckDB SQL", False),
    "version_compile_os": (str, "Linux", False),
    "version_compile_machine": (str, "x86_64", False),
    "sql_mode": (str, _MODE, False),  # told and not taken: strings and names are DuckDB's
    "system_time_zone": (str, "CST", False),
    "time_zone": (str, "+08:00", False),
    "license": (str, "see the package", False),
    "read_only": (int, 1, False),
    "super_read_only": (int, 1, False),
    "transaction_read_only": (int, 1, False),
    "tx_read_only": (int, 1, False),
    "tx_isolation": (str, "READ-COMMITTED", False),
    "autocommit": (int, 1, False),
    "sql_auto_is_null": (int, 0, False),
    "performance_schema": (int, 0, False),
    "lower_case_table_names": (int, 2, False),
    "max_allowed_packet": (int, 1_048_576, False),
    "default_storage_engine": (str, "DuckDB", False),
    "have_ssl": (str, "YES", False),
    "character_set_system": (str, "utf8mb4", False),
    "session_track_schema": (int, 0, False),
    "query_cache_size": (int, 0, False),
    "query_cache_type": (str, "OFF", False),
    "hostname": (str, "sandwatch", False),
    "port": (int, 3306, False),
    "socket": (str, "", False),
    "datadir": (str, "", False),
}
# What a client may set and nothing follows from: the rest of its wishes has no meaning here.
_HARMLESS = frozenset(
    (
        *("autocommit", "sql_mode", "sql_auto_is_null", "sql_safe_updates", "sql_quote_show_create", "sql_notes"),
        *("sql_warnings", "sql_big_selects", "net_write_timeout", "net_read_timeout", "wait_timeout", "profiling"),
        *("interactive_timeout", "max_execution_time", "group_concat_max_len", "time_zone", "lc_messages"),
        *("lc_time_names", "foreign_key_checks", "unique_checks", "session_track_schema", "optimizer_switch"),
        *("session_track_system_variables", "session_track_gtids", "session_track_state_change", "tx_isolation"),
        *("transaction_isolation", "transaction_read_only", "collation_connection", "collation_server"),
        *("collation_database", "character_set_connection", "character_set_database", "character_set_server"),
        *("resultset_metadata", "information_schema_stats_expiry", "div_precision_increment", "max_allowed_packet"),
    )
)
_CHARSETS = {"utf8": "utf8mb4", "utf8mb3": "utf8mb4", "gb2312": "gbk"}
_NAMES = re.compile(
    r"SET\s+(?:NAMES|CHARACTER\s+SET|CHARSET)\s+(?P<set>'\w+'|\"\w+\"|\w+)(?:\s+COLLATE\s+\S+)?", re.I
)
_TRANSACTION = re.compile(
    r"SET\s+(?:SESSION\s+)?TRANSACTION\s+(?:(?:ISOLATION\s+LEVEL\s+[\w ]+|READ\s+(?:ONLY|WRITE))\s*,?\s*)+", re.I
)
_ASSIGNMENT = re.compile(
    r"\s*(?:(?P<user>@)(?!@)|(?:@@)?(?:(?:session|local)\s*[.\s]\s*)?)(?P<name>[^\W\d]\w*)\s*:?=\s*(?P<value>.*?)\s*",
    re.I | re.DOTALL,
)
_SELECT = re.compile(r"SELECT\s+(?P<list>.+?)(?:\s+(?:LIMIT\s+\d+|FROM\s+DUAL))?", re.I | re.DOTALL)
_ITEM = re.compile(
    r"\s*(?:@@(?:(?:session|global|local)\s*\.\s*)?(?P<variable>\w+)|(?P<function>\w+)\s*\(\s*\)|(?P<number>\d{1,9}))"
    r"(?:\s+(?:AS\s+)?(?P<alias>\w+|'[^']*'|\"[^\"]*\"|`[^`]*`))?\s*",
    re.I,
)
_SHOW_VARIABLES = re.compile(
    r"SHOW\s+(?:(?:GLOBAL|SESSION|LOCAL)\s+)?VARIABLES(?:\s+LIKE\s+'(?P<like>[^']*)'|\s+WHERE\b(?P<where>.*))?",
    re.I | re.DOTALL,
)
_NOTHING = {
    r"(?:COUNT\(\*\)\s+)?(?:WARNINGS|ERRORS)(?:\s+LIMIT\s+[\d, ]+)?": "Level Code Message",
    r"(?:GLOBAL\s+|SESSION\s+)?STATUS\b.*": "Variable_name Value",
    r"(?:FULL\s+)?PROCESSLIST": "Id User Host db Command Time State Info",
    r"(?:PROCEDURE|FUNCTION)\s+STATUS\b.*": "Db Name Type Definer Modified Created Security_type Comment",
    r"(?:FULL\s+)?TRIGGERS\b.*": "Trigger Event Table Statement Timing Created sql_mode Definer",
    r"EVENTS\b.*": "Db Name Definer Type Status",
    r"(?:EXTENDED\s+)?(?:INDEX|INDEXES|KEYS)\b.*": "Table Non_unique Key_name Seq_in_index Column_name Collation"
    " Cardinality Sub_part Packed Null Index_type Comment Index_comment",
    r"PLUGINS": "Name Status Type Library License",
    r"(?:MASTER|SLAVE|REPLICA|BINARY)\b.*": "File Position",
}
_ROWS: dict[str, Table] = {
    r"(?:STORAGE\s+)?ENGINES": (
        [("DuckDB", "DEFAULT", "read-only editions", "NO", "NO", "NO")],
        ["Engine", "Support", "Comment", "Transactions", "XA", "Savepoints"],
    ),
    r"(?:CHARACTER\s+SET|CHARSET)\b.*": (
        [("utf8mb4", "UTF-8 Unicode", "utf8mb4_general_ci", 4)],
        ["Charset", "Description", "Default collation", "Maxlen"],
    ),
    r"COLLATION\b.*": (
        [("utf8mb4_general_ci", "utf8mb4", 45, "Yes", "Yes", 1)],
        ["Collation", "Charset", "Id", "Default", "Compiled", "Sortlen"],
    ),
    r"PRIVILEGES": ([("Select", "Tables", "To read")], ["Privilege", "Context", "Comment"]),
}


def variables() -> SessionVariables:
    """Return the variables of a fresh session."""
    return SessionVariables(GlobalVariables({**SYSTEM_VARIABLES, **_OWN_VARIABLES}))


class NotSmallTalkError(Exception):
    """The statement is none of these sentences."""


def settings_made(sql: str, known: SessionVariables) -> dict[str, str]:
    """Carry out a SET and return the user variables (`@purpose`) it sets; COMMIT and ROLLBACK do nothing.

    Raises:
        NotSmallTalkError: no SET, or one of something that is not a client's to set.
        MysqlError: a character set that is not known.
    """
    if re.fullmatch(r"(?:COMMIT|ROLLBACK)(?:\s+WORK)?", sql, re.I) or _TRANSACTION.fullmatch(sql):
        return {}
    if found := _NAMES.fullmatch(sql):
        for name in ("character_set_client", "character_set_results"):
            _set_charset(known, name, found["set"])
        return {}
    if not re.match(r"SET\s", sql, re.I):
        raise NotSmallTalkError
    made = {}
    for text in _split(sql[3:]):
        found = _NAMES.fullmatch(f"SET {text.strip()}") or _ASSIGNMENT.fullmatch(text)
        if found is None:
            raise NotSmallTalkError
        if found.re is _NAMES:
            _set_charset(known, "character_set_client", found["set"])
            _set_charset(known, "character_set_results", found["set"])
            continue
        name, value = found["name"].lower(), found["value"]
        if found["user"] or name == "purpose":
            if name not in ("purpose", "用途", "目的"):
                raise NotSmallTalkError
            made["purpose"] = _text(value)
        elif name in ("character_set_client", "character_set_results"):
            _set_charset(known, name, value)
        elif name == "sql_select_limit":
            is_default = value.upper() == "DEFAULT" or not value.isdecimal() or len(value) > 9
            known.set(name, None if is_default else int(value))
        elif name not in _HARMLESS:
            raise NotSmallTalkError
    return made


def answer(sql: str, known: SessionVariables, functions: dict[str, Any]) -> Table:
    """Return rows and column names for what a client asks of the server itself.

    Args:
        sql: the statement, without comments and semicolon.
        known: the session's variables.
        functions: values of DATABASE, USER, CONNECTION_ID ... by name in capitals.

    Raises:
        NotSmallTalkError: the statement asks something else.
        MysqlError: a variable that is not known.
    """
    if found := _SHOW_VARIABLES.fullmatch(sql):
        pattern = (found["like"] or "%").lower().replace("\\_", "_").replace("%", "*")
        wanted = re.findall(r"'([^']*)'", found["where"] or "")
        rows = [
            (name, "" if value is None else str(value))
            for name, value in known.list()
            if fnmatchcase(name, pattern) and (not wanted or name in wanted)
        ]
        return rows, ["Variable_name", "Value"]
    if found := re.fullmatch(r"SHOW\s+(?P<what>.*)", sql, re.I | re.DOTALL):
        for pattern, words in _NOTHING.items():
            if re.fullmatch(pattern, found["what"], re.I | re.DOTALL):
                return [], words.split()
        for pattern, table in _ROWS.items():
            if re.fullmatch(pattern, found["what"], re.I | re.DOTALL):
                return table
        if re.match(r"GRANTS\b", found["what"], re.I):
            name = functions["CURRENT_USER"]
            return [(f"GRANT SELECT ON *.* TO '{name}'",)], [f"Grants for {name}"]
    if found := _SELECT.fullmatch(sql):
        names: list[str] = []
        row: list[Any] = []
        for text in _split(found["list"]):
            item = _ITEM.fullmatch(text)
            function = (item["function"] or "").upper() if item else ""
            if item is None or (function and function not in functions):
                raise NotSmallTalkError
            if item["variable"]:
                row.append(known.get_variable(item["variable"]))
            else:
                row.append(functions[function] if function else int(item["number"]))
            names.append((item["alias"] or text.strip()).strip("'\"`"))
        return [tuple(row)], names
    raise NotSmallTalkError


def _split(text: str) -> Iterator[str]:
    """Yield the parts between commas outside strings and brackets."""
    part, depth = "", 0
    for kind, piece in pieces(text):
        for sign in [piece] if kind != "code" else piece:
            depth += {"(": 1, ")": -1}.get(sign, 0)
            if sign == "," and depth == 0:
                yield part
                part = ""
            else:
                part += sign
    yield part


def _text(value: str) -> str:
    mark = value[:1]
    return value[1:-1].replace(mark * 2, mark) if mark in ("'", '"') else value


def _set_charset(known: SessionVariables, name: str, value: str) -> None:
    text = _text(value).lower()
    plain = _CHARSETS.get(text, text)
    if plain in ("null", "default", "binary", "@@character_set_client"):
        plain = "utf8mb4"
    if plain not in CharacterSet.__members__ or plain in ("utf16", "utf16le", "utf32", "ucs2"):
        raise MysqlError(
            f"the character set {text!r} is not known here: use utf8mb4 or gbk", ErrorCode.WRONG_VALUE_FOR_VAR
        )
    known.set(name, plain)
