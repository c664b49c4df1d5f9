"""Where messages go: always a text file, and every apprise address of the settings. No message carries a plate."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from pipelines.alerting import apprise_service, chat_bots
from pipelines.alerting.receipts import TAKEN, Delivery, Patience
from pipelines.settings import Settings

__all__ = ["Address", "Channel", "Delivery", "Image", "Message", "Patience", "TextFile", "of", "without_plates"]

# Province, letter, then five or six signs, the last one may say trailer, learner, police: GA 36-2018.
_PLATE = re.compile(
    r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][A-Za-z]\s?[·.・-]?\s?[A-Za-z0-9]{4,6}[挂学警港澳]?"
)
PLATE_MASK = "（车牌略）"
PATIENCE = Patience()
_LONGEST_WORD = 40  # signs, of at most 4 bytes: a file name holds 255 bytes
_MOST_PARTS = 3  # of one message in a group chat: more would push away what others wrote


@dataclass(frozen=True)
class Image:
    """A picture of a message: PNG bytes; its HTML shows it as `<img src="cid:NAME">`."""

    name: str
    png: bytes


@dataclass(frozen=True)
class Message:
    """What a person reads. `name` and `folder` place its text file; `kind` is apprise's info, warning and so on.

    `html` and `images` are for e-mail, `facts` (JSON types) go into the webhook beside the text; a channel that takes
    none of them sends the text. `level` is 蓝, 黄, 橙, 红 or 无 of a price message, which routing looks at.
    """

    title: str
    body: str
    folder: str
    name: str
    kind: str = "info"
    html: str | None = None
    images: tuple[Image, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    level: str | None = None


class Channel(Protocol):
    """A way out. `channel_id` is stable and tells nothing secret; it keys the log of what was sent."""

    @property
    def channel_id(self) -> str:
        """Name in the log."""

    def deliver(self, message: Message) -> Delivery:
        """Send; true only when the other side took it. Raises nothing."""


@dataclass(frozen=True)
class TextFile:
    """Messages as files, one each, below `folder`: the channel that needs no network."""

    folder: Path
    channel_id: str = "file"

    def deliver(self, message: Message) -> Delivery:
        """Write the file whole or not at all; writing it again changes nothing."""
        target = self.folder / message.folder / f"{message.name}.txt"
        unfinished = target.with_suffix(".txt.unfinished")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with unfinished.open("w", encoding="utf-8") as file:
                file.write(f"{message.title}\n\n{message.body}\n")
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(target)
        except (OSError, ValueError) as error:  # ValueError: signs that no file holds
            return Delivery(
                False, f"the file was not written: {getattr(error, 'strerror', None) or 'unwritable text'}"
            )
        return TAKEN


@dataclass(frozen=True)
class Address:
    """One apprise address. It may hold a password, so it is neither printed nor stored: its digest names it."""

    url: str
    patience: Patience | None = None  # None: that of the module

    @property
    def channel_id(self) -> str:
        """Scheme and a digest of the address."""
        scheme = self.url.partition("://")[0] if "://" in self.url else "address"
        return f"{scheme}-{hashlib.sha256(self.url.encode()).hexdigest()[:12]}"

    def deliver(self, message: Message) -> Delivery:
        """Notify within the limits of patience; false where the address is not understood or nothing was taken."""
        patience = self.patience or PATIENCE
        return patience.deliver(partial(self._posts, message, patience.timeout_s))

    def _posts(self, message: Message, timeout_s: float) -> Sequence[Callable[[], Delivery]]:
        notifier = apprise_service.of(self.url, timeout_s)
        if notifier is None:
            return [lambda: Delivery(False, "the address is not understood; see the apprise documentation")]
        bot = chat_bots.BOTS.get(apprise_service.name(notifier))
        if bot is None:
            return [partial(apprise_service.post, self.url, timeout_s, message)]
        rest = without_plates(f"……全文见（full text in）{message.folder}/{message.name}.txt")
        texts = chat_bots.parts(f"{message.title}\n{message.body}", bot.longest, _MOST_PARTS, rest)
        return [partial(chat_bots.post, bot, notifier, text, timeout_s) for text in texts]


def of(settings: Settings) -> list[Channel]:
    """Return the channels of the settings, the text file first."""
    urls = dict.fromkeys(settings.notify_urls)  # an address given twice is one channel
    return [TextFile(settings.alerts), *(Address(url) for url in urls)]


def without_plates(text: str) -> str:
    """Return the text with every number plate masked: notifiers stand on other people's machines."""
    return _PLATE.sub(PLATE_MASK, text)


def facts_without_plates(facts: Any) -> Any:
    """Return JSON types with every number plate masked, in names and values, however deep."""
    if isinstance(facts, str):
        return without_plates(facts)
    if isinstance(facts, Mapping):
        return {without_plates(str(name)): facts_without_plates(value) for name, value in facts.items()}
    if isinstance(facts, list | tuple):
        return [facts_without_plates(value) for value in facts]
    return facts


def file_word(text: str) -> str:
    """Return the text as a word of a file name: a product's name comes from outside and may look like a path."""
    return re.sub(r"[^\w-]", "_", text)[:_LONGEST_WORD]
