"""Which versions of what gave an answer."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from audit.registry import Rule


def program_version() -> str:
    """Return the distribution's version ("0+source" in a tree that was never installed)."""
    try:
        return version("trajaudit")
    except PackageNotFoundError:
        return "0+source"


def versions(rules: Sequence[Rule]) -> dict[str, str]:
    """Return the versions that go into evidence and `run.json`; `rules` digests all cards as they are applied."""
    import numba  # noqa: PLC0415 -- `trajaudit --version` needs none of these
    import numpy as np  # noqa: PLC0415
    import shapely  # noqa: PLC0415

    from audit.evidence import digest  # noqa: PLC0415

    return {
        "program": program_version(),
        "rules": digest([_card(r) for r in rules])[:16],
        "geos": shapely.geos_version_string,
        "numpy": np.__version__,
        "shapely": shapely.__version__,
        "numba": numba.__version__,
        "python": platform.python_version(),
    }


def _card(rule: Rule) -> dict[str, object]:
    dated = rule.card.parameters.items()
    return {
        "rule": rule.name,
        "version": rule.card.version,
        "parameters": {name: [[v.since, v.value, v.unit, v.source] for v in values] for name, values in dated},
    }
