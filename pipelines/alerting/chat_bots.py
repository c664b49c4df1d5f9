"""Group bots of WeCom, DingTalk and Feishu: apprise reads their addresses, the message is posted here.

These three answer HTTP 200 to a message they refuse and say so in the body (a keyword or signature that does not
fit, a rate limit). apprise 1.13 does not read that answer and calls it sent, quotes DingTalk's signature twice, and
hands on texts that are longer than WeCom takes. Here a message counts as taken only where the answer says so.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pipelines.alerting.receipts import TAKEN, Delivery

_LONGEST_ANSWER = 65_536
_LONGEST_SAID = 100
BUSY = frozenset({408, 429})


@dataclass(frozen=True)
class Bot:
    """A service: how long one message may be in bytes of UTF-8, where it is posted to and as what."""

    longest: int
    url: Callable[[Any], str]
    payload: Callable[[Any, str], dict[str, Any]]


def _wecom_url(notifier: Any) -> str:
    return str(notifier.api_url)


def _dingtalk_url(notifier: Any) -> str:
    url = str(notifier.notify_url.format(token=notifier.token))
    if not notifier.secret:
        return url
    at = str(round(time.time() * 1000))
    digest = hmac.new(notifier.secret.encode(), f"{at}\n{notifier.secret}".encode(), hashlib.sha256).digest()
    return f"{url}&{urllib.parse.urlencode({'timestamp': at, 'sign': base64.b64encode(digest).decode()})}"


def _feishu_url(notifier: Any) -> str:
    return str(notifier.notify_url.format(token=notifier.token))


# Source of the limits: the services' pages on group bots (WeCom 2,048 bytes a text; the others 20 KB a request,
# of which an eighth is left for what is around the text). By apprise's name of the service.
BOTS = {
    "wecombot": Bot(2_048, _wecom_url, lambda _, text: {"msgtype": "text", "text": {"content": text}}),
    "dingtalk": Bot(
        17_500,
        _dingtalk_url,
        lambda notifier, text: {
            "msgtype": "text",
            "text": {"content": text},
            "at": {"atMobiles": list(notifier.targets), "isAtAll": False},
        },
    ),
    "feishu": Bot(17_500, _feishu_url, lambda _, text: {"msg_type": "text", "content": {"text": text}}),
}


def post(bot: Bot, notifier: Any, text: str, timeout_s: float) -> Delivery:
    """Post a text and return whether the service says that it took it.

    Args:
        bot: the service, out of `BOTS`.
        notifier: what apprise made of the address.
        text: at most `bot.longest` bytes.
        timeout_s: seconds one answer from the network may take.
    """
    data = json.dumps(bot.payload(notifier, text), ensure_ascii=False).encode()
    headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "sandwatch"}
    request = urllib.request.Request(bot.url(notifier), data, headers)  # noqa: S310  # apprise's fixed https address
    context = ssl.create_default_context()
    if not notifier.verify_certificate:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with urllib.request.urlopen(request, timeout=timeout_s, context=context) as answer:  # noqa: S310  # as above
            return _judge(answer.read(_LONGEST_ANSWER), notifier)
    except urllib.error.HTTPError as error:
        is_busy = error.code >= http.HTTPStatus.INTERNAL_SERVER_ERROR or error.code in BUSY
        return Delivery(False, f"the receiver answered HTTP {error.code}", is_passing=is_busy)
    except urllib.error.URLError as error:  # before the message was out
        return not_reached(str(error.reason))
    except TimeoutError:
        return Delivery(False, "the receiver took the message and did not answer in time", is_doubtful=True)
    except (OSError, http.client.HTTPException):
        return Delivery(False, "the connection was closed without an answer", is_doubtful=True)


def not_reached(reason: str) -> Delivery:
    """Return why no connection came about, in our own words: the given ones may quote an address."""
    for signs, words, is_passing in (
        (("CERTIFICATE", "certificate", "SSL"), "its certificate is not trusted", False),
        (("refused", "Errno 111"), "the connection was refused", True),
        (("resolve", "resolution", "Name or service", "getaddrinfo"), "its host name is not known", True),
        (("timed out",), "no connection in time", True),
    ):
        if any(sign in reason for sign in signs):
            return Delivery(False, f"not reached: {words}", is_passing=is_passing)
    return Delivery(False, "not reached: no connection", is_passing=True)


def _judge(content: bytes, notifier: Any) -> Delivery:
    """Read the answer: {"errcode": 0, "errmsg": ...}, or Feishu's {"code": 0, "msg": ...}."""
    try:
        answer = json.loads(content)
        code = next(answer[name] for name in ("errcode", "code", "StatusCode") if name in answer)
    except (ValueError, TypeError, StopIteration):
        return Delivery(False, "the answer does not say that the message was taken", is_doubtful=True)
    if code == 0 and not isinstance(code, bool):
        return TAKEN
    said = str(answer.get("errmsg") or answer.get("msg") or answer.get("StatusMessage") or "")
    for secret in filter(None, (getattr(notifier, name, None) for name in ("key", "token", "secret"))):
        said = said.replace(str(secret), "***")
    said = " ".join(said.split())[:_LONGEST_SAID]
    return Delivery(False, f"the service refused it: code {str(code)[:20]}, {said or 'without a reason'}")


def parts(text: str, longest: int, most: int, rest: str) -> list[str]:
    """Return a text as messages of at most `longest` bytes of UTF-8, cut between lines where that is possible.

    Args:
        text: the whole text.
        longest: bytes a message may have.
        most: messages at most; what does not fit into them is left out, and the last one says so.
        rest: where the whole text is, said at the end of the last message where something is left out.
    """
    if len(text.encode()) <= longest:
        return [text]
    room = longest - len(f"（{most}/{most}）\n".encode())
    pieces = _packed(text, room)
    if len(pieces) > most:
        last = _packed(pieces[most - 1], room - len(f"\n{rest}".encode()))[0]
        pieces = [*pieces[: most - 1], f"{last}\n{rest}"]
    return [f"（{number}/{len(pieces)}）\n{piece}" for number, piece in enumerate(pieces, start=1)]


def _packed(text: str, room: int) -> list[str]:
    """Lines put together as long as they fit; a line that is too long for itself is cut between signs."""
    packed = [""]
    for line in text.split("\n"):
        joined = f"{packed[-1]}\n{line}" if packed[-1] else line
        if len(joined.encode()) <= room:
            packed[-1] = joined
            continue
        rest = line.encode()
        packed += [""] if packed[-1] else []
        while len(rest) > room:
            head = rest[:room].decode(errors="ignore")  # a sign cut in two goes to the next piece
            packed[-1] = head
            packed.append("")
            rest = rest[len(head.encode()) :]
        packed[-1] = rest.decode()
    return [piece.strip("\n") for piece in packed if piece.strip("\n")]
