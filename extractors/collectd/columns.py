"""The fields of collectd's documents that are read, as columns."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any, Final

import msgspec
import polars as pl

from iolake.extractors.jsonhits import fits

LARGEST: Final = 9e15
"""No disk moves as many bytes a second, and no node has as much memory."""
_TEXTS: Final = (
    "plugin", "collectd_type", "type", "hostname", "host", "time", "plugin_instance", "type_instance",
)  # fmt: skip
_NUMBERS: Final = ("read", "write", "value")


class Source(msgspec.Struct, gc=False):
    """What of a document is read; None where it is null or missing."""

    plugin: str | None = None
    collectd_type: str | None = None
    type: str | None = None
    hostname: str | None = None
    host: str | None = None
    time: str | None = msgspec.field(name="@timestamp", default=None)
    plugin_instance: str | None = None
    type_instance: str | None = None
    read: float | None = None
    write: float | None = None
    value: float | None = None


class Hit(Source, gc=False):
    """A document, as a hit of a search or alone."""

    source: Source | None = msgspec.field(name="_source", default=None)


def columns(found: Sequence[Hit] | Sequence[dict[str, Any]]) -> pl.DataFrame:
    """Return what is read of each document, a row each; null where it is missing, null, or of another type."""
    sources: list[Source]
    if fits(found, Hit):
        sources = [hit.source or hit for hit in found]
    else:
        documents: Sequence[Any] = found
        sources = [_source(document) for document in documents]
    texts = [pl.Series(name, list(map(attrgetter(name), sources)), dtype=pl.String) for name in _TEXTS]
    numbers = [pl.Series(name, list(map(attrgetter(name), sources)), dtype=pl.Float64) for name in _NUMBERS]
    return pl.DataFrame(texts + numbers)


def _source(document: dict[str, Any]) -> Source:
    """Return a document whose fields may be of any type, without those of another type than a source's."""
    source = document.get("_source", document)
    if not isinstance(source, dict):
        return Source()
    named = {name: source.get("@timestamp" if name == "time" else name) for name in (*_TEXTS, *_NUMBERS)}
    found = Source()
    for name in _TEXTS:
        setattr(found, name, _text(named[name]))
    for name in _NUMBERS:
        setattr(found, name, _float(named[name]))
    return found


def _text(value: Any) -> str | None:
    """Return a text with its lone surrogates escaped, which no column can hold; None for another type."""
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else None


def _float(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and -LARGEST < value < LARGEST else None
