"""Pages for people: Chinese first, English by `?lang=en` or the browser's wish; they work without scripts.

Templates escape whatever they are given. A refusal is told as a page to whoever asks for one, and as a problem else.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import parse_qs, urlencode

from fastapi import Depends, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.identity import Asker, asker_of_request
from api.languages import language_of
from api.problems import FieldFault, Refuse
from api.request_ids import request_id
from api.sessions import CSRF_HEADER, csrf_token
from maps.served import FOLDER, Asset, named_by_digest
from reports.plain import storable
from runs.words import say, speaking

TEMPLATES = Path(__file__).resolve().parent / "templates"
HTML_LANG = {"zh": "zh-CN", "en": "en"}
LARGEST_FORM = 16 << 10
_STYLE = "desk.css"
Wanted = Annotated[Literal["zh", "en"] | None, Query(description="Language; else that of Accept-Language.")]
_OURS = ("/maps/", "/v1/reports/")
"""Where one may be led to after a login."""


def _language(request: Request, lang: Wanted = None) -> str:
    return lang or language_of(request)


PageLanguage = Annotated[str, Depends(_language)]


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        auto_reload=False,
    )


@lru_cache(maxsize=1)
def style() -> tuple[str, Asset]:
    """Return the name and the text of the pages' style sheet."""
    content = (TEMPLATES / _STYLE).read_bytes()
    return named_by_digest(_STYLE, content), Asset("text/css; charset=utf-8", content)


def page(
    request: Request, name: str, lang: str, *, asker: Asker | None = None, status: int = 200, **values: Any
) -> Response:
    """Return a page made of a template. `asker`: whose name its head shows."""

    def here(code: str) -> str:
        kept = [(k, v) for k, v in request.query_params.multi_items() if k not in {"lang", "reason"}]
        path = request.url.path if request.method == "GET" else "/"
        return f"{path}?{urlencode([*kept, ('lang', code)])}"

    with speaking(lang):
        made = (
            _environment()
            .get_template(f"{name}.html")
            .render(
                _=lambda text: say(text, lang),
                lang=lang,
                html_lang=HTML_LANG[lang],
                status=status,
                style=f"{FOLDER}/{style()[0]}",
                here=here,
                me=None if asker is None else asker.actor,
                csrf="" if asker is None or asker.session is None else csrf_token(asker.session),
                **values,
            )
        )
    headers = {"Vary": "Accept, Accept-Language, Authorization, Cookie", "Content-Language": HTML_LANG[lang]}
    return HTMLResponse(storable(made), status, headers)


def wants_page(request: Request) -> bool:
    """Whether a browser asks, which shows pages."""
    return "text/html" in request.headers.get("accept", "")


class PageRoute(APIRoute):
    """A route for people: what it refuses is a page, too; who is not known is led to the login and back."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler."""
        inner = super().get_route_handler()

        async def handler(request: Request) -> Response:
            try:
                return await inner(request)
            except HTTPException as error:
                if not wants_page(request):
                    raise
                return _refused(request, error)
            except RequestValidationError as error:
                if not wants_page(request):
                    raise
                return _refused(request, HTTPException(400, str(len(error.errors()))))

        return handler


def _refused(request: Request, error: HTTPException) -> Response:
    lang = _asked_language(request)
    code = error.code if isinstance(error, Refuse) else ""
    if error.status_code == 401 or code == "password-must-change":
        to = request.url.path if request.method == "GET" else "/"
        return RedirectResponse(f"/?{urlencode({'to': to, 'lang': lang})}", 303)
    title, detail = words_of(error.status_code, code, lang)
    shown = page(
        request, "problem", lang, status=error.status_code, title=title, detail=detail,
        request_id=request_id(request),
    )  # fmt: skip
    for name, value in (error.headers or {}).items():
        shown.headers[name] = value
    return shown


def _asked_language(request: Request) -> str:
    told = request.query_params.get("lang")
    return told if told in HTML_LANG else language_of(request)


def words_of(status: int, code: str, lang: str) -> tuple[str, str]:
    """Return what a refusal is called, and what there is to say of it."""
    titles = {
        400: say("The request cannot be understood", lang),
        403: say("This may not be done", lang),
        404: say("There is nothing here", lang),
        423: say("Locked for a time", lang),
        429: say("Too many requests", lang),
        503: say("Not ready", lang),
    }
    details = {
        "not-allowed": say("Your account does not hold the permission for this.", lang),
        "not-found": say("It is not there, or not within your reach.", lang),
        "not-audited": say("This night was not audited.", lang),
        "erased": say("The tracks of this night were erased when their period was over.", lang),
        "no-fixes": say("No position of this vehicle is known on this day.", lang),
        "no-tiles": say("There is no background of this name.", lang),
    }
    return titles.get(status, say("It did not work", lang)), details.get(code, "")


# ---------------------------------------------------------------- forms
async def form_of(request: Request, *names: str) -> dict[str, str]:
    """Return the fields of a form that one of our own pages sent; raises `Refuse` for any other."""
    if not _is_from_us(request):
        raise Refuse(403, "cross-site", "This form was sent by another site.")
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
        raise Refuse(415, "media-type")
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > LARGEST_FORM:
            raise Refuse(413, "too-large")
    try:
        told = parse_qs(body.decode("ascii"), keep_blank_values=True, max_num_fields=20, errors="strict")
    except ValueError:
        raise Refuse(422, "bad-body") from None
    if any(name not in names or len(values) > 1 for name, values in told.items()):
        raise Refuse(422, "bad-body", errors=[FieldFault(where="body", message=f"known are: {', '.join(names)}")])
    return {name: told.get(name, [""])[0] for name in names}


def _is_from_us(request: Request) -> bool:
    """Whether a form was sent by a page of ours, as far as the browser tells."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None and site not in {"same-origin", "none"}:
        return False
    return origin is None or origin == f"{request.url.scheme}://{request.headers.get('host', '')}"


def asker_by_form(request: Request, csrf: str) -> tuple[Request, Asker]:
    """Return who sent a form in his session, and the request with the token where scripts put it."""
    headers = [*request.scope["headers"], (CSRF_HEADER.encode(), csrf.encode())]
    proven = Request({**request.scope, "headers": headers}, request.receive)
    return proven, asker_of_request(proven)


def safe_way(told: str) -> str:
    """Return where to go after a login, if that is one of our own pages, else the start page.

    >>> safe_way("/maps/nights/2026-03-18"), safe_way("//evil.example/maps/"), safe_way("/maps/..//evil.example")
    ('/maps/nights/2026-03-18', '/', '/')
    """
    plain = all(c.isprintable() and c not in "\\\"'<>#" for c in told)
    return told if told.startswith(_OURS) and plain and "//" not in told and ".." not in told else "/"
