"""Logs of HPSS: its FTP server's, and those of HSI and HTAR.

    Mon Feb  4 16:45:04 2019 457.800 client 7184842752 /home/r/regan... b o RETR_Cmd r ftp wwwhpss
    Sat Aug 10 00:11:35 2019 client hsi 60004 11451<tab>LH<tab>0<tab>0.03<tab>3665510098<tab>51035.4<tab>5<tab>...

Times are local and say when a transfer ended. Rates are kB/s, of 1000 bytes.
"""

from __future__ import annotations

from typing import ClassVar, Final

import polars as pl

from iolake.extractors.transfers.logs import TransferLog, end_us

_FORM: Final = "%b %d %H:%M:%S %Y"
_WHEN: Final = r"[A-Z][a-z]{2} +(?P<when>[A-Z][a-z]{2} +\d{1,2} +\d\d:\d\d:\d\d +\d{4})"
"""The day of the week is not looked at: logs exist in which it is another day's."""
_FULL: Final = 2**31 - 1
"""Where the FTP server's 32-bit counter of bytes ends."""
_KB: Final = 1000
_SECOND_TYPE: Final = "(?: [CUT_])?"
_FTP: Final = (
    rf"^{_WHEN} +(?P<duration>\d+\.\d+) (?P<peer>\S+) (?P<bytes>\d+) (?P<path>.+) [abCUT_]{_SECOND_TYPE} [io]"
    r" (?P<operation>[A-Z]+)_Cmd \S+ (?P<service>\S+) (?P<user_name>\S+)"
)
_USUAL_FTP: Final = (
    rf"(?-u){_FTP}(?: fd \d+)?$".replace(r"\S", "[!-~]").replace(".+", "[!-~]+").replace(_SECOND_TYPE, "")
)
"""A whole line in ASCII with one type and no space in its path: it is matched in a quarter of the time."""
_OPENS: Final = r"\b[A-Z]+_Cmd [a-z] [a-z] ftp "
_HEAD: Final = rf"^{_WHEN} +(?P<peer>\S+) (?P<tool>hsi|htar) (?P<uid>\d+) \d+$"
_FIELDS: Final = 11


class HpssFtp(TransferLog):
    """The log of HPSS's FTP server, of ftp and pftp clients. It shortens long paths itself.

    Lines of HPSS 7.4 that open a transfer (POPN) belong to the log and are not transfers.
    """

    source: ClassVar = "hpss_ftp"
    what: ClassVar = "log of HPSS's FTP server"
    heads: ClassVar = (r"^\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4} (?>.*? [bo] ).*\w_Cmd ",)
    tool: ClassVar = "an HPSS FTP log"
    of_no_transfer: ClassVar = pl.col("line").str.contains(_OPENS)

    def parse(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return the transfers: STOR, PSTO and LFSTO go into HPSS; RETR, PRTR and LFRTR out of it."""
        usual = frame.with_columns(pl.col("line").str.extract_groups(_USUAL_FTP).struct.unnest())
        fits = usual["when"].is_not_null()
        others = frame.filter(~fits).with_columns(pl.col("line").str.extract_groups(_FTP).struct.unnest())
        any_others = others["when"].null_count() < others.height
        frame = pl.concat([usual.filter(fits), others]).sort("number") if any_others else usual
        operation = pl.col("operation")
        into, out = operation.is_in(["STOR", "PSTO", "LFSTO", "APPE"]), operation.is_in(["RETR", "PRTR", "LFRTR"])
        frame = frame.with_columns(
            local_us=pl.when(into | out).then(end_us(frame["when"], _FORM)),
            duration_s=pl.col("duration").cast(pl.Float64, strict=False),
            bytes=pl.col("bytes").cast(pl.Int64, strict=False),
            tool=pl.when(operation.str.contains("^(?:P|LF)")).then(pl.lit("pftp")).otherwise(pl.lit("ftp")),
            direction=_direction(into, out),
        )
        return frame.with_columns(
            local_us=pl.when(pl.col("bytes").is_not_null()).then(pl.col("local_us")),
            saturated=pl.col("bytes") == _FULL,
        )


class Hsi(TransferLog):
    """The log of HSI and HTAR. LH goes into HPSS and HL out of it; HH copies, FR renames, FU removes a file."""

    source: ClassVar = "hsi"
    what: ClassVar = "log of HSI and HTAR"
    heads: ClassVar = (r"^\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4} \S+ (hsi|htar) ",)
    tool: ClassVar = "an HSI or HTAR log"

    mounted: ClassVar = "other_path"

    def parse(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return the lines' fields.

        HSI: operation, code, latency, bytes, rate, class of service, local path or source, path in HPSS or target,
        account. HTAR: what it did, operation, code, bytes, duration, rate, path in HPSS, host, class of service,
        account.
        """
        names = [f"f{i}" for i in range(_FIELDS)]
        split = pl.col("line").str.split_exact("\t", _FIELDS - 1).struct.rename_fields(names)
        frame = frame.with_columns(split.alias("fields")).unnest("fields")
        frame = frame.with_columns(pl.col("f0").str.extract_groups(_HEAD).struct.unnest())
        frame = frame.with_columns(is_htar=(pl.col("tool") == "htar").fill_null(False))
        frame = frame.with_columns(operation=_field(1, 2), count=_number(4, 4, pl.Int64))
        operation = pl.col("operation")
        into, out = operation == "LH", operation == "HL"
        moved, other = into | out | (operation == "HH"), operation.is_in(["FR", "FU"])
        is_known = (moved | other) & (pl.col("count") >= 0)
        across = (into | out) & ~pl.col("is_htar")
        return frame.with_columns(
            local_us=pl.when(is_known).then(end_us(frame["when"], _FORM)),
            uid=pl.col("uid").cast(pl.Int64, strict=False),
            return_code=_number(2, 3, pl.Int64),
            latency_s=pl.when(~pl.col("is_htar")).then(pl.col("f3")).cast(pl.Float64, strict=False),
            bytes=pl.when(moved).then(pl.col("count")).otherwise(0),
            file_bytes=pl.when(operation == "FU").then(pl.col("count")),
            duration_s=pl.when(pl.col("is_htar")).then(pl.col("f5")).cast(pl.Float64, strict=False),
            rate=_number(5, 6, pl.Float64) * _KB,
            class_of_service=pl.when(moved).then(_number(6, 9, pl.Int64)),
            path=_text(pl.when(across).then(pl.col("f8")).otherwise(pl.col("f7"))),
            other_path=_text(pl.when(across).then(pl.col("f7")).when(~pl.col("is_htar")).then(pl.col("f8"))),
            account=_text(_field(9, 10)),
            direction=_direction(into, out),
        ).with_columns(succeeded=pl.col("return_code") == 0)


def _direction(into: pl.Expr, out: pl.Expr) -> pl.Expr:
    return pl.when(into).then(pl.lit("in")).when(out).then(pl.lit("out"))


def _field(hsi: int, htar: int) -> pl.Expr:
    """The field of that number: HTAR's differ from HSI's."""
    return pl.when(pl.col("is_htar")).then(pl.col(f"f{htar}")).otherwise(pl.col(f"f{hsi}"))


def _number(hsi: int, htar: int, kind: type[pl.DataType]) -> pl.Expr:
    return _field(hsi, htar).cast(kind, strict=False)


def _text(field: pl.Expr) -> pl.Expr:
    return pl.when(field != "").then(field)
