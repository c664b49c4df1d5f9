"""In which encoding a text is written: header words prove it, then the characters of the body, else nothing does.

GB18030 and Big5 read most of each other's bytes without an error, so "it decodes" is no proof; what tells them
apart is whether the characters that come out are ones people write. Where that does not decide, the file is
refused with what to set: a wrong guess would store another text under a ticket for good.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from pipelines.errors import InputRefusedError

PLAIN_ENCODINGS = ("utf-8", "gb18030", "big5")
BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
NUL_SHARE = 0.1
TOKEN = re.compile(rb"[\x80-\xff][\x40-\xff]*")
MAX_TOKENS = 5000
GOOD_SHARE = 0.1  # of the distinct characters of a right reading at most this share is uncommon
BAD_SHARE = 0.25  # of a wrong one at least this share, and at least two
LEAST_CHARACTERS = 4  # fewer are common in both GB 2312 and Big5 by chance: 甲礦 in GBK is 樅猩 in Big5
MANY_TOKENS = 8
ALIASES = {"gbk": "gb18030", "gb2312": "gb18030", "cp936": "gb18030", "utf8": "utf-8", "utf_8": "utf-8"}


@dataclass(frozen=True)
class Reading:
    """One encoding tried on the body: its distinct characters beyond ASCII and how many of them are uncommon.

    A run of text that does not decode counts as one uncommon character.
    """

    encoding: str
    characters: int
    uncommon: int
    shown: str
    broken_share: float

    @property
    def share(self) -> float:
        """Share of uncommon characters, 0 to 1."""
        return self.uncommon / self.characters if self.characters else 0.0


def known_encoding(name: str) -> str:
    """Return the encoding a profile names; GBK and GB2312 are parts of GB18030.

    Raises:
        InputRefusedError: there is no encoding of that name.
    """
    try:
        codec = codecs.lookup(name).name
    except LookupError as error:
        raise InputRefusedError(
            f"the source profile names the encoding {name!r}, which does not exist; write gb18030, utf-8, utf-16"
            " or big5"
        ) from error
    return ALIASES.get(codec, codec)


def byte_order_mark(sample: bytes) -> str | None:
    """Return the encoding that a byte order mark at the start names, or None."""
    return next((name for mark, name in BOMS if sample.startswith(mark)), None)


def candidates(sample: bytes) -> list[str]:
    """Return the encodings a text without a mark may be in: UTF-16 where every other byte is NUL, else the plain."""
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    least = NUL_SHARE * len(sample) / 2
    if odd > least and odd > 10 * even:
        return ["utf-16-le"]
    if even > least and even > 10 * odd:
        return ["utf-16-be"]
    return list(PLAIN_ENCODINGS)


def body_encoding(sample: bytes, choices: list[str]) -> str:
    """Return the one of the choices (best first) in which the characters of the sample make sense.

    A sample of nothing but ASCII is UTF-8: whatever comes later that is not, is then loud.

    Raises:
        InputRefusedError: the sample does not decide.
    """
    if len(choices) == 1:
        return choices[0]
    tokens = _tokens(sample)
    if not tokens:
        return choices[0]
    readings = sorted((_read(tokens, encoding) for encoding in choices), key=lambda reading: reading.share)
    best, rivals = readings[0], readings[1:]
    enough = 2 if best.encoding == "utf-8" else LEAST_CHARACTERS
    if best.share <= GOOD_SHARE and best.characters >= enough:
        if all(rival.uncommon >= 2 and rival.share >= BAD_SHARE for rival in rivals):
            return best.encoding
        clear_lead = all(rival.uncommon and rival.share >= BAD_SHARE for rival in rivals)
        if clear_lead and best.uncommon == 0 and _library_says(tokens, choices) == best.encoding:
            return best.encoding
    whole = [reading for reading in readings if not reading.broken_share]
    if len(whole) == 1 and len(tokens) >= MANY_TOKENS:
        others = [reading for reading in readings if reading is not whole[0]]
        if all(reading.broken_share >= BAD_SHARE for reading in others):
            return whole[0].encoding  # rare characters all over, but no other encoding reads the text at all
    shown = "; ".join(f"{reading.encoding} [{reading.shown}]" for reading in readings)
    raise InputRefusedError(
        f"the encoding cannot be told: the header is ASCII and the {best.characters} different other characters of"
        f" the file may be {shown}. Set `encoding:` in the file's source profile to the right one, or save the"
        " file as UTF-8 with BOM"
    )


def proves_utf8(sample: bytes) -> bool:
    """Whether the sample holds enough multi-byte text that is valid UTF-8 to rule out any other encoding."""
    tokens = _tokens(sample)
    reading = _read(tokens, "utf-8")
    return reading.characters - reading.uncommon >= 4 and reading.share <= GOOD_SHARE


def holds_utf8(text: str, encoding: str) -> bool:
    """Whether text that was decoded as GB18030 holds a run of East Asian characters that were UTF-8.

    An even number of them reads as GB18030 without an error (甲矿 becomes 鐢茬熆); it must not be stored as that.
    """
    if encoding != "gb18030" or not _GARBLED.search(text):
        return False
    for token in TOKEN.findall(text.encode(encoding, errors="replace")):
        try:
            if len(token) >= 6 and _is_east_asian(token.decode("utf-8")):
                return True
        except UnicodeDecodeError:
            continue
    return False


def _is_east_asian(text: str) -> bool:
    return all(character.isascii() or _is_common(character, "utf-8") for character in text)


def _pairs(leads: range, trails: range) -> str:
    pairs = (bytes((lead, trail)).decode("gb18030", errors="ignore") for lead in leads for trail in trails)
    return re.escape("".join(pair for pair in pairs if len(pair) == 1))


# Two UTF-8 characters of three bytes each (E4..E9, 80..BF, 80..BF) are three pairs in GB18030.
_LEAD, _REST = range(0xE4, 0xEA), range(0x80, 0xC0)
_GARBLED = re.compile(f"[{_pairs(_LEAD, _REST)}][{_pairs(_REST, _LEAD)}][{_pairs(_REST, _REST)}]")


def _tokens(sample: bytes) -> list[bytes]:
    """The different runs of text beyond ASCII; a name that stands a thousand times is one piece of evidence."""
    return list(dict.fromkeys(TOKEN.findall(sample)))[:MAX_TOKENS]


def _read(tokens: list[bytes], encoding: str) -> Reading:
    characters: dict[str, bool] = {}
    shown: list[str] = []
    broken = 0
    for token in tokens:
        try:
            text = token.decode(encoding)
        except UnicodeDecodeError:
            broken += 1
            text = token.decode(encoding, errors="replace")
        if len(shown) < 3:
            shown.append(text)
        for character in text:
            if not character.isascii() and character != "\ufffd" and character not in characters:
                characters[character] = _is_common(character, encoding)
    uncommon = sum(not common for common in characters.values())
    shares = len(characters) + broken, uncommon + broken
    return Reading(encoding, *shares, " ".join(shown)[:60], broken / len(tokens) if tokens else 0.0)


def _is_common(character: str, encoding: str) -> bool:
    """Whether people write it: the everyday characters of GB 2312 or Big5, any East Asian one of UTF-8."""
    if encoding == "utf-8":
        # Shorter sequences are Latin, Greek or Cyrillic: two bytes that GB18030 reads as a Chinese character.
        return "\u2010" <= character <= "\u9fff" or "\uf900" <= character <= "\ufaff" or character >= "\uff00"
    spelt = character.encode(encoding)
    if len(spelt) != 2:
        return False
    lead, trail = spelt
    if encoding == "gb18030":
        return trail >= 0xA1 and (0xA1 <= lead <= 0xA3 or 0xB0 <= lead <= 0xD7)
    return 0xA1 <= lead <= 0xA2 or b"\xa4\x40" <= spelt <= b"\xc6\x7e"


def _library_says(tokens: list[bytes], choices: list[str]) -> str | None:
    from charset_normalizer import from_bytes

    match = from_bytes(b"\n".join(tokens), cp_isolation=[choice.replace("-", "_") for choice in choices]).best()
    return match.encoding.replace("_", "-") if match else None
