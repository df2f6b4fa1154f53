"""A browser before the server: it keeps cookies, comes from an address, and sends the CSRF token it was given."""

from __future__ import annotations

from functools import cache
from typing import Any

import httpx

from api.limits import Limits
from store.engine import Store
from store.passwords import hash_password
from store.tables.api import Credential
from tests.api.conftest import Server
from tests.api.looping import run

PASSWORD = "seven green bicycles"
FIXED = 1_773_882_000_000


@cache
def kept(password: str) -> str:
    return hash_password(password)


def give_password(server: Server, name: str, password: str = PASSWORD, must_change: bool = False) -> None:
    with server.store.writing() as session:
        session.merge(Credential(name=name, password_hash=kept(password), changed_ms=FIXED, must_change=must_change))


def one_clock(server: Server) -> None:
    """Have limits count the time of the store's clock, which stands still."""
    platform = server.app.state.platform
    platform.limits = Limits(server.settings, lambda: server.store.clock() / 1000)


def later(store: Store, seconds: float) -> None:
    store.clock.ms += int(seconds * 1000)  # type: ignore[attr-defined]


class Browser:
    """One browser; `address`: where it sits."""

    def __init__(self, server: Server, address: str = "10.0.0.1", scheme: str = "http") -> None:
        self.server, self.address, self.scheme = server, address, scheme
        self.cookies = httpx.Cookies()
        self.csrf: str | None = None
        self.seen: list[str] = []

    def __call__(
        self, method: str, path: str, json: Any = None, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        told = dict(headers or {})
        if self.csrf is not None:
            told.setdefault("x-csrf-token", self.csrf)

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.server.app, raise_app_exceptions=False, client=(self.address, 4711))
            async with httpx.AsyncClient(
                transport=transport, base_url=f"{self.scheme}://audit.test", cookies=self.cookies
            ) as client:
                answer = await client.request(
                    method, path, json=json, headers={k: v.encode("latin-1") for k, v in told.items()}
                )
                self.cookies = client.cookies
                return answer

        answer = run(ask)
        self.seen.append(answer.text + repr(answer.headers.multi_items()))
        return answer

    def log_in(self, name: str, password: str = PASSWORD, totp: str | None = None) -> httpx.Response:
        answer = self("POST", "/v1/login", {"name": name, "password": password, "totp": totp})
        if answer.status_code == 200:
            self.csrf = answer.json()["csrf_token"]
        return answer
