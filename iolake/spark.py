"""A snapshot's tables as Spark's views. iolake does not depend on Spark: pass your own session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from iolake import schemas
from iolake.warehouse.lake import Lake
from iolake.warehouse.listing import ListedFile, list_files

if TYPE_CHECKING:
    from iolake.schemas.table import Table


def register(spark: Any, lake: Lake) -> list[str]:
    """Make every table of a snapshot a temporary view of a SparkSession, and return their names.

    A view reads exactly the snapshot's files, with the table's full schema: columns that files lack are null. A table
    without files is an empty view. Rows of marts that are not derived yet are in no file: run `iolake derive` first.
    Times are TIMESTAMP_NTZ, in UTC; unsigned 64-bit integers are DECIMAL(20, 0).
    """
    names = []
    for name, table in schemas.tables().items():
        _frame(spark, lake, table, list_files(lake, name).files).createOrReplaceTempView(name)
        names.append(name)
    return names


def _frame(spark: Any, lake: Lake, table: Table, files: list[ListedFile]) -> Any:
    from pyspark.sql import types

    schema = types.StructType([types.StructField(c.name, _type(c.type)) for c in table.all_columns])
    if not files:
        return spark.createDataFrame([], schema)
    reader = spark.read.schema(schema).option("basePath", _location(f"{lake.root}/{table.name}"))
    columns = [c.name for c in table.all_columns]
    return reader.parquet(*(_location(f.location) for f in files)).select(columns)


def _location(location: str) -> str:
    """A place by the name that Spark has for it: s3a for S3, and a file with its protocol."""
    if location.startswith("s3://"):
        return f"s3a://{location.removeprefix('s3://')}"
    return location if "://" in location else f"file://{location}"


def _type(kind: pa.DataType) -> Any:
    from pyspark.sql import types

    if pa.types.is_map(kind):
        return types.MapType(_type(kind.key_type), _type(kind.item_type))
    if pa.types.is_struct(kind):
        return types.StructType([types.StructField(f.name, _type(f.type)) for f in kind])
    if pa.types.is_list(kind):
        return types.ArrayType(_type(kind.value_type))
    simple = {
        pa.bool_(): types.BooleanType(),
        pa.int32(): types.IntegerType(),
        pa.int64(): types.LongType(),
        pa.uint64(): types.DecimalType(20, 0),
        pa.float64(): types.DoubleType(),
        pa.string(): types.StringType(),
        pa.date32(): types.DateType(),
        pa.timestamp("us"): types.TimestampNTZType(),
    }
    return simple[kind]
