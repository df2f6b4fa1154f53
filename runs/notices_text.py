"""Short messages for people, in both languages: how much is new, what is overdue, what was not audited."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runs.notices_payload import AMISS, DEGRADED, DIGEST, FAILED, NOTHING_SENT, RECEIVER_DEAD
from runs.words import N_, say

TROUBLE = {
    "pull": N_("no tracks could be pulled"),
    "input": N_("the bundle could not be used"),
    "write": N_("results could not be written"),
    "heads": N_("the log's head could not be written down"),
    "database": N_("the database was away"),
}
"""What each trouble of a night is called; `feed:NAME` is told with its cars."""


def message(kind: str, data: Mapping[str, Any], link: str | None, lang: str) -> tuple[str, str]:
    """Return title and text of a message; raises ValueError for a kind that no message is made of."""
    made = {DIGEST: _digest, AMISS: _digest, NOTHING_SENT: _nothing_sent, RECEIVER_DEAD: _receiver_dead}.get(kind)
    if made is None:
        raise ValueError(f"{kind}: no message is made of it")
    lines = made(data, lang)
    return say("Driver training audit", lang), "\n".join([*lines, link] if link else lines)


def _digest(data: Mapping[str, Any], lang: str) -> list[str]:
    counted = say("New cases: {opened}. Overdue: {overdue}.", lang)
    lines = [counted.format(opened=data.get("opened", 0), overdue=data.get("overdue", 0))]
    return lines + [_night(night, lang) for night in data.get("nights", ())]


def _night(night: Mapping[str, Any], lang: str) -> str:
    day, state = night.get("service_date", "?"), night.get("state")
    why = "; ".join(_troubles(night, lang))
    if state == FAILED:
        text = say("Night {day}: not audited. {why}", lang)
    elif state == DEGRADED:
        text = say("Night {day}: not complete. {why}", lang)
    else:
        text = say("Night {day}: audited. {why}", lang)
    return text.format(day=day, why=why).rstrip()


def _troubles(night: Mapping[str, Any], lang: str) -> list[str]:
    out = [say(TROUBLE[where], lang) for where in night.get("trouble", ()) if where in TROUBLE]
    delayed = say("{feed}: tracks of {n} vehicles did not come", lang)
    out += [delayed.format(feed=feed, n=n) for feed, n in sorted(night.get("delayed", {}).items())]
    if night.get("not_assessed"):
        out.append(say("not assessed: {n} questions", lang).format(n=night["not_assessed"]))
    return out


def _nothing_sent(data: Mapping[str, Any], lang: str) -> list[str]:
    text = say("Nothing was sent for {hours} hours. See: trajaudit notices list", lang)
    return [text.format(hours=data.get("hours"))]


def _receiver_dead(data: Mapping[str, Any], lang: str) -> list[str]:
    text = say("{n} notices to {receiver} were given up. See: trajaudit notices list --state dead", lang)
    return [text.format(n=n, receiver=receiver) for receiver, n in sorted(data.get("receivers", {}).items())]
