"""Ranking a table of users, as the workers of Spark and Ray do it."""
from __future__ import annotations

import dataclasses
import os
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pyarrow as pa

from attune._database import Database
from attune._database import open as open_database
from attune._errors import InvalidArgument, make
from attune._tables import texts_of

_USERS_PER_CALL = 500
_POLICY = ("exclude_seen", "require_categories", "exclude_categories",
           "exclude_ids", "include_unavailable", "diversity", "value_formula")
_OPENING = ("memory_limit_mb", "precision", "backend")


@dataclasses.dataclass(frozen=True)
class Job:
    """What to do for every user; it travels to the workers by pickle.

    Requests neither use nor keep a user's state, and all carry the same time:
    a task that runs twice, anywhere, gives the same rows.
    """

    snapshot: str
    request: Mapping[str, Any]
    opening: Mapping[str, Any]
    tasks: tuple[str, ...] = ()  # whose probabilities are columns

    @classmethod
    def make(cls, snapshot: str | os.PathLike[str], k: int, now_ms: int | None,
             candidates: Iterable[str] | None, probabilities: bool,
             options: Mapping[str, Any], columns: Iterable[str]) -> Job:
        """Checks what can be checked before the first worker begins."""
        path = os.fspath(snapshot)
        unknown = sorted(set(options) - set(_POLICY) - set(_OPENING))
        if unknown:
            raise InvalidArgument(f"there is no argument {unknown[0]!r}")
        columns = list(columns)
        if "user_id" not in columns:
            raise InvalidArgument(
                f"a column user_id is wanted; there are {', '.join(columns)}")
        opening = {key: options[key] for key in _OPENING if key in options}
        request = {key: _listed(options[key]) for key in _POLICY
                   if options.get(key) is not None}
        request |= {"k": k, "without_state": True,
                    "now_ms": int(time.time() * 1000) if now_ms is None else now_ms}
        if candidates is not None:
            request["candidates"] = list(texts_of(candidates))
        with open_database(path, **opening) as db:
            # Refuses wrong arguments here rather than in a worker's log. Any
            # candidate will do; without one the catalogue would be searched.
            probe = db.rank("", **{**request, "candidates": ["?"], "history": []})
            if "history" not in columns and not db.stats()["storage"]["histories"]:
                raise InvalidArgument(
                    f"{path} has no histories, and there is no column history: "
                    "give each user's, or make it with histories")
        return cls(path, request, opening,
                   tuple(probe.tasks) if probabilities else ())

    @property
    def schema(self) -> pa.Schema:
        """Of the rows that come out."""
        return pa.schema([
            pa.field("user_id", pa.string(), nullable=False),
            pa.field("rank", pa.int32(), nullable=False),
            pa.field("item_id", pa.string(), nullable=False),
            pa.field("score", pa.float64(), nullable=False),
            *(pa.field("p_" + task, pa.float64(), nullable=False)
              for task in self.tasks)])

    def rank_table(self, table: pa.Table) -> pa.Table:
        """Ranks the users of a table; see `attune.spark.rank`."""
        return pa.Table.from_batches(self.rank_batches(table.to_batches()),
                                     schema=self.schema)

    def rank_pairs(self, table: pa.Table) -> pa.Table:
        """Ranks one user's pairs; see `attune.ray.rank`."""
        users = table.column("user_id").unique().to_pylist()
        # Sorted, for the order of a shuffle's rows is nobody's.
        items = sorted(set(table.column("item_id").to_pylist()) - {None})
        if not items:  # else the whole catalogue would be ranked
            return self.schema.empty_table()
        return self.rank_table(pa.table(
            {"user_id": users, "candidates": pa.array([items] * len(users),
                                                      pa.list_(pa.string()))}))

    def rank_batches(self, batches: Iterable[pa.RecordBatch],
                     ) -> Iterator[pa.RecordBatch]:
        """The same batch by batch."""
        db = _opened(self.snapshot, self.opening)
        for batch in batches:
            for begin in range(0, batch.num_rows, _USERS_PER_CALL):
                yield self._rank(db, batch.slice(begin, _USERS_PER_CALL))

    def _rank(self, db: Database, rows: pa.RecordBatch) -> pa.RecordBatch:
        users = rows.column("user_id").to_pylist()
        columns = {name: rows.column(name).to_pylist()
                   for name in ("history", "candidates")
                   if name in rows.schema.names}
        requests = []
        for place, user in enumerate(users):
            if user is None:
                raise InvalidArgument("user_id is null")
            # A null is none of its own: the stored history, the shared candidates.
            own = {name: values[place] for name, values in columns.items()
                   if values[place] is not None}
            requests.append({**self.request, "user": str(user), **own})
        names, ranks, items, scores = [], [], [], []
        chances: list[list[float]] = [[] for _ in self.tasks]
        for request, (code, message, answer) in zip(
                requests, db._engine.rank_batch(requests)):
            if answer is None:
                raise make(code, f"user {request['user']!r}: {message}")
            count = len(answer["item_ids"])
            names += [request["user"]] * count
            ranks += range(1, count + 1)
            items += answer["item_ids"]
            scores += answer["scores"].tolist()
            for values, task in zip(chances, self.tasks):
                column = answer["tasks"].index(task)
                values += answer["probabilities"][:, column].tolist()
        return pa.record_batch([names, ranks, items, scores, *chances],
                               schema=self.schema)


def check_pairs(columns: Iterable[str]) -> bool:
    """Whether rows are pairs of a user and an item. Refuses half of both."""
    columns = set(columns)
    if "item_id" not in columns:
        return False
    if columns != {"user_id", "item_id"}:
        raise InvalidArgument(
            "rows of pairs have the columns user_id and item_id alone; with a "
            "history, give a row per user with a list of candidates")
    return True


def _listed(value: Any) -> Any:
    return value if isinstance(value, (str, bool, int, float)) else list(
        texts_of(value))


# One engine per process and file, for as long as the process lives: workers take
# task after task. A file that was replaced is opened anew.
_lock = threading.Lock()
_engines: dict[tuple[Any, ...], Database] = {}


def _opened(path: str, opening: Mapping[str, Any]) -> Database:
    status = os.stat(path) if os.path.exists(path) else None
    identity = status and (status.st_dev, status.st_ino, status.st_mtime_ns)
    # After fork() the parent's engine is of no use to the child.
    key = (os.getpid(), path, identity, tuple(sorted(opening.items())))
    with _lock:
        db = _engines.get(key)
        if db is None:
            db = _engines[key] = open_database(path, **opening)
        return db
