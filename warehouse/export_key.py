"""The key of an anonymised export: kept outside it, in a file that its owner alone reads, or given as text."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Final

from iolake.warehouse.export import ExportError

_LEAST: Final = 16
"""The fewest characters of a key: a shorter one could be found by trying all."""


def from_text(text: str) -> bytes:
    """The key that a text is. ExportError for a short one."""
    if len(text.strip()) < _LEAST:
        raise ExportError(f"the key of an export has at least {_LEAST} characters; `openssl rand -hex 32` makes one")
    return text.strip().encode()


def from_file(path: Path, folder: Path) -> tuple[bytes, bool]:
    """The key in a file, and whether the file was made for it. ExportError where the file lies within `folder`."""
    if path.resolve().is_relative_to(folder.resolve()):
        raise ExportError(f"{path}: the key must not lie in the export; name another file")
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return from_text(path.read_text(errors="replace")), False
    key = secrets.token_hex(32)
    with open(handle, "w") as file:
        file.write(key + "\n")
    return key.encode(), True
