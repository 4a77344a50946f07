"""The downloader of the content-understanding graph, against a real server on loopback."""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from graphs.content.download import Policy, fetch
from meshgen import DeadlineExceeded, InvalidArgument, NotFound, PermissionDenied, StatusError, Unavailable

LOOPBACK = Policy.parse("127.0.0.0/8,::1")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        match self.path.partition("?key=")[0].split("/")[1:]:
            case ["ok"]:
                self._send(200, b"picture")
            case ["status", code]:
                self._send(int(code), b"")
            case ["to", *rest]:
                self._send(302, b"", location="/".join(rest).replace("PORT", str(self.server.server_address[1])))
            case ["loop"]:
                self._send(302, b"", location="/loop")
            case ["packed"]:
                self._send(200, b"x", **{"content-encoding": "gzip"})
            case ["claims", size]:
                self.send_response(200)
                self.send_header("content-length", size)
                self.end_headers()
                self.close_connection = True
            case ["endless"]:
                self._stream(pause=0.0)
            case ["drip"]:
                self._stream(pause=0.05)
            case ["silent"]:
                time.sleep(2)
            case ["user"]:
                self._send(200, base64.b64decode(self.headers["authorization"].removeprefix("Basic ")))
            case ["host"]:
                self._send(200, self.headers["host"].encode())
            case other:
                raise AssertionError(other)

    def _send(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, pause: float) -> None:
        self.send_response(200)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        try:
            for _ in range(200):
                self.wfile.write(b"400\r\n" + b"x" * 1024 + b"\r\n")
                time.sleep(pause)
        except OSError:
            pass
        self.close_connection = True

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as running:
        running.daemon_threads = True
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()


def get(url: str, policy: Policy = LOOPBACK) -> bytes:
    return asyncio.run(fetch(url, policy))


def test_fetches_a_file(server: str) -> None:
    assert get(f"{server}/ok") == b"picture"


def test_follows_redirects(server: str) -> None:
    assert get(f"{server}/to/%2Fok".replace("%2F", "/")) == b"picture"


def test_names_the_host_and_not_the_address(server: str) -> None:
    port = server.rpartition(":")[2]
    assert get(f"http://localhost:{port}/host") == f"localhost:{port}".encode()


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("/status/404", NotFound),
        ("/status/410", NotFound),
        ("/status/403", PermissionDenied),
        ("/status/401", PermissionDenied),
        ("/status/500", Unavailable),
        ("/status/429", Unavailable),
        ("/status/418", InvalidArgument),
        ("/loop", InvalidArgument),
        ("/packed", InvalidArgument),
        ("/claims/99999999999", InvalidArgument),
        ("/to/ftp://127.0.0.1/x", InvalidArgument),
        ("/to/file:///etc/passwd", InvalidArgument),
        ("/to/http://169.254.169.254/latest/meta-data", PermissionDenied),
        ("/to/http://10.0.0.1/", PermissionDenied),
    ],
)
def test_refuses_with_the_right_code(server: str, path: str, error: type[StatusError]) -> None:
    with pytest.raises(error):
        get(server + path)


def test_a_body_without_a_length_is_still_bounded(server: str) -> None:
    with pytest.raises(InvalidArgument, match="larger than 5000 bytes"):
        get(f"{server}/endless", Policy(allow=LOOPBACK.allow, max_bytes=5000))


@pytest.mark.parametrize("path", ["/silent", "/drip"])
def test_time_is_bounded_as_a_whole(server: str, path: str) -> None:
    started = time.monotonic()
    with pytest.raises(DeadlineExceeded):
        get(server + path, Policy(allow=LOOPBACK.allow, timeout_s=0.4))
    assert time.monotonic() - started < 1.5


def test_nobody_listening_is_unavailable() -> None:
    with socket.socket() as bound:  # bound and not listening: the port cannot be taken by someone else meanwhile
        bound.bind(("127.0.0.1", 0))
        with pytest.raises(Unavailable):
            get(f"http://127.0.0.1:{bound.getsockname()[1]}/")


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "localhost", "2130706433", "0x7f.1", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1",
        "169.254.169.254", "100.64.0.1", "224.0.0.1", "240.0.0.1", "[::1]", "[::]", "[fe80::1]", "[fd00::1]",
        "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[ff02::1]",
    ],
)  # fmt: skip
def test_refuses_addresses_that_are_not_public(host: str) -> None:
    with pytest.raises(PermissionDenied):
        get(f"http://{host}:9/", Policy())


ODD = [
    "", " ", "a.png", "//example.org/x", "ftp://example.org/x", "file:///etc/passwd", "data:image/png;base64,AAAA",
    "javascript:alert(1)", "http://", "http:/x", "http:x", "http://@/", "http://:80/", "http://[::1", "http://[v1.x]/",
    "http://x:y/", "http://x:-1/", "http://x:0/", "http://x:65536/", "http://x:99999999999/", "http://x:80:80/",
    "http://999.1.1.1/", "http://a b/", "http://a\tb/", "http://a\nb/", "http://\0/", "http://a%00b/", "http://%65x/",
    "http://.a/", "http://a..b/", "http://*.a/", "http://a,b/", "http://a\\b/",
    f"http://{'a' * 64}/", f"http://{'a.' * 130}a/",
    "http://xn--/", "http://xn--a/", "http://xn--0/", "http://\N{SNOWMAN}/", "http://\N{RIGHT-TO-LEFT OVERRIDE}a/",
    "http://a\N{ZERO WIDTH JOINER}b/", "http://\N{FULLWIDTH LATIN SMALL LETTER A}/", "http://\ud800/", "http://a/\udfff",
    "http://127.0.0.1:22/", "http://127.0.0.1:25/", "https://127.0.0.1:1023/", "http://127.0.0.1/" + "x" * 70_000,
]  # fmt: skip


@pytest.mark.parametrize("url", ODD)
def test_refuses_what_is_not_a_web_address(url: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        get(url)
    text = str(caught.value)
    assert text.isprintable(), "a text of strangers, which goes to clients and logs"
    assert len(text) < 400


@pytest.mark.parametrize("url", [url for url in ODD if "://" in url and url.isascii() and url.isprintable()])
def test_refuses_a_redirect_to_what_is_not_a_web_address(server: str, url: str) -> None:
    with pytest.raises(InvalidArgument):
        get(f"{server}/to/{url}")


def test_messages_hold_neither_password_nor_query(server: str) -> None:
    authority = server.removeprefix("http://")
    urls = [
        *(
            f"http://me:secret@{authority}/{path}?key=secret#secret"
            for path in ("status/404", "packed", "claims/9999999999")
        ),
        f"http://{authority}/to/http://me:secret@10.0.0.1/?secret",
        f"http://{authority}/to/http://me:secret@127.0.0.1:22/?secret",
        "http://me:secret@127.0.0.1:1/?secret",
        "http://me:secret@a..b/?secret",
        "http://me:secret@x:y/?secret",
        "http://me:sec/ret-secret@x:y/?secret",
        "me:secret@example.org?secret",
        "ftp://me:secret@example.org/?secret",
        f"http://me:secret@{authority}/silent?key=secret",
    ]
    for url in urls:
        with pytest.raises(StatusError) as caught:
            get(url, Policy(allow=LOOPBACK.allow, timeout_s=0.4))
        assert "secret" not in str(caught.value), url


def test_user_and_password_are_sent(server: str) -> None:
    assert get(f"http://me:p%40ss@{server.removeprefix('http://')}/user") == b"me:p@ss"


def test_a_host_that_does_not_exist_is_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(*_: object, **__: object) -> object:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with pytest.raises(NotFound, match=r"nowhere\.example"):
        get("http://nowhere.example/")


def test_a_name_with_one_private_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, 80)) for a in ("93.184.215.14", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers)
    with pytest.raises(PermissionDenied):
        get("http://mixed.example/", Policy())


def test_a_name_is_resolved_once(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second answer, which DNS rebinding would use, is never asked for."""
    port = int(server.rpartition(":")[2])
    asked: list[str] = []
    resolve = socket.getaddrinfo

    def rebinding(host: str, *rest: object, **options: object) -> object:
        if host != "rebind.example":
            return resolve(host, *rest, **options)  # type: ignore[arg-type]
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    assert get(f"http://rebind.example:{port}/ok") == b"picture"
    assert len(asked) == 1


def test_policy_permits_public_addresses_only_unless_told() -> None:
    assert Policy().permits(ipaddress.ip_address("1.1.1.1"))
    assert not Policy().permits(ipaddress.ip_address("10.0.0.1"))
    assert Policy.parse("10.0.0.0/8").permits(ipaddress.ip_address("10.0.0.1"))
    with pytest.raises(ValueError, match="ten"):
        Policy.parse("ten")
