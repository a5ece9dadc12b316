"""JSON objects out of a stream."""

from __future__ import annotations

import io
import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iolake.extractors.base import InputError
from iolake.extractors.jsonstream import objects

_LEAF = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
_VALUE = st.recursive(
    _LEAF, lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(), v, max_size=3), max_leaves=8
)
_OBJECT = st.dictionaries(st.text().filter(lambda t: t != "hits"), _VALUE, max_size=4)


class _Drops(io.BytesIO):
    """A file whose `read` returns a few bytes at a time."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(7)


@given(st.lists(st.lists(_OBJECT, max_size=4), max_size=4).filter(any))
def test_objects_come_out_of_lists_in_lists_as_the_standard_library_reads_them(
    pages: list[list[dict[str, Any]]],
) -> None:
    text = json.dumps(pages).encode()
    expected = [o for page in json.loads(text) for o in page]
    assert list(objects(_Drops(text), "x")) == expected
    assert list(objects(io.BytesIO("\n".join(map(json.dumps, expected)).encode()), "x")) == expected


def test_memory_holds_an_object_and_not_the_file() -> None:
    """A list of 100 MB takes less than 5."""

    class Endless(io.RawIOBase):
        left = 100_000

        def read(self, size: int = -1) -> bytes:
            count = min(self.left, max(1, size // 1000))
            self.left -= count
            return b"".join([b'{"a": "' + b"x" * 990 + b'"},'] * count)

    tracemalloc.start()
    found: Any = Endless()
    count = sum(1 for _ in objects(found, "x"))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 100_000
    assert peak < 5 << 20


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "holds no JSON object"),
        (b"[[], []]", "holds no JSON object"),
        (b"[1]", "is not JSON objects"),
        (b'[{"a": 1}, {"a"', "is cut off or damaged"),
        (b'[{"a": 1} x', "is not JSON objects"),
        (b'[{"a": tru}]' + b" " * 99, "is cut off or damaged"),
        (b"\xff", "is not text"),
        ('{"a": 1}'.encode("utf-16"), "is text in UTF-16; save it as UTF-8"),
        (b'{"a": ' + b"[" * 100_000, "is cut off or damaged|too deep"),
    ],
)
def test_what_is_not_json_is_named(text: bytes, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        list(objects(io.BytesIO(text), "x"))
