"""One HTTP request to a model server and what came of it, within a time limit and without ever following a redirect.

Python's own `http.client` is enough for that: a call is one request on one connection, and what matters here are the
moments and the reasons of its failures, which layers above it hide. Proxies of the environment are not asked: a call goes
where the address says.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import field
from enum import Enum, auto
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from modelfleet.finding import MachineFailed
from modelfleet.records import dataclass
from modelfleet.wording import printable

_MAX_QUOTE = 200

_MAX_ANSWER = 32 * 1024 * 1024


class CallFailure(Enum):
    """Why no answer came."""

    UNRESOLVED = auto()
    REFUSED = auto()
    UNREACHABLE = auto()
    SLOW = auto()
    SILENT = auto()
    NO_HANDSHAKE = auto()
    CLOSED = auto()
    UNTRUSTED = auto()
    MISNAMED = auto()
    NO_TLS = auto()
    NOT_HTTP = auto()


class Unanswered(Exception):
    """No HTTP answer came. `detail` says more, where there is more to say."""

    def __init__(self, failure: CallFailure, detail: str = "") -> None:
        super().__init__(failure.name)
        self.failure = failure
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """What a server answered, and after how many seconds: the whole, and of a stream its first piece of text."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float
    first_text: float | None = None

    def json(self) -> Any:
        """The body as JSON; None where it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """How to call: with which token, trust and time limit. `connect_to` is where to connect whatever the address says.

    The token stands in no representation of this, and `quoted` removes it from whatever a server sends back.
    """

    trust: ssl.SSLContext
    limit_s: float
    token: str | None = field(default=None, repr=False)
    connect_to: tuple[str, int] | None = None

    def call(
        self,
        url: str,
        body: Any = None,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        is_text: Callable[[bytes], bool] | None = None,
    ) -> HttpAnswer:
        """GET, or POST where there is a body; `is_text` tells the first line of a stream that matters.

        Raises `Unanswered`.
        """
        address = urlsplit(url)
        connection = self._connection(address.scheme, str(address.hostname), address.port)
        begun = time.monotonic()
        with _failures(connection), _limited(connection, self.limit_s):
            connection.connect()
            sent = {"Accept": "application/json", **(headers or {})}
            if token is not None:
                sent["Authorization"] = f"Bearer {token}"
            payload = None if body is None else json.dumps(body).encode()
            if payload is not None:
                sent["Content-Type"] = "application/json"
            connection.request("GET" if payload is None else "POST", address.path or "/", payload, sent)
            answer = connection.getresponse()
            first, whole = None, b""
            for line in _lines(answer):
                whole += line
                if first is None and is_text is not None and is_text(line):
                    first = time.monotonic() - begun
        return HttpAnswer(
            status=answer.status,
            headers={name.lower(): value for name, value in answer.getheaders()},
            body=whole,
            seconds=time.monotonic() - begun,
            first_text=first,
        )

    def quoted(self, text: str) -> str:
        """The beginning of what a server says: without the token, on one line, fit for a terminal."""
        line = " ".join((text.replace(self.token, "***") if self.token else text).split())
        return printable(f"{line[:_MAX_QUOTE]}..." if len(line) > _MAX_QUOTE else line)

    def _connection(self, scheme: str, host: str, port: int | None) -> _PlainConnection | _TlsConnection:
        where = self.connect_to or (host, port or (443 if scheme == "https" else 80))
        if scheme == "https":
            return _TlsConnection(host, port, where, self.trust, self.limit_s)
        return _PlainConnection(host, port, where, self.limit_s)


class _PlainConnection(http.client.HTTPConnection):
    reached, shaken = False, True

    def __init__(self, host: str, port: int | None, where: tuple[str, int], limit_s: float) -> None:
        super().__init__(host, port, timeout=limit_s)
        self.where = where

    def connect(self) -> None:
        self.sock = socket.create_connection(self.where, self.timeout)
        self.reached = True


class _TlsConnection(http.client.HTTPSConnection):
    reached, shaken = False, False

    def __init__(
        self, host: str, port: int | None, where: tuple[str, int], trust: ssl.SSLContext, limit_s: float
    ) -> None:
        super().__init__(host, port, timeout=limit_s, context=trust)
        self.where, self.trust = where, trust

    def connect(self) -> None:
        plain = socket.create_connection(self.where, self.timeout)
        self.reached = True
        secured = self.trust.wrap_socket(plain, server_hostname=self.host, do_handshake_on_connect=False)
        self.sock = secured  # the time limit reaches it during the handshake, too
        secured.do_handshake()
        self.shaken = True


def _lines(answer: http.client.HTTPResponse) -> Iterator[bytes]:
    """The body by lines, so that each is seen when it arrives."""
    size = 0
    while line := answer.readline(_MAX_ANSWER):
        size += len(line)
        if size > _MAX_ANSWER:
            raise Unanswered(CallFailure.NOT_HTTP, f"the answer is longer than {_MAX_ANSWER // 1024 // 1024} MiB")
        yield line


@contextmanager
def _limited(connection: http.client.HTTPConnection, limit_s: float) -> Iterator[None]:
    """Cuts the connection when the time is over: a limit of each read alone would let a slow server go on forever."""
    cut = threading.Event()

    def end() -> None:
        cut.set()
        if connection.sock is not None:
            try:
                connection.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                return  # it was closed in the same moment

    timer = threading.Timer(limit_s, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    except (OSError, http.client.HTTPException) as failed:
        if cut.is_set():
            raise TimeoutError from failed
        raise
    finally:
        timer.cancel()
    if cut.is_set():
        raise TimeoutError


@contextmanager
def _failures(connection: _PlainConnection | _TlsConnection) -> Iterator[None]:
    """Gives each reason for which there is no answer its name."""
    try:
        yield
    except ssl.SSLCertVerificationError as failed:
        misnamed = failed.verify_code in (62, 64)  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH
        raise Unanswered(CallFailure.MISNAMED if misnamed else CallFailure.UNTRUSTED, failed.verify_message) from None
    except ssl.SSLEOFError:
        raise Unanswered(CallFailure.CLOSED) from None
    except ssl.SSLError as failed:
        raise Unanswered(CallFailure.NO_TLS, str(failed.reason or "").replace("_", " ").lower()) from None
    except socket.gaierror:
        raise Unanswered(CallFailure.UNRESOLVED) from None
    except TimeoutError:
        if not connection.reached:
            raise Unanswered(CallFailure.SLOW) from None
        raise Unanswered(CallFailure.SILENT if connection.shaken else CallFailure.NO_HANDSHAKE) from None
    except ConnectionRefusedError:
        raise Unanswered(CallFailure.REFUSED) from None
    except (ConnectionError, http.client.IncompleteRead, http.client.RemoteDisconnected):
        raise Unanswered(CallFailure.CLOSED) from None
    except http.client.HTTPException as failed:
        raise Unanswered(CallFailure.NOT_HTTP, type(failed).__name__) from None
    except UnicodeError:
        raise Unanswered(CallFailure.UNRESOLVED) from None  # a label of the host is empty or too long
    except OSError as failed:
        raise Unanswered(CallFailure.UNREACHABLE, failed.strerror or "") from None
    finally:
        connection.close()


def trust_of(files: tuple[Path, ...]) -> ssl.SSLContext:
    """The certificate authorities of the system and those of these files. Raises `MachineFailed`."""
    context = ssl.create_default_context()
    for file in files:
        try:
            context.load_verify_locations(file)
        except ssl.SSLError:
            message = f"{file}: does not hold a certificate in PEM format"
            raise MachineFailed(message) from None
        except OSError as failed:
            message = f"{file}: {failed.strerror}"
            raise MachineFailed(message) from None
    return context
