"""Reads the URLs that strangers send, and says which one is meant without what may be a secret in it."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

from meshgen import InvalidArgument

if TYPE_CHECKING:
    import httpx

PORTS = {"http": 80, "https": 443}
_FIRST_FREE_PORT, _LAST_PORT = 1024, 65535
_LABEL = re.compile(r"[a-z0-9_-]{1,63}")
_LONGEST_NAME = 253
_SHOWN = 200


def parse(text: str, base: httpx.URL | None = None) -> httpx.URL:
    """The URL that a text stands for.

    Args:
        text: what somebody sent.
        base: what it is relative to, when it is where a redirect leads.

    Raises:
        InvalidArgument: it is no URL, not one of http or https, or its host or port cannot be one.
    """
    import httpx

    try:
        url = httpx.URL(text)
        if base is not None and not url.scheme:
            url = base.join(text)
        name = url.host
    except (httpx.InvalidURL, ValueError):  # what IDNA refuses, and lone surrogates, are ValueErrors
        raise InvalidArgument(f"{_unread(text)} is not a URL") from None
    if url.scheme not in PORTS or not name:
        raise InvalidArgument(f"{_unread(text)} is not an http or https URL")
    if not _is_host(host(url)):
        raise InvalidArgument(f"{_quoted(host(url))} is not a host name")
    if url.port is not None and not 0 < url.port <= _LAST_PORT:
        raise InvalidArgument(f"{shown(url)} has a port that is not between 1 and {_LAST_PORT}")
    return url


def refuse_odd_port(url: httpx.URL) -> None:
    """Keep away from other services: a request for a picture must not be read as mail, or as a command.

    Raises:
        InvalidArgument: the port is that of something else than a web server.
    """
    if url.port is not None and url.port < _FIRST_FREE_PORT and url.port not in PORTS.values():
        raise InvalidArgument(f"{shown(url)}: port {url.port} is not one of a web server")


def host(url: httpx.URL) -> str:
    """The host as names are resolved, and certificates say it."""
    return url.raw_host.decode("ascii").strip("[]")


def shown(url: httpx.URL) -> str:
    """The URL for messages, spans and logs: without user, password, query and fragment."""
    path, _, _ = url.raw_path.partition(b"?")
    return _quoted(f"{url.scheme}://{(url.netloc + path).decode('ascii')}")


def _unread(text: str) -> str:
    """The same of what could not be read: nobody knows where in it a password ends."""
    return _quoted(re.split(r"[?#]", text, maxsplit=1)[0].rpartition("@")[2])


def _quoted(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")


def _is_host(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        labels = name.removesuffix(".").split(".")
        return len(name) <= _LONGEST_NAME and all(map(_LABEL.fullmatch, labels))
    return True
