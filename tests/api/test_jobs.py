"""Long work over HTTP: it runs in a process of its own, tells how far it is, and ends with what came of it."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import anyio
import pytest

from api.jobs import NIGHTLY, TRIAL
from api.platform import Platform
from cases.roles import Actor
from feeds.faults import UnusableInput
from runs.jobs import END, KEPT, Job, Jobs, JobState, Task, TooMany
from runs.night_tasks import NightlyTask, PreviewTask
from runs.nightly import Order
from runs.progress import Silent
from runs.settings import NightlySettings, Settings, StoreSettings
from store import lease
from store.accounts import actor_of, disable
from store.results import findings_of
from store.tables.results import Run
from tests.api.calls import call, get, kind_of, post
from tests.api.conftest import CITY, DAY, Server, served
from tests.api.looping import run
from tests.api.tasks import Counting, Ending
from tests.stores import Clock

NIGHT = f"/v1/nights/{DAY}"
SOMEBODY = Actor("somebody")
LONG_S = 60.0


@pytest.fixture
def jobs() -> Iterator[Jobs]:
    made = Jobs(Clock())
    yield made
    made.stop()


def over(job: Job) -> Job:
    """Return a job once it is over."""
    until = time.monotonic() + LONG_S
    while not job.is_over:
        assert time.monotonic() < until, "it never ended"
        time.sleep(0.01)
    return job


def ended(server: Server, name: str, where: str) -> dict[str, Any]:
    """Return a job of a server once it is over."""
    over(platform(server).jobs.get(where.rpartition("/")[2]))  # type: ignore[arg-type]
    told: dict[str, Any] = get(server, name, where).json()
    return told


def platform(server: Server) -> Platform:
    found: Platform = server.app.state.platform
    return found


def actor(server: Server, name: str) -> Actor:
    with server.store.reading() as session:
        return actor_of(session, name, server.store.clock())


def held(server: Server, name: str, job_id: str, kind: str = NIGHTLY) -> Job:
    """Put a job that runs nowhere into a server, so that a test can let it tell what it likes."""
    job = Job(job_id, kind, DAY, actor(server, name), 0)
    platform(server).jobs._jobs[job_id] = job
    return job


# ---------------------------------------------------------------- jobs by themselves


def test_a_job_runs_in_another_process_and_tells_how_far_it_is(jobs: Jobs) -> None:
    job = over(jobs.start("count", DAY, SOMEBODY, Counting()))
    assert (job.state, job.trouble) == (JobState.DONE, None)
    assert job.result is not None
    assert (job.result["counted"], job.result["process"] != os.getpid()) == (10, True)
    told = job.told_after(0)
    assert [t.name for t in told] == ["stage", "progress", END]
    assert told[1].data == {"stage": "audit", "done": 10, "total": 10}
    assert [t.number for t in told] == sorted(t.number for t in told)


@pytest.mark.parametrize(
    ("how", "state", "messages"),
    [
        ("bad-input", JobState.REFUSED, ("zones.geojson: is no GeoJSON", "zones.geojson: is empty")),
        ("runs-already", JobState.REFUSED, ("nightly: another one runs",)),
        ("refused", JobState.REFUSED, ("there is no such night",)),
        ("fault", JobState.FAILED, ()),
        ("broke-off", JobState.FAILED, ("its process ended with code 9 before it was done",)),
    ],
)
def test_a_job_that_does_not_end_well_says_why(jobs: Jobs, how: str, state: JobState, messages: tuple[str]) -> None:
    job = over(jobs.start("count", DAY, SOMEBODY, Ending(how)))
    assert (job.state, job.result, job.trouble) == (state, None, (how, messages))


def test_no_more_of_a_kind_run_than_may_and_a_server_that_ends_stops_them(jobs: Jobs, tmp_path: Path) -> None:
    waiting: Task = Counting(tmp_path / "never")
    job = jobs.start("count", DAY, SOMEBODY, waiting)
    with pytest.raises(TooMany) as refused:
        jobs.start("count", DAY, SOMEBODY, waiting)
    assert refused.value.running is job
    jobs.stop()
    assert over(job).trouble == ("broke-off", ("its process ended with code -15 before it was done",))


def test_of_jobs_that_are_over_the_last_are_known(jobs: Jobs) -> None:
    for n in range(KEPT + 5):
        old = Job(f"J{n}", "count", DAY, SOMEBODY, 0)
        old.end(JobState.DONE, 0)
        jobs._jobs[old.job_id] = old
    job = over(jobs.start("count", DAY, SOMEBODY, Ending("refused")))
    assert (jobs.get("J0"), jobs.get("J5"), jobs.get(job.job_id)) == (None, None, job)
    assert jobs.get(f"J{KEPT + 4}") is not None
    assert len(jobs._jobs) == KEPT


# ---------------------------------------------------------------- events


def events_of(text: str) -> list[tuple[int, str, dict[str, Any]]]:
    """Return id, name and data of each event of a stream, as a browser reads it."""
    out = []
    for block in text.replace("\r\n", "\n").split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if lines:
            out.append((int(lines["id"]), lines["event"], json.loads(lines["data"])))
    return out


def test_events_come_as_they_happen_and_end_with_the_result(reading_server: Server) -> None:
    job = held(reading_server, "admin", "J" + "1" * 20)
    pieces: list[str] = []
    came: Any = None

    async def listen() -> None:
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
            "path": f"/v1/jobs/{job.job_id}/events", "raw_path": b"", "query_string": b"", "root_path": "",
            "headers": [(b"authorization", f"Bearer {reading_server.keys['admin']}".encode())],
            "client": ("127.0.0.1", 1), "server": ("audit.test", 80),
        }  # fmt: skip

        async def receive() -> dict[str, Any]:
            await anyio.sleep_forever()
            return {}

        async def send(message: Any) -> None:
            nonlocal came
            pieces.append(message.get("body", b"").decode())
            came.set()
            came = anyio.Event()

        await reading_server.app(scope, receive, send)

    async def arrived(text: str) -> None:
        with anyio.fail_after(10):
            while text not in "".join(pieces):
                await came.wait()

    async def tell() -> None:
        nonlocal came
        came = anyio.Event()
        async with anyio.create_task_group() as group:
            group.start_soon(listen)
            job.tell("stage", {"stage": "audit", "done": 0, "total": 2})
            await arrived('"done": 0')
            job.tell("progress", {"stage": "audit", "done": 1, "total": 2})
            await arrived('"done": 1')
            job.end(JobState.DONE, 5, result={"nights": []})

    run(tell)
    told = events_of("".join(pieces))
    assert [(number, name) for number, name, _ in told] == [(1, "stage"), (2, "progress"), (3, "end")]
    assert (told[2][2]["state"], told[2][2]["result"]) == ("done", {"nights": []})


def test_who_lost_the_connection_goes_on_behind_what_he_has(reading_server: Server) -> None:
    job = held(reading_server, "admin", "J" + "2" * 20)
    for stage in ("datum", "audit"):
        job.tell("stage", {"stage": stage, "done": 0, "total": 9})
        for done in (3, 6, 9):
            job.tell("progress", {"stage": stage, "done": done, "total": 9})
    job.end(JobState.FAILED, 7, trouble=("fault", ()))
    path = f"/v1/jobs/{job.job_id}/events"
    whole = get(reading_server, "admin", path)
    assert whole.headers["content-type"].startswith("text/event-stream")
    assert [number for number, _, _ in events_of(whole.text)] == [1, 4, 5, 8, 9]
    for last, left in (("4", [5, 8, 9]), ("2", [4, 5, 8, 9]), ("8", [9]), ("9", []), ("999", [])):
        answer = get(reading_server, "admin", path, Last_Event_ID=last)
        assert [number for number, _, _ in events_of(answer.text)] == left, last
    for nonsense in ("-1", "one", "1" * 10):
        assert get(reading_server, "admin", path, Last_Event_ID=nonsense).status_code == 400


def test_a_job_is_known_only_to_whom_it_concerns(server: Server) -> None:
    night, trial = held(server, "admin", "J" + "3" * 20), held(server, "auditor", "J" + "4" * 20, TRIAL)
    seen = {"admin": night, "auditor": trial}
    for name in ("admin", "auditor", "auditor-here", "head", "school-1", "platform"):
        for job in (night, trial):
            status = 200 if seen.get(name) is job else 404
            assert get(server, name, f"/v1/jobs/{job.job_id}").status_code == status, name
            if status == 404:
                assert get(server, name, f"/v1/jobs/{job.job_id}/events").status_code == 404
    assert get(server, "admin", "/v1/jobs/J0").status_code == 404
    grants = "/v1/users/auditor/grants"
    post(server, "admin", grants, {"role": "reviewer"})
    assert get(server, "auditor", f"/v1/jobs/{trial.job_id}").status_code == 404


# ---------------------------------------------------------------- the nightly


def test_a_nightly_is_started_and_its_run_is_on_record(server: Server) -> None:
    started = post(server, "admin", f"{NIGHT}/runs", {"again": True})
    assert (started.status_code, started.json()["state"]) == (202, "running")
    where = started.headers["location"]
    second = post(server, "admin", f"{NIGHT}/runs")
    assert (second.status_code, kind_of(second), second.headers["location"]) == (409, "runs-already", where)
    told = ended(server, "admin", where)
    assert (told["state"], told["kind"], told["started_by"]) == ("done", "nightly", "admin")
    (night,) = told["result"]["nights"]
    assert (night["state"], told["result"]["is_whole"]) == ("done", True)
    with server.store.reading() as session:
        run = session.get(Run, night["run_id"])
        assert run is not None
        assert (run.actor, run.state, run.service_date) == ("admin", "done", DAY)
    stages = [data["stage"] for _, name, data in events_of(get(server, "admin", f"{where}/events").text) if name != END]
    assert "audit" in stages


def test_a_night_that_lies_ready_is_taken_in(city_store: Path, tmp_path: Path) -> None:
    shutil.copytree(city_store, tmp_path / "store")
    (tmp_path / "bundles" / "2026-03-19").mkdir(parents=True)
    settings = Settings(
        store=StoreSettings(folder=tmp_path / "store"), nightly=NightlySettings(bundles=tmp_path / "bundles")
    )
    server = served(tmp_path / "store", settings)
    assert post(server, "admin", "/v1/nights/2026-03-17/runs").status_code == 404
    held(server, "admin", "J" + "7" * 20)
    busy = post(server, "admin", "/v1/nights/2026-03-19/runs")
    assert (busy.status_code, busy.headers["location"]) == (409, "/v1/jobs/J" + "7" * 20)
    order = Order(date(2026, 3, 19))
    told = NightlyTask(settings, actor(server, "admin"), order, server.store.clock).run(Silent())
    assert (told["is_whole"], told["nights"][0]["state"]) == (False, "failed")
    assert "input" in told["nights"][0]["trouble"]
    server.store.close()


def test_a_nightly_of_another_program_is_not_disturbed(server: Server) -> None:
    other = lease.take(server.store, lease.NIGHTLY, 60_000)
    answer = post(server, "admin", f"{NIGHT}/runs")
    assert (answer.status_code, kind_of(answer)) == (409, "runs-already")
    lease.release(server.store, other)
    started = post(server, "admin", f"{NIGHT}/runs")
    assert started.status_code == 202
    platform(server).jobs.stop()
    assert ended(server, "admin", started.headers["location"])["trouble"]["code"] == "broke-off"


def test_a_night_that_is_not_there_is_not_found(reading_server: Server) -> None:
    assert post(reading_server, "admin", "/v1/nights/2026-03-20/runs").status_code == 404
    assert post(reading_server, "admin", "/v1/nights/yesterday/runs").status_code == 400
    body = {"values": {"signal-gap.silence_min": 20}}
    assert post(reading_server, "auditor", "/v1/nights/2026-03-20/preview", body).status_code == 404


# ---------------------------------------------------------------- trials


def zones() -> dict[str, Any]:
    """Return the sample night's zones."""
    told: dict[str, Any] = json.loads((CITY / "zones.geojson").read_text("utf-8"))
    return told


def test_an_edit_is_tried_and_nothing_is_changed(server: Server) -> None:
    with server.store.reading() as session:
        before = findings_of(session, DAY)
    fewer = zones()
    fewer["features"] = fewer["features"][1:]
    started = post(server, "auditor", f"{NIGHT}/preview", {"zones": fewer})
    held(server, "auditor", "J" + "6" * 20, TRIAL)
    third = post(server, "head", f"{NIGHT}/preview", {"values": {"signal-gap.silence_min": 600}})
    assert (started.status_code, third.status_code, kind_of(third)) == (202, 429, "too-many")
    told = ended(server, "auditor", started.headers["location"])
    assert told["state"] == "done", told
    result = told["result"]
    assert (result["service_date"], result["vehicle_days"]["n"] > 0) == (DAY.isoformat(), True)
    assert result["vehicle_days"]["asked_anew"] == sum(result["vehicle_days"]["why"].values()) > 0
    changed = [side for pair in result["changed"] for side in (pair["before"], pair["after"])]
    lines = [*result["new"], *changed, *result["gone"]]
    assert lines
    people = {f.person_id for f in before} | {f.trainee_id for f in before}
    assert not [key for key in people - {None} if key in json.dumps(lines, ensure_ascii=False)]
    with server.store.reading() as session:
        assert [f.finding_id for f in findings_of(session, DAY)] == [f.finding_id for f in before]


def test_a_trial_tells_an_account_of_its_districts_alone(server: Server) -> None:
    def tried(name: str) -> dict[str, Any]:
        who, clock = actor(server, name), server.store.clock
        values = ("signal-gap.silence_min=600",)
        return PreviewTask(server.settings, who, DAY, values=values, clock=clock).run(Silent())

    whole, elsewhere = tried("auditor"), tried("auditor-elsewhere")
    assert [line["rule"] for line in whole["gone"]] == ["signal-gap"]
    assert (elsewhere["new"], elsewhere["changed"], elsewhere["gone"]) == ([], [], [])
    assert whole["vehicle_days"] == elsewhere["vehicle_days"]


def test_zones_that_cannot_be_are_told_with_what_is_wrong(server: Server) -> None:
    broken = {"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {}, "geometry": None}]}
    task = PreviewTask(server.settings, actor(server, "platform"), DAY, json.dumps(broken), clock=server.store.clock)
    with pytest.raises(UnusableInput) as refused:
        task.run(Silent())
    assert all(fault.file == "zones.geojson" for fault in refused.value.faults)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"values": {}},
        {"values": {"signal-gap.colour": 1}},
        {"values": {"no-such-rule.minutes": 1}},
        {"values": {"signal-gap.silence_min": "many"}},
        {"values": {"signal-gap.silence_min": True, "x": {}}},
        {"zones": {"type": "Feature", "features": []}},
        {"zones": [], "bundle": "/etc"},
    ],
)
def test_an_edit_that_cannot_be_is_refused_before_anything_runs(reading_server: Server, body: Any) -> None:
    answer = post(reading_server, "auditor", f"{NIGHT}/preview", body)
    assert (answer.status_code, kind_of(answer), bool(answer.json()["errors"])) == (422, "bad-body", True)


def test_a_disabled_account_hears_no_more_of_its_job(server: Server) -> None:
    job = held(server, "auditor", "J" + "5" * 20, TRIAL)
    with server.store.writing() as session:
        disable(session, actor(server, "admin"), "auditor", server.store.clock())
    assert call(server, "auditor", "GET", f"/v1/jobs/{job.job_id}").status_code == 401
