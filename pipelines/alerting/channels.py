"""Where messages go: always a text file, and every apprise address of the settings. No message carries a plate."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pipelines.settings import Settings

# Province, letter, then five or six signs, the last one may say trailer, learner, police: GA 36-2018.
_PLATE = re.compile(
    r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][A-Za-z]\s?[·.・-]?\s?[A-Za-z0-9]{4,6}[挂学警港澳]?"
)
PLATE_MASK = "（车牌略）"
_LONGEST_WORD = 40  # signs, of at most 4 bytes: a file name holds 255 bytes


@dataclass(frozen=True)
class Message:
    """What a person reads. `name` and `folder` place its text file; `kind` is apprise's info, warning and so on."""

    title: str
    body: str
    folder: str
    name: str
    kind: str = "info"


class Channel(Protocol):
    """A way out. `channel_id` is stable and tells nothing secret; it keys the log of what was sent."""

    @property
    def channel_id(self) -> str:
        """Name in the log."""

    def deliver(self, message: Message) -> bool:
        """Send; True only when the other side took it."""


@dataclass(frozen=True)
class TextFile:
    """Messages as files, one each, below `folder`: the channel that needs no network."""

    folder: Path
    channel_id: str = "file"

    def deliver(self, message: Message) -> bool:
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
        except OSError:
            return False
        return True


@dataclass(frozen=True)
class Address:
    """One apprise address. It may hold a password, so it is neither printed nor stored: its digest names it."""

    url: str

    @property
    def channel_id(self) -> str:
        """Scheme and a digest of the address."""
        scheme = self.url.partition("://")[0] if "://" in self.url else "address"
        return f"{scheme}-{hashlib.sha256(self.url.encode()).hexdigest()[:12]}"

    def deliver(self, message: Message) -> bool:
        """Notify; False where the address is not understood or the receiver does not take it."""
        import apprise

        notifier = apprise.Apprise()
        if not notifier.add(self.url):
            return False
        return bool(
            notifier.notify(
                body=message.body,
                title=message.title,
                notify_type=apprise.NotifyType(message.kind),
                body_format=apprise.NotifyFormat.TEXT,
            )
        )


def of(settings: Settings) -> list[Channel]:
    """Return the channels of the settings, the text file first."""
    urls = dict.fromkeys(settings.notify_urls)  # an address given twice is one channel
    return [TextFile(settings.alerts), *(Address(url) for url in urls)]


def without_plates(text: str) -> str:
    """Return the text with every number plate masked: notifiers stand on other people's machines."""
    return _PLATE.sub(PLATE_MASK, text)


def file_word(text: str) -> str:
    """Return the text as a word of a file name: a product's name comes from outside and may look like a path."""
    return re.sub(r"[^\w-]", "_", text)[:_LONGEST_WORD]
