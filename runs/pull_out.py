"""The way out to live providers: they are asked where the settings allow it, under the guard of `runs.outbound`."""

from __future__ import annotations

import ssl
from dataclasses import dataclass

import httpx

from feeds.faults import Fault, UnusableInput
from feeds.pull_http import SLOWEST, NotAllowed
from feeds.pull_settings import Source
from runs.addresses import OutboundRefused, parse_url
from runs.outbound import Guard, Guarded, NotReached, Resolver, looked_up
from runs.settings import OutboundSettings


@dataclass(frozen=True, slots=True)
class WayOut:
    """What the settings say of going out, and the guard that holds to it."""

    settings: OutboundSettings
    guard: Guard

    @classmethod
    def of(cls, settings: OutboundSettings, resolve: Resolver = looked_up) -> WayOut:
        """Return the way out that the settings leave."""
        return cls(settings, Guard.of(settings, resolve))

    def refusal(self, source: Source) -> str | None:
        """Return why a provider may not be asked, so far as that shows before its name is looked up; None: it may."""
        try:
            self.guard.check(source["base_url"])
        except OutboundRefused as error:
            return str(error)
        return None

    def fault(self, sources: str, source: Source, why: str) -> Fault:
        """Return what a person is told of a provider that may not be asked. `sources`: the name of their file."""
        return Fault(
            sources, f"may not be asked: {why}", field=f"feeds.{source.feed}.base_url", hint=self._hint(source)
        )

    def _hint(self, source: Source) -> str | None:
        try:
            place = parse_url(source["base_url"]).place
        except OutboundRefused:
            return None
        if self.refusal(source) is None:  # its name is allowed: it is the address behind it that is not
            return None
        enabled = "" if self.settings.enabled else "enabled = true and "
        return f'The settings (--settings) must say in [outbound]: {enabled}allow = ["{place}"].'

    def transport(self, source: Source) -> httpx.BaseTransport:
        """Return connections to one provider, kept between its queries; raises `UnusableInput` for `outbound.ca_file`.

        An exchange ends where `feeds.pull_http` would end it, its head included.
        """
        total_s = source["timeout_s"] * SLOWEST
        try:
            return _Asked(
                Guarded(self.guard, self.settings, ca_file=source.ca_file, total_s=total_s, kept=source["connections"])
            )
        except (OSError, ssl.SSLError) as error:
            told = Fault("settings", "cannot be read", field="outbound.ca_file", expected="certificates in PEM")
            raise UnusableInput([told]) from error


class _Asked(httpx.BaseTransport):
    """The guard's connections, with its words in those of the client of providers."""

    def __init__(self, inner: Guarded) -> None:
        self._inner = inner

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; raises `NotAllowed` before anything has gone out."""
        try:
            return self._inner.handle_request(request)
        except OutboundRefused as error:
            raise NotAllowed(str(error)) from None
        except NotReached as error:
            raise httpx.ConnectError(str(error)) from None

    def close(self) -> None:
        """Close the connections."""
        self._inner.close()
