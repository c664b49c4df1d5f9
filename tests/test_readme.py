"""The README tells the truth: its commands run, its links lead somewhere."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines import run, simulate
from pipelines.settings import ROOT, Settings

README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = [
    line for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL) for line in block.splitlines() if line.strip()
]
QUERIES = [line for line in COMMANDS if line.startswith("sandwatch sql")]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """What `make demo` leaves behind, on a smaller city."""
    home = Settings(home=tmp_path_factory.mktemp("readme"))
    simulate.write_city(home.inbox, home.home / "truth", scale=0.05)
    run.ingest_inbox(home)
    run.run_all(home)
    return home


@pytest.mark.parametrize("command", QUERIES)
def test_queries_of_the_tour_answer_with_rows(demo: Settings, command: str) -> None:
    words = [*shlex.split(command)[1:]]
    shown = subprocess.run(  # noqa: S603  # the README's own command
        [sys.executable, "-m", "pipelines", *words], capture_output=True, text=True, check=False, cwd=ROOT,
        env={**os.environ, "SANDWATCH_HOME": str(demo.home)},
    )  # fmt: skip
    assert shown.returncode == 0, shown.stderr
    assert len(shown.stdout.strip().splitlines()) > 1


def test_the_tour_asks_every_kind_of_table() -> None:
    assert len(QUERIES) >= 6
    assert {"policy.verdict", "mart.overload_record", "meta.load_account", "public.county_week"} <= set(
        re.findall(r"(?:FROM|JOIN) (\w+\.\w+)", " ".join(QUERIES))
    )


def test_make_verbs_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"make ([a-z]+)", README))
    assert named <= targets
    assert {"demo", "test"} <= named


def test_sandwatch_verbs_exist() -> None:
    shown = subprocess.run(  # our own command line
        [sys.executable, "-m", "pipelines", "--help"], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout
    for verb in re.findall(r"`sandwatch ([a-z]+)", README):
        assert re.search(rf"\b{verb}\b", shown), verb


PAGES = [ROOT / "README.md", *(ROOT / room / "README.md" for room in ("dags", "pipelines", "sql", "expectations"))]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.parent.name)
def test_links_lead_to_files(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", path.read_text(encoding="utf-8")):
        assert target.startswith("https://") or (path.parent / target).exists(), f"{path}: {target}"


def test_named_paths_exist() -> None:
    for path in re.findall(r"`((?:pipelines|sql|dags|expectations|tests)/[\w./]+)`", README):
        assert (ROOT / path).exists(), path
