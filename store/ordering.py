"""The order of texts: by their code points in every database, as the files of an audit are ordered."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from store.engine import POSTGRESQL


def by_code_points(session: Session, text: Any) -> Any:
    """Return a column of texts to order by; PostgreSQL would order them as a language does that its database is of."""
    return text.collate("C") if session.get_bind().dialect.name == POSTGRESQL else text
