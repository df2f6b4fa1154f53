"""Addresses that lead to loopback or another closed network, however they are written; HOST and PORT are filled in."""

from __future__ import annotations

from itertools import product

LOOPBACK_FORMS = (
    "127.0.0.1", "127.0.0.1.", "127.1", "127.0.1", "127.0.0.01", "0127.0.0.1", "0177.0.0.1", "0177.0.0.01", "0177.1",
    "0x7f.0.0.1", "0x7f.1", "0x7F000001", "0x7f000001.", "2130706433", "2130706433.", "017700000001", "00000177.1",
    "127.0.0.1%00", "127.0.0.1%2e", "%31%32%37.0.0.1", "127。0。0。1", "127．0．0．1", "127｡0｡0｡1",
    "①②⑦.⓪.⓪.①", "１２７.0.0.1", "𝟏𝟐𝟕.𝟎.𝟎.𝟏", "127.0.0.1\t", " 127.0.0.1", "127.0.0.1\r\nx", "127.0.0.1\x00",
    "0", "0.0.0.0", "0x0", "00", "0.0.0.0.", "127.255.255.254", "127.0.0.2", "127.127.127.127",
    "[::1]", "[0:0:0:0:0:0:0:1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:127.0.0.1]",
    "[::127.0.0.1]", "[64:ff9b::127.0.0.1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "[2001:0:7f00:1::]",
    "[::ffff:0:127.0.0.1]", "[2001:db8::5efe:127.0.0.1]", "[2a00::5efe:7f00:1]", "[::1%25lo]", "[::1%lo]", "[fe80::1]",
    "[::1].", "::1", "[::1", "[127.0.0.1]", "[[::1]]", "localhost", "LOCALHOST", "localhost.", "ⓛocalhost",
    "0x7f.0x0.0x0.0x1", "127.000.000.001", "127.0.0.1%0d%0aX", "127.0.0.1%23", "127.0.0.1\\x", "[::ffff:7f00:1%25lo]",
    "[0000::1]", "[::ffff:0x7f.1]", "[::1]\r\nx", "[64:ff9b::7f00:1%25lo]", "[2002:7f00:0001::1]", "[fe80::1%25lo]",
    "ｌｏｃａｌｈｏｓｔ", "local\u00adhost", "localhost\u200b", "loc%61lhost", "localhost..", ".localhost",
)  # fmt: skip
CLOSED = (
    "10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.254", "192.168.1.1", "100.64.0.1", "169.254.1.1",
    "169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16", "192.0.0.192", "192.0.2.1", "198.18.0.1",
    "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "0.1.2.3",
    "[fc00::1]", "[fd00:ec2::254]", "[fe80::a9fe:a9fe]", "[fec0::1]", "[ff02::1]", "[100::1]", "[2001:db8::1]",
    "[::ffff:10.0.0.1]", "[::ffff:169.254.169.254]", "[64:ff9b::a00:1]", "[2002:a00:1::]", "[2002:a9fe:a9fe::]",
    "[3fff::1]", "[4000::1]", "[::a9fe:a9fe]",
)  # fmt: skip
RESOLVING = (
    "127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1", "::ffff:7f00:1", "64:ff9b::7f00:1", "2002:7f00:1::", "0.0.0.0",
    "::", "10.1.2.3", "172.20.1.1", "192.168.0.10", "169.254.169.254", "100.100.100.200", "100.64.3.2", "fd00::1",
    "fe80::1", "fe80::1%lo", "224.0.0.251", "ff02::fb", "255.255.255.255", "::127.0.0.1", "2a00::5efe:7f00:1",
    "198.18.0.5", "240.1.1.1",
)  # fmt: skip
"""What names of the stub resolver lead to: `n0.evil.example` to the first, and so on."""
MIXED = ("93.184.216.34,127.0.0.1", "127.0.0.1,93.184.216.34", "2606:2800:220:1::1,::1")
AUTHORITIES = (
    "user@{h}:{p}", "user:pass@{h}:{p}", "good.example@{h}:{p}", "good.example:443@{h}:{p}", "good.example%40{h}:{p}",
    "good.example\\@{h}:{p}", "{h}:{p}\\@good.example", "good.example#@{h}:{p}", "good.example:{p}@{h}", "{h}:{p}:{p}",
    "{h}:0{p}0", "{h}:{p} ", "{h}:+{p}", "{h}:-1", "{h}:0", "{h}:65536", "{h}:99999999999", "{h}:", "@{h}:{p}",
    "{h}:{p}@", "{h}&@good.example:{p}", "{h}\n:{p}", "{h}\t:{p}", "[{h}]:{p}", "",
)  # fmt: skip
SCHEMES = (
    "ftp",
    "file",
    "gopher",
    "dict",
    "ldap",
    "tftp",
    "jar",
    "netdoc",
    "unix",
    "http+unix",
    "ws",
    "data",
    "javascript",
    "php",
    "smb",
    "sftp",
    "HTTP\t",
    "ht\ntp",
    " http",
    "//",
    "http:/",
    "http:",
    "http:\\\\",
)


def payloads(port: int) -> list[str]:
    """Every hostile URL, of both schemes; `nN.evil.example` are names of the stub resolver."""
    hosts = [*LOOPBACK_FORMS, *CLOSED]
    out = [f"{scheme}://{host}:{port}/x" for scheme, host in product(("http", "https"), hosts)]
    out += [f"http://n{n}.evil.example:{port}/x" for n in range(len(RESOLVING) + len(MIXED))]
    out += [f"https://n{n}.evil.example:{port}/x" for n in range(len(RESOLVING) + len(MIXED))]
    out += ["http://" + a.format(h="127.0.0.1", p=port) + "/x" for a in AUTHORITIES]
    out += [f"{scheme}://127.0.0.1:{port}/x" for scheme in SCHEMES if scheme.isalpha() or "+" in scheme]
    out += [f"{scheme}127.0.0.1:{port}/x" for scheme in SCHEMES if not scheme.isalpha() and "+" not in scheme]
    return out


def widest(port: int) -> tuple[str, ...]:
    """All that can be allowed without naming a closed network."""
    return ("*", f"*:{port}", "0.0.0.0/0", "2000::/3", f"0.0.0.0/0:{port}")


def stub(name: str, _port: int) -> list[str]:
    """A resolver in whose hands we are."""
    answers = [[a] for a in RESOLVING] + [m.split(",") for m in MIXED]
    head = name.partition(".")[0]
    if name.endswith(".evil.example") and head[:1] == "n" and head[1:].isdigit():
        return answers[int(head[1:])]
    return ["127.0.0.1"]
