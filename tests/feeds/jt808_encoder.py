"""JT/T 808 frames written field by field, byte by byte; checked against published frames in test_tracks_jt808.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import reduce

FIXED, SOUTH, WEST = 2, 4, 8


def position(
    t_ms: int,
    lon_deg: float,
    lat_deg: float,
    speed_kmh: float = 36.0,
    direction: int = 90,
    *,
    status: int = FIXED,
    alarm: int = 0,
    height_m: int = 0,
    extras: Mapping[int, bytes] | None = None,
) -> bytes:
    """A 0x0200 body; the sign of a coordinate goes into the status."""
    status |= (SOUTH if lat_deg < 0 else 0) | (WEST if lon_deg < 0 else 0)
    numbers = (alarm, status, round(abs(lat_deg) * 1e6), round(abs(lon_deg) * 1e6))
    body = b"".join(n.to_bytes(4, "big") for n in numbers)
    body += b"".join(n.to_bytes(2, "big") for n in (height_m, round(speed_kmh * 10), direction))
    body += bcd_time(t_ms)
    return body + b"".join(bytes([kind, len(value)]) + value for kind, value in (extras or {}).items())


def bcd_time(t_ms: int) -> bytes:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=t_ms, hours=8)
    return bytes.fromhex(moment.strftime("%y%m%d%H%M%S"))


def batch(bodies: Sequence[bytes], kind: int = 0, count: int | None = None) -> bytes:
    """A 0x0704 body; kind 1 is a blind-area upload."""
    count = len(bodies) if count is None else count
    items = b"".join(len(body).to_bytes(2, "big") + body for body in bodies)
    return count.to_bytes(2, "big") + bytes([kind]) + items


def wrapped(content: bytes) -> bytes:
    """Content with its check, escaped and between marks."""
    content += bytes([reduce(lambda a, b: a ^ b, content)])
    return b"\x7e" + content.replace(b"\x7d", b"\x7d\x01").replace(b"\x7e", b"\x7d\x02") + b"\x7e"


def frame(
    message: int,
    body: bytes,
    phone: str = "13800138000",
    sequence: int = 1,
    *,
    head: str = "2013",
    part: tuple[int, int] | None = None,
    encryption: int = 0,
) -> bytes:
    """A frame; `part` is (number of parts, which)."""
    digits = {"2013": 12, "2019": 20, "training": 16}[head]
    properties = len(body) | encryption << 10 | (part is not None) << 13 | (head == "2019") << 14
    content = b"\x80" if head == "training" else b""
    content += message.to_bytes(2, "big") + properties.to_bytes(2, "big")
    content += b"\x01" if head == "2019" else b""
    content += bytes.fromhex(phone.zfill(digits)) + sequence.to_bytes(2, "big")
    content += b"\x3c" if head == "training" else b""
    if part is not None:
        content += part[0].to_bytes(2, "big") + part[1].to_bytes(2, "big")
    return wrapped(content + body)


def in_parts(message: int, body: bytes, size: int, sequence: int = 1, phone: str = "13800138000") -> list[bytes]:
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return [
        frame(message, piece, phone, (sequence + k) & 0xFFFF, part=(len(pieces), k + 1))
        for k, piece in enumerate(pieces)
    ]
