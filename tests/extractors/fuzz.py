"""Damages inputs at random: a source reads each of them, or says in one line what is wrong.

IOLAKE_FUZZ sets how many mutations of each source are tried, IOLAKE_FUZZ_SEED which.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from iolake.extractors.base import Batch, Extractor, InputError, Reject, Span
from iolake.schemas.gate import conform
from iolake.schemas.site import Site

MUTATIONS: Final = int(os.environ.get("IOLAKE_FUZZ", "300"))
SEED: Final = int(os.environ.get("IOLAKE_FUZZ_SEED", "1"))
_LONGEST_S: Final = 10.0
"""CPU seconds for a file of a few kilobytes, whatever it holds."""
_EXTREMES = (
    b"", b"-1", b"0", b"nan", b"inf", b"1e400", b"99999999999999999999", b"null", b"true", b"{}", b"[]", b'"', b"|",
    b":",     b"\x00", b"\xff", b"\n", b"\r", b"\t", b" ", b"\xe2\x82\xac", b"0x", b"=", b"2019-13-45-99:99:99",
)  # fmt: skip


def mutated(content: bytes, random: random.Random) -> bytes:
    """Return the content with a few random changes."""
    changed = bytearray(content)
    for _ in range(random.choice((1, 1, 1, 2, 5, 20))):
        at = random.randrange(len(changed) + 1)
        end = min(len(changed), at + random.choice((1, 1, 2, 8, 64, 4096)))
        match random.randrange(6):
            case 0 if at < len(changed):
                changed[at] ^= 1 << random.randrange(8)
            case 1:
                del changed[at:end]
            case 2:
                changed[at:at] = changed[at:end]
            case 3:
                del changed[at:]
            case 4:
                changed[at:end] = random.choice(_EXTREMES)
            case _:
                changed[at:at] = random.choice(_EXTREMES)
    return bytes(changed)


_ODD: Final[tuple[Any, ...]] = (
    *(None, True, 0, -1, 2**31, 2**53 + 1, 2**63, -(2**63), 10**30, 1e300, -0.0, 1.5, float("nan"), float("inf")),
    *("", "x", "\ud800", "a\nb", "\x00", "-1", "1e400", "2019-13-45", "n[1-9999999]", "é€" * 300),
    *([], {}, [[]], [None], {"a": None}, {"set": True}),
)


def altered(content: bytes, random: random.Random) -> bytes:
    """Return a JSON document with a few values or names changed: it stays JSON, so that the decoder reads on."""
    document = json.loads(content)
    for _ in range(random.choice((1, 1, 2, 4, 12))):
        holder, key = random.choice(list(_places(document)) or [([None], 0)])
        match random.randrange(5):
            case 0:
                del holder[key]
            case 1 if isinstance(holder, dict):
                holder[mutated(key.encode("utf-8", "surrogatepass"), random).decode("latin-1")] = holder.pop(key)
            case 2 if isinstance(holder, list):
                holder.append(holder[key])
            case 3 if isinstance(holder[key], str):
                holder[key] = mutated(holder[key].encode("utf-8", "surrogatepass"), random).decode("latin-1")
            case _:
                holder[key] = random.choice(_ODD)
    return json.dumps(document).encode()


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """(list or object, key) of each value within a value."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield value, key
        yield from _places(inner)


def survives(
    extractor: Extractor,
    site: Site,
    file: Path,
    content: bytes,
    count: int,
    seed: int = SEED,
    pack: Callable[[bytes], bytes] = bytes,
    change: Callable[[bytes, random.Random], bytes] = mutated,
) -> int:
    """Read `count` mutations of a file's content, packed after they are made; return how many gave rows.

    Each is read in whole or in part within 10 CPU seconds, with rows that fit the table, or fails with an InputError.
    """
    rng = random.Random(seed)
    gave_rows = 0
    for _ in range(count):
        file.write_bytes(pack(change(content, rng)))
        started = time.process_time()
        gave_rows += _gives_rows(extractor, site)
        assert time.process_time() - started < _LONGEST_S
    return gave_rows


def _gives_rows(extractor: Extractor, site: Site) -> bool:
    """Whether the inputs of the site give rows that fit their tables."""
    rows = 0
    for input in extractor.find(site, Span()):
        try:
            for result in extractor.read(input, site):
                if isinstance(result, Batch):
                    data = pa.table(result.data)
                    data.validate(full=True)
                    conform(result.table, data, result.table.batch_schema)
                    rows += data.num_rows
                else:
                    assert isinstance(result, Reject)
                    assert result.reason and "\n" not in result.reason
        except InputError as error:
            assert "\n" not in str(error)
    return rows > 0
