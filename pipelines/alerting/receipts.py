"""What came of a delivery, in plain words without secrets, and how patient we are with a receiver."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

_GIVEN_UP = "no answer within {seconds:g} s; the receiver may have taken the message all the same"


@dataclass(frozen=True)
class Delivery:
    """Whether the other side took a message; true in a condition only where it did.

    `error` says why not and holds no address, password or token. `is_passing` where another try at once may help and
    cannot double the message: the receiver was not reached, or said itself that it is busy. `is_doubtful` where the
    receiver may have the message all the same, and did not live or wait to say so.
    """

    ok: bool
    error: str = ""
    is_passing: bool = False
    is_doubtful: bool = False

    def __bool__(self) -> bool:
        return self.ok


TAKEN = Delivery(True)


@dataclass(frozen=True)
class Patience:
    """How long a receiver is waited for; every figure is a 系统默认.

    `tries` at most, with `wait_s`, then twice that, then four times that between them; `timeout_s` for one answer
    from the network, `limit_s` for all of a delivery, however slowly the other side drips.
    """

    tries: int = 3
    wait_s: float = 1.0
    timeout_s: float = 15.0
    limit_s: float = 40.0

    def deliver(self, posts: Callable[[], Sequence[Callable[[], Delivery]]]) -> Delivery:
        """Make the posts one after the other and return what came of them; never raises.

        Args:
            posts: gives the parts of one message; a part that was taken is not sent again, the first one that is
                not taken ends the delivery.
        """
        found: list[Delivery] = []
        is_over = threading.Event()

        def work() -> None:
            try:
                found.append(self._all(posts(), is_over))
            except Exception as error:  # whatever a plugin does, the other channels are still served
                # Its text may quote the address: only its kind is told.
                found.append(Delivery(False, f"the channel failed unexpectedly: {type(error).__name__}"))

        # Time-outs of sockets bound one read only: a thread of its own is what can be left behind.
        worker = threading.Thread(target=work, name="delivery", daemon=True)
        worker.start()
        worker.join(self.limit_s)
        is_over.set()
        return found[0] if found else Delivery(False, _GIVEN_UP.format(seconds=self.limit_s), is_doubtful=True)

    def _all(self, posts: Sequence[Callable[[], Delivery]], is_over: threading.Event) -> Delivery:
        until = time.monotonic() + self.limit_s
        for number, post in enumerate(posts, start=1):
            answer = self._persist(post, until, is_over)
            if not answer:
                part = f"part {number} of {len(posts)}: " if len(posts) > 1 else ""
                return replace(answer, error=part + answer.error)
        return TAKEN

    def _persist(self, post: Callable[[], Delivery], until: float, is_over: threading.Event) -> Delivery:
        for number in range(self.tries):
            answer = post()
            pause = self.wait_s * 2**number
            is_last = number + 1 == self.tries or time.monotonic() + pause >= until
            if answer or not answer.is_passing or is_last or is_over.wait(pause):
                break
        return replace(answer, error=f"{answer.error} ({number + 1} tries)") if number and not answer else answer
