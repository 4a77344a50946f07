"""Which addresses are public: a table, by IANA's registries, whatever Python's own says."""

from __future__ import annotations

import ipaddress

import pytest

from graphs.content.addresses import is_public
from graphs.content.download import Policy

NEVER = """
0.0.0.0 0.1.2.3 0.255.255.255 10.0.0.0 10.255.255.255 100.64.0.0 100.127.255.255 127.0.0.1 127.255.255.254
169.254.0.1 169.254.169.254 172.16.0.0 172.31.255.255 192.0.0.0 192.0.0.1 192.0.0.7 192.0.0.8 192.0.0.11 192.0.0.170
192.0.0.171 192.0.0.255 192.0.2.0 192.0.2.255 192.88.99.1 192.88.99.2 192.168.0.0 192.168.255.255 198.18.0.0
198.19.255.255 198.51.100.1 203.0.113.255 224.0.0.1 233.252.0.1 239.255.255.255 240.0.0.1 255.255.255.254
255.255.255.255
:: ::1 ::2 ::7f00:1 ::1.1.1.1 ::ffff:0.0.0.0 ::ffff:10.0.0.1 ::ffff:127.0.0.1 ::ffff:169.254.169.254
::ffff:192.0.0.8 ::ffff:0:1.1.1.1 ::ffff:0:7f00:1 64:ff9b::10.0.0.1 64:ff9b::127.0.0.1 64:ff9b::192.0.0.170
64:ff9b::224.0.0.1 64:ff9b:1:: 64:ff9b:1::1.1.1.1 64:ff9b:1:ffff::1 64:ff9b:2::1 100::1 100:0:0:1::1 1000::1
1fff:ffff::1 2001::1 2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:1:: 2001:1::4 2001:2::1 2001:4::1 2001:10::1
2001:40::1 2001:1ff:ffff::1 2001:db8::1 2001:db8:ffff::1 2002::1 2002:7f00:1:: 2002:101:101::1 2002:c0a8:1::1
3fff::1 3fff:fff::1 4000::1 5f00::1 8000::1 e000::1 fc00::1 fd12:3456::1 fe00::1 fe80::1 febf::1 fec0::1 feff::1
ff00::1 ff02::1 ff0e::1 ffff::1 2606:4700:0:0:0:5efe:10.0.0.1 2606:4700:0:0:200:5efe:1.1.1.1
"""
PUBLIC = """
1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 169.253.255.255 169.255.0.0
172.15.255.255 172.32.0.0 191.255.255.255 192.0.0.9 192.0.0.10 192.0.1.0 192.0.3.0 192.31.196.1 192.52.193.1
192.88.98.255 192.88.100.0 192.167.255.255 192.169.0.0 192.175.48.1 198.17.255.255 198.20.0.0 198.51.99.255
198.51.101.0 203.0.112.255 203.0.114.0 223.255.255.255
::ffff:1.1.1.1 64:ff9b::1.1.1.1 64:ff9b::8.8.8.8 2000::1 2001:1::1 2001:1::2 2001:1::3 2001:3::1 2001:4:112::1
2001:20::1 2001:30::1 2001:200::1 2001:4860:4860::8888 2003::1 2606:4700:4700::1111 2620:4f:8000::1 3ffe:ffff::1
"""


def test_never_public() -> None:
    addresses = [ipaddress.ip_address(text) for text in NEVER.split()]
    assert [a for a in addresses if is_public(a) or Policy().permits(a)] == []


def test_public() -> None:
    addresses = [ipaddress.ip_address(text) for text in PUBLIC.split()]
    assert [a for a in addresses if not (is_public(a) and Policy().permits(a))] == []


@pytest.mark.parametrize(
    ("allowed", "address", "permitted"),
    [
        ("10.0.0.0/8", "10.0.0.1", True),
        ("10.0.0.0/8", "::ffff:10.0.0.1", True),
        ("10.0.0.0/8", "64:ff9b::10.0.0.1", True),
        ("10.0.0.0/8", "11.0.0.1", True),
        ("10.0.0.0/8", "127.0.0.1", False),
        ("10.0.0.0/8", "::10.0.0.1", False),
        ("10.0.0.0/8", "2002:a00:1::1", False),
        ("fd00::/8,2002::/16", "2002:a00:1::1", True),
        ("::ffff:0:0/96", "::ffff:10.0.0.1", True),
    ],
)
def test_networks_that_are_allowed_besides(allowed: str, address: str, permitted: bool) -> None:
    assert Policy.parse(allowed).permits(ipaddress.ip_address(address)) is permitted
