"""One client on the wire: login by token, statements in, rows out.

The protocol is `mysql_mimic`'s. What it leaves open is closed here: after a refused login it goes on to take
statements; it puts values of prepared statements between quotes as they are; it gathers without bounds what a client
sends; it takes logins without TLS where TLS was asked for (`encrypting.py`) and believes the lengths it is told
(`login.py`).
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING

from mysql_mimic import packets, types, utils
from mysql_mimic.auth import IdentityProvider
from mysql_mimic.charset import CharacterSet
from mysql_mimic.connection import Connection as MimicConnection
from mysql_mimic.control import LocalControl
from mysql_mimic.errors import ErrorCode, MysqlError
from mysql_mimic.prepared import PreparedStatement
from mysql_mimic.stream import MysqlStream
from mysql_mimic.types import Capabilities, ServerStatus

from pipelines.errors import SandwatchError
from pipelines.publishing.query import MAX_SQL_CHARS
from pipelines.serving import login, parameters, small_talk, sql_text

if TYPE_CHECKING:
    from pipelines.serving.result_set import Answer
    from pipelines.serving.session import Session

LOGIN_S = 10
SEND_S = 60
PLUGIN = "caching_sha2_password"
MAX_PREPARED = 100
_FAST_LOGIN_OK = b"\x03"
CAPABILITIES = (
    Capabilities.CLIENT_PROTOCOL_41
    | Capabilities.CLIENT_CONNECT_WITH_DB
    | Capabilities.CLIENT_CONNECT_ATTRS
    | Capabilities.CLIENT_PLUGIN_AUTH
    | Capabilities.CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA
    | Capabilities.CLIENT_SECURE_CONNECTION
    | Capabilities.CLIENT_LONG_PASSWORD
    | Capabilities.CLIENT_ODBC
    | Capabilities.CLIENT_INTERACTIVE
)
# Clients that put values into the text themselves ask this bit how to write a quote: doubled, as DuckDB reads it.
_STATUS = ServerStatus.SERVER_STATUS_AUTOCOMMIT | ServerStatus.SERVER_STATUS_NO_BACKSLASH_ESCAPES

Enter = Callable[["Connection", str, bytes, bytes, dict[str, str], str | None], None]


class Connection(MimicConnection):  # type: ignore[misc]  # the package ships no types
    """A client from its login to its end."""

    def __init__(
        self, stream: MysqlStream, session: Session, enter: Enter, address: str, nonce: bytes, *, is_encrypted: bool
    ) -> None:
        super().__init__(
            stream=stream,
            session=session,
            control=LocalControl(),
            identity_provider=IdentityProvider(),
            server_capabilities=CAPABILITIES,
        )
        self.connection_id = session.connection_id
        self.address = address
        self.nonce = nonce
        self.is_encrypted = is_encrypted
        self.enter = enter
        self.status_flags = _STATUS
        self.is_inside = False
        self.known_types: dict[int, parameters.Types] = {}

    async def run(self) -> None:
        """Let the client in and answer it until it leaves, is silent for too long, or breaks the protocol."""
        try:
            try:
                async with asyncio.timeout(LOGIN_S):
                    await self.connection_phase()
            except TimeoutError:
                raise MysqlError(f"no login within {LOGIN_S} s", ErrorCode.HANDSHAKE_ERROR) from None
            await self.command_phase()
        except MysqlError as error:
            await self._say_last(error.msg, error.code)
        except TimeoutError:
            await self._say_last(
                "the connection was closed after a long silence: connect again", ErrorCode.UNKNOWN_ERROR
            )
        except (OSError, EOFError, asyncio.IncompleteReadError):
            pass  # gone without a word
        except Exception:
            # Junk: a packet that is no packet. The sentence must not say what broke within.
            await self._say_last("this is no login of a MySQL client", ErrorCode.HANDSHAKE_ERROR)

    async def _say_last(self, message: str, code: ErrorCode) -> None:
        try:
            async with asyncio.timeout(1):
                await self.stream.write(self.error(msg=message, code=code))
        except Exception:
            return  # who does not listen need not be told

    async def connection_phase(self) -> None:
        """Greet, take the login, and check it.

        Raises:
            MysqlError: the login is refused; the connection must end.
        """
        nonce = self.nonce
        if self.is_encrypted:
            self.stream.seq.value = 2  # the greeting and the wish for TLS went before, in plain text
        else:
            await self.stream.write(greeting(self.connection_id, nonce, is_tls=False))
        said = login.read(await self.stream.read(), CAPABILITIES | Capabilities.CLIENT_SSL)
        if said.name is None:
            raise MysqlError(
                "this server takes no TLS: switch TLS (SSL) off in the client", ErrorCode.HANDSHAKE_ERROR
            )
        self.capabilities = said.capabilities
        self.session.variables.set("character_set_client", said.charset.name)
        self.session.variables.set("character_set_results", said.charset.name)
        proof = said.proof
        if said.plugin != PLUGIN or not proof:
            nonce = utils.nonce(20)
            await self.stream.write(
                packets.make_auth_switch_request(
                    server_charset=self.server_charset, plugin_name=PLUGIN, plugin_provided_data=nonce + b"\0"
                )
            )
            proof = await self.stream.read()
        self.enter(self, said.name or "", nonce, proof, said.attributes or {}, said.database)
        await self.stream.write(packets.make_auth_more_data(_FAST_LOGIN_OK))
        await self.stream.write(self.ok())
        self.stream.reset_seq()

    async def handle_query(self, data: bytes) -> None:
        """Answer a statement as text."""
        answer = await self._answer(_decoded(data, self.client_charset.codec))
        if answer is None:
            await self.stream.write(self.ok())
        else:
            await self._send(answer, is_binary=False)

    async def handle_init_db(self, data: bytes) -> None:
        """Choose an edition or a schema."""
        self.session.use(_decoded(data, self.client_charset.codec))
        await self.stream.write(self.ok())

    async def handle_field_list(self, data: bytes) -> None:  # noqa: ARG002
        """Answer with nothing: clients ask this only to complete names while a person types."""
        await self.stream.write(self.eof())

    async def handle_change_user(self, data: bytes) -> None:  # noqa: ARG002
        """Refuse: a connection is one person's."""
        raise MysqlError("a connection stays with its person: open another one", ErrorCode.UNKNOWN_COM_ERROR)

    async def handle_debug(self, data: bytes) -> None:  # noqa: ARG002
        """Refuse."""
        raise MysqlError("this server tells nothing of itself", ErrorCode.UNKNOWN_COM_ERROR)

    async def handle_reset_connection(self, data: bytes) -> None:
        """Forget what was set and prepared."""
        self.session.reset()
        self.prepared_stmts.clear()
        self.known_types.clear()
        await super().handle_reset_connection(data)

    async def handle_stmt_prepare(self, data: bytes) -> None:
        """Keep a statement with places for values."""
        if len(self.prepared_stmts) >= MAX_PREPARED:
            raise MysqlError(f"{MAX_PREPARED} statements are prepared already: close some", ErrorCode.UNKNOWN_ERROR)
        sql = _decoded(data, self.client_charset.codec)
        statement = PreparedStatement(next(self.prepared_stmt_seq) + 1, sql, sql_text.place_count(sql))
        self.prepared_stmts[statement.stmt_id] = statement
        for packet in self.com_stmt_prepare_response(statement):
            await self.stream.write(packet, drain=False)
        await self.stream.drain()

    async def handle_stmt_send_long_data(self, data: bytes) -> None:
        """Gather a long value, which gets no answer, within the bounds of a statement."""
        await super().handle_stmt_send_long_data(data)
        for number, statement in list(self.prepared_stmts.items()):
            if sum(map(len, (statement.param_buffers or {}).values())) > 4 * MAX_SQL_CHARS:
                del self.prepared_stmts[number]  # this command has no answer: its execution gets the refusal

    async def handle_stmt_reset(self, data: bytes) -> None:
        """Forget the long values of a statement."""
        statement = self.get_stmt(packets.parse_com_stmt_reset(data).stmt_id)
        statement.param_buffers = None
        await self.stream.write(self.ok())

    async def handle_stmt_close(self, data: bytes) -> None:
        """Forget a statement."""
        self.known_types.pop(packets.parse_com_stmt_close(data).stmt_id, None)
        await super().handle_stmt_close(data)

    async def handle_stmt_fetch(self, data: bytes) -> None:  # noqa: ARG002
        """Refuse: rows are sent at once."""
        raise MysqlError("cursors are not kept: fetch the rows at once", ErrorCode.NOT_SUPPORTED_YET)

    async def handle_stmt_execute(self, data: bytes) -> None:
        """Answer a prepared statement with its values."""
        reader = parameters.Reader(data)
        try:
            statement = self.get_stmt(reader.number("I"))
            reader.take(5)  # flags of a cursor, which we never open, and a count that is always 1
            given, self.known_types[statement.stmt_id] = parameters.literals(
                data[reader.at :],
                statement.num_params,
                self.known_types.get(statement.stmt_id, ()),
                statement.param_buffers or {},
                self.client_charset.codec,
            )
            sql = sql_text.with_values(statement.sql, given)
        except SandwatchError as error:
            raise MysqlError(str(error), ErrorCode.PARSE_ERROR) from error
        statement.param_buffers = None
        answer = await self._answer(sql)
        if answer is None:
            await self.stream.write(self.ok())
        else:
            await self._send(answer, is_binary=True)

    async def _answer(self, sql: str) -> Answer | None:
        try:
            answer: Answer | None = await self.session.answer(sql)
            return answer
        except MysqlError:
            raise
        except Exception as error:
            traceback.print_exc()
            raise MysqlError(
                f"the server failed at this statement ({type(error).__name__}); its own log says where",
                ErrorCode.UNKNOWN_ERROR,
            ) from None

    async def _send(self, answer: Answer, *, is_binary: bool) -> None:
        charset = self.server_charset
        writers = [column.writer(charset) for column in answer.columns]
        self.stream.write_many(
            [
                types.uint_len(len(answer.columns)),
                *(column.definition(charset) for column in answer.columns),
                self.eof(),
            ]
        )
        for start in range(0, len(answer.rows), 5_000):
            rows = answer.rows[start : start + 5_000]
            if is_binary:
                self.stream.write_many([packets.make_binary_resultrow(row, writers) for row in rows])
            else:
                self.stream.write_text_rows(rows, writers)
            await asyncio.sleep(0)  # the others are answered meanwhile
        try:
            async with asyncio.timeout(SEND_S):
                await self.stream.write(self.eof())
        except TimeoutError:
            self.stream.writer.transport.abort()  # who does not take what they asked for holds no memory of ours
            raise


def greeting(connection_id: int, nonce: bytes, *, is_tls: bool) -> bytes:
    """Return the packet that opens a connection: the challenge, and what the server can."""
    packet: bytes = packets.make_handshake_v10(
        capabilities=CAPABILITIES | (Capabilities.CLIENT_SSL if is_tls else Capabilities(0)),
        server_charset=CharacterSet.utf8mb4,
        server_version=small_talk.VERSION,
        connection_id=connection_id,
        auth_data=nonce + b"\0",
        status_flags=_STATUS,
        auth_plugin_name=PLUGIN,
    )
    return packet


def is_proof(verifier: str, nonce: bytes, proof: bytes) -> bool:
    """Return whether an answer to the challenge was made with the token that the verifier is of."""
    kept = bytes.fromhex(verifier)
    mask = hashlib.sha256(kept + nonce).digest()
    if len(proof) != len(mask):
        return False
    shown = bytes(a ^ b for a, b in zip(proof, mask, strict=True))
    return secrets.compare_digest(hashlib.sha256(shown).digest(), kept)


def _decoded(data: bytes, codec: str) -> str:
    try:
        return data.decode(codec)
    except UnicodeDecodeError:
        raise MysqlError(
            f"the statement is no text in {codec}: set the character set of the connection to utf8mb4",
            ErrorCode.PARSE_ERROR,
        ) from None
