"""What did not change is not sent again, and nobody overwrites what he has not seen."""

from __future__ import annotations

import pytest
from starlette.requests import Request

from api.conditional import etag_of, etag_of_version, is_unchanged, not_modified, require_match
from api.problems import Refuse
from tests.api.calls import get
from tests.api.conftest import Server
from tests.api.walking import DATE

TAG = etag_of(b"body")


def asked(**headers: str) -> Request:
    told = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "headers": told})


@pytest.mark.parametrize("told", [TAG, f"W/{TAG}", f'"other", {TAG}', f'"other",{TAG}', "*", f'"a,b", {TAG}'])
def test_whoever_has_this_version_is_not_sent_it_again(told: str) -> None:
    assert is_unchanged(asked(if_none_match=told), TAG)


@pytest.mark.parametrize("told", ['"other"', TAG.strip('"'), "", TAG[:-2] + '"', "W/*"])
def test_whoever_has_another_version_is_sent_this_one(told: str) -> None:
    assert not is_unchanged(asked(if_none_match=told), TAG)
    assert not is_unchanged(asked(), TAG)


def test_a_change_needs_the_version_that_was_read() -> None:
    require_match(asked(if_match=TAG), TAG)
    require_match(asked(if_match=f'"other", {TAG}'), TAG)
    for told, status in ((None, 428), ('"other"', 412), (f"W/{TAG}", 412)):
        with pytest.raises(Refuse) as refused:
            require_match(asked() if told is None else asked(if_match=told), TAG)
        assert refused.value.status_code == status


def test_a_version_is_told_from_others_by_every_part() -> None:
    tags = {etag_of_version(*parts) for parts in (("a", "b"), ("ab",), ("a", "b", None), ("a", 1), ("a", "1"))}
    assert len(tags) == 5


def test_304_has_the_headers_of_the_whole_answer() -> None:
    answer = not_modified(TAG, {"Vary": "Accept"})
    assert (answer.status_code, answer.body, answer.headers["etag"], answer.headers["vary"]) == (
        304,
        b"",
        TAG,
        "Accept",
    )


LISTS = (
    "nights",
    f"vehicles?{DATE}",
    f"zones?{DATE}",
    f"findings?{DATE}",
    f"findings?{DATE}&limit=3",
    f"sessions?{DATE}",
)


@pytest.mark.parametrize("path", LISTS)
def test_the_same_list_has_the_same_bytes_and_the_same_etag(reading_server: Server, path: str) -> None:
    one = get(reading_server, "auditor", f"/v1/{path}")
    other = get(reading_server, "auditor", f"/v1/{path}")
    assert (one.headers["etag"], one.content) == (other.headers["etag"], other.content)
    assert one.headers["cache-control"] == "private, no-cache"
    again = get(reading_server, "auditor", f"/v1/{path}", if_none_match=one.headers["etag"])
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", one.headers["etag"])
    assert again.headers["vary"] == one.headers["vary"]


def test_every_form_and_every_account_has_an_etag_of_its_own(reading_server: Server) -> None:
    path = f"/v1/findings?{DATE}"
    forms = ("application/json", "text/csv", "application/x-ndjson", "application/geo+json")
    tags = [get(reading_server, "auditor", path, accept=form).headers["etag"] for form in forms]
    tags.append(get(reading_server, "reviewer", path).headers["etag"])
    assert len(set(tags)) == 5
