"""collectd's documents of a day, asked of a live Elasticsearch or OpenSearch server page by page."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from iolake.extractors.base import InputError
from iolake.extractors.collectd.documents import PLUGINS
from iolake.schemas.errors import TransientError

PAGE: Final = 10_000
"""Documents that a server is asked for at once."""
_FIELDS: Final = [
    "@timestamp", "hostname", "host", "plugin", "plugin_instance", "collectd_type", "type", "type_instance", "read",
    "write", "value",
]  # fmt: skip


class SearchError(TransientError):
    """A server cannot be reached, or answered a search with an error; another try may succeed."""


def documents(
    uri: str, password: str | None, start: datetime, end: datetime, hosts: str | None, verify: bool
) -> Iterator[dict[str, Any]]:
    """Yield the hits of [start, end) (UTC) of an index: https://user@server:9200/index, the index may have wildcards.

    Pages are read by the scroll API, sorted as the index stores them; a page that fails is asked for up to five times.
    InputError where the client is not installed; SearchError where the server doesn't answer.
    """
    try:
        from opensearchpy import OpenSearch
        from opensearchpy.exceptions import OpenSearchException
        from opensearchpy.helpers import scan
    except ImportError:
        raise InputError(uri, "needs the client opensearch-py", "pip install 'iolake[search]'") from None
    parts = urlsplit(uri)
    address = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], "", "", ""))
    auth = (parts.username, password) if parts.username and password else None
    client = OpenSearch(
        [address], http_auth=auth, timeout=60, max_retries=5, retry_on_timeout=True,
        retry_on_status=(429, 502, 503, 504), verify_certs=verify, ssl_show_warn=False,
    )  # fmt: skip
    bounds = {"gte": f"{start.isoformat()}Z", "lt": f"{end.isoformat()}Z"}
    wanted: list[dict[str, Any]] = [{"range": {"@timestamp": bounds}}, {"terms": {"plugin": list(PLUGINS)}}]
    if hosts:
        wanted.append({"prefix": {"hostname": hosts}})
    query = {"query": {"bool": {"filter": wanted}}, "sort": ["_doc"], "_source": _FIELDS}
    try:
        yield from scan(client, query=query, index=parts.path.strip("/") or "*", size=PAGE, scroll="5m")
    except OpenSearchException as error:
        raise SearchError(f"{address}: {type(error).__name__} {error}".replace("\n", " ")[:300]) from None
    finally:
        client.close()
