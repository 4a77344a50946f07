"""Fetches a file from a URL that a stranger sent, without becoming a way into the network that this process sits in.

The address is checked after the name has been resolved, and the connection goes to the very address that was checked.
A name that resolves to something else a moment later (DNS rebinding) therefore changes nothing, and each redirect is
checked like the first URL.
"""

from __future__ import annotations

import asyncio
import functools
import ipaddress
import socket
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from graphs.content.addresses import Address, is_public, reached
from graphs.content.locations import PORTS, host, parse, refuse_odd_port, shown
from meshgen import DeadlineExceeded, InvalidArgument, NotFound, PermissionDenied, StatusError, Unavailable

if TYPE_CHECKING:
    import httpx

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

_HEADERS = {"accept": "image/*", "accept-encoding": "identity", "user-agent": "meshgen-example"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What may be fetched."""

    allow: tuple[Network, ...] = ()
    """Networks that may be reached although they are not public."""
    max_bytes: int = 10_000_000
    max_redirects: int = 3
    timeout_s: float = 10.0
    """For everything together: resolving, connecting, redirects, reading."""

    @classmethod
    def parse(cls, allow: str) -> Policy:
        """A policy from networks separated by commas, such as `127.0.0.0/8,::1`.

        Raises:
            ValueError: one of them is not a network.
        """
        return cls(allow=tuple(ipaddress.ip_network(part.strip()) for part in allow.split(",") if part.strip()))

    def permits(self, address: Address) -> bool:
        """Whether to connect to an address: a public one, or one that `allow` names."""
        allowed = any(one in network for one in (address, reached(address)) for network in self.allow)
        return allowed or is_public(address)


async def fetch(url: str, policy: Policy) -> bytes:
    """The body behind `url`.

    Raises:
        InvalidArgument: not an http(s) URL, too big, too many redirects, or an answer that is no use.
        NotFound: the host does not exist, or the server says 404 or 410.
        PermissionDenied: the address is not public, or the server says 401 or 403.
        DeadlineExceeded: it took longer than the policy allows.
        Unavailable: no connection, or the server is at fault.
    """
    import httpx

    start = parse(url)
    try:
        async with asyncio.timeout(policy.timeout_s):
            # No client: that would ask the environment for a proxy, which resolves names by itself and so steps around
            # the check, and would read where redirects lead.
            async with httpx.AsyncHTTPTransport(verify=_certificates()) as transport:
                return await _follow(transport, start, policy)
    except (TimeoutError, httpx.TimeoutException):
        raise DeadlineExceeded(f"{shown(start)} did not answer within {policy.timeout_s:g} s") from None
    except httpx.TransportError as error:
        raise Unavailable(f"{shown(start)} cannot be reached: {str(error) or type(error).__name__}") from error


@functools.cache
def _certificates() -> ssl.SSLContext:
    """Reading the trusted certificates takes longer than most downloads, so it is done once."""
    import httpx

    return httpx.create_ssl_context()


async def _follow(transport: httpx.AsyncHTTPTransport, url: httpx.URL, policy: Policy) -> bytes:
    for _ in range(policy.max_redirects + 1):
        response = await _open(transport, url, policy)
        try:
            if not response.has_redirect_location:
                return await _read(response, url, policy)
            url = parse(response.headers["location"], url)
        finally:
            await response.aclose()
    raise InvalidArgument(f"more than {policy.max_redirects} redirects")


async def _open(transport: httpx.AsyncHTTPTransport, url: httpx.URL, policy: Policy) -> httpx.Response:
    """Connect to the first address of the host that answers, all of them having been checked."""
    import httpx

    addresses = await _resolve(url)
    for address in addresses:
        if not policy.permits(address):
            raise PermissionDenied(f"{host(url)} is at {address}, which is not a public address")
    refuse_odd_port(url)
    for address in addresses:
        try:
            return await transport.handle_async_request(_request(url, address, policy))
        except httpx.ConnectError:
            if address == addresses[-1]:
                raise
    raise AssertionError("a resolved name has an address")


def _request(url: httpx.URL, address: Address, policy: Policy) -> httpx.Request:
    import httpx

    request = httpx.Request(
        "GET",
        url.copy_with(host=str(address)),
        headers={**_HEADERS, "host": url.netloc.decode("ascii")},
        # Certificates are for names, so TLS must still be told the name.
        extensions={"sni_hostname": host(url), "timeout": httpx.Timeout(policy.timeout_s).as_dict()},
    )
    return next(httpx.BasicAuth(url.username, url.password).auth_flow(request)) if url.userinfo else request


async def _resolve(url: httpx.URL) -> tuple[Address, ...]:
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host(url), url.port or PORTS[url.scheme], type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        if error.errno == socket.EAI_AGAIN:
            raise Unavailable(f"{host(url)} cannot be resolved now") from error
        raise NotFound(f"there is no host {host(url)}") from error
    # A scope (`fe80::1%eth0`) only ever belongs to a link-local address, and the check needs it gone.
    texts = dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found)
    return tuple(ipaddress.ip_address(text) for text in texts)


async def _read(response: httpx.Response, url: httpx.URL, policy: Policy) -> bytes:
    if response.status_code != 200:
        raise _refusal(response.status_code, url)
    # Packed bodies are not asked for, and a few kilobytes of them could unpack to gigabytes.
    if response.headers.get("content-encoding", "identity") != "identity":
        raise InvalidArgument(f"{shown(url)} sends a packed body")
    too_big = InvalidArgument(f"{shown(url)} is larger than {policy.max_bytes} bytes")
    if int(response.headers.get("content-length", 0)) > policy.max_bytes:
        raise too_big
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > policy.max_bytes:
            raise too_big
    return bytes(body)


def _refusal(status: int, url: httpx.URL) -> StatusError:
    message = f"{shown(url)} answers {status}"
    if status in (404, 410):
        return NotFound(message)
    if status in (401, 403):
        return PermissionDenied(message)
    if status in (408, 425, 429) or status >= 500:
        return Unavailable(message)
    return InvalidArgument(message)
