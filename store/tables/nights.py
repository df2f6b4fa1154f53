"""What came in for each service day: files by digest, what they say of whom, passages in scope, telemetry."""

from __future__ import annotations

from sqlalchemy import Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from store.tables.base import Base, Code, Counter, Day, Id, Json, Ms, Sha256


class Night(Base):
    """A service day of which a bundle came in. `audited_*`: what the answers that stand were made from.

    `inputs`: digest of everything that counts now; equal to `audited_inputs` where nothing has to be audited again.
    `rules`: rule to digest of its values, as audited; null of an audited night: its answers were erased.
    `counts`: the record of the last run (`run.json`).
    """

    __tablename__ = "nights"

    service_date: Mapped[Day] = mapped_column(primary_key=True)
    timezone: Mapped[Code]
    first_ms: Mapped[Ms]
    changed_ms: Mapped[Ms]
    audited_inputs: Mapped[Sha256 | None]
    audited_ms: Mapped[Ms | None]
    run_id: Mapped[Code | None]
    rules: Mapped[Json | None]
    counts: Mapped[Json | None]


class Ingest(Base):
    """A bundle, a pull or a push that brought something new; what brings nothing leaves no row."""

    __tablename__ = "ingests"

    id: Mapped[Counter]
    service_date: Mapped[Day] = mapped_column(index=True)
    content: Mapped[Sha256]
    source: Mapped[Id]
    actor: Mapped[Id]
    n_files: Mapped[int]
    recorded_ms: Mapped[Ms]


class Blob(Base):
    """A file's bytes, kept once by digest in `blobs/`: registers and track files, never checkpoint records."""

    __tablename__ = "blobs"

    sha256: Mapped[Sha256] = mapped_column(primary_key=True)
    size: Mapped[Ms]
    recorded_ms: Mapped[Ms]
    erased_ms: Mapped[Ms | None]


class NightFile(Base):
    """A file of a night's bundle under its name: what counted from `recorded_ms` until `superseded_ms`.

    `feed`: the folder under `tracks/`, None for a register or `bundle.toml`.
    """

    __tablename__ = "night_files"
    __table_args__ = (
        Index("ix_night_files_day", "service_date", "superseded_ms"),
        Index("ix_night_files_sha256", "sha256"),
    )

    id: Mapped[Counter]
    service_date: Mapped[Day]
    name: Mapped[str] = mapped_column(Text)
    feed: Mapped[Id | None]
    sha256: Mapped[Sha256]
    recorded_ms: Mapped[Ms]
    superseded_ms: Mapped[Ms | None]


class PassageSet(Base):
    """The passages in scope of a night, as one Parquet file in `passages/`; what was not in scope was never written.

    `sources`: name to SHA-256 of the files they were read from, which are not kept. `counts`: what the door did.
    `sha256`: of the file as it was made. Where faces were erased, another file without them lies at `path`, under the
    digest of its own bytes; what came in stays told by `sha256`, so that nothing has to be audited again.
    """

    __tablename__ = "passage_sets"
    __table_args__ = (Index("ix_passage_sets_day", "service_date", "superseded_ms"),)

    id: Mapped[Counter]
    service_date: Mapped[Day]
    sha256: Mapped[Sha256]
    path: Mapped[Id]
    n_passages: Mapped[int]
    n_read: Mapped[Ms]
    sources: Mapped[Json]
    counts: Mapped[Json]
    recorded_ms: Mapped[Ms]
    superseded_ms: Mapped[Ms | None]
    faces_erased_ms: Mapped[Ms | None]
    erased_ms: Mapped[Ms | None]


class Partition(Base):
    """One Parquet file of the telemetry in `lake/`: the fixes of a bucket of vehicles on a service day."""

    __tablename__ = "partitions"
    __table_args__ = (Index("ix_partitions_day", "service_date", "superseded_ms"),)

    id: Mapped[Counter]
    service_date: Mapped[Day]
    bucket: Mapped[int]
    path: Mapped[Id]
    sha256: Mapped[Sha256]
    n_rows: Mapped[Ms]
    recorded_ms: Mapped[Ms]
    superseded_ms: Mapped[Ms | None]
    erased_ms: Mapped[Ms | None]
