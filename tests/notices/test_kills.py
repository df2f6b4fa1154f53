"""A receiver that fails, hangs and drops, and a sender that is killed ten times: everything arrives, and in order."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

import pytest
from sqlalchemy import select
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from store.tables.api import Delivery
from store.tables.results import Notice
from tests.notices.making import SECRET, case_notice, hook, put, secret_file
from tests.notices.receiver import Faults, Receiver, receiving
from tests.stores import Place

ROOT = Path(__file__).resolve().parents[2]
KILLS, CASES, EVENTS = 10, 12, 10
PATIENCE_S = 120.0


def sender(place: Place, receiver: Receiver, log: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.notices.sending", str(place.folder), place.url or "", receiver.allow]
    with log.open("ab") as out:
        return subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=out)


def killed_ten_times(place: Place, receiver: Receiver, log: Path) -> int:
    """Kill each sender some requests after it began; let the last one end."""
    chance, kills = random.Random(7), 0
    for _ in range(KILLS):
        process, until = sender(place, receiver, log), time.monotonic() + PATIENCE_S
        goal = receiver.seen + chance.randint(1, 14)
        while receiver.seen < goal and process.poll() is None:
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.001)
        time.sleep(chance.random() * 0.02)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        kills += process.wait() == -signal.SIGKILL
    assert sender(place, receiver, log).wait(PATIENCE_S) == 0, log.read_text()
    return kills


def test_every_event_arrives_in_order_with_a_stable_id_whatever_is_killed(
    store_settings: Place, tmp_path: Path
) -> None:
    store = store_settings.opened()
    with receiving(Faults(0.30, 0.05, 0.05, seed=11)) as receiver:
        hook(store, receiver.url, secret_file(tmp_path))
        told = [case_notice(f"C{c}", n, store.clock()) for n in range(1, EVENTS + 1) for c in range(CASES)]
        put(store, *told)
        store.close()
        assert killed_ten_times(store_settings, receiver, tmp_path / "log") == KILLS
        check_arrivals(receiver)
    store = store_settings.opened()
    with store.reading() as session:
        assert set(session.scalars(select(Delivery.state))) == {"sent"}
        assert len(session.scalars(select(Delivery.id)).all()) == CASES * EVENTS
        assert None not in set(session.scalars(select(Notice.sent_ms)))
    store.close()


def check_arrivals(receiver: Receiver) -> None:
    by_case: dict[str, list[int]] = defaultdict(list)
    bodies: dict[str, set[bytes]] = defaultdict(set)
    for arrival in receiver.arrivals:
        data = Webhook(SECRET).verify(arrival.body, arrival.headers)
        assert arrival.headers["webhook-id"] == data["id"] == f"E{data['data']['case_id']}-{data['data']['seq']}"
        by_case[data["data"]["case_id"]].append(data["data"]["seq"])
        bodies[data["id"]].add(arrival.body)
    assert len(by_case) == CASES
    for seqs in by_case.values():
        assert seqs == sorted(seqs)
        assert set(seqs) == set(range(1, EVENTS + 1))
    assert {len(same) for same in bodies.values()} == {1}
    assert len(receiver.arrivals) > CASES * EVENTS, "drops and time-outs were sent again"
    arrival = receiver.arrivals[0]
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(arrival.body.replace(b"C", b"D"), arrival.headers)
    assert json.loads(arrival.body)["type"] == "case.note"
