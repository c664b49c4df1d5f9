"""Bytes of a client, within bounds of size and time, before anything reads them."""

from __future__ import annotations

import asyncio

from pipelines.publishing.query import MAX_SQL_CHARS

HEADER_BYTES = 4
# Before the login nobody needs more; then four bytes a sign of the longest statement.
LOGIN_BYTES = 16 * 1024
STATEMENT_BYTES = 4 * MAX_SQL_CHARS + 1024


class PacketTooLongError(OSError):
    """A packet says it is longer than any that is taken."""


class Reader(asyncio.StreamReader):
    """A stream whose packets have a greatest length, and which ends where its client is silent for too long."""

    def __init__(self, idle_s: float) -> None:
        super().__init__(limit=64 * 1024)
        self.idle_s = idle_s
        self.packet_bytes = LOGIN_BYTES

    async def read(self, n: int = -1) -> bytes:
        """Return the header of the next packet whole, nothing where the client is gone.

        Raises:
            TimeoutError: nothing came for too long.
            PacketTooLongError: the packet is not taken; the connection must end.
        """
        if n != HEADER_BYTES:
            return await super().read(n)
        try:
            async with asyncio.timeout(self.idle_s):
                header = await super().readexactly(n)
        except (asyncio.IncompleteReadError, ConnectionError):
            return b""
        if int.from_bytes(header[:3], "little") > self.packet_bytes:
            raise PacketTooLongError(f"a packet of more than {self.packet_bytes:,} bytes")
        return header

    async def readexactly(self, n: int) -> bytes:
        """Return the next bytes; TimeoutError where they do not come."""
        async with asyncio.timeout(self.idle_s):
            return await super().readexactly(n)
