"""Access control of the web page: only requests with the printed secret, this machine's Host and the page's own Origin.

    guard = Guard("127.0.0.1")
    with guarding(guard):                 # the server that is started in here asks the guard before it answers
        server = viser.ViserServer(...)

Any web page that is open in the operator's browser can send requests to 127.0.0.1, and its owner can let its host name
resolve to 127.0.0.1 (DNS rebinding). Hence three checks of every request and every websocket:

| check | against |
|---|---|
| the path begins with a random token | whoever does not know the address |
| Host is a name of this machine's own | DNS rebinding |
| Origin, where a browser sends it, is that Host; a websocket must have one | pages of other sites |
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import hmac
import http
import ipaddress
import secrets
from collections.abc import Generator
from typing import Any

import websockets.asyncio.server as websocket_server
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.http11 import Request, Response

LINGER = 1.0  # [s] that a connection may stay open once it was refused
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
HEADERS = {
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class RequestGuard:
    """Judges requests to a page served on `host`.

    Args:
        host: The address it is served on.

    Attributes:
        token: The secret that the path of every request begins with.
    """

    def __init__(self, host: str) -> None:
        self.token = secrets.token_urlsafe(32)
        self._names = LOOPBACK if is_loopback(host) else (host,)

    def refusal(self, request: Request) -> str:
        """Why the request is refused; "" if it is allowed."""
        hosts, origins = request.headers.get_all("Host"), request.headers.get_all("Origin")
        if len(hosts) != 1 or name_of(hosts[0]) not in self._names:
            return f"the Host header must be one of {', '.join(self._names)}"
        if len(origins) > 1 or (origins and origins[0].lower() != f"http://{hosts[0].lower()}"):
            return "the request comes from a page of another origin"
        if not origins and "upgrade" in request.headers:
            return "a websocket without an Origin header is not taken"
        given = request.path.partition("?")[0].strip("/").partition("/")[0]
        if not hmac.compare_digest(given.encode("utf-8", "surrogateescape"), self.token.encode()):
            return "the address holds a secret; open the whole address that the program printed"
        return ""

    def inner(self, request: Request) -> Request:
        """The request without the token, for the server behind the guard."""
        path, mark, query = request.path.partition("?")
        return dataclasses.replace(request, path=path.replace(f"/{self.token}", "", 1) + mark + query)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def name_of(host: str) -> str:
    """The name in a Host header, without its port, in lower case."""
    name, colon, port = host.lower().rpartition(":")
    return name if colon and port.isascii() and port.isdigit() else host.lower()


def refused(reason: str, status: http.HTTPStatus = http.HTTPStatus.FORBIDDEN) -> Response:
    """The reason, as plain text."""
    body = f"refused: {reason}\n".encode()
    headers = {**HEADERS, "Content-Type": "text/plain; charset=utf-8", "Content-Length": str(len(body)), "Connection": "close"}
    return Response(status.value, status.phrase, Headers(headers), body)


class GuardedConnection(websocket_server.ServerConnection):
    """Answers other requests than GET and websockets too; the library closes them silently and prints a traceback."""

    _unread = False

    def send_data(self) -> None:
        """Sends the pending data; if the request could not be parsed, sends the answer before closing."""
        if self.request is None and self.protocol.handshake_exc is not None and not self._unread:
            self._unread = True
            self.transport.write(refused("only GET and websockets are answered here", http.HTTPStatus.BAD_REQUEST).serialize())
        super().send_data()

    async def handshake(self, *args, **options) -> None:
        """As in the library, but a malformed request is the client's fault and is not logged."""
        try:
            await super().handshake(*args, **options)
        except (InvalidHandshake, ConnectionClosed):
            await asyncio.wait([self.connection_lost_waiter], timeout=LINGER)  # let the answer be read


@contextlib.contextmanager
def guarding(guard: RequestGuard) -> Generator[None]:
    """Inside this context an asyncio websocket server that is started refuses what `guard` refuses.

    viser has no parameter for this and does not expose its server; it looks up `serve` while its constructor runs. Other
    versions might start differently, so the caller sends a request without the secret afterwards and checks its refusal.
    """
    library: Any = websocket_server  # a function stands in for a class of it
    original = library.serve

    def serve(*args, process_request=None, **options):
        def admit(connection, request: Request) -> Response | None:
            reason = guard.refusal(request)
            if reason:
                return refused(reason)
            response = process_request(connection, guard.inner(request)) if process_request is not None else None
            if response is not None:
                response.headers.update(HEADERS)
            return response

        return original(*args, process_request=admit, create_connection=GuardedConnection, **options)

    library.serve = serve
    try:
        yield
    finally:
        library.serve = original
