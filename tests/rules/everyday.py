"""What cars do all day that resembles training, and lessons that try not to: drives for `tests.rules.world`.

The way is drawn to the second; the receiver's error wanders, as real ones' does, and some terminals report no speed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import pairwise

import numpy as np

from tests.rules.world import HOME, NOWHERE, Box, Drive, Point, World, loop

SHOP: Point = (-2500, 2500)
"""Where errands lead: far from every approved place."""
Day = Callable[["Wandering"], Drive]


class Wandering(Drive):
    """A drive whose error is a first-order autoregression on each axis; without `with_speed` no speed is reported."""

    def __init__(self, every_s: int, error_m: float, with_speed: bool, seed: int, wander_s: float = 60.0) -> None:
        super().__init__("8:00", HOME, every_s, seed)
        self.error_m, self.with_speed, self.wander_s = error_m, with_speed, wander_s

    def fixes(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        t_ms, east, north, speed = super().fixes()
        keep = np.exp(-self.every_s / self.wander_s)
        shock_m = self.error_m * np.sqrt(1 - keep**2)
        shocks = np.random.default_rng([self.seed, 1]).normal(0, shock_m, (2, len(t_ms)))
        error = np.zeros((2, len(t_ms)))
        for i in range(1, len(t_ms)):
            error[:, i] = keep * error[:, i - 1] + shocks[:, i]
        return t_ms, east + error[0], north + error[1], speed if self.with_speed else np.full(len(speed), np.nan)


def waits(d: Wandering) -> Drive:
    """Three hours in one place."""
    return d.to(SHOP).park(180).to(HOME)


def looks_for_a_place(minutes: float, within_m: float = 500.0) -> Day:
    """Round the blocks of a grid of 100 m, never straight back, then parks for an hour."""

    def day(d: Wandering) -> Drive:
        return _roams(d.to(SHOP), minutes, 100.0, within_m, (12, 25)).park(60).to(HOME)

    return day


def delivers(stops: int, within_m: float, wait_min: tuple[float, float]) -> Day:
    """From door to door within a quarter."""

    def day(d: Wandering) -> Drive:
        d.to(SHOP)
        for _ in range(stops):
            east, north = d.random.uniform(-within_m / 2, within_m / 2, 2)
            d.to((SHOP[0] + east, SHOP[1] + north), kmh=d.random.uniform(10, 25)).park(d.random.uniform(*wait_min))
        return d.to(HOME)

    return day


def waits_at_a_rank(d: Wandering) -> Drive:
    """Creeps up a rank of twenty cars, carries somebody 3 km and comes back; four times."""
    for _ in range(4):
        d.to(SHOP)
        _creeps(d, 20, 8.0, (1, 4)).to((SHOP[0] + 3000, SHOP[1] + 1000), SHOP)
    return d.to(HOME)


def queues_for_fuel(d: Wandering) -> Drive:
    return _creeps(d.to(SHOP), 20, 7.0, (1, 1.5)).to(HOME)


def is_in_a_jam(d: Wandering) -> Drive:
    return _creeps(d.to(SHOP), 60, 35.0, (0.1, 0.8)).to(HOME)


def runs_errands(d: Wandering) -> Drive:
    """Six times to and fro over 600 m, a few minutes at each end."""
    for _ in range(6):
        d.to(SHOP).park(4).to((SHOP[0] + 600, SHOP[1])).park(4)
    return d.to(HOME)


def looks_through_a_car_park(d: Wandering) -> Drive:
    """Six minutes up and down the rows of 90 m, then an hour's stand."""
    end_s = d.to(SHOP).now_s + 360
    row = 0
    while d.now_s < end_s:
        north = SHOP[1] + 16 * (row % 5)
        d.to((SHOP[0], north), (SHOP[0] + 90, north), kmh=10)
        row += 1
    return d.park(60).to(HOME)


def drives_a_bus_loop(d: Wandering) -> Drive:
    """Four rounds of 8 km with a halt every 400 m."""
    line = loop(-4000, 1000, 2500, 1500)
    d.to(line[0])
    for _ in range(4):
        for a, b in pairwise(line):
            for share in np.linspace(0, 1, 6)[1:]:
                stop = a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1])
                d.to(stop, kmh=d.random.uniform(20, 35)).park(d.random.uniform(10, 40) / 60)
    return d.to(HOME)


def moves_cars(d: Wandering) -> Drive:
    """Eight times to and fro over 1,500 m, a minute and a half at each end."""
    for _ in range(8):
        d.to(SHOP).park(1.5).to((SHOP[0] + 1500, SHOP[1])).park(1.5)
    return d.to(HOME)


def yard_lesson(minutes: float, box: Box = NOWHERE) -> Day:
    def day(d: Wandering) -> Drive:
        return d.to((box[0] + 20, box[1] + 20)).yard(minutes, box).to(HOME)

    return day


def lot(side_m: float) -> Box:
    return -2000, -2000, -2000 + side_m, -2000 + side_m


def lesson_with_the_terminal_off(on_min: float, off_min: float, times: int) -> Day:
    """The lesson goes on while the terminal is silent."""

    def day(d: Wandering) -> Drive:
        d.to((-1950, -1940))
        for _ in range(times):
            since_s = d.yard(on_min, NOWHERE).now_s
            d.silences.append((since_s, d.yard(off_min, NOWHERE).now_s))
        return d.to(HOME)

    return day


def lesson_in_pieces(minutes: float, places: int) -> Day:
    """On one corner, then on the next, 500 m on."""

    def day(d: Wandering) -> Drive:
        for n in range(places):
            box = (-2000 + 500 * n, -2000, -1900 + 500 * n, -1880)
            d.to((box[0] + 50, box[1] + 50)).yard(minutes, box)
        return d.to(HOME)

    return day


def road_laps(rounds: int) -> Day:
    return lambda d: d.drive_round(loop(-4000, 1000), rounds).to(HOME)


def up_and_down(length_m: float, times: int) -> Day:
    def day(d: Wandering) -> Drive:
        for _ in range(times):
            for east in (-4000, -4000 + length_m):
                d.to((east, 1000), kmh=d.random.uniform(18, 30)).park(d.random.uniform(10, 60) / 60)
        return d.to(HOME)

    return day


def road_lesson_without_a_pattern(minutes: float, within_m: float) -> Day:
    """Along the streets of a grid of 200 m, wherever the instructor says."""
    return lambda d: _roams(d.to(SHOP), minutes, 200.0, within_m, (18, 32)).to(HOME)


def _creeps(d: Drive, times: int, step_m: float, wait_min: tuple[float, float]) -> Drive:
    for _ in range(times):
        _, east, north = d.way[-1]
        d.to((east + step_m, north), kmh=6).park(d.random.uniform(*wait_min))
    return d


def _roams(d: Drive, minutes: float, block_m: float, within_m: float, kmh: tuple[float, float]) -> Drive:
    end_s, at, last = d.now_s + 60 * minutes, np.zeros(2), np.zeros(2)
    ways = block_m * np.array([(1, 0), (-1, 0), (0, 1), (0, -1)])
    while d.now_s < end_s:
        open_ = [way for way in ways if np.abs(at + way).max() <= within_m / 2 and (way + last).any()]
        last = open_[d.random.integers(len(open_))]
        at = at + last
        d.to((SHOP[0] + at[0], SHOP[1] + at[1]), kmh=d.random.uniform(*kmh))
        if d.random.random() < 0.3:
            d.park(d.random.uniform(5, 30) / 60)
    return d


RULE = "off-zone-training"
SEEDS = range(4)
TERMINALS = [(5, 3.0, True), (15, 10.0, True), (30, 10.0, True), (10, 6.0, False)]
"""Seconds from fix to fix, error on each axis in metres, whether speeds are reported."""
INNOCENT = {
    "waits three hours": waits,
    "looks for a parking place, 10 min": looks_for_a_place(10),
    "looks for a parking place, 20 min": looks_for_a_place(20),
    "delivers in a quarter of 1,200 m": delivers(40, 1200, (1, 4)),
    "delivers in a compound of 220 m": delivers(25, 220, (1, 4)),
    "waits at a taxi rank": waits_at_a_rank,
    "queues for fuel": queues_for_fuel,
    "is in a jam": is_in_a_jam,
    "runs errands over 600 m": runs_errands,
    "looks through a car park, 6 min": looks_through_a_car_park,
}
GUILTY = {
    "yard lesson, 60 min on 100 m": yard_lesson(60),
    "yard lesson, 25 min on 100 m": yard_lesson(25),
    "road lesson, five rounds of 3 km": road_laps(5),
    "road lesson, up and down 600 m": up_and_down(600, 15),
}
EVASIVE = {
    "yard lesson, 60 min on 200 m": yard_lesson(60, lot(200)),
    "yard lesson, 60 min on 300 m": yard_lesson(60, lot(300)),
    "yard lesson, 8 min heard and 4 min not": lesson_with_the_terminal_off(8, 4, 6),
}
BEYOND_THE_PATH = {
    "yard lesson, 6 min heard and 6 min not": lesson_with_the_terminal_off(6, 6, 6),
    "yard lesson, 9 min on each of six corners": lesson_in_pieces(9, 6),
    "road lesson without a pattern, 60 min in 1,600 m": road_lesson_without_a_pattern(60, 1600),
    "bus loop, four rounds of 8 km (innocent)": drives_a_bus_loop,
    "moves cars, 1,500 m to and fro (innocent)": moves_cars,
    "looks for a parking place, 35 min (innocent)": looks_for_a_place(35),
}
"""What the shape of the path alone tells wrongly or not at all: shown, not asserted."""


def asked(day: Day) -> tuple[list[int], list[int]]:
    """Of the seeds, how many days have a finding and how many an "undetermined", by terminal."""
    found, undetermined = [], []
    for every_s, error_m, with_speed in TERMINALS:
        answers = [World({"V1": day(Wandering(every_s, error_m, with_speed, seed))}).ask(RULE) for seed in SEEDS]
        found.append(sum(bool(a.findings) for a in answers))
        undetermined.append(sum(any(n.reason == "undetermined" for n in a.not_assessed) for a in answers))
    return found, undetermined


if __name__ == "__main__":  # python -m tests.rules.everyday: the table of docs/measurements.md
    sys.stdout.write(f"of {len(SEEDS)} days: found / undetermined at terminals (s, m, speed) {TERMINALS}\n")
    for what, day in {**INNOCENT, **GUILTY, **EVASIVE, **BEYOND_THE_PATH}.items():
        answers = "  ".join(f"{f}/{u}" for f, u in zip(*asked(day), strict=True))
        sys.stdout.write(f"{what:50s} {answers}\n")
