"""Logging in: sessions and their cookies, CSRF, locks, what is told to whom, and changing what one logs in with."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from sqlalchemy import select

from api.limits import AddressLocks, Limits, Window
from runs.settings import LimitSettings, LoginSettings, Settings, StoreSettings
from store import passwords, proving, sealing, totp
from store.access_log import recent
from store.accounts import actor_of, disable
from store.failed_logins import LockRule
from store.passwords import PasswordRefused, refuse_weak
from store.proving import Claim, Locked, NotProven, prove
from store.tables.access import AccessEntry
from store.tables.api import Credential, Login
from tests.api.browser_like import PASSWORD, Browser, give_password, kept, later, one_clock
from tests.api.conftest import Server
from tests.api.looping import run

OTHER = "five purple umbrellas"


@pytest.fixture
def here(server: Server) -> Server:
    one_clock(server)
    give_password(server, "auditor")
    return server


def actions(server: Server, name: str) -> list[str]:
    with server.store.reading() as session:
        return [link.action for link in recent(session, 1000, name)]


def totp_of(server: Server, name: str) -> bytes:
    """Give an account a second factor; return its secret."""
    secret = totp.new_secret()
    with server.store.writing() as session:
        held = session.get_one(Credential, name)
        held.totp_sealed = sealing.seal(sealing.load_sealing_key(server.store), secret, name)
    return secret


def code_now(server: Server, secret: bytes, steps: int = 0) -> str:
    return totp.code_at(secret, server.store.clock() // totp.STEP_MS + steps)


# ---------------------------------------------------------------- sessions


def test_a_session_says_who_one_is_until_one_logs_out(here: Server) -> None:
    browser = Browser(here)
    told = browser.log_in("auditor").json()
    assert told["name"] == "auditor"
    assert told["roles"] == [{"role": "auditor", "districts": None, "school_id": None}]
    me = browser("GET", "/v1/me")
    assert me.json() == told
    assert me.headers["cache-control"] == "no-store"
    assert (told["way"], told["has_totp"], told["must_change_password"]) == ("session", False, False)
    assert browser("POST", "/v1/logout").status_code == 204
    assert not browser.cookies
    assert browser("GET", "/v1/me").status_code == 401
    assert actions(here, "auditor") == ["login", "logout"]
    with here.store.reading() as session:
        (entry,) = session.scalars(select(AccessEntry).where(AccessEntry.action == "login"))
        assert (entry.role, entry.reason) == ("auditor", "from 10.0.0.1")


def test_a_session_that_was_ended_is_dead_though_the_cookie_is_kept(here: Server) -> None:
    browser, thief = Browser(here), Browser(here)
    browser.log_in("auditor")
    thief.cookies = httpx.Cookies(browser.cookies)
    assert thief("GET", "/v1/me").status_code == 200
    browser("POST", "/v1/logout")
    assert thief("GET", "/v1/me").status_code == 401


@pytest.mark.parametrize(("scheme", "name"), [("http", "trajaudit"), ("https", "__Host-trajaudit")])
def test_the_cookie_is_for_this_host_only_and_out_of_reach_of_scripts(here: Server, scheme: str, name: str) -> None:
    browser = Browser(here, scheme=scheme)
    cookie = browser.log_in("auditor").headers["set-cookie"]
    parts = [part.strip().lower() for part in cookie.split(";")]
    assert cookie.startswith(f"{name}=")
    assert {"httponly", "samesite=strict", "path=/"} <= set(parts)
    assert ("secure" in parts) == (scheme == "https")
    assert not any(part.startswith("domain") for part in parts)
    assert browser("GET", "/v1/me").status_code == 200


def test_over_tls_a_cookie_without_the_host_prefix_does_not_count(here: Server) -> None:
    browser, other = Browser(here), Browser(here, scheme="https")
    browser.log_in("auditor")
    (token,) = browser.cookies.values()
    assert other("GET", "/v1/me", headers={"cookie": f"trajaudit={token}"}).status_code == 401
    assert other("GET", "/v1/me", headers={"cookie": f"__Host-trajaudit={token}"}).status_code == 200


def test_of_a_sessions_token_only_the_digest_is_kept(here: Server) -> None:
    browser = Browser(here)
    browser.log_in("auditor")
    (token,) = browser.cookies.values()
    raw = b"".join(path.read_bytes() for path in here.store.folder.glob("trajaudit.db*"))
    assert token.encode() not in raw
    assert PASSWORD.encode() not in raw


def test_a_session_ends_idle_and_at_the_latest_after_twelve_hours(here: Server) -> None:
    browser = Browser(here)
    browser.log_in("auditor")
    later(here.store, 29 * 60)
    assert browser("GET", "/v1/me").status_code == 200
    later(here.store, 29 * 60)
    assert browser("GET", "/v1/me").status_code == 200
    later(here.store, 30 * 60)
    assert browser("GET", "/v1/me").status_code == 401
    browser.log_in("auditor")
    for _ in range(24):
        assert browser("GET", "/v1/me").status_code == 200
        later(here.store, 1799)
    later(here.store, 24)
    assert browser("GET", "/v1/me").status_code == 401


def test_a_login_gives_a_new_token_and_ends_the_session_that_was_there(here: Server) -> None:
    browser, thief = Browser(here), Browser(here)
    browser.cookies.set("trajaudit", "fixed-by-somebody-else", domain="audit.test")
    browser.log_in("auditor")
    first = browser.cookies["trajaudit"]
    assert first != "fixed-by-somebody-else"
    thief.cookies.set("trajaudit", "fixed-by-somebody-else", domain="audit.test")
    assert thief("GET", "/v1/me").status_code == 401
    browser.log_in("auditor")
    assert browser.cookies["trajaudit"] != first
    thief.cookies.set("trajaudit", first, domain="audit.test")
    assert thief("GET", "/v1/me").status_code == 401
    assert browser("GET", "/v1/me").status_code == 200


def test_a_disabled_account_is_out_at_once_and_cannot_come_back(here: Server) -> None:
    browser = Browser(here)
    browser.log_in("auditor")
    with here.store.writing() as session:
        disable(session, actor_of(session, "admin", here.store.clock()), "auditor", here.store.clock())
    assert browser("GET", "/v1/me").status_code == 401
    assert browser.log_in("auditor").status_code == 401


def test_sessions_that_ran_out_are_forgotten_with_the_next_login(here: Server) -> None:
    Browser(here).log_in("auditor")
    later(here.store, 13 * 3600)
    Browser(here).log_in("auditor")
    with here.store.reading() as session:
        assert len(session.scalars(select(Login)).all()) == 1


# ---------------------------------------------------------------- CSRF


def test_what_changes_something_needs_the_token_of_that_very_login(here: Server) -> None:
    browser, other = Browser(here), Browser(here)
    browser.log_in("auditor")
    other.log_in("auditor")
    good = browser.csrf
    for wrong in (None, "", "x", "ü", other.csrf, str(good)[:-1]):
        browser.csrf = wrong
        answer = browser("POST", "/v1/logout")
        assert answer.status_code == 403
        assert answer.json()["type"].endswith(":csrf")
    assert browser("GET", "/v1/me").json()["csrf_token"] == good
    browser.csrf = good
    assert browser("POST", "/v1/logout").status_code == 204


def test_a_login_takes_json_only_so_that_no_form_of_another_site_sends_it(here: Server) -> None:
    body = '{"name":"auditor","password":"' + PASSWORD + '"}'

    def sent(kind: str) -> int:
        async def ask() -> int:
            async with here.client() as client:
                answer = await client.post("/v1/login", content=body, headers={"content-type": kind})
                return answer.status_code

        return run(ask)

    assert sent("text/plain") >= 400
    assert sent("application/x-www-form-urlencoded") >= 400
    assert sent("application/json") == 200


# ---------------------------------------------------------------- the same words


def test_whatever_is_wrong_the_answer_is_the_same(here: Server) -> None:
    give_password(here, "reviewer")
    give_password(here, "head")
    totp_of(here, "head")
    with here.store.writing() as session:
        disable(session, actor_of(session, "admin", here.store.clock()), "reviewer", here.store.clock())
    tries = [
        ("auditor", OTHER, None),
        ("nobody-at-all", PASSWORD, None),
        ("reviewer", PASSWORD, None),  # disabled
        ("admin", PASSWORD, None),  # has no password
        ("system", PASSWORD, None),
        ("head", PASSWORD, None),  # no code
        ("head", PASSWORD, "000000"),
        ("head", OTHER, None),
        ("AUDITOR", PASSWORD, None),
    ]
    told = []
    for n, (name, password, code) in enumerate(tries):
        answer = Browser(here, f"10.0.1.{n}").log_in(name, password, code)
        body = answer.json()
        body.pop("instance")
        headers = {k: v for k, v in answer.headers.items() if k != "x-request-id"}
        told.append((answer.status_code, body, headers))
    assert told[0][0] == 401
    assert all(one == told[0] for one in told)
    nobody = Browser(here)("GET", "/v1/me").json()
    nobody.pop("instance")
    assert nobody == told[0][1]


def test_an_unknown_account_costs_as_much_as_a_known_one(here: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    real = passwords.HASHER

    class Counting:
        def verify(self, stored: str, password: bytes) -> bool:
            calls.append(stored)
            return real.verify(stored, password)

        check_needs_rehash = staticmethod(real.check_needs_rehash)
        hash = staticmethod(real.hash)

    monkeypatch.setattr(passwords, "HASHER", Counting())
    writes: list[int] = []
    with here.store.writing() as session:
        disable(session, actor_of(session, "admin", here.store.clock()), "reviewer", here.store.clock())
    for n, name in enumerate(["auditor", "nobody-at-all", "reviewer", "admin"]):
        for attempt in range(6):
            before = len(calls)
            answer = Browser(here, f"10.{n}.{attempt}.1").log_in(name, OTHER)
            writes.append(answer.status_code)
            assert len(calls) - before == (1 if attempt < 5 else 0), name
    assert writes == [401, 401, 401, 401, 401, 423] * 4
    parameters = {stored.rsplit("$", 2)[0] for stored in calls}
    assert parameters == {"$argon2id$v=19$m=19456,t=2,p=1"}


# ---------------------------------------------------------------- locks


def test_five_failures_lock_a_name_for_a_minute_and_each_further_one_doubles_it(here: Server) -> None:
    waits = []
    for n in range(13):
        assert Browser(here, f"10.1.{n}.1").log_in("auditor", OTHER).status_code == 401
        if n < 4:
            continue
        held = Browser(here, f"10.1.{n}.2").log_in("auditor", PASSWORD)
        assert held.status_code == 423
        waits.append(int(held.headers["retry-after"]))
        later(here.store, waits[-1])
    assert [w // 60 for w in waits] == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert actions(here, "auditor") == ["lock-account"] * 9
    assert Browser(here, "10.2.0.1").log_in("auditor").status_code == 200
    for n in range(4):
        assert Browser(here, f"10.3.{n}.1").log_in("auditor", OTHER).status_code == 401
    assert Browser(here, "10.4.0.1").log_in("auditor").status_code == 200


def test_a_name_of_nobody_is_locked_alike_and_never_stands_in_the_log(here: Server) -> None:
    name = "my secret password 1"
    for n in range(5):
        assert Browser(here, f"10.1.{n}.1").log_in(name, OTHER).status_code == 401
    answer = Browser(here, "10.1.9.1").log_in(name, OTHER)
    assert (answer.status_code, answer.headers["retry-after"]) == (423, "60")
    assert actions(here, name) == []
    raw = b"".join(path.read_bytes() for path in here.store.folder.glob("trajaudit.db*"))
    assert name.encode() not in raw


def test_an_address_is_locked_whatever_names_are_tried_and_others_are_not(here: Server) -> None:
    near = Browser(here, "2001:db8:0:1::5")
    for n in range(5):
        assert near.log_in(f"name-{n}", OTHER).status_code == 401
    held = Browser(here, "2001:db8:0:1::6").log_in("auditor")
    assert (held.status_code, held.headers["retry-after"]) == (429, "60")
    assert held.json()["type"].endswith(":address-locked")
    assert Browser(here, "2001:db8:0:2::5").log_in("auditor").status_code == 200
    later(here.store, 60)
    assert near.log_in("auditor").status_code == 200
    assert near.log_in("name-0", OTHER).status_code == 401
    held = near.log_in("auditor")
    assert (held.status_code, held.headers["retry-after"]) == (429, "120")
    assert actions(here, "2001:db8:0:1::/64") == ["lock-address"] * 2


def test_with_an_account_of_ones_own_one_does_not_buy_more_guesses() -> None:
    locks = AddressLocks(LockRule(), lambda: 0.0)
    for n in range(4):
        assert locks.begin("10.0.0.1", f"victim-{n}").held_until_ms is None
    assert locks.begin("10.0.0.1", "mine").held_until_ms is None
    locks.forget("10.0.0.1", "mine")
    assert locks.begin("10.0.0.1", "victim-9").locks
    assert locks.begin("10.0.0.1", "mine").held_until_ms == 60_000


def test_of_many_guesses_at_once_only_the_first_few_are_looked_at(
    here: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []
    monkeypatch.setattr(proving.passwords, "is_password", lambda kept, password: bool(looked.append(password)))

    def guess(n: int) -> str:
        try:
            prove(here.store, Claim("auditor", f"guess {n}"), LockRule(), None, lambda *_: None)
        except (Locked, NotProven) as error:
            return type(error).__name__
        return "in"

    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(guess, range(24)))
    assert sorted(told) == ["Locked"] * 19 + ["NotProven"] * 5
    assert len(looked) == 5


def test_failures_are_forgotten_after_a_day(here: Server) -> None:
    for n in range(4):
        Browser(here, f"10.1.{n}.1").log_in("auditor", OTHER)
    later(here.store, 86_401)
    for n in range(4):
        assert Browser(here, f"10.2.{n}.1").log_in("auditor", OTHER).status_code == 401
    assert Browser(here, "10.3.0.1").log_in("auditor").status_code == 200


# ---------------------------------------------------------------- limits


def limited(server: Server, **most: int) -> None:
    settings = Settings(
        store=StoreSettings(folder=server.store.folder),
        limits=LimitSettings(**most),
        login=LoginSettings(lock_after=50, lock_address_after=50),
    )
    server.app.state.platform.limits = Limits(settings, lambda: server.store.clock() / 1000)


def test_logins_are_limited_under_a_name_and_from_an_address(here: Server) -> None:
    limited(here, logins_account=3, logins_address=6)
    answers = [Browser(here, f"10.1.{n}.1").log_in("auditor", OTHER) for n in range(4)]
    assert [a.status_code for a in answers] == [401, 401, 401, 429]
    assert 0 < int(answers[-1].headers["retry-after"]) <= 120
    answers = [Browser(here, "10.2.0.1").log_in(f"n{n}", OTHER) for n in range(7)]
    assert [a.status_code for a in answers] == [401] * 6 + [429]
    later(here.store, 120)
    assert Browser(here, "10.2.0.1").log_in("auditor").status_code == 200


def test_requests_are_limited_for_an_account_and_from_an_address(here: Server) -> None:
    limited(here, requests_account=3, requests_address=0)
    key = {"authorization": f"Bearer {here.keys['auditor']}"}
    other = {"authorization": f"Bearer {here.keys['reviewer']}"}
    answers = [Browser(here, f"10.1.{n}.1")("GET", "/v1/me", headers=key) for n in range(4)]
    assert [a.status_code for a in answers] == [200, 200, 200, 429]
    assert answers[-1].json()["type"].endswith(":too-many-requests")
    assert Browser(here)("GET", "/v1/me", headers=other).status_code == 200
    limited(here, requests_account=0, requests_address=2)
    assert [Browser(here)("GET", "/v1/me").status_code for _ in range(3)] == [401, 401, 429]


def test_a_window_slides_and_says_when_to_come_again() -> None:
    now = [0.0]
    window = Window(10, lambda: now[0])
    assert [window.wait_s("a") for _ in range(10)] == [0] * 10
    assert window.wait_s("a") == 61
    assert window.wait_s("b") == 0
    now[0] = 61.0
    assert window.wait_s("a") == 0  # 59 of 60 seconds of the ten before still count: 9.8
    assert window.wait_s("a") == 6
    now[0] = 90.0
    assert sum(window.wait_s("a") == 0 for _ in range(10)) == 4  # five of the ten, and the one
    now[0] = 300.0
    assert sum(window.wait_s("a") == 0 for _ in range(20)) == 10


def test_the_wait_that_is_told_is_enough() -> None:
    now = [0.0]
    window = Window(7, lambda: now[0])
    for start in range(0, 600, 13):
        now[0] = max(now[0], float(start))
        for _ in range(9):
            wait = window.wait_s("a")
            if wait:
                now[0] += wait
                assert window.wait_s("a") == 0
                break


# ---------------------------------------------------------------- passwords


@pytest.mark.parametrize(
    "password",
    ["short", "elevenchars", "password1234", "PASSWORD1234", "aaaaaaaaaaaaaaa", "abcabcabcabcabc", "zhangwei1234",
     "zhangweizhangwei", "x" * 257, "ｐａｓｓｗｏｒｄ１２３４"],
)  # fmt: skip
def test_a_weak_password_is_refused_and_not_repeated(password: str) -> None:
    with pytest.raises(PasswordRefused) as refused:
        refuse_weak("zhangwei", password)
    assert password not in str(refused.value)


@pytest.mark.parametrize(
    "password",
    ["seven green bicycles", "密码由几个互不相干的词组成", "zhangwei has seven bikes", "li" * 3 + "on the hill"],
)
def test_there_are_no_rules_of_composition(password: str) -> None:
    refuse_weak("zhangwei", password)
    refuse_weak("li", password)


def test_the_hash_of_nobody_is_made_as_all_are() -> None:
    assert not passwords.is_outdated(passwords.NOBODYS)
    assert not passwords.is_password(None, "anything")
    assert passwords.is_password(kept(PASSWORD), PASSWORD)
    assert not passwords.is_password("no hash at all", PASSWORD)


def test_a_password_is_the_same_however_it_was_typed() -> None:
    assert passwords.is_password(kept("abcdefghijk1 é"), "ａbcdefghijk1 é")


def test_a_hash_of_other_parameters_is_made_anew_with_the_next_login(here: Server) -> None:
    from argon2 import PasswordHasher

    old = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(PASSWORD.encode())
    with here.store.writing() as session:
        session.get_one(Credential, "auditor").password_hash = old
    assert Browser(here).log_in("auditor").status_code == 200
    with here.store.reading() as session:
        new = session.get_one(Credential, "auditor").password_hash
    assert new.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert Browser(here).log_in("auditor").status_code == 200


def test_changing_the_password_ends_all_sessions_but_goes_on(here: Server) -> None:
    browser, other = Browser(here), Browser(here)
    browser.log_in("auditor")
    other.log_in("auditor")
    before = browser.cookies["trajaudit"]
    answer = browser("POST", "/v1/me/password", {"current": PASSWORD, "new": OTHER})
    assert answer.status_code == 200
    browser.csrf = answer.json()["csrf_token"]
    assert browser.cookies["trajaudit"] != before
    assert browser("GET", "/v1/me").status_code == 200
    assert other("GET", "/v1/me").status_code == 401
    assert Browser(here, "10.5.0.1").log_in("auditor").status_code == 401
    assert Browser(here, "10.5.0.2").log_in("auditor", OTHER).status_code == 200
    assert "change-password" in actions(here, "auditor")


def test_a_password_is_changed_by_who_knows_the_one_before_and_only_for_a_good_one(here: Server) -> None:
    browser = Browser(here)
    browser.log_in("auditor")
    assert browser("POST", "/v1/me/password", {"current": OTHER, "new": "nine slow red trains"}).status_code == 403
    weak = browser("POST", "/v1/me/password", {"current": PASSWORD, "new": "auditor12345"})
    assert weak.status_code == 422
    assert weak.json()["errors"][0]["where"] == "body.new"
    assert browser("POST", "/v1/me/password", {"current": PASSWORD, "new": PASSWORD}).status_code == 422
    key = {"authorization": f"Bearer {here.keys['auditor']}"}
    bare = Browser(here)("POST", "/v1/me/password", {"current": PASSWORD, "new": OTHER}, headers=key)
    assert bare.status_code == 403
    for _ in range(4):
        browser.address = f"10.7.0.{_}"
        browser("POST", "/v1/me/password", {"current": OTHER, "new": "nine slow red trains"})
    browser.address = "10.8.0.1"
    assert browser("POST", "/v1/me/password", {"current": PASSWORD, "new": OTHER}).status_code == 423


def test_a_password_from_an_administrator_must_be_changed_first(here: Server) -> None:
    give_password(here, "auditor", must_change=True)
    browser = Browser(here)
    assert browser.log_in("auditor").json()["must_change_password"]
    assert browser("GET", "/v1/me").status_code == 200
    refused = browser("POST", "/v1/me/totp", {"password": PASSWORD})
    assert refused.status_code == 403
    assert refused.json()["type"].endswith(":password-must-change")
    told = browser("POST", "/v1/me/password", {"current": PASSWORD, "new": OTHER}).json()
    assert not told["must_change_password"]
    browser.csrf = told["csrf_token"]
    assert browser("POST", "/v1/me/totp", {"password": OTHER}).status_code == 200


# ---------------------------------------------------------------- the second factor

RFC6238 = {59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037",
           20000000000: "353130"}  # fmt: skip
"""RFC 6238, appendix B, SHA1: the last six of its eight digits."""


@pytest.mark.parametrize(("seconds", "code"), RFC6238.items())
def test_codes_are_those_of_the_rfc(seconds: int, code: str) -> None:
    secret = b"12345678901234567890"
    step = seconds // 30
    assert totp.code_at(secret, step) == code
    assert totp.step_of(secret, code, seconds * 1000, None) == step
    assert totp.step_of(secret, code, seconds * 1000 + 30_000, None) == step
    assert totp.step_of(secret, code, seconds * 1000 + 60_000, None) is None
    assert totp.step_of(secret, code, seconds * 1000, step) is None
    for wrong in ("", "1", "x" * 6, "١٢٣٤٥٦", code + " "):
        assert totp.step_of(secret, wrong, seconds * 1000, None) is None


def enrolled(browser: Browser) -> bytes:
    import base64
    from urllib.parse import parse_qs, urlsplit

    uri = browser("POST", "/v1/me/totp", {"password": PASSWORD}).json()["otpauth_uri"]
    told = urlsplit(uri)
    assert (told.scheme, told.netloc, told.path) == ("otpauth", "totp", "/trajaudit:auditor")
    secret = parse_qs(told.query)["secret"][0]
    return base64.b32decode(secret + "=" * (-len(secret) % 8))


def test_a_second_factor_counts_once_its_first_code_was_given(here: Server) -> None:
    limited(here, logins_account=0)
    browser = Browser(here)
    browser.log_in("auditor")
    secret = enrolled(browser)
    assert Browser(here, "10.1.0.1").log_in("auditor").status_code == 200
    assert browser("POST", "/v1/me/totp/confirm", {"code": "000000"}).status_code == 422
    assert browser("POST", "/v1/me/totp/confirm", {"code": code_now(here, secret)}).status_code == 204
    assert browser("GET", "/v1/me").json()["has_totp"]
    assert Browser(here, "10.1.0.2").log_in("auditor").status_code == 401
    again = Browser(here, "10.1.0.3").log_in("auditor", totp=code_now(here, secret))
    assert again.status_code == 401  # this step confirmed it, and counts once
    later(here.store, 30)
    code = code_now(here, secret)
    assert Browser(here, "10.1.0.4").log_in("auditor", totp=code).status_code == 200
    assert Browser(here, "10.1.0.5").log_in("auditor", totp=code).status_code == 401
    assert Browser(here, "10.1.0.5").log_in("auditor", totp=code_now(here, secret, -1)).status_code == 401
    assert Browser(here, "10.1.0.6").log_in("auditor", totp=code_now(here, secret, 1)).status_code == 200
    assert "enrol-totp" in actions(here, "auditor")


def test_another_second_factor_takes_a_code_of_the_one_before(here: Server) -> None:
    secret = totp_of(here, "auditor")
    browser = Browser(here)
    browser.log_in("auditor", totp=code_now(here, secret))
    assert browser("POST", "/v1/me/totp", {"password": PASSWORD}).status_code == 403
    told = browser("POST", "/v1/me/totp", {"password": PASSWORD, "totp": code_now(here, secret, 1)})
    assert told.status_code == 200
    later(here.store, 90)
    assert Browser(here, "10.2.0.1").log_in("auditor", totp=code_now(here, secret)).status_code == 200


def test_the_key_lies_beside_the_database_readable_to_nobody_else(here: Server) -> None:
    secret = totp_of(here, "auditor")
    path = here.store.folder / sealing.KEY_FILE
    assert path.stat().st_mode & 0o777 == 0o600
    raw = b"".join(found.read_bytes() for found in here.store.folder.glob("trajaudit.db*"))
    assert secret not in raw
    path.chmod(0o644)
    assert Browser(here).log_in("auditor", totp=code_now(here, secret)).status_code == 401


def test_a_sealed_secret_opens_for_its_owner_and_with_its_key_only(here: Server) -> None:
    key = sealing.load_sealing_key(here.store)
    sealed = sealing.seal(key, b"secret", "li")
    assert sealing.unseal(key, sealed, "li") == b"secret"
    for other, owner, what in (
        (key, "wang", sealed),
        (b"k" * 32, "li", sealed),
        (key, "li", sealed[:-1]),
        (key, "li", b""),
    ):
        with pytest.raises(sealing.KeyRefused):
            sealing.unseal(other, what, owner)


def test_without_its_key_a_second_factor_fails_in_the_same_words_and_the_servers_log_says_why(
    here: Server, caplog: pytest.LogCaptureFixture
) -> None:
    secret = totp_of(here, "auditor")
    (here.store.folder / sealing.KEY_FILE).unlink()
    with caplog.at_level(logging.ERROR):
        assert Browser(here).log_in("auditor", totp=code_now(here, secret)).status_code == 401
    assert "auditor cannot log in with its second factor" in caplog.text


def test_a_backup_has_no_sealing_key(here: Server, tmp_path_factory: pytest.TempPathFactory) -> None:
    from store.backup import backup

    totp_of(here, "auditor")
    target = tmp_path_factory.mktemp("backup") / "b"
    backup(here.store, target)
    key = (here.store.folder / sealing.KEY_FILE).read_bytes().strip()
    assert not any(
        path.name == sealing.KEY_FILE or key in path.read_bytes() for path in target.rglob("*") if path.is_file()
    )


# ---------------------------------------------------------------- secrets


def test_no_secret_is_in_a_line_of_the_log_or_in_a_problem(here: Server, caplog: pytest.LogCaptureFixture) -> None:
    secret_words = ["hunter two hunter two", PASSWORD, OTHER]
    with caplog.at_level(logging.DEBUG):
        browser = Browser(here)
        browser.log_in("auditor", secret_words[0])
        browser("POST", "/v1/login", {"name": "auditor", "password": secret_words[0], "totp": "12345678"})
        browser("POST", "/v1/login", {"name": "auditor", "password": secret_words[0], "nonsense": 1})
        browser("POST", "/v1/login", {"name": "auditor", "password": [secret_words[0]]})
        browser("POST", "/v1/login", {"name": "auditor", "password": secret_words[0] * 100})
        browser("POST", "/v1/login", {"name": secret_words[0] + "\0", "password": "x"})
        browser("POST", "/v1/login", [secret_words[0]])
        browser.log_in("auditor")
        (token,) = browser.cookies.values()
        browser("POST", "/v1/me/password", {"current": secret_words[0], "new": OTHER})
        browser("POST", "/v1/me/password", {"current": PASSWORD, "new": PASSWORD})
    told = "\n".join(text for text in browser.seen if token not in text) + caplog.text + repr(Claim("a", PASSWORD))
    assert not [word for word in [*secret_words, "12345678", token] if word in told]
    assert all(f"{token}" not in record.getMessage() for record in caplog.records)


def test_a_bearer_beside_a_cookie_is_what_counts(here: Server) -> None:
    browser = Browser(here)
    browser.log_in("auditor")
    assert browser("GET", "/v1/me", headers={"authorization": "Bearer tak_wrong"}).status_code == 401
    mine = browser("GET", "/v1/me", headers={"authorization": f"Bearer {here.keys['reviewer']}"}).json()
    assert (mine["name"], mine["way"], mine["csrf_token"]) == ("reviewer", "key", None)
