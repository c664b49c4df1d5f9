"""The catalogue for people: a workbook and one page that loads nothing from outside, in Chinese or English."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from pipelines import durable
from pipelines.cataloguing.datasets import Dataset, Field, said
from pipelines.errors import WrongCallError

BOOK, PAGE = "catalogue.xlsx", "catalogue.html"
LANGUAGES = ("zh", "en")
DATASET_COLUMNS = (
    ("name", 26), ("dataset", 30), ("layer", 14), ("description", 60), ("owner", 20), ("sharing", 12),
    ("openness", 10), ("cycle", 14), ("grain", 28), ("feeds", 30), ("editions", 12), ("personal", 36),
)  # fmt: skip
FIELD_COLUMNS = (
    ("dataset", 30), ("field", 28), ("name", 20), ("type", 16), ("unit", 10), ("personal", 14), ("meaning", 80),
)  # fmt: skip


class Shown(NamedTuple):
    """A dataset in words of one language."""

    name: str
    layer: str
    title: str
    description: str
    owner: str
    sharing: str
    openness: str
    cycle: str
    grain: str
    feeds: str
    editions: str
    personal: str
    kinds: tuple[str, ...]
    fields: tuple[Field, ...]


def write(
    datasets: Iterable[Dataset], folder: Path, language: str, edition: str, *, is_simulated: bool
) -> list[Path]:
    """Write the workbook and the page into a folder and return their paths; what stood there before is replaced.

    Args:
        datasets: the catalogue.
        folder: made where it is not there.
        language: zh or en.
        edition: file of the edition it was read from, said on the page.
        is_simulated: whether the data behind it are invented, said on the page.

    Raises:
        WrongCallError: another language.
        MachineError: there is no room, or it may not be written.
    """
    if language not in LANGUAGES:
        raise WrongCallError(f"the language is {language!r}; it takes {' or '.join(LANGUAGES)}")
    words = _words(language)
    shown = [_shown(dataset, words, language) for dataset in datasets]
    count = sum(len(dataset.fields) for dataset in shown)
    subtitle = words["subtitle"].format(datasets=len(shown), fields=count, edition=edition)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write_book(folder / BOOK, shown, words)
    except OSError as error:
        raise durable.machine_error(error, folder) from error
    durable.write_text(folder / PAGE, _page(shown, words, language, subtitle, is_simulated))
    return [folder / BOOK, folder / PAGE]


def _words(language: str) -> Mapping[str, str]:
    text = Path(__file__).with_name("messages.yaml").read_text(encoding="utf-8")
    found: Mapping[str, str] = yaml.safe_load(text)[language]
    return found


def _shown(dataset: Dataset, words: Mapping[str, str], language: str) -> Shown:
    personal = [(field.personal, field.name) for field in dataset.fields if field.personal]
    comma = "、" if language == "zh" else ", "
    cycle = said()["cycles"].get(dataset.cycle, {}).get(language, dataset.cycle)
    return Shown(
        name=dataset.name,
        layer=said()["layers"][dataset.layer]["title" if language == "zh" else "en"],
        # A table has a title in Chinese only; in English its name speaks.
        title=(dataset.title if language == "zh" else None) or dataset.name.partition(".")[2].replace("_", " "),
        description=dataset.description,
        owner=dataset.owner,
        sharing=dataset.sharing,
        openness=dataset.openness,
        cycle=cycle,
        grain=dataset.grain,
        feeds=comma.join(dataset.feeds) or words["none"],
        editions=comma.join(words[name] for name in dataset.editions) or words["none"],
        personal=comma.join(f"{name} ({words[kind]})" for kind, name in personal) or words["none"],
        kinds=tuple(dict.fromkeys(words[kind] for kind, _ in personal)),
        fields=dataset.fields,
    )


def _write_book(path: Path, shown: list[Shown], words: Mapping[str, str]) -> None:
    import xlsxwriter

    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(str(path), options) as book:
        book.set_properties({"title": words["title"]})
        datasets: list[list[str | None]] = [
            [one.title, one.name, one.layer, one.description, one.owner, one.sharing, one.openness, one.cycle,
             one.grain, one.feeds, one.editions, one.personal]
            for one in shown
        ]  # fmt: skip
        fields = [
            [one.name, field.name, field.title, field.type, field.unit,
             words[field.personal] if field.personal else None, field.meaning]
            for one in shown for field in one.fields
        ]  # fmt: skip
        _write_sheet(book, words["sheet_datasets"], [(words[key], width) for key, width in DATASET_COLUMNS], datasets)
        _write_sheet(book, words["sheet_fields"], [(words[key], width) for key, width in FIELD_COLUMNS], fields)


def _write_sheet(book: Any, name: str, columns: list[tuple[str, int]], rows: list[list[str | None]]) -> None:
    from pipelines.feeds.ingest import neutral

    header = book.add_format({"bold": True, "bg_color": "#1F3864", "font_color": "#FFFFFF", "border": 1,
                              "valign": "vcenter"})  # fmt: skip
    plain = book.add_format({"text_wrap": True, "valign": "top", "border": 1, "border_color": "#D0D0D0"})
    sheet = book.add_worksheet(name)
    for place, (title, width) in enumerate(columns):
        sheet.set_column(place, place, width)
        sheet.write_string(0, place, title, header)
    for number, row in enumerate(rows, start=1):
        for place, cell in enumerate(row):
            if cell:
                sheet.write_string(number, place, neutral(cell), plain)
            else:
                sheet.write_blank(number, place, None, plain)
    sheet.freeze_panes(1, 2)
    sheet.autofilter(0, 0, max(len(rows), 1), len(columns) - 1)
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(0)


def _page(shown: list[Shown], words: Mapping[str, str], language: str, subtitle: str, is_simulated: bool) -> str:
    import jinja2

    from pipelines import report

    layers = [
        {"name": name, "title": spec["title" if language == "zh" else "en"],
         "datasets": [one for one in shown if one.name.startswith(f"{name}.")]}
        for name, spec in said()["layers"].items()
    ]  # fmt: skip
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # The look is that of the report.
    css = (Path(str(report.__file__)).parent / "formats" / "templates" / "report.css").read_text(encoding="utf-8")
    return environment.get_template("catalogue.html.j2").render(
        words=words,
        language=language,
        subtitle=subtitle,
        is_simulated=is_simulated,
        layers=[layer for layer in layers if layer["datasets"]],
        css=css,
    )
