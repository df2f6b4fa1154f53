"""`leads.csv`: written only when asked for. UTF-8 with a BOM, cells that no spreadsheet takes for a formula."""

from __future__ import annotations

from collections.abc import Sequence

from audit.leads import Lead
from reports.csv_files import Cell, table_csv
from reports.plain import optional, storable
from trajectories.clock import LocalTime

COLUMNS = (
    "service_date", "rule", "vehicle_id", "plate", "school_id", "session_id", "person_id", "start", "end", "cameras",
    "posterior", "strength_zh", "strength_en", "why_no_finding", "summary_zh", "summary_en",
)  # fmt: skip


def leads_csv(leads: Sequence[Lead], local: LocalTime) -> bytes:
    """Return the leads in the order given; times are ISO 8601 with the local offset."""
    return table_csv(COLUMNS, (_cells(lead, local) for lead in leads))


def _cells(lead: Lead, local: LocalTime) -> dict[str, Cell]:
    return {
        "service_date": lead.service_date.isoformat(),
        "rule": lead.rule,
        "vehicle_id": storable(lead.vehicle_id),
        "plate": storable(lead.plate),
        "school_id": optional(lead.school_id),
        "session_id": optional(lead.session_id),
        "person_id": storable(lead.person_id),
        "start": local.iso(lead.start_ms),
        "end": local.iso(lead.end_ms),
        "cameras": lead.cameras,
        "posterior": round(lead.posterior, 4),
        "strength_zh": lead.strength["zh"],
        "strength_en": lead.strength["en"],
        "why_no_finding": ",".join(lead.why_not),
        "summary_zh": lead.summary["zh"],
        "summary_en": lead.summary["en"],
    }
