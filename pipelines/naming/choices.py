"""What may be answered to each kind of question, and what an answer means."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipelines.contracts import Contract
from pipelines.feeds.headers import clean_header
from pipelines.feeds.parse import contract_of
from pipelines.feeds.questions import KEEP, code_column
from pipelines.feeds.reasons import column_label

if TYPE_CHECKING:
    import duckdb

FEED = "name_answer"


@dataclass(frozen=True)
class Choices:
    """The answers one kind of question takes: `offered` in a list to pick from, `meaning` of all that is understood.

    `keep_word` says that the name is known and stays as it is. `remedy` tells what to do where none fits.
    """

    keep_word: str
    offered: tuple[str, ...]
    meaning: Mapping[str, str]
    remedy: str

    def meant(self, answer: str) -> str | None:
        """Return what an answer stands for: a site, product, column or code, `keep`, or None if nothing does."""
        if answer in self.meaning:
            return self.meaning[answer]
        if answer in keep_words().values():
            return KEEP
        alike = {meant for word, meant in self.meaning.items() if clean_header(word) == clean_header(answer)}
        return alike.pop() if len(alike) == 1 else None

    def word(self, meant: str | None) -> str | None:
        """Return the word that is offered for what an answer stands for, or what it stands for itself."""
        if meant is None:
            return None
        if meant == KEEP:
            return self.keep_word
        return next((word for word in self.offered if self.meaning.get(word) == meant), meant)


def keep_words() -> dict[str, str]:
    """Return the words for leaving a name as it is, by what they are offered for."""
    words = [word for word, meant in contract_of(FEED).sources["default"].values["answer"].items() if meant == KEEP]
    return dict(zip(("site", "product", "column", "code", "other"), words, strict=True))


class Register:
    """The sites and products the warehouse knows when answers are offered or taken."""

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        built = {
            name for (name,) in con.execute(
                "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'staging'"
            ).fetchall()
        }  # fmt: skip
        has_names = {"site_alias", "product_alias"} <= built
        self.sites: dict[str, str] = {}
        self.products: dict[str, str] = {}
        self.product_names: list[str] = []
        if has_names:
            self.sites = dict(con.execute("SELECT alias, site_id FROM staging.site_alias").fetchall())
            self.products = dict(con.execute("SELECT alias, product_id FROM staging.product_alias").fetchall())
            rows = con.execute("SELECT product_name, product_id FROM reference.product ORDER BY rowid").fetchall()
            self.product_names = [name for name, _ in rows]
            self.products.update({product: product for _, product in rows})

    def choices(self, feed: str, kind: str) -> Choices:
        """Return what may be answered to a kind of question of a feed."""
        words, contract = keep_words(), contract_of(feed)
        if kind == "unknown_site":
            offered = sorted(set(self.sites.values()))
            remedy = "新站点请补报站点名录（site_register），入库后此问自动关闭"
            return Choices(words["site"], (*offered, words["site"]), self.sites, remedy)
        if kind == "unknown_product":
            remedy = "请从下拉列表中选择产品名称"
            return Choices(words["product"], (*self.product_names, words["product"]), self.products, remedy)
        if kind == "unknown_column":
            labels = {name: column_label(contract, name, "zh") for name in contract.columns}
            meaning = {word: name for name, column in contract.columns.items() for word in (name, *column.aliases)}
            remedy = "请从下拉列表中选择所对应的列"
            return Choices(words["column"], (words["column"], *labels.values()), meaning, remedy)
        if name := code_column(contract, kind):
            codes = contract.columns[name].codes
            meaning = {word: code for code, given in codes.items() for word in (code, *given)}
            offered = [(given or (code,))[0] for code, given in codes.items()]
            return Choices(words["code"], (*offered, words["code"]), meaning, "请从下拉列表中选择")
        remedy = f"此类问题不能以答案更正：确认无误请填“{words['other']}”，否则请改正原数据后重新报送"
        return Choices(words["other"], (words["other"],), {}, remedy)


def profile_lines(contract: Contract, source: str, kind: str, subject: str, meant: str) -> str:
    """Return the lines that teach a source profile a header or code word; an answer alone cannot."""
    # JSON strings are YAML strings: any header or word stands safely in them.
    word, column = json.dumps(subject, ensure_ascii=False), code_column(contract, kind)
    line = f"values: {{{column}: {{{word}: {meant}}}}}" if column else f"aliases: {{{meant}: [{word}]}}"
    return f"expectations/raw/{contract.feed}.yaml, sources, {source}: {line}"
