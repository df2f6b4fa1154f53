"""A nightly that is killed, wherever that is, and run again comes to what an undisturbed one comes to."""

from __future__ import annotations

import pytest

from runs.points import POINTS
from store.engine import POSTGRESQL, SQLITE
from tests.nights.conftest import Nights, Places
from tests.nights.making import Told, faults_of, parts_of
from tests.stores import DIALECTS


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_new_night_reaches_every_point_in_order(nights: Nights, places: Places, undisturbed: dict[str, str], dialect: str) -> None:
    with places(dialect) as place:
        done = nights.start(Told.at(place)).done()
        print(done["seconds"])
        assert tuple(done["points"]) == POINTS
        assert parts_of(place) == undisturbed
        assert faults_of(place) == []
        done = nights.start(Told.at(place)).done()
        print(done)
