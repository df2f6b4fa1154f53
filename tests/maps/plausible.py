"""A plausible day of one coach car, and of a small city, for looking at maps."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import date, time
from typing import Any

import numpy as np
from shapely import LineString, MultiLineString, Polygon

from audit.finding import Finding, Severity
from geo.plane import LocalPlane
from maps.index_map import IndexDay
from maps.vehicle_map import VehicleMapDay
from trajectories.clock import LocalTime
from trajectories.fleet import Flag, Fleet, build_fleet
from trajectories.spans import Activity, SpanKind, Spans, Stretches
from zones.declared import Session
from zones.register import Use, Vehicle
from zones.zone import Zone, ZoneKind

DAY = date(2026, 3, 18)
LOCAL = LocalTime("Asia/Shanghai")
PLANE = LocalPlane(121.44, 31.22)
STEP_S = 5
YARD_ROWS_A_FILE = 1000


def lonlat(points_m: list[tuple[float, float]]) -> list[tuple[float, float]]:
    east, north = np.array(points_m, float).T
    return list(zip(*(c.tolist() for c in PLANE.to_degrees(east, north)), strict=True))


def box(west_m: float, south_m: float, wide_m: float, high_m: float) -> Polygon:
    east_m, north_m = west_m + wide_m, south_m + high_m
    return Polygon(lonlat([(west_m, south_m), (east_m, south_m), (east_m, north_m), (west_m, north_m)]))


ROUTE_M = [(400, 150), (1600, 150), (1600, 1000), (2900, 1000), (2900, -300), (1600, -300), (1600, 150)]


def zones(name: str = "{}") -> tuple[Zone, ...]:
    hole = Polygon(box(0, 0, 300, 200).exterior, [box(120, 80, 40, 40).exterior])
    return (
        Zone(
            "G1",
            ZoneKind.GROUND,
            name.format("东郊训练场"),
            hole,
            frozenset({"S1"}),
            frozenset({2}),
            approval_no="沪公交训〔2026〕3号",
        ),
        Zone(
            "G2",
            ZoneKind.GROUND,
            name.format("北河训练场"),
            box(-1500, 1400, 260, 240),
            frozenset({"S2"}),
            frozenset({2}),
        ),
        Zone(
            "R1",
            ZoneKind.ROUTE,
            name.format("长兴路训练路线"),
            LineString(lonlat(ROUTE_M)),
            None,
            frozenset({3}),
            width_m=60,
        ),
        Zone("X1", ZoneKind.SITE, name.format("第三考场"), box(3300, 1500, 420, 300)),
    )


@dataclass
class Drive:
    """Writes rows second by second on the plane, and remembers which rows were what."""

    t_ms: list[int] = field(default_factory=list)
    at_m: list[tuple[float, float]] = field(default_factory=list)
    speed: list[float] = field(default_factory=list)
    parts: list[tuple[SpanKind, Activity, int, int]] = field(default_factory=list)
    now_ms: int = LOCAL.at(DAY, time(8, 2))
    noise: np.random.Generator = field(default_factory=lambda: np.random.default_rng(7))

    def _row(self, east_m: float, north_m: float, speed_mps: float) -> None:
        jitter = self.noise.normal(0, 1.2, 2)
        self.t_ms.append(self.now_ms)
        self.at_m.append((east_m + jitter[0], north_m + jitter[1]))
        self.speed.append(max(0.0, speed_mps + self.noise.normal(0, 0.3)))
        self.now_ms += STEP_S * 1000

    def along(self, points_m: list[tuple[float, float]], speed_mps: float, activity: Activity) -> None:
        first = len(self.t_ms)
        line = LineString(points_m)
        for metres in np.arange(0, line.length, speed_mps * STEP_S):
            point = line.interpolate(metres)
            self._row(point.x, point.y, speed_mps)
        self.parts.append((SpanKind.MOVING, activity, first, len(self.t_ms)))

    def stand(self, minutes: float) -> None:
        first, at = len(self.t_ms), self.at_m[-1]
        for _ in range(int(minutes * 60 / STEP_S)):
            self._row(*at, 0)
        self.parts.append((SpanKind.STANDING, Activity.PLAIN_DRIVING, first, len(self.t_ms)))

    def practise(self, middle_m: tuple[float, float], minutes: float) -> None:
        """Figures of eight and reversing into a bay, slowly."""
        first = len(self.t_ms)
        for k in range(int(minutes * 60 / STEP_S)):
            turn = k / 9
            self._row(middle_m[0] + 32 * math.sin(turn), middle_m[1] + 20 * math.sin(2 * turn), 2.2)
        self.parts.append((SpanKind.MOVING, Activity.YARD_TRAINING, first, len(self.t_ms)))

    def silence(self, minutes: float) -> None:
        self.now_ms += int(minutes * 60_000)
        self.parts.append((SpanKind.GAP, Activity.PLAIN_DRIVING, len(self.t_ms), len(self.t_ms)))


LOT_M = (900.0, -900.0)


def drive() -> Drive:
    d = Drive()
    d.practise((150, 150), 55)
    d.stand(9)
    d.along([(160, 60), (400, 150)], 5, Activity.PLAIN_DRIVING)
    d.along(ROUTE_M, 9, Activity.ROAD_TRAINING)
    d.along([(1600, 150), (900, 150), (900, -850)], 8, Activity.PLAIN_DRIVING)
    d.practise(LOT_M, 38)
    d.along([LOT_M, (1500, -900)], 7, Activity.PLAIN_DRIVING)
    d.silence(23)
    d.along([(1600, -350), (1600, 150), (1600, 1000)], 8, Activity.UNDETERMINED)
    d.along([(1600, 1000), (1600, 150), (400, 150), (160, 60)], 9, Activity.PLAIN_DRIVING)
    d.stand(32)
    d.practise((150, 140), 40)
    return d


def fleet_of(d: Drive) -> Fleet:
    n = len(d.t_ms)
    east, north = np.array(d.at_m).T
    flags = np.zeros(n, np.uint32)
    spikes = [300, 301, 1150]
    east[spikes] += [180, 210, -260]
    flags[spikes] = Flag.SPIKE
    flags[[720, 725, 731]] = Flag.DRIFT
    flags[980] = Flag.COARSE | Flag.LATE
    lon, lat = PLANE.to_degrees(east, north)
    heading = (np.degrees(np.arctan2(np.gradient(east), np.gradient(north))) % 360).astype(np.float32)
    heading[::50] = np.nan
    return build_fleet(
        ["V1"],
        np.zeros(n, np.int32),
        np.array(d.t_ms, np.int64),
        lon,
        lat,
        speed_mps=np.array(d.speed, np.float32),
        heading_deg=heading,
        flags=flags,
        source=np.arange(40, n + 40, dtype=np.uint32),
    )


def segments(d: Drive) -> tuple[Spans, Stretches]:
    begin = [d.t_ms[start] if kind is not SpanKind.GAP else d.t_ms[start - 1] for kind, _, start, _ in d.parts]
    end = [*begin[1:], d.t_ms[-1]]
    kind, activity, start, stop = (np.array(c, np.int64) for c in zip(*d.parts, strict=True))
    begin_ms, end_ms = np.array(begin, np.int64), np.array(end, np.int64)
    spans = Spans(np.zeros(len(kind), np.int32), kind.astype(np.uint8), start, stop, begin_ms, end_ms)
    keep = kind == SpanKind.MOVING
    p = np.full(int(keep.sum()), 0.9, np.float32)
    small = np.full_like(p, 0.05)
    stretches = Stretches(
        np.zeros(len(p), np.int32),
        activity[keep].astype(np.uint8),
        start[keep],
        stop[keep],
        begin_ms[keep],
        end_ms[keep],
        p,
        small,
        small,
    )
    return spans, stretches


def finding(rule: str, severity: Severity, start_ms: int, end_ms: int, geometry: Any = None, **more: Any) -> Finding:
    values: dict[str, Any] = {
        "finding_id": f"F-{rule}-{start_ms}",
        "content_digest": "d",
        "service_date": DAY,
        "rule": rule,
        "rule_version": "1",
        "severity": severity,
        "vehicle_id": "V1",
        "plate": "沪A1234学",
        "school_id": "S1",
        "district": "310115",
        "zone_id": None,
        "session_id": None,
        "person_id": None,
        "trainee_id": None,
        "feed": None,
        "start_ms": start_ms,
        "end_ms": end_ms,
        "confidence": 0.93,
        "confidence_basis": "calibration-2026-01",
        "geometry": geometry,
        "summary_zh": "在批准场地与路线之外绕桩、倒车 38 分钟,距最近的批准区域边界 812 米。",
        "summary_en": "Manoeuvred for 38 minutes outside every approved place, 812 m from the nearest edge.",
        "evidence": {
            "margins": {"distance_beyond_edge_m": 812.4, "duration_s": 2280.0},
            "excluded": [
                {
                    "explanation": "parking",
                    "because": {"zh": "同一处倒车 14 次", "en": "14 reversals in one place"},
                    "measured": 14.0,
                    "needed": 4.0,
                }
            ],
            "parameters": {"tolerance_m": {"value": 30.0, "since": date(2026, 1, 1), "source": "设定:交警支队"}},
            "inputs": {"track": {"sha256": "ab12", "rows": [1000, 1456]}},
        },
    }
    return Finding(**{**values, **more})


def findings(d: Drive) -> tuple[Finding, ...]:
    lot = next(p for p in d.parts if p[1] is Activity.YARD_TRAINING and 600 < p[2] < 1400)
    gap = next(p for p in d.parts if p[0] is SpanKind.GAP)
    shape = LineString(lonlat(d.at_m[lot[2] : lot[3]]))
    ends = MultiLineString([lonlat(d.at_m[gap[2] - 3 : gap[2]]), lonlat(d.at_m[gap[2] : gap[2] + 3])])
    last = next(p for p in reversed(d.parts) if p[1] is Activity.YARD_TRAINING)
    return (
        finding("off-zone-training", Severity.MAJOR, d.t_ms[lot[2]], d.t_ms[lot[3] - 1], shape),
        finding(
            "signal-gap",
            Severity.MINOR,
            d.t_ms[gap[2] - 1],
            d.t_ms[gap[2]],
            ends,
            session_id="K-2",
            summary_zh="课时 K-2 内终端静默 23 分钟,同时段该数据源其他车辆正常。",
            summary_en="Silent for 23 minutes inside session K-2 while the feed's other cars reported.",
        ),
        finding(
            "undeclared-training",
            Severity.NOTICE,
            d.t_ms[last[2]],
            d.t_ms[last[3] - 1],
            LineString(lonlat(d.at_m[last[2] : last[3]])),
            zone_id="G1",
            summary_zh="批准场地、批准时段内训练 40 分钟,未见申报课时。",
            summary_en="Trained 40 minutes in a lawful place and time without a declared session.",
        ),
    )


def source_of(number: int) -> tuple[str, int]:
    return f"tracks/amap/T-0007.{number // YARD_ROWS_A_FILE + 1}.json", number % YARD_ROWS_A_FILE + 1


def person_label(key: str) -> str:
    return ("学员 " if key.startswith("T") else "教练员 ") + f"{abs(sum(map(ord, key)) * 7919) % 65536:04X}"


def vehicle_day(**more: Any) -> VehicleMapDay:
    d = drive()
    spans, stretches = segments(d)
    at = {hour: LOCAL.at(DAY, time(hour)) for hour in range(24)}
    values: dict[str, Any] = {
        "vehicle": Vehicle("V1", "沪A1234学", "16", Use.TRAINING, "S1", None, "C1", "amap", "T-0007"),
        "service_date": DAY,
        "local": LOCAL,
        "track": fleet_of(d).track(0),
        "spans": spans,
        "stretches": stretches,
        "zones": zones(),
        "zone_hours": {"G1": "08:00–18:00", "R1": "09:30–16:00"},
        "findings": findings(d),
        "source_of": source_of,
        "sessions": (
            Session("K-1", "V1", "P-100", "T-9", 2, "G1", at[8], at[9]),
            Session("K-2", "V1", "P-100", "T-9", 3, "R1", at[9], at[11]),
        ),
        "person_label": person_label,
        "schools": {"S1": "东方驾校", "S2": "北河驾校"},
        "labels": {
            "distance_beyond_edge_m": "超出边界",
            "duration_s": "持续",
            "parking": "寻找车位",
            "tolerance_m": "容差",
            "parameters": "参数",
            "inputs": "输入",
        },
    }
    return VehicleMapDay(**{**values, **more})


def city_day(n_extra: int = 60, **more: Any) -> IndexDay:
    noise = np.random.default_rng(3)
    rules = [
        ("off-route", Severity.MAJOR),
        ("out-of-hours", Severity.MINOR),
        ("ghost-session", Severity.CRITICAL),
        ("wrong-zone", Severity.MAJOR),
    ]
    extra = []
    for k in range(n_extra):
        rule, severity = rules[k % 4]
        start = LOCAL.at(DAY, time(8)) + k * 300_000
        at = noise.normal((800, 300), (1800, 1200))
        shape = (
            None
            if rule == "ghost-session" and k % 8 == 2
            else LineString(lonlat([(at[0], at[1]), (at[0] + 200, at[1] + 40)]))
        )
        plate, school = f"沪B{2000 + k}学", "S1" if k % 3 else "S2"
        summary = {
            "summary_zh": f"偏离批准路线 {k + 3} 分钟,最远 {100 + k} 米。",
            "summary_en": f"Off the approved route for {k + 3} min, {100 + k} m at most.",
        }
        extra.append(
            finding(
                rule,
                severity,
                start,
                start + 900_000,
                shape,
                plate=plate,
                school_id=school,
                vehicle_id=f"V{k + 2}",
                **summary,
            )
        )
    found = (*findings(drive()), *extra)
    values: dict[str, Any] = {
        "city": "示例市",
        "service_date": DAY,
        "local": LOCAL,
        "zones": zones(),
        "findings": found,
        "schools": {"S1": "东方驾校", "S2": "北河驾校"},
        "links": {f.finding_id: f"vehicles/{f.vehicle_id}.html" for f in found},
        "not_assessed": {"out-of-hours": {"no-hours": 4}, "signal-gap": {"no-fixes": 7, "feed-outage": 2}},
        "n_vehicles": 62,
        "n_without_fixes": 3,
        "run_id": "2026-03-18-5f3a9c",
        "zone_hours": {"G1": "08:00–18:00"},
    }
    return IndexDay(**{**values, **more})
