"""Long work that somebody asked the server for: each job is a process of its own, and tells how far it is.

A job is known until `KEPT` others have ended after it, or the server ends; to every process of the server, by its board
(`runs.job_board`). A server that ends stops its jobs; a nightly that was stopped is taken up by the next one, as after
any other kill.
"""

from __future__ import annotations

import multiprocessing
import secrets
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, Protocol

from cases.roles import Actor, Grant, Role
from feeds.faults import UnusableInput
from runs.job_board import Board
from runs.progress import Progress
from store.engine import StoreRefused
from store.lease import LeaseLost, LeaseTaken, is_dead, this_process

KEPT = 50
MOST_TOLD_A_SECOND = 4
END = "end"


class JobState(StrEnum):
    """What became of a job. `refused`: it could not be done so; `failed`: something broke."""

    RUNNING = "running"
    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"


class Task(Protocol):
    """What a job does. It travels to another process: a frozen dataclass of a module, of plain values."""

    def run(self, progress: Progress) -> dict[str, Any]:
        """Do it and return what came of it, JSON-ready."""


class TooMany(Exception):
    """As many jobs of a kind run as may; `running` is one of them."""

    def __init__(self, running: Job) -> None:
        super().__init__(f"job {running.job_id} ({running.kind}) runs")
        self.running = running


@dataclass(frozen=True, slots=True)
class Told:
    """Something that a job told: `stage` (one begins), `progress`, or `end` as the last."""

    number: int
    name: str
    data: dict[str, Any]


@dataclass(slots=True)
class Job:
    """A job as it stands. `trouble`: a code and what is wrong, where it did not end well."""

    job_id: str
    kind: str
    service_date: date
    owner: Actor
    started_ms: int
    state: JobState = JobState.RUNNING
    ended_ms: int | None = None
    result: dict[str, Any] | None = None
    trouble: tuple[str, tuple[str, ...]] | None = None
    _told: dict[int, Told] = field(default_factory=dict)
    _n_told: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self.state is not JobState.RUNNING

    def told_after(self, number: int) -> list[Told]:
        """Return what was told after the event of a number. Of the progress within a stage only the last is kept."""
        with self._lock:
            return [told for n, told in self._told.items() if n > number]

    def tell(self, name: str, data: dict[str, Any]) -> None:
        """Keep something that is told."""
        with self._lock:
            last = self._told.get(self._n_told)
            if last is not None and last.name == name == "progress" and last.data["stage"] == data["stage"]:
                del self._told[last.number]
            self._n_told += 1
            self._told[self._n_told] = Told(self._n_told, name, data)

    def end(self, state: JobState, at_ms: int, result: Any = None, trouble: Any = None) -> None:
        """Keep how it ended; that it did is told last."""
        self.result, self.trouble, self.ended_ms, self.state = result, trouble, at_ms, state
        self.tell(END, {"state": str(state)})

    def as_json(self) -> dict[str, Any]:
        """Return it JSON-ready, for another process."""
        with self._lock:
            told = [[t.number, t.name, t.data] for t in self._told.values()]
        grants = [
            [str(g.role), None if g.districts is None else sorted(g.districts), g.school_id] for g in self.owner.grants
        ]
        return {
            "job_id": self.job_id, "kind": self.kind, "service_date": self.service_date.isoformat(),
            "owner": [self.owner.name, grants], "started_ms": self.started_ms, "state": str(self.state),
            "ended_ms": self.ended_ms, "result": self.result, "trouble": self.trouble, "told": told,
        }  # fmt: skip

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Job:
        """Return what `as_json` told."""
        name, grants = told["owner"]
        held = (
            Grant(Role(role), None if districts is None else frozenset(districts), school)
            for role, districts, school in grants
        )
        trouble = None if told["trouble"] is None else (told["trouble"][0], tuple(told["trouble"][1]))
        events = {number: Told(number, name, data) for number, name, data in told["told"]}
        return cls(
            told["job_id"], told["kind"], date.fromisoformat(told["service_date"]), Actor(name, tuple(held)),
            told["started_ms"], JobState(told["state"]), told["ended_ms"], told["result"], trouble, events,
            max(events, default=0),
        )  # fmt: skip


class Jobs:
    """The jobs of one process of a server. `board`: where those of the other processes are told, if there are any."""

    def __init__(self, clock: Callable[[], int], board: Board | None = None) -> None:
        """Begin without any."""
        self._clock, self._board = clock, board
        self._jobs: dict[str, Job] = {}
        self._processes: dict[str, BaseProcess] = {}
        self._lock = threading.Lock()

    def start(self, kind: str, service_date: date, owner: Actor, task: Task, most: int = 1) -> Job:
        """Start a job; raises `TooMany` where `most` of its kind run already."""
        with self._lock, nullcontext() if self._board is None else self._board.locked():
            running = [job for job in self._known() if job.kind == kind and not job.is_over]
            if len(running) >= most:
                raise TooMany(running[0])
            self._forget()
            job = Job(f"J{secrets.token_hex(10)}", kind, service_date, owner, self._clock())
            process, pipe = _started(task, job.job_id)
            self._jobs[job.job_id], self._processes[job.job_id] = job, process
            self._post(job)
        threading.Thread(target=self._listen, args=(job, process, pipe), name=job.job_id, daemon=True).start()
        return job

    def get(self, job_id: str) -> Job | None:
        """Return a job; None where it is not known, or no more."""
        with self._lock:
            own = self._jobs.get(job_id)
        return self._others(job_id) if own is None else own

    def running(self, kind: str) -> Job | None:
        """Return a job of a kind that runs, in whichever process."""
        with self._lock:
            return next((job for job in self._known() if job.kind == kind and not job.is_over), None)

    def n_running(self) -> int:
        """Return how many jobs run, in all processes."""
        with self._lock:
            return sum(not job.is_over for job in self._known())

    def _known(self) -> list[Job]:
        """Return the jobs of all processes, the longest known first."""
        names = [] if self._board is None else self._board.ids()
        others = [self._others(name) for name in names if name not in self._jobs]
        found = [*self._jobs.values(), *(job for job in others if job is not None)]
        return sorted(found, key=lambda job: job.started_ms)

    def _others(self, job_id: str) -> Job | None:
        """Return a job of another process; one whose process is no more has failed."""
        told = None if self._board is None else self._board.read(job_id)
        if told is None:
            return None
        job = Job.from_json(told)
        if not job.is_over and is_dead(told["process"]):
            words = "the server's process that ran it ended before it was done"
            job.end(JobState.FAILED, self._clock(), trouble=("broke-off", (words,)))
        return job

    def _post(self, job: Job) -> None:
        """Tell the other processes how a job stands."""
        if self._board is not None:
            self._board.post(job.job_id, {**job.as_json(), "process": this_process()})

    def stop(self) -> None:
        """Stop all that run."""
        with self._lock:
            running = list(self._processes.values())
        for process in running:
            process.terminate()

    def _forget(self) -> None:
        over = [job.job_id for job in self._known() if job.is_over]
        for job_id in over[: max(0, len(over) - KEPT + 1)]:
            self._jobs.pop(job_id, None)
            if self._board is not None:
                self._board.forget(job_id)

    def _listen(self, job: Job, process: BaseProcess, pipe: Connection) -> None:
        """Keep what a process tells until it has ended."""
        last: tuple[str, Any] | None = None
        try:
            while True:
                name, data = pipe.recv()
                if name in tuple(JobState):
                    last = (name, data)
                else:
                    job.tell(name, data)
                    self._post(job)
        except (EOFError, OSError):
            pass
        pipe.close()
        process.join()
        with self._lock:
            self._processes.pop(job.job_id, None)
        if last is None:
            words = f"its process ended with code {process.exitcode} before it was done"
            job.end(JobState.FAILED, self._clock(), trouble=("broke-off", (words,)))
        elif last[0] == JobState.DONE:
            job.end(JobState.DONE, self._clock(), result=last[1])
        else:
            job.end(JobState(last[0]), self._clock(), trouble=last[1])
        self._post(job)
        process.close()


def _started(task: Task, name: str) -> tuple[BaseProcess, Connection]:
    """Start a process for a task: a fresh one, because a server has threads, which a fork would tear apart."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=work, args=(task, theirs), name=name, daemon=True)
    process.start()
    theirs.close()
    return process, ours


# ---------------------------------------------------------------- in the other process
def work(task: Task, pipe: Connection) -> None:
    """Do a task and tell what comes of it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the server's: it stops us
    try:
        ended: tuple[JobState, Any] = (JobState.DONE, task.run(Piped(pipe)))
    except UnusableInput as error:
        ended = (JobState.REFUSED, ("bad-input", tuple(str(fault) for fault in error.faults)))
    except (LeaseTaken, LeaseLost) as error:
        ended = (JobState.REFUSED, ("runs-already", (str(error),)))
    except StoreRefused as error:
        ended = (JobState.REFUSED, ("refused", (str(error),)))
    except Exception:  # noqa: BLE001 -- whatever it is, who waits for the job must be told that it has ended
        traceback.print_exc(file=sys.stderr)
        ended = (JobState.FAILED, ("fault", ()))
    pipe.send(ended)
    pipe.close()


class Piped:
    """Progress that is told through a pipe, a few times a second. That nobody listens any more stops nothing."""

    def __init__(self, pipe: Connection) -> None:
        """Tell it to a pipe."""
        self._pipe = pipe
        self._stage, self._total, self._done, self._next_s = "", 0, 0, 0.0

    def stage(self, name: str, total: int) -> None:
        """Tell that a stage begins."""
        self._stage, self._total, self._done = name, total, 0
        self._tell("stage")

    def advance(self, steps: int) -> None:
        """Tell how far it is."""
        self._done += steps
        if time.monotonic() >= self._next_s or self._done >= self._total:
            self._tell("progress")

    def _tell(self, name: str) -> None:
        self._next_s = time.monotonic() + 1 / MOST_TOLD_A_SECOND
        try:
            self._pipe.send((name, {"stage": self._stage, "done": self._done, "total": self._total}))
        except OSError:
            return
