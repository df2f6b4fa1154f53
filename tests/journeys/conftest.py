"""What a journey starts with: an audited sample city, and one with hostile names."""

from tests.runs.conftest import sample_run
from tests.runs.test_hostile_names import hostile_run

__all__ = ["hostile_run", "sample_run"]
