"""Recognises inputs that were moved with their lake where the lake knows them by their whole old path.

An input's id is the hash of its path below site.toml's folder, so that a centre may move. iolake 0.1.0 hashed the whole
path. The ledger still has the path of each such input, and its folder then, the old one, is found in two ways:

- A lake below site.toml's folder moves with it, and each snapshot has the place that the lake had.
- Elsewhere, the old path ends with the path below site.toml's folder, and what precedes that may be the old folder. It
  is, if at least half of its inputs have the size that the ledger has for them, and at least half of those that were
  looked at the content.

A centre at /old with its lake at /lakes has /old/df/1.txt in the ledger. It moves to /new, where df/1.txt is found: the
ledger's path ends so, and /old is before that. Its id and today's path go into the ledger. From then on the folder
before df/1.txt is today's own, and needs no proof: the ledger has the very path.

An input keeps the id that the ledger has. Its rows name that id, and where its content is another one, its new rows
replace those. A match with another input would therefore remove rows, so that no match is better than a doubtful one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import pyarrow as pa

from iolake.extractors.base import Extractor, Input, InputError, input_id
from iolake.schemas.site import Site
from iolake.warehouse.catalog import Catalog

_SCHEMES = ("file://", "sqlite:///")
_LOOKED_AT = 8
"""The most inputs that are opened to tell whether a folder is the old one."""
_BY_NAME = (
    "SELECT f.place, i.source, i.owner, i.input_id, i.uri, i.size_bytes, i.content_hash, i.load_id "
    "FROM found f JOIN inputs i ON i.source = f.source AND i.owner = f.owner "
    "AND split_part(i.uri, '/', -1) = split_part(f.place, '/', -1) AND ends_with(i.uri, '/' || f.place) "
    "WHERE i.input_id NOT IN (SELECT unnest($1))"
)

_Key = tuple[str, str, str]
"""Source, owner, and path below site.toml's folder."""


@dataclass(frozen=True)
class _Known:
    """What the ledger has of an input whose path may be an old one."""

    key: _Key
    input_id: str
    uri: str
    size_bytes: int | None
    content_hash: str | None
    load_id: str

    @property
    def root(self) -> str:
        """The folder that site.toml had, if it is the input of this key."""
        root = self.uri.removesuffix(f"/{self.key[2]}")
        return next((root.removeprefix(scheme) for scheme in _SCHEMES if root.startswith(scheme)), root)

    @property
    def is_of_whole_path(self) -> bool:
        """Whether the id is not that of a path below some folder: such an id stays right when the folder moves."""
        source, owner, _ = self.key
        ends = (self.uri[at + 1 :] for at, letter in enumerate(self.uri) if letter == "/")
        return all(input_id(source, owner, end) != self.input_id for end in ends)


def ids_of_moved(
    site: Site, catalog: Catalog, found: Iterable[Input], known: AbstractSet[str], extractors: Mapping[str, Extractor]
) -> dict[str, str]:
    """The id in the ledger of each input that was moved, by the id that the input would have as a new one.

    `known` are the ids that inputs of this run have in the ledger.
    """
    unknown = {_key(i): i for i in found if i.place and not known & {i.input_id, i.id_by_uri}}
    by_root = _known_by_root(catalog, unknown, known) if unknown else {}
    if not by_root:
        return {}
    former = [root for root in dict.fromkeys([site.root, *_former_folders(site, catalog)]) if root in by_root]
    ids: dict[str, str] = {}

    def take(root: str) -> None:
        taken = {*ids.values()}
        for key, row in by_root[root].items():
            if row.input_id not in taken:
                ids.setdefault(unknown[key].input_id, row.input_id)

    for root in former:
        take(root)
    others = sorted(by_root.keys() - set(former), key=lambda r: (-len(by_root[r]), r))
    for root in others:
        left = [(unknown[key], row) for key, row in by_root[root].items() if unknown[key].input_id not in ids]
        if left and _is_old_folder(left, site, extractors):
            take(root)
    return ids


def _key(input: Input) -> _Key:
    return input.source, input.owner, input.place


def _known_by_root(
    catalog: Catalog, unknown: Mapping[_Key, Input], known: AbstractSet[str]
) -> dict[str, dict[_Key, _Known]]:
    """The ledger's inputs of whole paths that end like an unknown one's, by the folder that site.toml then had."""
    sources, owners, places = zip(*unknown, strict=True)
    catalog.con.register("found", pa.table({"source": sources, "owner": owners, "place": places}))
    rows = catalog.rows(_BY_NAME, [[*known]])
    catalog.con.unregister("found")
    by_root: dict[str, dict[_Key, _Known]] = defaultdict(dict)
    for place, source, owner, *of_input in sorted(rows, key=lambda row: row[-1]):
        row = _Known((source, owner, place), *of_input)
        if row.is_of_whole_path:
            by_root[row.root][row.key] = row
    return by_root


def _former_folders(site: Site, catalog: Catalog) -> list[str]:
    """Where site.toml's folder was, the last one first, if the lake lies below it."""
    place = site.place(site.lake_uri)
    if not place:
        return []
    roots = catalog.rows("SELECT root FROM snapshots GROUP BY root ORDER BY max(number) DESC")
    return [root.removesuffix(f"/{place}") for (root,) in roots if root and root.endswith(f"/{place}")]


def _is_old_folder(pairs: Sequence[tuple[Input, _Known]], site: Site, extractors: Mapping[str, Extractor]) -> bool:
    """Whether at least half of the inputs have the ledger's size, and of some of these at least half its content."""
    sized = [p for p in pairs if p[0].size_bytes and p[1].size_bytes and p[1].content_hash]
    same_size = [p for p in sized if p[0].size_bytes == p[1].size_bytes]
    if 2 * len(same_size) < len(sized):
        return False
    some = sorted(same_size, key=lambda pair: pair[1].size_bytes or 0)[:_LOOKED_AT]
    same = [_hash(input, site, extractors[input.source]) == row.content_hash for input, row in some]
    return any(same) and 2 * sum(same) >= len(same)


def _hash(input: Input, site: Site, extractor: Extractor) -> str | None:
    try:
        return extractor.hash(input, site)
    except (InputError, OSError):
        return None
