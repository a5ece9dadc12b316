"""The errors of a lake. Each has its values as attributes and the next step in its message."""

from __future__ import annotations

from iolake.schemas.errors import IolakeError, PermanentError, TransientError


class LakeError(IolakeError):
    """Base class of the errors of a lake; the message is one line for a person."""


class NoLake(LakeError, PermanentError):
    """There is no lake at that location."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        super().__init__(f"{uri}: no lake here; `iolake ingest` makes one once it finds an input, --lake names another")


class NoSnapshot(LakeError, PermanentError):
    """The lake has no such snapshot, or has collected it."""

    def __init__(self, uri: str, number: int) -> None:
        self.uri, self.number = uri, number
        super().__init__(f"{uri}: no snapshot {number}; `iolake snapshots` lists the existing ones")


class NoTable(LakeError, PermanentError):
    """The lake has no such table."""

    def __init__(self, name: str, near: list[str]) -> None:
        self.name, self.near = name, near
        hint = f"did you mean {', '.join(near)}?" if near else "`iolake tables` lists them"
        super().__init__(f"no table {name}; {hint}")


class NoConditionalPut(LakeError, PermanentError):
    """An object store on which two writers would overwrite each other's snapshots."""

    def __init__(self, uri: str, problem: str) -> None:
        self.uri, self.problem = uri, problem
        super().__init__(
            f"{uri}: the object store {problem}, so two writers would overwrite each other's snapshots; "
            "keep the lake on one that has conditional PUT, or in a folder"
        )


class DamagedFile(LakeError, PermanentError):
    """A data file that the newest snapshot names is missing, or does not hold what was written to it."""

    def __init__(self, location: str, problem: str) -> None:
        self.location, self.problem = location, problem
        super().__init__(f"{location}: {problem}; `iolake repair` reads the inputs of its rows again")


class CommitContested(LakeError, TransientError):
    """Other writers published first in every attempt; nothing was published."""

    def __init__(self, uri: str, tries: int) -> None:
        self.uri, self.tries = uri, tries
        super().__init__(f"{uri}: other writers published first {tries} times; run the same command again")


class LoadLost(LakeError, TransientError):
    """The mark of a load is gone: the load looked dead, and its files may be gone. Nothing was published."""

    def __init__(self, uri: str, load_id: str) -> None:
        self.uri, self.load_id = uri, load_id
        super().__init__(f"{uri}: load {load_id} looked dead and was cleaned up; run the same command again")


class SnapshotDamaged(LakeError, PermanentError):
    """The newest snapshot is truncated. Writing on from an older one would lose the loads that only it names."""

    def __init__(self, uri: str, number: int) -> None:
        self.uri, self.number = uri, number
        super().__init__(f"{uri}: snapshot {number} is damaged; `iolake rebuild` makes a new one from the data files")
