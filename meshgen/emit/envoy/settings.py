"""What a person or the control plane may choose about Envoy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from meshgen import limits

HEALTH_PATH = "/healthz"
"""200 only when every workload has a healthy replica."""
DOCS_PATH = "/docs"
"""A page to read and try the REST routes; what it loads lies below it."""
OPENAPI_PATH = "/openapi.json"
FRONT_CLUSTER = "front"
"""The service that answers reflection and health for all graphs."""
PAGES_CLUSTER = "front-docs"
"""The pages of the same service: /docs and /openapi.json."""
OTLP_CLUSTER = "otlp"
_LEAST_HEAP = 1024 * limits.MEBIBYTE
# A request over REST is held whole, as JSON and as protobuf.
_MESSAGES_HELD = 64
LOOPBACK_ORIGINS = (r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Otlp:
    """Where spans go."""

    endpoint: str
    """`http://127.0.0.1:4317`; https works too. For `http/protobuf` a missing path means `/v1/traces`."""
    protocol: Literal["grpc", "http/protobuf"] = "grpc"
    headers: tuple[tuple[str, str], ...] = ()
    ca_file: str = "/etc/ssl/certs/ca-certificates.crt"
    """Authorities that may vouch for an https endpoint."""
    sampling_percent: float = 100.0
    """The share of requests that are traced, of those that bring no `traceparent`; the others follow their parent."""

    @property
    def tls(self) -> bool:
        """The endpoint is an https address."""
        return urlsplit(self.endpoint).scheme == "https"

    @property
    def host(self) -> str:
        """Host name or address of the endpoint."""
        return urlsplit(self.endpoint).hostname or "127.0.0.1"

    @property
    def port(self) -> int:
        """Port of the endpoint; the protocol's own when none is written."""
        return urlsplit(self.endpoint).port or (4317 if self.protocol == "grpc" else 4318)

    @property
    def uri(self) -> str:
        """Address for OTLP over HTTP."""
        path = urlsplit(self.endpoint).path.rstrip("/")
        if not path.endswith("/v1/traces"):
            path += "/v1/traces"
        return f"{urlsplit(self.endpoint).scheme}://{self.host}:{self.port}{path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvoySettings:
    """Addresses, files, limits. Sizes are in bytes, times in seconds."""

    host: str = "127.0.0.1"
    """Address of the public listener."""
    port: int = 8080
    admin_port: int = 8081
    """Envoy's admin interface; always on 127.0.0.1."""
    reflection_port: int = 8082
    """The server for reflection and health, on 127.0.0.1."""
    pages_port: int = 8083
    """The server for /docs and /openapi.json, on 127.0.0.1."""
    mesh_socket: str
    """Path of the mesh listener's socket; 107 bytes at most."""
    endpoints_dir: str
    """Folder with one folder per cluster; Envoy watches each for a renamed `endpoints.yaml`."""
    descriptors: str
    """Path of the descriptor set of all graphs."""
    otlp: Otlp | None = None
    expose_nodes: bool = True
    """Node services answer on the public listener too."""
    access_log: str | None = "/dev/stdout"
    """File for one JSON line per request on the public listener; None for no log."""
    mesh_access_log: str | None = None
    max_timeout_s: float = 3600.0
    """The longest deadline that a client may ask for by `grpc-timeout`."""
    max_message_bytes: int = limits.DEFAULT_MB * limits.MEBIBYTE
    """The most that a request and an answer may have, which services measure. Envoy ends what is far larger."""
    rate_limit: int | None = None
    """Requests per second that the public listener lets through; None for no limit."""
    max_connections: int = 50_000
    max_heap_bytes: int | None = None
    """What Envoy may hold in memory before it refuses new requests; None: 64 messages, 1 GiB at least."""
    cors_origins: tuple[str, ...] = LOOPBACK_ORIGINS
    """Regular expressions of the origins whose pages may call the front."""

    @property
    def heap_bytes(self) -> int:
        """`max_heap_bytes` with its default filled in."""
        return self.max_heap_bytes or max(_LEAST_HEAP, _MESSAGES_HELD * self.max_message_bytes)
