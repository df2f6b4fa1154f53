"""Maps over HTTP: a night's overview, a car's day, a case's findings; made on demand (`runs.night_maps`).

They show what /v1 would tell the same account, and each is a look that is written down first. A car's day takes a
reason, which a page asks for. People are numbers that no other page uses.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date as Date  # noqa: N812 -- a parameter of the routes is called `date`
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse, Response

from api.asking import DayInPath, KeyInPath
from api.conditional import NEVER
from api.guard import needs
from api.identity import asker_of_request
from api.logs import note_run
from api.looks import Reason, look_at_many, look_at_one, need_reason
from api.pages import HTML_LANG, PageLanguage, PageRoute, page, wants_page
from api.platform import Platform, platform_of
from api.problems import Refuse, responses
from api.refusals import as_problems
from api.register_lists import Registers
from api.security import nonce_of
from audit.finding import Finding
from cases.matter import matter_of
from cases.roles import Actor, Permission, has_permission, has_permission_at, may_see
from maps.served import NONCE, Served
from reports.plain import storable
from runs import case_desk
from runs.case_texts import severity_words, state_words
from runs.case_views import PERSONAL
from runs.night_maps import BeingRead, NoMap, OpenNight
from runs.show import titles_of
from runs.words import say
from store.access_log import is_reason
from store.casework import load_case

AGAIN_S = 3
"""Seconds after which to ask again for a night that is being read."""
Reader = Annotated[Actor, needs(Permission.READ_FINDINGS)]
Looker = Annotated[Actor, needs(Permission.LOOK_AT_VEHICLE)]
CaseReader = Annotated[Actor, needs(Permission.READ_CASES)]
FindingAsked = Annotated[str | None, Query(max_length=64, pattern=r"^[A-Za-z0-9-]+$", description="To be shown first.")]


def router() -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/maps", tags=["maps"], route_class=PageRoute)
    shown: dict[str, Any] = {"response_class": HTMLResponse}
    routes.get("/nights/{date}", responses=responses(403, 404, 503), **shown)(night_map)
    routes.get("/nights/{date}/vehicles/{vehicle_id}", responses=responses(403, 404, 503), **shown)(vehicle_map)
    routes.get("/cases/{case_id}", responses=responses(403, 404), **shown)(case_page)
    routes.get("/cases/{case_id}/map", responses=responses(403, 404, 503), **shown)(case_map)
    return routes


def night_map(request: Request, date: DayInPath, actor: Reader, lang: PageLanguage) -> Response:
    """A night's overview: approved places, and the findings that this account may read. The look is written down."""
    platform = platform_of(request)
    look_at_many(platform, actor, "night", f"{date} map")

    def links(found: Finding) -> str | None:
        if not found.vehicle_id or "/" in found.vehicle_id:
            return None
        if not has_permission_at(actor, Permission.LOOK_AT_VEHICLE, found):
            return None
        told = urlencode({"lang": lang, "finding": found.finding_id})
        return f"{date}/vehicles/{_quoted(found.vehicle_id)}?{told}#finding={found.finding_id}"

    def make(night: OpenNight) -> str:
        served = _served(platform, lang)
        parts = ("index", night.basis, lang, _view(actor))
        return platform.maps.page(parts, lambda: night.index(actor, lang, links, served))

    return _map(request, platform, date, lang, make)


def vehicle_map(
    request: Request,
    date: DayInPath,
    vehicle_id: KeyInPath,
    actor: Looker,
    lang: PageLanguage,
    reason: Reason,
    finding: FindingAsked = None,
) -> Response:
    """A car's day. It takes a reason, such as the number of a case, and the look is written down."""
    platform = platform_of(request)
    if not is_reason(reason) and wants_page(request):
        return _ask_reason(request, date, vehicle_id, lang, finding)
    need_reason(reason)
    with platform.store.reading() as session:
        known = Registers.at(session, date, None).vehicle(vehicle_id)
    look_at_one(platform, actor, "vehicle", vehicle_id, None if known is None else known[1], reason)

    def make(night: OpenNight) -> str:
        found = [f for f in night.seen_by(actor) if f.vehicle_id == vehicle_id]
        cases = _cases(platform, actor, found, lang)
        parts = ("vehicle", night.basis, vehicle_id, lang, _view(actor), sorted(cases.items()))
        back, served = f"../../{date}?lang={lang}", _served(platform, lang)
        return platform.maps.page(
            parts, lambda: night.vehicle(vehicle_id, actor, lang, back, lambda f: cases.get(f.finding_id), served)
        )

    return _map(request, platform, date, lang, make)


def case_page(request: Request, case_id: str, actor: CaseReader, lang: PageLanguage, reason: Reason) -> Response:
    """A case's findings, each with the way to its car's map. The look is written down.

    One about a person takes a reason from whoever may look at people.
    """
    told = _shown_case(request, case_id, actor, lang, reason)
    if isinstance(told, Response):
        return told
    return page(request, "case", lang, asker=asker_of_request(request), **_case(told, actor, lang, reason))


def case_map(request: Request, case_id: str, actor: CaseReader, lang: PageLanguage, reason: Reason) -> Response:
    """A case's findings on a map, for whoever may see the case; a reason and the access log as at the case's page."""
    told = _shown_case(request, case_id, actor, lang, reason)
    if isinstance(told, Response):
        return told
    platform, day = platform_of(request), Date.fromisoformat(told["service_date"])
    ways = {f["finding_id"]: _way_to_vehicle(f, told, actor, lang, "../../nights") for f in told["findings"]}

    def make(night: OpenNight) -> str:
        name, back = f"{say('Case', lang)} {case_id}", f"../{case_id}?{_again(lang, reason)}"
        parts, served = ("case", night.basis, back, sorted(ways.items())), _served(platform, lang)
        return platform.maps.page(
            parts, lambda: night.case(set(ways), name, back, lang, lambda f: ways[f.finding_id], served)
        )

    return _map(request, platform, day, lang, make)


def _shown_case(request: Request, case_id: str, actor: Actor, lang: str, reason: str) -> dict[str, Any] | Response:
    """Return a case, its look written down; or the page that asks why, where a browser did not say."""
    platform = platform_of(request)
    try:
        with as_problems(lang):
            return case_desk.show(platform.store, actor, platform.settings, case_id, reason)
    except Refuse as error:
        if error.code != "reason-needed" or not wants_page(request):
            raise
    what, asker = f"{say('Case', lang)} {case_id}", asker_of_request(request)
    return page(request, "reason", lang, asker=asker, what=what, action=request.url.path, hidden=[("lang", lang)])


# ---------------------------------------------------------------- made pages
def _map(request: Request, platform: Platform, day: Date, lang: str, make: Callable[[OpenNight], str]) -> Response:
    """Return a map with the nonce of this answer; a page to wait at while the night is being read."""
    try:
        night = platform.maps.opened(day)
        note_run(request, night.basis.run_id)
        made = make(night)
    except NoMap as error:
        raise Refuse(404, error.code) from None
    except BeingRead:
        return _wait(request, lang)
    headers = {"Cache-Control": NEVER, "Content-Language": HTML_LANG[lang]}
    headers["Vary"] = "Accept, Accept-Language, Authorization, Cookie"
    return HTMLResponse(made.replace(NONCE, nonce_of(request)), headers=headers)


def _wait(request: Request, lang: str) -> Response:
    if not wants_page(request):
        raise Refuse(503, "being-read", "The night is being read.", headers={"Retry-After": str(AGAIN_S)})
    shown = page(request, "wait", lang, asker=asker_of_request(request), status=503)
    shown.headers["Retry-After"] = shown.headers["Refresh"] = str(AGAIN_S)
    return shown


def _ask_reason(request: Request, day: Date, vehicle_id: str, lang: str, finding: str | None) -> Response:
    """Return the form that asks why; nothing was looked at yet, and whether the car is there is not told."""
    hidden, mark = [("lang", lang)], ""
    if finding is not None:
        hidden.append(("finding", finding))
        mark = f"#finding={finding}"
    what = f"{say('Vehicle', lang)} {vehicle_id} · {day}"
    return page(
        request, "reason", lang, asker=asker_of_request(request), what=what, action=request.url.path + mark,
        hidden=hidden,
    )  # fmt: skip


def _served(platform: Platform, lang: str) -> Served:
    return Served(tuple(platform.settings.maps.tiles), f"/?lang={lang}")


def _view(actor: Actor) -> list[str]:
    """Return what decides which findings an account sees: its grants, whoever it is."""
    return sorted(f"{g.role} {'*' if g.districts is None else sorted(g.districts)} {g.school_id}" for g in actor.grants)


def _quoted(key: str) -> str:
    return quote(key, safe="", errors="replace")


def _cases(platform: Platform, actor: Actor, found: list[Finding], lang: str) -> dict[str, tuple[str, str]]:
    """Return the cases of findings, as far as an account may see them, by finding."""
    out = {}
    with platform.store.reading() as session:
        for f in found:
            case = load_case(session, matter_of(f).case_id)
            if case is not None and may_see(actor, case):
                out[f.finding_id] = (case.case_id, f"../../../cases/{case.case_id}?lang={lang}")
    return out


def _way_to_vehicle(f: dict[str, Any], told: dict[str, Any], actor: Actor, lang: str, nights: str) -> str | None:
    """Return where the map of a finding's car lies, for whoever may look at cars; the case is the reason."""
    vehicle_id = f["vehicle_id"]
    if not has_permission(actor, Permission.LOOK_AT_VEHICLE) or not vehicle_id or "/" in vehicle_id:
        return None
    query = urlencode({"lang": lang, "reason": told["case_id"], "finding": f["finding_id"]})
    day = told["service_date"]
    return f"{nights}/{day}/vehicles/{_quoted(vehicle_id)}?{query}#finding={f['finding_id']}"


def _again(lang: str, reason: str) -> str:
    """Return the query that asks for another page of the same case, for the same reason."""
    return urlencode({"lang": lang, **({"reason": reason} if reason else {})})


def _case(told: dict[str, Any], actor: Actor, lang: str, reason: str) -> dict[str, Any]:
    """Return what the page of a case shows."""
    titles, night = titles_of(lang), f"/maps/nights/{told['service_date']}"
    has_nights = has_permission(actor, Permission.READ_FINDINGS)
    findings = [
        {
            "title": titles.get(f["rule"], f["rule"]),
            "severity": severity_words(f["severity"], lang),
            "summary": f[f"summary_{lang}"],
            "start": f["start"][:16].replace("T", " "),
            "end": f["end"][11:16],
            "plate": f["plate"],
            "map": _way_to_vehicle(f, told, actor, lang, "/maps/nights"),
        }
        for f in told["findings"]
    ]
    kind = str(told["subject_kind"])
    subject = told["subject"] if kind in {str(k) for k in PERSONAL} else storable(told["subject"])
    return {
        "told": {**told, "subject": subject},
        "night": f"{night}?lang={lang}" if has_nights else None,
        "map": f"/maps/cases/{told['case_id']}/map?{_again(lang, reason)}",
        "report": f"/v1/reports/{told['service_date']}/night?f=html&lang={lang}",
        "state": state_words(told["state"], lang),
        "severity": severity_words(told["severity"], lang),
        "findings": findings,
    }
