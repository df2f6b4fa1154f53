"""Who may do what, who looked at whom, what was erased and what must not be."""

from __future__ import annotations

from sqlalchemy import Text
from sqlalchemy.orm import Mapped, mapped_column

from store.tables.base import Base, Code, Counter, Day, Id, Json, Ms, Sha256


class User(Base):
    """An account. `os_name`: the system user that is this account on the command line."""

    __tablename__ = "users"

    name: Mapped[Id] = mapped_column(primary_key=True)
    os_name: Mapped[Id | None] = mapped_column(unique=True)
    created_ms: Mapped[Ms]
    created_by: Mapped[Id]
    disabled_ms: Mapped[Ms | None]


class Grant(Base):
    """A role of an account, from `granted_ms` until `revoked_ms`; `districts`: JSON list, null for the whole city."""

    __tablename__ = "grants"

    id: Mapped[Counter]
    name: Mapped[Id] = mapped_column(index=True)
    role: Mapped[Code]
    districts: Mapped[Json | None]
    school_id: Mapped[Id | None]
    granted_ms: Mapped[Ms]
    granted_by: Mapped[Id]
    revoked_ms: Mapped[Ms | None]
    revoked_by: Mapped[Id | None]


class Webhook(Base):
    """Where notices go; the secret itself is in a file or the environment, named by `secret_ref`.

    `events`: JSON list of kinds, such as `case.*`. `clearance`: what it may be told beside ids: nothing, or
    `vehicle`.
    """

    __tablename__ = "webhooks"

    id: Mapped[Counter]
    url: Mapped[str] = mapped_column(Text)
    events: Mapped[Json]
    secret_ref: Mapped[Id]
    clearance: Mapped[Code | None]
    created_ms: Mapped[Ms]
    created_by: Mapped[Id]
    disabled_ms: Mapped[Ms | None]


class AccessEntry(Base):
    """One look at a person, a vehicle or a case, or another act that is to be answered for; a link of the hash chain.

    `digest` is over `previous` and everything the row says; the first row's `previous` is 64 zeros.
    """

    __tablename__ = "access_log"

    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at_ms: Mapped[Ms]
    actor: Mapped[Id]
    role: Mapped[Code]
    action: Mapped[Code]
    subject_kind: Mapped[Code]
    subject_id: Mapped[Id]
    reason: Mapped[str] = mapped_column(Text)
    previous: Mapped[Sha256]
    digest: Mapped[Sha256]


class Tombstone(Base):
    """What was erased, by kind and number, never what it said; `signature` is Ed25519 over `payload`."""

    __tablename__ = "tombstones"

    id: Mapped[Counter]
    erased_ms: Mapped[Ms]
    actor: Mapped[Id]
    payload: Mapped[Json]
    public_key: Mapped[Code]
    signature: Mapped[str] = mapped_column(Text)


class LegalHold(Base):
    """What must not be erased until released: all of a service day, or one vehicle's."""

    __tablename__ = "legal_holds"

    id: Mapped[Counter]
    service_date: Mapped[Day] = mapped_column(index=True)
    vehicle_id: Mapped[Id | None]
    case_id: Mapped[Code | None]
    reason: Mapped[str] = mapped_column(Text)
    placed_ms: Mapped[Ms]
    placed_by: Mapped[Id]
    released_ms: Mapped[Ms | None]
    released_by: Mapped[Id | None]
