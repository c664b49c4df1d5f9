"""One measured process: wall time from start to end, and the memory of it and its children together."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from pipelines.settings import ROOT

CORES = 2
POLL_S = 0.05
MIB = 2**20


class ChildFailedError(Exception):
    """A measured process failed; its last words are the message."""


@dataclass(frozen=True)
class Run:
    """What a process took: seconds of wall time, MiB at the peak, and what it printed."""

    seconds: float
    peak_mib: float
    output: str


def run(command: Sequence[str], home: Path) -> Run:
    """Run a command on two cores with a home of its own and wait for its end.

    The peak is the largest sum of resident memory of the process and its children, looked at 20 times a second, or
    what the kernel counted for one of them, whichever is more.

    Raises:
        ChildFailedError: it ended with another code than 0.
    """
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])  # children inherit it
    environment = {**os.environ, "SANDWATCH_HOME": str(home), "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": str(CORES)}
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        begin = time.perf_counter()
        child = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=errors)  # noqa: S603
        peak = 0.0
        watched = psutil.Process(child.pid)
        while True:
            pid, status, usage = os.wait4(child.pid, os.WNOHANG)
            if pid:
                seconds = time.perf_counter() - begin
                break
            peak = max(peak, _resident(watched))
            time.sleep(POLL_S)
        child.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors.seek(0)
        if child.returncode:
            words = errors.read().decode("utf-8", "replace")[-2000:]
            raise ChildFailedError(f"{' '.join(command)} ended with code {child.returncode}: {words}")
        return Run(seconds, max(peak, usage.ru_maxrss * 1024) / MIB, output.read().decode("utf-8"))


def _resident(process: psutil.Process) -> float:
    total = 0
    try:
        for one in (process, *process.children(recursive=True)):
            total += one.memory_info().rss
    except psutil.Error:  # it ended while we looked
        pass
    return float(total)
