"""Whether a vintage of the price scores can be made anew from the quotes known then, byte for byte."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipelines.errors import WrongCallError
from pipelines.rules import known_then, vintages
from pipelines.rules.vintages import Key, Vintage

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class Verified:
    """What came of making a vintage anew.

    `is_intact` says whether the stored rows are still those the vintage was closed with; `is_same_rules` and
    `is_same_quotes` whether today's rules, and the quotes as known then, are what the scores were made of.
    `differing` holds each series and week that came out otherwise, with the columns that differ.
    """

    vintage: Vintage
    row_count: int
    is_intact: bool
    is_same_rules: bool
    is_same_quotes: bool
    differing: dict[Key, list[str]]

    @property
    def is_comparable(self) -> bool:
        """Whether a difference would be an error: the same rules looked at the same quotes."""
        return self.is_same_rules and self.is_same_quotes

    @property
    def is_kept(self) -> bool:
        """Whether nothing speaks against what is stored."""
        return self.is_intact and not (self.is_comparable and self.differing)

    def words(self) -> str:
        """One line for people."""
        vintage = self.vintage
        told = f"vintage {vintage.vintage_no} (load {vintage.load_no}): "
        same = self.row_count - len(self.differing)
        if not self.is_intact:
            return (
                told + "the stored rows are not those it was closed with; restore a backup, then `sandwatch rebuild`"
            )
        if not self.differing:
            return told + f"all {self.row_count} scores come out the same, byte for byte"
        told += f"{same} of {self.row_count} scores come out the same"
        if not self.is_same_rules:
            return told + "; the rules changed since, which is no error: what was said then stays stored"
        if not self.is_same_quotes:
            return told + "; the files were read again otherwise since (backfill, contract), which is no error"
        return told + "; the others should too: tell us, with the output of --json"


def verify(con: duckdb.DuckDBPyConnection, vintage_no: int) -> Verified:
    """Score the quotes known at a vintage anew and compare all that stood then with it.

    Raises:
        WrongCallError: there is no such vintage.
    """
    every = {vintage.vintage_no: vintage for vintage in vintages.all_vintages(con)}
    if vintage_no not in every:
        known = f"the newest is {max(every)}" if every else "none is stored yet: run `sandwatch judge`"
        raise WrongCallError(f"there is no vintage {vintage_no}; {known}")
    vintage, before = every[vintage_no], every.get(vintage_no - 1)
    rows = vintages.rows_of(con, vintage_no)
    stood = vintages.as_of(con, vintage_no)
    again = vintages.scored(known_then.recompute(con, vintage.load_no).weeks)
    return Verified(
        vintage,
        row_count=len(stood),
        is_intact=vintages.digest_of(vintage, rows, before.digest if before else "") == vintage.digest,
        is_same_rules=vintage.rules_sha256 == known_then.rules_sha256(),
        is_same_quotes=vintage.quotes_sha256 == known_then.quotes_sha256(con, vintage.load_no),
        differing={
            key: vintages.changed_columns(_said(stood.get(key)), _said(again.get(key)))
            for key in sorted(stood.keys() | again.keys(), key=vintages.order)
            if stood.get(key) != again.get(key)
        },
    )


def _said(content: str | None) -> Mapping[str, Any] | None:
    found: Mapping[str, Any] | None = json.loads(content) if content else None
    return found
