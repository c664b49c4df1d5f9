"""Every channel against a real receiver on this machine: what arrives, what counts as taken, what is tried again."""

from __future__ import annotations

import base64
import datetime as dt
import email
import email.policy
import hashlib
import hmac
import json
import re
import socketserver
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import price_world as world
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.alerting import alerts, channels, chat_bots
from pipelines.alerting.channels import Address, Image, Message, Patience, TextFile
from pipelines.settings import Settings

QUICK = Patience(tries=3, wait_s=0.01, timeout_s=0.3, limit_s=2.0)
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
MESSAGE = Message(
    title="【价格预警】天然砂 确山县 黄级",
    body="第一行：较上周 +12.0%\n第二行",
    folder="2026-W04",
    name="price-natural_sand-up-12345678",
    kind="warning",
    html='<p>较上周 <b>+12.0%</b></p><p><img src="cid:chart.png" alt="图"></p>',
    images=(Image("chart.png", PNG),),
    facts={"events": [{"event": "opened", "level": "黄", "value": 0.12, "bound": 0.1, "rule": "week_10"}]},
    level="黄",
)
TAKEN, REFUSED = (
    b'{"errcode": 0, "errmsg": "ok"}',
    b'{"errcode": 310000, "errmsg": "keywords not in content: TOKEN1"}',
)


class Web:
    """A web server that answers as it is told, one answer a request and the last one for ever."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, Any]] = []
        self.answers: list[Callable[[BaseHTTPRequestHandler], None] | tuple[int, bytes]] = [(200, TAKEN)]
        web = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                content = self.rfile.read(int(self.headers["Content-Length"]))
                web.requests.append((self.path, json.loads(content)))
                answer = web.answers.pop(0) if len(web.answers) > 1 else web.answers[0]
                if callable(answer):
                    answer(self)
                    return
                self.send_response(answer[0])
                self.send_header("Content-Length", str(len(answer[1])))
                self.end_headers()
                self.wfile.write(answer[1])

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.at = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    """Half-dead: the body is taken, the connection closed without a word."""
    handler.close_connection = True


def sleep(handler: BaseHTTPRequestHandler) -> None:
    time.sleep(0.6)
    hang_up(handler)


def drip(handler: BaseHTTPRequestHandler) -> None:
    """One byte at a time, each within the time-out, without an end."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
    try:
        for _ in range(200):
            handler.wfile.write(b"x")
            handler.wfile.flush()
            time.sleep(0.05)
    except OSError:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[Web]:
    running = Web()
    yield running
    running.server.shutdown()
    running.server.server_close()


@pytest.fixture
def web(server: Web, monkeypatch: pytest.MonkeyPatch) -> Web:
    """The server, with the three services' fixed addresses pointing at it; everything else of them is real."""
    from apprise.plugins.dingtalk import NotifyDingTalk
    from apprise.plugins.feishu import NotifyFeishu
    from apprise.plugins.wecombot import NotifyWeComBot

    monkeypatch.setattr(NotifyWeComBot, "notify_url", f"http://{server.at}/wecom?key={{key}}")
    monkeypatch.setattr(NotifyDingTalk, "notify_url", f"http://{server.at}/dingtalk?access_token={{token}}")
    monkeypatch.setattr(NotifyFeishu, "notify_url", f"http://{server.at}/feishu/{{token}}")
    server.requests.clear()
    server.answers = [(200, TAKEN)]
    return server


BOTS = ["wecombot://TOKEN1", "dingtalk://TOKEN1", "feishu://TOKEN1"]


def address(web: Web, kind: str) -> str:
    return f"json://{web.at}/hook" if kind == "json" else kind


# What arrives


def test_the_webhook_gets_the_text_and_every_fact(web):
    assert Address(f"json://user:geheim@{web.at}/hook?:team=价格", QUICK).deliver(MESSAGE)
    [(path, content)] = web.requests
    assert (path, content["title"], content["message"], content["type"]) == (
        "/hook", MESSAGE.title, MESSAGE.body, "warning",
    )  # fmt: skip
    assert (content["facts"], content["team"], content["attachments"]) == (MESSAGE.facts, "价格", [])


@pytest.mark.parametrize("url", BOTS)
def test_a_bot_gets_title_and_text(web, url):
    assert Address(url, QUICK).deliver(MESSAGE)
    [(path, content)] = web.requests
    text = content["content"]["text"] if "feishu" in url else content["text"]["content"]
    assert text == f"{MESSAGE.title}\n{MESSAGE.body}"
    assert content.get("msgtype", content.get("msg_type")) == "text"
    assert "TOKEN1" in path


def test_dingtalk_is_signed_once_and_names_who_is_called(web):
    assert Address("dingtalk://SECgeheim@TOKEN1/13800000000", QUICK).deliver(MESSAGE)
    [(path, content)] = web.requests
    asked = {name: values[0] for name, values in urllib.parse.parse_qs(path.partition("?")[2]).items()}
    signed = hmac.new(b"SECgeheim", f"{asked['timestamp']}\nSECgeheim".encode(), hashlib.sha256).digest()
    assert (asked["sign"], asked["access_token"]) == (base64.b64encode(signed).decode(), "TOKEN1")
    assert content["at"]["atMobiles"] == ["13800000000"]


# What counts as taken


@pytest.mark.parametrize("url", BOTS)
@pytest.mark.parametrize(
    "body",
    [
        REFUSED,
        b'{"code": 19024, "msg": "Key Words Not Found"}',
        b"<html>proxy</html>",
        b"",
        b"[]",
        b'{"errcode": false}',
    ],
)
def test_a_refusal_in_the_body_of_a_200_is_not_taken_and_not_repeated(web, url, body):
    web.answers = [(200, body)]
    answer = Address(url, QUICK).deliver(MESSAGE)
    assert (bool(answer), len(web.requests)) == (False, 1)
    assert "TOKEN1" not in answer.error
    assert ("310000, keywords not in content: ***" in answer.error) == (body == REFUSED)


@pytest.mark.parametrize("kind", ["json", *BOTS])
@pytest.mark.parametrize(
    ("answers", "is_taken", "requests", "error"),
    [
        ([(503, b""), (502, b""), (200, TAKEN)], True, 3, ""),
        ([(503, b"")], False, 3, "the receiver answered HTTP 503 (3 tries)"),
        ([(429, b""), (200, TAKEN)], True, 2, ""),
        ([(403, b"")], False, 1, "the receiver answered HTTP 403"),
        # It may have been taken: a second try could say it twice.
        ([hang_up], False, 1, "the connection was closed without an answer"),
        ([sleep], False, 1, "not answer in time"),
    ],
)
def test_what_may_pass_is_tried_again_and_what_may_be_taken_is_not(web, kind, answers, is_taken, requests, error):
    web.answers = list(answers)
    answer = Address(address(web, kind), QUICK).deliver(MESSAGE)
    assert (bool(answer), len(web.requests)) == (is_taken, requests)
    assert error in answer.error


@pytest.mark.parametrize("kind", ["json", BOTS[0]])
def test_a_receiver_that_drips_for_ever_holds_nobody_up(web, kind):
    web.answers = [drip]
    started = time.monotonic()
    answer = Address(address(web, kind), Patience(timeout_s=0.2, limit_s=0.4)).deliver(MESSAGE)
    assert time.monotonic() - started < 1.0
    assert (bool(answer), "no answer within 0.4 s" in answer.error) == (False, True)


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("json://127.0.0.1:9/hook?token=geheim", "not reached: the connection was refused (3 tries)"),
        ("mailto://user:geheim@127.0.0.1:9?from=a@b.cn", "not reached: the connection was refused (3 tries)"),
        ("nosuch://user:geheim@host", "the address is not understood; see the apprise documentation"),
        ("json://127.0.0.1:9/hook?optional=yes&retry=5&wait=9", "not reached: the connection was refused (3 tries)"),
    ],
)
def test_why_nothing_was_taken_is_said_without_the_address(url, error):
    answer = Address(url, QUICK).deliver(MESSAGE)
    assert (answer.ok, answer.error) == (False, error)


def test_nothing_that_breaks_inside_a_channel_comes_out(monkeypatch, tmp_path):
    from apprise.plugins.custom_json import NotifyJSON

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("json://user:geheim@host")

    monkeypatch.setattr(NotifyJSON, "send", fail)
    answer = Address("json://user:geheim@127.0.0.1:9/hook", QUICK).deliver(MESSAGE)
    assert (answer.ok, "geheim" in answer.error) == (False, False)
    (tmp_path / "2026-W04").write_text("in the way", encoding="utf-8")
    assert "not written" in TextFile(tmp_path).deliver(MESSAGE).error
    odd = Message("t", "\ud800", "f", "n")
    assert not TextFile(tmp_path).deliver(odd)


# Length


LONG = "\n".join(
    f"■ 第{number}处　较四周前 +22.0%，界限 ≥ 20%（参照浙江2004年）；" + "样本报价" * 6 for number in range(20)
)


def sent(web: Web) -> list[str]:
    return [content["text"]["content"] for _, content in web.requests]


def test_a_text_longer_than_wecom_takes_comes_in_numbered_parts(web):
    assert Address(BOTS[0], QUICK).deliver(Message("【价格预警】题", LONG, "2026-W04", "price-x"))
    texts = sent(web)
    assert [text.split("\n")[0] for text in texts] == [f"（{n}/{len(texts)}）" for n in range(1, len(texts) + 1)]
    assert len(texts) in (2, 3)
    assert max(len(text.encode()) for text in texts) <= 2048
    assert "\n".join(text.partition("\n")[2] for text in texts) == f"【价格预警】题\n{LONG}"


def test_what_does_not_fit_into_three_parts_says_where_the_whole_text_is(web):
    assert Address(BOTS[0], QUICK).deliver(Message("【价格预警】题", LONG * 4, "2026-W04", "price-豫Q12345-x"))
    texts = sent(web)
    assert (len(texts), max(len(text.encode()) for text in texts) <= 2048) == (3, True)
    assert texts[-1].endswith("\n……全文见（full text in）2026-W04/price-（车牌略）-x.txt")


def test_a_part_that_was_taken_is_not_sent_again(web):
    web.answers = [(200, TAKEN), (503, b""), (200, TAKEN)]
    assert Address(BOTS[0], QUICK).deliver(Message("题", LONG, "f", "n"))
    texts = sent(web)
    assert (texts[0] != texts[1], texts[1] == texts[2]) == (True, True)
    web.answers = [(200, TAKEN), (200, REFUSED)]
    assert Address(BOTS[0], QUICK).deliver(Message("题", LONG, "f", "n")).error.startswith("part 2 of ")


@settings(max_examples=25, deadline=None)
@given(text=st.text("汉字a\n🌊 ", max_size=400), longest=st.integers(90, 200))
def test_parts_keep_every_sign_within_the_limit(text, longest):
    found = chat_bots.parts(text, longest, 99, "rest")
    assert all(len(part.encode()) <= longest for part in found)
    bodies = found if len(found) == 1 else [part.partition("\n")[2] for part in found]
    assert "".join(bodies).replace("\n", "") == text.replace("\n", "")


# E-mail


class Post:
    """An SMTP server that keeps what it takes and can refuse, be slow or die while the message comes in."""

    def __init__(self) -> None:
        self.mails: list[bytes] = []
        self.tries = 0
        self.answers = ["250 OK"]

    async def handle_DATA(self, server: Any, _: object, envelope: Any) -> str:  # noqa: N802  # the library's name
        import asyncio

        self.tries += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer == "die":
            server.transport.abort()
            return "250 OK"
        if answer == "sleep":
            await asyncio.sleep(0.6)
            return "250 OK"
        if answer.startswith("250"):
            self.mails.append(envelope.content)
        return answer


@pytest.fixture(scope="module")
def running_post() -> Iterator[tuple[Post, int]]:
    from aiosmtpd.controller import Controller

    with socketserver.TCPServer(("127.0.0.1", 0), socketserver.BaseRequestHandler) as free:
        port = free.server_address[1]
    post = Post()
    controller = Controller(post, hostname="127.0.0.1", port=port)
    controller.start()
    yield post, port
    controller.stop()


@pytest.fixture
def post(running_post: tuple[Post, int]) -> Post:
    found = running_post[0]
    found.mails, found.tries, found.answers = [], 0, ["250 OK"]
    return found


@pytest.fixture
def mailbox(running_post: tuple[Post, int]) -> Address:
    return Address(f"mailto://127.0.0.1:{running_post[1]}?from=alerts@example.org&to=duty@example.org", QUICK)


def test_an_email_shows_the_chart_inside_and_has_a_text_for_those_who_see_no_html(post, mailbox):
    assert mailbox.deliver(MESSAGE)
    mail = email.message_from_bytes(post.mails[0], policy=email.policy.default)
    assert (mail["Subject"], mail["To"]) == (MESSAGE.title, "duty@example.org")
    assert mail.get_content_type() == "multipart/related"
    alternative, image = mail.iter_parts()
    assert [part.get_content_type() for part in alternative.iter_parts()] == ["text/plain", "text/html"]
    text, html = (part.get_content() for part in alternative.iter_parts())
    assert "较上周 +12.0%" in text
    assert html.strip() == MESSAGE.html
    assert (image.get_content_type(), image["Content-ID"], image.get_content_disposition()) == (
        "image/png", "<chart.png>", "inline",
    )  # fmt: skip
    assert image.get_content() == PNG


def test_a_price_alert_as_it_arrives_in_the_mailbox(post, mailbox, tmp_path):
    quotes = [
        row for market in "甲乙丙" for row in world.series([100, 100, 112], market=market, area_name="豫Q12345")
    ]
    now = dt.datetime(2026, 1, 23, 9, tzinfo=dt.UTC)
    summary = alerts.send(Settings(home=tmp_path, notify_urls=(mailbox.url,)), world.build(quotes), now=now)
    assert (summary.sent, len(post.mails)) == (2, 1)
    mail = email.message_from_bytes(post.mails[0], policy=email.policy.default)
    [image] = [part for part in mail.walk() if part.get_content_type() == "image/png"]
    page = mail.get_body(("html",)).get_content()
    text = mail.get_body(("plain",)).get_content()
    assert re.findall(r'(?:src|href)="([^"]*)"', page) == [f"cid:{image['Content-ID'].strip('<>')}"]
    assert "http" not in page
    assert image.get_content().startswith(b"\x89PNG")
    assert mail["Subject"] == "【价格预警】天然砂 （车牌略） 黄级（新预警）：较上周 +12.0%"
    assert "豫Q12345" not in page + text
    assert ("界限 ≥ 10%" in page, "界限 ≥ 10%" in text) == (True, True)


def test_an_alarm_without_html_is_an_email_all_the_same(post, mailbox):
    assert mailbox.deliver(Message("【系统故障】a", "第一行 <b>\n第二行", "machine", "n"))
    mail = email.message_from_bytes(post.mails[0], policy=email.policy.default)
    assert mail.get_content_type() == "multipart/alternative"
    assert "第一行 <b>\n第二行" in mail.get_body(("plain",)).get_content().replace("\r", "")


@pytest.mark.parametrize(
    ("answers", "is_taken", "tries", "error"),
    [
        (["451 busy", "250 OK"], True, 2, ""),
        (["451 busy"], False, 3, "the mail server refused it: 451 (3 tries)"),
        (["550 no such box"], False, 1, "the mail server refused it: 550"),
        (["die"], False, 1, "the connection was closed without an answer"),
        (["sleep"], False, 1, "did not answer in time"),
    ],
)
def test_a_mail_server_that_refuses_dies_or_is_slow(post, mailbox, answers, is_taken, tries, error):
    post.answers = list(answers)
    answer = mailbox.deliver(MESSAGE)
    assert (bool(answer), post.tries) == (is_taken, tries)
    assert error in answer.error


def test_plates_are_masked_however_deep_a_fact_lies():
    assert channels.facts_without_plates({"豫Q12345": ["豫Q12345", {"a": ("x", 1, None)}]}) == {
        "（车牌略）": ["（车牌略）", {"a": ["x", 1, None]}]
    }
