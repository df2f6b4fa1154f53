"""What a journey starts with: an audited sample city, and a real browser without a network."""

from tests.maps.conftest import browser, open_page
from tests.runs.conftest import sample_run
from tests.runs.test_hostile_names import hostile_run

__all__ = ["browser", "hostile_run", "open_page", "sample_run"]
