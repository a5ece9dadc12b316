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
_USUAL: Final = {
    "DATE=": "date", "HOST=": "node", "PROG=": "program", "NL.EVNT=": "event", "START=": "start", "USER=": "user_name",
    "FILE=": "path", "BUFFER=": "buffer_bytes", "BLOCK=": "block_bytes", "NBYTES=": "bytes", "VOLUME=": "volume",
    "STREAMS=": "streams", "STRIPES=": "stripes", "DEST=": "peer", "TYPE=": "operation", "CODE=": "return_code",
    "TASKID=": "task_id",
}  # fmt: skip
"""The keys in the order in which a server prints them; the last one is Globus's alone."""
_BARE: Final = ("path", "buffer_bytes")
"""Values that a line is cut at, so that they stand without their keys."""
_MISFIT: Final = [""] * len(_USUAL)
_NUMBERS: Final = ("buffer_bytes", "block_bytes", "bytes", "streams", "stripes", "return_code")
_TAIL: Final = r"\sBUFFER=\d+\sBLOCK=\d+\sNBYTES=\d+\s.*"
_PAIRS: Final = r"(?:\s(?:BUFFER|BLOCK|NBYTES|VOLUME|STREAMS|STRIPES|DEST|TYPE|CODE|TASKID|USER|HOST|START)=\S*)+\s*"
_FILE: Final = (rf"(?:^|\s)FILE=(.*)({_TAIL})$", rf"(?:^|\s)FILE=(.*?)({_PAIRS})$")
"""Two ways to find the name: before the keys that a server prints after it, else before a rest of pairs alone."""


class GridFtp(TransferLog):
    """Transfers of a GridFTP server. STOR (and ESTO) brings a file in, RETR (and ERET) takes one out."""

    source: ClassVar = "gridftp"
    tool: ClassVar = "a GridFTP transfer log"
    mounted: ClassVar = "path"

    def parse(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return the pairs as columns: by their places in lines as the server prints them, else by their keys."""
        usual, fits = _by_place(frame)
        found = pl.concat([usual, _by_key(frame.filter(~fits))], how="diagonal").sort("number")
        found = found.with_columns(
            local_us=end_us(pl.col("date"), _STAMP),
            started_us=end_us(pl.col("start"), _STAMP),
            peer=pl.col("peer").str.strip_chars("[]"),
            is_other=(pl.col("event") != "FTP_INFO").fill_null(False),
            **{column: pl.col(column).cast(pl.Int64, strict=False) for column in _NUMBERS},
        )
        moved = (pl.col("bytes") >= 0) & pl.col("operation").is_not_null() & ~pl.col("is_other")
        return found.with_columns(
            local_us=pl.when(moved).then(pl.col("local_us")),
            tool=pl.lit("gridftp"),
            direction=_direction(),
            succeeded=pl.col("return_code").is_between(200, 299),
        )


def _by_place(frame: pl.DataFrame) -> tuple[pl.DataFrame, pl.Series]:
    """Return (the lines in the usual order with their values, which of all lines those are)."""
    flat: list[str] = []  # all lines' pairs in one list: a list a line would cost more than the splitting
    most = len(_USUAL)
    for line in frame["line"].to_list():
        head, _, rest = line.partition(" FILE=")
        name, _, tail = rest.rpartition(" BUFFER=")
        pairs = [*head.split(" "), name, *tail.split(" "), "TASKID="][:most]
        flat += pairs if len(pairs) == most else _MISFIT
    columns = {name: pl.Series(flat[place::most], dtype=pl.String) for place, name in enumerate(_USUAL.values())}
    raw = pl.DataFrame(columns)
    keyed = {name: key for key, name in _USUAL.items() if name not in _BARE}
    fits = raw.select(pl.all_horizontal(pl.col(n).str.starts_with(key) for n, key in keyed.items())).to_series()
    fits &= frame["line"].str.contains(" BUFFER=", literal=True)
    values = [pl.col(name).str.strip_prefix(key) for name, key in keyed.items()]
    named = raw.with_columns(*values).with_columns(task_id=pl.when(pl.col("task_id") != "").then("task_id"))
    return frame.with_columns(named.get_columns()).filter(fits), fits


def _by_key(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the pairs as columns, each found by its key."""
    line = pl.col("line")
    path, tail = (pl.coalesce(*(line.str.extract(form, group) for form in _FILE)) for group in (1, 2))
    head = line.str.extract(r"^(.*?)(?:^|\s)FILE=", 1)
    frame = frame.with_columns(path=path, rest=pl.coalesce(pl.concat_str(head, tail), line))
    return frame.with_columns(**{n: _value(key.strip("=")) for key, n in _USUAL.items() if n != "path"}).drop("rest")


def _value(key: str) -> pl.Expr:
    """The value of a pair; null where the line has none."""
    return pl.col("rest").str.extract(rf"(?:^|\s){key.replace('.', r'[.]')}=(\S+)", 1)


def _direction() -> pl.Expr:
    into, out = pl.col("operation").is_in(["STOR", "ESTO", "APPE"]), pl.col("operation").is_in(["RETR", "ERET"])
    return pl.when(into).then(pl.lit("in")).when(out).then(pl.lit("out"))
