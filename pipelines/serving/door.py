"""Who is let in: a token a person, bounds on connections, and patience that wrong tokens use up."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

from mysql_mimic.errors import ErrorCode, MysqlError

from pipelines.errors import MachineError
from pipelines.serving import people
from pipelines.serving.connection import Connection, is_proof
from pipelines.serving.wire import STATEMENT_BYTES

if TYPE_CHECKING:
    from pipelines.settings import Settings

# 系统默认: a token cannot be guessed; this keeps a wrong program from filling the log.
WRONG_TOKENS, LOCKED_S = 5, 30
_REMEMBERED = 1_000
_NOBODY = people.verifier_of("")


class Door:
    """Checks logins of all connections of a server."""

    def __init__(self, settings: Settings, say: Callable[[str], None]) -> None:
        self.settings = settings
        self.say = say
        self.inside: Counter[str] = Counter()
        self._wrong: dict[tuple[str, str], tuple[int, float]] = {}

    def enter(
        self,
        connection: Connection,
        name: str,
        nonce: bytes,
        proof: bytes,
        attributes: dict[str, str],
        database: str | None,
    ) -> None:
        """Let a person in who shows their token.

        Raises:
            MysqlError: refused; who shows no valid token learns nothing of who is known here.
        """
        address = connection.address
        key = (address, name)
        self._refuse_hasty(key)
        try:
            person = people.everyone(self.settings).get(name)
        except MachineError as error:
            self.say(f"login of {name!r} from {address} refused: {error}")
            raise MysqlError(
                "nobody can be let in: the server's log says why", ErrorCode.ACCESS_DENIED_ERROR
            ) from error
        if not is_proof(person.verifier if person else _NOBODY, nonce, proof) or person is None:
            self._note_wrong(key)
            raise MysqlError(
                f"access denied: {name!r} and this token do not belong together. The password is the token that "
                "`sandwatch people grant` printed, whole and without blanks",
                ErrorCode.ACCESS_DENIED_ERROR,
            )
        if obstacle := person.obstacle(people.today()):
            self.say(f"login of {name!r} from {address} refused: {obstacle}")
            raise MysqlError(f"{obstacle}: ask the data officer for a new grant", ErrorCode.ACCESS_DENIED_ERROR)
        if self.inside[name] >= self.settings.serve.per_person:
            raise MysqlError(
                f"{name} has {self.inside[name]} connections open, as many as one person may "
                f"({self.settings.serve.per_person}): close some",
                ErrorCode.CON_COUNT_ERROR,
            )
        if self.inside.total() >= self.settings.serve.connections:
            raise MysqlError(
                f"{self.inside.total()} connections are open, as many as are taken: try again later",
                ErrorCode.CON_COUNT_ERROR,
            )
        connection.session.open(person, attributes, database)
        self._wrong.pop(key, None)
        self.inside[name] += 1
        connection.is_inside = True
        connection.stream.reader.packet_bytes = STATEMENT_BYTES
        connection.stream.reader.idle_s = self.settings.serve.idle_s

    def leave(self, connection: Connection) -> None:
        """Note that a connection has ended; one that never was inside changes nothing."""
        if connection.is_inside:
            self.inside[connection.session.name] -= 1

    def _refuse_hasty(self, key: tuple[str, str]) -> None:
        count, since = self._wrong.get(key, (0, 0.0))
        left = since + LOCKED_S - time.monotonic()
        if count >= WRONG_TOKENS and left > 0:
            raise MysqlError(
                f"too many wrong tokens for this name from this address: wait {left:.0f} s, then try the right one",
                ErrorCode.ACCESS_DENIED_ERROR,
            )

    def _note_wrong(self, key: tuple[str, str]) -> None:
        address, name = key
        count, since = self._wrong.pop(key, (0, 0.0))
        if time.monotonic() - since > LOCKED_S:
            count = 0
        while len(self._wrong) >= _REMEMBERED:
            del self._wrong[next(iter(self._wrong))]
        self._wrong[key] = (count + 1, time.monotonic())
        if count < WRONG_TOKENS:
            self.say(f"login of {name[:64]!r} from {address} refused: wrong name or token ({count + 1} in a row)")
