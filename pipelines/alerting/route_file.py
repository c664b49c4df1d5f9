"""The file of the routes: audiences, read with the line of whatever is wrong in it."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

import yaml

from pipelines.errors import WrongCallError
from pipelines.rules import levels
from pipelines.settings import ADDRESS_PREFIX, Settings

KINDS = ("price", "data", "machine")
QUIET = (dt.time(22), dt.time(7))  # 系统默认, Asia/Shanghai
_PARTS = ("addresses", "least", "products", "counties", "language", "quiet")
_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_EXAMPLE = f"audiences: {{duty: {{addresses: [{ADDRESS_PREFIX}DUTY], least: {{price: 黄, data: all}}}}}}"


@dataclass(frozen=True)
class Audience:
    """Who is told from which level on, of what, in which language, and when not.

    `addresses` are names of environment variables. `least` has a rank for each kind of alarm that is told; for prices
    0 stands for every transition. Empty `products` and `counties` stand for all. `quiet` is when it begins and ends,
    None for never; `is_machine_through` where machine alarms do not wait for its end.
    """

    name: str
    addresses: tuple[str, ...] = ()
    least: Mapping[str, int] = field(default_factory=dict)
    products: frozenset[str] = frozenset()
    counties: frozenset[str] = frozenset()
    language: str = ""
    quiet: tuple[dt.time, dt.time] | None = None
    is_machine_through: bool = False

    def is_of(self, fact: Mapping[str, Any]) -> bool:
        """Whether the audience asks for a product and area, each given by its code or its name."""
        is_product = not self.products or not self.products.isdisjoint({fact["product_id"], fact["product_name"]})
        return is_product and (
            not self.counties or not self.counties.isdisjoint({fact["area_code"], fact["area_name"]})
        )

    def is_quiet_at(self, local: dt.time) -> bool:
        """Whether a time of day in Asia/Shanghai lies in the quiet hours; their end does not."""
        if self.quiet is None:
            return False
        begin, end = self.quiet
        return begin <= local < end if begin < end else local >= begin or local < end


def read(settings: Settings) -> list[Audience]:
    """Return the audiences in their order; none where no file is set.

    Raises:
        WrongCallError: the file is missing, or says something that is not allowed; the message has the line.
    """
    path = settings.routes
    if path is None:
        return []
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except (OSError, UnicodeDecodeError) as error:
        raise WrongCallError(
            f"SANDWATCH_ROUTES names {path}, which cannot be read"
            f" ({getattr(error, 'strerror', None) or 'not UTF-8'}); put the file there, or take the setting away"
        ) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}" if mark else ""
        raise WrongCallError(f"{path}{line}: this is no YAML ({getattr(error, 'problem', error)})") from error
    return _File(settings, str(path)).audiences(root)


@dataclass(frozen=True)
class _File:
    settings: Settings
    path: str

    def audiences(self, root: yaml.Node | None) -> list[Audience]:
        if not isinstance(root, yaml.MappingNode):
            raise WrongCallError(f"{self.path}: no audiences; it takes, for example, {_EXAMPLE}")
        found = []
        for _, node in self._items(root, ("audiences",)):
            found += [self._audience(name, each) for name, each in self._items(node)]
        return found

    def _audience(self, name: str, node: yaml.Node) -> Audience:
        parts = dict(self._items(node, _PARTS))
        for part in ("addresses", "least"):
            if part not in parts:
                self._refuse(node, f"audience {name} has no {part}", f"for example {_EXAMPLE}")
        language = self._word(parts["language"], ("zh", "en")) if "language" in parts else ""
        quiet, is_through = self._quiet(parts["quiet"]) if "quiet" in parts else (QUIET, False)
        return Audience(
            name=name,
            addresses=tuple(self._address(each) for each in self._list(parts["addresses"])),
            least=dict(self._least(parts["least"])),
            products=frozenset(self._text(each) for each in self._list(parts.get("products"))),
            counties=frozenset(self._text(each) for each in self._list(parts.get("counties"))),
            language=language,
            quiet=quiet,
            is_machine_through=is_through,
        )

    def _address(self, node: yaml.Node) -> str:
        name = self._text(node)
        if not name.startswith(ADDRESS_PREFIX):
            # What does not begin so may be the address itself, with its password: it is not repeated.
            allowed = (
                f"names of environment variables that begin with {ADDRESS_PREFIX}; the address stands in the variable"
            )
            self._refuse(node, "an address is not given by the name of its variable", allowed)
        if not self.settings.addresses.get(name):
            set_ones = ", ".join(sorted(name for name, urls in self.settings.addresses.items() if urls)) or "none"
            self._refuse(node, f"{name} is not set in the environment", f"those that are set: {set_ones}")
        return name

    def _least(self, node: yaml.Node) -> Iterator[tuple[str, int]]:
        ladder = levels.load("price_level").levels
        for kind, value in self._items(node, KINDS):
            word = self._word(value, (*ladder, "none") if kind == "price" else ("all", "none"))
            if word != "none":
                # From the lowest level on is everything, that a place stands at no level any more too.
                yield kind, ladder.index(word) + 1 if word in ladder[1:] else 0

    def _quiet(self, node: yaml.Node) -> tuple[tuple[dt.time, dt.time] | None, bool]:
        if isinstance(node, yaml.ScalarNode):
            self._word(node, ("none",))
            return None, False
        parts = dict(self._items(node, ("from", "to", "machine")))
        begin, end = (
            self._clock(parts[name]) if name in parts else usual
            for name, usual in zip(("from", "to"), QUIET, strict=True)
        )
        if begin == end:
            self._refuse(node, "the quiet hours end when they begin", "two different times of day, or none")
        machine = self._word(parts["machine"], ("through", "waits")) if "machine" in parts else "waits"
        return (begin, end), machine == "through"

    def _clock(self, node: yaml.Node) -> dt.time:
        found = _CLOCK.fullmatch(self._text(node))
        if found is None:
            self._refuse(node, f"{self._text(node)!r} is no time of day", "00:00 to 23:59")
        return dt.time(int(found[1]), int(found[2]))

    def _items(self, node: yaml.Node, allowed: Iterable[str] = ()) -> Iterator[tuple[str, yaml.Node]]:
        if not isinstance(node, yaml.MappingNode):
            self._refuse(node, "a name and what belongs to it were expected", f"for example {_EXAMPLE}")
        seen = set()
        for key, value in node.value:
            name = self._text(key)
            if allowed and name not in allowed:
                self._refuse(key, f"{name!r} is not known here", ", ".join(allowed))
            if name in seen:
                self._refuse(key, f"{name!r} stands here twice", "each name once")
            seen.add(name)
            yield name, value

    def _list(self, node: yaml.Node | None) -> list[yaml.Node]:
        if node is None:
            return []
        return list(node.value) if isinstance(node, yaml.SequenceNode) else [node]

    def _text(self, node: yaml.Node) -> str:
        if not isinstance(node, yaml.ScalarNode) or not node.value:
            self._refuse(node, "one word was expected", "a name")
        return str(node.value)

    def _word(self, node: yaml.Node, allowed: Iterable[str]) -> str:
        word = self._text(node)
        if word not in allowed:
            self._refuse(node, f"{word!r} is not allowed", ", ".join(allowed))
        return word

    def _refuse(self, node: yaml.Node, what: str, allowed: str) -> NoReturn:
        raise WrongCallError(f"{self.path} line {node.start_mark.line + 1}: {what}; allowed: {allowed}")
