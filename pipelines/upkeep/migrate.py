"""A warehouse that an earlier version made, brought to this one: altered where that is enough, else made anew."""

from __future__ import annotations

from collections.abc import Callable

from pipelines import warehouse
from pipelines.settings import Settings
from pipelines.upkeep.rebuild import Rebuilt, rebuild
from pipelines.versions import OutdatedError


def migrate(
    settings: Settings, say: Callable[[str], None] = lambda _: None, *, only_load: bool = False
) -> Rebuilt | None:
    """Open the warehouse, which adds columns that came since; where that is not enough, rebuild it from snapshots.

    With `only_load` a rebuild leaves building to the next run. Returns what the rebuild did, None where none was
    needed.

    Raises:
        MachineError: neither can be done, for instance a snapshot is missing; the warehouse stays as it is.
    """
    try:
        with warehouse.writer(settings):
            return None
    except OutdatedError as error:
        say(f"{error.table}: {error.why}; it is made anew from the snapshots")
    return rebuild(settings, say, only_load=only_load)
