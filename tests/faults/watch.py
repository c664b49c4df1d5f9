"""Run a verb and write when its snapshot, load and writing began and ended: tells a campaign when to strike.

Called as `python -m tests.faults.watch FILE VERB...`. `--die-at PLACE` ends the process there with kill -9.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

BEGAN = time.monotonic()
SEEN: list[tuple[str, float, float]] = []


def main(out: Path, words: list[str]) -> None:
    from pipelines import __main__, ledger, warehouse
    from pipelines.feeds import snapshot
    from pipelines.publishing import edition_file

    from . import unchecked

    die_at = words.pop(1 + words.index("--die-at")) if "--die-at" in words else ""
    words = [word for word in words if word != "--die-at"]

    def timed(module: Any, name: str, phase: str) -> None:
        inner: Callable[..., Any] = getattr(module, name)

        def outer(*args: Any, **named: Any) -> Any:
            began = time.monotonic()
            if die_at == f"before {phase}":
                os.kill(os.getpid(), signal.SIGKILL)
            try:
                return inner(*args, **named)
            finally:
                SEEN.append((phase, began - BEGAN, time.monotonic() - BEGAN))
                if die_at == f"after {phase}":
                    os.kill(os.getpid(), signal.SIGKILL)

        setattr(module, name, outer)

    if "--unchecked" in words:
        words.remove("--unchecked")
        unchecked.skip_checks()
    timed(snapshot, "take", "snapshot")
    timed(warehouse, "_open", "open")
    timed(edition_file, "write", "edition")
    if die_at.endswith("ledger"):
        count = [0]
        inner = ledger.append

        def append(*args: Any) -> int:
            count[0] += 1  # the first is the writer's look at its opening, the second comes after the commit
            if count[0] == 2:
                os.kill(os.getpid(), signal.SIGKILL)
            return inner(*args)

        ledger.append = append
    sys.argv = ["sandwatch", *words]
    try:
        __main__.main()
    finally:
        ended = time.monotonic() - BEGAN
        out.write_text(json.dumps({"ended": ended, "seen": SEEN}), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
