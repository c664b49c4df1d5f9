"""The inbox in pieces: what waits, what is done, and what happens when a piece is cut off."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path

import pytest

from pipelines import warehouse
from pipelines.errors import BusyError
from pipelines.feeds import load, parse, plain_route
from pipelines.scheduler import inbox
from pipelines.settings import Settings

FEED = "price_quote"
HEADER = "报价日期,市场,县区代码,产品,规格,单位,价格类型,含税,价格\n"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, actor="test")


def drop(settings: Settings, name: str, text: str, *, age_s: float = 60) -> Path:
    path = settings.inbox / FEED / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    os.utime(path, (time.time() - age_s,) * 2)
    return path


def quotes(*prices: int) -> str:
    lines = [f"2026-11-0{day},东站,411725,天然砂,中砂,元/吨,出厂,是,{price}\n" for day, price in enumerate(prices, 1)]
    return HEADER + "".join(lines)


def waiting(settings: Settings) -> list[str]:
    return sorted(file["path"] for batch in inbox.batches(settings, FEED) for file in batch)


def take_in(settings: Settings) -> bool:
    jobs = [job for batch in inbox.batches(settings, FEED) for job in inbox.parse_batch(settings, FEED, batch)]
    return inbox.load_jobs(settings, FEED, jobs)


def rows(settings: Settings) -> int:
    with warehouse.writer(settings) as con:
        row = con.execute(f"SELECT count(*) FROM raw.{FEED}").fetchone()
    return int(row[0]) if row else 0


def alarms(settings: Settings) -> list[str]:
    return [path.read_text(encoding="utf-8") for path in settings.alerts.rglob("*.txt")]


def test_a_loaded_file_waits_no_more_until_it_changes(settings: Settings) -> None:
    drop(settings, "a.csv", quotes(100))
    assert waiting(settings) == ["a.csv"]
    assert take_in(settings) is True
    assert waiting(settings) == []
    drop(settings, "a.csv", quotes(100, 101), age_s=30)
    drop(settings, "default/b.csv", quotes(102, 103, 104))
    assert waiting(settings) == ["a.csv", "default/b.csv"]
    assert take_in(settings) is True
    assert rows(settings) == 5  # replaced quotes are kept, marked superseded
    assert waiting(settings) == []
    assert list((settings.parsed / FEED / "jobs").iterdir()) == []
    assert alarms(settings) == []


def test_known_content_under_a_new_name_is_done_and_is_no_news(settings: Settings) -> None:
    drop(settings, "a.csv", quotes(100))
    assert take_in(settings) is True
    drop(settings, "copy.csv", quotes(100))
    assert take_in(settings) is False
    assert waiting(settings) == []


def test_known_content_is_not_parsed_again(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    drop(settings, "a.csv", quotes(100, 101))
    assert take_in(settings) is True
    assert list((settings.parsed / FEED).glob("*.parquet")) == []  # typed rows go once they are loaded
    monkeypatch.setattr(parse, "_parse_kept", lambda *_, **__: pytest.fail("it was read again"))
    drop(settings, "copy.csv", quotes(100, 101))
    assert take_in(settings) is False


def test_what_only_an_older_warehouse_lacks_is_read_after_all(settings: Settings) -> None:
    """The ledger beside the snapshots knows the file, the warehouse that was put back does not."""
    drop(settings, "a.csv", quotes(100, 101))
    take_in(settings)
    settings.warehouse.unlink()
    drop(settings, "b.csv", quotes(102, 103, 104))
    assert waiting(settings) == ["a.csv", "b.csv"]
    jobs = [job for batch in inbox.batches(settings, FEED) for job in inbox.parse_batch(settings, FEED, batch)]
    told = [json.loads(Path(job).read_text(encoding="utf-8"))["parsed"]["is_known"] for job in jobs]
    assert sorted(told) == [False, True]
    assert inbox.load_jobs(settings, FEED, jobs) is True
    assert rows(settings) == 5
    assert waiting(settings) == []


def test_a_large_file_takes_the_plain_route_through_the_inbox(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plain_route, "PLAIN_BYTES", 0)
    feed = "weighbridge_ticket"
    path = settings.inbox / feed / "default" / "a.csv"
    path.parent.mkdir(parents=True)
    lines = [
        f"{number},甲矿,豫Q{number:05d},机制砂,销售,45000,15000,{30000 if number else 1},2026-05-25 08:00:00"
        for number in range(200)
    ]
    path.write_text("\n".join(["磅单号,站点,车号,货名,类型,毛重,皮重,净重,毛重时间", *lines]), encoding="utf-8")
    os.utime(path, (time.time() - 60,) * 2)
    (job,) = inbox.parse_batch(settings, feed, inbox.batches(settings, feed)[0])
    assert json.loads(Path(job).read_text(encoding="utf-8"))["parsed"]["plain_parquet"]
    assert inbox.load_jobs(settings, feed, [job]) is True
    with warehouse.writer(settings) as con:
        counts = con.execute("SELECT accepted_count, quarantined_count FROM meta.load_account").fetchall()
        assert con.execute(f"SELECT count(*) FROM raw.{feed}").fetchall() == [(199,)]
    assert counts == [(199, 1)]
    assert [file.name for file in (settings.quarantine / feed).iterdir()] != []


def test_a_refused_file_is_told_once_and_waits_for_another_file_or_contract(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(settings, "bad.csv", "无关,列\n1,2\n")
    drop(settings, "good.csv", quotes(100))
    drop(settings, "nobody/x.csv", quotes(105))
    assert take_in(settings) is True
    (alarm,) = alarms(settings)
    assert "bad.csv" in alarm
    assert "no source 'nobody'" in alarm
    assert "good.csv" not in alarm
    assert take_in(settings) is False
    assert len(alarms(settings)) == 1
    monkeypatch.setattr(inbox, "_contract_digest", lambda _: "changed")
    assert waiting(settings) == ["bad.csv", "nobody/x.csv"]
    monkeypatch.undo()
    drop(settings, "bad.csv", quotes(106), age_s=20)
    assert waiting(settings) == ["bad.csv"]
    assert take_in(settings) is True


@pytest.mark.parametrize("new_home", ["gone", "older copy"])
def test_another_warehouse_has_seen_nothing(settings: Settings, new_home: str) -> None:
    drop(settings, "a.csv", quotes(100))
    take_in(settings)
    if new_home == "gone":
        settings.warehouse.unlink()
    else:
        stat = settings.warehouse.stat()
        os.utime(settings.warehouse, ns=(stat.st_atime_ns, stat.st_mtime_ns - 1))
    assert waiting(settings) == ["a.csv"]


def test_a_load_cut_off_after_its_commit_is_news_when_it_is_repeated(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    class CutOffError(BaseException):
        pass

    def cut_off(*_: object) -> None:
        raise CutOffError

    drop(settings, "a.csv", quotes(100))
    jobs = inbox.parse_batch(settings, FEED, inbox.batches(settings, FEED)[0])
    with monkeypatch.context() as patch:
        patch.setattr(inbox, "_add_to_ledger", cut_off)
        with pytest.raises(CutOffError):
            inbox.load_jobs(settings, FEED, jobs)
    assert rows(settings) == 1
    assert waiting(settings) == ["a.csv"]
    assert inbox.load_jobs(settings, FEED, jobs) is True
    assert rows(settings) == 1
    assert waiting(settings) == []
    assert inbox.load_jobs(settings, FEED, jobs) is False  # nothing is left of it


def test_a_busy_warehouse_leaves_all_for_the_next_try(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*_: object) -> None:
        raise BusyError("in use")

    drop(settings, "a.csv", quotes(100))
    jobs = inbox.parse_batch(settings, FEED, inbox.batches(settings, FEED)[0])
    with monkeypatch.context() as patch:
        patch.setattr(load, "load", busy)
        with pytest.raises(BusyError):
            inbox.load_jobs(settings, FEED, jobs)
    assert waiting(settings) == ["a.csv"]
    assert inbox.load_jobs(settings, FEED, jobs) is True


def test_a_growing_file_is_left_for_the_next_look_without_an_alarm(settings: Settings) -> None:
    drop(settings, "done.csv", quotes(100), age_s=0)
    growing = drop(settings, "growing.csv", quotes(101), age_s=0)
    writer = threading.Timer(inbox.SETTLE_SECONDS / 2, lambda: growing.write_text(quotes(101, 102), encoding="utf-8"))
    writer.start()
    assert waiting(settings) == ["done.csv"]
    writer.join()
    os.utime(growing, (time.time() - 60,) * 2)
    assert waiting(settings) == ["done.csv", "growing.csv"]


def test_batches_hold_every_file_once_and_are_few_and_even(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "BATCH_BYTES", 1000)
    for number in range(40):
        drop(settings, f"{number:02}.csv", "x" * (100 + number * 10))
    batches = inbox.batches(settings, FEED)
    sizes = [sum(file["size_bytes"] for file in batch) for batch in batches]
    assert len(batches) == inbox.MAX_BATCHES
    assert sorted(file["path"] for batch in batches for file in batch) == [f"{number:02}.csv" for number in range(40)]
    assert max(sizes) - min(sizes) <= 500
    monkeypatch.setattr(inbox, "BATCH_BYTES", 1 << 20)
    assert len(inbox.batches(settings, FEED)) == 1
