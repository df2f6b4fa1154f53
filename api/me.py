"""One's own account: who one is, one's password, one's second factor."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field, SecretStr
from sqlalchemy.orm import Session

from api.bodies import Body
from api.guard import any_account
from api.identity import Asker, asker_of_request, limited
from api.login import Code, Me, Password, me_of, no_store, proven
from api.platform import platform_of
from api.problems import FieldFault, Refuse, responses
from api.sessions import give_cookie
from cases.roles import Actor
from store import credentials, logins, passwords, sealing, totp
from store.failed_logins import name_digest
from store.key_files import KeyRefused
from store.proving import Claim
from store.tables.api import Credential

ISSUER = "trajaudit"
Himself = Annotated[Actor, any_account(even_unchanged=True)]


class NewPassword(Body):
    """A password and the one before."""

    current: Password
    new: Password


class Enrolment(Body):
    """The password, and a code where there is a second factor already."""

    password: Password
    totp: Code = None


class Enrolled(BaseModel):
    """What an authenticator takes, shown this once; it counts when its first code was given."""

    otpauth_uri: str


class Confirmation(Body):
    """The first code of a new second factor."""

    code: str = Field(pattern=r"^[0-9]{6}$")


def router() -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/v1/me", tags=["account"], dependencies=[Depends(no_store)])

    @routes.get("", responses=responses())
    def me(request: Request, _actor: Himself) -> Me:
        """Who asks: roles, districts, and for a session the CSRF token."""
        return me_of(platform_of(request), asker_of_request(request))

    @routes.post("/password", responses=responses(403, 422, 423))
    def password(request: Request, response: Response, body: NewPassword, _actor: Himself) -> Me:
        """Change one's password; all sessions end, and this one goes on as a new one."""
        return change_password(request, response, body)

    @routes.post("/totp", responses=responses(403, 422, 423, 503))
    def enrol(request: Request, body: Enrolment, _actor: Annotated[Actor, any_account()]) -> Enrolled:
        """Begin to use a second factor, or another one."""
        return _enrol(request, _by_session(request), body)

    @routes.post("/totp/confirm", status_code=204, responses=responses(403, 422, 503))
    def confirm(request: Request, body: Confirmation, _actor: Annotated[Actor, any_account()]) -> None:
        """Have the second factor count from now on."""
        _confirm(request, _by_session(request), body.code)

    return routes


def _by_session(request: Request) -> Asker:
    """Return who asks; raises `Refuse` (403) for a key or a token: they are for programs, and know no password."""
    asker = asker_of_request(request)
    if asker.way != "session":
        raise Refuse(403, "session-needed", "This takes a session: log in with a password.")
    return asker


def _wrong() -> Refuse:
    return Refuse(403, "not-proven", "The password or the code is not right.")


def change_password(request: Request, response: Response, body: NewPassword) -> Me:
    """Change the password of a session's account; raises `Refuse`: 403 for a wrong one, 422 for one that cannot be."""
    asker, platform = _by_session(request), platform_of(request)
    store, name = platform.store, asker.actor.name
    wanted = body.new.get_secret_value()
    try:
        passwords.refuse_weak(name, wanted)
        if wanted == body.current.get_secret_value():
            raise passwords.PasswordRefused("the new password is the one before")
    except passwords.PasswordRefused as error:
        raise Refuse(422, "weak-password", errors=[FieldFault(where="body.new", message=str(error))]) from None
    kept = passwords.hash_password(wanted)

    def change(session: Session, actor: Actor, held: Credential) -> str:
        at_ms = store.clock()
        credentials.change_password(session, actor, held, kept, at_ms)
        return logins.start(session, name, at_ms, platform.settings.login.absolute_hours * 3_600_000)

    token = proven(request, Claim(name, body.current.get_secret_value(), needs_code=False), change, _wrong)
    give_cookie(request, response, token)
    return me_of(platform, Asker(asker.actor, "session", token))


def _enrol(request: Request, asker: Asker, body: Enrolment) -> Enrolled:
    name = asker.actor.name
    key, secret = _sealing_key(request), totp.new_secret()

    def pend(_session: Session, _actor: Actor, held: Credential) -> None:
        held.totp_pending = sealing.seal(key, secret, name)

    proven(request, Claim(name, body.password.get_secret_value(), _plain(body.totp)), pend, _wrong)
    return Enrolled(otpauth_uri=totp.otpauth_uri(secret, name, ISSUER))


def _confirm(request: Request, asker: Asker, code: str) -> None:
    platform = platform_of(request)
    limited(platform.limits.logins_account, name_digest(asker.actor.name))
    key = _sealing_key(request)
    try:
        with platform.store.writing() as session:
            done = credentials.confirm_totp(session, asker.actor, key, code, platform.store.clock())
    except KeyRefused:
        done = False  # it was sealed with another key: enrolling again mends it
    if not done:
        raise Refuse(422, "wrong-code", "No second factor waits for this code: enrol, or look at the device's clock.")


def _sealing_key(request: Request) -> bytes:
    platform = platform_of(request)
    try:
        return sealing.load_sealing_key(platform.store, platform.settings.login.sealing_key_file)
    except KeyRefused as error:
        raise Refuse(503, "no-sealing-key") from error


def _plain(code: SecretStr | None) -> str | None:
    return None if code is None else code.get_secret_value()
