"""Who may read over the network: a token a person, its roles, its end; kept in `access/people.json`.

A token is random and printed once. What is kept is twice its SHA-256: enough to verify the answer to a challenge
(MySQL's `caching_sha2_password`), and no way back to the token.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import secrets
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from pipelines import durable, settings
from pipelines.errors import MachineError, WrongCallError
from pipelines.publishing import access_query

if TYPE_CHECKING:
    from pipelines.settings import Settings

FILE = "people.json"
MODE, FOLDER_MODE = 0o640, 0o750
ROLES = {
    "plates": "reads the regulator edition, which holds plates",
    "data_officer": "asks the access log",
}
_NAME = re.compile(r"\w(?:[\w.\-]{0,30}\w)?")  # MySQL's clients take 32 signs
_TOKEN_BYTES = 24


class NoAccessError(WrongCallError):
    """The person has no access, or has it no longer."""


@dataclass(frozen=True)
class Person:
    """One who may read: `until` is the last day; `verifier` is twice the token's SHA-256 in hex."""

    name: str
    roles: tuple[str, ...]
    purpose: str
    until: date | None
    verifier: str
    granted_at: str
    granted_by: str
    revoked_at: str | None = None

    def obstacle(self, today: date) -> str | None:
        """Return why the person may not read on a day, None where nothing is in the way."""
        if self.revoked_at:
            return f"the access of {self.name} was revoked on {self.revoked_at[:10]}"
        if self.until and today > self.until:
            return f"the access of {self.name} ended with {self.until}"
        return None

    @property
    def editions(self) -> tuple[str, ...]:
        """What the person may read, the edition opened by default first; the access log counts as one."""
        editions = ("regulator", "public") if "plates" in self.roles else ("public",)
        return (*editions, access_query.EDITION) if "data_officer" in self.roles else editions


def grant(
    current: Settings, name: str, *, roles: Sequence[str] = (), purpose: str = "", until: date | None = None
) -> tuple[Person, str | None]:
    """Let a person read; return the person and the new token, None where the one they have stays valid.

    Args:
        current: whose registry; the actor is noted.
        name: letters, digits, dot, dash and underscore, of any language; at most 32.
        roles: of ROLES; they replace the person's earlier ones.
        purpose: why the person reads where a statement does not say it.
        until: the last day, all time where None.

    Raises:
        WrongCallError: a name, role or day that cannot be.
        MachineError: the registry cannot be read or written.
    """
    name = _checked(name)
    for role in roles:
        if role not in ROLES:
            raise WrongCallError(f"there is no role {role!r}; it takes {', '.join(ROLES)}")
    if until and until < today():
        raise WrongCallError(f"--until {until} lies before today, {today()}: name the last day of the access")
    if len(purpose) > 500 or not purpose.isprintable():
        raise WrongCallError("the purpose takes one line of at most 500 signs")
    with _changed(current) as people:
        known = people.get(name)
        keeps_token = known is not None and not known.revoked_at
        token = None if keeps_token else secrets.token_urlsafe(_TOKEN_BYTES)
        people[name] = Person(
            name=name,
            roles=tuple(sorted(set(roles))),
            purpose=purpose.strip(),
            until=until,
            verifier=known.verifier if known and token is None else verifier_of(token or ""),
            granted_at=_now(),
            granted_by=current.actor,
        )
    return people[name], token


def renew(current: Settings, name: str) -> str:
    """Return a new token of a person; the old one, and the connections made with it, end at once."""
    with _changed(current) as people:
        person = _open(people, name)
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        people[person.name] = replace(person, verifier=verifier_of(token))
    return token


def revoke(current: Settings, name: str) -> Person:
    """End a person's access; connections that are open are refused at their next statement."""
    with _changed(current) as people:
        person = _open(people, name)
        people[person.name] = replace(person, revoked_at=_now())
    return people[person.name]


def everyone(current: Settings) -> dict[str, Person]:
    """Return all people by name, also those whose access has ended.

    Raises:
        MachineError: the registry cannot be read; nobody is then let in.
    """
    path = current.access / FILE
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        return {
            name: Person(
                **(entry | {"roles": tuple(entry["roles"]), "until": _day(entry["until"])}),
                name=name,
            )
            for name, entry in raw["people"].items()
        }
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        why = getattr(error, "strerror", None) or error  # without the folder's name: a client reads this
        raise MachineError(
            f"access/{FILE} cannot be read ({why}); nobody is let in until it is put back from a backup, or "
            "taken away and the people granted anew"
        ) from error


def admitted(current: Settings, name: str, verifier: str) -> Person:
    """Return the person as the registry has them now, for one who showed the token of `verifier`.

    Raises:
        NoAccessError: revoked, expired, renewed or gone in the meantime, in words for the person.
    """
    person = everyone(current).get(name)
    if person is None:
        raise NoAccessError(f"{name} has no access any more: ask for a grant")
    obstacle = person.obstacle(today())
    if obstacle is None and not secrets.compare_digest(person.verifier, verifier):
        obstacle = f"the token of {name} was replaced by a new one"
    if obstacle:
        raise NoAccessError(f"{obstacle}: ask the data officer for a new grant or token, then connect again")
    return person


def verifier_of(token: str) -> str:
    """Return what is kept of a token."""
    return hashlib.sha256(hashlib.sha256(token.encode()).digest()).hexdigest()


def today() -> date:
    """Return the day it is in the time zone of the data."""
    return datetime.now(ZoneInfo(settings.TIME_ZONE)).date()


def _now() -> str:
    return datetime.now(ZoneInfo(settings.TIME_ZONE)).isoformat(timespec="seconds")


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def _checked(name: str) -> str:
    plain = unicodedata.normalize("NFKC", name)
    if plain != name or not _NAME.fullmatch(name):
        raise WrongCallError(
            f"{name!r} is no name: it takes 1 to 32 letters, digits, dots, dashes or underscores, such as li.wei"
        )
    return name


def _open(people: dict[str, Person], name: str) -> Person:
    person = people.get(name)
    if person is None or person.revoked_at:
        known = ", ".join(sorted(each.name for each in people.values() if not each.revoked_at)) or "nobody"
        raise WrongCallError(f"{name!r} has no access; who has: {known}")
    return person


@contextmanager
def _changed(current: Settings) -> Iterator[dict[str, Person]]:
    """Hand out the people to be changed, and write them whole; writers wait for each other."""
    settings.close_to_others()
    path = current.access / FILE
    try:
        current.access.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        handle = os.open(current.access / ".lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, MODE)
    except OSError as error:
        raise durable.machine_error(error, path) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        people = everyone(current)
        yield people
        durable.write_text(path, _as_text(people))
        Path(path).chmod(MODE)
    finally:
        os.close(handle)


def _as_text(people: dict[str, Person]) -> str:
    entries = {}
    for name, person in sorted(people.items()):
        entry = asdict(person) | {"until": person.until.isoformat() if person.until else None}
        del entry["name"]
        entries[name] = entry
    return json.dumps({"people": entries}, ensure_ascii=False, indent=1) + "\n"
