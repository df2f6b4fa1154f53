"""A stand-in for a GA/T 1400 platform: it registers by digest, keeps alive, and pushes; also as odd peers do it."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from dataclasses import dataclass, field
from typing import Any

import httpx
from fastapi import FastAPI

DEVICE = "51010000001190000001"
PASSWORD = "correct horse 42"
REGISTER = "/VIID/System/Register"


def md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


def digest_header(
    challenge: str, username: str, password: str, method: str, uri: str, nc: str, *, bare_opaque: bool = False
) -> str:
    told = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
    cnonce = secrets.token_hex(4)
    ha1, ha2 = md5(f"{username}:{told['realm']}:{password}"), md5(f"{method}:{uri}")
    response = md5(f"{ha1}:{told['nonce']}:{nc}:{cnonce}:auth:{ha2}")
    opaque = told["opaque"] if bare_opaque else f'"{told["opaque"]}"'
    return (
        f'Digest username="{username}",realm="{told["realm"]}",nonce="{told["nonce"]}",uri="{uri}",qop=auth,'
        f'nc={nc},cnonce="{cnonce}",response="{response}",opaque={opaque}'
    )


@dataclass
class Peer:
    """`uri`, `nc`, `bare_opaque`: how it writes its digest; `media_type`: of its bodies."""

    app: FastAPI
    device_id: str = DEVICE
    password: str = PASSWORD
    uri: str = REGISTER
    nc: str = "00000001"
    bare_opaque: bool = False
    media_type: str = "application/VIID+JSON"
    sent: list[str] = field(default_factory=list)

    def client(self) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False, client=("10.0.0.5", 4000))
        return httpx.AsyncClient(transport=transport, base_url="http://audit.test")

    async def post(self, path: str, told: Any, **headers: str) -> httpx.Response:
        body = told if isinstance(told, bytes) else json.dumps(told, ensure_ascii=False).encode()
        given = {"content-type": self.media_type, "user-identify": self.device_id, **headers}
        async with self.client() as client:
            return await client.post(path, content=body, headers={k: v for k, v in given.items() if v})

    async def get(self, path: str) -> httpx.Response:
        async with self.client() as client:
            return await client.get(path, headers={"user-identify": self.device_id})

    async def register(self) -> httpx.Response:
        told = {"RegisterObject": {"DeviceID": self.device_id}}
        asked = await self.post(REGISTER, told, **{"user-identify": ""})
        assert asked.status_code == 401
        header = digest_header(
            asked.headers["www-authenticate"], self.device_id, self.password, "POST", self.uri, self.nc,
            bare_opaque=self.bare_opaque,
        )  # fmt: skip
        self.sent.append(header)
        return await self.post(REGISTER, told, authorization=header)

    async def keep_alive(self) -> httpx.Response:
        return await self.post("/VIID/System/Keepalive", {"KeepaliveObject": {"DeviceID": self.device_id}})

    async def notify(self, told: Any) -> httpx.Response:
        return await self.post("/VIID/SubscribeNotifications", told)


def codes(answer: httpx.Response) -> list[int]:
    told = answer.json()
    if "ResponseStatusObject" in told:
        return [told["ResponseStatusObject"]["StatusCode"]]
    return [item["StatusCode"] for item in told["ResponseStatusListObject"]["ResponseStatusObject"]]
