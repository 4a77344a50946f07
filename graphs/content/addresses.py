"""Which addresses a stranger's URL may lead to: those that are public, by a list of our own.

`ipaddress.is_global` follows the registries of its Python's day, and did not know their exceptions before 3.11.10.

Source: IANA's special-purpose address registries, iana.org/assignments/iana-ipv4-special-registry and
iana-ipv6-special-registry, and for IPv6 the one range that is given out as global unicast.
"""

from __future__ import annotations

import ipaddress
from typing import TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_NEVER_4 = tuple(
    map(
        ipaddress.IPv4Network,
        (
            "0.0.0.0/8",  # this network
            "10.0.0.0/8",  # private
            "100.64.0.0/10",  # a provider's own, behind its NAT
            "127.0.0.0/8",  # this machine
            "169.254.0.0/16",  # link-local; clouds tell secrets there
            "172.16.0.0/12",  # private
            "192.0.0.0/24",  # protocols
            "192.0.2.0/24",  # documentation
            "192.88.99.0/24",  # relays of 6to4, given up
            "192.168.0.0/16",  # private
            "198.18.0.0/15",  # benchmarks
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, and broadcast
        ),
    )
)
# Anycast addresses of PCP and TURN.
_YET_4 = frozenset(map(ipaddress.IPv4Address, ("192.0.0.9", "192.0.0.10")))

# Loopback, link-local, site-local, private and multicast addresses, segment routing and what is not given out lie
# outside, and so does every form that holds an IPv4 address but 6to4's and Teredo's.
_UNICAST_6 = ipaddress.IPv6Network("2000::/3")
_NEVER_6 = tuple(
    map(
        ipaddress.IPv6Network,
        (
            "2001::/23",  # protocols: Teredo, benchmarks, ORCHID
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4
            "3fff::/20",  # documentation
        ),
    )
)
_YET_6 = tuple(
    map(
        ipaddress.IPv6Network,
        (
            "2001:1::1/128",  # anycast of PCP
            "2001:1::2/128",  # anycast of TURN
            "2001:1::3/128",  # anycast of service registration
            "2001:3::/32",  # AMT
            "2001:4:112::/48",  # AS112
            "2001:20::/28",  # ORCHIDv2
            "2001:30::/28",  # drones
        ),
    )
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# ISATAP: below any prefix, the last 64 bits are these 32 (or those of an address that is said to be unique) and IPv4.
_ISATAP, _BUT_UNIQUE = 0x00005EFE, 0xFDFFFFFF


def is_public(address: Address) -> bool:
    """Whether an address is one that everybody may reach."""
    inner = reached(address)
    if isinstance(inner, ipaddress.IPv4Address):
        return inner in _YET_4 or not any(inner in network for network in _NEVER_4)
    if inner not in _UNICAST_6 or (int(inner) >> 32) & _BUT_UNIQUE == _ISATAP:
        return False
    return any(inner in network for network in _YET_6) or not any(inner in network for network in _NEVER_6)


def reached(address: Address) -> Address:
    """The IPv4 address that a connection to an IPv6 address goes to, where the system or NAT64 makes that of it."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address
