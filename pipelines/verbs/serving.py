"""Verbs of the access over the network: serve, and the people who may read."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from pipelines import settings as settings_module
from pipelines.verbs.console import Json, say, show

people_app = typer.Typer(help="Who may read over the network: grant, list, renew, revoke.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the verbs of this topic."""
    app.command("serve")(serve)
    people_app.command("grant")(grant)
    people_app.command("list")(list_people)
    people_app.command("renew")(renew)
    people_app.command("revoke")(revoke)
    app.add_typer(people_app, name="people")


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on; loopback by default.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes any that is free.")] = 3307,
    tls_cert: Annotated[Path | None, typer.Option(help="Certificate chain, PEM; needed off the loopback.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Private key of the certificate, PEM.")] = None,
    without_tls: Annotated[bool, typer.Option("--without-tls", help="Serve other machines in plain text.")] = False,
) -> None:
    """Serve the published editions to any client of MySQL: read-only, a token a person, limited, logged."""
    from pipelines.serving import server

    server.serve(
        settings_module.load(),
        host=host,
        port=port,
        say=say,
        tls_cert=tls_cert,
        tls_key=tls_key,
        is_open_without_tls=without_tls,
    )


def grant(
    name: Annotated[str, typer.Argument(help="Login name: letters, digits, dot, dash, underscore.")],
    role: Annotated[list[str] | None, typer.Option(help="plates, data_officer; repeat for both.")] = None,
    purpose: Annotated[str, typer.Option(help="Why the person reads, where a statement does not say it.")] = "",
    until: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Last day of the access.")] = None,
) -> None:
    """Let a person read; prints their token once. A person who has one keeps it, with the new roles."""
    from pipelines.serving import people

    person, token = people.grant(
        settings_module.load(), name, roles=role or (), purpose=purpose, until=until.date() if until else None
    )
    if token:
        say("the token is the password of the connection; it is shown this once and kept nowhere:")
        typer.echo(token)
    else:
        say(f"{name} had a token and keeps it")
    say(f"{name} reads: {', '.join(person.editions)}; until {person.until or 'it is revoked'}")


def list_people(as_json: Json = False) -> None:
    """List who may read, and who could."""
    from pipelines.serving import people

    today = people.today()
    known = list(people.everyone(settings_module.load()).values())
    entries = [
        {
            "name": person.name,
            "roles": list(person.roles),
            "editions": list(person.editions),
            "purpose": person.purpose,
            "until": person.until,
            "granted_at": person.granted_at,
            "granted_by": person.granted_by,
            "obstacle": person.obstacle(today),
        }
        for person in known
    ]
    if as_json:
        show({"people": entries})
        return
    for person in known:
        state = (
            person.obstacle(today) or f"reads {', '.join(person.editions)} until {person.until or 'it is revoked'}"
        )
        typer.echo(f"{person.name}  roles: {', '.join(person.roles) or 'none'}  {state}")
    if not known:
        say("nobody has access yet: `sandwatch people grant NAME --role plates`")


def renew(name: Annotated[str, typer.Argument(help="Login name.")]) -> None:
    """Give a person a new token; the old one ends at once."""
    from pipelines.serving import people

    token = people.renew(settings_module.load(), name)
    say(f"the old token of {name} has ended; the new one is shown this once:")
    typer.echo(token)


def revoke(name: Annotated[str, typer.Argument(help="Login name.")]) -> None:
    """End a person's access, in open connections too."""
    from pipelines.serving import people

    people.revoke(settings_module.load(), name)
    say(f"{name} has no access any more; open connections are refused at their next statement")
