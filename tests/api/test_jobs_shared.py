"""Several processes of one server: a job is known to each of them, whichever started it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cases.roles import Actor, Grant, Role
from runs.job_board import Board, shared_folder
from runs.jobs import END, KEPT, Job, Jobs, JobState, TooMany
from store.api_keys import key_digest, new_key
from store.engine import open_store
from store.lease import this_process
from store.tables.api import ApiKey
from tests.api.tasks import Counting, Ending
from tests.api.test_jobs import DAY, NIGHT, SOMEBODY, events_of, over
from tests.api.test_serve import Serving, serving
from tests.stores import Clock

LONG_S = 60.0


@pytest.fixture
def two(tmp_path: Path) -> Iterator[tuple[Jobs, Jobs]]:
    """The jobs of two processes that share a board."""
    made = (Jobs(Clock(), Board(tmp_path / "jobs")), Jobs(Clock(), Board(tmp_path / "jobs")))
    yield made
    for jobs in made:
        jobs.stop()


def seen_over(jobs: Jobs, job_id: str) -> Job:
    """Return a job as another process sees it once it is over."""
    until = time.monotonic() + LONG_S
    while (job := jobs.get(job_id)) is None or not job.is_over:
        assert time.monotonic() < until, "it never ended"
        time.sleep(0.01)
    return job


def test_a_job_is_told_to_the_other_processes_with_all_that_it_told(two: tuple[Jobs, Jobs]) -> None:
    here, there = two
    job = over(here.start("count", DAY, Actor("li", (Grant(Role.AUDITOR, frozenset({"419901"})),)), Counting()))
    seen = seen_over(there, job.job_id)
    assert seen is not job
    assert (seen.state, seen.result, seen.owner, seen.service_date) == (JobState.DONE, job.result, job.owner, DAY)
    assert seen.told_after(0) == job.told_after(0)
    assert [told.name for told in seen.told_after(1)] == ["progress", END]
    failed = over(here.start("count", DAY, SOMEBODY, Ending("bad-input")))
    assert seen_over(there, failed.job_id).trouble == failed.trouble


def test_no_more_of_a_kind_run_than_may_in_all_processes(two: tuple[Jobs, Jobs], tmp_path: Path) -> None:
    here, there = two
    job = here.start("count", DAY, SOMEBODY, Counting(tmp_path / "never"))
    with pytest.raises(TooMany) as refused:
        there.start("count", DAY, SOMEBODY, Counting())
    assert refused.value.running.job_id == job.job_id
    running = there.running("count")
    assert running is not None
    assert (running.job_id, here.n_running(), there.n_running()) == (job.job_id, 1, 1)
    here.stop()
    assert seen_over(there, job.job_id).trouble == ("broke-off", (over(job).trouble or ("", ("",)))[1])
    assert over(there.start("count", DAY, SOMEBODY, Counting())).state is JobState.DONE


def test_a_job_whose_process_was_killed_has_failed(two: tuple[Jobs, Jobs], tmp_path: Path) -> None:
    """What it told last says `running`, and nobody will say otherwise."""
    ended = subprocess.run(
        [sys.executable, "-c", "from store.lease import this_process; print(this_process())"],
        capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    )  # fmt: skip
    job = Job("J" + "a" * 20, "count", DAY, SOMEBODY, 5)
    job.tell("stage", {"stage": "audit", "done": 0, "total": 9})
    Board(tmp_path / "jobs").post(job.job_id, {**job.as_json(), "process": ended.stdout.strip()})
    seen = two[0].get(job.job_id)
    assert seen is not None
    assert (seen.state, seen.trouble and seen.trouble[0], two[0].running("count")) == (
        JobState.FAILED, "broke-off", None,
    )  # fmt: skip
    assert seen.told_after(1)[-1].name == END


def test_of_jobs_that_are_over_the_last_are_known_to_all(two: tuple[Jobs, Jobs], tmp_path: Path) -> None:
    board = Board(tmp_path / "jobs")
    for n in range(KEPT + 5):
        old = Job(f"J{n:020x}", "count", DAY, SOMEBODY, n)
        old.end(JobState.DONE, n)
        board.post(old.job_id, {**old.as_json(), "process": this_process()})
    job = over(two[0].start("count", DAY, SOMEBODY, Counting()))
    seen_over(two[1], job.job_id)
    assert len(board.ids()) == KEPT
    assert two[1].get(f"J{5:020x}") is None
    assert two[1].get(f"J{KEPT + 4:020x}") is not None


@pytest.mark.parametrize("told", ["", "J0", "../J" + "a" * 20, "J" + "A" * 20, "J" + "a" * 20 + "/"])
def test_what_is_no_id_of_a_job_names_no_file(tmp_path: Path, told: str) -> None:
    (tmp_path / f"J{'a' * 20}.json").write_text("{}", "utf-8")
    assert Board(tmp_path / "jobs").read(told) is None


def test_a_servers_folder_is_its_own_and_that_of_a_killed_one_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left, other = tmp_path / "trajaudit-server-left", tmp_path / "trajaudit-server-other"
    for folder, owner in ((left, this_process().rpartition(":")[0] + ":1"), (other, this_process())):
        folder.mkdir()
        (folder / "owner").write_text(owner, "utf-8")
    with shared_folder() as mine:
        assert mine.stat().st_mode & 0o777 == 0o700
        assert (left.exists(), other.exists()) == (False, True)
    assert not mine.exists()


# ---------------------------------------------------------------- the real thing
def given_key(folder: Path, name: str) -> str:
    key = new_key()
    store = open_store(folder, clock=Clock())
    with store.writing() as session:
        session.add(ApiKey(name=name, sha256=key_digest(key), label="test", created_ms=1, created_by="test"))
    store.close()
    return key


def asked_of_both(server: Serving, path: str, key: str) -> list[tuple[int, bytes]]:
    """Ask over connections of their own until each worker was asked with near certainty."""
    return [server.ask(path, {"Authorization": f"Bearer {key}"})[::2] for _ in range(30)]


@pytest.mark.slow
def test_a_nightly_that_one_worker_started_is_known_to_the_other(city_store: Path, tmp_path: Path) -> None:
    shutil.copytree(city_store, tmp_path / "store")
    key = given_key(tmp_path / "store", "admin")
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    with serving(tmp_path / "store", "--workers", "2") as server:
        status, answer, _ = server.ask(f"{NIGHT}/runs", headers, json.dumps({"again": True}).encode())
        assert status == 202
        where = answer["location"]
        assert {status for status, _ in asked_of_both(server, where, key)} == {200}
        again = [server.ask(f"{NIGHT}/runs", headers, b"{}") for _ in range(10)]
        assert {(status, told.get("location")) for status, told, _ in again} <= {(409, where)}
        until = time.monotonic() + LONG_S
        while json.loads(server.ask(where, headers)[2])["state"] == "running":
            assert time.monotonic() < until
            time.sleep(0.2)
        told = {body for _, body in asked_of_both(server, where, key)}
        assert len(told) == 1, "both tell the same"
        assert json.loads(told.pop())["state"] == "done"
        for _ in range(10):
            _, _, stream = server.ask(f"{where}/events", headers)
            assert events_of(stream.decode())[-1][1] == END
