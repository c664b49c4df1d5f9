"""Verbs of those who act on alerts: list and show, confirm, dismiss, remark, test a channel, hold and release."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from pipelines import settings as settings_module
from pipelines.errors import MachineError, WrongCallError
from pipelines.settings import TIME_ZONE, Settings
from pipelines.verbs.console import Json, say, show

if TYPE_CHECKING:
    from pipelines.alerting.published_prices import PublishedPrices

Episode = Annotated[str, typer.Argument(help="Its id, the beginning of it, or words such as '天然砂 确山县'.")]
By = Annotated[str | None, typer.Option("--by", help="Who; default SANDWATCH_ACTOR or the login name.")]

alerts = typer.Typer(name="alerts", help="Act on price alerts and on what is sent.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the verbs of this topic, as a group."""
    app.add_typer(alerts, name="alerts")


@alerts.command("list")
def list_(
    is_all: Annotated[bool, typer.Option("--all", help="Also episodes that are over.")] = False,
    as_json: Json = False,
) -> None:
    """List the episodes with what people decided, what waits to be sent, and whether all is held."""
    from pipelines.alerting import alert_log, outbox, triage

    current = settings_module.load()
    prices = _published(current)
    decided, log = triage.Triage(current.alerts), alert_log.SentLog(current.alerts / "sent.jsonl")
    decided.follow(prices.events)
    events = triage.grouped(prices.events)
    found = []
    for alert in prices.alerts:
        episode_id = alert["episode_id"]
        if is_all or alert["closed_on"] is None:
            found.append(
                {name: alert[name] for name in ("episode_id", "product_name", "area_name", "level", "opened_on")}
                | {
                    "closed_on": alert["closed_on"],
                    "told": log.channels_told(episode_id),
                    "triage": decided.said(episode_id),
                    "is_dismissed": decided.dismissed(episode_id, events[episode_id]) is not None,
                }
            )
    now = dt.datetime.now(dt.UTC)
    waits: list[dict[str, Any]] = [
        {
            "channel_id": channel_id, "title": each.letter.message.title, "why": each.why, "since": each.queued_at,
            "tries": each.tried_count, "next_try_at": each.next_try_at, "error": each.error,
        }
        for channel_id, each in outbox.Outbox(current.alerts).waiting()
    ]  # fmt: skip
    hold = decided.hold(now)
    if as_json:
        show({"episodes": found, "waiting": waits, "hold": vars(hold) if hold else None})
        return
    for each in found:
        said = "".join(f"; {note['verb']} by {note['actor']} {note['at']}" for note in each["triage"])
        over = f", over since {each['closed_on']}" if each["closed_on"] else ""
        typer.echo(
            f"{each['level']} {each['product_name']} {each['area_name']} since {each['opened_on']}{over},"
            f" told on {len(each['told'])} channels{said}  {each['episode_id']}"
        )
    for each in waits:
        due = f", next try {triage.local(each['next_try_at'])}" if each["next_try_at"] else ""
        why = f"{each['why']}, {each['tries']} tries{due}" + (f": {each['error']}" if each["error"] else "")
        say(f"waits for {each['channel_id']} since {triage.local(each['since'])} ({why}): {each['title']}")
    if hold:
        until = f"until {triage.local(hold.until)}" if hold.until else "until `sandwatch alerts release`"
        say(f"all is held {until}, since {triage.local(hold.since)} by {hold.by}: {hold.reason}")
    say(f"{len(found)} episodes, {len(waits)} messages wait")


@alerts.command("show")
def show_(episode: Episode, as_json: Json = False) -> None:
    """Show an episode: its transitions, what people decided, and who was told what, when and how fast."""
    from pipelines.alerting import delivery_log, triage

    current = settings_module.load()
    prices = _published(current)
    alert = triage.find(prices.alerts, episode)
    decided = triage.Triage(current.alerts)
    decided.follow(prices.events)
    events = triage.grouped(prices.events)[alert["episode_id"]]
    events.sort(key=lambda event: (event["week_start"], event["event_id"]))
    ids = {event["event_id"] for event in events}
    tries = [line for line in delivery_log.read(current.alerts) if ids & {*line["event_ids"]}]
    if as_json:
        show({"episode": alert, "events": events, "triage": decided.about(alert["episode_id"]), "tries": tries})
        return
    typer.echo(f"{alert['episode_id']}: {alert['product_name']} {alert['area_name']} {alert['level']}")
    for event in events:
        value = "" if event["value"] is None else f", {event['rule']} {event['value']:g} ({event['bound']:g})"
        typer.echo(f"  {event['event_on']} {event['event']} {event['from_level']} -> {event['level']}{value}")
    for entry in decided.said(alert["episode_id"]):
        typer.echo(f"  {entry['at']} {entry['verb']} by {entry['actor']} {entry['text']}".rstrip())
    for line in tries:
        delay = "" if line["delay_s"] is None else f", {line['delay_s']} s after the load"
        error = f": {line['error']}" if line["error"] else ""
        what = f"{line['result']} {line['channel_id']} ({line['level']}){delay}{error}"
        typer.echo(f"  {triage.local(line['tried_at'])} {what}")


@alerts.command("ack")
def ack(
    episode: Episode, by: By = None, note: Annotated[str, typer.Option(help="A remark for the next message.")] = ""
) -> None:
    """Confirm that somebody deals with an episode; later messages of it say who and since when."""
    _decide("ack", episode, by, note)


@alerts.command("dismiss")
def dismiss(episode: Episode, reason: Annotated[str, typer.Option(help="Why it is none.")], by: By = None) -> None:
    """Call an episode a false alarm: nothing more is sent of it unless it rises above its level of now."""
    _decide("dismiss", episode, by, _said(reason, "--reason"))


@alerts.command("note")
def note(episode: Episode, text: Annotated[str, typer.Argument(help="The remark.")], by: By = None) -> None:
    """Add a remark to an episode; its next message shows it."""
    _decide("note", episode, by, _said(text, "the remark"))


@alerts.command("test")
def test(channel: Annotated[str, typer.Argument(help="A channel id, or an audience of the routes.")]) -> None:
    """Send a message that is marked as a test, and print what the receiver answered; exit 3 where one did not."""
    from pipelines.alerting import routing
    from pipelines.alerting.channels import Message

    current = settings_module.load()
    found = routing.find(current, channel)
    if not found:
        every = routing.recipients(current)
        names = sorted({name for each in every for name in (each.channel_id, *each.names)})
        raise WrongCallError(f"there is no channel or audience {channel!r}; there are: {', '.join(names)}")
    dead = []
    for each in found:
        moment = dt.datetime.now(ZoneInfo(TIME_ZONE))
        message = Message(
            "【测试】sandwatch alerts test",
            f"测试消息，无需处理。A test; nothing to do.\n{current.actor}, {moment:%Y-%m-%d %H:%M}",
            folder="doctor",
            name=f"test-{moment:%Y%m%dT%H%M%S}",
        )
        answer = each.channel.deliver(message)
        typer.echo(f"{each.channel_id}: {'taken' if answer else f'not taken: {answer.error}'}")
        if not answer:
            dead.append(each.channel_id)
    if dead:
        raise MachineError(f"{len(dead)} of {len(found)} channels did not take the test: look at network and address")


@alerts.command("hold")
def hold(
    reason: Annotated[str, typer.Option(help="Why; the next message says so.")],
    until: Annotated[
        dt.datetime | None,
        typer.Option(
            formats=["%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%d"], help="Asia/Shanghai; default release."
        ),
    ] = None,
    even_red: Annotated[bool, typer.Option("--even-red", help="红 waits too; without it 红 leaves at once.")] = False,
    by: By = None,
) -> None:
    """Let nothing leave for a while; all that would be sent waits in the outbox."""
    from pipelines.alerting import triage

    now = dt.datetime.now(dt.UTC)
    end = until.replace(tzinfo=ZoneInfo(TIME_ZONE)) if until else None
    if end and end <= now:
        raise WrongCallError(f"--until {triage.local(end)} is over; give a moment that is still to come")
    with _office() as office:
        said = _said(reason, "--reason")
        office.triage.add("hold", by or office.settings.actor, now, reason=said, until=end, is_red_held=even_red)
    length = f"until {triage.local(end)}" if end else "until released"
    say(f"held {length}{', 红 too' if even_red else ', but for 红'}")


@alerts.command("release")
def release(by: By = None) -> None:
    """End a hold; what waits goes out with the next `sandwatch alert`."""
    from pipelines.alerting import outbox

    now = dt.datetime.now(dt.UTC)
    with _office() as office:
        if office.triage.hold(now) is None:
            raise WrongCallError("nothing is held; `sandwatch alerts list` shows what waits and why")
        office.triage.add("release", by or office.settings.actor, now)
        count = len(list(outbox.Outbox(office.settings.alerts).waiting()))
    say(f"released; {count} messages wait: `sandwatch alert` sends them now")


def _decide(action: str, asked: str, by: str | None, text: str) -> None:
    from pipelines.alerting import triage

    prices = _published(settings_module.load())
    alert = triage.find(prices.alerts, asked)
    with _office() as office:
        entry: dict[str, Any] = office.triage.add_about(
            action, alert, by or office.settings.actor, dt.datetime.now(dt.UTC), text=text
        )
    what = f"{alert['product_name']} {alert['area_name']} {alert['level']} ({alert['episode_id']})"
    say(f"{action} by {entry['by']}: {what}")


def _said(text: str, name: str) -> str:
    words = " ".join(text.split())
    if not words:
        raise WrongCallError(f"{name} is empty: whoever reads it later needs the reason")
    return words


def _published(settings: Settings) -> PublishedPrices:
    from pipelines.alerting import published_prices

    return published_prices.read(settings.editions / "regulator.duckdb")


def _office() -> Any:
    """The logs, held by this call alone: no message leaves while a decision is written down."""
    from pipelines.alerting import post

    return post.opened(settings_module.load())
