"""The only reader of the environment: where things live and whom to tell."""

from __future__ import annotations

import getpass
import os
from dataclasses import dataclass
from pathlib import Path

from pipelines.errors import WrongCallError

ROOT = Path(__file__).resolve().parents[1]
TIME_ZONE = "Asia/Shanghai"
NOT_FOR_OTHERS = 0o027  # tickets carry plates: our group may read what we write, the world may not


@dataclass(frozen=True)
class Settings:
    """All paths below one home folder, the language people read, and the notification addresses.

    `notify_urls` are apprise addresses and may hold secrets: they come from the environment only and are
    never printed.
    """

    home: Path
    language: str = "zh"
    notify_urls: tuple[str, ...] = ()
    actor: str = "unknown"

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
    def simulated_mark(self) -> Path:
        """A file that says that everything below home is invented; the demo writes it."""
        return self.home / "SIMULATED.txt"

    @property
    def alerts(self) -> Path:
        """Messages as they were sent, one text file each."""
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
    return Settings(
        home=Path(os.environ.get("SANDWATCH_HOME", "var")).expanduser().resolve(),
        language=language,
        notify_urls=tuple(os.environ.get("SANDWATCH_NOTIFY_URLS", "").split()),
        actor=os.environ.get("SANDWATCH_ACTOR") or _login_name(),
    )


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run under an id without a name
        return f"uid {os.getuid()}"
