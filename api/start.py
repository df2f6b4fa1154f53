"""The start page: the login, then the nights, cases and maps that an account may see. Forms work without scripts."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from pydantic import ValidationError
from sqlalchemy import select
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from api.guard import public
from api.health import OPERATING, details_of
from api.identity import Asker, asker_of_request
from api.login import Credentials, log_in, log_out
from api.me import NewPassword, change_password
from api.pages import PageLanguage, PageRoute, asker_by_form, form_of, page, safe_way, style, wants_page
from api.platform import Platform, platform_of
from api.problems import Refuse, not_found, responses
from cases.roles import Actor, Permission, has_permission
from maps.served import served_assets
from runs import case_desk
from runs.case_texts import severity_words, state_words
from runs.nightly_text import STATES
from runs.server_state import server_state
from runs.show import titles_of
from runs.words import say, speaking
from store.tables.nights import Night
from store.tables.results import Run

MOST_NIGHTS, MOST_CASES = 30, 50
FOREVER = "public, max-age=31536000, immutable"
To = Annotated[str, Query(max_length=500, description="Where to go after the login: one of our own pages.")]


def router() -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["pages"], route_class=PageRoute, include_in_schema=False, dependencies=[public()])
    routes.get("/", response_class=Response)(start)
    routes.post("/login", response_class=Response)(login)
    routes.post("/logout", response_class=Response)(logout)
    routes.post("/password", response_class=Response)(password)
    routes.get("/assets/{name}", response_class=Response, responses=responses(404))(asset)
    return routes


def start(request: Request, lang: PageLanguage, to: To = "/") -> Response:
    """The login, the form to change a password that is not one's own yet, or what there is to see."""
    asker = _asker(request)
    if asker is None:
        return page(request, "login", lang, trouble=None, to=safe_way(to))
    if asker.must_change:
        return page(request, "password", lang, asker=asker, trouble=None, to=safe_way(to))
    return page(request, "start", lang, asker=asker, **_seen(platform_of(request), asker.actor, lang))


async def login(request: Request, lang: PageLanguage) -> Response:
    """Begin a session and go on; what is wrong is told on the form."""
    form = await form_of(request, "name", "password", "totp", "to")
    return await run_in_threadpool(_log_in, request, lang, form)


async def logout(request: Request, lang: PageLanguage) -> Response:
    """End the session."""
    form = await form_of(request, "csrf")

    def end() -> Response:
        response = RedirectResponse(f"/?lang={lang}", 303)
        log_out(asker_by_form(request, form["csrf"])[0], response)
        return response

    return await run_in_threadpool(end)


async def password(request: Request, lang: PageLanguage) -> Response:
    """Change one's password and go on."""
    form = await form_of(request, "csrf", "current", "new", "to")
    return await run_in_threadpool(_change, request, lang, form)


def asset(name: str) -> Response:
    """A script or style sheet; under its name it never changes."""
    own_name, own = style()
    held = own if name == own_name else served_assets().get(name)
    if held is None:
        raise not_found()
    return Response(held.content, media_type=held.media_type, headers={"Cache-Control": FOREVER})


def _asker(request: Request) -> Asker | None:
    """Return who asks; None where that cannot be told, as after a session has run out."""
    try:
        return asker_of_request(request)
    except Refuse as error:
        if error.status_code == 401:
            return None
        raise


def _log_in(request: Request, lang: str, form: dict[str, str]) -> Response:
    to = safe_way(form["to"])
    response = RedirectResponse(_with_lang(to, lang), 303)
    try:
        given = Credentials.model_validate(
            {"name": form["name"], "password": form["password"], "totp": form["totp"] or None}
        )
        told = log_in(request, response, given)
    except ValidationError:
        return _again(request, lang, to, Refuse(401, "unknown"))
    except Refuse as error:
        return _again(request, lang, to, error)
    if told.must_change_password:
        response.headers["location"] = f"/?{urlencode({'lang': lang, 'to': to})}"
    return response


def _again(request: Request, lang: str, to: str, error: Refuse) -> Response:
    """Return the login form with what went wrong."""
    wrong = say("Account, password or code is not right.", lang)
    late = say("Too many attempts have failed: try again later.", lang)
    if not wants_page(request):
        raise error
    shown = page(
        request, "login", lang, status=error.status_code, trouble=wrong if error.status_code == 401 else late, to=to
    )
    for name, value in (error.headers or {}).items():
        shown.headers[name] = value
    return shown


def _change(request: Request, lang: str, form: dict[str, str]) -> Response:
    proven, asker = asker_by_form(request, form["csrf"])
    to = safe_way(form["to"])
    response = RedirectResponse(_with_lang(to, lang), 303)
    try:
        given = NewPassword.model_validate({"current": form["current"], "new": form["new"]})
        change_password(proven, response, given)
    except (ValidationError, Refuse) as error:
        code = error.code if isinstance(error, Refuse) else "weak-password"
        status = error.status_code if isinstance(error, Refuse) else 422
        troubles = {
            "weak-password": say("The new password is too short, too common, or the one before.", lang),
            "not-proven": say("The password is not right.", lang),
        }
        told = troubles.get(code, say("Too many attempts have failed: try again later.", lang))
        return page(request, "password", lang, asker=asker, status=status, trouble=told, to=to)
    return response


def _with_lang(to: str, lang: str) -> str:
    return f"{to}{'&' if '?' in to else '?'}lang={lang}"


# ---------------------------------------------------------------- what there is to see
def _seen(platform: Platform, actor: Actor, lang: str) -> dict[str, Any]:
    told: dict[str, Any] = {"nights": None, "cases": None, "is_more": False, "state": None}
    if any(has_permission(actor, p) for p in (Permission.READ_FINDINGS, Permission.RUN_NIGHTLY)):
        told["nights"] = _nights(platform, lang, has_permission(actor, Permission.READ_FINDINGS))
    if has_permission(actor, Permission.READ_CASES):
        with speaking(lang):
            found = case_desk.listed(platform.store, actor, platform.settings, limit=MOST_CASES + 1)
        titles, is_more = titles_of(lang), len(found) > MOST_CASES
        told |= {"cases": [_case(c, titles, lang) for c in found[:MOST_CASES]], "is_more": is_more}
    if any(has_permission(actor, p) for p in OPERATING):
        told["state"] = _state(platform, lang)
    return told


def _nights(platform: Platform, lang: str, has_maps: bool) -> list[dict[str, Any]]:
    with platform.store.reading() as session:
        rows = session.execute(
            select(Night, Run.state)
            .outerjoin(Run, Run.run_id == Night.run_id)
            .order_by(Night.service_date.desc())
            .limit(MOST_NIGHTS)
        ).all()
    return [
        {
            "date": night.service_date.isoformat(),
            "state": say(STATES[state], lang) if state in STATES else say("not audited yet", lang),
            "audited": None
            if night.audited_ms is None
            else platform.local.iso(night.audited_ms)[:16].replace("T", " "),
            "map": f"/maps/nights/{night.service_date}?lang={lang}" if has_maps and night.run_id else None,
            "report": f"/v1/reports/{night.service_date}" if has_maps and night.run_id and night.rules else None,
        }
        for night, state in rows
    ]


def _case(told: dict[str, Any], titles: dict[str, str], lang: str) -> dict[str, Any]:
    return {
        **told,
        "href": f"/maps/cases/{told['case_id']}?lang={lang}",
        "rules": [titles.get(rule, rule) for rule in told["rules"]],
        "severity": severity_words(told["severity"], lang),
        "state": state_words(told["state"], lang),
    }


def _state(platform: Platform, lang: str) -> list[tuple[str, str]]:
    found = server_state(platform.store, platform.settings)
    told = details_of(found)
    last = found.last_run
    nightly = "–"
    if last is not None:
        state = say(STATES[last.state], lang) if last.state in STATES else last.state
        nightly = f"{last.service_date} · {state} · {last.age_s / 3600:.1f} h"
    return [
        (say("Server", lang), ", ".join(found.trouble) or say("ready", lang)),
        (say("Last nightly, and how long ago", lang), nightly),
        (say("Nightly that runs", lang), "–" if found.lease_age_s is None else f"{found.lease_age_s / 60:.0f} min"),
        (say("Free on the disk", lang), f"{told['free_mb']} MB"),
        (say("Notices that could not be delivered", lang), str(found.deliveries.get("dead", 0))),
    ]
