"""The fields of collectd's documents that are read."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from iolake.extractors.jsonhits import fits

LARGEST: Final = 9e15
"""No disk moves as many bytes a second, and no node has as much memory."""


class Document(msgspec.Struct, gc=False):
    """What of a document is read; None or NaN where it is null or missing. It is no hit, and no search's answer.

    Fields in the order of a text are found fastest.
    """

    plugin: str | None = None
    read: float | None = nan
    time: str | None = msgspec.field(name="@timestamp", default=None)
    hostname: str | None = None
    write: float | None = nan
    collectd_type: str | None = None
    plugin_instance: str | None = None
    type_instance: str | None = None
    value: float | None = nan
    host: str | None = None
    type: str | None = None
    source: UnsetType = msgspec.field(name="_source", default=UNSET)
    hits: UnsetType = UNSET


class Hit(msgspec.Struct, gc=False):
    """A document as a hit of a search."""

    source: Document = msgspec.field(name="_source")


_TEXTS: Final = (
    "plugin", "time", "hostname", "host", "collectd_type", "type", "plugin_instance", "type_instance",
)  # fmt: skip
_NUMBERS: Final = ("read", "write", "value")


def documents_of(found: Sequence[msgspec.Struct] | Sequence[dict[str, Any]]) -> Sequence[Document]:
    """Return the documents of hits, of documents alone, or of either as dictionaries."""
    items: Sequence[Any] = found
    if fits(found, Hit):
        return [hit.source for hit in items]
    return items if fits(found, Document) else [_document(item) for item in items]


def _document(item: dict[str, Any]) -> Document:
    """Return a document whose fields may be of any type, without those of another type than a document's."""
    source = item.get("_source", item)
    if not isinstance(source, dict):
        return Document()
    named = {name: source.get("@timestamp" if name == "time" else name) for name in (*_TEXTS, *_NUMBERS)}
    texts: dict[str, Any] = {name: _text(named[name]) for name in _TEXTS}
    numbers: dict[str, Any] = {name: _float(named[name]) for name in _NUMBERS}
    return Document(**texts, **numbers)


def _text(value: Any) -> str | None:
    """Return a text with its lone surrogates escaped, which no column can hold; None for another type."""
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else None


def _float(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and -LARGEST < value < LARGEST else None
