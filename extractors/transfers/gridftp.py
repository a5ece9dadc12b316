"""The transfer log of a GridFTP server, Globus Connect Server's too: KEY=value pairs, one line a file.

    DATE=20190731073044.992375 HOST=dtn11 PROG=globus-gridftp-server NL.EVNT=FTP_INFO START=20190731073030.432241
    USER=glock FILE=/home/a file BUFFER=87040 BLOCK=262144 NBYTES=2753284040 VOLUME=/ STREAMS=1 STRIPES=1
    DEST=[192.101.102.150] TYPE=STOR CODE=226

(one line). A file's name is printed as it is: it may hold spaces, `=` and anything that looks like a pair.
"""

from __future__ import annotations

from typing import ClassVar, Final

import polars as pl

from iolake.extractors.transfers.logs import TransferLog, end_us

_STAMP: Final = "%Y%m%d%H%M%S%.f"
_NUMBERS: Final = {
    "BUFFER": "buffer_bytes", "BLOCK": "block_bytes", "NBYTES": "bytes", "STREAMS": "streams", "STRIPES": "stripes",
    "CODE": "return_code",
}  # fmt: skip
_TEXTS: Final = {"HOST": "node", "USER": "user_name", "VOLUME": "volume", "TYPE": "operation", "TASKID": "task_id"}
_TAIL: Final = r"\sBUFFER=\d+\sBLOCK=\d+\sNBYTES=\d+\s.*"
_PAIRS: Final = r"(?:\s(?:BUFFER|BLOCK|NBYTES|VOLUME|STREAMS|STRIPES|DEST|TYPE|CODE|TASKID|USER|HOST|START)=\S*)+\s*"
_FILE: Final = (rf"(?:^|\s)FILE=(.*)({_TAIL})$", rf"(?:^|\s)FILE=(.*?)({_PAIRS})$")
"""The name and what follows it: the last of what the server prints after one, else the first nothing but pairs."""


class GridFtp(TransferLog):
    """Transfers of a GridFTP server. STOR (and ESTO) brings a file in, RETR (and ERET) takes one out."""

    source: ClassVar = "gridftp"
    tool: ClassVar = "a GridFTP transfer log"
    mounted: ClassVar = "path"

    def parse(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return the pairs as columns; each is found by its key, in whatever order the server prints them."""
        line = pl.col("line")
        path, tail = (pl.coalesce(*(line.str.extract(form, group) for form in _FILE)) for group in (1, 2))
        head = line.str.extract(r"^(.*?)(?:^|\s)FILE=", 1)
        frame = frame.with_columns(path=path, rest=pl.coalesce(pl.concat_str(head, tail), line))
        frame = frame.with_columns(
            local_us=end_us(_value("DATE"), _STAMP),
            started_us=end_us(_value("START"), _STAMP),
            peer=_value("DEST").str.strip_chars("[]"),
            is_other=_value("NL.EVNT").is_not_null() & (_value("NL.EVNT") != "FTP_INFO"),
            **{column: _value(key) for key, column in _TEXTS.items()},
            **{column: _value(key).cast(pl.Int64, strict=False) for key, column in _NUMBERS.items()},
        )
        moved = pl.col("bytes").is_not_null() & (pl.col("bytes") >= 0) & pl.col("operation").is_not_null()
        return frame.with_columns(
            local_us=pl.when(moved & ~pl.col("is_other")).then(pl.col("local_us")),
            tool=pl.lit("gridftp"),
            direction=_direction(),
            succeeded=pl.col("return_code").is_between(200, 299),
        )


def _value(key: str) -> pl.Expr:
    """The value of a pair; null where the line has none."""
    return pl.col("rest").str.extract(rf"(?:^|\s){key.replace('.', r'[.]')}=(\S+)", 1)


def _direction() -> pl.Expr:
    into, out = pl.col("operation").is_in(["STOR", "ESTO", "APPE"]), pl.col("operation").is_in(["RETR", "ERET"])
    return pl.when(into).then(pl.lit("in")).when(out).then(pl.lit("out"))
