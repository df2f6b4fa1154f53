"""A bundle with two live feeds, the file that says where they are, and a pull that does not wait."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from feeds.pull_timing import Timing
from runs.outbound import Resolver, looked_up
from runs.progress import Silent
from runs.pull import FeedPull, Job, Pulled, pull
from runs.pull_out import WayOut
from runs.settings import OutboundSettings
from tests.feeds.bundle_maker import FILES, make_bundle
from tests.feeds.stand_in import KEY, SID, Clock, StandIn
from tests.feeds.track_builders import amap_point, baidu_point

DAY = date(2026, 3, 18)
NEXT_NOON_S = 1_773_892_800.0  # 2026-03-19T12:00:00+08:00: the service day is over
CONFIG = """\
schema = 1
name = "测试市"
timezone = "Asia/Shanghai"
datum = "wgs84"

[feeds.gaode]
format = "amap"
datum = "gcj02"

[feeds.yingyan]
format = "baidu"
datum = "bd09"
"""
VEHICLES = FILES["vehicles.csv"].splitlines()[0] + "\n" + "".join(
    f"{vehicle},鲁A{i:04d}学,16,training,S1,,C1,{feed},{terminal}\n"
    for i, (vehicle, feed, terminal) in enumerate(
        [("V1", "gaode", "501"), ("V2", "gaode", "502"), ("V3", "yingyan", "川A3学"), ("V4", "yingyan", "B4")]
    )
)  # fmt: skip
SESSIONS = FILES["sessions.csv"].splitlines()[0] + "\n"
EXAMS = FILES["exams.csv"].splitlines()[0] + "\n"


LOOPBACK = OutboundSettings(enabled=True, allow=("127.0.0.1",))
"""Where the stand-ins of providers are."""


def way_out(*allow: str, resolve: Resolver = looked_up) -> WayOut:
    """The way out that the settings leave; without a word, to the loopback."""
    settings = OutboundSettings(enabled=True, allow=allow) if allow else LOOPBACK
    return WayOut.of(settings, resolve)


def live_bundle(folder: Path, vehicles: str = VEHICLES) -> Path:
    """A good bundle with four cars and no track; the folders of its feeds are not even there."""
    changes: dict[str, str | bytes | None] = {"bundle.toml": CONFIG, "vehicles.csv": vehicles}
    changes |= {"sessions.csv": SESSIONS, "exams.csv": EXAMS, "tracks/terminal/T1.csv": None}
    bundle = make_bundle(folder, changes)
    (bundle / "tracks" / "terminal").rmdir()
    return bundle


def points_of(make: Any, n: int, first: int = 0) -> dict[str, list[dict[str, Any]]]:
    return {"20": [make(k) for k in range(first, first + n)]}


def city_providers() -> tuple[StandIn, StandIn]:
    """Amap with two terminals, Baidu with two, seven fixes each from noon of the day on."""
    amap = StandIn({tid: points_of(amap_point, 7) for tid in ("501", "502")})
    baidu = StandIn({name: points_of(baidu_point, 7) for name in ("川A3学", "B4")})
    return amap, baidu


@dataclass
class Live:
    """Where a test pulls from and into."""

    bundle: Path
    amap: StandIn
    baidu: StandIn
    clock: Clock
    sources: Path
    feeds: tuple[str, str] = ("gaode", "yingyan")
    out: WayOut = field(default_factory=way_out)

    def settings(self, feed: str = "", **changes: Any) -> None:
        """Write the sources file, small pages; `changes` go into the table of one feed (None takes a key out)."""
        lines = []
        for name, provider, path in zip(self.feeds, (self.amap, self.baidu), ("/v1/track", "/api/v3"), strict=True):
            table: dict[str, Any] = {
                "base_url": provider.address + path,
                "service_id": SID,
                "key_file": "live.key",
                "page_size": 3,
                "connections": 1,
            }
            table |= changes if name == feed or not feed else {}
            lines += [f"[feeds.{name}]", *(f"{k} = {_toml(v)}" for k, v in table.items() if v is not None), ""]
        self.sources.write_text("\n".join(lines), encoding="utf-8")
        key_file = self.sources.with_name("live.key")
        key_file.write_text(KEY + "\n", encoding="utf-8")
        key_file.chmod(0o600)

    @property
    def allowing(self) -> Path:
        """A settings file that lets the program go to the stand-ins."""
        path = self.sources.with_name("trajaudit.toml")
        path.write_text('[outbound]\nenabled = true\nallow = ["127.0.0.1"]\n', encoding="utf-8")
        return path

    def pull(self, *feeds: str, again: bool = False, day: date = DAY) -> Pulled:
        job = Job(self.bundle, day, self.sources, feeds, again)
        return pull(job, Silent(), self.out, self.timing())

    def timing(self) -> Timing:
        return Timing(self.clock.now, self.clock.now, waits=self.clock.wait, jitter=lambda: 0.0)

    def pages(self, feed: str) -> dict[str, bytes]:
        """The files of a feed by name."""
        folder = self.bundle / "tracks" / feed
        return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


def _toml(value: object) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else str(value)


def feed_of(pulled: Pulled, name: str) -> FeedPull:
    return {feed.feed: feed for feed in pulled.feeds}[name]


def codes(feed: FeedPull) -> Mapping[str, str]:
    """Failures: terminal to code."""
    return {failure.terminal_id: failure.code for failure in feed.failures}
