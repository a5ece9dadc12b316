"""What lies beside an export: a data dictionary for people, and Croissant metadata for machines."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from iolake.schemas.ddl import duckdb_type
from iolake.schemas.identity import Identity
from iolake.schemas.table import Column
from iolake.warehouse.pseudonyms import Pseudonyms

if TYPE_CHECKING:
    from iolake.warehouse.export import ExportedTable

_NAME: Final = "iolake-export"
_ABOUT: Final = "I/O telemetry of a high-performance computing centre: plain Parquet tables that join by their keys."
_CONTEXT: Final[dict[str, Any]] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""The context that Croissant 1.0 prescribes."""


def describe(folder: Path, tables: Sequence[ExportedTable], pseudonyms: Pseudonyms | None) -> None:
    """Write dictionary.md and croissant.json beside an export's files."""
    (folder / "dictionary.md").write_text("\n".join(_dictionary(tables, pseudonyms)) + "\n")
    text = json.dumps(_metadata(folder, tables), indent=1, ensure_ascii=False)
    (folder / "croissant.json").write_text(text + "\n")


def treatment(column: Column, pseudonyms: Pseudonyms | None) -> str:
    """What an export did to a column's values, in words."""
    kind, identity = column.type, column.identity
    if pseudonyms is None:
        return "kept"
    if pa.types.is_temporal(kind) or identity is Identity.MOMENT:
        return "shifted" if pseudonyms.shift else "kept"
    if identity is Identity.NOTHING:
        return "kept"
    hashed = {
        Identity.PATH: "each component hashed",
        Identity.COMMAND: "each word hashed, and within it each component",
    }
    how = hashed.get(identity, "hashed, but OST and MDT numbers kept" if identity is Identity.TARGET else "hashed")
    return f"{how} (identifies {identity.value})"


def _dictionary(tables: Sequence[ExportedTable], pseudonyms: Pseudonyms | None) -> Iterator[str]:
    yield f"# Data dictionary\n\n{_ABOUT}"
    yield "Every time is UTC. Null means unknown, zero means zero. A file holds one day of one table.\n"
    if pseudonyms is not None:
        yield (
            "What identifies people, jobs, files and hosts was replaced by keyed hashes (HMAC-SHA256). Equal values of "
            "a kind have equal hashes in all tables, so the tables join by their keys. In paths each component is "
            "hashed by itself, so that files of one folder share its prefix."
        )
        yield "All times were shifted by one number of days.\n" if pseudonyms.shift else "Times are as they were.\n"
        yield (
            "Sizes, counts and times are exact: whoever knows these of a run can find it here. Consider that before "
            "you publish the tables.\n"
        )
    for table in tables:
        yield f"## {table.name}\n\n{table.doc}\n\n{table.rows:,} rows in {len(table.files):,} files.\n"
        yield "| column | type | unit | meaning | values |\n|---|---|---|---|---|"
        for c in table.columns:
            cells = (f"`{c.name}`", duckdb_type(c.type), c.unit or "", c.doc, treatment(c, pseudonyms))
            yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
        yield ""


def _metadata(folder: Path, tables: Sequence[ExportedTable]) -> dict[str, Any]:
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": _NAME,
        "description": _ABOUT,
        "datePublished": f"{datetime.now(UTC):%Y-%m-%d}",
        "version": "1.0.0",
        "isLiveDataset": False,
        "distribution": [entry for table in tables for entry in _distribution(folder, table)],
        "recordSet": [_record_set(table) for table in tables],
    }


def _distribution(folder: Path, table: ExportedTable) -> Iterator[dict[str, Any]]:
    """Each file with its checksum, and the set of a table's files."""
    for path, _, size in table.files:
        with (folder / path).open("rb") as file:
            checksum = hashlib.file_digest(file, "sha256").hexdigest()
        yield {
            "@type": "cr:FileObject",
            "@id": path,
            "name": path,
            "contentUrl": path,
            "contentSize": f"{size} B",
            "encodingFormat": "application/x-parquet",
            "sha256": checksum,
        }
    yield {
        "@type": "cr:FileSet",
        "@id": f"{table.name}-files",
        "name": f"{table.name}-files",
        "description": f"The files of {table.name}, one a day.",
        "encodingFormat": "application/x-parquet",
        "includes": f"{table.name}/*.parquet",
    }


def _record_set(table: ExportedTable) -> dict[str, Any]:
    """A table's columns but those of MAP and STRUCT, which Croissant has no type for: its readers fail on them."""
    nested = [c.name for c in table.columns if not _has_type(c.type)]
    left_out = f" Columns in the files that Croissant has no type for: {', '.join(nested)}." if nested else ""
    return {
        "@type": "cr:RecordSet",
        "@id": table.name,
        "name": table.name,
        "description": table.doc + left_out,
        "field": [_field(table, column) for column in table.columns if column.name not in nested],
    }


def _has_type(kind: pa.DataType) -> bool:
    return not pa.types.is_nested(kind.value_type if pa.types.is_list(kind) else kind)


def _field(table: ExportedTable, column: Column) -> dict[str, Any]:
    kind = column.type
    repeated = pa.types.is_list(kind)
    return {
        "@type": "cr:Field",
        "@id": f"{table.name}/{column.name}",
        "name": column.name,
        "description": column.comment,
        "dataType": _data_type(kind.value_type if repeated else kind),
        **({"repeated": True} if repeated else {}),
        "source": {"fileSet": {"@id": f"{table.name}-files"}, "extract": {"column": column.name}},
    }


def _data_type(kind: pa.DataType) -> str:
    if pa.types.is_boolean(kind):
        return "sc:Boolean"
    if pa.types.is_integer(kind):
        return "sc:Integer"
    if pa.types.is_floating(kind):
        return "sc:Float"
    if pa.types.is_date(kind):
        return "sc:Date"
    return "sc:DateTime" if pa.types.is_timestamp(kind) else "sc:Text"
