"""The code as it runs with one file of `sql/` reading otherwise; nothing on the disk is touched."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import yaml

from pipelines import catalog
from pipelines.publishing import regulator_macros
from pipelines.rules import levels, policy, screens

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@contextmanager
def reading(path: Path | None, text: str) -> Iterator[None]:
    """Let a file of `sql/` read as `text` for all that asks for it inside; None changes nothing."""
    real = Path.read_text

    def read_text(self: Path, *args: Any, **kwargs: Any) -> str:
        return text if self == path else real(self, *args, **kwargs)

    with mock.patch.object(Path, "read_text", read_text), mock.patch.object(yaml, "safe_load", _loaded):
        _forget(path)
        models, judged = catalog.models(), catalog.judged()
        if path is not None and path.suffix == ".sql":
            models, judged = _with(models, path), _with(judged, path)
        try:
            with (
                mock.patch.object(catalog, "models", return_value=models),
                mock.patch.object(catalog, "judged", return_value=judged),
            ):
                yield
        finally:
            _forget(path)


def _with(models: dict[str, catalog.Model], path: Path) -> dict[str, catalog.Model]:
    """The models, the one of a file read anew; the rest was parsed long ago."""
    return {
        name: replace(catalog.read_model(path, name.partition(".")[0]), name=name) if model.path == path else model
        for name, model in models.items()
    }


def _forget(path: Path | None) -> None:
    """Forget what was read of the rules and questions; the tables of `sql/` are handed over instead."""
    modules = [policy, levels, screens, *([regulator_macros] if path and path.parent.name == "regulator" else [])]
    for module in modules:
        for part in vars(module).values():
            if callable(forget := getattr(part, "cache_clear", None)):
                forget()


@cache
def _loaded(text: str) -> Any:
    """The same safe loader in C, each text once: a rule's files are read several times a mutant."""
    return yaml.load(text, Loader=LOADER)  # noqa: S506 - a safe loader
