"""The start page: logging in and out by forms alone, what each role sees, both languages, and a browser's view."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from babel.messages.extract import extract_from_dir
from sqlalchemy import select, update

from runs.page_words import PAGE_WORDS
from store.tables.casework import CaseRow
from tests.api.browser_like import PASSWORD, give_password
from tests.api.browsing import Chromium, Seen, listening
from tests.api.calls import get
from tests.api.conftest import Server
from tests.api.looping import run

ROOT = Path(__file__).resolve().parents[2]
HTML = {"accept": "text/html"}


class Forms:
    """A browser without scripts: it follows what forms and links say."""

    def __init__(self, server: Server) -> None:
        self.server, self.cookies = server, httpx.Cookies()

    def __call__(
        self, path: str, fields: dict[str, str] | None = None, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        body = None if fields is None else urlencode(fields).encode()
        told = {**HTML, **({} if body is None else {"content-type": "application/x-www-form-urlencoded"})}

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.server.app, raise_app_exceptions=False)
            base = "http://audit.test"
            async with httpx.AsyncClient(transport=transport, base_url=base, cookies=self.cookies) as client:
                method = "GET" if body is None else "POST"
                answer = await client.request(method, path, content=body, headers={**told, **(headers or {})})
                self.cookies = client.cookies
                return answer

        return run(ask)

    def log_in(self, name: str, to: str = "/", password: str = PASSWORD) -> httpx.Response:
        return self("/login?lang=en", {"name": name, "password": password, "totp": "", "to": to})


def hidden(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found is not None
    return found[1]


def test_one_logs_in_goes_where_one_wanted_to_and_logs_out_without_scripts(server: Server) -> None:
    give_password(server, "auditor")
    forms = Forms(server)
    away = forms("/maps/nights/2026-03-18?lang=en")
    assert away.status_code == 303
    page = forms(away.headers["location"])
    assert hidden(page.text, "to") == "/maps/nights/2026-03-18"
    assert "<script" not in page.text
    came = forms.log_in("auditor", "/maps/nights/2026-03-18")
    assert (came.status_code, came.headers["location"]) == (303, "/maps/nights/2026-03-18?lang=en")
    assert "samesite=strict" in came.headers["set-cookie"].lower()
    assert forms("/maps/nights/2026-03-18").status_code == 200
    page = forms("/?lang=en")
    assert "<b>auditor</b>" in page.text
    assert forms("/logout?lang=en", {"csrf": "wrong"}).status_code == 403
    assert forms("/logout?lang=en", {"csrf": hidden(page.text, "csrf")}).status_code == 303
    assert 'name="password"' in forms("/?lang=en").text


@pytest.mark.parametrize(("name", "password"), [("auditor", "wrong"), ("nobody", PASSWORD), ("", ""), ("a\0", "x")])
def test_what_is_wrong_is_told_in_the_same_words(server: Server, name: str, password: str) -> None:
    give_password(server, "auditor")
    answer = Forms(server).log_in(name, password=password)
    assert answer.status_code == 401
    assert "Account, password or code is not right." in answer.text
    assert "set-cookie" not in answer.headers


def test_a_password_that_was_given_must_be_changed_first(server: Server) -> None:
    give_password(server, "auditor", must_change=True)
    forms = Forms(server)
    assert forms.log_in("auditor").headers["location"] == "/?lang=en&to=%2F"
    page = forms("/?lang=en")
    assert "An administrator gave you this password." in page.text
    assert forms("/maps/nights/2026-03-18").headers["location"].startswith("/?to=")
    fields = {"csrf": hidden(page.text, "csrf"), "current": PASSWORD, "to": "/"}
    assert forms("/password?lang=en", {**fields, "new": "short"}).status_code == 422
    assert forms("/password?lang=en", {**fields, "current": "x", "new": "eleven blue kettles"}).status_code == 403
    done = forms("/password?lang=en", {**fields, "new": "eleven blue kettles"})
    assert (done.status_code, done.headers["location"]) == (303, "/?lang=en")
    assert "Nights" in forms("/?lang=en").text


@pytest.mark.parametrize(
    "headers",
    [{"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}, {"origin": "null"},
     {"sec-fetch-site": "same-site"}],
)  # fmt: skip
def test_another_sites_form_does_nothing(server: Server, headers: dict[str, str]) -> None:
    give_password(server, "auditor")
    fields = {"name": "auditor", "password": PASSWORD, "totp": "", "to": "/"}
    answer = Forms(server)("/login", fields, headers)
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers
    own = Forms(server)("/login", fields, {"origin": "http://audit.test", "sec-fetch-site": "same-origin"})
    assert own.status_code == 303


@pytest.mark.parametrize(
    "to", ["https://evil.example/maps/", "//evil.example", "/maps/../../evil", "/v1/me", "/maps//x"]
)
def test_a_login_leads_nowhere_else(server: Server, to: str) -> None:
    give_password(server, "auditor")
    assert Forms(server).log_in("auditor", to).headers["location"] == "/?lang=en"


def test_forms_are_small_and_hold_what_they_should(server: Server) -> None:
    forms = Forms(server)
    assert forms("/login", {"name": "x" * 20_000}).status_code == 413
    assert forms("/login", {"name": "x", "more": "y"}).status_code == 422
    assert forms("/login", {"name": "x"}, {"content-type": "application/json"}).status_code == 415


# ---------------------------------------------------------------- what each role sees
def sections(page: str) -> set[str]:
    return set(re.findall(r'<h2 id="(\w+)"', page)) - {"more"}


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("auditor", {"nights", "cases"}), ("head", {"nights", "cases"}), ("admin", {"nights", "operation"}),
        ("school-1", {"cases"}), ("auditor-elsewhere", {"nights", "cases"}),
    ],
)  # fmt: skip
def test_each_role_sees_what_it_may(server: Server, name: str, seen: set[str]) -> None:
    page = get(server, name, "/?lang=en").text
    assert sections(page) == seen
    assert ("/maps/nights/" in page) == (name not in {"admin", "school-1"})
    assert ("/maps/cases/" in page) == (name in {"auditor", "head"})


def test_it_is_chinese_unless_english_is_asked_for(server: Server) -> None:
    assert '<html lang="zh-CN">' in get(server, None, "/").text
    assert '<html lang="en">' in get(server, None, "/", accept_language="en-GB").text
    assert '<html lang="zh-CN">' in get(server, None, "/?lang=zh", accept_language="en-GB").text
    assert get(server, None, "/?lang=fr").status_code == 400


def test_a_refusal_is_a_page_to_a_browser_and_a_problem_to_a_program(server: Server) -> None:
    page = get_page(server, "admin", "/maps/nights/2026-03-18?lang=en")
    assert page.status_code == 403
    assert "Your account does not hold the permission for this." in page.text
    assert page.headers["x-request-id"] in page.text
    assert get(server, "admin", "/maps/nights/2026-03-18").headers["content-type"] == "application/problem+json"
    assert get_page(server, "auditor", "/maps/nights/yesterday").status_code == 400


def get_page(server: Server, name: str | None, path: str) -> httpx.Response:
    async def ask() -> httpx.Response:
        async with server.client(name) as client:
            return await client.get(path, headers=HTML)

    return run(ask)


def test_names_from_outside_are_text(server: Server) -> None:
    hostile = '"><script>window.__pwned=1</script>'
    with server.store.reading() as session:
        case_id = session.scalar(select(CaseRow.case_id).where(CaseRow.subject_kind == "vehicle").limit(1))
    page = get_page(server, "auditor", f"/maps/nights/2026-03-18/vehicles/{hostile.replace('/', '%2F')}?lang=en")
    assert "<script>window" not in page.text
    page = get_page(server, None, f"/?to={hostile}&lang=en")
    assert "<script" not in page.text
    page = get_page(server, "auditor", f"/maps/cases/{case_id}{hostile.replace('/', '%2F')}")
    assert "<script" not in page.text


# ---------------------------------------------------------------- words
def test_every_text_of_the_pages_is_where_texts_are_collected() -> None:
    methods = [("**.py", "python"), ("templates/**.html", "jinja2")]
    found = extract_from_dir(ROOT / "api", methods, keywords={"say": None, "_": None})
    said = {text for _, _, text, _, _ in found if isinstance(text, str)}
    assert said == set(PAGE_WORDS)
    for file in (ROOT / "api").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "say":
                told = ast.unparse(node.args[0])
                assert isinstance(node.args[0], ast.Constant) or told in {"text", "STATES[state]", "STATES[last.state]"}


# ---------------------------------------------------------------- in a browser
@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    made = Chromium()
    yield made
    made.close()


CONTRAST = """() => {
  const part = (v) => (v /= 255, v <= 0.03928 ? v / 12.92 : Math.pow((v + 0.055) / 1.055, 2.4));
  const light = (c) => {
    const [r, g, b] = c.match(/[\\d.]+/g).map(Number);
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  };
  const ground = (n) => {
    for (; n; n = n.parentElement) {
      const c = getComputedStyle(n).backgroundColor;
      if (!/rgba\\(.*, 0\\)/.test(c)) return c;
    }
    return "rgb(255, 255, 255)";
  };
  const says = (n) => Array.from(n.childNodes).some((c) => c.nodeType === 3 && c.textContent.trim());
  return Array.from(document.querySelectorAll("body *")).filter((n) => n.checkVisibility() && says(n)).map((n) => {
    const [a, b] = [light(getComputedStyle(n).color), light(ground(n))];
    return [n.outerHTML.slice(0, 80), (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)];
  }).filter(([, ratio]) => ratio < 4.5);
}"""
"""Texts whose contrast is below what WCAG AA asks for."""


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_with_the_keyboard_alone_and_without_scripts(
    server: Server, chromium: Chromium, tmp_path: Path, lang: str
) -> None:
    give_password(server, "head")
    with server.store.writing() as session:
        hostile = "<img src=x onerror=window.__pwned=1>"
        session.execute(update(CaseRow).where(CaseRow.subject_kind == "vehicle").values(school_id=hostile))
    with listening(server.app) as address:

        def walk(seen: Seen) -> tuple[list[str], list[Any], list[Any], str]:
            page = seen.page
            page.goto(f"{address}/?lang={lang}")
            page.screenshot(path=tmp_path / f"login-{lang}.png")
            thin = seen.ask(f"({CONTRAST})()")
            page.focus("#name")
            page.keyboard.type("head")
            page.keyboard.press("Tab")
            page.keyboard.type(PASSWORD)
            page.keyboard.press("Enter")
            page.wait_for_selector("#nights")
            page.screenshot(path=tmp_path / f"start-{lang}.png", full_page=True)
            more = seen.ask(f"({CONTRAST})()")
            page.keyboard.press("Tab")
            first = str(seen.ask("document.activeElement.className"))
            return seen.complaints, thin, more, first

        complaints, thin, more, first = chromium.look(walk)
    assert complaints == []
    assert (thin, more) == ([], [])
    assert first == "skip"
