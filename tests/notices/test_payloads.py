"""Nothing about a person leaves, whatever got into a notice; a vehicle only where the receiver is cleared for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cases.states import Action
from runs.night_run import DEGRADED, FAILED, KIND
from runs.notices import deliver_due
from runs.notices_made import KIND as KIND_HERE
from runs.notices_payload import DEGRADED as DEGRADED_HERE
from runs.notices_payload import FAILED as FAILED_HERE
from runs.notices_payload import KINDS, body_of, subject_of
from runs.notices_text import TROUBLE, message
from store.engine import Store
from store.tables.results import Notice
from tests.notices.making import DAY, case_notice, case_row, hook, put, secret_file, settings
from tests.notices.receiver import receiving

CANARIES = ("P-CANARY", "T-CANARY", "豫A1234学", "张三丰", "13800000000", "510101199001010015", "a word of an auditor")
VEHICLE = "V-CANARY"


def hostile_payload() -> dict[str, Any]:
    """A payload as no program of ours writes it: canaries under every key that there could be."""
    keys = (
        "person_id",
        "trainee_id",
        "plate",
        "name",
        "text",
        "assignee",
        "note",
        "subject_id",
        "vehicle_id",
        "action",
    )
    told: dict[str, Any] = {key: CANARIES[n % len(CANARIES)] for n, key in enumerate(keys)}
    told |= {"case_id": "C1", "seq": 1, "state": CANARIES[3], "service_date": CANARIES[6], "changes": {CANARIES[2]: 3}}
    told |= {"nights": [{"service_date": CANARIES[3], "trouble": list(CANARIES[2:]), "delayed": {CANARIES[2]: 1}}]}
    told |= {"receivers": {CANARIES[6]: 1}, "opened": CANARIES[5], "hours": CANARIES[4], "vehicle": VEHICLE}
    return told | {"deep": {"person": {"id": CANARIES[0]}}, CANARIES[1]: CANARIES[1]}


def kinds() -> list[str]:
    own = ["night.audited", "nothing-sent", "receiver-dead", "digest", "digest.amiss", "test", "some.new-kind"]
    return [f"case.{action}" for action in Action] + own


@pytest.mark.parametrize("clearance", ["none", "vehicle"])
def test_canaries_of_persons_reach_no_receiver(store: Store, tmp_path: Path, clearance: str) -> None:
    subjects = (("C1", "person", "P-CANARY"), ("C2", "trainee", "T-CANARY"), ("C3", "vehicle", VEHICLE))
    payload = json.dumps(hostile_payload(), ensure_ascii=False)
    with receiving() as receiver:
        hook(store, receiver.url, secret_file(tmp_path), ("*",), clearance)
        put(store, *(case_row(case_id, kind, subject) for case_id, kind, subject in subjects))
        put(
            store,
            *(
                Notice(
                    event_id=f"E{n}-{case_id}", kind=kind, service_date=DAY, case_id=case_id, payload=payload,
                    created_ms=n,
                )
                for case_id, _, _ in subjects
                for n, kind in enumerate(kinds())
            ),
        )  # fmt: skip
        done = deliver_due(store, settings(store, (receiver.allow,)))
        assert done.sent == len(kinds()) * len(subjects)
    for arrival in receiver.arrivals:
        told = arrival.body.decode() + json.dumps(json.loads(arrival.body), ensure_ascii=False) + repr(arrival.headers)
        assert not [c for c in CANARIES if c in told], told
        of_vehicle = arrival.headers["webhook-id"].endswith("-C3")
        assert (VEHICLE in told) == (of_vehicle and clearance == "vehicle"), told


def test_canaries_of_persons_are_in_no_message() -> None:
    from runs.notices_payload import data_of

    payload = json.dumps(hostile_payload(), ensure_ascii=False)
    for kind in ("digest", "digest.amiss", "nothing-sent", "receiver-dead"):
        data = data_of(Notice(event_id="E", kind=kind, service_date=DAY, payload=payload, created_ms=1))
        for lang in ("zh", "en"):
            told = "".join(message(kind, data, None, lang))
            assert not [c for c in (*CANARIES, VEHICLE) if c in told], told


def test_a_receiver_learns_kind_ids_state_and_where_to_look(store: Store) -> None:
    put(store, case_row("C1", "vehicle", "V0001"), case_row("C2", "person", "P0001"))
    notice = case_notice("C1", 3, 1_773_882_000_123, "escalate")
    with store.reading() as session:
        subject = subject_of(session, notice)
        assert subject_of(session, case_notice("C2", 1, 1)).vehicle_id is None
    told = json.loads(body_of(notice, subject, "vehicle", "https://desk.example/"))
    assert told == {
        "id": "EC1-3",
        "type": "case.escalate",
        "timestamp": "2026-03-19T01:00:00.123Z",
        "data": {
            "case_id": "C1", "seq": 3, "action": "escalate", "state": "new", "service_date": "2026-03-18",
            "vehicle_id": "V0001", "link": "https://desk.example/cases/C1",
        },
    }  # fmt: skip
    assert "vehicle_id" not in json.loads(body_of(notice, subject, None, ""))["data"]


def test_the_words_for_runs_are_those_of_the_nightly() -> None:
    assert (KIND_HERE, DEGRADED_HERE, FAILED_HERE) == (KIND, DEGRADED, FAILED)
    assert set(TROUBLE) == {"pull", "input", "write", "heads", "database"}
    assert "case.*" in KINDS
