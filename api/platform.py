"""What every request needs at hand: the store, the settings, the city's time. Made once, when the server starts."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastapi import Request

from api.limits import Limits
from api.tallies import OwnTallies, SharedTallies
from api.tokens import Tokens
from runs.job_board import Board
from runs.jobs import Jobs
from runs.night_maps import NightMaps
from runs.settings import Settings
from store.engine import Store
from trajectories.clock import LocalTime


@dataclass(slots=True)
class Platform:
    """The server's side of a request. `secret`: 32 random bytes that cursors and the like are signed with.

    `shared`: a folder of this server's processes, where there are several. `tiles`: the client that fetches tiles,
    made when the first one is asked for.
    """

    store: Store
    settings: Settings
    secret: bytes
    settings_file: Path | None = None
    shared: Path | None = None
    local: LocalTime = field(init=False)
    limits: Limits = field(init=False)
    tokens: Tokens = field(init=False)
    jobs: Jobs = field(init=False)
    maps: NightMaps = field(init=False)
    tiles: Any = field(init=False, default=None)

    def __post_init__(self) -> None:
        """Take the city's time, the limits and the provider's keys from the settings; nothing runs yet."""
        self.local = LocalTime(self.settings.nightly.timezone)
        tallies = OwnTallies() if self.shared is None else SharedTallies(self.shared)
        self.limits = Limits(self.settings, tallies=tallies)
        self.tokens = Tokens(self.settings.identity)
        self.jobs = Jobs(self.store.clock, None if self.shared is None else Board(self.shared / "jobs"))
        self.maps = NightMaps(self.store, self.settings)


def platform_of(request: Request) -> Platform:
    """Return the server's side of a request."""
    found: Platform = request.app.state.platform
    return found
