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

from meshgen import DeadlineExceeded, InvalidArgument, NotFound, PermissionDenied, StatusError, Unavailable

if TYPE_CHECKING:
    import httpx

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
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
        inner = _embedded(address)
        if any(inner in network for network in self.allow):
            return True
        return inner.is_global and not inner.is_multicast


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

    try:
        async with asyncio.timeout(policy.timeout_s):
            # A proxy from the environment would resolve names by itself and so step around the check.
            async with httpx.AsyncClient(trust_env=False, timeout=policy.timeout_s, verify=_certificates()) as client:
                return await _follow(client, _parse(url), policy)
    except (TimeoutError, httpx.TimeoutException):
        raise DeadlineExceeded(f"{url} did not answer within {policy.timeout_s:g} s") from None
    except httpx.TransportError as error:
        raise Unavailable(f"{url} cannot be reached: {str(error) or type(error).__name__}") from error


@functools.cache
def _certificates() -> ssl.SSLContext:
    """Reading the trusted certificates takes longer than most downloads, so it is done once."""
    import httpx

    return httpx.create_ssl_context()


def _parse(url: str) -> httpx.URL:
    import httpx

    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise InvalidArgument(f"{url[:200]!r} is not a URL: {error}") from None
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise InvalidArgument(f"{url[:200]!r} is not an http or https URL")
    return parsed


async def _follow(client: httpx.AsyncClient, url: httpx.URL, policy: Policy) -> bytes:
    for _ in range(policy.max_redirects + 1):
        response = await _open(client, url, policy)
        try:
            if not response.has_redirect_location:
                return await _read(response, url, policy)
            url = _parse(str(url.join(response.headers["location"])))
        finally:
            await response.aclose()
    raise InvalidArgument(f"more than {policy.max_redirects} redirects")


async def _open(client: httpx.AsyncClient, url: httpx.URL, policy: Policy) -> httpx.Response:
    """Connect to the first address of the host that answers, all of them having been checked."""
    import httpx

    addresses = await _resolve(url)
    for address in addresses:
        if not policy.permits(address):
            raise PermissionDenied(f"{url.host} is at {address}, which is not a public address")
    for address in addresses:
        request = client.build_request(
            "GET",
            url.copy_with(host=str(address)),
            headers={**_HEADERS, "host": url.netloc.decode("ascii")},
            # Certificates are for names, so TLS must still be told the name.
            extensions={"sni_hostname": url.raw_host.decode("ascii")},
        )
        try:
            return await client.send(request, stream=True)
        except httpx.ConnectError:
            if address == addresses[-1]:
                raise
    raise AssertionError("a resolved name has an address")


async def _resolve(url: httpx.URL) -> tuple[Address, ...]:
    port = url.port or {"http": 80, "https": 443}[url.scheme]
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(url.raw_host.decode("ascii").strip("[]"), port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        if error.errno == socket.EAI_AGAIN:
            raise Unavailable(f"{url.host} cannot be resolved now") from error
        raise NotFound(f"there is no host {url.host}") from error
    except UnicodeError:
        raise InvalidArgument(f"{url.host[:200]!r} is not a host name") from None
    # A scope (`fe80::1%eth0`) only ever belongs to a link-local address, and the check needs it gone.
    texts = dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found)
    return tuple(ipaddress.ip_address(text) for text in texts)


async def _read(response: httpx.Response, url: httpx.URL, policy: Policy) -> bytes:
    if response.status_code != 200:
        raise _refusal(response.status_code, url)
    # Packed bodies are not asked for, and a few kilobytes of them could unpack to gigabytes.
    if response.headers.get("content-encoding", "identity") != "identity":
        raise InvalidArgument(f"{url} sends a packed body")
    too_big = InvalidArgument(f"{url} is larger than {policy.max_bytes} bytes")
    if int(response.headers.get("content-length", 0)) > policy.max_bytes:
        raise too_big
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > policy.max_bytes:
            raise too_big
    return bytes(body)


def _refusal(status: int, url: httpx.URL) -> StatusError:
    message = f"{url} answers {status}"
    if status in (404, 410):
        return NotFound(message)
    if status in (401, 403):
        return PermissionDenied(message)
    if status in (408, 425, 429) or status >= 500:
        return Unavailable(message)
    return InvalidArgument(message)


def _embedded(address: Address) -> Address:
    """The IPv4 address that an IPv6 address leads to, if it does: those ways in are watched too."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo or (None, address))[1]
