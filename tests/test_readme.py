"""The documentation tells the truth: its commands run, its links lead somewhere, nothing that exists is left out.

`python tests/test_readme.py` writes the tables of docs/sql.md anew from the headers of sql/regulator.
"""

from __future__ import annotations

import ast
import dataclasses
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import typer

from pipelines import catalog, warehouse
from pipelines.__main__ import app
from pipelines.settings import ROOT, ServeLimits, Settings

ROOMS = ("dags", "pipelines", "sql", "expectations")
PAGES = [
    ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / room / "README.md" for room in ROOMS),
    *sorted((ROOT / "docs").glob("*.md")),
]  # fmt: skip
TEXTS = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in PAGES}
README = TEXTS["README.md"]
QUERIES_PAGE = "docs/sql.md"


def shell_lines(text: str) -> list[str]:
    """Commands of a page, a line each; blocks may stand indented in a list."""
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    return [line.strip() for block in blocks for line in block.splitlines() if line.strip()]


COMMANDS = {page: shell_lines(text) for page, text in TEXTS.items()}
# make: see test_make_verbs_exist. An export sets up the next line for a person's shell.
TRIED = [(page, line) for page, lines in COMMANDS.items() for line in lines if line.startswith("sandwatch ")]
QUERIES = [line for line in COMMANDS["README.md"] if line.startswith("sandwatch sql")]


# --- commands run ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def demo(demo_city: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """What `make demo` leaves behind, on a smaller city."""
    yield from copied(demo_city, tmp_path_factory.mktemp("readme") / "var")


@pytest.fixture(scope="module")
def running(small_city: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A home that has run for six weeks: its upkeep reads all files again more than once."""
    yield from copied(small_city, tmp_path_factory.mktemp("operations") / "var")


def copied(city: Settings, path: Path) -> Iterator[Settings]:
    home = Settings(home=path)
    shutil.copytree(city.home, path, symlinks=True)
    home.simulated_mark.touch()
    yield home
    for folder in home.home.parent.rglob("editions"):
        folder.chmod(0o755)
    shutil.rmtree(home.home.parent, ignore_errors=True)


def call(home: Settings, command: str) -> subprocess.CompletedProcess[str]:
    """Run a documented command: `sandwatch` is this checkout, `var` the home of the test."""
    words = [re.sub(r"^var/", f"{home.home}/", word) for word in shlex.split(command)[1:]]
    return subprocess.run(  # noqa: S603  # the documentation's own command
        [sys.executable, "-m", "pipelines", *words], capture_output=True, text=True, check=False, cwd=ROOT,
        env={**os.environ, "SANDWATCH_HOME": str(home.home), "SANDWATCH_NOTIFY_URLS": ""},
    )  # fmt: skip


@pytest.mark.parametrize("page", sorted({page for page, _ in TRIED}))
def test_documented_commands_run_in_their_order(demo: Settings, running: Settings, page: str) -> None:
    """A page's commands are one session: a workbook that one line writes is read by the next."""
    home = running if page == "docs/operations.md" else demo
    for command in (line for named, line in TRIED if named == page):
        done = call(home, command)
        assert done.returncode == 0, f"{page}: {command}\n{done.stdout}\n{done.stderr}"
        if command.startswith("sandwatch sql"):
            shown = done.stdout.strip().splitlines()
            assert len(shown) > 1 or "handover" in command, f"{page}: {command} answers with nothing"


def test_the_tour_asks_every_kind_of_table() -> None:
    assert len(QUERIES) >= 6
    assert {"policy.verdict", "mart.overload_record", "meta.load_account", "public.county_week"} <= set(
        re.findall(r"(?:FROM|JOIN) (\w+\.\w+)", " ".join(QUERIES))
    )


def statements(text: str) -> list[list[str]]:
    """The SQL blocks of a page, each as its statements."""
    blocks = re.findall(r"```sql\n(.*?)```", text, re.DOTALL)
    return [[part.strip() for part in block.split(";\n") if part.strip()] for block in blocks]


def test_python_answers_as_documented(demo: Settings) -> None:
    """The Python of the page about SQL runs as it stands."""
    blocks = re.findall(r"```python\n(.*?)```", TEXTS[QUERIES_PAGE], re.DOTALL)
    assert len(blocks) >= 3
    for block in blocks:
        done = subprocess.run(  # noqa: S603  # the documentation's own lines
            [sys.executable, "-c", block], capture_output=True, text=True, check=False, cwd=demo.home.parent
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip()


def test_sql_answers_as_documented(demo: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each block is pasted into a client that has the edition open, or attaches it; each answers with rows."""
    import duckdb

    from pipelines.publishing import editions

    monkeypatch.chdir(demo.home.parent)
    edition = str(editions.current(demo, "regulator"))
    blocks = statements(TEXTS[QUERIES_PAGE])
    assert any(block[0].startswith("ATTACH") for block in blocks)
    for block in blocks:
        is_alone = block[0].startswith("ATTACH")
        with duckdb.connect(":memory:" if is_alone else edition, read_only=not is_alone) as con:
            for sql in block:
                found = con.execute(sql).fetchall()
                is_question = sql.startswith(("SELECT", "FROM"))
                assert found or not is_question or "overload.contested" in sql, f"answers with nothing: {sql}"


def test_ten_questions_of_at_most_five_lines() -> None:
    part = re.search(r"## Ten questions\n(.*?)\n## ", TEXTS[QUERIES_PAGE], re.DOTALL)
    assert part
    asked = re.findall(r"\*\*(\d+)\. .+?？\*\* .+?\n\n```sql\n(.*?)```", part[1], re.DOTALL)
    assert [int(number) for number, _ in asked] == list(range(1, 11))
    for _, sql in asked:
        assert len(sql.strip().splitlines()) <= 5, sql
        assert sql.count(";") == 1, sql
        assert "overload." in sql, sql


# --- what exists is documented, what is documented exists -----------------------------------------


def verbs(command: click.Command | None = None, name: str = "") -> dict[str, click.Command]:
    """Every verb by its words: `run`, `names export` ..."""
    found = command or typer.main.get_command(app)
    inner = getattr(found, "commands", None)
    if inner is None:
        return {name: found}
    return {
        verb: leaf for word, part in inner.items() for verb, leaf in verbs(part, f"{name} {word}".strip()).items()
    }


def spans() -> Iterator[tuple[str, str]]:
    """Every `sandwatch ...` of all pages, in code spans and shell blocks, with its page."""
    for page, text in TEXTS.items():
        prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
        for span in re.findall(r"`sandwatch ([^`]+)`", prose):
            yield page, " ".join(span.split())
        for line in COMMANDS[page]:
            if line.startswith("sandwatch "):
                yield page, line.removeprefix("sandwatch ")


def test_verbs_documented_are_the_verbs_that_exist() -> None:
    existing = verbs()
    table = re.search(r"## Working with it\n(.*?)\n## ", README + "\n## ", re.DOTALL)
    assert table
    in_table = {verb for verb in existing for span in re.findall(r"`sandwatch ([^`]+)`", table[1])
                if f"{span} ".startswith(f"{verb} ")}  # fmt: skip
    assert not existing.keys() - in_table, "the README's table lacks these verbs"
    unknown = [
        (page, span) for page, span in spans() if not any(f"{span} ".startswith(f"{verb} ") for verb in existing)
    ]
    assert [(page, span) for page, span in unknown if not span.startswith("--")] == []


def test_options_documented_exist() -> None:
    existing = verbs()
    for page, span in spans():
        if span.startswith("--"):
            continue
        verb = max((verb for verb in existing if f"{span} ".startswith(f"{verb} ")), key=len, default="")
        known = {option for parameter in (existing[verb].params if verb else []) for option in parameter.opts}
        bare = re.sub(r"\"[^\"]*\"", "", span)  # a query may hold anything
        for option in re.findall(r"(?<!\S)\[?(--[a-z-]+)", bare):
            assert option in known, f"{page}: sandwatch {verb} has no {option}"


def test_make_verbs_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for page, text in TEXTS.items():
        code = " ".join([*re.findall(r"`([^`\n]+)`", text), *COMMANDS[page]])
        assert set(re.findall(r"\bmake ([a-z]+)", code)) <= targets, page
    named = set(re.findall(r"make ([a-z]+)", README))
    assert {"demo", "test", "bench", "faults", "lint", "airflow"} <= named


def test_settings_documented_are_those_read() -> None:
    source = (ROOT / "pipelines" / "settings.py").read_text(encoding="utf-8")
    read = set(re.findall(r"SANDWATCH_[A-Z_]+", source)) - {"SANDWATCH_SERVE_", "SANDWATCH_ADDRESS_"}
    read |= {f"SANDWATCH_SERVE_{limit.name.upper()}" for limit in dataclasses.fields(ServeLimits)}
    assert read == set(re.findall(r"`(SANDWATCH_[A-Z_]+)` \|", README))


def said_in_code() -> str:
    """Every text of `pipelines`, with what is put into it left out, a line each."""
    texts = []
    for path in (ROOT / "pipelines").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                texts.append(
                    "".join(str(part.value) if isinstance(part, ast.Constant) else "..." for part in node.values)
                )
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.append(node.value)
    return "\n".join(" ".join(text.split()) for text in texts)


def test_refusals_are_worded_as_documented() -> None:
    table = re.search(r"## Refusals\n(.*)", TEXTS["docs/operations.md"], re.DOTALL)
    assert table
    said = said_in_code()
    quoted = [span for row in table[1].splitlines() if row.startswith("| `") for span in
              re.findall(r"`([^`]+)`", row.split(" | ")[0])]  # fmt: skip
    assert len(quoted) > 5
    for span in quoted:
        for part in filter(None, (piece.strip() for piece in span.split("..."))):
            assert part in said, f"nothing says {part!r}"


# --- links and paths ------------------------------------------------------------------------------


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as its readers make them."""
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    titles = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", TEXTS)
def test_links_lead_somewhere(page: str) -> None:
    path = ROOT / page
    for target, anchor in re.findall(r"\]\(([^)#\s]*)(?:#([^)\s]+))?\)", TEXTS[page]):
        if target.startswith("https://"):
            continue
        found = path if not target else path.parent / target
        assert found.exists(), f"{page}: {target}"
        if anchor:
            assert anchor in anchors(found.read_text(encoding="utf-8")), f"{page}: {target}#{anchor}"


@pytest.mark.parametrize("page", TEXTS)
def test_named_paths_exist(page: str) -> None:
    for path in re.findall(r"`((?:pipelines|sql|dags|expectations|tests|docs)/[\w./]+)`", TEXTS[page]):
        assert (ROOT / path).exists(), f"{page}: {path}"


def test_named_tables_exist(demo: Settings) -> None:
    with warehouse.writer(demo) as con:
        there = con.execute(
            "SELECT schema_name || '.' || table_name FROM duckdb_tables() UNION ALL"
            " SELECT schema_name || '.' || view_name FROM duckdb_views() WHERE NOT internal"
        ).fetchall()
    known = {name for (name,) in there}
    schemas = "raw|store|meta|reference|staging|mart|policy|report|public"
    for page, text in TEXTS.items():
        for span in re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL)):
            for name in re.findall(rf"^(?:{schemas})\.(?!html)[a-z_]+$", span):
                assert name in known, f"{page}: {name}"


def test_every_room_of_pipelines_is_in_its_table() -> None:
    text = TEXTS["pipelines/README.md"]
    here = ROOT / "pipelines"
    rooms = {f"{path.parent.name}/" for path in here.glob("*/__init__.py")}
    modules = {path.name for path in here.glob("*.py")} - {"__init__.py", "__main__.py", "errors.py", "literal.py"}
    feeds = {path.stem for path in (here / "feeds").glob("*.py")} - {"__init__"}
    assert [name for name in sorted(rooms | modules) if f"`{name}`" not in text] == []
    assert [name for name in sorted(feeds) if f"`{name}`" not in text] == []


def test_every_dag_is_in_its_table() -> None:
    named = set(re.findall(r"^\| `(\w+?)(?:_<feed>)?`", TEXTS["dags/README.md"], re.MULTILINE))
    assert {path.stem for path in (ROOT / "dags").glob("[a-z]*.py")} == named


# --- the regulator's questions --------------------------------------------------------------------

MACROS = sorted((ROOT / "sql" / "regulator").glob("*.sql"))


def macro_text(path: Path) -> str:
    """What the page says of a macro, as its header has it: heading, description, arguments, columns."""
    header = catalog.header_of(path.read_text(encoding="utf-8"), path.name)

    def rows(title: str, texts: dict[str, Any]) -> list[str]:
        told = [
            f"| `{name}` | {' '.join(str(text).split()).replace('|', chr(92) + '|')} |"
            for name, text in texts.items()
        ]
        return [f"| {title} | says |", "|---|---|", *told, ""] if texts else []

    returns = [f"Gives {header['returns']}.", ""] if "returns" in header else []
    return "\n".join([
        f"## overload.{path.stem}({', '.join(header.get('arguments') or {})})", "",
        " ".join(str(header["description"]).split()), "",
        *rows("argument", header.get("arguments") or {}), *rows("column", header.get("columns") or {}), *returns,
    ])  # fmt: skip


@pytest.mark.parametrize("path", MACROS, ids=lambda path: path.stem)
def test_the_page_says_of_each_macro_what_its_file_says(path: Path) -> None:
    assert macro_text(path) in TEXTS[QUERIES_PAGE], "run: python tests/test_readme.py"
    blocks = re.findall(r"```sql\n(.*?)```", TEXTS[QUERIES_PAGE], re.DOTALL)
    assert any(re.search(rf"\boverload\.{path.stem}\b", block) for block in blocks), f"asks {path.stem} nowhere"


def test_the_page_names_no_macro_that_is_gone() -> None:
    named = set(re.findall(r"^## overload\.(\w+)\(", TEXTS[QUERIES_PAGE], re.MULTILINE))
    assert named == {path.stem for path in MACROS}


# --- the table of speed ---------------------------------------------------------------------------


def test_the_table_of_speed_has_every_measure_with_its_bounds() -> None:
    from tests.bench import measures

    table = re.search(r"## Speed\n(.*?)\n## ", README, re.DOTALL)
    assert table
    rows = [line.strip("| ").split(" | ") for line in table[1].splitlines() if line.startswith("| ")][1:]
    listed = list(measures._all(10_000_000).values())
    assert [len(row) for row in rows] == [4] * len(listed)
    for row, measure in zip(rows, listed, strict=True):
        wanted = (measure.target, measure.floor)
        told = [float(re.sub(r"[^\d.]", "", cell)) * (1024 if "GiB" in cell else 1) for cell in row[1:3]]
        assert tuple(told) == wanted, row


if __name__ == "__main__":
    page = (ROOT / QUERIES_PAGE).read_text(encoding="utf-8")
    for macro in MACROS:
        page = re.sub(
            rf"^## overload\.{macro.stem}\(.*?(?=^```sql)", lambda _, path=macro: macro_text(path) + "\n", page,
            flags=re.DOTALL | re.MULTILINE,
        )  # fmt: skip
    (ROOT / QUERIES_PAGE).write_text(page, encoding="utf-8")
