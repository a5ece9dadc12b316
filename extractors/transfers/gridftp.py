"""The transfer log of a GridFTP server, Globus Connect Server's too: KEY=value pairs, one line a file.

    DATE=20190731073044.992375 HOST=dtn11 PROG=globus-gridftp-server NL.EVNT=FTP_INFO START=20190731073030.432241
    USER=glock FILE=/home/a file BUFFER=87040 BLOCK=262144 NBYTES=2753284040 VOLUME=/ STREAMS=1 STRIPES=1
    DEST=[192.101.102.150] TYPE=STOR CODE=226

(one line). A file's name is printed as it is: it may hold spaces, `=` and anything that looks like a pair.
"""

from __future__ import annotations

import re
from typing import ClassVar, Final

import polars as pl

from iolake.extractors.transfers.logs import TransferLog, end_us

_STAMP: Final = "%Y%m%d%H%M%S%.f"
_USUAL: Final = {
    "DATE=": "date", "HOST=": "node", "PROG=": "program", "NL.EVNT=": "event", "START=": "start", "USER=": "user_name",
    "FILE=": "path", "BUFFER=": "buffer_bytes", "BLOCK=": "block_bytes", "NBYTES=": "bytes", "VOLUME=": "volume",
    "STREAMS=": "streams", "STRIPES=": "stripes", "DEST=": "peer", "TYPE=": "operation", "CODE=": "return_code",
    "TASKID=": "task_id",
}  # fmt: skip
"""The keys in the order in which a server prints them; the last one is Globus's alone."""
_NUMBERS: Final = ("buffer_bytes", "block_bytes", "bytes", "streams", "stripes", "return_code")
_GAP: Final = r"[ \t]"
_TAIL: Final = rf"{_GAP}BUFFER=\d+{_GAP}BLOCK=\d+{_GAP}NBYTES=\d+{_GAP}.*"
_LATER: Final = "BUFFER|BLOCK|NBYTES|VOLUME|STREAMS|STRIPES|DEST|TYPE|CODE|TASKID|USER|HOST|START"
_PAIRS: Final = rf"(?:{_GAP}(?:{_LATER})=[^ \t]*)+{_GAP}*"
_FILE: Final = (rf"(?:^|{_GAP})FILE=(.*)({_TAIL})$", rf"(?:^|{_GAP})FILE=(.*?)({_PAIRS})$")
"""Two ways to find the name: before the keys that a server prints after it, else before a rest of pairs alone."""


def _pairs(keys: list[str]) -> str:
    """Return the form of pairs with one space between them, in ASCII."""
    kinds = {key: r"\d+" if name in _NUMBERS else "[!-~]+" for key, name in _USUAL.items()}
    return " ".join(f"{re.escape(key)}(?P<{_USUAL[key]}>{kinds[key]})" for key in keys)


_KEYS: Final = list(_USUAL)
_BEFORE: Final = f"(?-u)^{_pairs(_KEYS[:6])}$"
"""What stands before FILE in a line as the server prints it."""
_AFTER: Final = f"(?-u)^{_pairs(_KEYS[7:-1])}(?: {_pairs(_KEYS[-1:])})?$".replace("BUFFER=", "", 1)
"""What stands after BUFFER=."""


class GridFtp(TransferLog):
    """Transfers of a GridFTP server. STOR (and ESTO) brings a file in, RETR (and ERET) takes one out."""

    source: ClassVar = "gridftp"
    what: ClassVar = "GridFTP's log"
    heads: ClassVar = (r"^DATE=\d{14}.* PROG=globus-gridftp-server",)
    version: ClassVar = 2
    tool: ClassVar = "a GridFTP transfer log"
    mounted: ClassVar = "path"
    of_no_transfer: ClassVar = (pl.col("event") != "FTP_INFO").fill_null(False)

    def parse(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return the pairs as columns: by their places in lines as the server prints them, else by their keys."""
        usual = _by_place(frame)
        fits = pl.col("date").is_not_null() & pl.col("bytes").is_not_null()
        others = frame.filter(~usual.select(fits).to_series())
        found = pl.concat([usual.filter(fits), _by_key(others)], how="diagonal").sort("number")
        found = found.with_columns(
            local_us=end_us(found["date"], _STAMP),
            started_us=end_us(found["start"], _STAMP),
            peer=pl.col("peer").str.strip_chars("[]"),
            **{column: pl.col(column).cast(pl.Int64, strict=False) for column in _NUMBERS},
        )
        moved = (pl.col("bytes") >= 0) & pl.col("operation").is_not_null() & ~self.of_no_transfer
        return found.with_columns(
            local_us=pl.when(moved).then(pl.col("local_us")),
            tool=pl.lit("gridftp"),
            direction=_direction(),
            succeeded=pl.col("return_code").is_between(200, 299),
        )


def _by_place(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the pairs as columns; `date` or `bytes` is null in a line that the server does not print so."""
    found = frame.lazy().with_columns(_cut("line", " FILE=", ["before", "rest"]))
    found = found.with_columns(_cut("rest", " BUFFER=", ["path", "after"]))
    groups = [pl.col(part).str.extract_groups(form) for part, form in (("before", _BEFORE), ("after", _AFTER))]
    return found.with_columns(group.struct.unnest() for group in groups).drop("before", "rest", "after").collect()


def _cut(column: str, mark: str, names: list[str]) -> pl.Expr:
    """What stands before a mark, and all behind it."""
    return pl.col(column).str.splitn(mark, 2).struct.rename_fields(names).struct.unnest()


def _by_key(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the pairs as columns, each found by its key."""
    line = pl.col("line")
    path, tail = (pl.coalesce(*(line.str.extract(form, group) for form in _FILE)) for group in (1, 2))
    head = line.str.extract(rf"^(.*?)(?:^|{_GAP})FILE=", 1)
    frame = frame.with_columns(path=path, rest=pl.coalesce(pl.concat_str(head, tail), line))
    return frame.with_columns(**{n: _value(key.strip("=")) for key, n in _USUAL.items() if n != "path"}).drop("rest")


def _value(key: str) -> pl.Expr:
    """The value of a pair; null where the line has none."""
    return pl.col("rest").str.extract(rf"(?:^|{_GAP}){re.escape(key)}=([^ \t]+)", 1)


def _direction() -> pl.Expr:
    into, out = pl.col("operation").is_in(["STOR", "ESTO", "APPE"]), pl.col("operation").is_in(["RETR", "ERET"])
    return pl.when(into).then(pl.lit("in")).when(out).then(pl.lit("out"))
