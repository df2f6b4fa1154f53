"""Each notice gets to each receiver that wants it, once planned, tried again, and given up where that does not help."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import func, select
from standardwebhooks.webhooks import Webhook

from feeds.faults import UnusableInput
from runs.notices import Failed, Sender, deliver_due
from runs.notices_sign import signers
from store import deliveries, lease
from store.deliveries import Channel, plan, unplanned
from store.engine import Store
from store.receivers import remove_webhook
from store.tables.api import Delivery
from store.tables.results import Notice
from tests.notices.making import OTHER, SECRET, case_notice, hook, night_notice, put, secret_file, settings
from tests.notices.receiver import Arrival, Receiver, receiving
from tests.stores import Clock


def clock_of(store: Store) -> Clock:
    assert isinstance(store.clock, Clock)
    return store.clock


def states(store: Store) -> dict[str, str]:
    with store.reading() as session:
        found = session.execute(select(Notice.event_id, Delivery.state).join(Delivery, Delivery.notice_id == Notice.id))
        return dict(found.all())


def events(receiver: Receiver) -> list[str]:
    return [a.headers["webhook-id"] for a in receiver.arrivals]


def test_a_notice_is_planned_once_for_each_receiver_that_wants_its_kind(store: Store) -> None:
    channels = [Channel("a", ("*",)), Channel("b", ("case.*",)), Channel("c", ("case.open",))]
    put(store, case_notice("C1", 1, 1, "open"), case_notice("C1", 2, 1, "assign"), night_notice("N1", 1))
    for expected in (3 + 2 + 1, 0):
        with store.writing() as session:
            assert plan(session, channels, 5, unplanned(session)) == expected
    with store.reading() as session:
        told = session.execute(select(Delivery.channel, func.count()).group_by(Delivery.channel))
        assert dict(told.all()) == {"a": 3, "b": 2, "c": 1}


def test_a_receiver_is_told_of_what_happens_after_it_was_added(store: Store, tmp_path: Path) -> None:
    with receiving() as receiver:
        told = settings(store, (receiver.allow,))
        put(store, case_notice("C1", 1, 1))
        assert deliver_due(store, told).planned == 0
        hook(store, receiver.url, secret_file(tmp_path))
        put(store, case_notice("C1", 2, 1))
        done = deliver_due(store, told)
        assert (done.planned, done.sent, done.left["waiting"]) == (1, 1, 0)
    assert events(receiver) == ["EC1-2"]


def test_with_outbound_off_nothing_is_sent_and_the_log_says_so(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with receiving() as receiver:
        hook(store, receiver.url, secret_file(tmp_path))
        put(store, case_notice("C1", 1, 1))
        assert deliver_due(store, settings(store, (receiver.allow,), enabled=False)).state == "off"
        assert receiver.seen == 0
        assert "no notice is sent" in caplog.text
        assert deliver_due(store, settings(store, (receiver.allow,))).sent == 1


def test_an_address_that_is_not_allowed_gets_nothing_and_the_reason_is_on_record(store: Store, tmp_path: Path) -> None:
    with receiving() as receiver:
        hook(store, receiver.url + "?key=KEY", secret_file(tmp_path))
        put(store, case_notice("C1", 1, 1))
        done = deliver_due(store, settings(store, (), attempts=1))
        assert (done.sent, done.dead, receiver.seen) == (0, 1, 0)
    with store.reading() as session:
        ((delivery, _),) = deliveries.listed(session, "dead", 10)
    assert "outbound.allow" in str(delivery.last_error)
    assert "KEY" not in str(delivery.last_error)


def test_a_later_notice_of_a_case_waits_until_the_earlier_one_is_sent_or_dead(store: Store, tmp_path: Path) -> None:
    with receiving() as receiver:
        hook(store, receiver.url, secret_file(tmp_path))
        put(store, case_notice("C1", 1, 1), case_notice("C1", 2, 1), case_notice("C2", 1, 1))
        told = settings(store, (receiver.allow,), attempts=2, first_wait_s=100, longest_wait_s=100)
        receiver.status = 500
        deliver_due(store, told)
        assert receiver.seen == 2, "the first of each case"
        receiver.status = 200
        deliver_due(store, told)
        assert receiver.seen == 2, "its time has not come"
        clock_of(store).ms += 200_000
        deliver_due(store, told)
    assert sorted(events(receiver)) == ["EC1-1", "EC1-2", "EC2-1"]
    assert events(receiver).index("EC1-1") < events(receiver).index("EC1-2")


def test_after_the_last_try_a_delivery_is_dead_and_seen_and_the_next_one_goes(store: Store, tmp_path: Path) -> None:
    with receiving() as receiver:
        number = hook(store, receiver.url, secret_file(tmp_path))
        told = settings(store, (receiver.allow,), attempts=2, first_wait_s=10, longest_wait_s=10)
        put(store, case_notice("C1", 1, 1), case_notice("C1", 2, 1))
        receiver.status = 500
        deliver_due(store, told)
        clock_of(store).ms += 20_000
        receiver.status = 500
        with Sender(store, told) as sender:
            assert sender.run().dead == 1
        assert states(store) == {"EC1-1": "dead", "EC1-2": "waiting"}
        with store.reading() as session:
            ((dead, notice),) = deliveries.listed(session, "dead", 10)
        assert (dead.channel, dead.attempts, dead.last_status, dead.last_error) == (
            f"webhook:{number}",
            2,
            500,
            "HTTP 500",
        )
        assert notice.event_id == "EC1-1"
        receiver.status = 200
        clock_of(store).ms += 20_000
        with store.writing() as session:
            assert deliveries.retry(session, store.clock(), dead.id) == 1
            assert deliveries.retry(session, store.clock(), dead.id) == 0
        deliver_due(store, told)
    assert states(store) == {"EC1-1": "sent", "EC1-2": "sent"}
    assert events(receiver) == ["EC1-1", "EC1-2"]


def test_waits_grow_and_a_receiver_may_ask_for_more(store: Store, tmp_path: Path) -> None:
    with receiving() as receiver:
        hook(store, receiver.url, secret_file(tmp_path))
        put(store, case_notice("C1", 1, 1))
        told = settings(store, (receiver.allow,), attempts=12, first_wait_s=5, longest_wait_s=21_600)
        receiver.status, waits = 503, []
        for n in range(11):
            receiver.headers = {"Retry-After": "3000"} if n == 2 else {}
            deliver_due(store, told)
            with store.reading() as session:
                next_ms = session.scalars(select(Delivery.next_ms)).one()
            waits.append((next_ms - store.clock()) / 1000)
            clock_of(store).ms = next_ms
        assert deliver_due(store, told).dead == 1
    assert 4 <= waits[0] <= 6
    assert waits[2] == 3000
    assert 21_600 * 0.8 <= waits[-1] <= 21_600 * 1.2
    grown = [w for n, w in enumerate(waits) if n != 2]
    assert grown == sorted(grown)
    assert receiver.seen == 12


def test_a_receiver_that_is_away_does_not_hold_up_the_others(store: Store, tmp_path: Path) -> None:
    with receiving() as away, receiving() as there:
        away.status = 500
        for one in (away, there):
            hook(store, one.url, secret_file(tmp_path))
        put(store, *(case_notice(f"C{n}", 1, 1) for n in range(40)))
        deliver_due(store, settings(store, (away.allow, there.allow), first_wait_s=60, longest_wait_s=60))
    assert (away.seen, len(there.arrivals)) == (3, 40)


def test_what_a_sender_did_not_mark_is_sent_again_under_the_same_id(store: Store, tmp_path: Path) -> None:
    with receiving() as receiver:
        hook(store, receiver.url, secret_file(tmp_path))
        put(store, case_notice("C1", 1, 1))
        told = settings(store, (receiver.allow,))

        def killed(*_: object) -> None:
            raise KeyboardInterrupt

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(deliveries, "sent", killed)
            with pytest.raises(KeyboardInterrupt):
                deliver_due(store, told)
        assert deliver_due(store, told).sent == 1
    assert events(receiver) == ["EC1-1", "EC1-1"]
    assert receiver.arrivals[0].body == receiver.arrivals[1].body


def test_one_sender_works_at_a_time(store: Store, tmp_path: Path) -> None:
    with receiving() as receiver:
        hook(store, receiver.url, secret_file(tmp_path))
        put(store, case_notice("C1", 1, 1))
        told = settings(store, (receiver.allow,))
        held = lease.take(store, "notices", 60_000)
        assert (deliver_due(store, told).state, receiver.seen) == ("taken", 0)
        lease.release(store, held)
        assert deliver_due(store, told).sent == 1


def test_a_sender_that_lost_its_lease_marks_nothing(store: Store, tmp_path: Path) -> None:
    with receiving() as receiver, Sender(store, settings(store, (receiver.allow,))) as sender:
        hook(store, receiver.url, secret_file(tmp_path))
        put(store, case_notice("C1", 1, 1))
        real = sender._post

        def slept(*args: object) -> object:
            clock_of(store).ms += 600_000  # and meanwhile another one took over
            lease.take(store, "notices", 60_000)
            return real(*args)  # type: ignore[arg-type]

        sender._post = slept  # type: ignore[method-assign,assignment]
        assert sender.run().state == "taken"
    assert states(store) == {"EC1-1": "waiting"}


def test_a_removed_webhook_gets_nothing_more(store: Store, tmp_path: Path) -> None:
    from cases.roles import SYSTEM

    with receiving() as receiver:
        number = hook(store, receiver.url, secret_file(tmp_path))
        put(store, case_notice("C1", 1, 1))
        told = settings(store, (receiver.allow,), first_wait_s=60, longest_wait_s=60)
        receiver.status = 500
        deliver_due(store, told)
        with store.writing() as session:
            assert remove_webhook(session, SYSTEM, number, store.clock()) == 1
            deliveries.retry(session, store.clock())
        put(store, case_notice("C1", 2, 1))
        done = deliver_due(store, told)
        assert (done.planned, done.sent, receiver.seen) == (0, 0, 1)
    assert states(store) == {"EC1-1": "dead"}


def test_deliveries_of_erased_notices_go_too(store: Store, tmp_path: Path) -> None:
    with receiving() as receiver:
        hook(store, receiver.url, secret_file(tmp_path))
        put(store, case_notice("C1", 1, 1), case_notice("C2", 1, 1))
        told = settings(store, (receiver.allow,))
        deliver_due(store, told)
        with store.writing() as session:
            session.delete(session.scalars(select(Notice).where(Notice.case_id == "C1")).one())
        deliver_due(store, told)
    assert states(store) == {"EC2-1": "sent"}


# ---------------------------------------------------------------- secrets
def test_while_a_secret_is_changed_the_receiver_may_hold_either(store: Store, tmp_path: Path) -> None:
    with receiving() as receiver:
        hook(store, receiver.url, secret_file(tmp_path))
        told = settings(store, (receiver.allow,))
        for n, text in enumerate((SECRET, f"{OTHER}\n{SECRET}", OTHER), 1):
            secret_file(tmp_path, text)
            put(store, case_notice("C1", n, 1))
            deliver_due(store, told)
        before, during, after = receiver.arrivals

    def held_by(secret: str, *arrivals: Arrival) -> list[bool]:
        return [signature(secret, a) in a.headers["webhook-signature"].split() for a in arrivals]

    assert held_by(SECRET, before, during, after) == [True, True, False]
    assert held_by(OTHER, before, during, after) == [False, True, True]


def signature(secret: str, arrival: Arrival) -> str:
    at = datetime.fromtimestamp(int(arrival.headers["webhook-timestamp"]), UTC)
    return Webhook(secret).sign(arrival.headers["webhook-id"], at, arrival.body.decode())


@pytest.mark.parametrize(
    "text", ["", "whsec_", "secret", SECRET[:20], f"{SECRET} {OTHER} {SECRET}", "whsec_" + "!" * 40, SECRET[6:]]
)
def test_what_is_no_secret_is_refused_and_not_repeated(tmp_path: Path, text: str) -> None:
    with pytest.raises(UnusableInput) as refused:
        signers(secret_file(tmp_path, text))
    assert not [part for part in text.split() if len(part) > 8 and part[6:] in str(refused.value)]


def test_a_secret_that_others_may_read_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ref = secret_file(tmp_path)
    Path(ref.removeprefix("file:")).chmod(0o640)
    with pytest.raises(UnusableInput, match="others may read"):
        signers(ref)
    with pytest.raises(UnusableInput, match="not set"):
        signers("env:TRAJAUDIT_TEST_HOOK")
    monkeypatch.setenv("TRAJAUDIT_TEST_HOOK", f"{SECRET} {OTHER}")
    assert len(signers("env:TRAJAUDIT_TEST_HOOK")) == 2
    for ref in ("file:secret", "secret", "", "vault:x"):
        with pytest.raises(UnusableInput, match="names no secret"):
            signers(ref)


def test_a_webhook_is_tried_without_the_outbox(store: Store, tmp_path: Path) -> None:
    with receiving() as receiver:
        number = hook(store, receiver.url, secret_file(tmp_path))
        with Sender(store, settings(store, (receiver.allow,))) as sender:
            assert sender.check(number) == 200
            receiver.status = 404
            with pytest.raises(Failed, match="HTTP 404"):
                sender.check(number)
    assert json.loads(receiver.arrivals[0].body)["type"] == "test"
    assert states(store) == {}
