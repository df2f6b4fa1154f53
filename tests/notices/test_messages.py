"""Messengers get one digest a run, in their language; that nothing gets out is told once a day."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import select

from feeds.faults import UnusableInput
from runs import words
from runs.addresses import OutboundRefused
from runs.notices import Sender, deliver_due
from runs.notices_after import deliver_after
from runs.notices_apprise import SCHEMES, Messenger, read_messengers, send
from runs.notices_text import TROUBLE, message
from runs.outbound import Guard, NotReached
from runs.settings import Settings
from store import deliveries
from store.engine import Store
from store.tables.api import Delivery
from store.tables.results import NotAssessedRow, Notice, Run
from tests.notices.making import DAY, case_notice, case_row, hook, night_notice, put, secret_file, settings
from tests.notices.receiver import Receiver, receiving, trapping
from tests.stores import Clock

# apprise imports a module that Python 3.13 no longer has; it brings its own there.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

HOUR_MS = 3_600_000


def messengers(folder: Path, *lines: str) -> Path:
    path = folder / "messengers"
    path.write_text("\n".join(["# whom to tell", "", *lines]), "utf-8")
    path.chmod(0o600)
    return path


def json_line(receiver: Receiver, words_before: str) -> str:
    return f"{words_before} = json://127.0.0.1:{receiver.port}/x?key=KEY"


def run(run_id: str, state: str, trouble: dict[str, object], day: date = DAY, ended_ms: int = 5) -> Run:
    return Run(
        run_id=run_id, kind="nightly", service_date=day, state=state, started_ms=1, ended_ms=ended_ms, actor="system",
        trouble=json.dumps(trouble),
    )  # fmt: skip


def unanswered(n: int) -> list[NotAssessedRow]:
    return [
        NotAssessedRow(
            service_date=DAY, vehicle_id=f"V{i}", rule="off-route", start_ms=1, end_ms=2, reason="no-mandate",
            run_id="R1", recorded_ms=1,
        )
        for i in range(n)
    ]  # fmt: skip


def clock_of(store: Store) -> Clock:
    assert isinstance(store.clock, Clock)
    return store.clock


def texts(receiver: Receiver) -> list[str]:
    return [json.loads(a.body)["message"] for a in receiver.arrivals]


def kinds(store: Store) -> list[str]:
    with store.reading() as session:
        return list(session.scalars(select(Notice.kind).order_by(Notice.id)))


def with_messengers(store: Store, path: Path, *allow: str, **more: object) -> Settings:
    return settings(store, allow, apprise=path, **more)


def a_degraded_night(store: Store) -> None:
    trouble = {"feed:amap": ["http-500"], "database": ["database-away"], "delayed": {"amap": 12}}
    put(store, run("R1", "degraded", trouble), *unanswered(34), night_notice("N1", 5, state="degraded"))
    put(store, *(case_notice(f"C{n}", 1, 5, "open") for n in range(1, 6)))
    put(store, case_row("Ca", "vehicle", "V0001", due_ms=store.clock() - 1), case_row("Cb", "vehicle", "V0002"))
    put(store, case_row("Cc", "vehicle", "V0003", due_ms=1, state="closed"))


def test_a_run_is_one_message_and_not_one_for_each_case(store: Store, tmp_path: Path) -> None:
    a_degraded_night(store)
    with receiving() as receiver:
        told = with_messengers(store, messengers(tmp_path, json_line(receiver, "office en")), receiver.allow)
        assert deliver_due(store, told).sent == 1
        assert deliver_due(store, told).sent == 0
        put(store, night_notice("N2", 6), case_notice("C9", 1, 6, "open"))
        put(store, run("R2", "done", {"delayed": {}}, ended_ms=9))
        deliver_due(store, told)
    first, second = texts(receiver)
    assert first == (
        "New cases: 5. Overdue: 1.\n"
        "Night 2026-03-18: not complete. the database was away; amap: tracks of 12 vehicles did not come;"
        " not assessed: 34 questions"
    )
    assert second == "New cases: 1. Overdue: 1.\nNight 2026-03-18: audited. not assessed: 34 questions"


def test_a_night_that_was_not_audited_is_told_of_once(store: Store, tmp_path: Path) -> None:
    put(store, run("R1", "failed", {"input": ["zones.geojson: 张三 cannot be read"]}, ended_ms=store.clock()))
    with receiving() as receiver:
        told = with_messengers(store, messengers(tmp_path, json_line(receiver, "office en alarms")), receiver.allow)
        for _ in range(3):
            deliver_due(store, told)
            clock_of(store).ms += HOUR_MS
    assert texts(receiver) == ["New cases: 0. Overdue: 0.\nNight 2026-03-18: not audited. the bundle could not be used"]


def test_who_wants_only_alarms_gets_no_quiet_digest(store: Store, tmp_path: Path) -> None:
    put(store, run("R1", "done", {"delayed": {}}), night_notice("N1", 5))
    with receiving() as receiver:
        lines = (json_line(receiver, "office en"), json_line(receiver, "duty en alarms"))
        deliver_due(store, with_messengers(store, messengers(tmp_path, *lines), receiver.allow))
    with store.reading() as session:
        assert list(session.scalars(select(Delivery.channel))) == ["apprise:office"]


def test_each_message_is_there_in_both_languages(monkeypatch: pytest.MonkeyPatch) -> None:
    said: set[str] = set()
    monkeypatch.setattr("runs.notices_text.say", lambda text, lang=None: said.add(text) or f"[{lang}]{text}")
    for state in ("done", "degraded", "failed"):
        night = {"service_date": "2026-03-18", "state": state, "trouble": list(TROUBLE), "delayed": {"amap": 1}}
        title, body = message(
            "digest", {"opened": 1, "overdue": 2, "nights": [night | {"not_assessed": 3}]}, None, "zh"
        )
        assert title.startswith("[zh]")
        assert "{" not in body
    assert "8 hours" in message("nothing-sent", {"hours": 8}, None, "en")[1]
    assert "3 notices to webhook:1" in message("receiver-dead", {"receivers": {"webhook:1": 3}}, None, "en")[1]
    assert message("digest", {}, "https://desk.example/", "en")[1].endswith("\nhttps://desk.example/")
    assert set(TROUBLE.values()) <= said
    with pytest.raises(ValueError, match="no message"):
        message("case.open", {}, None, "en")
    assert words.LANGUAGES.keys() == {"zh", "en"}


# ---------------------------------------------------------------- nothing sent
def test_that_nothing_was_sent_is_told_once_a_day(sqlite_store: Store, tmp_path: Path) -> None:
    with receiving() as receiver:
        hook(sqlite_store, receiver.url, secret_file(tmp_path))
        told = settings(sqlite_store, (receiver.allow,))
        counted = [0]
        for _ in range(3 * 24):
            deliver_due(sqlite_store, told)
            counted.append(len(receiver.arrivals))
            clock_of(sqlite_store).ms += HOUR_MS
    # Since 09:00 on the 19th: on the 20th at 09:00, then with each new day at midnight.
    assert [n for n in range(3 * 24) if counted[n + 1] > counted[n]] == [24, 39, 63]
    told_of = [json.loads(a.body) for a in receiver.arrivals]
    assert [t["data"]["hours"] for t in told_of] == [24, 39, 63]
    assert {t["type"] for t in told_of} == {"nothing-sent"}


def test_while_something_gets_out_or_nobody_is_there_to_be_told_nothing_is_made(store: Store, tmp_path: Path) -> None:
    put(store, case_notice("C1", 1, 1))
    with receiving() as receiver:
        told = settings(store, (receiver.allow,))
        for n in range(4):
            deliver_due(store, told)
            clock_of(store).ms += 20 * HOUR_MS
            if n == 1:
                hook(store, receiver.url, secret_file(tmp_path))
            put(store, case_notice("C2", n + 2, 1))
    assert set(kinds(store)) == {"case.note"}


def test_a_receiver_whose_notices_are_given_up_is_told_of_to_the_others_once_a_day(
    store: Store, tmp_path: Path
) -> None:
    with receiving() as broken, receiving() as there:
        broken.status = 500
        number = hook(store, broken.url, secret_file(tmp_path))
        hook(store, there.url, secret_file(tmp_path), ("receiver-dead", "case.*"))
        told = settings(store, (broken.allow, there.allow), attempts=1)
        for n in range(5):
            put(store, case_notice(f"C{n}", 1, 1))
            deliver_due(store, told)
            clock_of(store).ms += 2 * HOUR_MS
        clock_of(store).ms += 15 * HOUR_MS
        for _ in range(2):
            deliver_due(store, told)
    got = [json.loads(a.body) for a in there.arrivals]
    alarms = [t["data"] for t in got if t["type"] == "receiver-dead"]
    assert alarms == [{"receivers": {f"webhook:{number}": 1}}, {"receivers": {f"webhook:{number}": 4}}]


def test_what_hinders_sending_does_not_hurt_the_night_that_has_ended(store: Store, tmp_path: Path) -> None:
    put(store, run("R1", "done", {}), night_notice("N1", store.clock()))
    with receiving() as receiver:
        path = messengers(tmp_path, "Nonsense = x")
        assert deliver_after(store, with_messengers(store, path, enabled=False)) is None
        assert "begins with a name" in str(deliver_after(store, with_messengers(store, path, receiver.allow)))
        messengers(tmp_path, json_line(receiver, "office"))
        assert deliver_after(store, with_messengers(store, path, receiver.allow)) is None
    assert len(receiver.arrivals) == 1


# ---------------------------------------------------------------- apprise
def test_a_messenger_is_reached_only_where_its_address_is_allowed(store: Store, tmp_path: Path) -> None:
    put(store, run("R1", "done", {}), night_notice("N1", store.clock()))
    with receiving() as receiver:
        path = messengers(tmp_path, json_line(receiver, "office"))
        deliver_due(store, with_messengers(store, path, enabled=False))
        assert deliver_due(store, with_messengers(store, path, "0.0.0.0/0", attempts=1)).dead == 1
        assert receiver.seen == 0
        with store.reading() as session:
            ((dead, _),) = deliveries.listed(session, "dead", 9)
        assert "outbound.allow" in str(dead.last_error)
        assert "KEY" not in str(dead.last_error)
        with store.writing() as session:
            deliveries.retry(session, store.clock())
        assert deliver_due(store, with_messengers(store, path, receiver.allow)).sent == 1


def test_a_messenger_follows_no_redirect_to_where_it_may_not(monkeypatch: pytest.MonkeyPatch) -> None:
    with trapping() as trap, receiving() as receiver:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{trap.port}")
        receiver.status, receiver.headers = 307, {"Location": f"http://127.0.0.1:{trap.port}/"}
        settings_of = Settings(outbound={"enabled": True, "allow": [receiver.allow]})  # type: ignore[arg-type]
        guard = Guard.of(settings_of.outbound)
        url = f"json://127.0.0.1:{receiver.port}/x"
        with pytest.raises(NotReached):
            send(Messenger("a", "zh", False, url), guard, "t", "b")
        with pytest.raises(OutboundRefused):
            send(Messenger("a", "zh", False, url + "?redirect=yes"), guard, "t", "b")
    assert (trap.touched, receiver.seen) == ([], 2)


@pytest.mark.parametrize(
    "url",
    [
        "dingtalk://abcdefghijkl123456", "feishu://abcdefghijkl", "lark://abcdefghijkl", "schan://abcdefgh",
        "wecombot://abcdefghijkl", "pushdeers://localhost/abcdefgh", "jsons://localhost/x",
        "wechat://corpid:secret@1000002/@all", "mailto://u:p@localhost?to=a@b.cn&mode=insecure",
        "mailtos://u:p@mail.example.cn?to=a@b.cn",
    ],
)  # fmt: skip
def test_every_service_that_is_let_in_passes_the_guard(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """None finds a way around: with an empty list each is refused before a name is looked up."""
    asked: list[str] = []
    guard = Guard(True, (), lambda name, _port: asked.append(name) or [])
    with pytest.raises(OutboundRefused, match=r"outbound\.allow"):
        send(Messenger("a", "zh", False, url), guard, "t", "b")
    assert asked == []
    assert url.partition(":")[0] in SCHEMES


def test_the_file_of_messengers_tells_all_its_faults_and_no_key(tmp_path: Path) -> None:
    path = messengers(
        tmp_path, "office zh = dingtalk://KEYKEYKEY123", "= json://x", "Office = json://x", "a zh en = json://x",
        "b loud = json://x", "c = exec://KEY", "d = KEY", "office = json://x/KEY", "e = windows://KEY", "f",
        "g = feishu://", "h = http://127.0.0.1/KEY.yml",
    )  # fmt: skip
    with pytest.raises(UnusableInput) as refused:
        read_messengers(path, "zh")
    assert [f.row for f in refused.value.faults] == [4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]
    assert "KEY" not in str(refused.value)
    path.chmod(0o644)
    with pytest.raises(UnusableInput, match="others may read"):
        read_messengers(path, "zh")
    good = messengers(tmp_path, "office = dingtalk://KEYKEYKEY123", "duty en alarms = json://127.0.0.1:1/KEY")
    read = read_messengers(good, "zh")
    assert [(m.name, m.lang, m.only_alarms) for m in read] == [("office", "zh", False), ("duty", "en", True)]
    assert "KEY" not in repr(read)


def test_a_messenger_that_is_no_longer_listed_gets_nothing_more(store: Store, tmp_path: Path) -> None:
    put(store, run("R1", "done", {}), night_notice("N1", store.clock()))
    with receiving() as receiver:
        path = messengers(tmp_path, json_line(receiver, "office"))
        told = with_messengers(store, path, receiver.allow, first_wait_s=60, longest_wait_s=60)
        receiver.status = 500
        deliver_due(store, told)
        messengers(tmp_path)
        clock_of(store).ms += HOUR_MS
        with Sender(store, told) as sender:
            assert sender.run().left == {"waiting": 0, "sent": 0, "dead": 1}
    assert receiver.seen == 1
