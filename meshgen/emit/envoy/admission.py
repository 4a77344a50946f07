"""Who may call the public listener, and with what: what is refused before any service hears of it.

A page in a browser can send requests to every port of its machine. Those that it sends without asking have no content
type of ours, so REST takes JSON only; the others it may send only when the CORS filter lets its origin in. A page can
also give its own host the address 127.0.0.1 after it was loaded, and is then its own origin: so a front that listens
on loopback answers only to the names that loopback has.
"""

from __future__ import annotations

import ipaddress
import re

from meshgen.emit.envoy.parts import extension, typed
from meshgen.emit.envoy.settings import PAGES_CLUSTER, EnvoySettings
from meshgen.emit.output.document import Document

RATE_LIMIT = "envoy.filters.http.local_ratelimit"
TRANSCODER = "envoy.filters.http.grpc_json_transcoder"
NO_BODY = "envoy.filters.http.fault"
DISABLED = typed("envoy.config.route.v3.FilterConfig", disabled=True)
ENABLED = typed("envoy.config.route.v3.FilterConfig", config={})
_LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")

IS_POST: Document = {"name": ":method", "string_match": {"exact": "POST"}}
IS_GRPC: Document = {"name": "content-type", "string_match": {"prefix": "application/grpc"}}
"""A request of gRPC; of gRPC-Web too, which a `grpc` matcher would not see."""
IS_JSON: Document = {
    "name": "content-type",
    "string_match": {"safe_regex": {"regex": r"(?i)application/json[ \t]*(;.*)?"}},
}


def own_names(settings: EnvoySettings) -> list[str] | None:
    """The hosts to which a front on loopback answers, without ports; None when it listens elsewhere, for any host."""
    if settings.host == "localhost":
        return [*_LOOPBACK_NAMES]
    try:
        address = ipaddress.ip_address(settings.host)
    except ValueError:
        return None
    if not address.is_loopback:
        return None
    shown = f"[{address}]" if address.version == 6 else str(address)
    return [*dict.fromkeys((*_LOOPBACK_NAMES, shown))]


def asks_own_host(settings: EnvoySettings) -> list[Document]:
    """Matchers for a request to one of the front's names from no foreign page, for a filter that knows no routes."""
    names = own_names(settings)
    if names is None:
        return []
    host = f"(?i)({'|'.join(map(re.escape, names))})(:[0-9]*)?"
    origin = {"name": "origin", "string_match": {"safe_regex": {"regex": f"({_allowed(settings)})?"}}}
    return [
        {"name": ":authority", "string_match": {"safe_regex": {"regex": host}}},
        {**origin, "treat_missing_header_as_empty": True},
    ]


def other_hosts(settings: EnvoySettings) -> list[Document]:
    """The virtual host for requests that name another host than a front on loopback has."""
    names = own_names(settings)
    if names is None:
        return []
    text = f"this front listens on loopback, and answers to {', '.join(names)} only; a proxy before it must say so too"
    route = refusal({"prefix": "/"}, 421, text)
    return [{"name": "other", "domains": ["*"], "routes": [{**route, "typed_per_filter_config": _UNTOUCHED}]}]


def first_routes(settings: EnvoySettings) -> list[Document]:
    """Routes for what is refused on every path, and for what browsers ask before they send anything else."""
    bad_timeout = "grpc-timeout is a number of at most eight digits and a unit, one of H, M, S, m, u and n: 500m"
    return [
        *_foreign_origins(settings),
        {"match": {"prefix": "/", "headers": _ASKS_FIRST}, "route": {"cluster": PAGES_CLUSTER}},
        refusal({"prefix": "/", "headers": _has_other("grpc-timeout", "[0-9]{1,8}[HMSmun]")}, 400, bad_timeout),
    ]


def body_required() -> Document:
    """Refuses a request over REST without a body, which the transcoder would take for an empty message.

    Stands behind the buffer, which measures what came without a length; only on the routes that ask for it.
    """
    some = {"safe_regex": {"regex": "[1-9][0-9]*"}}
    is_empty = {"name": "content-length", "string_match": some, "invert_match": True}
    fault = extension(
        NO_BODY,
        "envoy.extensions.filters.http.fault.v3.HTTPFault",
        headers=[IS_POST, {**is_empty, "treat_missing_header_as_empty": True}],
        abort={"http_status": 400, "percentage": {"numerator": 100}},
    )
    return {**fault, "disabled": True}


def not_json(match: Document) -> Document:
    """The answer to a POST of anything else than JSON."""
    return refusal({**match, "headers": [IS_POST]}, 415, "the content type must be application/json")


def refusal(match: Document, status: int, text: str = "") -> Document:
    """A route that answers by itself, whatever the request."""
    body = {"body": {"inline_string": text}} if text else {}
    # The transcoder would know nothing better than that there is no such path.
    return {
        "match": match,
        "direct_response": {"status": status, **body},
        "typed_per_filter_config": {TRANSCODER: DISABLED},
    }


_NO_PAGES = "pages of this origin may not call; `meshgen run --allow-origin` lets them"
# What a browser asks before it posts for a page. The CORS filter answers those that are let in by itself, but only
# where a route leads somewhere; the others the transcoder does not know.
_ASKS_FIRST: list[Document] = [
    {"name": ":method", "string_match": {"exact": "OPTIONS"}},
    {"name": "access-control-request-method", "present_match": True},
]
# What strangers send shall not use up what others are let through.
_UNTOUCHED = {TRANSCODER: DISABLED, RATE_LIMIT: DISABLED}


def _foreign_origins(settings: EnvoySettings) -> list[Document]:
    # Elsewhere the front does not know its own names, which are those of its own page's origin.
    if own_names(settings) is None:
        return []
    route = refusal({"prefix": "/", "headers": _has_other("origin", _allowed(settings))}, 403, _NO_PAGES)
    return [{**route, "typed_per_filter_config": _UNTOUCHED}]


def _allowed(settings: EnvoySettings) -> str:
    return "|".join(f"({origin})" for origin in settings.cors_origins)


def _has_other(header: str, regex: str) -> list[Document]:
    """Matchers for a header that is there and is something else."""
    there: Document = {"name": header, "present_match": True}
    return [there, {"name": header, "string_match": {"safe_regex": {"regex": regex}}, "invert_match": True}]
