"""Parts of the live client: signature, quota, back-off, and what is told of an exchange that went wrong."""

from __future__ import annotations

import gzip
import json
import logging
import subprocess
import sys
import traceback
from dataclasses import replace
from itertools import count
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.faults import UnusableInput
from feeds.pull_client import Asker, Pages, fetch
from feeds.pull_http import Http, NoAnswer
from feeds.pull_providers import PROVIDER_OF, Window, signature
from feeds.pull_quota import Quota, QuotaSpent
from feeds.pull_settings import SETTINGS, Secret, Source
from feeds.pull_timing import Timing
from geo.datum import Datum
from tests.feeds.pulling import way_out
from tests.feeds.stand_in import Clock, Reply, StandIn, serving
from tests.feeds.track_builders import amap_page, baidu_page

NOON_S = 1_773_806_400.0  # 2026-03-18T12:00:00+08:00
KEY = "0f1e2d3c4b5a6978"


def source(tmp_path: Path, **changes: object) -> Source:
    values = {s.name: s.default for s in SETTINGS} | {"base_url": "http://127.0.0.1:1", "page_size": 3} | changes
    return Source("f", "amap", Datum.GCJ02, Secret(KEY), None, tmp_path / "count", None, values)


def timing(clock: Clock) -> Timing:
    return Timing(clock.now, clock.now, waits=clock.wait, jitter=lambda: 0.0)


def test_the_signature_is_that_of_baidus_published_sample(real_data: Path) -> None:
    vectors = json.loads((real_data / "coordinates" / "vectors.json").read_text(encoding="utf-8"))["signatures"]
    vector = next(v for v in vectors if v["id"] == "baidu-sn")
    signed = vector["string_before_quote_plus"].removesuffix(vector["sk"])
    assert signature(signed, Secret(vector["sk"])) == vector["expected"]
    assert signature("https://api.example" + signed, Secret(vector["sk"])) == vector["expected"]


def test_a_name_with_blanks_signs_and_chinese_is_quoted_in_an_address(tmp_path: Path) -> None:
    address = PROVIDER_OF["amap"].track(source(tmp_path), "川A 1&2/#学", Window(1, 0, 1000), 1)
    assert "tid=%E5%B7%9DA%201%262%2F%23%E5%AD%A6&" in address
    assert httpx.URL(address).raw_path.decode() == address.removeprefix("http://127.0.0.1:1")


# ---------------------------------------------------------------- quota


def test_the_count_outlives_the_process_and_is_shared_by_all_who_name_the_file(tmp_path: Path) -> None:
    clock = Clock(NOON_S)
    quotas = [Quota(100.0, 3, tmp_path / "count", timing(clock)) for _ in range(2)]
    for quota in (*quotas, quotas[0]):
        quota.take()
    for quota in (*quotas, Quota(100.0, 3, tmp_path / "count", timing(clock))):
        with pytest.raises(QuotaSpent):
            quota.take()
    assert (tmp_path / "count").read_text() == "2026-03-18 000000000003 open\n"
    assert (tmp_path / "count").stat().st_mode & 0o777 == 0o600


def test_the_day_of_the_count_begins_at_midnight_of_beijing(tmp_path: Path) -> None:
    clock = Clock(NOON_S + 12 * 3600 - 1)
    quota = Quota(100.0, 1, tmp_path / "count", timing(clock))
    quota.take()
    with pytest.raises(QuotaSpent):
        quota.take()
    clock.now_s += 1
    quota.take()
    assert (tmp_path / "count").read_text() == "2026-03-19 000000000001 open\n"


@pytest.mark.parametrize("text", ["nonsense", "2026-13-18 1 open\n", "2026-03-18 one open\n", '{"key": 1}'])
def test_a_file_that_is_no_count_is_refused_and_left_alone(tmp_path: Path, text: str) -> None:
    (tmp_path / "count").write_text(text)
    with pytest.raises(UnusableInput, match="count: is not a count of queries"):
        Quota(1.0, 1, tmp_path / "count", timing(Clock(NOON_S)))
    assert (tmp_path / "count").read_text() == text


def test_a_count_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnusableInput, match="cannot be written"):
        Quota(1.0, None, tmp_path / "none" / "count", timing(Clock(NOON_S)))


# ---------------------------------------------------------------- the exchange


def client(asked: Source, timing: Timing | None = None, allow: tuple[str, ...] = ("127.0.0.1",)) -> Http:
    """Connections to a stand-in on the loopback, under the guard."""
    return Http(asked, timing or Timing(), way_out(*allow).transport(asked))


def trouble(tmp_path: Path, reply: Reply, **changes: object) -> NoAnswer:
    provider = StandIn(always={"": reply})
    with serving(provider), client(source(tmp_path, **changes)) as http:
        with pytest.raises(NoAnswer) as error:
            http.get(f"{provider.address}/x?key={KEY}")
        return error.value


@pytest.mark.parametrize(
    "reply",
    [
        Reply(silent=True),
        Reply(b"{}", cut=5),
        Reply(b"", 500),
        Reply(b"", 301, (("Location", "http://127.0.0.1:1/"),)),
        Reply(b"not gzip", headers=(("Content-Encoding", "gzip"),)),
    ],
)
def test_what_is_raised_has_no_address_in_it_and_none_behind_it(tmp_path: Path, reply: Reply) -> None:
    error = trouble(tmp_path, reply, timeout_s=0.2)
    told = "".join(traceback.format_exception(error))
    assert KEY not in told
    assert error.__cause__ is None
    assert error.__context__ is None
    assert not any(isinstance(value, httpx.Request | httpx.URL) for value in vars(error).values())


def test_nobody_listening_is_told_as_no_connection(tmp_path: Path) -> None:
    with client(source(tmp_path)) as http, pytest.raises(NoAnswer, match="no connection") as error:
        http.get(f"http://127.0.0.1:1/x?key={KEY}")
    assert (error.value.retryable, error.value.reached, error.value.__context__) == (True, False, None)


def test_a_small_answer_that_unpacks_to_a_large_one_is_cut_off(tmp_path: Path) -> None:
    bomb = Reply(gzip.compress(b" " * 3_000_000), headers=(("Content-Encoding", "gzip"),))
    error = trouble(tmp_path, bomb, max_answer_mb=1.0)
    assert (str(error), error.retryable) == ("an answer of more than 1 MB", False)


def test_the_http_librarys_own_log_has_no_query(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    provider = StandIn(always={"": Reply({"errcode": 10000})})
    with serving(provider), client(source(tmp_path)) as http:
        assert http.get(f"{provider.address}/x?key={KEY}") == (200, b'{"errcode": 10000}')
    assert f"GET {provider.address}/x" in caplog.text
    assert KEY not in caplog.text


def test_the_environments_proxies_are_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    provider = StandIn(always={"": Reply(b"{}")})
    with serving(provider), client(source(tmp_path)) as http:
        assert http.get(f"{provider.address}/x")[0] == 200


def test_a_certificate_of_nobody_we_trust_is_refused_unless_the_settings_name_it(tmp_path: Path) -> None:
    certificate = Path(__file__).with_name("loopback.pem")
    provider = StandIn(always={"": Reply(b"{}")})
    with serving(provider, certificate):
        with client(source(tmp_path)) as http, pytest.raises(NoAnswer, match="not trusted") as error:
            http.get(f"{provider.address}/x?key={KEY}")
        assert not error.value.retryable
        assert not provider.requests
        port = provider.address.rpartition(":")[2]
        trusting = replace(source(tmp_path), ca_file=certificate)
        with client(trusting, allow=("127.0.0.1", f"localhost:{port}")) as http:
            assert http.get(f"{provider.address}/x") == (200, b"{}")
            with pytest.raises(NoAnswer, match="not trusted"):  # the certificate is for 127.0.0.1
                http.get(f"{provider.address}/x".replace("127.0.0.1", "localhost"))


def test_an_answer_that_drips_is_cut_off(tmp_path: Path) -> None:
    seconds = count()
    each_look_a_second_later = Timing(tick_s=lambda: float(next(seconds)))
    provider = StandIn(always={"": Reply(b"{" + b" " * 500, drip=True)})
    with serving(provider), client(source(tmp_path, timeout_s=0.5), each_look_a_second_later) as http:
        with pytest.raises(NoAnswer, match="an answer that took over 6 s") as error:
            http.get(f"{provider.address}/x")
        provider.stop.set()
    assert error.value.retryable


def test_the_first_wait_is_half_to_whole_the_setting_and_no_wait_is_over_a_minute() -> None:
    for jitter, share in ((0.0, 0.5), (0.999, 0.9995)):
        waits = [Timing(jitter=lambda j=jitter: j).backoff_s(2.0, failed, 60.0) for failed in (1, 2, 3, 99)]
        assert waits == pytest.approx([2 * share, 4 * share, 8 * share, 60 * share])


def test_without_its_http_client_the_command_says_what_to_install(root: Path, tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['httpx'] = None; from runs.cli import main; "
        "main(['pull', 'x', '--date', '2026-03-18', '--sources', 'y'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=root, check=False, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert "Install trajaudit[pull]." in done.stderr
    assert "Traceback" not in done.stderr


# ---------------------------------------------------------------- the pages of a window

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)


class Played:
    """A provider's answers in order, the last one over and over, in place of the exchange."""

    def __init__(self, bodies: list[bytes]) -> None:
        self.bodies, self.asked = bodies, 0

    def get(self, _url: str) -> tuple[int, bytes]:
        self.asked += 1
        return 200, self.bodies[min(self.asked, len(self.bodies)) - 1]


def fetched(folder: Path, kind: str, bodies: list[bytes]) -> tuple[Pages, int]:
    played, at_once = Played(bodies), timing(Clock(NOON_S))
    quota = Quota(1000.0, None, folder / "count", at_once)
    asker = Asker(source(folder, attempts=1), PROVIDER_OF[kind], played, quota, at_once)  # type: ignore[arg-type]
    return fetch(asker.ask, str, 3), played.asked


@given(kind=st.sampled_from(["amap", "baidu"]), runs=st.lists(st.lists(JSON, max_size=4), max_size=4), count=JSON)
def test_whatever_a_page_holds_a_window_ends_and_what_is_lost_is_said(
    tmp_path_factory: pytest.TempPathFactory, kind: str, runs: list[list[object]], count: object
) -> None:
    pages = [amap_page(run, counts=0) if kind == "amap" else baidu_page(run, total=0) for run in runs]
    for page in pages:
        (page["data"]["tracks"][0] if kind == "amap" else page)["counts" if kind == "amap" else "total"] = count
    bodies = [json.dumps(page).encode() for page in pages] or [b"{}"]
    result, asked = fetched(tmp_path_factory.mktemp("window"), kind, bodies)
    assert asked <= len(bodies) + 1
    assert result.bodies == bodies[: len(result.bodies)]
    assert result.bodies or result.lost is not None


@pytest.mark.parametrize("depth", [500, 900, 970, 990, 5000])
def test_a_page_nested_ever_so_deeply_is_lost_or_taken_and_breaks_nothing(tmp_path: Path, depth: int) -> None:
    deep = "[" * depth + "]" * depth
    body = json.dumps(amap_page(["here"], counts=1)).replace('"here"', deep).encode()
    result, _ = fetched(tmp_path, "amap", [body])
    assert (result.lost is None) == bool(result.bodies)
