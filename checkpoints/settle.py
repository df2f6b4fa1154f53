"""Whose passages they are: what cameras read, held against the cars whose tracks go by the camera at that minute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from checkpoints.camera_passes import CameraPasses, Mask, Sites
from checkpoints.clocks import SLOWEST_MPS, WINDOW_MS, Clock, find_clocks, pass_sigma_s
from checkpoints.passage import Passage
from checkpoints.positions import CLOCK_SIGMAS, UNTRUSTED_SIGMA_S, CheckedPassage, Whereabouts
from trajectories.fleet import F8, I4, I8

STAMP_SIGMA_S = 1.0
"""Cameras and terminals stamp whole seconds, and a plate is read a moment before or after the car is nearest."""
_TIME_BITS = 28  # 74 h in ms


@dataclass(frozen=True, slots=True)
class Claims:
    """Which registered cars each passage may be of, shape (n,) each; `read_so`: the plate was read as that car's."""

    passage_ix: I8
    vehicle_ix: I4
    camera_ix: I4
    shot_ms: I8
    log_likelihood: F8
    read_so: Mask

    @classmethod
    def of(cls, passages: Sequence[Passage], sites: Sites, vehicle_ids: Sequence[str]) -> Claims:
        """Return the claims of passages in order; cars and cameras by their place in `vehicle_ids` and `sites`."""
        cars, cameras = {v: i for i, v in enumerate(vehicle_ids)}, {c: i for i, c in enumerate(sites.ids)}
        rows = []
        for i, p in enumerate(passages):
            camera = cameras[p.camera_id]
            if p.vehicle_id is not None:
                rows.append((i, cars[p.vehicle_id], camera, p.shot_ms, 0.0, True))
            rows += [(i, cars[o.vehicle_id], camera, p.shot_ms, o.log_likelihood, False) for o in p.others]
        columns = list(zip(*rows, strict=True)) if rows else [()] * 6
        kinds = np.int64, np.int32, np.int32, np.int64, np.float64, np.bool_
        return cls(*(np.array(column, kind) for column, kind in zip(columns, kinds, strict=True)))

    def __len__(self) -> int:
        """Return the number of claims."""
        return len(self.shot_ms)


@dataclass(frozen=True, slots=True)
class Settled:
    """What the passes of all cars say of all passages.

    `matched`: for each claim the pass of that car that fits it, -1 for none. `recorded`: for each pass whether a
    passage read as that car's fits it.
    """

    claims: Claims
    clocks: Mapping[str, Clock]
    matched: I8
    recorded: Mask

    def sigma_s(self, camera_id: str) -> float:
        """Return the standard error of a passage's corrected time."""
        return time_sigma_s(self.clocks[camera_id])


def time_sigma_s(clock: Clock) -> float:
    """Return the standard error of a time by this clock, corrected, in s."""
    return float(np.hypot(clock.sigma_s, STAMP_SIGMA_S)) if clock.is_trusted else UNTRUSTED_SIGMA_S


def settle(passages: Sequence[Passage], passes: CameraPasses, sites: Sites, vehicle_ids: Sequence[str]) -> Settled:
    """Compare passages with passes; `passes.vehicle_ix` and `camera_ix` count in `vehicle_ids` and `sites`."""
    claims = Claims.of(passages, sites, vehicle_ids)
    clocks = _clocks(claims, passes, sites)
    offset_s = np.array([clocks[c].offset_s for c in sites.ids])[claims.camera_ix]
    sigma_s = np.array([time_sigma_s(clocks[c]) for c in sites.ids])[claims.camera_ix]
    matched = _matched(claims, passes, len(sites), claims.shot_ms - 1000.0 * offset_s, sigma_s)
    recorded = np.zeros(len(passes), np.bool_)
    recorded[matched[(matched >= 0) & claims.read_so]] = True
    return Settled(claims, clocks, matched, recorded)


def _clocks(claims: Claims, passes: CameraPasses, sites: Sites) -> Mapping[str, Clock]:
    row, which = _pairs(claims, passes, len(sites), claims.shot_ms - WINDOW_MS, claims.shot_ms + WINDOW_MS)
    keep = claims.read_so[row] & (passes.speed_mps >= SLOWEST_MPS)[which]
    row, which = row[keep], which[keep]
    off_s = (claims.shot_ms[row] - passes.t_ms[which]) / 1000.0
    sigma_s = pass_sigma_s(passes)[which]
    return find_clocks(sites.ids, claims.camera_ix[row].astype(np.int64), claims.passage_ix[row], off_s, sigma_s)


def _matched(claims: Claims, passes: CameraPasses, n_cameras: int, t_ms: F8, sigma_s: F8) -> I8:
    """Return for each claim the pass nearest in time, among those within the errors of both; -1 for none."""
    lasted = (passes.end_ms - passes.start_ms).max(initial=0)
    widest = CLOCK_SIGMAS * 1000.0 * (sigma_s + pass_sigma_s(passes).max(initial=0.0)) + lasted
    row, which = _pairs(claims, passes, n_cameras, t_ms - widest, t_ms + widest)
    apart = np.maximum(np.maximum(passes.start_ms[which] - t_ms[row], t_ms[row] - passes.end_ms[which]), 0.0)
    fits = apart <= CLOCK_SIGMAS * 1000.0 * np.hypot(sigma_s[row], pass_sigma_s(passes)[which])
    row, which = row[fits], which[fits]
    apart = np.abs(passes.t_ms[which] - t_ms[row])
    order = np.lexsort((which, -apart))
    out = np.full(len(claims), -1, np.int64)
    out[row[order]] = which[order]  # the nearest is written last
    return out


def _pairs(claims: Claims, passes: CameraPasses, n_cameras: int, start_ms: F8 | I8, end_ms: F8 | I8) -> tuple[I8, I8]:
    """Return the pairs of claims and passes of the same car and camera within a time of each claim."""
    if not len(claims) or not len(passes):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    zero = int(passes.t_ms.min())

    def code(vehicle_ix: I4, camera_ix: I4, t_ms: F8 | I8) -> I8:
        place = vehicle_ix.astype(np.int64) * n_cameras + camera_ix
        return (place << _TIME_BITS) + np.clip(t_ms - zero, 0, (1 << _TIME_BITS) - 1).astype(np.int64)

    known = code(passes.vehicle_ix, passes.camera_ix, passes.t_ms)
    order = np.argsort(known, kind="stable")
    lo = np.searchsorted(known[order], code(claims.vehicle_ix, claims.camera_ix, start_ms), side="left")
    hi = np.searchsorted(known[order], code(claims.vehicle_ix, claims.camera_ix, end_ms), side="right")
    row = np.repeat(np.arange(len(claims)), hi - lo)
    first = np.repeat(lo - np.cumsum(hi - lo) + (hi - lo), hi - lo)
    return row, order[first + np.arange(len(row))]


@dataclass(frozen=True, slots=True)
class Sorted:
    """Passages by what is known of them after all passes were seen.

    `there`: passages of cars that went by, by vehicle; `unseen`: (place in the list, vehicle) of passages read as a
    car's that was not seen to go by; `strangers`: places of passages that are no registered car's after all.
    """

    there: Mapping[str, tuple[CheckedPassage, ...]]
    unseen: tuple[tuple[int, str], ...]
    strangers: frozenset[int]


def sort_out(passages: Sequence[Passage], settled: Settled, passes: CameraPasses, vehicle_ids: Sequence[str]) -> Sorted:
    """Give each passage to the car that went by; a plate read as a car's own goes before a misreading.

    Where the named car was not seen to go by, but a car went by whose plate may be read so, and no other passage
    records that, it is that car's, misread.
    """
    claims, matched = settled.claims, settled.matched
    rows: dict[int, list[int]] = {}
    for row, i in enumerate(claims.passage_ix.tolist()):
        rows.setdefault(i, []).append(row)
    there: dict[str, list[CheckedPassage]] = {}
    unseen, strangers = [], set()
    for i, passage in enumerate(passages):
        fitting = [row for row in rows.get(i, ()) if matched[row] >= 0]
        own = next((row for row in fitting if claims.read_so[row]), None)
        free = [row for row in fitting if not settled.recorded[matched[row]]]
        if own is None and passage.vehicle_id is None:
            free = free or fitting  # a second picture of a car that was read rightly on the first
        chosen = own if own is not None else max(free, key=lambda r: claims.log_likelihood[r], default=None)
        if chosen is not None:
            checked = _there(passage, settled, passes, vehicle_ids, chosen)
            there.setdefault(checked.vehicle_id, []).append(checked)
        elif passage.vehicle_id is not None:
            unseen.append((i, passage.vehicle_id))
        else:
            strangers.add(i)
    return Sorted({v: tuple(there[v]) for v in sorted(there)}, tuple(unseen), frozenset(strangers))


def _there(
    passage: Passage, settled: Settled, passes: CameraPasses, vehicle_ids: Sequence[str], row: int
) -> CheckedPassage:
    clock, which = settled.clocks[passage.camera_id], int(settled.matched[row])
    vehicle_id = vehicle_ids[int(settled.claims.vehicle_ix[row])]
    is_read_so = bool(settled.claims.read_so[row])
    t_ms = passage.shot_ms - round(1000 * clock.offset_s)
    return CheckedPassage(
        passage if is_read_so else replace(passage, vehicle_id=None),
        vehicle_id,
        t_ms,
        time_sigma_s(clock),
        Whereabouts.THERE,
        float(passes.distance_m[which]),
        float("nan"),
        clock,
        is_read_so,
    )
