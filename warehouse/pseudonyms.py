"""Keyed hashes in place of what identifies people, places and jobs.

A pseudonym is an HMAC-SHA256 of a value: without the key, nobody can find a value by trying every candidate.
Equal values of one kind have equal pseudonyms under one key: tables still join, and prefixes of paths still group.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from iolake.schemas.identity import Identity
from iolake.schemas.table import Column

_TARGET: Final = re.compile(r"(OST|MDT)[0-9a-fA-F]{1,8}")
_STANDARD_STREAM: Final = re.compile(r"<STD(IN|OUT|ERR)>")
_TEXT_HEX: Final = 16
"""Hex digits of a pseudonym: two of a million values are equal with a chance of 1 in 37 million."""
_LEAST_MOMENT: Final = 1_000_000_000
"""Smaller values of a column of MOMENT are lengths of time."""
_PREFIX: Final = {
    Identity.SITE: "site",
    Identity.HOST: "host",
    Identity.USER: "user",
    Identity.ACCOUNT: "account",
    Identity.JOB: "job",
    Identity.JOB_NAME: "name",
    Identity.TEXT: "text",
}


class Pseudonyms:
    """The pseudonyms under one key. `shift` is added to every time."""

    def __init__(self, key: bytes, shift: timedelta = timedelta(0)) -> None:
        self._key = hmac.new(key, digestmod=hashlib.sha256)
        self.shift = shift
        self._known: dict[tuple[str, str], str] = {}

    def column(self, column: Column, values: pa.ChunkedArray) -> pa.ChunkedArray:
        """The values as they are published, of the same type. Null stays null."""
        kind, identity = values.type, column.identity
        if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
            return self._shifted(values)
        if identity is Identity.MOMENT:
            days = pc.if_else(pc.greater_equal(values, _LEAST_MOMENT), int(self.shift.total_seconds()), 0)
            return pc.add(values, days)
        if identity is Identity.NOTHING:
            return values
        if pa.types.is_nested(kind):
            made = [self._nested(identity, kind, value) for value in values.to_pylist()]
            return pa.chunked_array([pa.array(made, kind)])
        one = self.number if pa.types.is_integer(kind) else self.text
        return _of_each(values, lambda value: one(identity, value, kind))

    def text(self, identity: Identity, value: str, _kind: pa.DataType | None = None) -> str:
        """The pseudonym of a text. An empty text and the names of standard streams identify nobody and stay."""
        if not value or identity is Identity.NOTHING:
            return value
        if identity is Identity.PATH:
            return self._path(value)
        if identity is Identity.COMMAND:
            return " ".join(map(self._path, value.split()))
        if identity is Identity.TARGET:
            return value if _TARGET.fullmatch(value) else self.text(Identity.HOST, value)
        prefix = _PREFIX.get(identity)
        token = self._token(identity.name, value)
        return f"{prefix}_{token}" if prefix else token

    def number(self, identity: Identity, value: int, kind: pa.DataType) -> int:
        """The pseudonym of a number, positive and within its type. 0 and negative numbers identify nobody and stay."""
        if value <= 0:
            return value
        digest = self._digest(identity.name, str(value))
        return int.from_bytes(digest[:8], "big") >> (65 - kind.bit_width) or 1  # of either sign, as they join

    def secret_days(self) -> int:
        """A number of whole weeks in the past, 2 to 20 years, that the key alone gives."""
        return -7 * (104 + int.from_bytes(self._digest("shift", "")[:8], "big") % 936)

    def _nested(self, identity: Identity, kind: pa.DataType, value: Any) -> Any:
        """A value of any type with pseudonyms for its texts; keys of a MAP are hashed where they may say anything."""
        if value is None:
            return None
        if pa.types.is_map(kind):
            keys = identity if identity is Identity.TEXT else Identity.NOTHING
            return [
                (self._nested(keys, kind.key_type, key), self._nested(identity, kind.item_type, item))
                for key, item in value
            ]
        if pa.types.is_struct(kind):
            return {f.name: self._nested(identity, f.type, value[f.name]) for f in kind}
        if pa.types.is_nested(kind):
            return [self._nested(identity, kind.value_type, item) for item in value]
        return self.text(identity, value) if isinstance(value, str) else value

    def _path(self, path: str) -> str:
        return "/".join(
            part if not part or _STANDARD_STREAM.fullmatch(part) else self._token(Identity.PATH.name, part)
            for part in path.split("/")
        )

    def _shifted(self, values: pa.ChunkedArray) -> pa.ChunkedArray:
        if not self.shift:
            return values
        if pa.types.is_date(values.type):
            return pc.add(values.cast(pa.int32()), pa.scalar(self.shift.days, pa.int32())).cast(values.type)
        return pc.add(values, pa.scalar(self.shift, pa.duration("us")))

    def _token(self, domain: str, value: str) -> str:
        known = self._known.get((domain, value))
        if known is None:
            known = self._known[domain, value] = self._digest(domain, value).hex()[:_TEXT_HEX]
        return known

    def _digest(self, domain: str, value: str) -> bytes:
        made = self._key.copy()
        made.update(f"{domain}\0{value}".encode())
        return made.digest()


def _of_each(values: pa.ChunkedArray, one: Callable[[Any], Any]) -> pa.ChunkedArray:
    """`one` of each distinct value, where the value was."""
    encoded = values.combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    made = pa.array([one(value) for value in encoded.dictionary.to_pylist()], values.type)
    return pa.chunked_array([made.take(encoded.indices)])
