"""What a nightly does about notices when it has ended: send them, if anything may go out at all."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError

from feeds.faults import UnusableInput
from runs.settings import Settings
from store.engine import Store


def deliver_after(store: Store, settings: Settings) -> str | None:
    """Send what is due; return what hinders it. The nights stand, whatever becomes of their notices."""
    if not settings.outbound.enabled:
        return None
    try:
        from runs.notices import deliver_due  # noqa: PLC0415 -- needs trajaudit[notices]

        deliver_due(store, settings)
    except UnusableInput as error:
        return "; ".join(str(fault) for fault in error.faults)
    except DBAPIError as error:
        return f"the database is away: {type(error.orig).__name__}"
    return None
