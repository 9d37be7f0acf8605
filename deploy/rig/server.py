"""CAN buses over TCP in the socketcand protocol, so that python-can's `socketcand` interface of another process can open them.

Loopback only, and for simulated motors only: the protocol has no authentication. Frames of one client reach the motors and
the other clients of the channel, as on a real bus.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import time
from collections import deque

import can

MAX_BUFFER = 1 << 20


class Client:
    """One connection: first the handshake, then frames of its channel."""

    def __init__(self, connection: socket.socket):
        self.connection = connection
        self.channel = ""
        self.raw = False
        self._buffer = b""
        self._outgoing: list[bytes] = []
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.write(b"< hi >")
        self.flush()

    def write(self, data: bytes) -> None:
        self._outgoing.append(data)

    def flush(self) -> None:
        """Sends the queued frames; a client that does not read loses frames, like a slow reader on a real bus."""
        if self._outgoing:
            with contextlib.suppress(OSError):
                self.connection.send(b"".join(self._outgoing))
            self._outgoing.clear()

    def lines(self) -> list[str] | None:
        """The commands that have come in, None once the connection has ended."""
        try:
            data = self.connection.recv(65536)
        except BlockingIOError:
            return []
        except OSError:
            return None
        if not data or len(self._buffer) > MAX_BUFFER:
            return None
        *whole, self._buffer = (self._buffer + data).split(b">")
        return [part.decode("ascii", "replace").strip(" <") for part in whole]


class ServerBus:
    """The rig's end of a channel, with the calls of a python-can bus."""

    def __init__(self, clients: list[Client], channel: str):
        self._clients, self.channel = clients, channel
        self.incoming: deque[can.Message] = deque()

    def send(self, message: can.Message, timeout: float | None = None, but: Client | None = None) -> None:
        """Sends a frame to every client of the channel except `but`, its sender."""
        listeners = [client for client in self._clients if client.raw and client.channel == self.channel and client is not but]
        if listeners:
            line = _line(message)
            for client in listeners:
                client.write(line)

    def recv(self, timeout: float | None = None) -> can.Message | None:
        return self.incoming.popleft() if self.incoming else None

    def shutdown(self) -> None:
        self.incoming.clear()


def _line(message: can.Message) -> bytes:
    kind = "error" if message.is_error_frame else "frame"
    identifier = f"{message.arbitration_id:08X}" if message.is_extended_id else f"{message.arbitration_id:03X}"
    return f"< {kind} {identifier} {message.timestamp or time.time():.6f} {message.data.hex()} >".encode()


def parse_send(line: str, stamp: float) -> can.Message | None:
    """The frame of a "send ID LENGTH BYTE ..." command, None if it is none."""
    parts = line.split()
    try:
        identifier, size, data = int(parts[1], 16), int(parts[2], 16), bytes([int(part, 16) for part in parts[3:]])
    except (ValueError, IndexError):
        return None
    extended = len(parts[1]) != 3
    if parts[0] != "send" or not len(data) == size <= 8 or identifier >= (1 << 29 if extended else 1 << 11):
        return None
    return can.Message(arbitration_id=identifier, data=data, is_extended_id=extended, timestamp=stamp)


class SocketcandServer:
    """Serves channels on a loopback port. Nothing happens outside `poll`."""

    def __init__(self, channels: tuple[str, ...], port: int = 0):
        self._listener = socket.create_server(("127.0.0.1", port))
        self._listener.setblocking(False)
        self.port = self._listener.getsockname()[1]
        self._clients: list[Client] = []
        self.buses = {channel: ServerBus(self._clients, channel) for channel in channels}
        self.unplugged: set[str] = set()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)

    def poll(self, timeout: float, stamp: float) -> bool:
        """Waits at most `timeout` seconds for clients; True if something came in. `stamp`: wall-clock time of it."""
        ready = self._selector.select(timeout)
        for key, _ in ready:
            if key.fileobj is self._listener:
                with contextlib.suppress(OSError):
                    client = Client(self._listener.accept()[0])
                    self._clients.append(client)
                    self._selector.register(client.connection, selectors.EVENT_READ, client)
            else:
                self._hear(key.data, stamp)
        for client in [c for c in self._clients if c.channel in self.unplugged]:
            self._drop(client)
        return bool(ready)

    def flush(self) -> None:
        for client in self._clients:
            client.flush()

    def _hear(self, client: Client, stamp: float) -> None:
        lines = client.lines()
        if lines is None:
            self._drop(client)
            return
        for line in lines:
            if client.raw:
                message = parse_send(line, stamp)
                if message is not None:
                    bus = self.buses[client.channel]
                    bus.incoming.append(message)
                    bus.send(message, but=client)
            elif line.startswith("open "):
                client.channel = line[5:].strip()
                client.write(b"< ok >" if client.channel in self.buses else b"< error could not open bus >")
                client.flush()
            elif line == "rawmode":
                client.raw = client.channel in self.buses
                client.write(b"< ok >")
                client.flush()
            else:  # another protocol, such as a web page's request with commands further down
                self._drop(client)
                return

    def _drop(self, client: Client) -> None:
        with contextlib.suppress(KeyError, ValueError, OSError):
            self._selector.unregister(client.connection)
        client.connection.close()
        self._clients[:] = [other for other in self._clients if other is not client]

    def close(self) -> None:
        for client in list(self._clients):
            self._drop(client)
        self._listener.close()
        self._selector.close()
