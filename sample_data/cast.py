"""Who drives what on the day, car by car. Each function is one car's day; its docstring says what is true in it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sample_data.diary import Car, Diary, Span
from sample_data.episodes import (
    JAM,
    Exam,
    Stage,
    circle,
    detoured,
    errands,
    lunch,
    queue,
    road_lesson,
    toured,
    yard_session,
)
from sample_data.labels import OFF_ZONE_ALLOWS, WRONG_ZONE_ALLOWS
from sample_data.streets import grid_node

AMAP_OUTAGE: Span = (15 * 3600 + 40 * 60.0, 16 * 3600 + 6 * 60.0)
BOTH_SESSIONS_TRAINEE = 420_117


def _car(n: int, school: str, feed: str) -> Car:
    return Car(f"V{n:04d}", f"豫Z{1013 + 7 * n}学", "training", school, "", feed, f"P{n:05d}")


CARS = (
    _car(1, "SCH01", "amap"), _car(2, "SCH01", "amap"), _car(3, "SCH01", "amap"), _car(4, "SCH02", "amap"),
    _car(5, "SCH01", "baidu"), _car(6, "SCH02", "baidu"), _car(7, "SCH01", "baidu"), _car(8, "SCH02", "baidu"),
    _car(9, "SCH01", "terminal"), _car(10, "SCH01", "terminal"), _car(11, "SCH01", "terminal"),
    _car(12, "SCH02", "terminal"), _car(13, "SCH01", "depot"), _car(14, "SCH02", "depot"), _car(15, "SCH01", "depot"),
    Car("X0001", "豫Z2018学", "exam", "", "E01", "terminal", "P00031"),
    Car("X0002", "豫Z2025学", "exam", "", "E01", "baidu", "P00032"),
)  # fmt: skip


def v0001(d: Diary, s: Stage) -> None:
    """Off-zone training: yard exercises on an empty lot for 40 minutes, between lawful lessons."""
    d.go("G01")
    d.until("8:06")
    yard_session(d, "G01", 78, 300_101)
    d.go("lot")
    s.labels.guilty("off-zone-training", "V0001", d.train("lot", 40), OFF_ZONE_ALLOWS, session_id=None)
    d.go("G01")
    yard_session(d, "G01", 72, 300_131)
    lunch(d, s, "canteen", "13:40")
    d.go("G02")
    d.until("14:34")
    yard_session(d, "G02", 94, 300_102)
    d.go("school-1")


def v0002(d: Diary, s: Stage) -> None:
    """Wrong zone: trains on the other school's ground while the session names its own. A lawful detour before."""
    d.join_route("R01")
    lap = detoured(d, "R01", grid_node(-1, 2), grid_node(-2, 3))
    span, away = road_lesson(d, "R01", 4, {2: lap})
    d.declare(span, 3, "R01", 300_103)
    s.labels.innocent("detour", "V0002", away[0])
    errands(d, s, ["clinic", "school-1"])
    d.go("G02")
    yard_session(d, "G02", 70, 300_132)
    lunch(d, s, "mall", "13:10")
    d.go("G03")
    wrong = d.train("G03", 74)
    d.declare(wrong, 2, "G02", 300_104)
    s.labels.guilty("wrong-zone", "V0002", wrong, WRONG_ZONE_ALLOWS)
    d.go("school-1")
    d.until("16:40")


def v0003(d: Diary, s: Stage) -> None:
    """Off route: leaves the route for some 25 minutes in the middle of a road session."""
    d.go("G02")
    d.until("8:11")
    yard_session(d, "G02", 71, 300_105)
    s.labels.innocent("jam", "V0003", d.go("school-1", JAM))
    d.go("G01")
    yard_session(d, "G01", 77, 300_133)
    lunch(d, s, "canteen", "13:05")
    d.join_route("R01")
    around = [grid_node(*c) for c in ((-1, -2), (-4, -2), (-4, -1), (-1, -1), (-1, -2), (-4, -2), (-4, -1), (-1, -1))]
    span, away = road_lesson(d, "R01", 4, {2: toured(d, "R01", grid_node(-1, 0), around)})
    d.declare(span, 3, "R01", 300_106)
    s.labels.guilty("off-route", "V0003", away[0], ("off-zone-training",))
    d.go("school-1")
    d.until("16:50")


def v0004(d: Diary, s: Stage) -> None:
    """Off-zone training: laps round one block, again and again, without a session."""
    d.go("G03")
    d.until("8:09")
    yard_session(d, "G03", 76, 300_107)
    d.join_route("block")
    span, _ = road_lesson(d, "block", 9)
    s.labels.guilty("off-zone-training", "V0004", span, OFF_ZONE_ALLOWS, session_id=None)
    d.go("G03")
    yard_session(d, "G03", 63, 300_134)
    circle(d, s, "mall", [(1, 2), (1, 3), (0, 3), (0, 2), (-1, 2), (-1, 3), (0, 3), (1, 3), (1, 2)])
    s.labels.innocent("lunch-in-car-park", "V0004", d.until("14:38"))
    d.join_route("R02")
    span, _ = road_lesson(d, "R02", 5)
    d.declare(span, 3, "R02", 300_108)
    d.go("school-2")


def v0005(d: Diary, s: Stage) -> None:
    """Out of hours: the ground closes at 17:30, the lesson runs to a quarter past six."""
    d.join_route("R02")
    span, _ = road_lesson(d, "R02", 4)
    d.declare(span, 3, "R02", 300_109)
    s.labels.innocent("jam", "V0005", d.go("mall", JAM))
    d.until("12:10")
    d.go("garage")
    d.stand(25)
    chain = [d.place_node(), "gate+2+4", "lane-high", "lane-low", "gate+2+3"]
    s.labels.innocent("transit-through-foreign-ground", "V0005", d.go("shop", via=chain[1:]))
    d.stand(14)
    lunch(d, s, "canteen", "15:45")
    d.go("G02")
    d.until("16:24")
    span = d.train("G02", 109)
    d.declare(span, 2, "G02", 300_110)
    s.labels.guilty("out-of-hours", "V0005", (17.5 * 3600.0, span[1]), ("undeclared-training",))
    d.go("school-1")


def v0006(d: Diary, s: Stage) -> None:
    """Undeclared training: a lawful lesson on a lawful ground that nobody declared."""
    d.go("G03")
    d.until("8:18")
    yard_session(d, "G03", 73, 300_111)
    d.go("G01")
    s.labels.guilty("undeclared-training", "V0006", yard_session(d, "G01", 68, 0, declared=False))
    circle(d, s, "canteen", [(-1, -2), (0, -2), (0, -1), (-1, -1), (-1, -2), (-2, -2), (-2, -3)])
    s.labels.innocent("lunch-in-car-park", "V0006", d.until("12:40"))
    d.join_route("R02")
    span, _ = road_lesson(d, "R02", 4)
    d.declare(span, 3, "R02", 300_135)
    d.go("school-2")
    d.until("16:30", off=True)
    d.go("G03")
    d.until("17:06")
    span = yard_session(d, "G03", 66, 300_112)
    s.labels.innocent("hours-extended-by-exception", "V0006", span)
    d.go("school-2")


def v0007(d: Diary, s: Stage) -> None:
    """Ghost session: 90 minutes declared while the car stands at the canteen. At night a lawful lesson."""
    d.go("G01")
    d.until("8:31")
    yard_session(d, "G01", 84, 300_113)
    d.go("G02")
    yard_session(d, "G02", 69, 300_136)
    d.go("canteen")
    d.until("13:30")
    ghost = d.until("15:00", drift=True)
    d.declare(ghost, 2, "G02", 300_114)
    s.labels.guilty("ghost-session", "V0007", ghost)
    d.go("school-1")
    d.until("22:05", off=True)
    d.go("G01")
    d.until("22:46")
    s.labels.innocent("night-training", "V0007", yard_session(d, "G01", 88, 300_115))
    d.go("school-1")


def v0008(d: Diary, s: Stage) -> None:
    """Ghost session: on the ground, but the car only moves a few metres now and then."""
    d.join_route("R02")
    span, _ = road_lesson(d, "R02", 5)
    d.declare(span, 3, "R02", 300_116)
    queue(d, s)
    d.go("G03")
    yard_session(d, "G03", 61, 300_137)
    d.go("kerb-g02")
    s.labels.innocent("drift-beside-boundary", "V0008", d.until("13:00", drift=True))
    d.go("G03")
    d.until("14:00")
    ghost = d.nudge(90)
    d.declare(ghost, 2, "G03", 300_117)
    s.labels.guilty("ghost-session", "V0008", ghost)
    d.go("school-2")


def v0009(d: Diary, s: Stage) -> None:
    """Two lessons with the trainee who later takes two more in another car."""
    d.go("G01")
    d.until("8:10")
    yard_session(d, "G01", 79, BOTH_SESSIONS_TRAINEE)
    d.pull_in("G01")
    yard_session(d, "G01", 78, BOTH_SESSIONS_TRAINEE)
    d.join_route("R02")
    span, _ = road_lesson(d, "R02", 3)
    d.declare(span, 3, "R02", 300_138)
    lunch(d, s, "canteen", "13:20")
    d.join_route("R01")
    span, _ = road_lesson(d, "R01", 3)
    d.declare(span, 3, "R01", 300_118)
    d.go("school-1")


def v0010(d: Diary, s: Stage) -> None:
    """Over hours: the trainee of V0009's morning drives five hours in all that day."""
    d.go("G02")
    d.until("7:57")
    span = yard_session(d, "G02", 72, 300_119)
    s.labels.either("out-of-hours", "V0010", (span[0], 8 * 3600.0))
    d.go("G01")
    yard_session(d, "G01", 81, 300_139)
    lunch(d, s, "mall", "12:30")
    d.go("G02")
    yard_session(d, "G02", 74, BOTH_SESSIONS_TRAINEE)
    d.pull_in("G02")
    yard_session(d, "G02", 76, BOTH_SESSIONS_TRAINEE)
    d.go("school-1")


def v0011(d: Diary, s: Stage) -> None:
    """Signal gap: half an hour of silence in the middle of a lesson. In the evening a permit excuses the hour."""
    d.go("G02")
    d.until("8:55")
    span = yard_session(d, "G02", 98, 300_120)
    gap = (span[0] + 38 * 60.0, span[0] + 69 * 60.0)
    d.silent.append(gap)
    s.labels.guilty("signal-gap", "V0011", gap)
    errands(d, s, ["school-1", "clinic", "shop"])
    lunch(d, s, "mall", "13:15")
    d.join_route("R02")
    span, _ = road_lesson(d, "R02", 4)
    d.declare(span, 3, "R02", 300_140)
    d.go("school-1")
    d.until("17:10", off=True)
    d.go("G02")
    d.until("17:46")
    s.labels.innocent("permit", "V0011", yard_session(d, "G02", 58, 300_121))
    d.go("school-1")


def v0012(d: Diary, s: Stage) -> None:
    """Replayed track: parked at the canteen, it sends what V0009 drove the day before."""
    d.go("G03")
    d.until("8:32")
    yard_session(d, "G03", 75, 300_122)
    d.join_route("R02")
    span, _ = road_lesson(d, "R02", 4)
    d.declare(span, 3, "R02", 300_141)
    lunch(d, s, "canteen", "12:30")
    d.silent.append((d.t_s, d.until("16:00")[1]))
    d.go("school-2")


def v0013(d: Diary, s: Stage) -> None:  # noqa: ARG001
    """Honest; its feed's positions are GCJ-02 and called WGS-84."""
    d.join_route("R02")
    span, _ = road_lesson(d, "R02", 4)
    d.declare(span, 3, "R02", 300_123)
    d.go("canteen")
    d.until("13:35")
    d.go("G01")
    yard_session(d, "G01", 82, 300_124)
    d.go("depot-yard")


def v0014(d: Diary, s: Stage) -> None:  # noqa: ARG001
    """Honest; its feed's positions are GCJ-02 and called WGS-84."""
    d.go("G01")
    d.until("8:25")
    yard_session(d, "G01", 86, 300_125)
    d.go("mall")
    d.until("13:10")
    d.go("G03")
    yard_session(d, "G03", 88, 300_126)
    d.go("depot-yard")


def v0015(d: Diary, s: Stage) -> None:  # noqa: ARG001
    """Honest; its feed's positions are GCJ-02 and called WGS-84."""
    d.go("G02")
    d.until("8:50")
    yard_session(d, "G02", 85, 300_127)
    d.go("canteen")
    d.until("13:00")
    d.join_route("R01")
    span, _ = road_lesson(d, "R01", 4)
    d.declare(span, 3, "R01", 300_128)
    d.go("depot-yard")


def exam_car(d: Diary, s: Stage) -> None:
    """Examinations on the site, morning and afternoon."""
    for at in ("9:00", "14:00"):
        d.pull_in("E01")
        d.until(at)
        span = d.train("E01", 95)
        s.exams.append(Exam(d.car.vehicle_id, d.car.instructor_id, span))
        s.labels.innocent("exam", d.car.vehicle_id, span)


def yesterday(d: Diary) -> None:
    """V0009's honest afternoon of the day before, which V0012 sends again."""
    d.go("G01")
    d.until("13:28")
    yard_session(d, "G01", 76, 300_129)
    d.go("canteen")
    d.stand(6)


Script = Callable[[Diary, Stage], None]
SCRIPTS: tuple[tuple[str, str, Script], ...] = (
    ("7:22", "school-1", v0001), ("8:32", "school-1", v0002), ("7:40", "school-1", v0003), ("7:35", "school-2", v0004),
    ("8:34", "school-1", v0005), ("7:44", "school-2", v0006), ("7:58", "school-1", v0007), ("8:36", "school-2", v0008),
    ("7:26", "school-1", v0009), ("7:31", "school-1", v0010), ("8:24", "school-1", v0011), ("7:55", "school-2", v0012),
    ("8:30", "depot-yard", v0013), ("7:48", "depot-yard", v0014), ("8:10", "depot-yard", v0015),
    ("8:35", "E01", exam_car), ("8:40", "E01", exam_car),
)  # fmt: skip


def rng_of(seed: int, name: str) -> np.random.Generator:
    """Return a generator of its own for each car, so that changing one day leaves the others as they were."""
    return np.random.default_rng([seed, *name.encode()])
