"""Faults, each really done: killed processes, full disks, closed folders, wrong clocks, rubbish in the inbox.

The long campaigns run by `make faults`; here are their small versions and the single cases.
"""

from __future__ import annotations

import ctypes
import datetime as dt
import errno
import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from faults import city, fuzz, kills, readers, unchecked

from pipelines import durable, ledger, run, warehouse
from pipelines.feeds import ingest
from pipelines.publishing import editions
from pipelines.scheduler import inbox
from pipelines.settings import ROOT, Settings

FEED = "weighbridge_ticket"
SEED = 20261123
HEADER = "磅单号,站点,车号,货名,类型,毛重,皮重,净重,毛重时间"


def write_tickets(path: Path, count: int, first: int = 0) -> Path:
    rows = [
        f"{number},甲矿,豫Q{number % 100000:05d},机制砂,销售,45000,15000,30000,"
        f"2026-05-{1 + number // 1000 % 28:02d} {8 + number % 10:02d}:{number // 10 % 60:02d}:{number % 60:02d}"
        for number in range(first, first + count)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
    city.settle(path)
    return path


def query(settings: Settings, sql: str) -> list[tuple[Any, ...]]:
    with warehouse.writer(settings) as con:
        return con.execute(sql).fetchall()


def outcome_of(settings: Settings) -> list[tuple[Any, ...]]:
    """Each ticket number with how often it stands, and the accounts."""
    return query(
        settings,
        "SELECT 'tickets', count(*), count(DISTINCT ticket_no) FROM raw.weighbridge_ticket WHERE outcome = 'accepted'"
        " UNION ALL SELECT 'files', count(*), sum(accepted_count) FROM meta.load_account",
    )


def child(
    settings: Settings, *words: str, module: str = "pipelines", before: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a verb; `before` is Python that a process runs before it becomes that verb."""
    verb = [sys.executable, "-m", module, *words]
    # Not in a fork of this process: it has threads, whose locks a fork would keep for ever.
    become = f"import ctypes, os, resource, sys\n{before}\nos.execv(sys.argv[1], sys.argv[1:])"
    return subprocess.run(  # noqa: S603  # our own verbs
        [sys.executable, "-c", become, *verb] if before else verb,
        cwd=ROOT, env=city.environment(settings), text=True, capture_output=True, check=False, timeout=120,
    )  # fmt: skip


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Settings]:
    found = Settings(home=tmp_path / "home", actor="tester")
    yield found
    city.remove(found.home)


# --- the campaigns, small -------------------------------------------------------------------------------------------


def test_twenty_kills_change_nothing(tmp_path: Path) -> None:
    report = kills.campaign(tmp_path, kills=20, lives=1, seed=SEED, check=False, say=lambda _: None)
    assert report.failures == []
    assert report.kills == 20
    assert set(report.by_phase) == set(kills.PHASES)
    assert report.too_late <= 10  # else it struck no running process and proves nothing


def test_readers_see_whole_editions_while_rounds_are_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "_require_checked", run._require_checked)  # put back after the campaign
    report = readers.campaign(
        tmp_path, readers=4, rounds=5, seed=SEED, check_every_round=False, say=lambda _: None
    )  # fmt: skip
    assert report.failures == []
    assert report.rounds == 5
    assert report.opens > 20
    assert report.editions_seen > 4
    assert report.longest_wait_s < 1


def test_readers_would_notice_a_torn_edition(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The invariants can fail: an edition with a ticket too many breaks one of them."""
    unchecked_before = run._require_checked
    monkeypatch.setattr(run, "_require_checked", unchecked_before)
    unchecked.skip_checks()
    write_tickets(home.inbox / FEED / "default" / "a.csv", 50)
    run.ingest_inbox(home)
    run.build(home)
    run.judge(home)
    run.publish(home)
    torn = home.home / "torn.duckdb"
    torn.write_bytes(editions.current(home, "regulator").read_bytes())
    with duckdb.connect(str(torn)) as con:
        assert not any(con.execute(sql).fetchall() for sql in readers.INVARIANTS.values())
        con.execute("INSERT INTO staging.weighbridge_ticket FROM staging.weighbridge_ticket LIMIT 1")
        assert any(con.execute(sql).fetchall() for sql in readers.INVARIANTS.values())


def test_mutated_files_are_refused_or_accounted_for(tmp_path: Path) -> None:
    report = fuzz.campaign(tmp_path, files=500, seed=SEED, both_routes_every=4, say=lambda _: None)
    assert report.failures == []
    assert report.files == 500
    assert report.outcomes["read"] > 50
    assert report.outcomes["read by both routes"] > 10
    assert report.outcomes["refused"] > 50


@pytest.mark.parametrize("path", sorted((ROOT / "tests" / "data" / "reader").glob("*")), ids=lambda path: path.name)
def test_files_that_once_broke_the_reader(path: Path, home: Settings) -> None:
    feed, source = path.name.split(".")[:2]
    sample = fuzz.Sample(feed, source, path.suffix, path.read_bytes())
    assert fuzz.judge(home, sample, sample.content)[1] == ""


# --- killed at a known place ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "place", ["before snapshot", "after snapshot", "before open", "after open", "between commit and ledger"]
)
def test_a_kill_at_a_known_place_loses_and_doubles_nothing(place: str, home: Settings, tmp_path: Path) -> None:
    write_tickets(home.inbox / FEED / "default" / "a.csv", 300)
    verb = ("ingest", FEED)
    died = child(home, str(tmp_path / "out"), "--die-at", place, *verb, module="tests.faults.watch")
    assert died.returncode == -signal.SIGKILL
    assert child(home, *verb).returncode == 0
    assert outcome_of(home) == [("tickets", 300, 300), ("files", 1, 300)]
    assert [entry.load_no for entry in ledger.read(home)] == [1]


def test_half_written_copies_of_killed_processes_are_removed(home: Settings) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    home.snapshots.mkdir(parents=True)
    dead = home.snapshots / f".partial-{gone.pid}-1"
    old = home.snapshots / f".partial-{os.getpid()}-2"
    alive = home.snapshots / f".partial-{os.getpid()}-3"
    for path in (dead, old, alive):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - 2 * 86400,) * 2)
    ingest.ingest(home, FEED, [write_tickets(home.home / "a.csv", 10)])
    assert (dead.exists(), old.exists(), alive.exists()) == (False, False, True)


def test_a_retry_of_the_scheduler_after_a_kill_loads_once(home: Settings) -> None:
    """Airflow repeats a task that died: killed after parsing, after the commit, and then repeated as the DAG does."""
    for number in range(3):
        write_tickets(home.inbox / FEED / "default" / f"{number}.csv", 100, first=number * 100)
    find = f"inbox.batches(s, {FEED!r})"
    parse = f"jobs = [job for batch in {find} for job in inbox.parse_batch(s, {FEED!r}, batch)]"
    die = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"

    def task(*lines: str) -> subprocess.CompletedProcess[str]:
        begin = ["import json", "from pipelines import settings", "from pipelines.scheduler import inbox",
                 "from pipelines.feeds import ingest", "s = settings.load()"]  # fmt: skip
        return subprocess.run(  # noqa: S603
            [sys.executable, "-c", "\n".join([*begin, *lines])],
            cwd=ROOT, env=city.environment(home), text=True, capture_output=True, check=False, timeout=120,
        )  # fmt: skip

    assert task(parse, die).returncode == -signal.SIGKILL  # parsed, and died before it could hand over the jobs
    parsed = task(parse, "print(json.dumps(jobs))")
    jobs = json.loads(parsed.stdout)
    assert len(jobs) == 3
    # Died when all was committed and nothing noted: the quarantine is the first thing after the load.
    load = f"inbox.load_jobs(s, {FEED!r}, {jobs!r})"
    after_commit = f"ingest.loading.load = (lambda load: lambda *a: (load(*a), {die.split('; ')[1]}))"
    dying = task("import os, signal", after_commit + "(ingest.loading.load)", load)
    assert dying.returncode == -signal.SIGKILL, dying.stderr
    again = task(f"print({load})")
    assert again.stdout.strip() == "True", again.stderr  # what the killed one brought is news all the same
    assert outcome_of(home) == [("tickets", 300, 300), ("files", 3, 300)]
    assert inbox.batches(home, FEED) == []


# --- no room, not allowed -------------------------------------------------------------------------------------------


def limit_file_size(size_bytes: int) -> str:
    return f"resource.setrlimit(resource.RLIMIT_FSIZE, ({size_bytes}, {size_bytes}))"


@pytest.mark.parametrize("what", ["copy", "typed rows", "warehouse"])
def test_no_room_is_said_and_the_plain_rerun_does_it(what: str, home: Settings) -> None:
    """A limit on the size of a file hits the copy, the typed rows (longer than the file) or the warehouse."""
    path = write_tickets(home.inbox / FEED / "default" / "a.csv", 3000)
    size = path.stat().st_size
    limit = {"copy": size // 2, "typed rows": size + 2000, "warehouse": size + 60_000}[what]
    failed = child(home, "ingest", FEED, before=limit_file_size(limit))
    assert failed.returncode == 3, failed.stderr
    assert "Traceback" not in failed.stderr
    assert "again" in failed.stderr  # it says what to do
    assert not list(home.snapshots.glob(".partial*"))
    for kept in home.snapshots.rglob("*.csv"):
        assert kept.stem == durable.sha256_of(kept)
    assert child(home, "ingest", FEED).returncode == 0
    assert outcome_of(home) == [("tickets", 3000, 3000), ("files", 1, 3000)]


def test_no_room_in_any_other_step_is_said_too(home: Settings, tmp_path: Path) -> None:
    """What the system says while a verb writes anything else still becomes one line, not a traceback."""
    write_tickets(home.inbox / FEED / "default" / "a.csv", 3000)
    assert child(home, "ingest", FEED).returncode == 0
    written = ("simulate", str(tmp_path / "city"), "--scale", "0.05", "--weeks", "1")
    for words, limit in ((("build",), 300_000), (written, 1000)):
        failed = child(home, *words, before=limit_file_size(limit))
        assert failed.returncode == 3, failed.stderr
        assert "Traceback" not in failed.stderr
        assert len(failed.stderr.strip().splitlines()) == 1
        assert "File too large" in failed.stderr
        assert "run the same command again" in failed.stderr
        assert child(home, *words).returncode == 0
    assert outcome_of(home) == [("tickets", 3000, 3000), ("files", 1, 3000)]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Mount a disk of a few KiB; skipped where nothing may be mounted."""
    mounted: list[Path] = []
    libc = ctypes.CDLL(None, use_errno=True)

    def mount(kib: int) -> Path:
        folder = tmp_path / f"disk-{kib}"
        folder.mkdir()
        if libc.mount(b"tmpfs", str(folder).encode(), b"tmpfs", 0, f"size={kib}k".encode()) != 0:
            pytest.skip(f"no disk may be mounted here: {os.strerror(ctypes.get_errno())}")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        city.remove(folder / "home")
        libc.umount2(str(folder).encode(), 2)


def test_a_full_disk_is_said_and_what_was_loaded_stays(small_disk: Callable[[int], Path], tmp_path: Path) -> None:
    disk = small_disk(30_000)
    home = Settings(home=disk / "home", actor="tester")
    first = write_tickets(tmp_path / "a.csv", 1000)
    assert child(home, "ingest", FEED, str(first)).returncode == 0
    ballast = disk / "ballast"
    second = write_tickets(tmp_path / "b.csv", 5000, first=1000)
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    ballast.write_bytes(b"\0" * (free - 100_000))
    failed = child(home, "ingest", FEED, str(second))
    assert failed.returncode == 3, failed.stderr
    assert "Traceback" not in failed.stderr
    assert "free" in failed.stderr
    ballast.unlink()
    assert outcome_of(home) == [("tickets", 1000, 1000), ("files", 1, 1000)]
    assert child(home, "ingest", FEED, str(second)).returncode == 0
    assert outcome_of(home) == [("tickets", 6000, 6000), ("files", 2, 6000)]


# Give up what lets root write everywhere (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH); others have nothing to give up.
OBEY_FILE_MODES = """
for capability in (1, 2) if os.getuid() == 0 else ():
    if ctypes.CDLL(None).prctl(24, capability, 0, 0, 0) != 0:  # PR_CAPBSET_DROP
        os._exit(77)
"""


def may_obey() -> bool:
    probe = subprocess.run([sys.executable, "-c", f"import ctypes, os\n{OBEY_FILE_MODES}"], check=False)  # noqa: S603
    return probe.returncode == 0


@pytest.mark.skipif(not may_obey(), reason="root may not give up its rights here, so file modes bind nobody")
@pytest.mark.parametrize("closed", ["home", "snapshots", "warehouse"])
def test_a_closed_folder_is_said_and_nothing_changes(closed: str, home: Settings) -> None:
    ingest.ingest(home, FEED, [write_tickets(home.home / "a.csv", 100)])
    later = write_tickets(home.inbox / FEED / "default" / "b.csv", 100, first=100)
    path = {"home": home.home, "snapshots": home.snapshots, "warehouse": home.warehouse}[closed]
    mode = stat.S_IMODE(path.stat().st_mode)
    path.chmod(0o500 if path.is_dir() else 0o400)
    if closed == "home":
        warehouse.lock_path(home).unlink(missing_ok=True)
    try:
        failed = child(home, "ingest", FEED, before=OBEY_FILE_MODES)
    finally:
        path.chmod(mode)
    assert failed.returncode == 3, failed.stderr
    assert "Traceback" not in failed.stderr
    assert str(path) in failed.stderr
    assert outcome_of(home) == [("tickets", 100, 100), ("files", 1, 100)]
    assert child(home, "ingest", FEED).returncode == 0
    assert outcome_of(home) == [("tickets", 200, 200), ("files", 2, 200)]
    assert later.exists()


@pytest.mark.skipif(not may_obey(), reason="root may not give up its rights here, so file modes bind nobody")
def test_a_file_that_may_not_be_read_does_not_hold_up_the_others(home: Settings) -> None:
    write_tickets(home.inbox / FEED / "default" / "a.csv", 100)
    closed = write_tickets(home.inbox / FEED / "default" / "b.csv", 100, first=100)
    closed.chmod(0)
    refused = child(home, "ingest", FEED, before=OBEY_FILE_MODES)
    assert refused.returncode == 1
    assert "may not be read" in refused.stderr
    assert outcome_of(home) == [("tickets", 100, 100), ("files", 1, 100)]


def test_a_disk_that_is_read_only_is_said(small_disk: Callable[[int], Path], tmp_path: Path) -> None:
    disk = small_disk(30_001)
    home = Settings(home=disk / "home", actor="tester")
    ingest.ingest(home, FEED, [write_tickets(tmp_path / "a.csv", 100)])
    libc = ctypes.CDLL(None, use_errno=True)
    remount, read_only = 32, 1
    if libc.mount(b"tmpfs", str(disk).encode(), b"tmpfs", remount | read_only, b"") != 0:
        pytest.skip(f"no disk may be remounted here: {os.strerror(ctypes.get_errno())}")
    later = write_tickets(tmp_path / "b.csv", 100, first=100)
    failed = child(home, "ingest", FEED, str(later))
    assert failed.returncode == 3, failed.stderr
    assert os.strerror(errno.EROFS) in failed.stderr
    assert libc.mount(b"tmpfs", str(disk).encode(), b"tmpfs", remount, b"") == 0
    assert child(home, "ingest", FEED, str(later)).returncode == 0
    assert outcome_of(home) == [("tickets", 200, 200), ("files", 2, 200)]


# --- clocks, others at work -----------------------------------------------------------------------------------------


def test_a_clock_that_was_set_back_does_not_stop_publishing(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last load says it ran next year: what is built, judged and published now is still newer."""
    monkeypatch.setattr(run, "_require_checked", run._require_checked)
    unchecked.skip_checks()
    ingest.ingest(home, FEED, [write_tickets(home.home / "a.csv", 100)])
    ahead = dt.datetime.now(dt.UTC) + dt.timedelta(days=400)
    with warehouse.writer(home) as con:
        con.execute("UPDATE meta.load_account SET loaded_at = ?", [ahead])
    ingest.ingest(home, FEED, [write_tickets(home.home / "b.csv", 100, first=100)])
    run.build(home)
    run.judge(home)
    run.publish(home)
    with duckdb.connect(str(editions.current(home, "regulator")), read_only=True) as con:
        assert con.execute("SELECT count(*) FROM staging.weighbridge_ticket").fetchall() == [(200,)]
    assert [entry.load_no for entry in ledger.read(home)] == [1, 2]


def test_two_loads_at_once_both_come_in(home: Settings) -> None:
    files = [write_tickets(home.home / f"{number}.csv", 500, first=number * 400) for number in range(2)]
    loads = [city.start(home, "ingest", FEED, str(path)) for path in files]
    for load in loads:
        _, heard = load.communicate(timeout=120)
        assert load.returncode == 0, heard
    assert outcome_of(home) == [("tickets", 900, 900), ("files", 2, 900)]
    assert [entry.load_no for entry in ledger.read(home)] == [1, 2]


def test_a_reader_may_keep_an_edition_open_for_as_long_as_it_likes(
    home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "_require_checked", run._require_checked)
    unchecked.skip_checks()
    ingest.ingest(home, FEED, [write_tickets(home.home / "a.csv", 100)])
    run.build(home)
    run.judge(home)
    run.publish(home)
    first = editions.current(home, "regulator")
    count = "SELECT count(*), count(DISTINCT ticket_no) FROM staging.weighbridge_ticket"
    with duckdb.connect(str(first), read_only=True) as reader:
        for _ in range(editions.KEPT_VERSIONS + 1):
            run.publish(home)
            assert reader.execute(count).fetchall() == [(100, 100)]
        ingest.ingest(home, FEED, [write_tickets(home.home / "b.csv", 400, first=100)])
        run.build(home)
        run.judge(home)
        run.publish(home)
        assert not first.exists()  # tidied up meanwhile; the reader keeps what it opened
        assert reader.execute(count).fetchall() == [(100, 100)]
    with duckdb.connect(str(editions.current(home, "regulator")), read_only=True) as reader:
        assert reader.execute(count).fetchall() == [(500, 500)]
