"""Vintages of the price scores: what was said of each series and week when, by the quotes known then, for ever.

A judging that says something new adds a vintage: rows for the weeks whose score is new, another one or gone. Rows
are added only. The scores are those that follow from quotes alone, so that they can be made anew from the quotes as
they were known at a load (`known_then.recompute`); what supply added at the time is in the log of what was sent.
`vintage_log` keeps the same beside the snapshots.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from pipelines.building import state
from pipelines.rules import known_then, prices
from pipelines.rules.levels import Row, known

if TYPE_CHECKING:
    import duckdb

TABLE, ROWS = "meta.price_vintage", "meta.price_vintage_row"
KEY = ("area_code", "product_id", "unit", "basis", "tax", "week_start")
# What a row is called is no score, and what stood in the warehouse on supply is no matter of quotes.
NOT_SCORED = (*KEY, "area_name", "is_city_area", "product_name", "iso_week", "supply_state")
Key = tuple[Any, ...]


@dataclass(frozen=True)
class Vintage:
    """A row of meta.price_vintage, which says what each field is."""

    vintage_no: int
    load_no: int
    snapshot_sha256: str
    reason: str
    row_count: int
    withdrawn_count: int
    rules_sha256: str
    quotes_sha256: str
    digest: str
    judged_at: dt.datetime


def record(con: duckdb.DuckDBPyConnection) -> Vintage | None:
    """Store what the last build's quotes say that was not said before; return the vintage, None without news.

    To be called in the transaction that judges prices, so that both are there or neither is. It costs nothing where
    neither quotes nor rules changed.
    """
    seen = _seen(con)
    if seen is None:
        return None
    load_no, snapshot_sha256 = seen
    before = newest(con)
    rules, quotes = known_then.rules_sha256(), known_then.quotes_sha256(con, load_no)
    if before and (before.rules_sha256, before.quotes_sha256) == (rules, quotes):
        return None
    scores = scored(prices.by_quotes(con).weeks)
    standing = _standing(con)
    news: dict[Key, str | None] = {
        key: content for key, content in scores.items() if _sha256(content) != standing.get(key)
    }
    gone = [key for key, sha256 in standing.items() if sha256 is not None and key not in scores]
    news |= dict.fromkeys(gone)
    if not news:
        return None
    vintage = Vintage(
        vintage_no=before.vintage_no + 1 if before else 1,
        load_no=load_no,
        snapshot_sha256=snapshot_sha256,
        reason=_reason(before, rules, load_no),
        row_count=len(news) - len(gone),
        withdrawn_count=len(gone),
        rules_sha256=rules,
        quotes_sha256=quotes,
        digest="",
        judged_at=dt.datetime.now(dt.UTC),
    )
    rows = dict(sorted(news.items(), key=lambda item: order(item[0])))
    vintage = Vintage(**{**asdict(vintage), "digest": digest_of(vintage, rows, before.digest if before else "")})
    insert(con, vintage, rows)
    return vintage


def scored(weeks: Iterable[Row]) -> dict[Key, str]:
    """Return the scores of the weeks as they are stored: JSON without what is empty, by series and week."""
    columns = prices.tables()["mart.price_level_week"].columns
    names = [name for name in columns if name not in NOT_SCORED]
    return {tuple(row[name] for name in KEY): _text(row, names) for row in weeks}


def _text(row: Mapping[str, Any], names: Iterable[str]) -> str:
    said = {name: _plain(row.get(name)) for name in names}
    kept = {name: value for name, value in said.items() if value is not None}
    return json.dumps(kept, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _plain(value: Any) -> Any:
    value = known(value)
    if isinstance(value, float):
        return value + 0.0  # -0.0 is 0.0
    return value.isoformat() if isinstance(value, dt.date) else value


def digest_of(vintage: Vintage, rows: Mapping[Key, str | None], digest_before: str) -> str:
    """Return the SHA-256 that binds a vintage to its rows, in their order, and to the one before; no clock in it."""
    digest = hashlib.sha256()
    facts = {name: value for name, value in asdict(vintage).items() if name not in ("digest", "judged_at")}
    parts = [[digest_before, facts], *([*map(str, key), content] for key, content in rows.items())]
    for part in parts:
        digest.update(json.dumps(part, ensure_ascii=False, sort_keys=True).encode() + b"\n")
    return digest.hexdigest()


def insert(con: duckdb.DuckDBPyConnection, vintage: Vintage, rows: Mapping[Key, str | None]) -> None:
    """Add a vintage with its rows, in the caller's transaction."""
    import pyarrow as pa

    con.execute(f"INSERT INTO {TABLE} VALUES ({', '.join('?' * len(asdict(vintage)))})", [*asdict(vintage).values()])
    listed = [(vintage.vintage_no, *key, content) for key, content in rows.items()]
    columns = zip(("vintage_no", *KEY, "content"), zip(*listed, strict=True), strict=True)
    con.register("vintage_row", pa.table({name: pa.array(values) for name, values in columns}))
    try:
        con.execute(f"INSERT INTO {ROWS} BY NAME FROM vintage_row")
    finally:
        con.unregister("vintage_row")


def all_vintages(con: duckdb.DuckDBPyConnection) -> list[Vintage]:
    """Return every vintage in the order they were said."""
    return [Vintage(*row) for row in con.execute(f"FROM {TABLE} ORDER BY vintage_no").fetchall()]


def newest(con: duckdb.DuckDBPyConnection) -> Vintage | None:
    """Return the newest vintage, None before the first."""
    row = con.execute(f"FROM {TABLE} ORDER BY vintage_no DESC LIMIT 1").fetchone()
    return Vintage(*row) if row else None


def rows_of(con: duckdb.DuckDBPyConnection, vintage_no: int) -> dict[Key, str | None]:
    """Return the rows that a vintage added, by series and week in their order."""
    sql = f"SELECT {', '.join(KEY)}, content FROM {ROWS} WHERE vintage_no = ?"
    rows = {tuple(key): content for *key, content in con.execute(sql, [vintage_no]).fetchall()}
    return dict(sorted(rows.items(), key=lambda item: order(item[0])))


def as_of(con: duckdb.DuckDBPyConnection, vintage_no: int) -> dict[Key, str]:
    """Return the scores of all series and weeks as they stood with a vintage."""
    sql = f"SELECT {', '.join(KEY)}, content FROM ({_newest_rows('vintage_no <= ?')}) WHERE content IS NOT NULL"
    return {tuple(key): content for *key, content in con.execute(sql, [vintage_no]).fetchall()}


def versions(
    con: duckdb.DuckDBPyConnection, week_start: dt.date, area_code: str | None = None
) -> list[dict[str, Any]]:
    """Return all that was said of a week, by series and in the order it was said.

    Each version holds KEY, vintage_no, load_no, version_no from 1, `score` (the columns said, None where it was
    withdrawn) and `changed` (what it says otherwise than the version before).
    """
    rows = con.execute(
        f"SELECT {', '.join(KEY)}, vintage_no, load_no, content FROM {ROWS} JOIN {TABLE} USING (vintage_no)"
        " WHERE week_start = ? AND coalesce(area_code = ?, true) ORDER BY ALL",
        [week_start, area_code],
    ).fetchall()
    found: list[dict[str, Any]] = []
    for *key, vintage_no, load_no, content in rows:
        score = json.loads(content) if content else None
        version: dict[str, Any] = dict(zip(KEY, key, strict=True))
        before = found[-1] if found and all(found[-1][name] == value for name, value in version.items()) else {}
        found.append(
            version
            | {"vintage_no": vintage_no, "load_no": load_no, "version_no": before.get("version_no", 0) + 1}
            | {"score": score, "changed": changed_columns(before.get("score"), score)}
        )
    return found


def changed_columns(one: Mapping[str, Any] | None, other: Mapping[str, Any] | None) -> list[str]:
    """Return the names of what two scores say otherwise, in order; None says nothing."""
    left, right = one or {}, other or {}
    return sorted(name for name in left.keys() | right.keys() if left.get(name) != right.get(name))


def _standing(con: duckdb.DuckDBPyConnection) -> dict[Key, str | None]:
    """SHA-256 of the score each series and week stands at; None where it was withdrawn."""
    sql = f"SELECT {', '.join(KEY)}, sha256(content) FROM ({_newest_rows('true')})"
    return {tuple(key): sha256 for *key, sha256 in con.execute(sql).fetchall()}


def _newest_rows(condition: str) -> str:
    key = ", ".join(KEY)
    newest_first = f"row_number() OVER (PARTITION BY {key} ORDER BY vintage_no DESC)"
    return f"SELECT * FROM {ROWS} WHERE {condition} QUALIFY {newest_first} = 1"


def order(key: Key) -> tuple[str, ...]:
    """Order of rows: by area and series, then by week."""
    return tuple(map(str, key))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _reason(before: Vintage | None, rules: str, load_no: int) -> str:
    if before is None:
        return "first"
    if before.rules_sha256 != rules:
        return "rules"
    return "quotes" if load_no > before.load_no else "reread"


def _seen(con: duckdb.DuckDBPyConnection) -> tuple[int, str] | None:
    """The newest load of quotes or answers that the tables at hand were built from, and its file."""
    built = state.steps(con).get("build")
    return con.execute(
        "SELECT load_no, snapshot_sha256 FROM meta.load_account WHERE list_contains(?, feed) AND load_no <= ?"
        " ORDER BY load_no DESC LIMIT 1",
        [sorted(known_then.feeds()), built.load_no if built else state.last_load(con)],
    ).fetchone()
