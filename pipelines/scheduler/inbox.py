"""What waits in a feed's inbox, cut into pieces that run as tasks: find, parse in parallel, load once.

Tasks hand each other small things only: names of files, and paths of the job files that hold what parsing found.
A ledger beside them names the inbox files that are done, so that looking costs no parsing and no lock. Both lie
under `parsed/` and can be deleted: the files are then parsed again, and the load finds that it knows them.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipelines import ledger
from pipelines.errors import WrongCallError
from pipelines.feeds import ingest, load, parse
from pipelines.feeds.parsed_file import ParsedFile
from pipelines.settings import ROOT, Settings

MAX_BATCHES = 8
# About as long to parse as a task takes to start: smaller batches only add waiting.
BATCH_BYTES = 8 << 20
# A file that changed so shortly before may still be growing; it is looked at once more after this time.
SETTLE_SECONDS = 2


@dataclass(frozen=True)
class Waiting:
    """An inbox file that is to be loaded, as it was when it was found; `path` is below the feed's inbox."""

    path: str
    source: str
    size_bytes: int
    changed_ns: int


def batches(settings: Settings, feed: str) -> list[list[dict[str, Any]]]:
    """Return what waits in a feed's inbox, spread by size over a few lists; often none.

    Waiting is a file that no load has seen as it lies there now, or that was refused under another contract. One
    that is still being written is left for the next look.

    Raises:
        WrongCallError: there is no such feed.
    """
    done, contract = _read_ledger(settings, feed), _contract_digest(feed)
    waiting = [file for file in _lying(settings, feed) if done.get(file.path) not in _marks(file, contract)]
    if any(time.time_ns() - file.changed_ns < SETTLE_SECONDS * 1e9 for file in waiting):
        time.sleep(SETTLE_SECONDS)
        unchanged = set(_lying(settings, feed))
        waiting = [file for file in waiting if file in unchanged]
    wanted = -(-sum(file.size_bytes for file in waiting) // BATCH_BYTES)
    lists: list[list[Waiting]] = [[] for _ in range(min(max(wanted, 1), MAX_BATCHES, len(waiting)))]
    for file in sorted(waiting, key=lambda file: -file.size_bytes):
        min(lists, key=lambda batch: sum(other.size_bytes for other in batch)).append(file)
    return [[asdict(file) for file in batch] for batch in lists]


def parse_batch(settings: Settings, feed: str, batch: Sequence[dict[str, Any]]) -> list[str]:
    """Parse the files of a batch and return one job file a file; a refused file has one too.

    A file whose content was loaded before, under whatever name, is hashed and not parsed again.

    Raises:
        MachineError: the contract cannot be read.
    """
    folder = settings.parsed / feed / "jobs"
    folder.mkdir(parents=True, exist_ok=True)
    known = {entry.sha256 for entry in ledger.read(settings) if entry.feed == feed}
    jobs = []
    for item in batch:
        file = Waiting(**item)
        parsed, refusal = _parse(settings, feed, file, known)
        job = {"waiting": item, "parsed": parsed.to_json() if parsed else None, "refusal": refusal}
        name = hashlib.sha256(json.dumps(item, sort_keys=True).encode()).hexdigest()[:16]
        _write(folder / f"{name}.json", job)
        jobs.append(str(folder / f"{name}.json"))
    return jobs


def load_jobs(settings: Settings, feed: str, jobs: Sequence[str]) -> bool:
    """Load what was parsed, in the order of the inbox, and return whether the warehouse holds anything new.

    Whoever fixes the feed is told of refused files. Safe to repeat after it was cut off at any point.

    Raises:
        BusyError: another writer is at work.
    """
    unfinished = settings.parsed / feed / ".load-unfinished"
    there = [json.loads(path.read_text(encoding="utf-8")) for path in map(Path, jobs) if path.exists()]
    there.sort(key=lambda job: Path(job["waiting"]["path"]))
    # A load that was cut off after its commit looks like an old one when it is repeated: what it brought is new
    # all the same to whoever waits for news.
    was_cut_off = unfinished.exists()
    unfinished.touch()
    try:
        result, parsed = _load(settings, feed, there)
    except load.StaleLedgerError:
        # An older warehouse was put back beside newer snapshots: what it does not hold was not read, and is now.
        for job in there:
            if job["parsed"] and job["parsed"]["is_known"]:
                found, job["refusal"] = _parse(settings, feed, Waiting(**job["waiting"]))
                job["parsed"] = found.to_json() if found else None
        result, parsed = _load(settings, feed, there)
    from pipelines.alerting import alerts

    refused_title = f"{feed}：有文件被拒收"
    if parsed and not result.refused:
        alerts.data_recovered(settings, refused_title)
    if result.refused:
        fixer = parse.contract_of(feed).who_fixes
        bad = [refusal["message"] for refusal in result.refused if refusal["fault"] == "data"]
        if bad:
            body = "\n".join([f"请 {fixer} 处理；以下 {len(bad)} 个文件整份未入库，其余数据不受影响：", *bad])
            alerts.data_alarm(settings, refused_title, body)
        broken = [refusal["message"] for refusal in result.refused if refusal["fault"] == "machine"]
        if broken:
            alerts.machine_alarm(settings, f"{feed}：读取程序在 {len(broken)} 个文件上出错", "\n".join(broken))
    _add_to_ledger(settings, feed, there)
    for job in jobs:
        Path(job).unlink(missing_ok=True)
    unfinished.unlink()
    return was_cut_off or any(not file["already_loaded"] for file in result.files)


def _load(
    settings: Settings, feed: str, jobs: Sequence[dict[str, Any]]
) -> tuple[ingest.IngestResult, list[ParsedFile]]:
    result = ingest.IngestResult(feed, refused=[job["refusal"] for job in jobs if job["refusal"]])
    parsed = [ParsedFile(**job["parsed"]) for job in jobs if job["parsed"]]
    return ingest.load_parsed(settings, result, parsed), parsed


def _parse(
    settings: Settings, feed: str, file: Waiting, known: Collection[str] = ()
) -> tuple[ParsedFile | None, dict[str, str] | None]:
    try:
        return ingest.parse_or_refuse(settings, feed, settings.inbox / feed / file.path, file.source, known)
    except WrongCallError as error:  # a folder that no source profile describes must not hold up the others
        return None, {"path": file.path, "message": f"{feed}/{file.path}: {error}", "fault": "data"}


def _lying(settings: Settings, feed: str) -> list[Waiting]:
    found = []
    for path, source in ingest.inbox_files(settings, feed):
        stat = path.stat()
        name = path.relative_to(settings.inbox / feed).as_posix()
        found.append(Waiting(name, source, stat.st_size, stat.st_mtime_ns))
    return found


def _marks(file: Waiting, contract: str) -> tuple[list[Any], list[Any]]:
    """What the ledger says of this very file when it was loaded, and when it was refused under this contract."""
    loaded = [file.size_bytes, file.changed_ns]
    return loaded, [*loaded, contract]


def _contract_digest(feed: str) -> str:
    path = ROOT / "expectations" / "raw" / f"{parse.contract_of(feed).feed}.yaml"
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def _warehouse_mark(settings: Settings) -> list[int] | None:
    """Which warehouse file a ledger belongs to: another one, or an older copy put back, has not seen the files."""
    if not settings.warehouse.exists():
        return None
    stat = settings.warehouse.stat()
    return [stat.st_ino, stat.st_mtime_ns]


def _read_ledger(settings: Settings, feed: str) -> dict[str, list[Any]]:
    path = settings.parsed / feed / ".ledger.json"
    if not path.exists():
        return {}
    ledger = json.loads(path.read_text(encoding="utf-8"))
    then, now = ledger["warehouse"], _warehouse_mark(settings)
    is_same = then == now if then is None or now is None else then[0] == now[0] and then[1] <= now[1]
    done: dict[str, list[Any]] = ledger["done"] if is_same else {}
    return done


def _add_to_ledger(settings: Settings, feed: str, jobs: Sequence[dict[str, Any]]) -> None:
    contract, done = _contract_digest(feed), _read_ledger(settings, feed)
    for job in jobs:
        loaded, refused = _marks(Waiting(**job["waiting"]), contract)
        done[job["waiting"]["path"]] = refused if job["refusal"] else loaded
    lying = {file.path for file in _lying(settings, feed)}
    kept = {path: mark for path, mark in done.items() if path in lying}
    _write(settings.parsed / feed / ".ledger.json", {"warehouse": _warehouse_mark(settings), "done": kept})


def _write(path: Path, content: Any) -> None:
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    partial.replace(path)
