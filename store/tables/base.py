"""What all tables share: one metadata with named constraints, so that migrations can speak of them, and column types.

Only types that every database has: text, whole numbers, floats, dates, bytes. Times are ms UTC. JSON is kept as the
text that was digested, never parsed and written anew by a database.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated

from sqlalchemy import BigInteger, Date, Integer, MetaData, String, Text
from sqlalchemy.orm import DeclarativeBase, mapped_column

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """The base of every table."""

    metadata = MetaData(naming_convention=NAMES)


Ms = Annotated[int, mapped_column(BigInteger)]
Day = Annotated[date, mapped_column(Date)]
Id = Annotated[str, mapped_column(String(200))]
"""A register's key: a vehicle, a person, a zone, a file."""
Code = Annotated[str, mapped_column(String(64))]
Sha256 = Annotated[str, mapped_column(String(64))]
Json = Annotated[str, mapped_column(Text)]
"""Canonical JSON (`audit.evidence.canonical`)."""
Counter = Annotated[int, mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)]
"""A running number: SQLite counts only in a column of type INTEGER."""
