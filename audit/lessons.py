"""When a lesson was going on in a car: declared and driven, or driven and not declared; with the drives around it.

Who sat beside the trainee is seen by cameras on the road, mostly on the way to a ground or back from it. Such a drive
belongs to the lesson as long as the car does not stop for longer than a change of driver takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from audit.day import VehicleDay
from audit.lesson import Lesson
from trajectories.intervals import close_gaps, intersect, intervals, subtract, total_ms, union
from trajectories.minutes import MINUTE_MS
from trajectories.spans import SpanKind, Spans

BREAK_MS = 10 * MINUTE_MS
"""A shorter stop between lesson and drive is settling the day's notes; a longer one ends the lesson."""
STOP_MS = 3 * MINUTE_MS
"""Longer than a traffic light with its queue: who gets in or out there is not seen."""
LONGEST_DRIVE_MS = 60 * MINUTE_MS
HANDOVER_MS = 30 * MINUTE_MS
"""Within so long of another instructor's session on the same car, the drive may be that instructor's already."""
LEAST_MS = 10 * MINUTE_MS
"""Training shorter than this is no lesson (as for undeclared-training), and no sign that a session took place."""
EXAM_GRACE_MS = 30 * MINUTE_MS
"""Exam days run late [A]."""
PRACTICE = (2, 3)
"""The parts of the syllabus that are taught in the car."""


def find_lessons(day: VehicleDay) -> tuple[Lesson, ...]:
    """Return the lessons of a car's day by time; none where nothing shows training.

    A declared session of a practical part is a lesson where the track shows training within it; training that begins
    before it or goes on after it belongs to it. A session told twice is one. Exams, and half an hour around them, are
    no lessons.
    """
    if day.track is None or not day.trainings:
        return ()
    exams = intervals((e.start_ms - EXAM_GRACE_MS, e.end_ms + EXAM_GRACE_MS) for e in day.exams)
    trained = subtract(day.trained_time, exams)
    told, found = intervals([]), []
    once = {(s.instructor_id, s.start_ms, s.end_ms): s for s in reversed(day.sessions) if s.part in PRACTICE}
    for s in once.values():
        mine = intersect(trained, intervals([(s.start_ms, s.end_ms)]))
        if total_ms(mine) >= min(LEAST_MS, s.end_ms - s.start_ms):
            whole = next(w for w in union(trained, intervals([(s.start_ms, s.end_ms)])).tolist() if w[1] > s.start_ms)
            found.append(Lesson(0, s.start_ms, s.end_ms, 0, 0, s, total_ms(mine)))
            told = union(told, intervals([(whole[0] - BREAK_MS, whole[1] + BREAK_MS)]))
    for start, end in close_gaps(subtract(trained, told), 2 * BREAK_MS).tolist():
        mine = intersect(subtract(trained, told), intervals([(start, end)]))
        if total_ms(mine) >= LEAST_MS:
            found.append(Lesson(0, start, end, 0, 0, None, total_ms(mine)))
    found.sort(key=lambda lesson: (lesson.start_ms, lesson.end_ms))
    return tuple(_with_drives(day, found, i) for i in range(len(found)))


def _with_drives(day: VehicleDay, lessons: Sequence[Lesson], i: int) -> Lesson:
    """Return a lesson with its number and its drives, which end where the next lesson begins."""
    lesson = lessons[i]
    before = max((other.end_ms for other in lessons[:i]), default=day.day.start_ms)
    after = min((other.start_ms for other in lessons[i + 1 :]), default=day.day.end_ms)
    start = max(_drive(day.spans, lesson.start_ms, back=True), min(before, lesson.start_ms))
    end = min(_drive(day.spans, lesson.end_ms, back=False), max(after, lesson.end_ms))
    if _handed_over(day, lesson, start, lesson.start_ms):
        start = lesson.start_ms
    if _handed_over(day, lesson, lesson.end_ms, end):
        end = lesson.end_ms
    return replace(lesson, number=i + 1, drive_start_ms=start, drive_end_ms=end)


def _drive(spans: Spans, from_ms: int, *, back: bool) -> int:
    """Return how far the drive before (`back`) or after an instant reaches."""
    rows = list(zip(spans.kind.tolist(), spans.start_ms.tolist(), spans.end_ms.tolist(), strict=True))
    ahead = [r for r in reversed(rows) if r[1] < from_ms] if back else [r for r in rows if r[2] > from_ms]
    reach, moved = from_ms, False
    for kind, start, end in ahead:
        lasted = (min(end, from_ms) - start) if back else (end - max(start, from_ms))
        stops = kind == SpanKind.STANDING and lasted > (STOP_MS if moved else BREAK_MS)
        if stops or kind == SpanKind.GAP:
            break
        if kind == SpanKind.MOVING:
            moved, reach = True, (start if back else end)
    limit = from_ms - LONGEST_DRIVE_MS if back else from_ms + LONGEST_DRIVE_MS
    return max(reach, limit) if back else min(reach, limit)


def _handed_over(day: VehicleDay, lesson: Lesson, start_ms: int, end_ms: int) -> bool:
    """Whether a drive lies so near to another instructor's session that it may belong to that one."""
    mine = None if lesson.session is None else lesson.session.instructor_id
    return end_ms > start_ms and any(
        s.instructor_id != mine and s.start_ms < end_ms + HANDOVER_MS and s.end_ms > start_ms - HANDOVER_MS
        for s in day.sessions
        if s is not lesson.session
    )
