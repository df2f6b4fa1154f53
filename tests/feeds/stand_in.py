"""A loopback HTTP server that answers as Amap and Baidu do, and misbehaves on demand. Started and stopped by a test."""

from __future__ import annotations

import hashlib
import json
import ssl
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote_plus, urlsplit

AMAP_MOST, BAIDU_MOST, DAY_MS = 999, 5000, 86_400_000
KEY, SK = "4f5c9e0d7a6b41d2", "sk-9d8c7b6a5f4e"
SID = 808074


@dataclass(frozen=True)
class Reply:
    """One answer to give in place of the right one; `silent` keeps the client waiting until the server stops."""

    body: bytes | dict[str, Any] = b""
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    silent: bool = False
    cut: int = 0
    """Bytes that Content-Length promises and that never come."""
    drip: bool = False
    """Byte by byte."""

    def bytes(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body, ensure_ascii=False).encode()


@dataclass(frozen=True)
class Request:
    """One request as it came: the path, the query, and the terminal it was about."""

    path: str
    query: dict[str, str]
    terminal: str


@dataclass
class StandIn:
    """The provider: its tracks by terminal (Amap: by tid; lists of points by trid), its faults, what it was asked."""

    tracks: dict[str, dict[str, list[dict[str, Any]]]] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    secret: str | None = None
    now_ms: int | None = None
    wrong_total: int | None = None
    always: dict[str, Reply] = field(default_factory=dict)
    next: list[Reply] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    address: str = ""
    stop: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def asked(self) -> Counter[str]:
        """How many requests each terminal had."""
        return Counter(request.terminal for request in self.requests)

    def reply(self, target: str) -> Reply:
        parts = urlsplit(target)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        terminal = query.get("tid") or query.get("entity_name") or query.get("name") or ""
        with self.lock:
            self.requests.append(Request(parts.path, query, terminal))
            if terminal in self.always:
                return self.always[terminal]
            if self.next:
                return self.next.pop(0)
        if parts.path.endswith("/terminal/trsearch"):
            return Reply(self._amap(query))
        if parts.path.endswith("/terminal/list"):
            return Reply(self._list(query))
        if parts.path.endswith("/track/gettrack"):
            return Reply(self._baidu(query, target))
        return Reply(b"<html><body>404</body></html>", 404)

    def _amap(self, query: dict[str, str]) -> dict[str, Any]:
        start, end = int(query["starttime"]), int(query["endtime"])
        size, page = int(query["pagesize"]), int(query["page"])
        if query["key"] != KEY:
            return _amap_error(10001, "INVALID_USER_KEY")
        if query["sid"] != str(SID):
            return _amap_error(20050, "SERVICE_NOT_EXIST", "sid not exist")
        if query["tid"] not in self.tracks:
            return _amap_error(20051, "TERMINAL_NOT_EXIST", "tid not exist")
        if end - start > DAY_MS or size > AMAP_MOST or (self.now_ms is not None and end > self.now_ms):
            return _amap_error(20000, "INVALID_PARAMS")
        tidy = "denoise=0,mapmatch=0" not in query["correction"] or query["recoup"] != "0"
        tracks = []
        for trid, points in self.tracks[query["tid"]].items():
            mine = [p for p in points if start <= p["locatetime"] <= end][:: 2 if tidy else 1]
            some = mine[(page - 1) * size : page * size]
            counts = len(mine) if self.wrong_total is None else self.wrong_total
            tracks.append({"counts": counts, "degradedParams": {}, "trid": int(trid), "trname": "k", "points": some})
        data = {"counts": len(tracks), "tracks": tracks} if tracks else None
        return {"data": data, "errcode": 10000, "errdetail": None, "errmsg": "OK"}

    def _list(self, query: dict[str, str]) -> dict[str, Any]:
        if query["key"] != KEY:
            return _amap_error(10001, "INVALID_USER_KEY")
        found = [{"tid": int(tid), "name": name} for name, tid in self.names.items() if name == query["name"]]
        return {"data": {"count": len(found), "results": found}, "errcode": 10000, "errdetail": None, "errmsg": "OK"}

    def _baidu(self, query: dict[str, str], target: str) -> dict[str, Any]:
        start, end = int(query["start_time"]), int(query["end_time"])
        size, page = int(query["page_size"]), int(query["page_index"])
        if query["ak"] != KEY:
            return {"status": 200, "message": "APP不存在,AK有误"}
        if self.secret is not None and query.get("sn") != _sn(target, self.secret):
            return {"status": 211, "message": "APP SN校验失败"}
        if end - start > DAY_MS // 1000:
            return {"status": 3200, "message": "查询时间段不能超过24小时"}
        if query["entity_name"] not in self.tracks:
            return {"status": 3003, "message": "指定entity不存在"}
        if size > BAIDU_MOST or (self.now_ms is not None and end * 1000 > self.now_ms):
            return {"status": 2, "message": "参数错误"}
        tidy = query["is_processed"] != "0" or query.get("supplement_mode", "no_supplement") != "no_supplement"
        (points,) = self.tracks[query["entity_name"]].values()
        mine = [p for p in points if start <= p["loc_time"] <= end][:: 2 if tidy else 1]
        some = mine[(page - 1) * size : page * size]
        total = len(mine) if self.wrong_total is None else self.wrong_total
        return {"status": 0, "message": "成功", "total": total, "size": len(some), "points": some}


def _amap_error(code: int, message: str, detail: str | None = None) -> dict[str, Any]:
    return {"data": None, "errcode": code, "errdetail": detail, "errmsg": message}


def _sn(target: str, secret: str) -> str:
    """As Baidu's SN appendix says: all that came before `sn`, and the secret key."""
    signed = target.rpartition("&sn=")[0]
    return hashlib.md5(quote_plus(signed + secret).encode()).hexdigest()


@contextmanager
def serving(provider: StandIn, certificate: Path | None = None) -> Iterator[StandIn]:
    """Serve on a free port of the loopback until the block ends; with a certificate and its key, over TLS."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 10

        def do_GET(self) -> None:
            reply = provider.reply(self.path)
            if reply.silent:
                provider.stop.wait(10)
                self.close_connection = True
                return
            body = reply.bytes()
            with provider.lock:
                provider.bodies.append(body)
            self.send_response(reply.status)
            self.send_header("Content-Length", str(len(body) + reply.cut))
            for name, value in reply.headers:
                self.send_header(name, value)
            self.end_headers()
            for piece in (bytes([byte]) for byte in body) if reply.drip else (body,):
                self.wfile.write(piece)
                if reply.drip and provider.stop.wait(0.005):
                    break
            self.close_connection = bool(reply.cut)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if certificate is not None:
        context.load_cert_chain(certificate)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if certificate is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    provider.address = f"{'http' if certificate is None else 'https'}://127.0.0.1:{server.server_address[1]}"
    try:
        yield provider
    finally:
        provider.stop.set()
        server.shutdown()
        server.server_close()
        thread.join(10)


@dataclass
class Clock:
    """A clock that waits by turning its hands; what was waited for is kept."""

    now_s: float
    waited: list[float] = field(default_factory=list)

    def now(self) -> float:
        return self.now_s

    def wait(self, seconds: float) -> None:
        if seconds > 0:
            self.waited.append(seconds)
            self.now_s += seconds
