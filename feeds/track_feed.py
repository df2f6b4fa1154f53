"""The track feeds of a bundle, whatever their format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from feeds.amap import AMAP
from feeds.baidu import BAIDU
from feeds.faults import Fault, UnusableInput
from feeds.gpx import GpxFeed
from feeds.jt808 import Jt808Feed
from feeds.ledger import Ledger, SourceFiles
from feeds.mfjson import MfJsonFeed
from feeds.track_csv import CsvFeed
from feeds.track_pages import PageFeed
from feeds.track_parquet import ParquetFeed
from feeds.track_reader import FeedConfig, FeedContext, TrackFeed
from trajectories.clock import LocalTime

__all__ = ["FORMATS", "FeedConfig", "TrackFeed", "open_track_feed"]

FORMATS: dict[str, Callable[[FeedContext], TrackFeed]] = {
    "amap": lambda context: PageFeed(context, AMAP),
    "baidu": lambda context: PageFeed(context, BAIDU),
    "csv": CsvFeed,
    "gpx": GpxFeed,
    "jt808": Jt808Feed,
    "mfjson": MfJsonFeed,
    "parquet": ParquetFeed,
}
"""Format to reader; another provider is another line here."""


def open_track_feed(
    folder: Path, config: FeedConfig, local: LocalTime, ledger: Ledger, sources: SourceFiles
) -> TrackFeed:
    """Open `folder/tracks/NAME`, `folder` being the bundle.

    Raises `UnusableInput` for an unknown format, a name that is not that of a folder, and files that cannot be
    read as what they should be. A feed without files is a silent feed, and is warned of.
    """
    faults = _faults(config)
    if faults:
        raise UnusableInput(faults)
    return FORMATS[config.format](FeedContext(folder, config, local, ledger, sources))


def _faults(config: FeedConfig) -> list[Fault]:
    field = f"feeds.{config.name}"
    faults = []
    if config.format not in FORMATS:
        known = ", ".join(sorted(FORMATS))
        faults.append(
            Fault("bundle.toml", "an unknown format", field=f"{field}.format", found=config.format, expected=known)
        )
    if config.name in ("", ".", "..") or set(config.name) & set("/\\\0"):
        faults.append(
            Fault("bundle.toml", "not the name of a folder", field=field, found=config.name, expected="a plain name")
        )
    return faults
