"""The only reader of the environment: where things live and whom to tell."""

from __future__ import annotations

import getpass
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from pipelines.errors import WrongCallError

ROOT = Path(__file__).resolve().parents[1]
TIME_ZONE = "Asia/Shanghai"
ADDRESS_PREFIX = "SANDWATCH_ADDRESS_"  # variables that the routes may name; no other one can be sent anywhere
_LARGEST = 10_000_000
NOT_FOR_OTHERS = 0o027  # tickets carry plates: our group may read what we write, the world may not


@dataclass(frozen=True)
class ServeLimits:
    """What `sandwatch serve` gives one statement, one person and all together; every figure is a 系统默认.

    A statement has `timeout_s` seconds, `memory_mib` MiB and hands out `max_rows` rows; `statements` run at once,
    `waiting` more may queue; `connections` are open at once, `per_person` of them one person's; one that asks
    nothing for `idle_s` seconds is closed.
    """

    timeout_s: int = 30
    memory_mib: int = 512
    max_rows: int = 100_000
    statements: int = 2
    waiting: int = 64
    connections: int = 64
    per_person: int = 16
    idle_s: int = 1800


@dataclass(frozen=True)
class Settings:
    """All paths below one home folder, the language people read, and the notification addresses.

    `notify_urls` are apprise addresses and may hold secrets: they come from the environment only and are
    never printed; so are `addresses`, by the name of their variable. `routes` names the file that says which
    audience is told what. With `is_purpose_required` no read of plates is answered that does not say why.
    `auto_approve` is who answers for weekly reports that go out without being asked for; empty: somebody is asked.
    """

    home: Path
    language: str = "zh"
    notify_urls: tuple[str, ...] = ()
    actor: str = "unknown"
    is_purpose_required: bool = False
    auto_approve: str = ""
    serve: ServeLimits = ServeLimits()
    routes: Path | None = None
    addresses: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False, hash=False)

    @property
    def inbox(self) -> Path:
        """Where senders drop files: `inbox/<feed>/<source>/`."""
        return self.home / "inbox"

    @property
    def snapshots(self) -> Path:
        """Files as they came, untouched, named by SHA-256."""
        return self.home / "snapshots"

    @property
    def parsed(self) -> Path:
        """Typed rows and rejects of each snapshot as Parquet; can be deleted and made again."""
        return self.home / "parsed"

    @property
    def warehouse(self) -> Path:
        """The one DuckDB file that is written to."""
        return self.home / "warehouse.duckdb"

    @property
    def editions(self) -> Path:
        """Published read-only copies: what people query."""
        return self.home / "editions"

    @property
    def reports(self) -> Path:
        """`reports/<ISO week>/report.html`."""
        return self.home / "reports"

    @property
    def quarantine(self) -> Path:
        """Rejected rows and refused files with their reasons, as CSV for the sender."""
        return self.home / "quarantine"

    @property
    def logs(self) -> Path:
        """Access log and run logs."""
        return self.home / "logs"

    @property
    def access(self) -> Path:
        """Who may read over the network: `people.json`."""
        return self.home / "access"

    @property
    def simulated_mark(self) -> Path:
        """A file that says that everything below home is invented; the demo writes it."""
        return self.home / "SIMULATED.txt"

    @property
    def alerts(self) -> Path:
        """Messages as they were sent, one text file each, what still waits, and who was told what and when."""
        return self.home / "alerts"


def close_to_others() -> None:
    """Let this process and its children write nothing that others can read; a stricter umask is kept."""
    os.umask(os.umask(NOT_FOR_OTHERS) | NOT_FOR_OTHERS)


def load() -> Settings:
    """Return the settings of this process from `SANDWATCH_*`.

    Every process of ours passes here before it writes, an Airflow task too, so this also closes what the process
    writes from now on to others (its umask); only the public edition is then opened on purpose.

    Raises:
        WrongCallError: a setting has a value that is not allowed.
    """
    close_to_others()
    language = os.environ.get("SANDWATCH_LANGUAGE", "zh")
    if language not in ("zh", "en"):
        raise WrongCallError(f"SANDWATCH_LANGUAGE is {language!r}; it takes zh or en")
    required = os.environ.get("SANDWATCH_PURPOSE_REQUIRED", "0")
    if required not in ("0", "1"):
        raise WrongCallError(f"SANDWATCH_PURPOSE_REQUIRED is {required!r}; it takes 0 or 1")
    routes = os.environ.get("SANDWATCH_ROUTES")
    return Settings(
        home=Path(os.environ.get("SANDWATCH_HOME", "var")).expanduser().resolve(),
        language=language,
        notify_urls=tuple(os.environ.get("SANDWATCH_NOTIFY_URLS", "").split()),
        actor=os.environ.get("SANDWATCH_ACTOR") or _login_name(),
        is_purpose_required=required == "1",
        auto_approve=os.environ.get("SANDWATCH_AUTO_APPROVE", "").strip(),
        serve=_serve_limits(),
        routes=Path(routes).expanduser().resolve() if routes else None,
        addresses={name: tuple(text.split()) for name, text in os.environ.items() if name.startswith(ADDRESS_PREFIX)},
    )


def _serve_limits() -> ServeLimits:
    given = {}
    for limit in fields(ServeLimits):
        name = f"SANDWATCH_SERVE_{limit.name.upper()}"
        text = os.environ.get(name)
        if text is not None:
            if not (text.isascii() and text.isdigit() and 1 <= int(text) <= _LARGEST):
                raise WrongCallError(f"{name} is {text!r}; it takes a whole number from 1 to {_LARGEST:,}")
            given[limit.name] = int(text)
    return ServeLimits(**given)


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run under an id without a name
        return f"uid {os.getuid()}"
