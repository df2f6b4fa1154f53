"""All routers of the application, in order; a new one is added here."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter

from api import health

ROUTERS: tuple[Callable[[], APIRouter], ...] = (health.router,)
