"""The step from plain text to TLS, which MySQL's clients take in the midst of a connection.

A client sends its wish and, without waiting, the first bytes of TLS. So exactly the bytes of the wish are read from
the socket, and what follows is left for TLS; a stream would have read on, and lost it.
"""

from __future__ import annotations

import asyncio
import socket
import ssl as tls

from mysql_mimic.errors import ErrorCode, MysqlError
from mysql_mimic.packets import make_error
from mysql_mimic.types import Capabilities

from pipelines.serving import login
from pipelines.serving.connection import CAPABILITIES, greeting
from pipelines.serving.wire import LOGIN_BYTES

HEADER_BYTES, WISH_BYTES = 4, 32


async def begin(plug: socket.socket, connection_id: int, nonce: bytes) -> bool:
    """Greet a client in plain text and return whether it wishes TLS; one that does not is told so.

    Raises:
        EOFError: the client is gone.
    """
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(plug, _framed(greeting(connection_id, nonce, is_tls=True), 0))
    header = await _exactly(plug, HEADER_BYTES)
    # Read whole even where it is refused: what lies unread when a socket is closed takes the refusal with it.
    packet = await _exactly(plug, min(int.from_bytes(header[:3], "little"), LOGIN_BYTES))
    if len(packet) == WISH_BYTES and header[3] == 1:
        try:
            if login.read(packet, CAPABILITIES | Capabilities.CLIENT_SSL).name is None:
                return True
        except MysqlError:
            pass  # no login at all: the sentence below is the answer to that too
    refusal = make_error(
        msg="this server takes logins over TLS only: switch TLS (SSL) on in the client",
        code=ErrorCode.HANDSHAKE_ERROR,
    )
    await loop.sock_sendall(plug, _framed(refusal, 2))
    return False


async def streams(
    plug: socket.socket, reader: asyncio.StreamReader, ssl: tls.SSLContext | None, within_s: float
) -> asyncio.StreamWriter:
    """Join the reader to the socket, through TLS where a context is given, and return the writer.

    Raises:
        OSError: TLS could not be agreed on, or the client is gone.
    """
    loop = asyncio.get_running_loop()
    protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
    transport, _ = await loop.connect_accepted_socket(
        lambda: protocol, plug, ssl=ssl, ssl_handshake_timeout=within_s if ssl else None
    )
    return asyncio.StreamWriter(transport, protocol, reader, loop)


async def _exactly(plug: socket.socket, count: int) -> bytes:
    loop = asyncio.get_running_loop()
    heard = b""
    while len(heard) < count:
        piece = await loop.sock_recv(plug, count - len(heard))
        if not piece:
            raise EOFError
        heard += piece
    return heard


def _framed(packet: bytes, number: int) -> bytes:
    return (len(packet) | number << 24).to_bytes(HEADER_BYTES, "little") + packet
