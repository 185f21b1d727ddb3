"""Embedding a table of items, as the workers of Spark and Ray do it."""
from __future__ import annotations

import dataclasses
import json
import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from attune import _attune
from attune._errors import InvalidArgument
from attune._tables import rows_of

if TYPE_CHECKING:
    import pyarrow as pa

Path = str | os.PathLike[str]

ITEMS_PER_PART = 50_000


@dataclasses.dataclass(frozen=True)
class Vectors:
    """What `embed` made: for `Database.publish(vectors=)`, `attune publish --vectors`.

    Attributes:
        path: the directory with the parts.
        model: version of the model that embedded them.
        items, parts, size_bytes: written by this call.
    """

    path: str
    model: str
    items: int
    parts: int
    size_bytes: int

    def __fspath__(self) -> str:
        return self.path


@dataclasses.dataclass(frozen=True)
class EmbedJob:
    """What to do with every item; it travels to the workers by pickle.

    A part's name is a hash of its content: a task that runs twice, anywhere,
    writes the same file.
    """

    model: str
    out: str
    schema: str | None
    version: str

    @classmethod
    def make(cls, model: Path, out: Path,
             schema: Mapping[str, Any] | str | None,
             columns: Iterable[str] | None = None) -> EmbedJob:
        """Checks what can be checked before the first worker begins."""
        text = schema if schema is None or isinstance(schema, str) else json.dumps(
            schema)
        if columns is not None and "item_id" not in (names := list(columns)):
            raise InvalidArgument(
                f"a column item_id is wanted; there are {', '.join(names)}")
        version = _embedder(os.fspath(model), text).version
        os.makedirs(out, exist_ok=True)
        return cls(os.fspath(model), os.fspath(out), text, version)

    def write_part(self, rows: Any) -> dict[str, Any]:
        """Embeds rows of items into one part: its path, items and size_bytes."""
        return _embedder(self.model, self.schema).write_part(rows_of(rows), self.out)

    def write_table(self, table: pa.Table) -> pa.Table:
        """The same, with the answer as a row; nothing for an empty table."""
        import pyarrow as pa

        parts = [self.write_part(table)] if table.num_rows else []
        return pa.Table.from_pylist(parts, schema=_part_schema())

    def write_batches(self, batches: Iterable[pa.RecordBatch],
                      items_per_part: int) -> Iterator[pa.RecordBatch]:
        """A task's rows in parts of so many items, the last one of fewer."""
        import pyarrow as pa

        waiting: list[pa.RecordBatch] = []
        rows = 0
        for batch in batches:
            waiting.append(batch)
            rows += batch.num_rows
            if rows >= items_per_part:
                yield from self.write_table(
                    pa.Table.from_batches(waiting)).to_batches()
                waiting, rows = [], 0
        if rows:
            yield from self.write_table(pa.Table.from_batches(waiting)).to_batches()

    def summary(self, parts: Iterable[Mapping[str, Any]]) -> Vectors:
        """Of the rows that came back."""
        parts = list(parts)
        return Vectors(self.out, self.version, sum(p["items"] for p in parts),
                       len({p["path"] for p in parts}),
                       sum(p["size_bytes"] for p in parts))


def embed(rows: Any, model: Path, out: Path, *,
          schema: Mapping[str, Any] | str | None = None) -> Vectors:
    """Embeds items into one part, without a database: a job's task by itself.

    `Database.publish(model, vectors=out)` then loads the vectors of those items
    whose records are stored as these rows say, and embeds the others.

    Args:
        rows: dicts, a pandas DataFrame, or anything that speaks Arrow, as
            `Database.put_items` takes them.
        model: a model directory.
        out: a directory, which is made where there is none; the part is added
            to those that are there.
        schema: of the database that the vectors are for, as `attune.ingest`
            takes it: types decide how a column is stored. None: the schema of
            the database that the model was trained on.

    Raises:
        InvalidArgument: "items:3: field …", rows counted from 1. NotFound,
        DataLoss: the model. ResourceExhausted: the disk is full.
    """
    job = EmbedJob.make(model, out, schema)
    return job.summary([job.write_part(rows)])


def _part_schema() -> pa.Schema:
    import pyarrow as pa

    return pa.schema([pa.field("path", pa.string(), nullable=False),
                      pa.field("items", pa.int64(), nullable=False),
                      pa.field("size_bytes", pa.int64(), nullable=False)])


# One model per process and directory: workers take task after task. One that was
# replaced is loaded anew.
_lock = threading.Lock()
_embedders: dict[tuple[Any, ...], _attune.Embedder] = {}


def _embedder(model: str, schema: str | None) -> _attune.Embedder:
    manifest = os.path.join(model, "manifest.json")
    status = os.stat(manifest) if os.path.exists(manifest) else None
    identity = status and (status.st_dev, status.st_ino, status.st_mtime_ns)
    key = (os.getpid(), model, identity, schema)
    with _lock:
        embedder = _embedders.get(key)
        if embedder is None:
            embedder = _embedders[key] = _attune.Embedder(model, schema)
        return embedder
