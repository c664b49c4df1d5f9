"""Backup, restore, rebuilding from snapshots alone, migrating old files, the ledger, snapshots and the doctor."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import os
import shutil
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from faults import city
from typer.testing import CliRunner

from pipelines import catalog, durable, ledger, run, versions, warehouse
from pipelines.errors import BusyError, InputRefusedError, MachineError, WrongCallError
from pipelines.feeds import ingest, snapshot
from pipelines.settings import ROOT, Settings
from pipelines.upkeep import backup, doctor, holdings, machine, migrate, rebuild

FEED = "weighbridge_ticket"
HEADER = "磅单号,站点,车号,货名,类型,毛重,皮重,净重,毛重时间"
OLD_HOME = ROOT / "tests" / "data" / "home_2026-11.tar.xz"


def ticket(number: int, gross: int = 45000) -> str:
    return (
        f"{number},甲矿,豫Q{number:05d},机制砂,销售,{gross},15000,{gross - 15000},"
        f"2026-05-25 {8 + number // 60:02d}:{number % 60:02d}:00"
    )


def write(path: Path, rows: list[str], header: str = HEADER) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    city.settle(path)
    return path


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Settings]:
    before = os.umask(0o027)  # as settings.load() sets it for every process of ours
    found = Settings(home=tmp_path / "home", actor="tester")
    yield found
    city.remove(found.home)
    os.umask(before)


@pytest.fixture(scope="module")
def three_loads(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    before = os.umask(0o027)
    home = Settings(home=tmp_path_factory.mktemp("loaded") / "home", actor="tester")
    files = home.home / "sent"
    ingest.ingest(home, FEED, [write(files / "a.csv", [ticket(n) for n in range(100)])])
    ingest.ingest(
        home, FEED,
        [write(files / "b.csv", [f"{ticket(n, 46000)},x" for n in range(90, 110)], f"{HEADER},新列")],
    )  # fmt: skip
    again = [ticket(n) for n in range(60)] + [ticket(500).replace("45000", "abc")]
    ingest.ingest(home, FEED, [write(files / "c.csv", again)])
    os.umask(before)
    return home


@pytest.fixture
def loaded(home: Settings, three_loads: Settings) -> Settings:
    """Three loads: tickets, corrections of some with a new column, and a file of nothing new but one bad row."""
    shutil.copytree(three_loads.home, home.home)
    return home


def accounts(settings: Settings) -> list[tuple[Any, ...]]:
    with warehouse.writer(settings) as con:
        return con.execute(
            "SELECT load_no, feed, source, file_name, snapshot_sha256, row_count, accepted_count, superseded_count,"
            " duplicate_count, quarantined_count, loaded_at FROM meta.load_account ORDER BY load_no"
        ).fetchall()


# --- snapshots ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1000, 3 * durable.CHUNK_BYTES + 17])
def test_the_same_content_is_hashed_and_not_written_again(home: Settings, tmp_path: Path, size: int) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(os.urandom(size))
    city.settle(path)
    first = snapshot.take(home, path)
    before = first.path.stat()
    assert first.path.read_bytes() == path.read_bytes()
    assert first.sha256 == durable.sha256_of(path) == first.path.stem
    home.snapshots.chmod(0o500)
    again = snapshot.take(home, path.rename(tmp_path / "b.csv"))
    home.snapshots.chmod(0o700)
    assert (again.sha256, again.path, again.file_name) == (first.sha256, first.path, "b.csv")
    after = first.path.stat()
    assert (after.st_ino, after.st_mtime_ns, after.st_ctime_ns) == (
        before.st_ino,
        before.st_mtime_ns,
        before.st_ctime_ns,
    )


def test_another_content_of_the_same_size_is_kept_too(home: Settings, tmp_path: Path) -> None:
    size = 2 * durable.CHUNK_BYTES
    kept = set()
    for number in range(2):
        path = tmp_path / f"{number}.csv"
        path.write_bytes(bytes([number]) * size)
        city.settle(path)
        taken = snapshot.take(home, path)
        assert taken.path.read_bytes() == path.read_bytes()
        kept.add(taken.path)
    assert len(kept) == 2


def test_a_kept_snapshot_that_was_cut_short_is_written_again(home: Settings, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", [ticket(1)])
    taken = snapshot.take(home, path)
    taken.path.chmod(0o640)
    taken.path.write_bytes(b"")
    assert snapshot.take(home, path).path.read_bytes() == path.read_bytes()


def test_an_old_file_is_not_waited_for(home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_sleep(_: float) -> None:
        raise AssertionError("slept")

    path = write(tmp_path / "a.csv", [ticket(1)])
    monkeypatch.setattr(time, "sleep", no_sleep)
    snapshot.take(home, path)
    os.utime(path, (time.time() + 86400,) * 2)  # written by a clock that ran ahead: not new either
    snapshot.take(home, path)


# --- the ledger -----------------------------------------------------------------------------------------------------


def test_every_load_is_in_the_ledger_and_tells_what_a_rebuild_needs(loaded: Settings) -> None:
    entries = ledger.read(loaded)
    assert [(entry.load_no, entry.feed, entry.file_name) for entry in entries] == [
        (1, FEED, "a.csv"), (2, FEED, "b.csv"), (3, FEED, "c.csv"),
    ]  # fmt: skip
    assert [dt.datetime.fromisoformat(entry.loaded_at) for entry in entries] == [row[-1] for row in accounts(loaded)]
    for entry in entries:
        assert durable.sha256_of(ledger.snapshot_of(loaded, entry)) == entry.sha256


@pytest.mark.parametrize("cut", [1, 30, 200, 10_000])
@pytest.mark.parametrize("rubbish", [b"", b"\0" * 300, b'{"load_no": 9', b"\0\0\n"])
def test_a_torn_ledger_is_healed_by_the_next_writer(loaded: Settings, cut: int, rubbish: bytes) -> None:
    path = ledger.path_of(loaded)
    whole = path.read_bytes()
    path.write_bytes(whole[: max(0, len(whole) - cut)] + rubbish)
    with warehouse.writer(loaded):
        pass
    assert path.read_bytes() == whole


def test_a_lost_ledger_is_written_anew(loaded: Settings) -> None:
    path = ledger.path_of(loaded)
    whole = path.read_bytes()
    path.unlink()
    with warehouse.writer(loaded):
        pass
    assert path.read_bytes() == whole


def test_a_ledger_of_another_warehouse_is_kept_aside(loaded: Settings) -> None:
    """The warehouse was deleted and loaded into again: two stories must not mix in one file."""
    told = ledger.path_of(loaded).read_bytes()
    loaded.warehouse.unlink()
    with warehouse.writer(loaded):
        pass
    assert ledger.path_of(loaded).read_bytes() == told  # nothing loaded yet: it can still be rebuilt
    ingest.ingest(loaded, FEED, [write(loaded.home / "d.csv", [ticket(n) for n in range(20)])])
    assert [entry.file_name for entry in ledger.read(loaded)] == ["d.csv"]
    (aside,) = loaded.snapshots.glob("ledger-until-3-*.jsonl")
    assert aside.read_bytes() == told


def test_damage_in_the_middle_of_the_ledger_is_named(loaded: Settings) -> None:
    path = ledger.path_of(loaded)
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([lines[0], "?", lines[2]]) + "\n", encoding="utf-8")
    with pytest.raises(MachineError, match="line 2 is damaged"):
        ledger.read(loaded)


# --- rebuild --------------------------------------------------------------------------------------------------------


def differing(old: Path, new: Path) -> list[str]:
    """Name the data tables that are not equal, row for row, in two warehouses."""
    wrong = []
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'Asia/Shanghai'")
        for name, path in (("old", old), ("new", new)):
            con.execute(f"ATTACH '{path}' AS {name} (READ_ONLY)")
        con.execute("USE old")
        names = city.tables(con)
        con.execute("USE new")
        assert city.tables(con) == names
        for table in names:
            for one, other in (("old", "new"), ("new", "old")):
                sql = f"SELECT * FROM {one}.{table} EXCEPT ALL SELECT * FROM {other}.{table}"
                if rows := con.execute(f"{sql} LIMIT 2").fetchall():
                    wrong.append(f"{table}, only in {one}: {rows}")
    return wrong


def test_the_whole_warehouse_comes_back_from_snapshots_alone(home: Settings) -> None:
    city.write(home.home, weeks=2)
    files = home.home / "sent"
    run.ingest_inbox(home)
    ingest.ingest(home, FEED, [write(files / "a.csv", [ticket(n) for n in range(100)])])
    ingest.ingest(home, FEED, [write(files / "b.csv", [ticket(n, 46000) for n in range(90, 110)])])
    ingest.ingest(home, FEED, [write(files / "c.csv", [ticket(n) for n in range(95)])])  # says the old weights again
    run.build(home)
    run.judge(home)
    before = accounts(home)
    kept = home.home / "kept.duckdb"
    home.warehouse.replace(kept)  # gone: snapshots and ledger are all there is
    for path in (home.inbox, home.parsed):
        city.remove(path)
    done = rebuild.rebuild(home)
    assert (done.loads, done.refused, done.old_file) == (len(before), [], None)
    assert accounts(home) == before
    assert differing(kept, home.warehouse) == []
    assert not (home.home / rebuild.SCRATCH).exists()
    assert [entry.load_no for entry in ledger.read(home)] == [row[0] for row in before]


def test_a_rebuild_keeps_the_old_file_and_asks_it_what_the_ledger_lacks(loaded: Settings) -> None:
    before = accounts(loaded)
    ledger.path_of(loaded).unlink()
    done = rebuild.rebuild(loaded, only_load=True)
    assert accounts(loaded) == before
    assert done.old_file
    with duckdb.connect(str(done.old_file), read_only=True) as con:
        assert con.execute("SELECT count(*) FROM meta.load_account").fetchall() == [(3,)]


def test_a_warehouse_that_does_not_open_is_rebuilt(loaded: Settings) -> None:
    before = accounts(loaded)
    loaded.warehouse.write_bytes(b"no database" * 1000)
    with pytest.raises(MachineError, match="sandwatch rebuild"), warehouse.writer(loaded):
        pass
    rebuild.rebuild(loaded, only_load=True)
    assert accounts(loaded) == before


@pytest.mark.parametrize("harm", ["missing", "altered"])
def test_a_rebuild_without_all_snapshots_is_refused(loaded: Settings, harm: str) -> None:
    path = ledger.snapshot_of(loaded, ledger.read(loaded)[1])
    before = accounts(loaded)
    path.chmod(0o640)
    path.unlink() if harm == "missing" else path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(MachineError, match=rf"load 2 weighbridge_ticket/b\.csv: .* is {harm}"):
        rebuild.rebuild(loaded, only_load=True)
    assert accounts(loaded) == before


def test_a_file_that_todays_contract_refuses_leaves_its_number_free(
    loaded: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other files keep their numbers, and the refusal is told."""
    before = accounts(loaded)
    take = snapshot.take

    def refuse(settings: Settings, path: Path) -> snapshot.Snapshot:
        if path.name == "b.csv":
            raise InputRefusedError("refused by today's contract")
        return take(settings, path)

    monkeypatch.setattr(snapshot, "take", refuse)
    done = rebuild.rebuild(loaded, only_load=True)
    assert [refusal["path"] for refusal in done.refused] == ["b.csv"]
    assert [(row[0], row[3], row[-1]) for row in accounts(loaded)] == [
        (row[0], row[3], row[-1]) for row in before if row[0] != 2
    ]


def test_a_refused_file_within_a_batch_moves_no_other(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [
        write(home.home / "sent" / f"{n}.csv", [ticket(m) for m in range(n * 20, n * 20 + 20)]) for n in range(4)
    ]
    ingest.ingest(home, FEED, files)
    before = accounts(home)
    take = snapshot.take

    def refuse(settings: Settings, path: Path) -> snapshot.Snapshot:
        if path.name in ("0.csv", "2.csv"):
            raise InputRefusedError("refused by today's contract")
        return take(settings, path)

    monkeypatch.setattr(snapshot, "take", refuse)
    done = rebuild.rebuild(home, only_load=True)
    assert len(done.refused) == 2
    assert accounts(home) == [row for row in before if row[0] in (2, 4)]


# --- older versions -------------------------------------------------------------------------------------------------


@pytest.fixture
def old_home(home: Settings) -> Settings:
    """A home as the version of November 2026 left it: no ledger, other meta and raw tables."""
    home.home.mkdir()
    with tarfile.open(OLD_HOME) as packed:
        packed.extractall(home.home, filter="data")
    return home


def test_a_warehouse_of_the_version_before_is_brought_up(old_home: Settings) -> None:
    accounted = "load_no, feed, source, file_name, snapshot_sha256, row_count, quarantined_count, loaded_at"
    outcomes = "snapshot_sha256, line, load_no, outcome"
    with duckdb.connect(str(old_home.warehouse)) as con:
        before = con.execute(f"SELECT {accounted} FROM meta.load_account ORDER BY load_no").fetchall()
        rows = con.execute(f"SELECT {outcomes} FROM raw.{FEED} ORDER BY ALL").fetchall()
    done = migrate.migrate(old_home, only_load=True)
    with warehouse.writer(old_home) as con:
        assert con.execute(f"SELECT {accounted} FROM meta.load_account ORDER BY load_no").fetchall() == before
        assert con.execute(f"SELECT {outcomes} FROM raw.{FEED} ORDER BY ALL").fetchall() == rows
        # What the old version did not know: which load ended a version.
        ended = f"SELECT count(*), count(DISTINCT ended_load_no) > 0 FROM raw.{FEED} WHERE ended_load_no IS NOT NULL"
        assert con.execute(ended).fetchall() == [(13, True)]
    assert done
    assert done.refused == []
    assert done.old_file
    assert len(ledger.read(old_home)) == len(before) == 20
    assert migrate.migrate(old_home) is None


def test_a_writer_says_what_to_do_with_an_old_warehouse_and_leaves_it_alone(old_home: Settings) -> None:
    with pytest.raises(versions.OutdatedError, match="sandwatch migrate"), warehouse.writer(old_home):
        pass
    with duckdb.connect(str(old_home.warehouse), read_only=True) as con:
        columns = [row[0] for row in con.execute("DESCRIBE meta.load_account").fetchall()]
    assert "title_lines" not in columns


def test_meta_tables_of_the_version_before_get_their_new_columns(old_home: Settings) -> None:
    with duckdb.connect(str(old_home.warehouse)) as con:
        before = con.execute("SELECT * FROM meta.load_account ORDER BY load_no").fetchall()
        asked = con.execute("SELECT feed, kind, subject FROM meta.question ORDER BY ALL").fetchall()
        for table in catalog.meta_tables().values():
            versions.bring_up(con, table)
        fresh = duckdb.connect()
        fresh.execute("CREATE SCHEMA meta")
        for table in catalog.meta_tables().values():
            fresh.execute(table.sql)
            assert versions.columns(con, table.name) == versions.columns(fresh, table.name), table.name
        added = con.execute("SELECT DISTINCT title_lines, total_lines, delimiter FROM meta.load_account").fetchall()
        assert added == [(0, 0, "")]
        left = "* EXCLUDE (title_lines, total_lines, delimiter)"
        shown = [row[0] for row in con.execute(f"DESCRIBE SELECT {left} FROM meta.load_account").fetchall()]
        assert len(con.execute(f"SELECT {', '.join(shown)} FROM meta.load_account").fetchall()) == len(before) == 20
        assert con.execute("SELECT feed, kind, subject FROM meta.question ORDER BY ALL").fetchall() == asked


def test_a_column_whose_type_changed_is_not_altered_in_silence() -> None:
    with duckdb.connect() as con:
        con.execute("CREATE SCHEMA raw")
        con.execute("CREATE TABLE raw.thing (price VARCHAR)")
        versions.bring_up_raw(con, "raw.thing", {"price": "DECIMAL(9,2)", "line": "BIGINT"})  # empty: made anew
        assert [column[:2] for column in versions.columns(con, "raw.thing")] == [
            ("price", "DECIMAL(9,2)"), ("line", "BIGINT"),
        ]  # fmt: skip
        con.execute("INSERT INTO raw.thing VALUES (1, 1)")
        versions.bring_up_raw(con, "raw.thing", {"price": "DECIMAL(9,2)", "line": "BIGINT", "note": "VARCHAR"})
        with pytest.raises(versions.OutdatedError, match=r"price was DECIMAL\(9,2\) and is DECIMAL\(12,3\) now"):
            versions.bring_up_raw(con, "raw.thing", {"price": "DECIMAL(12,3)", "line": "BIGINT"})
        with pytest.raises(versions.OutdatedError, match="do not say outcome"):
            versions.bring_up_raw(con, "raw.thing", {"price": "DECIMAL(9,2)", "line": "BIGINT", "outcome": "VARCHAR"})


# --- backup and restore ---------------------------------------------------------------------------------------------


def test_a_backup_comes_back_elsewhere_as_it_was(loaded: Settings, tmp_path: Path) -> None:
    (loaded.alerts).mkdir()
    (loaded.alerts / "sent.jsonl").write_text("{}\n", encoding="utf-8")
    before, content = accounts(loaded), city.contents(loaded.warehouse)
    done = backup.backup(loaded, tmp_path / "kept")
    assert (done.loads, done.damaged, done.folder) == (3, [], tmp_path / "kept")
    assert (tmp_path / "kept" / "warehouse.duckdb").stat().st_mode & 0o007 == 0
    other = dataclasses.replace(loaded, home=tmp_path / "other")
    assert backup.restore(other, tmp_path / "kept") is None
    assert city.contents(other.warehouse) == content
    assert accounts(other) == before
    assert (other.alerts / "sent.jsonl").read_text(encoding="utf-8") == "{}\n"
    for entry in ledger.read(other):
        assert durable.sha256_of(ledger.snapshot_of(other, entry)) == entry.sha256
    assert ingest.ingest(other, FEED, [loaded.home / "sent" / "a.csv"]).files[0]["already_loaded"]


def test_a_restore_over_data_is_asked_for_and_keeps_what_was_there(loaded: Settings, tmp_path: Path) -> None:
    backup.backup(loaded, tmp_path / "kept")
    ingest.ingest(loaded, FEED, [write(loaded.home / "sent" / "d.csv", [ticket(n) for n in range(200, 220)])])
    loaded.alerts.mkdir()
    (loaded.alerts / "sent.jsonl").write_text("told since\n", encoding="utf-8")
    (loaded.inbox).mkdir()
    with pytest.raises(WrongCallError, match="--replace"):
        backup.restore(loaded, tmp_path / "kept")
    assert len(accounts(loaded)) == 4
    aside = backup.restore(loaded, tmp_path / "kept", replace=True)
    assert len(accounts(loaded)) == 3
    assert aside
    with duckdb.connect(str(aside / "warehouse.duckdb"), read_only=True) as con:
        assert con.execute("SELECT count(*) FROM meta.load_account").fetchall() == [(4,)]
    # What was told stays told, or it would be told twice.
    assert (loaded.alerts / "sent.jsonl").read_text(encoding="utf-8") == "told since\n"
    assert loaded.inbox.exists()
    again = ingest.ingest(loaded, FEED, [loaded.home / "sent" / "d.csv"]).files[0]
    assert (again["already_loaded"], again["accepted"]) == (False, 20)


@pytest.mark.parametrize("harm", ["altered", "missing", "wal"])
def test_a_backup_that_is_not_whole_is_not_restored(loaded: Settings, tmp_path: Path, harm: str) -> None:
    backup.backup(loaded, tmp_path / "kept")
    file = tmp_path / "kept" / "warehouse.duckdb"
    if harm == "missing":
        file.unlink()
    elif harm == "altered":
        file.write_bytes(file.read_bytes()[:-1] + b"?")
    else:
        file.with_name("warehouse.duckdb.wal").write_bytes(b"commits of a stranger")
    other = dataclasses.replace(loaded, home=tmp_path / "other")
    with pytest.raises(InputRefusedError, match=r"warehouse\.duckdb"):
        backup.restore(other, tmp_path / "kept")
    assert not other.home.exists() or not other.warehouse.exists()


def test_a_backup_takes_in_what_a_killed_run_left_in_the_write_ahead_file(loaded: Settings, tmp_path: Path) -> None:
    """The copy of a file beside a pending .wal would lack the last commits."""
    code = (
        "import duckdb, os, sys; con = duckdb.connect(sys.argv[1])\n"
        "con.execute(\"SET checkpoint_threshold = '1GB'\")\n"
        "con.execute('CREATE TABLE meta.late AS SELECT 1 AS one')\n"
        "os._exit(0)"  # without closing: the commit is in the .wal only
    )
    subprocess.run([sys.executable, "-c", code, str(loaded.warehouse)], check=True)  # noqa: S603
    assert rebuild.wal_of(loaded.warehouse).exists()
    backup.backup(loaded, tmp_path / "kept")
    with duckdb.connect(str(tmp_path / "kept" / "warehouse.duckdb"), read_only=True) as con:
        assert con.execute("FROM meta.late").fetchall() == [(1,)]


def test_a_damaged_snapshot_is_named_and_does_not_stop_the_backup(loaded: Settings, tmp_path: Path) -> None:
    path = ledger.snapshot_of(loaded, ledger.read(loaded)[0])
    path.chmod(0o640)
    path.write_bytes(b"other")
    done = backup.backup(loaded, tmp_path / "kept")
    assert [Path(name).name for name in done.damaged] == [path.name]


def test_a_message_that_leaves_meanwhile_does_not_stop_the_backup(
    loaded: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = loaded.alerts / "outbox" / "file"
    waiting.mkdir(parents=True)
    for name in ("stays", "leaves"):
        (waiting / f"{name}.json").write_text("{}")
    take = backup._take

    def late(path: Path, target: Path) -> dict[str, Any]:
        if path.name in ("leaves.json", "told.jsonl"):
            path.unlink()
        return take(path, target)

    monkeypatch.setattr(backup, "_take", late)
    copy = backup.backup(loaded, tmp_path / "copy")
    files = backup.verify(copy.folder)["files"]
    assert [name for name in files if "outbox" in name] == ["alerts/outbox/file/stays.json"]
    (loaded.alerts / "told.jsonl").write_text("")
    with pytest.raises(MachineError):  # nothing else may be missing
        backup.backup(loaded, tmp_path / "another")


def test_a_backup_waits_for_no_writer_and_replaces_no_other(loaded: Settings, tmp_path: Path) -> None:
    with warehouse.writer(loaded):
        answer: list[BaseException] = []

        def try_it() -> None:
            try:
                with warehouse.locked(loaded, wait_s=0.1):
                    pass
            except BusyError as error:
                answer.append(error)

        thread = threading.Thread(target=try_it)
        thread.start()
        thread.join()
        assert answer
        assert "since" in str(answer[0])
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "x").touch()
    with pytest.raises(WrongCallError, match="not empty"):
        backup.backup(loaded, tmp_path / "kept")
    with pytest.raises(WrongCallError, match="nothing to back up"):
        backup.backup(dataclasses.replace(loaded, home=tmp_path / "nowhere"))


# --- the doctor -----------------------------------------------------------------------------------------------------


def states(settings: Settings, **asked: bool) -> dict[str, str]:
    """The worst state of each topic."""
    order = ("ok", "attention", "broken")
    found: dict[str, str] = {}
    for line in doctor.examine(settings, **asked):
        assert line.state == "ok" or line.todo, line
        found[line.name] = max(found.get(line.name, "ok"), line.state, key=order.index)
    return found


def test_the_doctor_finds_a_healthy_home_healthy(loaded: Settings) -> None:
    found = states(loaded, deep=True)
    assert "broken" not in found.values()
    assert {name: found[name] for name in ("fonts", "lock", "write-ahead", "ledger", "snapshots", "clock")} == (
        dict.fromkeys(("fonts", "lock", "write-ahead", "ledger", "snapshots", "clock"), "ok")
    )


def test_the_doctor_names_what_is_wrong(loaded: Settings) -> None:
    first, second, third = (ledger.snapshot_of(loaded, entry) for entry in ledger.read(loaded))
    first.unlink()
    second.chmod(0o640)
    second.write_bytes(b"other")
    (loaded.editions).mkdir()
    (loaded.editions / "regulator-1.duckdb.wal").touch()
    (loaded.snapshots / ".partial-1-1").touch()
    third.chmod(0o444)
    for folder in (loaded.home, loaded.snapshots, third.parent):
        folder.chmod(0o755)
    found = states(loaded)
    assert (found["snapshots"], found["write-ahead"]) == ("broken", "broken")
    assert (found["leftovers"], found["permissions"]) == ("attention", "attention")
    (line,) = [line for line in doctor.examine(loaded, deep=True) if line.name == "snapshots"]
    assert "1 missing, 1 altered of 3" in line.found


def test_the_doctor_sees_an_older_warehouse_put_back(loaded: Settings) -> None:
    old = loaded.warehouse.read_bytes()
    ingest.ingest(loaded, FEED, [write(loaded.home / "sent" / "d.csv", [ticket(n) for n in range(200, 220)])])
    loaded.warehouse.write_bytes(old)
    (line,) = [line for line in doctor.examine(loaded) if line.name == "ledger"]
    assert line.state == "broken"
    assert "1 of 4 loads" in line.found
    rebuild.rebuild(loaded, only_load=True)
    assert len(accounts(loaded)) == 4


def test_the_doctor_says_who_writes(loaded: Settings) -> None:
    with warehouse.locked(loaded):
        assert f"process {os.getpid()} since" in holdings.lock(loaded).found
    assert holdings.lock(loaded).found == "no writer is at work"


def test_the_doctor_compares_moments_and_not_wall_times(loaded: Settings) -> None:
    now = dt.datetime.now(dt.UTC)
    assert machine.clock(loaded, now).state == "ok"
    assert machine.clock(loaded, now.astimezone(dt.timezone(dt.timedelta(hours=-11)))).state == "ok"
    assert machine.clock(loaded, now - dt.timedelta(hours=1)).state == "broken"


def test_the_doctor_knows_which_holidays_are_known() -> None:
    assert machine.calendar(dt.date(2026, 6, 1)).state == "ok"
    assert machine.calendar(dt.date(2199, 6, 1)).state == "attention"


def test_the_doctor_tries_channels_only_when_asked(home: Settings) -> None:
    (line,) = machine.channels(home, send=False)
    assert line.state == "attention"
    wrong = dataclasses.replace(home, notify_urls=("nonsense",))
    assert "broken" in [line.state for line in machine.channels(wrong, send=False)]
    closed = dataclasses.replace(home, notify_urls=("json://127.0.0.1:9",))  # nobody listens on the discard port
    assert "broken" not in [line.state for line in machine.channels(closed, send=False)]
    found = list(machine.channels(closed, send=True))
    assert [line.state for line in found] == ["ok", "broken"]
    assert list((home.alerts / "doctor").iterdir())


def test_the_verbs_speak_json_and_exit_codes(loaded: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    import typer

    from pipelines.verbs import upkeep

    app = typer.Typer()
    upkeep.register(app)
    monkeypatch.setenv("SANDWATCH_HOME", str(loaded.home))
    healthy = CliRunner().invoke(app, ["doctor", "--json"])
    assert healthy.exit_code == 0, healthy.output
    assert json.loads(healthy.stdout)["is_broken"] is False
    made = CliRunner().invoke(app, ["backup"])
    assert made.exit_code == 0, made.output
    (folder,) = (loaded.home / "backups").iterdir()
    assert backup.verify(folder)["loads"] == 3
    ledger.snapshot_of(loaded, ledger.read(loaded)[0]).unlink()
    assert CliRunner().invoke(app, ["doctor"]).exit_code == 3
