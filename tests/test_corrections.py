"""Known errors of a source: mended while reading, judged anew, and loud when the source repairs itself."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pipelines import contracts, models, warehouse
from pipelines.errors import MachineError
from pipelines.feeds import cells, corrections, headers, ingest
from pipelines.settings import ROOT, Settings

FEED = "weighbridge_ticket"
CONTRACT = contracts.contracts()[FEED]
SHA = "ab" * 32
FAILING = ROOT / "expectations" / "mart" / "correction_obsolete.sql"
COLUMNS = ("ticket_no", "site_name", "plate", "direction", "gross_kg", "tare_kg", "net_kg", "weighed_at", "scale_no")
ROW = dict(zip(COLUMNS, ("1", "甲矿", "豫Q00001", "销售", "45000", "15000", "30000", "2026-05-25 08:00:00", "1"),
               strict=True))  # fmt: skip


def written(folder: Path, **changed: Any) -> Path:
    """A folder with one correction in the tickets' file: the standard one with some settings changed or left out."""
    entry = {
        "id": "tare-of-scale-2",
        "where": "site_name = '甲矿' AND scale_no = '2'",
        "action": "{set: {tare_kg: 15000}}",
        "reason": "2 号磅皮重错误",
        "date": "2026-05-26",
        "by": "数据岗",
        "guard": "tare_kg = 1",
        **changed,
    }
    text = "\n  ".join(f"{key}: {value}" for key, value in entry.items() if value is not None)
    folder.mkdir(exist_ok=True)
    (folder / f"{FEED}.yaml").write_text(f"- {text}\n", encoding="utf-8")
    return folder


def typed(*rows: dict[str, str], source: str = "default") -> duckdb.DuckDBPyConnection:
    """The rows as the reader types them: tables `cell` and `typed`, line 2 on."""
    con = duckdb.connect()
    con.execute("SET TimeZone = 'Asia/Shanghai'")
    con.execute(f"CREATE TABLE cell (line BIGINT, {', '.join(f'{name} VARCHAR' for name in COLUMNS)})")
    for number, row in enumerate(rows):
        values = [number + 2, *({**ROW, **row}[name] or None for name in COLUMNS)]
        con.execute(f"INSERT INTO cell VALUES ({', '.join('?' * len(values))})", values)
    profile = CONTRACT.sources[source]
    found = headers.HeaderMap({name: index for index, name in enumerate(COLUMNS)})
    con.execute(f"CREATE TABLE typed AS {cells.typed_select(CONTRACT, profile, found)}")
    return con


def applied(
    con: duckdb.DuckDBPyConnection, folder: Path, source: str = "default"
) -> list[corrections.AppliedCorrection]:
    return corrections.apply(
        con, CONTRACT, corrections.for_feed(FEED, folder), profile=CONTRACT.sources[source], sha256=SHA,
        found=COLUMNS,
    )  # fmt: skip


def fetch(con: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[Any, ...]]:
    return con.execute(sql).fetchall()


WRONG = {"scale_no": "2", "tare_kg": "1"}


def test_a_set_row_is_changed_named_and_judged_anew(tmp_path: Path) -> None:
    con = typed({}, WRONG)
    assert fetch(con, "SELECT line FROM typed WHERE reject_no IS NOT NULL") == [(3,)]
    (done,) = applied(con, written(tmp_path / "c"))
    assert (done.id, done.matched, done.applied, done.obsolete, done.question) == ("tare-of-scale-2", 1, 1, 0, None)
    found = fetch(con, "SELECT line, tare_kg::INTEGER, reject_no, correction_ids FROM typed ORDER BY line")
    assert found == [(2, 15000, None, None), (3, 15000, None, ["tare-of-scale-2"])]


def test_a_row_that_breaks_a_rule_after_all_is_put_aside(tmp_path: Path) -> None:
    con = typed({"scale_no": "2"})
    applied(con, written(tmp_path / "c", action="{set: {tare_kg: 14000}}", guard="gross_kg > 0"))
    ((reject_no,),) = fetch(con, "SELECT reject_no FROM typed")
    assert cells.reject_rules(CONTRACT)[reject_no][0] == "arithmetic"


def test_another_bad_cell_of_a_mended_row_still_puts_it_aside(tmp_path: Path) -> None:
    """The first broken rule hid the second one; it must not slip through once the first is mended."""
    con = typed({**WRONG, "weighed_at": "2026-13-41"})
    applied(con, written(tmp_path / "c"))
    ((reject_no,),) = fetch(con, "SELECT reject_no FROM typed")
    assert cells.reject_rules(CONTRACT)[reject_no][:2] == ("bad_time", "weighed_at")


def test_a_cell_that_could_not_be_read_is_mended_by_a_set(tmp_path: Path) -> None:
    con = typed({"scale_no": "2", "tare_kg": "1五"})
    applied(con, written(tmp_path / "c", guard="tare_kg IS NULL"))
    assert fetch(con, "SELECT tare_kg::INTEGER, reject_no FROM typed") == [(15000, None)]


def test_replace_changes_only_the_value_it_names(tmp_path: Path) -> None:
    con = typed({"scale_no": "2", "plate": "豫Q11111"}, {"scale_no": "2", "plate": "豫Q22222"})
    action = "{replace: {column: plate, from: 豫Q11111, to: null}}"
    (done,) = applied(con, written(tmp_path / "c", action=action, guard="gross_kg > 0"))
    assert (done.matched, done.applied, done.obsolete) == (2, 1, 0)
    assert fetch(con, "SELECT plate, correction_ids FROM typed ORDER BY line") == [
        (None, ["tare-of-scale-2"]), ("豫Q22222", None)]  # fmt: skip


def test_a_dropped_row_is_put_aside_with_id_and_reason(tmp_path: Path) -> None:
    con = typed({}, {"scale_no": "2"})
    folder = written(tmp_path / "c", action="drop", guard="gross_kg > 0")
    known = corrections.for_feed(FEED, folder)
    applied(con, folder)
    ((line, reject_no),) = fetch(con, "SELECT line, reject_no FROM typed WHERE reject_no IS NOT NULL")
    correction = corrections.dropped(CONTRACT, known, reject_no)
    assert correction == known[0]
    assert corrections.dropped(CONTRACT, known, 0) is None
    message = corrections.drop_message(correction, line)
    assert "line 3: " in message
    assert "tare-of-scale-2 (2 号磅皮重错误, known since 2026-05-26)" in message


def test_a_source_that_repaired_itself_is_left_alone_and_asked_about(tmp_path: Path) -> None:
    """Guard: the row is matched, but no longer wrong."""
    con = typed({"scale_no": "2", "tare_kg": "16000", "net_kg": "29000"}, WRONG)
    (done,) = applied(con, written(tmp_path / "c"))
    assert (done.matched, done.applied, done.obsolete) == (2, 1, 1)
    assert fetch(con, "SELECT tare_kg::INTEGER, correction_ids FROM typed WHERE line = 2") == [(16000, None)]
    assert done.question == {
        "kind": "correction_obsolete", "subject": "tare-of-scale-2", "row_count": 1}  # fmt: skip


def test_a_guard_that_cannot_say_does_not_hold(tmp_path: Path) -> None:
    con = typed({"scale_no": "2", "tare_kg": "", "net_kg": ""})
    (done,) = applied(con, written(tmp_path / "c"))
    assert (done.applied, done.obsolete) == (0, 1)


def test_a_mended_time_makes_the_number_period_anew(tmp_path: Path) -> None:
    con = typed({"scale_no": "2", "weighed_at": "2062-05-25 08:00:00"}, source="daybook")
    folder = written(
        tmp_path / "c", action="{set: {weighed_at: 2026-05-25 08:00:00}}", guard="weighed_at > '2060-01-01'"
    )
    applied(con, folder, "daybook")
    assert fetch(con, "SELECT weighed_at::VARCHAR, number_period FROM typed") == [
        ("2026-05-25 08:00:00+08", "2026-05-25")]  # fmt: skip


def test_a_mended_row_is_suspect_no_longer_and_its_value_not_assumed(tmp_path: Path) -> None:
    con = typed({"direction": "", "scale_no": "2"}, source="wim_axles")
    assert fetch(con, "SELECT direction, assumed_columns FROM typed") == [("out", ["direction"])]
    folder = written(tmp_path / "c", action="{set: {direction: in}}", guard="direction = 'out'")
    applied(con, folder, "wim_axles")
    assert fetch(con, "SELECT direction, assumed_columns FROM typed") == [("in", [])]


def test_source_line_and_file_can_be_asked_for(tmp_path: Path) -> None:
    con = typed({}, {}, {})
    where = f"feed_source = 'default' AND line = 3 AND snapshot_sha256 = '{SHA}'"
    applied(con, written(tmp_path / "c", where=where, guard="gross_kg > 0", action="{set: {scale_no: '9'}}"))
    assert fetch(con, "SELECT line FROM typed WHERE scale_no = '9'") == [(3,)]


def test_the_next_correction_sees_the_row_as_the_first_left_it(tmp_path: Path) -> None:
    con = typed(WRONG)
    folder = written(tmp_path / "c")
    path = folder / f"{FEED}.yaml"
    second = path.read_text("utf-8").replace("tare-of", "then-of").replace("15000", "15001").replace("= 1", "= 15000")
    path.write_text(path.read_text("utf-8") + second, encoding="utf-8")
    applied(con, folder)
    assert fetch(con, "SELECT tare_kg::INTEGER, correction_ids FROM typed") == [
        (15001, ["tare-of-scale-2", "then-of-scale-2"])]  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"why": "x"}, r"unknown setting \['why'\]"),
        ({"guard": None}, r"missing \['guard'\]"),
        ({"id": "A B"}, "is no id"),
        ({"date": "yesterday"}, "date is 'yesterday'"),
        ({"reason": "''"}, "reason is empty"),
        ({"where": "nowhere = 1"}, r"column \['nowhere'\] does not exist"),
        ({"where": "line IN (SELECT 1)"}, "one row alone"),
        ({"where": "weighed_at < now()"}, "one row alone"),
        ({"guard": "random() < 1"}, "one row alone"),
        ({"guard": "count(*) > 1"}, "one row alone"),
        ({"guard": "tare_kg ="}, "no SQL condition|one row alone"),
        ({"guard": "true) FROM typed --"}, "no SQL condition|one row alone"),
        ({"action": "delete"}, "action is 'delete'"),
        ({"action": "{set: {}}"}, "it takes drop"),
        ({"action": "{set: {weight: 1}}"}, "column 'weight' is not in the contract"),
        ({"action": "{set: {direction: sideways}}"}, "direction takes out, in, internal"),
        ({"action": "{replace: {column: tare_kg, to: 1}}"}, "it takes drop"),
    ],
)
def test_a_correction_that_is_written_wrong_is_refused(tmp_path: Path, changed: dict[str, Any], said: str) -> None:
    with pytest.raises(MachineError, match=said):
        corrections.for_feed(FEED, written(tmp_path / "c", **changed))


def test_one_id_names_one_correction(tmp_path: Path) -> None:
    path = written(tmp_path / "c") / f"{FEED}.yaml"
    path.write_text(path.read_text("utf-8") * 2, encoding="utf-8")
    with pytest.raises(MachineError, match="stand there twice"):
        corrections.for_feed(FEED, path.parent)


def test_a_value_that_does_not_fit_its_column_is_named(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match=r"weighbridge_ticket\.yaml tare-of-scale-2: .*heavy"):
        applied(typed(WRONG), written(tmp_path / "c", action="{set: {tare_kg: heavy}}"))


def test_what_is_shipped_is_well_formed_and_changes_nothing() -> None:
    paths = sorted((ROOT / "expectations" / "corrections").glob("*.yaml"))
    assert paths
    for path in paths:
        assert corrections.for_feed(path.stem) == ()


@given(st.lists(st.sampled_from(["1", "2", "3"]), min_size=1, max_size=12), st.sampled_from(["drop", "set"]))
@hypothesis_settings(max_examples=25, deadline=None)
def test_every_row_is_still_there_once_and_only_matched_ones_differ(scales: list[str], kind: str) -> None:
    import tempfile

    rows = [{"scale_no": scale, "tare_kg": "1" if number % 2 else "15000"} for number, scale in enumerate(scales)]
    con = typed(*rows)
    con.execute("CREATE TABLE before AS FROM typed")
    with tempfile.TemporaryDirectory() as folder:
        action = "drop" if kind == "drop" else "{set: {tare_kg: 15000}}"
        (done,) = applied(con, written(Path(folder) / "c", action=action))
    assert done.matched == scales.count("2") == done.applied + done.obsolete
    own = "* EXCLUDE (correction_ids)"
    changed = fetch(con, f"SELECT line FROM (SELECT {own} FROM typed EXCEPT FROM before) ORDER BY 1")
    expected = [(n + 2,) for n, row in enumerate(rows) if row["scale_no"] == "2" and row["tare_kg"] == "1"]
    assert changed == expected
    assert fetch(con, "SELECT count(*), count(DISTINCT line) FROM typed") == [(len(rows), len(rows))]


def test_a_loaded_file_shows_what_was_mended_dropped_and_needless(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Settings(home=tmp_path / "home")
    monkeypatch.setattr(corrections, "FOLDER", written(tmp_path / "c"))
    path = tmp_path / "a.csv"
    rows = [{**ROW, "ticket_no": str(n), "scale_no": "1"} for n in range(200)]
    rows[7] |= WRONG
    rows[8] |= {"scale_no": "2"}
    text = [",".join(COLUMNS), *(",".join(row.values()) for row in rows)]
    path.write_text("\n".join(text) + "\n", encoding="utf-8")
    os.utime(path, (time.time() - 60, time.time() - 60))
    result = ingest.ingest(home, FEED, [path])
    assert (result.total("accepted"), result.total("quarantined")) == (200, 0)
    with warehouse.writer(home) as con:
        mended = (
            "SELECT line, tare_kg::INTEGER, correction_ids FROM raw.weighbridge_ticket WHERE correction_ids <> []"
        )
        assert fetch(con, mended) == [(9, 15000, ["tare-of-scale-2"])]
        asked = "SELECT kind, subject, row_count, owner FROM meta.question"
        # It is about what we wrote down, so whoever owns the feed decides, not the sender's vendor.
        assert fetch(con, asked) == [("correction_obsolete", "tare-of-scale-2", 1, CONTRACT.owner)]
        assert CONTRACT.owner != CONTRACT.who_fixes
        models.build(con)
        assert len(fetch(con, failing := FAILING.read_text(encoding="utf-8"))) == 1
        monkeypatch.setattr(corrections, "FOLDER", ROOT / "expectations" / "corrections")
        models.build(con)  # the correction is taken out: its question is answered
        assert fetch(con, failing) == []
