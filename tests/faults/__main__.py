"""`python -m tests.faults [kills|readers|fuzz|all]`: say what was done; exit 1, with the seed, if anything failed."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import city, fuzz, kills, readers


def main() -> int:
    """Run the campaigns that are asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("what", nargs="*", default=["all"], help="kills, readers, fuzz or all")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--readers", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=None, help="to repeat a campaign; default: another one each time")
    parser.add_argument("--keep", type=Path, default=None, help="folder for what failed; default: a temporary one")
    asked = parser.parse_args()
    seed = asked.seed if asked.seed is not None else int(time.time())
    wanted = {"kills", "readers", "fuzz"} if "all" in asked.what else set(asked.what)
    campaigns: dict[str, Callable[[Path], Any]] = {
        "fuzz": lambda folder: fuzz.campaign(folder, files=asked.files, seed=seed, say=tell),
        "kills": lambda folder: kills.campaign(folder, kills=asked.kills, seed=seed, say=tell),
        "readers": lambda folder: readers.campaign(
            folder, readers=asked.readers, rounds=asked.rounds, seed=seed, say=tell
        ),
    }
    if unknown := wanted - campaigns.keys():
        parser.error(f"no campaign {sorted(unknown)}; there are {sorted(campaigns)}")
    failed = False
    for name, campaign in campaigns.items():
        if name not in wanted:
            continue
        folder = Path(tempfile.mkdtemp(prefix=f"sandwatch-{name}-", dir=asked.keep))
        tell(f"{name}: seed {seed}, in {folder}")
        report = campaign(folder)
        facts = {key: value for key, value in vars(report).items() if key not in ("failures", "seconds")}
        tell(f"{name}: {facts}, {report.seconds:.0f} s, {len(report.failures)} failures")
        for failure in report.failures[:20]:
            tell(f"  {failure}")
        if report.failures:
            failed = True
            tell(f"{name} failed; again: python -m tests.faults {name} --seed {seed}; what failed lies in {folder}")
        else:
            city.remove(folder)
    return int(failed)


def tell(text: str) -> None:
    """Print a line at once: a campaign runs for minutes."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
