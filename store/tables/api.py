"""What the HTTP entrance keeps: how accounts prove who they are, answers that may be asked for again, deliveries."""

from __future__ import annotations

from sqlalchemy import Index, LargeBinary, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from store.tables.base import Base, Code, Counter, Day, Id, Json, Ms, Sha256


class ApiKey(Base):
    """A key of an account; of the key itself only the SHA-256 is kept (it has 256 random bits)."""

    __tablename__ = "api_keys"

    id: Mapped[Counter]
    name: Mapped[Id] = mapped_column(index=True)
    sha256: Mapped[Sha256] = mapped_column(unique=True)
    label: Mapped[Id]
    created_ms: Mapped[Ms]
    created_by: Mapped[Id]
    expires_ms: Mapped[Ms | None]
    revoked_ms: Mapped[Ms | None]


class Credential(Base):
    """An account's password and second factor. `totp_sealed`: the secret, sealed with the store's key.

    `totp_pending`: the same before the first code has confirmed it. `totp_step`: the last used one.
    """

    __tablename__ = "credentials"

    name: Mapped[Id] = mapped_column(primary_key=True)
    password_hash: Mapped[str] = mapped_column(Text)
    totp_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    totp_pending: Mapped[bytes | None] = mapped_column(LargeBinary)
    totp_step: Mapped[Ms | None]
    changed_ms: Mapped[Ms]
    must_change: Mapped[bool]


class FailedLogin(Base):
    """Failures under a name since its last success; until `locked_until_ms` nothing is tried.

    Of the name only the SHA-256 is kept: it may be no account's, or a password in the wrong field.
    """

    __tablename__ = "failed_logins"

    name_sha256: Mapped[Sha256] = mapped_column(primary_key=True)
    failures: Mapped[int]
    last_ms: Mapped[Ms] = mapped_column(index=True)
    locked_until_ms: Mapped[Ms | None]


class Login(Base):
    """A session of a browser; of its token only the SHA-256 is kept."""

    __tablename__ = "logins"

    sha256: Mapped[Sha256] = mapped_column(primary_key=True)
    name: Mapped[Id] = mapped_column(index=True)
    created_ms: Mapped[Ms]
    seen_ms: Mapped[Ms]
    expires_ms: Mapped[Ms]
    ended_ms: Mapped[Ms | None]


class UsedToken(Base):
    """An identity provider's token that was used once for what may not be repeated, until it expires.

    `jti`: SHA-256 of the token's issuer and number, which are the provider's to choose.
    """

    __tablename__ = "used_tokens"

    jti: Mapped[Id] = mapped_column(primary_key=True)
    expires_ms: Mapped[Ms]


class Idempotent(Base):
    """An answer given under an Idempotency-Key: given again to the same request, refused to another one."""

    __tablename__ = "idempotency"

    actor: Mapped[Id] = mapped_column(primary_key=True)
    key: Mapped[Id] = mapped_column(primary_key=True)
    request_sha256: Mapped[Sha256]
    status: Mapped[int | None]
    headers: Mapped[Json | None]
    body: Mapped[bytes | None] = mapped_column(LargeBinary)
    created_ms: Mapped[Ms]


class Delivery(Base):
    """One notice on its way to one receiver. `state`: waiting, sent or dead; `attempts` so far.

    What has the same `order_key` goes to a receiver in the order of its notices.
    """

    __tablename__ = "deliveries"
    __table_args__ = (
        UniqueConstraint("notice_id", "channel"),
        Index("ix_deliveries_due", "state", "next_ms"),
        Index("ix_deliveries_order", "channel", "order_key", "notice_id"),
    )

    id: Mapped[Counter]
    notice_id: Mapped[Ms]
    webhook_id: Mapped[Ms | None] = mapped_column(index=True)
    channel: Mapped[Id]
    order_key: Mapped[Id]
    state: Mapped[Code]
    attempts: Mapped[int]
    next_ms: Mapped[Ms]
    sent_ms: Mapped[Ms | None]
    last_status: Mapped[int | None]
    last_error: Mapped[str | None] = mapped_column(Text)


class PushedPosition(Base):
    """A position that a platform pushed, until the nightly takes it in as a track file of its feed."""

    __tablename__ = "pushed_positions"

    service_date: Mapped[Day] = mapped_column(primary_key=True)
    feed: Mapped[Id] = mapped_column(primary_key=True)
    terminal_id: Mapped[Id] = mapped_column(primary_key=True)
    t_ms: Mapped[Ms] = mapped_column(primary_key=True)
    lon_deg: Mapped[float]
    lat_deg: Mapped[float]
    speed_kmh: Mapped[float | None]
    heading_deg: Mapped[float | None]
    pushed_ms: Mapped[Ms]
    batch_id: Mapped[Code]


class PushedBatch(Base):
    """What the door said of one push of passages: numbers alone, until the night takes them in (`counts`)."""

    __tablename__ = "pushed_batches"

    batch_id: Mapped[Code] = mapped_column(primary_key=True)
    service_date: Mapped[Day] = mapped_column(primary_key=True, index=True)
    device_id: Mapped[Id]
    counts: Mapped[Json]
    pushed_ms: Mapped[Ms]


class PushedPassage(Base):
    """A passage whose plate, as read, is a registered car's, until the night takes it in.

    `passage`: as `store.passages` has it: no plate, and enrolled candidates alone.
    """

    __tablename__ = "pushed_passages"

    service_date: Mapped[Day] = mapped_column(primary_key=True)
    passage_id: Mapped[Id] = mapped_column(primary_key=True)
    batch_id: Mapped[Code] = mapped_column(index=True)
    passage: Mapped[Json]


class ViidDevice(Base):
    """A GA/T 1400 platform or device that registered with us; its password is in the settings, not here."""

    __tablename__ = "viid_devices"

    device_id: Mapped[Id] = mapped_column(primary_key=True)
    registered_ms: Mapped[Ms | None]
    seen_ms: Mapped[Ms | None]
    ended_ms: Mapped[Ms | None]
