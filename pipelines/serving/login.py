"""What a client says of itself before it is known, read with every length checked.

The server library believes the lengths that are written in the packet: one that says "two to the sixty-fourth bytes
of attributes" keeps it busy for ever. So the login, which anybody may send, is read here.
"""

from __future__ import annotations

from dataclasses import dataclass

from mysql_mimic.charset import CharacterSet, Collation
from mysql_mimic.errors import ErrorCode, MysqlError
from mysql_mimic.types import Capabilities

from pipelines.errors import WrongCallError
from pipelines.serving.parameters import Reader

_FILLER_BYTES = 23


@dataclass(frozen=True)
class Login:
    """A login as the client sent it; `name` is None where it only asks to begin TLS."""

    capabilities: Capabilities
    charset: CharacterSet
    name: str | None = None
    proof: bytes = b""
    database: str | None = None
    plugin: str | None = None
    attributes: dict[str, str] | None = None


def read(data: bytes, offered: Capabilities) -> Login:
    """Return the login in a packet.

    Raises:
        MysqlError: the packet is no login of MySQL's.
    """
    try:
        return _read(Reader(data), offered)
    # Also bytes that are no text, and a character set that no client may speak (utf16le: LookupError).
    except (WrongCallError, ValueError, LookupError) as error:
        raise MysqlError("this is no login of a MySQL client", ErrorCode.HANDSHAKE_ERROR) from error


def _read(reader: Reader, offered: Capabilities) -> Login:
    capabilities = Capabilities(reader.number("I") & int(offered))
    reader.take(4)  # longest packet the client takes; ours are its own affair
    charset = Collation(reader.number("B")).charset
    reader.take(_FILLER_BYTES)
    if reader.is_empty:
        return Login(capabilities, charset)
    if Capabilities.CLIENT_PROTOCOL_41 not in capabilities:
        raise ValueError("a client of before 2004")
    name = reader.ended().decode(charset.codec)
    is_long = Capabilities.CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA in capabilities
    proof = reader.text() if is_long else reader.take(reader.number("B"))
    database = plugin = None
    attributes = {}
    if Capabilities.CLIENT_CONNECT_WITH_DB in capabilities:
        database = reader.ended().decode(charset.codec)
    if Capabilities.CLIENT_PLUGIN_AUTH in capabilities and not reader.is_empty:
        plugin = reader.ended().decode("ascii")
    if Capabilities.CLIENT_CONNECT_ATTRS in capabilities and not reader.is_empty:
        pairs = Reader(reader.text())
        while not pairs.is_empty:
            key = pairs.text().decode(charset.codec)
            attributes[key] = pairs.text().decode(charset.codec)
    return Login(capabilities, charset, name, proof, database or None, plugin, attributes)
