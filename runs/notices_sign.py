"""Signatures of webhooks by Standard Webhooks, and where their secrets are.

A secret is named, never stored: `env:NAME`, or `file:PATH` of mode 0600. While one is being changed there are two, the
new one first, a line each (in a variable: a space between): both sign, and the receiver takes either.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from feeds.faults import Fault, UnusableInput

try:
    from standardwebhooks.webhooks import Webhook
except ModuleNotFoundError as absent:
    missing = Fault("notices", "standardwebhooks is not installed", hint="Install trajaudit[notices].")
    raise UnusableInput([missing]) from absent

PREFIX = "whsec_"
SHORTEST, LONGEST = 24, 64
MOST = 2
EXPECTED = f"one or {MOST} secrets, each {PREFIX} and base64 of {SHORTEST} to {LONGEST} bytes"


def signers(ref: str) -> list[Webhook]:
    """Return what signs with the secrets that a reference names; raises `UnusableInput`, which repeats none."""
    told = _told(ref).split()
    if not 1 <= len(told) <= MOST or not all(_is_secret(text) for text in told):
        raise UnusableInput([Fault(ref, "holds no secret of a webhook", expected=EXPECTED)])
    return [Webhook(text) for text in told]


def _is_secret(text: str) -> bool:
    try:
        raw = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return False
    return text.startswith(PREFIX) and SHORTEST <= len(raw) <= LONGEST


def _told(ref: str) -> str:
    kind, _, name = ref.partition(":")
    if kind == "env" and name:
        if name not in os.environ:
            raise UnusableInput([Fault(ref, "this variable is not set", expected=EXPECTED)])
        return os.environ[name]
    if kind == "file" and Path(name).is_absolute():
        return private_text(Path(name))
    raise UnusableInput([Fault("--secret-ref", "names no secret", found=ref, expected="env:NAME or file:/PATH")])


def private_text(path: Path) -> str:
    """Return a file that only its owner may read; raises `UnusableInput`."""
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_mode & 0o077:
                hint = "chmod 600 it: it holds a secret."
                raise UnusableInput([Fault(str(path), "others may read this file", expected="mode 0600", hint=hint)])
            return file.read().decode("utf-8-sig")
    except OSError as error:
        raise UnusableInput([Fault(str(path), f"cannot be read: {error.strerror}")]) from error
    except UnicodeDecodeError as error:
        raise UnusableInput([Fault(str(path), "is not text in UTF-8")]) from error


def signed(by: Sequence[Webhook], event_id: str, at_ms: int, body: str) -> Mapping[str, str]:
    """Return the headers of a webhook: its id, which never changes, when it is sent, and a signature by each secret."""
    at = datetime.fromtimestamp(at_ms // 1000, UTC)
    return {
        "content-type": "application/json",
        "webhook-id": event_id,
        "webhook-timestamp": str(at_ms // 1000),
        "webhook-signature": " ".join(one.sign(event_id, at, body) for one in by),
    }
