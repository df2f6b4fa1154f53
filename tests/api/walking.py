"""Walking through a list page by page, as a client does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from tests.api.calls import get
from tests.api.conftest import Server

DATE = "date=2026-03-18"


def pages(
    server: Server, name: str, path: str, limit: int, between: Callable[[], object] | None = None
) -> list[list[dict[str, Any]]]:
    """Return the pages of a list; `between` is done after the first. `Link` and `next` say the same."""
    out, link = [], f"{path}{'&' if '?' in path else '?'}limit={limit}"
    while True:
        answer = get(server, name, link)
        assert answer.status_code == 200, answer.text
        told = answer.json()
        out.append(told["items"])
        if told["next"] is None:
            assert "link" not in answer.headers
            return out
        link = answer.headers["link"].removeprefix("<").removesuffix('>; rel="next"')
        assert quote(told["next"], safe="") in link
        if between is not None and len(out) == 1:
            between()


def items(server: Server, name: str, path: str, limit: int = 1000) -> list[dict[str, Any]]:
    return [item for page in pages(server, name, path, limit) for item in page]
