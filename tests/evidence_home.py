"""A small home for tests of evidence and contests: two sites, a few trucks, each of another story."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path

from pipelines import run, warehouse
from pipelines.feeds import ingest
from pipelines.publishing import editions
from pipelines.settings import Settings

TICKETS = (
    "磅单号,站点,车号,货名,类型,毛重,皮重,净重,皮重时间,毛重时间,磅号,收货单位,目的地,司磅员,轴数,车型,驱动轴数,作废"
)
SITES = "站点,企业名称,统一社会信用代码,县区代码,主体类型,衡器最大称量,分度值"
SCALES = "站点,磅号,最大秤量(kg),检定分度值(kg),检定证书编号,检定日期,有效期至,法制和技术审核日期,设置地点公布日期"
VEHICLES = "号牌号码,生效日期,车型,轴数,驱动轴数,单轮胎,空气悬架,是否符合GB1589,经营业户"
# All that typst reads as markup, quotes, the format signs of Python, and signs that turn the order of a line.
HOSTILE = "#panic[x] $a$ [b] *c* _d_ `e` \\u{41} \"f\" 'g' <h> @i // j /* k */ {site} %s -- = + l\u202em ~"


# What a page is made of; an edition of all tables takes ten times as long.
READ = [
    *(f"staging.{name}" for name in ("weighbridge_ticket", "ticket_history", "site", "vehicle", "scale")),
    *(f"mart.{name}" for name in ("overload_record", "release", "release_vehicle", "site_week", "contested_record")),
    *(f"policy.{name}" for name in ("document", "threshold", "parameter", "axle_limit_gross_limit")),
    "staging.record_contest",
    "meta.load_account",
]


def ticket(number: str, gross: int | str = 60000, **cells: str) -> list[str]:
    row = {
        "no": number, "site": "甲矿", "plate": "豫Q10001", "product": "机制砂", "direction": "销售",
        "gross": str(gross), "tare": "15000", "net": "", "first": "2026-05-25 07:30:00",
        "at": "2026-05-25 08:00:00", "scale": "1", "receiver": "丙商砼", "destination": "驿城区",
        "operator": "司磅员甲", "axles": "6", "body": "汽车列车", "drive": "2", "void": "", **cells,
    }  # fmt: skip
    return list(row.values())


FIRST = [
    ticket("usable"),
    ticket("least", plate="豫Q10002", axles="", body="", drive="", at="2026-05-25 09:00:00", first=""),
    ticket("open", 30000, plate="豫Q10003", axles="", body="", drive="", at="2026-05-25 09:10:00", first=""),
    ticket("exempt", plate="豫Q10004", at="2026-05-25 09:20:00", first=""),
    ticket("expired", 49520, plate="豫Q10005", scale="2", at="2026-05-25 09:30:00", first=""),
    ticket("heavy", 62000, plate="豫Q10006", at="2026-05-25 10:00:00", first=""),
    ticket("heavier", 61000, plate="豫Q10006", at="2026-05-25 10:10:00", first=""),
    ticket("light", 55000, plate="豫Q10006", at="2026-05-25 10:20:00", first=""),
    ticket("hostile", plate="豫Q10007", product=HOSTILE, receiver=HOSTILE, at="2026-05-25 11:00:00", first=""),
    ticket("replaced", plate="豫Q10008", at="2026-05-25 12:00:00", first=""),
    ticket("voided", plate="豫Q10009", at="2026-05-25 12:10:00", first=""),
    ticket("later", plate="豫Q10010", at="2026-05-25 12:20:00", first="", drive="", body=""),
    ticket("stranger", 101010, site="野站", plate="", scale="", axles="4", body="", drive="", first=""),
    ticket("single", 47000, plate="豫Q10011", at="2026-05-25 12:30:00", first="", axles="", body="", drive=""),
    ticket("legal", 40000, plate="豫Q10012", at="2026-05-25 12:40:00", first=""),
]
SECOND = [
    ticket("least", 17000, plate="豫Q10002", axles="", body="", drive="", at="2026-05-25 09:00:00", first=""),
    ticket("replaced", 48000, plate="豫Q10008", at="2026-05-25 12:00:00", first=""),
    ticket("voided", plate="豫Q10009", at="2026-05-25 12:10:00", first="", void="是"),
]


def send(home: Settings, feed: str, name: str, header: str, rows: Iterable[list[str]]) -> Path:
    """Load a file as a sender would: in GB18030 with CRLF, old enough not to be waited for."""
    import csv

    path = home.home / "sent" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="gb18030", newline="") as file:
        csv.writer(file, lineterminator="\r\n").writerows([header.split(","), *rows])
    os.utime(path, (time.time() - 60, time.time() - 60))
    loaded = ingest.ingest(home, feed, [path])
    assert not loaded.refused, loaded.refused
    assert not loaded.total("quarantined"), loaded.files
    return path


def first_publishing(home: Settings) -> None:
    """Load the registers and the first tickets, and publish build 1."""
    send(home, "site_register", "名录.csv", SITES, [
        ["甲矿", "甲矿业公司", "91411700MA00TEST03", "411725", "矿山", "120", "20"]])  # fmt: skip
    send(home, "scale", "衡器.csv", SCALES, [
        ["甲矿", "1", "120000", "20", "证A-1", "2026-01-10", "2027-01-09", "2026-02-01", "2026-02-02"],
        ["甲矿", "2", "100000", "50", "证B-2", "2025-01-10", "2026-01-09", "", ""]])  # fmt: skip
    send(home, "vehicle", "车辆.csv", VEHICLES, [
        ["豫Q10001", "2026-01-01", "汽车列车", "6", "2", "否", "否", "否", "丁运输公司"],
        ["豫Q10004", "2026-01-01", "汽车列车", "6", "2", "", "", "是", "戊运输公司"],
        ["豫Q10011", "2026-01-01", "汽车列车", "6", "2", "是", "否", "否", "己运输公司"]])  # fmt: skip
    send(home, "weighbridge_ticket", "五月.csv", TICKETS, FIRST)
    publish(home)


def publish(home: Settings) -> None:
    """Build, judge and publish what evidence reads; checks and whole editions are tested elsewhere."""
    run.build(home)
    run.judge(home)
    with warehouse.writer(home) as con:
        editions.publish(con, home, {"regulator": READ, "public": []})
