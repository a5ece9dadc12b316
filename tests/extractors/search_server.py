"""A server that answers searches as Elasticsearch and OpenSearch do: scroll pages, from documents in memory."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


class SearchServer(ThreadingHTTPServer):
    """`documents` are its index; `busy` is how often it answers 503 first; `asked` are the searches so far."""

    def __init__(self, documents: list[dict[str, Any]], page: int = 2, busy: int = 0) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.documents, self.page, self.busy = documents, page, busy
        self.asked: list[tuple[str, dict[str, Any], str | None]] = []

    @property
    def address(self) -> str:
        """The server's URL."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: SearchServer

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        url = urlsplit(self.path)
        if self.server.busy:
            self.server.busy -= 1
            self._answer({"error": "busy"}, 503)
            return
        if url.path.endswith("/_search/scroll"):
            start = int(body.get("scroll_id") or parse_qs(url.query)["scroll_id"][0])
        else:
            self.server.asked.append((url.path, body, self.headers.get("Authorization")))
            start = 0
        found = self.server.documents[start : start + self.server.page]
        hits = [{"_id": str(start + i), "_source": document} for i, document in enumerate(found)]
        shards = {"total": 1, "successful": 1, "skipped": 0, "failed": 0}
        self._answer({"_scroll_id": str(start + len(found)), "_shards": shards, "hits": {"hits": hits}})

    def do_GET(self) -> None:
        self.do_POST()

    def do_DELETE(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._answer({"succeeded": True})

    def _answer(self, content: dict[str, Any], status: int = 200) -> None:
        text = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def serving(server: ThreadingHTTPServer) -> Iterator[None]:
    """Serve in a thread until the end of the block."""
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
