"""The thresholds of cleaning and segmentation, in one value whose digest goes into every finding's evidence."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass

RECIPE_VERSION = "1"


@dataclass(frozen=True, slots=True)
class Recipe:
    """Thresholds with their reasons. None was fitted to labelled cities.

    `top_speed_mps`: no coach car reaches 180 km/h; together with `slack_m` (three times a poor fix's error) it
    bounds what two fixes may be apart. `flip_*`: a car cannot drive off at 8 m/s, turn round on the spot and come
    back at 8 m/s within two steps of at most 20 s: U-turns take about 10 s at walking pace.
    `coarse_m`: Amap's own limit between GPS + WiFi (100) and worse. `gap_ms`: three minutes without a fix
    is silence for feeds of 5 to 60 s. `still_*`: a parked car's Doppler speed stays below 0.8 m/s. How far a car must
    come within half a minute to be in motion depends on what its terminal says: with a speed above that, 8 m, twice
    the error of a good fix; without a reported speed 16 m, four times that error (cabs waiting in street canyons jump
    so far); against a reported standstill
    50 m, what two fixes of a parked car differ by at p99 (reference noise p99 28 m) with a margin.
    `standing_ms`: a red light is part of driving; from one minute on the car stands.
    """

    top_speed_mps: float = 50.0
    slack_m: float = 30.0
    flip_m: float = 60.0
    flip_speed_mps: float = 8.0
    flip_step_ms: int = 20_000
    same_place_m: float = 0.5
    coarse_m: float = 100.0
    gap_ms: int = 180_000
    still_window_ms: int = 30_000
    still_m: float = 8.0
    blind_m: float = 16.0
    moved_m: float = 50.0
    still_speed_mps: float = 0.8
    standing_ms: int = 60_000
    drift_m: float = 20.0

    @property
    def digest(self) -> str:
        """Return a short digest of all thresholds and the recipe's version."""
        text = json.dumps({"version": RECIPE_VERSION, **asdict(self)}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]
