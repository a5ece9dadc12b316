"""Finds the fsspec file system of a location."""

from __future__ import annotations

from typing import Any, Final

import fsspec

from iolake.schemas.errors import PermanentError

_EXTRAS: Final = {"s3": "iolake[s3]", "s3a": "iolake[s3]"}
"""The extra that brings what a protocol needs; other protocols need a package of their own."""


class MissingExtra(PermanentError):
    """A package is missing, because only some centres need it."""

    def __init__(self, what: str, package: str) -> None:
        self.what, self.package = what, package
        super().__init__(f"{what} needs a missing package; pip install '{package}' brings it")


class NoSuchProtocol(PermanentError):
    """A location with an unknown protocol."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        super().__init__(f"{uri}: the protocol before :// is unknown; s3://bucket/folder is an example")


def file_system_of(uri: str, **options: Any) -> tuple[Any, str]:
    """(fsspec's file system, path there) of a location. MissingExtra, NoSuchProtocol."""
    protocol = uri.partition("://")[0].split("::")[-1] if "://" in uri else "file"
    if protocol not in fsspec.available_protocols():
        raise NoSuchProtocol(uri)
    try:
        fs, path = fsspec.url_to_fs(uri, **options)
    except ImportError as error:
        # fsspec's text is such as: Install s3fs to access S3
        words = str(error).split()
        package = _EXTRAS.get(protocol) or (words[1] if words[:1] == ["Install"] else str(error.name or protocol))
        raise MissingExtra(uri, package) from None
    return fs, path
