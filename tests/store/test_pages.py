"""Long lists part by part: the same order in every database, whatever languages the machine sorts by."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from sqlalchemy import ColumnElement, event, select

from store.engine import Store
from store.pages import (
    finding_page,
    finding_place,
    not_assessed_page,
    not_assessed_place,
    pinned,
    register_content,
    register_page,
)  # fmt: skip
from store.results import findings_of, not_assessed_of
from store.tables.results import FindingRow

DAY = date(2026, 3, 18)


def walked(read: Any, place: Any, limit: int) -> list[Any]:
    out, after = [], None
    while part := read(after, limit):
        out += part
        after = place(part[-1])
    return out


def test_findings_come_in_the_order_of_the_contract(night: Store) -> None:
    with night.writing() as session:
        rows = list(session.scalars(select(FindingRow).where(FindingRow.vehicle_id.is_not(None))))
        for row, vehicle_id in zip(rows, ("v", "V_", "Z", "a", "Ä", "豫"), strict=False):
            row.start_ms, row.end_ms, row.vehicle_id = 1, 2, vehicle_id
    with night.reading() as session:
        expected = [f.finding_id for f in findings_of(session, DAY)]
        for limit in (1, 4, 100):
            told = walked(lambda a, n: finding_page(session, [], None, a, n), finding_place, limit)
            assert [r.finding_id for r in told] == expected
        kept = finding_page(session, [], None, None, 3, lambda row: row.vehicle_id == "Z")
        assert [r.vehicle_id for r in kept] == ["Z"]
        assert pinned(session, None, kept) >= kept[0].recorded_ms


def test_unanswered_questions_are_walked_once(night: Store) -> None:
    with night.reading() as session:
        told = walked(lambda a, n: not_assessed_page(session, [], None, a, n), not_assessed_place, 7)
        assert len({r.id for r in told}) == len(told) == len(not_assessed_of(session, DAY))
        assert [r.start_ms for r in told] == sorted(r.start_ms for r in told)


def test_a_register_is_walked_by_its_ordinals(night: Store) -> None:
    with night.reading() as session:
        content = register_content(session, DAY, "vehicles", None)
        rows = register_page(session, "vehicles", content, DAY, [], 4, 3)
        assert [r.ordinal for r in rows] == [5, 6, 7]
        assert register_page(session, "vehicles", None, DAY, [], -1, 3) == []
        assert register_content(session, DAY, "vehicles", 0) is None


@pytest.mark.parametrize("where", [[], [FindingRow.school_id == "SCH01"], [FindingRow.rule == "off-route"]])
def test_a_page_of_all_nights_goes_along_the_index_of_starts(
    sqlite_store: Store, where: list[ColumnElement[bool]]
) -> None:
    """Whatever is asked for: sorting every finding there is for each page is what makes a list slow."""
    asked: list[tuple[str, Any]] = []
    with sqlite_store.reading() as session:
        connection = session.connection()
        event.listen(connection, "before_cursor_execute", lambda *told: asked.append((told[2], told[3])))
        finding_page(session, where, None, None, 101)
        (statement, values) = asked[0]
        plan = [str(row[3]) for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)]
    assert "ix_findings_start" in plan[0]
    assert "USE TEMP B-TREE FOR ORDER BY" not in plan
