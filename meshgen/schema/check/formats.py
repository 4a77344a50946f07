"""Formats of text, with the meanings that protovalidate gives them (email, hostname, IP addresses, URI)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from urllib.parse import unquote_to_bytes

from meshgen.schema.rules import Format

_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_EMAIL = re.compile(rf"[a-zA-Z0-9.!#$%&'*+/=?^_`{{|}}~-]+@{_LABEL}(?:\.{_LABEL})*")
_HOSTNAME = re.compile(rf"(?:{_LABEL}\.)*(?![0-9]+\.?\Z){_LABEL}\.?")
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4 = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}")
_H16 = re.compile(r"[0-9a-fA-F]{1,4}")

# RFC 3986, appendix A, with zones in IPv6 addresses (RFC 6874).
_PLAIN = r"[a-zA-Z0-9\-._~!$&'()*+,;=]"
_ESCAPED = r"%[0-9a-fA-F]{2}"
_PCHAR = rf"(?:{_PLAIN}|[:@]|{_ESCAPED})"
_URI = re.compile(
    rf"[a-zA-Z][a-zA-Z0-9+\-.]*:"
    rf"(?://(?:(?:{_PLAIN}|:|{_ESCAPED})*@)?(?P<host>\[[^\]]*\]|(?:{_PLAIN}|{_ESCAPED})*)(?::[0-9]*)?"
    rf"(?:/{_PCHAR}*)*|/(?:{_PCHAR}+(?:/{_PCHAR}*)*)?|{_PCHAR}+(?:/{_PCHAR}*)*|)"
    rf"(?:\?(?:{_PCHAR}|[/?])*)?(?:#(?:{_PCHAR}|[/?])*)?"
)
_ZONED = re.compile(rf"([0-9a-fA-F:.]+)(?:%25((?:[a-zA-Z0-9\-._~]|{_ESCAPED})+))?")
_FUTURE = re.compile(rf"[vV][0-9a-fA-F]+\.(?:{_PLAIN}|:)+")
_LONGEST_HOSTNAME = 253
_GROUPS = 8


def is_email(text: str) -> bool:
    """An address as HTML's forms take it."""
    return _EMAIL.fullmatch(text) is not None


def is_hostname(text: str) -> bool:
    """Labels of letters, digits and hyphens; the last one is not of digits alone."""
    return len(text) <= _LONGEST_HOSTNAME and _HOSTNAME.fullmatch(text) is not None


def is_ipv4(text: str) -> bool:
    """Four decimal numbers without leading zeros."""
    return _IPV4.fullmatch(text) is not None


def is_ipv6(text: str) -> bool:
    """RFC 4291, with or without a zone (`fe80::1%eth0`)."""
    address, percent, zone = text.partition("%")
    if percent and (not zone or "\0" in zone):
        return False
    before, double, after = address.partition("::")
    if not double:
        return _groups(address, last=True) == _GROUPS
    sizes = (_groups(before, last=False), _groups(after, last=True))
    return min(sizes) >= 0 and sum(sizes) < _GROUPS


def _groups(text: str, *, last: bool) -> int:
    """How many groups of 16 bits the text has; far below zero when it is none. The last may be an IPv4 address."""
    if not text:
        return 0
    *groups, end = text.split(":")
    if last and is_ipv4(end):
        size = 2
    else:
        groups.append(end)
        size = 0
    return size + len(groups) if all(map(_H16.fullmatch, groups)) else -_GROUPS


def is_ip(text: str) -> bool:
    """Either version."""
    return is_ipv4(text) or is_ipv6(text)


def is_uri(text: str) -> bool:
    """RFC 3986, with a scheme."""
    found = _URI.fullmatch(text)
    if found is None:
        return False
    host = found["host"] or ""
    if host.startswith("["):
        return _is_literal(host[1:-1])
    return _is_unicode(host)


def _is_literal(text: str) -> bool:
    zoned = _ZONED.fullmatch(text)
    if zoned is None:
        return _FUTURE.fullmatch(text) is not None
    return is_ipv6(zoned[1]) and _is_unicode(zoned[2] or "")


def _is_unicode(escaped: str) -> bool:
    try:
        unquote_to_bytes(escaped).decode()
    except UnicodeDecodeError:
        return False
    return True


FORMATS: Mapping[Format, tuple[Callable[[str], bool], str]] = {
    "email": (is_email, "an email address"),
    "hostname": (is_hostname, "a hostname"),
    "ip": (is_ip, "an IP address"),
    "ipv4": (is_ipv4, "an IPv4 address"),
    "ipv6": (is_ipv6, "an IPv6 address"),
    "uri": (is_uri, "a URI"),
}
"""Format → its test, and what a text of it is called."""
