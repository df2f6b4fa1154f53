"""Where a URL leads, and which addresses are not of the public internet: taken apart strictly, nothing looked up.

A form that programs read in different ways (`0x7f.1`, `127.1`, a user before `@`, a backslash) is refused, not guessed.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
PORTS = {"http": 80, "https": 443}
URL_MAX = 2000

_URL = re.compile(r"(https?)://([^/?#]*)([^#]*)(?:#.*)?", re.IGNORECASE | re.DOTALL)
_AUTHORITY = re.compile(r"(\[[^\[\]]*\]|[^:\[\]]*)(?::([0-9]{1,5}))?")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_WIDE_DOTS = "\u3002\uff0e\uff61"

# https://www.iana.org/assignments/iana-ipv4-special-registry and .../iana-ipv6-special-registry, and the addresses at
# which cloud machines ask for their own secrets.
_NEVER = tuple(map(ipaddress.ip_network, ("0.0.0.0/8", "224.0.0.0/4", "240.0.0.0/4", "::/128", "ff00::/8")))
_SPECIAL = tuple(
    map(
        ipaddress.ip_network,
        (
            "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
            "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16",
            "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
            "::1/128", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16",
            "2620:4f:8000::/48", "3fff::/20", "fc00::/7", "fe80::/10", "fec0::/10",
        ),
    )
)  # fmt: skip
_METADATA = frozenset(
    map(
        ipaddress.ip_address,
        (
            "169.254.169.254", "169.254.170.2", "169.254.0.23", "100.100.100.200", "168.63.129.16", "192.0.0.192",
            "fd00:ec2::254", "fd20:ce::254", "fe80::a9fe:a9fe",
        ),
    )
)  # fmt: skip
_GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")
_ISATAP = frozenset({0x0000_5EFE, 0x0200_5EFE})


class OutboundRefused(OSError):
    """Nothing may be sent there; the message says why, without the URL's path, which may hold a key."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a URL leads. `url`: the same, in its plain form and without a fragment."""

    scheme: str
    host: str | IPAddress
    port: int
    url: str

    @property
    def place(self) -> str:
        """Host and port as a person writes them."""
        return placed(self.host, self.port)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of `outbound.allow`: a network, or a name (`*`: any; `*.x`: all below x). `port` None: any."""

    network: IPNetwork | None
    name: str
    port: int | None


def placed(host: str | IPAddress, port: int) -> str:
    """Return host and port as a person writes them.

    >>> placed(ipaddress.ip_address("::1"), 8443)
    '[::1]:8443'
    """
    return f"[{host}]:{port}" if isinstance(host, ipaddress.IPv6Address) else f"{host}:{port}"


def parse_url(url: str) -> Target:
    """Take a URL apart; raises `OutboundRefused` for what is none, or can be read in two ways.

    >>> parse_url("https://Hooks.Example.cn./a?b#c").url
    'https://hooks.example.cn:443/a?b'
    """
    if len(url) > URL_MAX or any(c == "\\" or c.isspace() or not c.isprintable() for c in url):
        raise OutboundRefused("not a plain URL: it is too long, or has a space, a backslash or a control character")
    found = _URL.fullmatch(url)
    if found is None:
        raise OutboundRefused("not a URL of the form https://HOST/...")
    scheme, authority, rest = found[1].lower(), found[2], found[3]
    if "@" in authority:
        raise OutboundRefused("a user or password in a URL is not taken")
    parts = _AUTHORITY.fullmatch(authority)
    if parts is None:
        raise OutboundRefused("its host and port cannot be read: expected HOST or HOST:PORT")
    host, port = parse_host(parts[1]), int(parts[2] or PORTS[scheme])
    if not 0 < port < 1 << 16:
        raise OutboundRefused(f"port {port} cannot be")
    return Target(scheme, host, port, f"{scheme}://{placed(host, port)}{rest if rest[:1] == '/' else '/' + rest}")


def parse_host(text: str) -> str | IPAddress:
    """Return an address, or a name in lower case without its last dot; raises `OutboundRefused`.

    >>> parse_host("[::1]"), parse_host("LOCALHOST.")
    (IPv6Address('::1'), 'localhost')
    >>> parse_host("0x7f.1")
    Traceback (most recent call last):
        ...
    runs.addresses.OutboundRefused: an address is written as four plain numbers, such as 10.1.2.3
    """
    if text.startswith("["):
        return _ipv6(text[1:-1])
    name = _ascii(text).lower().removesuffix(".")
    labels = name.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        try:
            return ipaddress.IPv4Address(name)
        except ValueError:
            raise OutboundRefused("an address is written as four plain numbers, such as 10.1.2.3") from None
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise OutboundRefused("its host is no name of letters, digits and hyphens")
    return name


def _ipv6(text: str) -> ipaddress.IPv6Address:
    try:
        if "%" in text:
            raise ValueError
        return ipaddress.IPv6Address(text)
    except ValueError:
        raise OutboundRefused("in the brackets is no IPv6 address") from None


def _ascii(text: str) -> str:
    if text.isascii():
        return text
    if any(dot in text for dot in _WIDE_DOTS):
        raise OutboundRefused("its host has dots that are none")
    try:
        import idna  # noqa: PLC0415 -- comes with the HTTP client

        return idna.encode(text).decode("ascii")
    except (ModuleNotFoundError, UnicodeError):
        raise OutboundRefused("its host is no name that IDNA 2008 allows") from None


# ---------------------------------------------------------------- the allow list
def parse_entry(text: str) -> Entry:
    """Return an entry of the allow list; raises ValueError with what was expected.

    >>> parse_entry("*.example.cn").port, parse_entry("10.1.2.0/24").port, parse_entry("[fd00::1]:8443").network
    (443, None, IPv6Network('fd00::1/128'))
    """
    try:
        return _entry(text.strip())
    except (ValueError, OutboundRefused):
        expected = "HOST, HOST:PORT, *.HOST:PORT, *, ADDRESS:PORT, [IPV6]:PORT or NETWORK/BITS"
        raise ValueError(f"{text!r} is no entry: expected {expected}") from None


def refused_entries(told: Sequence[str]) -> list[str]:
    """Return what is wrong with an allow list, entry by entry."""
    out = []
    for text in told:
        try:
            parse_entry(text)
        except ValueError as error:
            out.append(str(error))
    return out


def _entry(text: str) -> Entry:
    if text.startswith("["):
        inside, bracket, after = text[1:].partition("]")
        if not bracket or (after and not after.startswith(":")):
            raise ValueError(text)
        return Entry(ipaddress.ip_network(inside), "", _port(after[1:]) if after else None)
    if text.count(":") > 1:
        return Entry(ipaddress.ip_network(text), "", None)
    host, colon, port = text.partition(":")
    number = _port(port) if colon else None
    if "/" in host:
        return Entry(ipaddress.ip_network(host), "", number)
    named = "*" if host == "*" else parse_host(host.removeprefix("*."))
    if isinstance(named, str):
        return Entry(None, "*." + named if host.startswith("*.") else named, number or PORTS["https"])
    return Entry(ipaddress.ip_network(named), "", number)


def _port(text: str) -> int:
    port = int(text) if text.isascii() and text.isdigit() else 0
    if not 0 < port < 1 << 16:
        raise ValueError(text)
    return port


def allows_name(entries: Iterable[Entry], name: str, port: int) -> bool:
    """Whether a name and port is on the list.

    >>> allows_name([parse_entry("*.example.cn")], "a.example.cn", 443)
    True
    """
    return any(e.network is None and e.port == port and _matches(e.name, name) for e in entries)


def _matches(pattern: str, name: str) -> bool:
    return pattern in {"*", name} or (pattern.startswith("*.") and name.endswith(pattern[1:]))


def allows_address(entries: Sequence[Entry], address: IPAddress, port: int, *, literal: bool) -> bool:
    """Whether a connection to an address may be made.

    An address of the public internet is free to a name that is on the list. Any other, and any that is written as a
    number (`literal`), must lie in a network of the list, and that network within one special one: `0.0.0.0/0` opens
    neither loopback nor 10.0.0.0/8.

    >>> local = ipaddress.ip_address("127.0.0.1")
    >>> allows_address([parse_entry("0.0.0.0/0")], local, 80, literal=True)
    False
    >>> allows_address([parse_entry("127.0.0.1:80")], local, 80, literal=True)
    True
    """
    plain = unmapped(address)
    if any(_holds(net, plain) for net in _NEVER):
        return False
    within = [n for e in entries if (n := e.network) and e.port in {None, port} and _holds(n, plain)]
    if plain in _METADATA:
        return any(n.num_addresses == 1 for n in within)
    special = next((net for net in _SPECIAL if _holds(net, plain)), None)
    if special is not None:
        return any(_inside(n, special) for n in within)
    return is_public(plain) and (not literal or bool(within))


def is_public(address: IPAddress) -> bool:
    """Whether an address is one of the public internet, and hides no other in itself."""
    plain = unmapped(address)
    if plain in _METADATA or any(_holds(net, plain) for net in (*_NEVER, *_SPECIAL)):
        return False
    return plain.version == 4 or (plain in _GLOBAL_V6 and int(plain) >> 32 & 0xFFFF_FFFF not in _ISATAP)


def unmapped(address: IPAddress) -> IPAddress:
    """Return the IPv4 address for one that is mapped into IPv6: systems connect to that one."""
    return getattr(address, "ipv4_mapped", None) or address


def _holds(network: IPNetwork, address: IPAddress) -> bool:
    return network.version == address.version and address in network


def _inside(inner: IPNetwork, outer: IPNetwork) -> bool:
    return inner.version == outer.version and outer.supernet_of(inner)  # type: ignore[arg-type]
