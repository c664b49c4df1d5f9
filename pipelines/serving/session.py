"""One person's connection as a conversation: who asks, why, and which edition; each statement to its place."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mysql_mimic.errors import ErrorCode, MysqlError

from pipelines.errors import SandwatchError
from pipelines.publishing import access_query, editions
from pipelines.publishing.access_log import PurposeMissingError
from pipelines.publishing.query import Limits, QueryLimitError, QueryRefusedError, QueryResult
from pipelines.serving import metadata, people, result_set, small_talk, sql_text
from pipelines.serving.result_set import Answer

if TYPE_CHECKING:
    from pipelines.settings import Settings

PURPOSE_HELP = (
    "give one: as a comment at the start of the statement, -- purpose: case 12; for the whole connection, "
    "SET @purpose = 'case 12', or the connection attribute `purpose`; or ask for a default with "
    "`sandwatch people grant NAME --purpose`"
)
_USE = re.compile(r"USE\s+(?P<name>`[^`]+`|\"[^\"]+\"|\w+)", re.IGNORECASE)
_LISTING_PURPOSE = "list of tables"


@dataclass(frozen=True)
class Question:
    """A statement on its way to the edition."""

    sql: str
    edition: str
    purpose: str
    actor: str
    limits: Limits
    has_to_be_whole: bool


Ask = Callable[[Question], Awaitable[QueryResult]]


@dataclass
class Session:
    """What a connection keeps between its statements."""

    settings: Settings
    ask: Ask
    connection_id: int = 0
    name: str = ""
    verifier: str = ""
    attributes: dict[str, str] = field(default_factory=dict)
    database: str | None = None
    purpose: str = ""
    username: str | None = None
    variables: Any = field(default_factory=small_talk.variables)
    _edition: str | None = None

    def open(self, person: people.Person, attributes: dict[str, str], database: str | None) -> None:
        """Begin the conversation of a person who has shown their token.

        Raises:
            MysqlError: a database that is not there for this person.
        """
        self.name, self.username, self.verifier = person.name, person.name, person.verifier
        self.attributes = attributes
        self.reset()
        if database:
            self.use(database)

    def reset(self) -> None:
        """Forget what was set since the connection was made."""
        self.purpose = _one_line(self.attributes.get("purpose", ""))
        charsets = {name: self.variables.get(name) for name in ("character_set_client", "character_set_results")}
        self.variables = small_talk.variables()
        for name, value in charsets.items():
            self.variables.set(name, value)

    def use(self, name: str) -> None:
        """Choose an edition (regulator, public), the access_log, or the schema that DATABASE() and SHOW TABLES mean.

        Raises:
            MysqlError: no such edition or schema, or not for this person.
        """
        person = self._person()
        if name in (*editions.MODES, access_query.EDITION):
            if name not in person.editions:
                raise MysqlError(_no_role(person.name, name), ErrorCode.ACCESS_DENIED_ERROR)
            self._edition, self.database = name, None
            if name not in self._schemas(person):
                return
        elif name.lower() != "information_schema" and name not in self._schemas(person):
            there = ", ".join([*person.editions, *sorted(self._schemas(person) - set(person.editions))])
            raise MysqlError(f"there is no database {name!r}; there are: {there}", ErrorCode.NO_DB_ERROR)
        self.database = name

    async def answer(self, sql: str) -> Answer | None:
        """Answer one statement; None where there is nothing to hand out (SET).

        Raises:
            MysqlError: refused, failed or ended, in words for the person.
        """
        try:
            return await self._answer(sql)
        except PurposeMissingError as error:
            raise MysqlError(
                "the read is refused: the regulator edition holds plates, and each read of it says why. "
                f"{PURPOSE_HELP}",
                ErrorCode.ACCESS_DENIED_ERROR,
            ) from error
        except QueryRefusedError as error:
            raise MysqlError(str(error), ErrorCode.NOT_SUPPORTED_YET) from error
        except people.NoAccessError as error:
            raise MysqlError(str(error), ErrorCode.ACCESS_DENIED_ERROR) from error
        except QueryLimitError as error:
            raise MysqlError(str(error), ErrorCode.UNKNOWN_ERROR) from error
        except SandwatchError as error:
            code = ErrorCode.PARSE_ERROR if error.exit_code == 2 else ErrorCode.UNKNOWN_ERROR
            raise MysqlError(str(error), code) from error

    async def _answer(self, sql: str) -> Answer | None:
        person = self._person()
        plain = sql_text.bare(sql)
        if use := _USE.fullmatch(plain):
            self.use(use["name"].strip('`"'))
            return None
        try:
            if (purpose := small_talk.settings_made(plain, self.variables).get("purpose")) is not None:
                self.purpose = _one_line(purpose)
            return None
        except small_talk.NotSmallTalkError:
            pass
        try:
            return result_set.of_values(*small_talk.answer(plain, self.variables, self._functions()))
        except small_talk.NotSmallTalkError:
            pass
        if re.match(r"(?:START\s+TRANSACTION|BEGIN|LOCK|SAVEPOINT|KILL)\b", plain, re.IGNORECASE):
            raise QueryRefusedError(
                f"{plain.split()[0].upper()} is refused: there are no transactions here, and each statement reads "
                f"the newest edition whole; one that runs too long is ended after {self.settings.serve.timeout_s} s"
            )
        listing = metadata.listing(plain, self.database)
        reading = listing or sql_text.in_duckdb(sql, self.database, metadata.views)
        edition = self.edition(person)
        wish = self.variables.get("sql_select_limit")
        serve = self.settings.serve
        limits = Limits(
            timeout_s=serve.timeout_s,
            memory_mib=serve.memory_mib,
            cpu_s=2 * serve.timeout_s,
            max_rows=min(serve.max_rows, wish) if wish else serve.max_rows,
        )
        purpose = sql_text.purpose(sql) or self.purpose or person.purpose or (_LISTING_PURPOSE if listing else "")
        question = Question(
            sql=reading,
            edition=edition,
            purpose=_one_line(purpose),
            actor=person.name,
            limits=limits,
            has_to_be_whole=limits.max_rows == serve.max_rows,
        )
        return result_set.of_result(await self.ask(question))

    def edition(self, person: people.Person) -> str:
        """Return the edition the next statement reads.

        Raises:
            MysqlError: the one that was chosen is not for this person any more.
        """
        chosen = self._edition or person.editions[0]
        if chosen not in person.editions:
            raise MysqlError(_no_role(person.name, chosen), ErrorCode.ACCESS_DENIED_ERROR)
        return chosen

    def _person(self) -> people.Person:
        """Return the person as the registry has them now: a revocation holds from the next statement on."""
        try:
            return people.admitted(self.settings, self.name, self.verifier)
        except SandwatchError as error:
            raise MysqlError(str(error), ErrorCode.ACCESS_DENIED_ERROR) from error

    def _schemas(self, person: people.Person) -> set[str]:
        """Return the schemas of the edition that is open, as its account of what was published says."""
        try:
            account = json.loads((self.settings.editions / "published.json").read_text(encoding="utf-8"))
            edition = account["editions"][self.edition(person)]
            return {name.split(".")[0] for name in [*edition["tables"], *edition["views"]]}
        except (OSError, ValueError, LookupError, TypeError):
            return set()  # what is there is then found out by the question itself

    def _functions(self) -> dict[str, Any]:
        who = f"{self.name}@sandwatch"
        return {
            **dict.fromkeys(("USER", "CURRENT_USER", "SESSION_USER", "SYSTEM_USER"), who),
            **dict.fromkeys(("DATABASE", "SCHEMA"), self.database),
            "VERSION": small_talk.VERSION,
            "CONNECTION_ID": self.connection_id,
        }


def _no_role(name: str, edition: str) -> str:
    if edition == access_query.EDITION:
        return f"{name} may not ask the access log: `sandwatch people grant NAME --role data_officer` gives the role"
    return (
        f"{name} has no role that opens the regulator edition, which holds plates; the public edition is open: "
        "USE public. The role is given by `sandwatch people grant NAME --role plates`"
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())[:500]
