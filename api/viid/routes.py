"""The routes of GA/T 1400: registering, keeping alive, and what is pushed. Everything else is no operation of ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio.to_thread
from fastapi import APIRouter, Request, Response
from sqlalchemy.exc import DBAPIError, IntegrityError

from api.guard import public
from api.platform import platform_of
from api.viid.desk import ViidDesk, settling
from api.viid.dialect import Code, Said, ViidRefused, ViidRoute, answer, each, one, time_text
from api.viid.items import Push, decoded, object_of, read_notifications, read_objects
from api.viid.sessions import Desk, Device, authenticated
from feeds.viid_objects import FACE, FACES, VEHICLE, VEHICLES, key_of
from runs.persist import is_away, is_full
from runs.push_door import NotReady, Taken
from store import viid_devices

_SMALL_BYTES = 64 << 10
_BEGAN, _EVER = "20000101000000", "20991231235959"


def router() -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/VIID", include_in_schema=False, route_class=ViidRoute, lifespan=settling)
    _sessions(routes)
    _pushes(routes)

    @routes.get("/Subscribes")
    def subscribes(request: Request, device: Device, desk: Desk) -> Response:
        """Tell what we wish to be subscribed to: passages and faces, without pictures and features."""
        return answer(_subscription(request, device, desk))

    @routes.api_route("/{path:path}", methods=["GET", "POST", "PUT", "DELETE"])
    def others(request: Request, device: Device) -> Response:
        """Refuse what we do not do; the body is not read."""
        del device
        return one(request, Said(Code.INVALID_OPERATION), 405, {"Allow": ""})

    return routes


def _sessions(routes: APIRouter) -> None:
    @routes.post("/System/Register", dependencies=[public()])
    async def register(request: Request) -> Response:
        peer = await anyio.to_thread.run_sync(authenticated, request)
        told = object_of(decoded(await _body(request, _SMALL_BYTES)), "RegisterObject")
        if key_of(told, "DeviceID") != peer.device_id:
            raise ViidRefused(400, Code.JSON_CONTENT, "DeviceID")
        await _note(request, viid_devices.register, peer.device_id)
        return one(request, Said(Code.OK, peer.device_id))

    @routes.post("/System/UnRegister")
    async def unregister(request: Request, device: Device) -> Response:
        await _own(request, device, "UnRegisterObject")
        await _note(request, viid_devices.unregister, device)
        return one(request, Said(Code.OK, device))

    @routes.post("/System/Keepalive")
    async def keepalive(request: Request, device: Device) -> Response:
        await _own(request, device, "KeepaliveObject")
        await _note(request, viid_devices.heard, device)
        return one(request, Said(Code.OK, device))

    @routes.get("/System/Time")
    def time(request: Request, device: Device, desk: Desk) -> Response:
        del device
        told = {
            "VIIDServerID": desk.platform.settings.viid.server_id,
            "TimeMode": "1",
            "LocalTime": time_text(request),
            "TimeZone": desk.platform.local.name,
        }
        return answer({"SystemTimeObject": told})


async def _own(request: Request, device: str, name: str) -> None:
    """Raise `ViidRefused` (400) where a body speaks of another device than the one that speaks."""
    told = object_of(decoded(await _body(request, _SMALL_BYTES)), name)
    if key_of(told, "DeviceID") != device:
        raise ViidRefused(400, Code.JSON_CONTENT, "DeviceID")


async def _note(request: Request, how: Callable[[Any, str, int], None], device: str) -> None:
    store = platform_of(request).store

    def write() -> None:
        with store.writing() as session:
            how(session, device, store.clock())

    await anyio.to_thread.run_sync(_unless_away, write)


def _pushes(routes: APIRouter) -> None:
    @routes.post("/SubscribeNotifications")
    async def notifications(request: Request, device: Device, desk: Desk) -> Response:
        return await _taken(request, device, desk, read_notifications)

    @routes.post("/MotorVehicles")
    async def vehicles(request: Request, device: Device, desk: Desk) -> Response:
        return await _taken(request, device, desk, lambda payload: read_objects(payload, VEHICLES, VEHICLE))

    @routes.post("/Faces")
    async def faces(request: Request, device: Device, desk: Desk) -> Response:
        """Count faces that come without their cars: whose car they are nobody can tell, so none is kept."""
        return await _taken(request, device, desk, lambda payload: read_objects(payload, FACES, FACE))


async def _taken(request: Request, device: str, desk: ViidDesk, read: Callable[[object], Push]) -> Response:
    """Take a push in, unless there is no place: then nothing of it is read."""
    desk.take_place()
    try:
        body = await _body(request, desk.platform.settings.viid.max_body_mb << 20)
        said = await anyio.to_thread.run_sync(_decide, body, device, desk, read, limiter=desk.places())
    finally:
        desk.give_place()
    return each(request, said)


def _decide(body: bytes, device: str, desk: ViidDesk, read: Callable[[object], Push]) -> list[Said]:
    push = read(decoded(body))
    try:
        taken: Taken = _unless_away(lambda: desk.door.take(push.payload, device))
    except NotReady:
        raise ViidRefused(503, Code.BUSY, "尚无登记数据", {"Retry-After": "60"}) from None
    return push.said(taken.rejects)


def _unless_away(work: Callable[[], Any]) -> Any:
    """Do something with the database; say busy where it is away. What it refuses else is told without its values."""
    try:
        return work()
    except DBAPIError as error:
        if is_away(error) or is_full(error) or isinstance(error, IntegrityError):
            raise ViidRefused(503, Code.BUSY, headers={"Retry-After": "5"}) from None
        raise RuntimeError(f"the database refused a push: {type(error).__name__}") from None


async def _body(request: Request, most: int) -> bytes:
    """Return the body of JSON; raises `ViidRefused` for another form (415), and for too much of it (413)."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind and not kind.endswith("json"):
        raise ViidRefused(415, Code.JSON_FORMAT, "Content-Type")
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise ViidRefused(413, Code.JSON_CONTENT, "报文过大")
        parts.append(part)
    return b"".join(parts)


def _subscription(request: Request, device: str, desk: ViidDesk) -> dict[str, Any]:
    server_id = desk.platform.settings.viid.server_id
    wish = {
        "SubscribeID": f"{server_id[:12]}03{_BEGAN}00001",
        "Title": "教练车过车",
        "SubscribeDetail": "12,13",
        "ResourceURI": device,
        "ApplicantName": "trajaudit",
        "ApplicantOrg": server_id[:12],
        "BeginTime": _BEGAN,
        "EndTime": _EVER,
        "ReceiveAddr": str(request.url_for("notifications").replace(query="")),
        "ReportInterval": 3,
        "Reason": "驾培监管",
        "OperateType": 0,
        "SubscribeStatus": 0,
        "ResourceClass": 1,
        "ResultImageDeclare": "-1",
        "ResultFeatureDeclare": "-1",
    }
    return {"SubscribeListObject": {"SubscribeObject": [wish]}}
