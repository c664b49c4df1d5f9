"""One message over one service of apprise, and why it was not taken."""

from __future__ import annotations

import http
import logging
import re
from typing import TYPE_CHECKING, Any

from pipelines.alerting.chat_bots import BUSY, not_reached
from pipelines.alerting.receipts import TAKEN, Delivery

if TYPE_CHECKING:
    from pipelines.alerting.channels import Message

_HTTP = re.compile(r"error=(\d{3})")
_SMTP = re.compile(r"\((\d{3}), b")
_SMTP_BUSY = range(400, 500)


def of(url: str, timeout_s: float) -> Any:
    """Return what apprise makes of an address, or None where it does not understand it."""
    import apprise

    notifier = apprise.Apprise.instantiate(url)
    if notifier is None:
        return None
    # What an address may ask for, and we do ourselves or cannot grant: `optional` would call a failure a success.
    notifier.optional, notifier.retry = False, 0
    notifier.socket_connect_timeout = min(notifier.socket_connect_timeout, timeout_s)
    notifier.socket_read_timeout = min(notifier.socket_read_timeout, timeout_s)
    return notifier


def name(notifier: Any) -> str:
    """Return the service's stable name in addresses, such as wecombot, mailtos or jsons."""
    found = notifier.secure_protocol or notifier.protocol
    return str(found if isinstance(found, str) else next(iter(found)))


def post(url: str, timeout_s: float, message: Message) -> Delivery:
    """Send once: HTML with its pictures inline to e-mail, the facts beside the text to a webhook, text to others."""
    import apprise

    notifier = of(url, timeout_s)  # a new one at each try: apprise would pause 5.5 s between two sends of one
    heard = _listen(notifier)
    sending: dict[str, Any] = {"body": message.body, "body_format": apprise.NotifyFormat.TEXT}
    service = name(notifier)
    if service == "mailtos":
        if message.html and notifier.notify_format == apprise.NotifyFormat.HTML:
            sending = {"body": message.html, "body_format": apprise.NotifyFormat.HTML}
            sending |= _pictures(message, notifier)
    elif service == "jsons":
        if message.facts:
            notifier.payload_extras = {**notifier.payload_extras, "facts": dict(message.facts)}
    else:
        notifier.overflow_mode = (
            apprise.OverflowMode.SPLIT
        )  # never cut: longer than the service takes is two messages
    everyone = apprise.Apprise()
    everyone.add(notifier)
    is_taken = everyone.notify(title=message.title, notify_type=apprise.NotifyType(message.kind), **sending)
    return TAKEN if is_taken else _reason("\n".join(heard))


def _pictures(message: Message, notifier: Any) -> dict[str, Any]:
    from apprise.attachment.memory import AttachMemory

    if not message.images:
        return {}
    notifier.inline = True
    make: Any = AttachMemory
    attached = [make(content=image.png, name=image.name, mimetype="image/png") for image in message.images]
    return {"attach": attached}


def _listen(notifier: Any) -> list[str]:
    """Hear why the service failed: apprise tells its log alone, and that with addresses, so nobody else hears it."""
    heard: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: heard.append(record.getMessage())  # type: ignore[method-assign]
    notifier.logger = logging.Logger("delivery", logging.DEBUG)  # not in the tree of loggers: it reaches no file
    notifier.logger.addHandler(handler)
    return heard


def _reason(heard: str) -> Delivery:
    """Why it was not taken, in our own words: what apprise said may quote an address."""
    if found := _HTTP.search(heard):
        code = int(found[1])
        is_busy = code >= http.HTTPStatus.INTERNAL_SERVER_ERROR or code in BUSY
        return Delivery(False, f"the receiver answered HTTP {code}", is_passing=is_busy)
    said = "\n".join(line for line in heard.splitlines() if "Exception" in line)
    if found := _SMTP.search(said):
        return Delivery(False, f"the mail server refused it: {found[1]}", is_passing=int(found[1]) in _SMTP_BUSY)
    if "timed out" in said and "connect timeout" not in said:
        return Delivery(False, "the receiver did not answer in time", is_doubtful=True)
    if any(sign in said for sign in ("aborted", "unexpectedly closed", "reset by peer", "Broken pipe")):
        return Delivery(False, "the connection was closed without an answer", is_doubtful=True)
    return not_reached(said) if said else Delivery(False, "the service did not take it")
