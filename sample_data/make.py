"""Writes the sample city: `python -m sample_data.make [--out sample_data/city] [--seed 1]`.

The same seed gives the same content everywhere; the labels go beside the bundle, as OUT.truth.json.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path as FilePath

import numpy as np

from sample_data.cameras import write_passages
from sample_data.cast import AMAP_OUTAGE, BOTH_SESSIONS_TRAINEE, CARS, SCRIPTS, rng_of, yesterday
from sample_data.city import City, build_city
from sample_data.diary import Diary, SessionRow
from sample_data.episodes import Stage
from sample_data.feeds_out import WRITERS
from sample_data.gps import Fixes, Receiver, disordered, merged, receive, repeated, replayed, silenced, spiked
from sample_data.labels import REPLAY_ALLOWS, Labels, iso
from sample_data.records import numbered, people_of, write_register

DAY_S = 86_400
PEOPLE = ("instructor-substitution", "safety-officer-instructing")
RECEIVERS = {
    "amap": Receiver((8, 12)),
    "baidu": Receiver((9, 13)),
    "terminal": Receiver((5, 8)),
    "depot": Receiver((10, 15)),
}
# V0012 sends V0009's drive of the day before, a day and some minutes later.
REPLAY_BY_S = DAY_S + 1_234
SPIKES = {"V0003": 4, "V0011": 3}
REPEATS = {"V0005": 40, "V0009": 25}
DISORDER = {"V0003": 12, "V0011": 15, "V0006": 6}


def make(out: FilePath, seed: int) -> Labels:
    """Write the bundle into `out` (made anew) and the labels beside it; returns the labels."""
    _make_room(out)
    city = build_city(rng_of(seed, "city"))
    stage = Stage(city, Labels(), [])
    diaries = [live(stage, k, seed) for k in range(len(CARS))]
    before = Diary.begin(city, CARS[8], rng_of(seed, "yesterday"), "12:50", "canteen")
    yesterday(before)
    fixes = {d.car.vehicle_id: _received(d, seed) for d in diaries}
    history = receive(before.motion(), RECEIVERS["terminal"], rng_of(seed, "history"))
    _replay(stage, fixes, history, diaries, before, rng_of(seed, "replay"))
    sessions = numbered([*(r for d in diaries for r in d.sessions), *_a_day_earlier(before.sessions)])
    _make_register(out, city, stage, diaries, sessions, seed)
    _label_what_spans_cars(stage, fixes, sessions)
    _write(out, stage, fixes, history, seed)
    return stage.labels


def _make_room(out: FilePath) -> None:
    """Remove an older bundle; a folder that holds anything else is left alone, with an error."""
    if (out / "bundle.toml").exists():
        shutil.rmtree(out)
    if out.exists() and any(out.iterdir()):
        raise FileExistsError(f"{out} holds files but no bundle.toml: name an empty folder or an older bundle")
    out.mkdir(parents=True, exist_ok=True)


def live(stage: Stage, k: int, seed: int) -> Diary:
    """Return the k-th car's day, its labels and exams written into the stage."""
    clock, place, script = SCRIPTS[k]
    diary = Diary.begin(stage.city, CARS[k], rng_of(seed, CARS[k].vehicle_id), clock, place)
    diary.stand(3)
    script(diary, stage)
    diary.stand(5)
    return diary


def _received(diary: Diary, seed: int) -> Fixes:
    """Return what a car's terminal sent, in the order sent."""
    name = diary.car.vehicle_id
    rng = rng_of(seed, f"gps {name}")
    silent = [*diary.silent, *([AMAP_OUTAGE] if diary.car.feed == "amap" else [])]
    fixes = silenced(receive(diary.motion(), RECEIVERS[diary.car.feed], rng, diary.drifting), silent)
    if name in SPIKES:
        fixes = spiked(fixes, SPIKES[name], rng)
    if name in REPEATS:
        fixes = repeated(fixes, REPEATS[name], rng)
    return disordered(fixes, DISORDER[name], rng) if name in DISORDER else fixes


def _replay(
    stage: Stage, fixes: dict[str, Fixes], history: Fixes, diaries: list[Diary], before: Diary, rng: np.random.Generator
) -> None:
    """Put the copy into V0012's silence, and declare the lesson it pretends to be."""
    copy = replayed(history, REPLAY_BY_S - DAY_S, rng)
    own = fixes["V0012"]
    early = own.t_s < copy.t_s[0]
    late = own.t_s > copy.t_s[-1]
    fixes["V0012"] = merged(own.rows(early), copy, own.rows(late))
    thief = next(d for d in diaries if d.car.vehicle_id == "V0012")
    lesson = before.sessions[0]
    later = (lesson.start_s + REPLAY_BY_S - DAY_S, lesson.end_s + REPLAY_BY_S - DAY_S)
    thief.declare(later, 2, "G01", 300_130)
    stage.labels.guilty("replayed-track", "V0012", (float(copy.t_s[0]), float(copy.t_s[-1])), REPLAY_ALLOWS)


def _a_day_earlier(rows: list[SessionRow]) -> list[SessionRow]:
    return [
        SessionRow(r.vehicle_id, r.instructor_id, r.trainee_id, r.part, r.zone_id, r.start_s - DAY_S, r.end_s - DAY_S)
        for r in rows
    ]


def _label_what_spans_cars(stage: Stage, fixes: dict[str, Fixes], sessions: list[tuple[str, SessionRow]]) -> None:
    """Add the labels that need all cars: over-hours, feed-datum, the outage, faulty tracks; and session ids."""
    labels = stage.labels
    theirs = [r for _, r in sessions if r.trainee_id == f"T{BOTH_SESSIONS_TRAINEE:06d}"]
    day = (theirs[0].start_s, max(r.end_s for r in theirs))
    labels.guilty("over-hours", theirs[-1].vehicle_id, day, trainee=theirs[0].trainee_id)
    depot = [f for c in CARS if c.feed == "depot" for f in [fixes[c.vehicle_id]]]
    whole = (float(min(f.t_s.min() for f in depot)), float(max(f.t_s.max() for f in depot)))
    labels.guilty("feed-datum", None, whole, feed="depot")
    _add_session_ids(labels, sessions)
    for car in CARS:
        span = (float(fixes[car.vehicle_id].t_s.min()), float(fixes[car.vehicle_id].t_s.max()))
        if car.feed == "amap":
            labels.innocent("feed-outage", car.vehicle_id, AMAP_OUTAGE)
        for kind, cars in (("spikes", SPIKES), ("repeated-rows", REPEATS), ("out-of-order-rows", DISORDER)):
            if car.vehicle_id in cars:
                labels.innocent(kind, car.vehicle_id, span)


def _add_session_ids(labels: Labels, sessions: list[tuple[str, SessionRow]]) -> None:
    """Name the declared session that a label falls into."""
    for label in labels.truth:
        if label["rule"] in ("wrong-zone", "ghost-session", "signal-gap", "off-route", "out-of-hours", *PEOPLE):
            label["session_id"] = next(
                n
                for n, r in sessions
                if r.vehicle_id == label["vehicle_id"] and _holds(r, label["start"], label["end"])
            )


def _holds(row: SessionRow, start: str, end: str) -> bool:
    return iso(row.start_s - 120.0) <= start and end <= iso(row.end_s + 120.0)


def _make_register(
    out: FilePath,
    city: City,
    stage: Stage,
    diaries: list[Diary],
    sessions: list[tuple[str, SessionRow]],
    seed: int,
) -> None:
    """Write all but tracks; cameras see what the cars did, and label it."""
    people = people_of(CARS)
    write_register(out, city, people, sessions, stage.exams)
    write_passages(out, city, diaries, people, stage.labels, rng_of(seed, "passages"))


def _write(
    out: FilePath,
    stage: Stage,
    fixes: dict[str, Fixes],
    history: Fixes,
    seed: int,
) -> None:
    for car in CARS:
        rng = rng_of(seed, f"provider {car.vehicle_id}")
        WRITERS[car.feed](out / "tracks" / car.feed, car.terminal_id, fixes[car.vehicle_id], rng)
    old = Fixes(history.t_s - DAY_S, history.x_m, history.y_m, history.speed_kmh, history.heading_deg)
    WRITERS["terminal"](out / "tracks" / "terminal", "TV0009", old, rng_of(seed, "history"), part=".2026-03-17")
    document = stage.labels.document(len(CARS))
    text = json.dumps(document, ensure_ascii=False, indent=1) + "\n"
    out.with_name(out.name + ".truth.json").write_text(text, encoding="utf-8", newline="\n")


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description="Write the labelled sample city.")
    parser.add_argument("--out", type=FilePath, default=FilePath("sample_data/city"))
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    labels = make(arguments.out, arguments.seed)
    size = sum(f.stat().st_size for f in arguments.out.rglob("*") if f.is_file())
    print(f"{arguments.out}: {len(labels.truth)} labels, {len(labels.benign)} innocent stretches, {size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
