"""A database's model and items as one file."""
from __future__ import annotations

import dataclasses
import os

from attune import _attune

Path = str | os.PathLike[str]


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """What `snapshot` made; `attune.open(path)` reads it.

    Attributes:
        path: the file. size_bytes: its size.
        model: version of the model inside.
        items, vectors: items, and those that the model has embedded. Fewer
            vectors than items: whoever opens it embeds the others; publish the
            model again before.
        users, histories, events: 0 without `histories=True`.
    """

    path: str
    model: str
    items: int
    vectors: int
    users: int
    histories: int
    events: int
    size_bytes: int


def snapshot(database: Path, out: Path, *, histories: bool = False) -> Snapshot:
    """Packs the current model with all items into one read-only file.

    The file is mapped into memory by whoever opens it: no lock, nothing read
    ahead, one copy in memory for all processes of a machine. It appears complete
    or not at all, beside a live owner of the database.

    Args:
        database: directory of the database.
        out: file to write; one that is there is replaced when all is written,
            and those who have it open keep the old one.
        histories: users with their histories and events, too. Without, every
            request brings its user's history.

    Raises:
        FailedPrecondition: no model is published. NotFound: no such database or
        folder. ResourceExhausted: the disk is full.
    """
    path = os.fspath(out)
    fields = _attune.snapshot(os.fspath(database), path, histories)
    return Snapshot(path=path, **fields)


def check_snapshot(path: Path) -> None:
    """Reads and checks every byte of a snapshot, as after shipping it.

    Opening looks at the header only, and a row is checked when it is read.

    Raises:
        DataLoss: it is damaged. InvalidArgument: it is no snapshot.
    """
    _attune.check_snapshot(os.fspath(path))
