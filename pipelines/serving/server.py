"""`sandwatch serve`: listens, lets people in, runs their statements a few at a time, and stops without a rest."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import logging
import signal
import socket
import ssl as tls
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from mysql_mimic import utils
from mysql_mimic.stream import MysqlStream

from pipelines.errors import BusyError, MachineError, WrongCallError
from pipelines.publishing import access_query, editions, query
from pipelines.serving import encrypting
from pipelines.serving.connection import Connection
from pipelines.serving.door import Door
from pipelines.serving.session import Question, Session
from pipelines.serving.wire import Reader

if TYPE_CHECKING:
    from pipelines.publishing.query import QueryResult
    from pipelines.settings import Settings

TURN_S = 60  # 系统默认: how long a statement waits for its turn
STOP_S = 3  # what runs may end by itself; then it is ended
LOGIN_IDLE_S = 10
MAX_AT_THE_DOOR = 32
_BACKLOG = 100


class Server:
    """The editions of one home folder over the network."""

    def __init__(self, settings: Settings, say: Callable[[str], None], ssl: tls.SSLContext | None) -> None:
        # Over the network every read of plates has to say why, whatever holds for the command line.
        self.settings = replace(settings, is_purpose_required=True)
        self.say = say
        self.ssl = ssl
        self.door = Door(self.settings, say)
        self.slots = asyncio.Semaphore(settings.serve.statements)
        self.threads = ThreadPoolExecutor(settings.serve.statements, thread_name_prefix="statement")
        self.waiting = 0
        self.talks: set[asyncio.Task[None]] = set()
        self.running: set[asyncio.Future[QueryResult]] = set()
        self.last_id = 0

    async def run(self, host: str, port: int) -> None:
        """Serve until SIGTERM or SIGINT.

        Raises:
            WrongCallError: the address is not this machine's.
            MachineError: the port is taken or not allowed.
        """
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        listening = _listen(host, port)
        accepting = loop.create_task(self._accept(listening))
        try:
            where = listening.getsockname()
            self.say(
                f"serving the editions on {where[0]} port {where[1]}{' over TLS' if self.ssl else ''}; Ctrl-C ends it"
            )
            await stop.wait()
        finally:
            accepting.cancel()
            await asyncio.wait([accepting])
            listening.close()
            await self._end_all()
            self.say("stopped")

    async def ask(self, question: Question) -> QueryResult:
        """Run a statement when it is its turn.

        Raises:
            BusyError: too many wait already, or it was not its turn in time.
            WrongCallError, MachineError: as for `query.run`.
        """
        serve = self.settings.serve
        if self.waiting >= serve.waiting:
            raise BusyError(
                f"the server is busy: {serve.statements} statements run and {self.waiting} wait: ask again in a "
                "minute"
            )
        self.waiting += 1
        try:
            async with asyncio.timeout(TURN_S):
                await self.slots.acquire()
        except TimeoutError:
            raise BusyError(
                f"the server is busy: the statement waited {TURN_S} s for its turn while "
                f"{serve.statements} others ran: ask again in a minute"
            ) from None
        finally:
            self.waiting -= 1
        task = asyncio.get_running_loop().run_in_executor(self.threads, partial(_read, self.settings, question))
        self.running.add(task)
        task.add_done_callback(self._free)
        # A client that leaves does not stop its statement; its place is free only when that has ended.
        return await asyncio.shield(task)

    def _free(self, task: asyncio.Future[QueryResult]) -> None:
        self.running.discard(task)
        self.slots.release()
        if not task.cancelled():
            task.exception()  # looked at, also where its client is gone

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                plug, address = await loop.sock_accept(listening)
            except OSError:  # no file left for one more; those who are in go on
                await asyncio.sleep(0.1)
                continue
            # Apart from those who are in, so that strangers who only knock cannot fill the house.
            if len(self.talks) - self.door.inside.total() >= MAX_AT_THE_DOOR:
                plug.close()
                continue
            talk = loop.create_task(self._talk(plug, str(address[0])))
            self.talks.add(talk)
            talk.add_done_callback(self.talks.discard)

    async def _talk(self, plug: socket.socket, address: str) -> None:
        self.last_id += 1
        nonce = utils.nonce(20)
        session = Session(self.settings, self.ask, connection_id=self.last_id)
        reader = Reader(LOGIN_IDLE_S)
        writer = None
        try:
            async with asyncio.timeout(LOGIN_IDLE_S):
                if self.ssl and not await encrypting.begin(plug, self.last_id, nonce):
                    return
                writer = await encrypting.streams(plug, reader, self.ssl, LOGIN_IDLE_S)
            connection = Connection(
                MysqlStream(reader, writer), session, self.door.enter, address, nonce, is_encrypted=bool(self.ssl)
            )
            try:
                await connection.run()
            finally:
                self.door.leave(connection)
        except (OSError, EOFError, TimeoutError):
            pass  # gone, or never a client
        finally:
            if writer:
                writer.close()
            else:
                plug.close()

    async def _end_all(self) -> None:
        for talk in self.talks:
            talk.cancel()
        if self.running:
            await asyncio.wait(self.running, timeout=STOP_S)
        while self.running:
            for child in psutil.Process().children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    child.kill()
            await asyncio.wait(self.running, timeout=0.2)
        if self.talks:
            await asyncio.wait(self.talks, timeout=STOP_S)
        self.threads.shutdown()


def serve(
    settings: Settings,
    *,
    host: str,
    port: int,
    say: Callable[[str], None],
    tls_cert: Path | None = None,
    tls_key: Path | None = None,
    is_open_without_tls: bool = False,
) -> None:
    """Serve the published editions until the process is told to stop.

    Args:
        settings: whose editions, people, access log and limits.
        host: an address of this machine; loopback needs no TLS.
        port: where to listen, 0 for any that is free.
        say: takes each line for the person at the machine.
        tls_cert: certificate chain in PEM.
        tls_key: its private key.
        is_open_without_tls: whether to serve other machines without TLS.

    Raises:
        WrongCallError: nothing is published, or TLS is missing or broken.
        MachineError: the port is taken, or what is published cannot be opened.
    """
    ssl = _context(tls_cert, tls_key)
    if not _is_loopback(host) and ssl is None:
        if not is_open_without_tls:
            raise WrongCallError(
                f"{host} is open to other machines: give --tls-cert and --tls-key, or stay on 127.0.0.1 and let "
                "people come through an SSH tunnel (--without-tls serves in plain text, on a closed network only)"
            )
        say(f"attention: {host} is served without TLS: plates and answers can be read along the wire")
    _refuse_unpublished(settings)
    # The library logs each refused statement, plates and all; what matters is in the access log.
    logging.getLogger("mysql_mimic").setLevel(logging.CRITICAL + 1)
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    asyncio.run(_run(settings, host, port, say, ssl))


def _read(settings: Settings, question: Question) -> QueryResult:
    """Run one statement on an edition or, for a data officer, on the access log; both log that it was asked."""
    if question.edition == access_query.EDITION:
        return access_query.ask(
            settings,
            question.sql,
            output=query.ROWS_ONLY,
            limits=question.limits,
            purpose=question.purpose,
            actor=question.actor,
            channel="serve",
        )
    return query.run(
        settings,
        question.sql,
        edition=question.edition,
        output=query.ROWS_ONLY,
        limits=question.limits,
        purpose=question.purpose,
        actor=question.actor,
        channel="serve",
        has_to_be_whole=question.has_to_be_whole,
    )


async def _run(
    settings: Settings, host: str, port: int, say: Callable[[str], None], ssl: tls.SSLContext | None
) -> None:
    await Server(settings, say, ssl).run(host, port)


def _refuse_unpublished(settings: Settings) -> None:
    missing = []
    for name in editions.MODES:
        try:
            editions.current(settings, name)
        except WrongCallError as error:
            missing.append(error)
    if len(missing) == len(editions.MODES):
        raise missing[0]


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise MachineError(
                f"port {port} of {host} is taken by another program: choose another with --port, or stop that one"
            ) from error
        if error.errno == errno.EACCES:
            raise MachineError(f"port {port} needs more rights than this account has: take one over 1023") from error
        raise WrongCallError(f"{host} port {port} cannot be listened on: {error.strerror or error}") from error
    listening.setblocking(False)
    return listening


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _context(cert: Path | None, key: Path | None) -> tls.SSLContext | None:
    if cert is None and key is None:
        return None
    if cert is None or key is None:
        raise WrongCallError("--tls-cert and --tls-key go together: give both")
    try:
        context = tls.SSLContext(tls.PROTOCOL_TLS_SERVER)
        context.minimum_version = tls.TLSVersion.TLSv1_2
        context.load_cert_chain(cert, key)
    except OSError as error:  # an SSLError is one
        raise WrongCallError(
            f"the certificate {cert} and key {key} cannot be used ({error.strerror or error}): both have to be PEM, "
            "belong together and be readable for this account, the key without a password"
        ) from error
    return context
