"""What a message adds that comes later than it was ready: since when it waited and why, or how often it happened."""

from __future__ import annotations

import datetime as dt

from pipelines.alerting.channels import without_plates
from pipelines.alerting.outbox import Waiting
from pipelines.alerting.triage import local

UNREMARKED = dt.timedelta(minutes=30)  # who is told half an hour late need not be told so
_WHY = {
    "zh": {"quiet": "静默时段", "not_taken": "发送渠道中断"},
    "en": {"quiet": "quiet hours", "not_taken": "the channel was dead"},
}
_HELD = {"zh": "暂停发送 {hours:.0f} 小时：{reason}", "en": "sending was held for {hours:.0f} hours: {reason}"}
_LATE = {"zh": "（本消息 {since} 已备好，因{why}推迟）", "en": "(ready since {since}, late because {why})"}
_TIMES = {"zh": "（同一告警共 {times} 次，首次 {since}）", "en": "({times} times, first at {since})"}
_OVERDUE = {"zh": "〔数据已过期{days}天〕", "en": " [price data {days} days overdue]"}


def overdue(days: int | None, language: str) -> str:
    """Return what the title of a message on old data ends with; empty where the data are fresh."""
    return _OVERDUE[language].format(days=days) if days else ""


def since(waiting: Waiting | None, now: dt.datetime) -> str | None:
    """Return when a message was ready, for people; None where it is not late."""
    if waiting is None or now - waiting.queued_at < UNREMARKED:
        return None
    return local(waiting.queued_at)


def reason(waiting: Waiting, now: dt.datetime, language: str) -> str:
    """Return why a message waited, for people; a hold counts more than anything else, and says how long it was."""
    if waiting.held_since:
        hours = (now - waiting.held_since).total_seconds() / 3600
        return without_plates(_HELD[language].format(hours=hours, reason=waiting.hold_reason))
    return _WHY[language].get(waiting.why, _WHY[language]["not_taken"])


def late(waiting: Waiting, now: dt.datetime, language: str) -> str:
    """Return the lines a late alarm of data or machine ends with; empty where it is not late."""
    at = since(waiting, now)
    if at is None:
        return ""
    said = ["", _LATE[language].format(since=at, why=reason(waiting, now, language))]
    if waiting.times > 1 and waiting.letter.kind == "machine":
        said.append(_TIMES[language].format(times=waiting.times, since=at))
    return "\n".join(said)
