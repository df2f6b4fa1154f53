"""What every step of a nightly needs at hand: the store, the settings, who acts, what the office has set."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta

from cases.deadlines import Terms
from cases.prereview import PreReview
from cases.roles import SYSTEM, SYSTEM_NAME, Actor
from runs.night_plan import Plan, plan_night
from runs.office_terms import read_pre_review, terms_of
from runs.progress import Progress, Silent
from runs.settings import Settings
from store.engine import Store
from store.lease import Held
from trajectories.clock import LocalTime

NOT_HELD = Held("", -1)


@dataclass(slots=True)
class Desk:
    """Make it with `open`. `held`: the lease, while it is held."""

    store: Store
    settings: Settings
    local: LocalTime
    terms: Terms
    pre_reviews: tuple[PreReview, ...]
    actor: str = SYSTEM_NAME
    progress: Progress = field(default_factory=Silent)
    held: Held = NOT_HELD
    who: Actor = SYSTEM

    @classmethod
    def open(cls, store: Store, settings: Settings, progress: Progress | None = None, actor: str = SYSTEM_NAME) -> Desk:
        """Read what the office has set; raises `UnusableInput` for what cannot be."""
        local = LocalTime(settings.nightly.timezone)
        pre_reviews = read_pre_review(settings.cases.pre_review)
        return cls(store, settings, local, terms_of(settings, local), pre_reviews, actor, progress or Silent())

    @property
    def wait_s(self) -> float:
        """Seconds for which a database that is away is awaited."""
        return float(self.settings.nightly.database_wait_s)

    def last_service_date(self) -> date:
        """Return the last service day that is over."""
        return self.local.service_date(self.store.clock()) - timedelta(days=1)

    def plan(self, day: date, *, again: bool = False) -> Plan:
        """Return a night as it would be audited now."""
        return plan_night(self.store, self.settings, day, again=again)
