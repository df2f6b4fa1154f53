"""What an edit or a late delivery would do to a night of the store: which vehicle-days are audited anew, what changes.

It is the nightly's own way up to the point where that would write. Nothing is written here but files that no row names.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from audit.causes import basis_of
from audit.compare import Answers as Said
from audit.compare import compare
from audit.finding import Finding, NotAssessed
from audit.registry import Rule
from feeds.faults import Fault, UnusableInput
from runs.asking import Why
from runs.audited import Audited
from runs.compared import Compared
from runs.ingest import Source, brings_passages, files_held, merged_files, refuse_erased
from runs.night_desk import Desk
from runs.night_plan import answers_from, audit_plan, plan_night
from runs.office import rules_with
from runs.stand_in import links_of
from runs.whatif import places_of, with_settings
from runs.words import say
from store.results import Answers, Changes, compare_findings, findings_of, not_assessed_of

PREVIEW = "preview"


@dataclass(frozen=True, slots=True)
class Edit:
    """What to try on a night: files of a delivery, zones or hours in place of the night's, values of rules."""

    service_date: date
    delivery: Path | None = None
    zones: Path | None = None
    schedules: Path | None = None
    office: Path | None = None
    settings: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to be tried."""
        return not (self.delivery or self.zones or self.schedules or self.office or self.settings)


@dataclass(frozen=True, slots=True)
class Preview:
    """What would happen. `why`: vehicle to the reason for which it is audited anew; `n_vehicles` there are.

    `has_untried_passages`: the delivery brings checkpoint records, which only an ingest judges.
    """

    compared: Compared
    changes: Changes
    why: dict[str, Why] = field(default_factory=dict)
    n_vehicles: int = 0
    has_untried_passages: bool = False


def preview(desk: Desk, edit: Edit, lang: str = "zh") -> Preview:
    """Return what an edit would do; raises `UnusableInput` for anything that could not be taken in."""
    if edit.is_empty:
        expected = "--delivery, --zones, --schedules, --office or --set RULE.PARAMETER=VALUE"
        raise UnusableInput([Fault("whatif", "nothing to try", expected=expected)])
    with _delivery(edit) as folder:
        untried = brings_passages(folder)
        source = Source(folder, edit.service_date, desk.settings.nightly.history_days, desk.actor)
        files = merged_files(desk.store, source, files_held(desk.store, edit.service_date))
    refuse_erased(desk.store, files)
    plan = plan_night(desk.store, desk.settings, edit.service_date, files=files, rules=_rules(desk, edit))
    audited = audit_plan(desk.store, plan, desk.progress, desk.settings.nightly.jobs)
    answers = answers_from(audited, PREVIEW)
    with desk.store.reading() as session:
        standing = findings_of(session, edit.service_date)
        unanswered = not_assessed_of(session, edit.service_date)
    compared = _compared(answers, standing, unanswered, audited, lang)
    return Preview(
        compared, compare_findings(answers, standing), dict(audited.asking.why), len(answers.vehicles), untried
    )


def _rules(desk: Desk, edit: Edit) -> tuple[Rule, ...]:
    return with_settings(rules_with(edit.office or desk.settings.nightly.office), edit.settings, edit.service_date)


@contextmanager
def _delivery(edit: Edit) -> Iterator[Path]:
    """Give a folder of what is to be tried, as it would be delivered."""
    with TemporaryDirectory(prefix="trajaudit-trial-") as place:
        folder = Path(place)
        if edit.delivery is not None:
            if not edit.delivery.is_dir():
                raise UnusableInput([Fault(str(edit.delivery), "is not a folder")])
            for entry in edit.delivery.iterdir():
                (folder / entry.name).symlink_to(entry.absolute())
        for name, file in links_of(edit.zones, edit.schedules).items():
            (folder / name).unlink(missing_ok=True)
            (folder / name).symlink_to(file.absolute())
        yield folder


def _compared(
    answers: Answers, standing: list[Finding], unanswered: list[NotAssessed], audited: Audited, lang: str
) -> Compared:
    """Compare what stands with what would stand."""
    kept = [f for f in standing if not answers.replaces(f.rule, f.vehicle_id)]
    still = [n for n in unanswered if not answers.replaces(n.rule, n.vehicle_id)]
    after = sorted([*kept, *answers.findings], key=lambda f: f.finding_id)
    said = [
        Said(answers.service_date, found, rows, basis_of(found, sha256, audited.versions))
        for found, rows, sha256 in (
            (standing, unanswered, ""),
            (after, [*still, *answers.not_assessed], audited.bundle_sha256),
        )
    ]
    names = (say("as it is", lang), say("with the edit", lang))
    return Compared(compare(*said), *names, audited.bundle.config.local, places_of(audited, audited, lang))


def counted(why: Collection[Why]) -> dict[str, int]:
    """Return how many vehicle-days are audited anew, by reason."""
    return {str(reason): n for reason in Why if (n := sum(w is reason for w in why))}
