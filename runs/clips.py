"""Where the video of a passage is: an address made of the office's template. The maps link to it and never load it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from string import Formatter
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote, urlsplit

import typer

from runs.words import say

if TYPE_CHECKING:
    from trajectories.clock import LocalTime

CLIPS_VARIABLE = "TRAJAUDIT_CLIPS"
PLACEHOLDERS = ("camera_id", "from", "to")
AROUND_MS = 20_000
"""A clip begins so long before a passage and ends so long after it, by the camera's clock, which stamps the video."""
SCHEMES = ("http", "https")
_NEVER_IN_ADDRESS = re.compile(r"[\s\x00-\x1f\x7f-\x9f\"'<>\\^`|]")


class ClipTemplateError(ValueError):
    """A template that no address can be made of; the message tells all its faults."""


@dataclass(frozen=True, slots=True)
class ClipTemplate:
    """A checked template: http or https, with {camera_id} and, where wanted, {from} and {to} behind the host.

    >>> from trajectories.clock import LocalTime
    >>> clips = ClipTemplate.of("https://video.example/play?camera={camera_id}&from={from}&to={to}")
    >>> clips.url("C 1&x", 1773806400000, LocalTime("Asia/Shanghai"))[:60]
    'https://video.example/play?camera=C%201%26x&from=2026-03-18T'
    """

    text: str

    @classmethod
    def of(cls, text: str) -> ClipTemplate:
        """Check a template; raises `ClipTemplateError`."""
        faults = list(dict.fromkeys(_faults(text)))
        if faults:
            raise ClipTemplateError("; ".join(faults))
        return cls(text)

    def url(self, camera_id: str, shot_ms: int, local: LocalTime) -> str | None:
        """Return the address for a camera and a time by its own clock, each value encoded; None for an id of dots.

        Browsers take a path's `..` for the folder above, however it is encoded.
        """
        if not camera_id.strip("."):
            return None
        values = {
            "camera_id": camera_id,
            "from": local.iso(shot_ms - AROUND_MS),
            "to": local.iso(shot_ms + AROUND_MS),
        }
        return self.text.format(**{name: quote(value, safe="", errors="replace") for name, value in values.items()})


def _faults(text: str) -> list[str]:
    """Return what is wrong with a template, in the default language."""
    try:
        pieces = list(Formatter().parse(text))
    except ValueError as error:
        return [say("braces do not pair up ({error})").format(error=error)]
    fields = [
        name + f"!{how}" * bool(how) + f":{spec}" * bool(spec) for _, name, spec, how in pieces if name is not None
    ]
    known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
    out = [
        say("unknown placeholder {found}; expected {known}").format(found=f"{{{name}}}", known=known)
        for name in fields
        if name not in PLACEHOLDERS
    ]
    if "camera_id" not in fields:
        out.append(say("the placeholder {camera_id} is missing"))
    if any(set(literal) & set("{}") for literal, *_ in pieces):
        out.append(say("braces stand around placeholders only"))
    return out + _address_faults(text)


def _address_faults(text: str) -> list[str]:
    out = []
    if _NEVER_IN_ADDRESS.search(text):
        out.append(say("blanks, quotation marks and brackets cannot stand in an address"))
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        return [*out, say("no address ({error})").format(error=error)]
    if parts.scheme not in SCHEMES or not host:
        out.append(say("expected an address that begins with https:// or http:// and a host"))
    elif "{" in parts.netloc or "}" in parts.netloc:
        out.append(say("no placeholder may stand before the path: the host is the office's to name"))
    elif "@" in parts.netloc or port == 0:
        out.append(say("name and password have no place in an address that stands on a map"))
    return out


def _asked_for(text: str) -> ClipTemplate:
    """Take the option; a faulty template ends the command before anything is read."""
    try:
        return ClipTemplate.of(text)
    except ClipTemplateError as error:
        told = "".join(c if c.isprintable() else "\ufffd" for c in str(error))  # nothing that steers a terminal
        raise typer.BadParameter(told) from None


Clips = Annotated[
    ClipTemplate | None,
    typer.Option(
        "--clips",
        metavar="TEMPLATE",
        envvar=CLIPS_VARIABLE,
        show_envvar=False,
        parser=_asked_for,
        help=say("Address of a passage's video with {camera_id}, {from}, {to}; or TRAJAUDIT_CLIPS. Maps link to it."),
    ),
]
