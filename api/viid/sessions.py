"""Who speaks: registering by digest, and the registered device that `User-Identify` names from then on."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from api.guard import RULE, Rule
from api.platform import platform_of
from api.viid.desk import ViidDesk, desk_of
from api.viid.dialect import Code, ViidRefused
from api.viid.digest import challenge, expires_ms, new_nonce, read_authorization
from runs.viid_files import ViidPeer
from store import viid_devices
from store.used_tokens import use_once

_ISSUER = "viid-nonce"


def _unknown(request: Request, *, stale: bool = False) -> ViidRefused:
    """Return the one answer to whoever is not known: it asks for a digest."""
    platform = platform_of(request)
    nonce = new_nonce(platform.secret, platform.store.clock())
    told = {"WWW-Authenticate": challenge(nonce, stale=stale)}
    return ViidRefused(401, Code.INVALID_OPERATION, "未注册", told)


def authenticated(request: Request) -> ViidPeer:
    """Return the peer whose password a request proves; raises `ViidRefused` (401). A nonce counts once."""
    desk, platform = desk_of(request), platform_of(request)
    told = read_authorization(request.headers.get("authorization"))
    if told is None or not told.is_for(request.url.path):
        raise _unknown(request)
    until_ms = expires_ms(platform.secret, told.nonce)
    if until_ms is None or until_ms <= platform.store.clock():
        raise _unknown(request, stale=until_ms is not None)
    peer = desk.by_username(told.username)
    if peer is None or not peer.may_come_from(_host(request)) or desk.is_locked(peer.device_id):
        raise _unknown(request)
    if not told.fits(peer.password.get_secret_value(), request.method):
        desk.failed(peer.device_id)
        raise _unknown(request)
    if not use_once(platform.store, _ISSUER, f"{told.nonce}:{int(told.nc, 16)}", until_ms):
        raise _unknown(request, stale=True)
    desk.proven(peer.device_id)
    return peer


def _host(request: Request) -> str | None:
    return None if request.client is None else request.client.host


def _registered(request: Request) -> str:
    """Return the device that speaks; raises `ViidRefused` (401) where it is not registered, or no longer."""
    desk, store = desk_of(request), platform_of(request).store
    told = request.headers.getlist("user-identify")
    peer = desk.peers.get(told[0].strip()) if len(told) == 1 else None
    if peer is None or not peer.may_come_from(_host(request)):
        raise _unknown(request)
    at_ms = store.clock()
    with store.reading() as session:
        heard_ms = viid_devices.heard_ms(session, peer.device_id, at_ms)
    if heard_ms is None:
        raise _unknown(request)
    if at_ms - heard_ms >= viid_devices.SEEN_EVERY_MS:
        with store.writing() as session:
            viid_devices.heard(session, peer.device_id, at_ms)
    return peer.device_id


setattr(_registered, RULE, Rule(None, device=True))
Device = Annotated[str, Depends(_registered)]
Desk = Annotated[ViidDesk, Depends(desk_of)]
