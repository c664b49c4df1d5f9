"""Verbs that keep the data safe: back up, restore, make anew, look after the machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines import settings as settings_module
from pipelines.verbs.console import Json, say, show


def register(app: typer.Typer) -> None:
    """Add the verbs of this topic."""
    app.command("backup")(backup)
    app.command("restore")(restore)
    app.command("rebuild")(rebuild)
    app.command("migrate")(migrate)
    app.command("doctor")(doctor)


def backup(
    folder: Annotated[Path | None, typer.Argument(help="New folder; default backups/<time> below home.")] = None,
) -> None:
    """Back up the warehouse, snapshots, ledger and alert log, with a manifest that proves them."""
    from pipelines import durable
    from pipelines.upkeep import backup as backing_up

    done = backing_up.backup(settings_module.load(), folder)
    say(f"{done.files} files, {done.loads} loads, {durable.size_text(done.size_bytes)}: {done.folder}")
    if folder is None:
        say("it lies on the same disk: copy it to another machine, or name a folder there")
    for name in done.damaged:
        say(f"attention: {name} is not the file it was when it came; restore that one from an older backup")


def restore(
    folder: Annotated[Path, typer.Argument(help="Folder that `sandwatch backup` wrote.")],
    replace: Annotated[bool, typer.Option("--replace", help="Put aside what home holds now.")] = False,
) -> None:
    """Put a backup back after comparing every file with its manifest."""
    from pipelines.upkeep import backup as backing_up

    current = settings_module.load()
    aside = backing_up.restore(current, folder, replace=replace)
    say(f"restored {folder} into {current.home}; run `sandwatch run` to publish it")
    if aside:
        say(f"what was there lies in {aside}; delete it when it is not needed any more")


def rebuild(
    only_load: Annotated[bool, typer.Option("--only-load", help="Leave building to the next run.")] = False,
) -> None:
    """Make the whole warehouse anew from the snapshots alone; load numbers and times stay."""
    from pipelines.upkeep import rebuild as rebuilding

    _say_rebuilt(rebuilding.rebuild(settings_module.load(), say, only_load=only_load))


def migrate() -> None:
    """Bring a warehouse of an earlier version up to this one; made anew from the snapshots where it must be."""
    from pipelines.upkeep import migrate as migrating

    done = migrating.migrate(settings_module.load(), say)
    if done is None:
        say("the warehouse is of this version")
    else:
        _say_rebuilt(done)


def _say_rebuilt(done: object) -> None:
    from pipelines.upkeep.rebuild import Rebuilt

    assert isinstance(done, Rebuilt)  # noqa: S101  # for the type checker
    say(f"{done.loads} loads were made anew; run `sandwatch run` to build, check and publish them")
    if done.old_file:
        say(f"the file before is kept as {done.old_file}; delete it when it is not needed any more")
    for refusal in done.refused:
        say(f"refused by today's contract: {refusal['message']}")
    if done.refused:
        raise typer.Exit(1)


def doctor(
    deep: Annotated[bool, typer.Option("--deep", help="Hash every snapshot.")] = False,
    send: Annotated[bool, typer.Option("--send", help="Send a test message over each channel.")] = False,
    as_json: Json = False,
) -> None:
    """Look at settings, fonts, channels, disk, clock, versions, locks and files; say what to do."""
    from pipelines.upkeep import doctor as examining

    found = examining.examine(settings_module.load(), deep=deep, send=send)
    if as_json:
        show(
            {"is_broken": any(line.state == "broken" for line in found), "lines": [line.to_json() for line in found]}
        )
    else:
        for line in found:
            say(line.text())
    if any(line.state == "broken" for line in found):
        raise typer.Exit(3)
