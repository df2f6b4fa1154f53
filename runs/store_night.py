"""What the commands on the store do, from the settings file on: open the store, see who asks, do it, close."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from cases.roles import Permission, Place
from runs.ingest import Ingested, Source, ingest
from runs.night_desk import Desk
from runs.nightly import Nightly, Order, nightly
from runs.notices_after import deliver_after
from runs.open_store import opened
from runs.preview import Edit, Preview, preview
from runs.progress import Progress
from runs.settings import read_settings
from runs.who import acting, look
from store.schema import reached

PREVIEW_REASON = "whatif"


@contextmanager
def desk_for(
    path: Path | None, permission: Permission, progress: Progress, place: Place | None = None
) -> Iterator[Desk]:
    """Give the desk of whoever asks, if he has the permission (at a place, if one is given); else `NotAllowed`."""
    settings = read_settings(path)
    store = opened(settings)
    try:
        with reached(store):
            actor = acting(store, permission, place)
            desk = Desk.open(store, settings, progress, actor.name)
            desk.who = actor
            yield desk
    finally:
        store.close()


def take_in(path: Path | None, bundle: Path, day: date, progress: Progress) -> Ingested:
    """Take a delivery into the store."""
    with desk_for(path, Permission.RUN_NIGHTLY, progress) as desk:
        source = Source(bundle, day, desk.settings.nightly.history_days, desk.actor, desk.wait_s)
        return ingest(desk.store, source, progress)


def run_nightly(path: Path | None, order: Order, progress: Progress) -> Nightly:
    """Run the nightly."""
    with desk_for(path, Permission.RUN_NIGHTLY, progress) as desk:
        done = nightly(desk, order)
        if told := deliver_after(desk.store, desk.settings):
            done.trouble["notices"] = [told]
        return done


def try_on_store(path: Path | None, edit: Edit, progress: Progress, lang: str) -> Preview:
    """Show what an edit would do to a night of the store.

    Findings of the whole city are shown, so it takes the right to read them all, and the look is written down first.
    """
    with desk_for(path, Permission.READ_FINDINGS, progress, Place()) as desk:
        look(desk.store, desk.who, "night", edit.service_date.isoformat(), PREVIEW_REASON, place=Place())
        return preview(desk, edit, lang)
