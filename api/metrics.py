"""Numbers for Prometheus at `/metrics`: how much is asked, and how the store is. No label names anybody or anything.

With several workers each writes its counts to a folder of files (`PROMETHEUS_MULTIPROC_DIR`), and whichever is asked
adds them up. It is answered to the addresses of `server.metrics_allow` only, and never through a proxy.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector

from api.guard import public
from api.platform import Platform, platform_of
from api.problems import not_found, responses
from runs.server_state import ServerState, server_state
from runs.versions import program_version

SHARED = "PROMETHEUS_MULTIPROC_DIR"
BUCKETS_S = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-proto", "x-real-ip", "via")


class Metrics:
    """What one application counts."""

    def __init__(self) -> None:
        """Begin at nothing."""
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "trajaudit_http_requests", "Requests answered.", ["method", "route", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            "trajaudit_http_request_seconds", "How long they took.", ["route"],
            buckets=BUCKETS_S, registry=self.registry,
        )  # fmt: skip

    def count(self, method: str, route: str, status: int, lasted_s: float) -> None:
        """Count a request."""
        self._requests.labels(method if method in _METHODS else "other", route, str(status)).inc()
        self._seconds.labels(route).observe(lasted_s)

    def exposed(self, platform: Platform) -> bytes:
        """Return everything as Prometheus reads it."""
        told = self.registry
        if SHARED in os.environ:
            told = CollectorRegistry()
            MultiProcessCollector(told)  # type: ignore[no-untyped-call]
        state = CollectorRegistry()
        state.register(_State(platform))
        return bytes(generate_latest(told) + generate_latest(state))


class _State:
    """How the store is, looked at when it is asked for."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def describe(self) -> list[Any]:
        """Nothing is looked at to be registered."""
        return []

    def collect(self) -> Iterator[Any]:
        """Yield the gauges."""
        found = server_state(self._platform.store, self._platform.settings)
        yield from gauges(found)
        yield GaugeMetricFamily("trajaudit_jobs_running", "Jobs that run.", value=self._platform.jobs.n_running())


def gauges(found: ServerState) -> Iterator[Any]:
    """Yield the gauges of a state; what is not known is left out."""
    build = GaugeMetricFamily("trajaudit_build_info", "The program.", labels=["version"])
    build.add_metric([program_version()], 1)
    yield build
    yield GaugeMetricFamily("trajaudit_ready", "Whether the server can work.", value=float(found.is_ready))
    trouble = GaugeMetricFamily("trajaudit_trouble", "What keeps it from working.", labels=["code"])
    for code in found.trouble:
        trouble.add_metric([code], 1)
    yield trouble
    single = (
        ("store_free_bytes", "Free on the store's disk.", found.free_bytes),
        ("lease_age_seconds", "For how long a nightly has been running.", found.lease_age_s),
        ("notices_unplanned", "Notices that no sender has taken up.", found.unplanned),
        (
            "nightly_age_seconds",
            "Since the last nightly ended.",
            None if found.last_run is None else found.last_run.age_s,
        ),
    )
    for name, told, value in single:
        if value is not None:
            yield GaugeMetricFamily(f"trajaudit_{name}", told, value=value)
    deliveries = GaugeMetricFamily("trajaudit_deliveries", "Deliveries of notices.", labels=["state"])
    for state, n in found.deliveries.items():
        deliveries.add_metric([state], n)
    yield deliveries
    if found.last_run is not None:
        last = GaugeMetricFamily("trajaudit_nightly_state", "How the last nightly ended.", labels=["state"])
        last.add_metric([found.last_run.state], 1)
        yield last


def router() -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["operation"])

    @routes.get("/metrics", dependencies=[public()], response_class=Response, responses=responses(404))
    def metrics(request: Request) -> Response:
        """Numbers for Prometheus; not there for whoever is not to read them."""
        if not may_read(request):
            raise not_found()
        held: Metrics = request.app.state.metrics
        return Response(held.exposed(platform_of(request)), media_type=CONTENT_TYPE_LATEST)

    return routes


def may_read(request: Request) -> bool:
    """Whether a request comes straight from an address that may read the numbers."""
    if request.client is None or any(name in request.headers for name in _FORWARDED):
        return False
    try:
        address = ipaddress.ip_address(request.client.host)
    except ValueError:
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    allowed = platform_of(request).settings.server.metrics_allow
    return any(address in ipaddress.ip_network(network) for network in allowed)
