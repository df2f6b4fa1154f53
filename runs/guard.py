"""Refuses to run when one of our packages would come from somewhere else.

The packages have plain names (`geo`, `maps`, `api`), and any other distribution may bring one of the same name. Python
takes whichever stands first on its path, without a word. So every command asks here first: each package must lie in
the folder in which this very file's package lies. See docs/decisions/0001-packaging.md.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from pathlib import Path

PACKAGES = (
    "api", "runs", "maps", "reports", "store", "feeds", "cases", "audit", "zones", "checkpoints", "trajectories", "geo",
)  # fmt: skip
"""Every top-level package of the distribution, highest floor first."""


class NamesakeError(RuntimeError):
    """A package of ours would be imported from somewhere else; the message names each and where it was found."""


def _place_of(package: str) -> Path | None:
    """The folder from which Python would import the package, without importing it; None where it finds no module."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).resolve().parent


def check_packages_are_ours(root: Path | None = None, packages: Iterable[str] = PACKAGES) -> None:
    """Raises NamesakeError unless every package would be imported from `root`, by default the folder of `runs`.

    Nothing is imported, so the check costs no start-up time.

    >>> check_packages_are_ours()
    >>> check_packages_are_ours(packages=["json"])
    Traceback (most recent call last):
        ...
    runs.guard.NamesakeError: ...
    """
    ours = (root or Path(__file__).parent.parent).resolve()
    found = {package: _place_of(package) for package in packages}
    strangers = {package: place for package, place in found.items() if place != ours / package}
    if not strangers:
        return
    lines = [f"  {package}: expected {ours / package}, found {place or 'none'}" for package, place in strangers.items()]
    raise NamesakeError(
        "These packages of trajaudit are missing or hidden by others of the same name:\n"
        + "\n".join(lines)
        + "\nInstall trajaudit into an environment of its own, and check PYTHONPATH and the current folder."
    )
