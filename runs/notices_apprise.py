"""Messengers and mail by apprise: DingTalk, WeCom, Feishu, Lark, ServerChan, PushDeer, mail, JSON.

The office lists them in a file of its own (`notices.apprise`, mode 0600: the addresses hold keys), a line each:

    # NAME [zh or en] [alarms] = URL as apprise writes it
    office zh = dingtalk://TOKEN
    duty en alarms = mailtos://user:password@mail.example.cn?to=duty@example.cn

`alarms`: only what is amiss. Each line is a receiver of its own, with its own retries. Of apprise only one service at a
time is used, in this thread, under the guard (`runs.outbound_watch`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from feeds.faults import Fault, UnusableInput
from runs.notices_payload import AMISS, DIGEST, NOTHING_SENT, RECEIVER_DEAD
from runs.notices_sign import private_text
from runs.outbound import OFF, Guard, NotReached, OutboundRefused
from runs.outbound_watch import watched
from store.deliveries import Channel

if TYPE_CHECKING:
    from apprise.plugins.base import NotifyBase

SCHEMES = frozenset(
    {
        "dingtalk", "feishu", "json", "jsons", "lark", "mailto", "mailtos", "pushdeer", "pushdeers", "schan", "wechat",
        "wecombot",
    }
)  # fmt: skip
"""Services that are let in: each was looked at and sends by HTTP or SMTP alone, in the thread that calls it."""
ALL_KINDS = (DIGEST, AMISS, NOTHING_SENT, RECEIVER_DEAD)
ALARMS = "alarms"
EXPECTED = "NAME [zh or en] [alarms] = URL"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy")


@dataclass(frozen=True, slots=True)
class Messenger:
    """A line of the file. `url` holds keys and is shown nowhere."""

    name: str
    lang: str
    only_alarms: bool
    url: str = field(repr=False)

    @property
    def channel(self) -> Channel:
        """Return it as the outbox sees it."""
        return Channel(f"apprise:{self.name}", ALL_KINDS[1:] if self.only_alarms else ALL_KINDS)


def read_messengers(path: Path | None, lang: str) -> list[Messenger]:
    """Read the file; raises `UnusableInput` with every fault, which repeats no address."""
    if path is None:
        return []
    lines = enumerate(private_text(path).splitlines(), 1)
    told = [(n, line.strip()) for n, line in lines if line.strip() and not line.lstrip().startswith("#")]
    out: list[Messenger] = []
    faults: list[Fault] = []
    for n, line in told:
        try:
            made = _messenger(line, lang)
            if made.name in {m.name for m in out}:
                raise ValueError("this name is taken by a line above")
            out.append(made)
        except ValueError as error:
            faults.append(Fault(str(path), str(error), row=n, expected=EXPECTED))
    if faults:
        raise UnusableInput(faults)
    return out


def _messenger(line: str, lang: str) -> Messenger:
    left, _, url = line.partition("=")
    words, url = left.split(), url.strip()
    if not words or not _NAME.fullmatch(words[0]):
        raise ValueError("a line begins with a name of small letters, digits and hyphens")
    tags = words[1:]
    if set(tags) - {"zh", "en", ALARMS} or len(set(tags) & {"zh", "en"}) > 1:
        raise ValueError("after the name come zh or en, and alarms, or nothing")
    scheme = url.partition("://")[0].lower()
    if scheme not in SCHEMES:
        raise ValueError(f"its service is none of {', '.join(sorted(SCHEMES))}")
    said = next((t for t in tags if t in {"zh", "en"}), lang)
    made = Messenger(words[0], said, ALARMS in tags, url)
    if _service(made) is None:
        raise ValueError(f"apprise does not take this address of {scheme}")
    return made


def _service(messenger: Messenger) -> NotifyBase | None:
    try:
        from apprise import Apprise, AppriseAsset  # noqa: PLC0415 -- takes a second to import
        from apprise.common import PersistentStoreMode  # noqa: PLC0415
    except ModuleNotFoundError as error:
        missing = Fault("notices", f"{error.name} is not installed", hint="Install trajaudit[notices].")
        raise UnusableInput([missing]) from error
    asset = AppriseAsset(
        secure_logging=True, async_mode=False, storage_mode=PersistentStoreMode.MEMORY, http_redirects=False,
        app_id="trajaudit", app_desc="trajaudit", app_url="",
    )  # fmt: skip
    return Apprise.instantiate(messenger.url, asset=asset)


def send(messenger: Messenger, guard: Guard, title: str, body: str) -> None:
    """Send a message; raises `OutboundRefused` and `NotReached`, whose texts hold no address."""
    if not guard.enabled:
        raise OutboundRefused(OFF)
    service = _service(messenger)
    if service is None:
        raise NotReached("apprise does not take this address")
    with _without_proxies(), watched(guard) as seen:
        done = service.notify(body=body, title=title, body_format="text")
    if seen:
        raise OutboundRefused(seen[-1])
    if not done:
        raise NotReached("the service did not take the message")


@contextmanager
def _without_proxies() -> Iterator[None]:
    """Have no proxy taken from the environment: the guard would see the proxy's address, not the receiver's."""
    names = [n for n in os.environ if n.lower() in _PROXIES]
    kept = {n: os.environ.pop(n) for n in names}
    try:
        yield
    finally:
        os.environ.update(kept)
