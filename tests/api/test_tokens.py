"""Tokens of the platform's identity provider: what is believed, and everything that must not be."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from api.tokens import LONGEST_TOKEN, Tokens, read_jwks
from feeds.faults import UnusableInput
from runs.settings import IdentitySettings, Settings, StoreSettings, read_settings
from store.accounts import actor_of, disable
from store.tables.api import UsedToken
from tests.api.browser_like import Browser, later
from tests.api.conftest import Server, served
from tests.stores import START_MS

NOW = START_MS // 1000
ISSUER, AUDIENCE = "https://id.police.example", "trajaudit"
PRIVATE = {
    "RS256": rsa.generate_private_key(65537, 2048),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}
STRANGER = rsa.generate_private_key(65537, 2048)
_JWK: dict[str, Callable[..., Any]] = {
    "RS256": RSAAlgorithm.to_jwk, "ES256": ECAlgorithm.to_jwk, "EdDSA": OKPAlgorithm.to_jwk
}  # fmt: skip


def public(algorithm: str, **more: Any) -> dict[str, Any]:
    made = _JWK[algorithm](PRIVATE[algorithm].public_key(), as_dict=True)
    return {**made, "kid": algorithm, "use": "sig", **more}


KEYS = [public(algorithm) for algorithm in PRIVATE]


def claims(**changes: Any) -> dict[str, Any]:
    told = {"iss": ISSUER, "aud": AUDIENCE, "sub": "auditor", "iat": NOW, "nbf": NOW, "exp": NOW + 600, "jti": "t1"}
    return {name: value for name, value in {**told, **changes}.items() if value is not ...}


def signed(told: dict[str, Any] | None = None, algorithm: str = "RS256", key: Any = None, **header: Any) -> str:
    header = {"kid": algorithm, **header}
    return jwt.encode(told or claims(), key or PRIVATE[algorithm], algorithm, headers=header)


def by_hand(header: dict[str, Any], told: Any, key: bytes | None = None) -> str:
    """A token made without a library, which would refuse to make it."""
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, told)]
    body = b".".join(parts)
    signature = b"" if key is None else base64.urlsafe_b64encode(hmac.digest(key, body, "sha256")).rstrip(b"=")
    return (body + b"." + signature).decode()


@pytest.fixture
def jwks(tmp_path: Path) -> Path:
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps({"keys": KEYS}))
    return path


def identity(jwks: Path, **changes: Any) -> IdentitySettings:
    return IdentitySettings(**{"issuer": ISSUER, "audience": AUDIENCE, "jwks_file": jwks, **changes})


@pytest.fixture
def tokens(jwks: Path) -> Tokens:
    return Tokens(identity(jwks))


@pytest.fixture
def trusting(city_store: Path, tmp_path: Path, jwks: Path) -> Iterator[Server]:
    """A server that takes the provider's tokens."""
    folder = tmp_path / "store"
    shutil.copytree(city_store, folder)
    made = served(folder, Settings(store=StoreSettings(folder=folder), identity=identity(jwks)))
    yield made
    made.store.close()


def asked(server: Server, token: str, method: str = "GET", path: str = "/v1/me") -> httpx.Response:
    return Browser(server)(method, path, headers={"authorization": f"Bearer {token}"})


@pytest.mark.parametrize("algorithm", PRIVATE)
def test_a_good_token_is_its_account_with_our_roles(trusting: Server, algorithm: str) -> None:
    told = asked(trusting, signed(claims(roles=["administrator"], role="administrator"), algorithm)).json()
    assert (told["name"], told["way"]) == ("auditor", "token")
    assert [held["role"] for held in told["roles"]] == ["auditor"]


def test_without_a_provider_no_token_is_taken(server: Server) -> None:
    assert asked(server, signed()).status_code == 401
    assert Tokens(IdentitySettings()).told(signed(), START_MS) is None


BAD_CLAIMS: dict[str, dict[str, Any]] = {
    "expired": {"exp": NOW - 31},
    "not-yet": {"nbf": NOW + 31},
    "issued-later": {"iat": NOW + 31, "nbf": ..., "exp": NOW + 900},
    "too-old": {"iat": NOW - 3631, "nbf": ..., "exp": NOW + 86_400},
    "no-exp": {"exp": ...},
    "no-iat": {"iat": ...},
    "exp-text": {"exp": "tomorrow"},
    "exp-true": {"exp": True},
    "exp-endless": {"exp": 10**400},
    "exp-nan": {"exp": float("nan")},
    "exp-infinite": {"exp": float("inf")},
    "iat-negative": {"iat": -1},
    "nbf-list": {"nbf": [NOW]},
    "other-issuer": {"iss": "https://id.police.example.evil"},
    "issuer-with-slash": {"iss": ISSUER + "/"},
    "issuer-list": {"iss": [ISSUER]},
    "no-issuer": {"iss": ...},
    "other-audience": {"aud": "other"},
    "audience-none": {"aud": None},
    "audience-empty": {"aud": []},
    "no-audience": {"aud": ...},
    "no-sub": {"sub": ...},
    "sub-empty": {"sub": ""},
    "sub-number": {"sub": 7},
    "sub-list": {"sub": ["auditor"]},
    "sub-nul": {"sub": "auditor\0"},
    "jti-list": {"jti": ["a"]},
    "jti-long": {"jti": "x" * 201},
}


@pytest.mark.parametrize("changes", BAD_CLAIMS.values(), ids=BAD_CLAIMS)
def test_claims_that_are_not_as_they_must_be(tokens: Tokens, changes: dict[str, Any]) -> None:
    header = {"alg": "ES256", "kid": "ES256"}
    body = ".".join(
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
        for part in (header, claims(**changes))
    )
    signature = ECAlgorithm(ECAlgorithm.SHA256).sign(body.encode(), PRIVATE["ES256"])  # type: ignore[arg-type]
    token = f"{body}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"
    assert tokens.told(token, START_MS) is None


def test_clocks_may_differ_by_the_leeway_and_no_more(tokens: Tokens) -> None:
    def taken(at_s: int, **changes: Any) -> bool:
        return tokens.told(signed(claims(**changes)), at_s * 1000) is not None

    assert taken(NOW - 30)
    assert not taken(NOW - 31)
    assert taken(NOW + 629)
    assert not taken(NOW + 630)
    assert taken(NOW + 3629, exp=NOW + 86_400)
    assert not taken(NOW + 3630, exp=NOW + 86_400)


def attacks() -> dict[str, str]:
    """Tokens that some libraries have believed."""
    rsa_public = PRIVATE["RS256"].public_key()
    pem = rsa_public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    der = rsa_public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    raw = PRIVATE["EdDSA"].public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    good = signed()
    head, body, signature = good.split(".")
    stranger = {**RSAAlgorithm.to_jwk(STRANGER.public_key(), as_dict=True), "kid": "mine"}
    forged = base64.urlsafe_b64encode(json.dumps(claims(sub="admin")).encode()).rstrip(b"=").decode()
    kids: list[Any] = [
        *("../../../../dev/null", "/dev/null", "jwks.json", "", " ", "rs256", "RS256\0", "RS256/../RS256", "x" * 5000),
        *("' OR '1'='1", "file:///etc/passwd", "http://evil/jwks", "__class__", 1, None, ["RS256"], {"a": 1}),
    ]
    nones = ("none", "None", "nOnE", "", None, 0)
    return {
        **{f"none-{alg!r}": by_hand({"alg": alg, "kid": "RS256"}, claims()) for alg in nones},
        "none-signed": ".".join([by_hand({"alg": "none", "kid": "RS256"}, claims()).rpartition(".")[0], signature]),
        **{
            f"{alg}-{name}": by_hand({"alg": alg, "kid": kid}, claims(), key)
            for alg in ("HS256", "hs256", "RS256")
            for name, kid, key in (("pem", "RS256", pem), ("pem-bare", "RS256", pem.strip()), ("der", "RS256", der),
                                   ("raw", "EdDSA", raw), ("empty", "RS256", b""))
        },
        "hs-n": by_hand({"alg": "HS256", "kid": "RS256"}, claims(), KEYS[0]["n"].encode()),
        "other-keys-algorithm": signed(algorithm="ES256", kid="RS256"),
        "rs512-same-key": jwt.encode(claims(), PRIVATE["RS256"], "RS512", headers={"kid": "RS256"}),
        "ps256-same-key": jwt.encode(claims(), PRIVATE["RS256"], "PS256", headers={"kid": "RS256"}),
        "stranger": signed(key=STRANGER),
        "brings-its-key": jwt.encode(claims(), STRANGER, "RS256", headers={"kid": "mine", "jwk": stranger}),
        "brings-an-address": jwt.encode(claims(), STRANGER, "RS256", headers={"kid": "RS256", "jku": "http://evil/"}),
        "no-kid": jwt.encode(claims(), PRIVATE["RS256"], "RS256"),
        **{f"kid-{n}": by_hand({"alg": "RS256", "kid": kid}, claims(), b"") for n, kid in enumerate(kids)},
        **{f"kid-null-{n}": by_hand({"alg": "HS256", "kid": kid}, claims(), b"") for n, kid in enumerate(kids)},
        "crit": signed(crit=["b64"], b64=False),
        "crit-unknown": signed(crit=["x"], x=1),
        "other-body": f"{head}.{forged}.{signature}",
        "cut": good[:-4],
        "no-signature": f"{head}.{body}.",
        "two-parts": f"{head}.{body}",
        "five-parts": "a.b.c.d.e",
        "blank": "",
        "dots": "..",
        "deep": by_hand({"alg": "RS256", "kid": "RS256"}, json.loads("[" * 400 + "]" * 400)),
        "deep-header": base64.urlsafe_b64encode(b"[" * 5000).decode() + ".e30.e30",
        "header-list": base64.urlsafe_b64encode(b"[]").decode() + ".e30.e30",
        "not-ascii": "ü.ü.ü",
        "too-long": signed(claims(more="x" * LONGEST_TOKEN)),
        "body-text": by_hand({"alg": "RS256", "kid": "RS256"}, "text"),
    }  # fmt: skip


@pytest.mark.parametrize("token", attacks().values(), ids=attacks())
def test_a_forged_token_is_not_believed(tokens: Tokens, token: str) -> None:
    assert tokens.told(token, START_MS) is None


def test_a_refused_token_gets_the_answer_that_everybody_gets_and_is_repeated_nowhere(
    trusting: Server, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("DEBUG"):
        answers = [asked(trusting, token) for token in (signed(claims(exp=NOW - 99)), signed(key=STRANGER), "a.b.c")]
        answers.append(asked(trusting, signed(claims(sub="nobody-at-all"))))
        answers.append(Browser(trusting)("GET", "/v1/me"))
        good = signed()
        asked(trusting, good)
    told = [{k: v for k, v in answer.json().items() if k != "instance"} for answer in answers]
    assert all(one == told[0] for one in told)
    assert {answer.status_code for answer in answers} == {401}
    assert good not in caplog.text
    assert good.split(".")[2] not in caplog.text


def test_a_disabled_accounts_token_is_dead(trusting: Server) -> None:
    token = signed()
    assert asked(trusting, token).status_code == 200
    with trusting.store.writing() as session:
        disable(session, actor_of(session, "admin", START_MS), "auditor", START_MS)
    assert asked(trusting, token).status_code == 401


def test_what_changes_something_takes_a_token_once(trusting: Server) -> None:
    token = signed(claims(jti="once"))
    assert asked(trusting, token).status_code == 200
    assert asked(trusting, token, "POST", "/v1/logout").status_code == 403  # known; a token has no session to end
    assert asked(trusting, token, "POST", "/v1/logout").status_code == 401
    assert asked(trusting, token).status_code == 200
    assert asked(trusting, signed(claims(jti="once", exp=NOW + 601)), "POST", "/v1/logout").status_code == 401
    assert asked(trusting, signed(claims(jti="twice")), "POST", "/v1/logout").status_code == 403
    assert asked(trusting, signed(claims(jti=...)), "POST", "/v1/logout").status_code == 401
    assert asked(trusting, signed(claims(jti=...))).status_code == 200


def test_a_used_token_is_remembered_as_long_as_it_would_be_taken(trusting: Server) -> None:
    token = signed(claims(jti="once"))
    asked(trusting, token, "POST", "/v1/logout")
    later(trusting.store, 629)
    assert asked(trusting, token).status_code == 200
    assert asked(trusting, token, "POST", "/v1/logout").status_code == 401
    later(trusting.store, 2)
    fresh = signed(claims(jti="next", iat=NOW + 631, exp=NOW + 900))
    assert asked(trusting, fresh, "POST", "/v1/logout").status_code == 403
    with trusting.store.reading() as session:
        (row,) = session.query(UsedToken).all()
    assert row.jti == hashlib.sha256(f"{ISSUER}\nnext".encode()).hexdigest()


def test_another_claim_may_name_the_account(jwks: Path) -> None:
    tokens = Tokens(identity(jwks, account_claim="police_no"))
    told = tokens.told(signed(claims(sub="someone", police_no="auditor")), START_MS)
    assert told is not None
    assert told.account == "auditor"
    assert tokens.told(signed(), START_MS) is None


# ---------------------------------------------------------------- the keys


def write(path: Path, *keys: Any) -> None:
    aside = path.with_suffix(".new")
    aside.write_text(json.dumps({"keys": list(keys)}))
    aside.replace(path)


def test_keys_are_read_again_when_their_file_changes_and_a_bad_file_takes_none(
    jwks: Path, tokens: Tokens, caplog: pytest.LogCaptureFixture
) -> None:
    assert tokens.told(signed(), START_MS) is not None
    write(jwks, KEYS[1])
    assert tokens.told(signed(), START_MS) is None
    assert tokens.told(signed(algorithm="ES256"), START_MS) is not None
    jwks.write_text("{")
    assert [tokens.told(signed(algorithm="ES256"), START_MS) for _ in range(5)] == [None] * 5
    assert caplog.text.count("no token is taken until the keys can be read") == 1
    jwks.unlink()
    assert tokens.told(signed(), START_MS) is None
    write(jwks, *KEYS)
    assert tokens.told(signed(), START_MS) is not None


OCT = {"kty": "oct", "kid": "shared", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I", "alg": "HS256"}
BAD_SETS: dict[str, list[Any]] = {
    "none": [],
    "shared-secret": [*KEYS, OCT],
    "private": [{**_JWK["ES256"](PRIVATE["ES256"], as_dict=True), "kid": "a"}],
    "twice": [KEYS[0], KEYS[0]],
    "no-kid": [public("RS256", kid=None)],
    "for-secrecy": [public("RS256", use="enc")],
    "other-algorithm": [public("RS256", alg="RS512"), public("ES256", alg="HS256")],
    "broken": [public("ES256", x="AAAA")],
    "small": [{**RSAAlgorithm.to_jwk(rsa.generate_private_key(65537, 1024).public_key(), as_dict=True), "kid": "a"}],
    "text": ["RS256"],
}


@pytest.mark.parametrize("keys", BAD_SETS.values(), ids=BAD_SETS)
def test_a_server_does_not_start_with_keys_that_cannot_be(jwks: Path, keys: list[Any]) -> None:
    write(jwks, *keys)
    with pytest.raises(UnusableInput, match=r"jwks\.json"):
        Tokens(identity(jwks))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"keys": 7}', '{"keys": null}', "\ufeff", "[" * 100_000])
def test_a_file_that_is_no_set_of_keys(jwks: Path, text: str) -> None:
    jwks.write_text(text)
    with pytest.raises(UnusableInput):
        Tokens(identity(jwks))
    jwks.unlink()
    with pytest.raises(UnusableInput):
        Tokens(identity(jwks))


def test_keys_of_algorithms_that_are_not_taken_are_left_out(jwks: Path) -> None:
    assert set(read_jwks(jwks, ("ES256",))) == {"ES256"}
    assert Tokens(identity(jwks, algorithms=("ES256",))).told(signed(), START_MS) is None


@pytest.mark.parametrize("algorithm", ["none", "HS256", "HS512", "RS512", "rs256", ""])
def test_algorithms_with_a_shared_secret_or_none_cannot_be_configured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, algorithm: str
) -> None:
    path = tmp_path / "t.toml"
    path.write_text(f'[identity]\nissuer="i"\naudience="a"\njwks_file="j"\nalgorithms=["ES256", "{algorithm}"]\n')
    with pytest.raises(UnusableInput, match="algorithms"):
        read_settings(path)


def test_even_settings_that_were_never_checked_take_no_shared_secret(jwks: Path) -> None:
    write(jwks, *KEYS)
    forced = IdentitySettings.model_construct(
        **{**identity(jwks).model_dump(), "algorithms": ("HS256", "none", "RS256")}
    )
    tokens = Tokens(forced)
    pem = PRIVATE["RS256"].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    assert tokens.told(by_hand({"alg": "HS256", "kid": "RS256"}, claims(), pem), START_MS) is None
    assert tokens.told(by_hand({"alg": "none", "kid": "RS256"}, claims()), START_MS) is None
    assert tokens.told(signed(), START_MS) is not None
    write(jwks, *KEYS, OCT)
    assert tokens.told(by_hand({"alg": "HS256", "kid": "shared"}, claims(), b"secret"), START_MS) is None


def test_issuer_audience_and_keys_belong_together(tmp_path: Path) -> None:
    path = tmp_path / "t.toml"
    path.write_text('[identity]\nissuer = "i"\njwks_file = "keys.json"\n')
    with pytest.raises(UnusableInput, match="belong together"):
        read_settings(path)
    path.write_text('[identity]\nissuer = "i"\naudience = "a"\njwks_file = "keys.json"\n')
    assert read_settings(path).identity.jwks_file == tmp_path / "keys.json"
