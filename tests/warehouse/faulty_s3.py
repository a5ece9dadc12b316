"""A proxy of an S3 server that breaks one of the server's promises: `with FaultyS3(url) as faulty: faulty.url`."""

from __future__ import annotations

import http.client
import random
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

Answer = tuple[int, list[tuple[str, str]], bytes]


class FaultyS3:
    """Passes requests on. `ignores` drops If-None-Match; `refuses` answers it with 501; `lag_s` delays what lists show;
    of each request, `breaks` is the chance that it fails: before or after the server has done it.

    A lagging list answers as the server did `lag_s` seconds ago, or as at its first request.
    """

    def __init__(
        self,
        url: str,
        *,
        ignores: bool = False,
        refuses: bool = False,
        lag_s: float = 0.0,
        breaks: float = 0.0,
        seed: int = 0,
    ) -> None:
        self._server = urlsplit(url).netloc
        self.breaks, self._chance = breaks, random.Random(seed)
        self.ignores, self.refuses, self.lag_s = ignores, refuses, lag_s
        self.requests = 0
        self._lists: dict[str, list[tuple[float, Answer]]] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> FaultyS3:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *args: Any) -> None:
                pass

            def _pass(self) -> None:
                proxy.answer(self)

            do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = _pass  # noqa: N815

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        self.requests += 1
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        headers = {k: v for k, v in request.headers.items() if k.lower() not in {"host", "connection"}}
        conditional = next((k for k in headers if k.lower() == "if-none-match"), None)
        if conditional and self.refuses:
            self._send(request, (501, [], b"<Error><Code>NotImplemented</Code><Message>header</Message></Error>"))
            return
        if conditional and self.ignores:
            del headers[conditional]

        def ask() -> Answer:
            server = http.client.HTTPConnection(self._server, timeout=60)
            server.request(request.command, request.path, body, headers)
            answer = server.getresponse()
            return answer.status, answer.getheaders(), answer.read()

        if self.breaks and self._chance.random() < self.breaks:
            if self._chance.random() < 0.5:
                ask()
            self._send(request, (500, [], b"<Error><Code>InternalError</Code><Message>broken</Message></Error>"))
            return
        is_list = request.command == "GET" and "list-type=2" in request.path
        self._send(request, self._lagging(request.path, ask) if is_list and self.lag_s else ask())

    def _lagging(self, path: str, ask: Callable[[], Answer]) -> Answer:
        """What the server answered `lag_s` ago. Lists are asked for anew, so that there is an old answer later."""
        with self._lock:
            now = time.monotonic()
            seen = self._lists.setdefault(path, [])
            seen.append((now, ask()))
            old = [answer for at, answer in seen if now - at >= self.lag_s]
            return old[-1] if old else seen[0][1]

    @staticmethod
    def _send(request: BaseHTTPRequestHandler, answer: Answer) -> None:
        status, headers, body = answer
        request.send_response_only(status)
        length = [v for k, v in headers if k.lower() == "content-length"] if request.command == "HEAD" else []
        for name, value in headers:
            if name.lower() not in {"content-length", "transfer-encoding", "connection"}:
                request.send_header(name, value)
        request.send_header("Content-Length", length[0] if length else str(len(body)))
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(body)
