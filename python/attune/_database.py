"""An open database."""
from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from attune import _attune, _errors
from attune._ranking import Ranking, Rankings
from attune._tables import rows_of, texts_of

_BATCH = 1000  # requests in one call of the C interface, which takes 10,000


def open(path: str | os.PathLike[str], mode: str = "follower", *,
         create: bool = False, model: str | os.PathLike[str] | None = None,
         threads: int | None = None, memory_limit_mb: int | None = None,
         precision: str | None = None, backend: str | None = None,
         publish_items_per_second: int | None = None,
         refresh_ms: int | None = None) -> Database:
    """Opens a database, which `attune.ingest` or the program `attune` makes.

    Args:
        path: its directory, or a file that `attune.snapshot` made (follower).
        mode: "follower" reads beside its owner; "owner" is the one process that
            writes and publishes.
        create: makes the database where there is none (owner).
        model: a model directory to serve instead of the current one.
        threads: that one call may use, 1 by default; several Python threads may
            call at the same time whatever it is.
        memory_limit_mb: one ceiling for caches, states and models, 1024.
        precision: "f32" or "bf16"; the model's own by default.
        backend: "onednn" or "reference".
        publish_items_per_second: rate of Database.publish, 0 (as fast as it
            goes) here, since few Python processes serve beside it.
        refresh_ms: a follower that was asked for nothing for so long looks what
            the owner has written before it answers, 200 by default.

    Raises:
        NotFound: there is no database. FailedPrecondition: another process owns
        it. InvalidArgument: an option is wrong.
    """
    path = os.fspath(path)
    options = {
        "database": path, "mode": mode, "create": create or None,
        "model": None if model is None else os.fspath(model),
        "threads": threads, "memory_limit_mb": memory_limit_mb,
        "precision": precision, "backend": backend,
        "publish_items_per_second":
            0 if publish_items_per_second is None else publish_items_per_second,
        "refresh_ms": refresh_ms,
    }
    given = {key: value for key, value in options.items() if value is not None}
    try:
        text = json.dumps(given)
    except TypeError as error:
        raise _errors.InvalidArgument(f"options: {error}") from None
    return Database(_attune.Engine(text, path), path)


class Database:
    """An open database with its models: what `attune.open` gives.

    Thread-safe. Every method blocks, and gives up the GIL while it works: calls
    of several Python threads run side by side. Ends with `close` or `with`.
    """

    def __init__(self, engine: _attune.Engine, path: str) -> None:
        self._engine = engine
        self.path = path

    def __enter__(self) -> Database:
        return self

    def __exit__(self, kind: type[BaseException] | None,
                 value: BaseException | None,
                 traceback: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"attune.Database({self.path!r})"

    def close(self) -> None:
        """Waits for running calls; later ones raise Closed. Again: nothing."""
        self._engine.close()

    # ---- rank ------------------------------------------------------------

    def rank(self, user: str = "", k: int = 10, *,
             candidates: Iterable[str] | None = None,
             items: Iterable[Mapping[str, Any]] | None = None,
             history: Iterable[Mapping[str, Any]] | None = None,
             history_items: Iterable[Mapping[str, Any]] | None = None,
             user_features: Mapping[str, Any] | None = None,
             context: Mapping[str, Any] | None = None,
             explain: bool = False, exclude_seen: bool | None = None,
             require_categories: Iterable[str] | None = None,
             exclude_categories: Iterable[str] | None = None,
             exclude_ids: Iterable[str] | None = None,
             include_unavailable: bool | None = None,
             diversity: float | None = None, value_formula: str | None = None,
             now_ms: int = 0, deadline_ms: int = 0, model: str = "",
             without_state: bool = False) -> Ranking:
        """Ranks candidates for a user; unknown ids are served, not refused.

        Args:
            user: id; "" or an unknown one: a user without history.
            k: places wanted; 0: all candidates.
            candidates: [n] item ids (list, NumPy, pandas or Arrow column). None,
                and no `items`: found by the match term in the whole catalogue.
            items: candidates as dicts, as `put_items` takes them; not stored.
            history: events as dicts (item_id, action, timestamp | time_ms |
                order), oldest first, instead of the stored ones.
            history_items: records of the history's items that are not stored.
            user_features: instead of the stored ones of a user without record.
            context: what is known of the moment ({"query": "sea stories"}):
                columns that the model was trained with as context.
            explain: adds to each item the events that it rests on.
            exclude_seen: leaves out what the user had to do with.
            require_categories: any of these. exclude_categories: none of these.
            exclude_ids: not these items.
            include_unavailable: also items that are marked so.
            diversity: 0 none to 1 only diversity (MMR).
            value_formula: over the tasks' names; None: the model's.
            now_ms: the request's time, Unix ms; 0: the clock.
            deadline_ms: budget; less is done where it is short, which
                `Ranking.degraded` tells. 0: none.
            model: version; "": the current one.
            without_state: neither use nor keep the user's state.

        Raises:
            InvalidArgument: names the argument. DeadlineExceeded: not even the
            least fits. FailedPrecondition: no model is published.
        """
        arguments = _arguments(locals())
        return Ranking._of(user, self._engine.rank(arguments))

    def rank_many(self, users: Iterable[str], k: int = 10, *,
                  candidates: Iterable[str] | None = None,
                  context: Mapping[str, Any] | None = None,
                  explain: bool = False, exclude_seen: bool | None = None,
                  require_categories: Iterable[str] | None = None,
                  exclude_categories: Iterable[str] | None = None,
                  exclude_ids: Iterable[str] | None = None,
                  diversity: float | None = None,
                  value_formula: str | None = None, now_ms: int = 0,
                  model: str = "") -> Rankings:
        """Ranks for many users, `threads` of `attune.open` side by side.

        Args:
            users: [n] ids. The others are those of `rank`, the same for all.

        Returns:
            [n] rankings, in the order of `users`.

        Raises:
            The error of the first request that failed, its user named.
        """
        shared = _arguments(locals())
        del shared["users"]
        names = list(texts_of(users))
        rankings = []
        for first in range(0, len(names), _BATCH):
            part = names[first:first + _BATCH]
            answers = self._engine.rank_batch(
                [{**shared, "user": name} for name in part])
            for name, (code, message, response) in zip(part, answers):
                if response is None:
                    raise _errors.make(code, f"user {name!r}: {message}")
                rankings.append(Ranking._of(name, response))
        return Rankings(rankings)

    def scores(self, users: str | Iterable[str], candidates: Iterable[str], *,
               now_ms: int = 0, deadline_ms: int = 0, model: str = "",
               without_state: bool = False) -> npt.NDArray[np.float32]:
        """The candidates' scores alone, in their order: the fastest call.

        Args:
            users: one id, or [u] ids.
            candidates: [n] item ids. The others are those of `rank`;
                deadline_ms is for each user.

        Returns:
            [n] float32 for one user, [u, n] for several; `Ranking.scores` has
            the same values. NaN where an item is not available.
        """
        one = isinstance(users, str)
        table = self._engine.scores(
            [users] if one else texts_of(users), texts_of(candidates), now_ms,
            deadline_ms, model, without_state)
        return table[0] if one else table

    # ---- write: mode "owner" ----------------------------------------------

    def put_items(self, rows: Any, *, sync: bool = False) -> int:
        """Stores items, replacing those of the same id; embeds them.

        Args:
            rows: dicts, a pandas DataFrame, or anything that speaks Arrow
                (pyarrow, polars, …: read from its buffers, without copies).
                Columns: item_id, title, description, tags, categories,
                unavailable; every other one is a feature.
            sync: returns when it survives a loss of power.

        Returns:
            The number of rows. All of them, or none up to 16 MiB; larger tables
            are written in pieces of that size, after all rows were checked.

        Raises:
            InvalidArgument: "items:3: field …", rows counted from 1; nothing is
            written then. FailedPrecondition: a follower.
        """
        return self._engine.put("items", rows_of(rows), sync)

    def put_users(self, rows: Any, *, sync: bool = False) -> int:
        """Stores users: user_id, every other column a feature. See put_items."""
        return self._engine.put("users", rows_of(rows), sync)

    def put_events(self, rows: Any, *, sync: bool = False) -> int:
        """Adds events. See put_items.

        Columns: user_id, item_id, action, timestamp (seconds, or a time) or
        time_ms or order, event_id (taken once), followed; 0/1 columns of
        results (is_click, …) make an impression. Without a time it is now.
        """
        return self._engine.put("events", rows_of(rows), sync)

    def delete_item(self, item_id: str) -> None:
        """Forgets an item."""
        self._engine.delete_item(item_id)

    def delete_user(self, user_id: str) -> None:
        """Forgets a user: record, events, history, state."""
        self._engine.delete_user(user_id)

    def delete_events(self, user_id: str, item_id: str = "") -> None:
        """Forgets a user's events, all or those with one item."""
        self._engine.delete_events(user_id, item_id)

    # ---- run ----------------------------------------------------------------

    def publish(self, model: str | os.PathLike[str], *,
                vectors: str | os.PathLike[str] | None = None) -> None:
        """Checks a model directory, embeds the catalogue, makes it current.

        Requests are answered by the model before until then. Ctrl-C ends it and
        keeps what was embedded for the next try.

        Args:
            vectors: what `attune.embed`, `attune.spark.embed` or
                `attune.ray.embed` has written for this model. Vectors of records
                as they are stored are loaded, what is missing is embedded here.

        Raises:
            InvalidArgument, NotFound, DataLoss: `vectors` has no parts, or
            damaged ones, or those of another model; the model before stays.
        """
        self._engine.publish(os.fspath(model),
                             None if vectors is None else os.fspath(vectors))

    def rollback(self) -> None:
        """Makes the model before the current one current again."""
        self._engine.rollback()

    def prefetch(self, user_id: str, model: str = "") -> None:
        """Encodes a history ahead of the next request."""
        self._engine.prefetch(user_id, model)

    def refresh(self) -> None:
        """Follower: sees what the owner has written so far."""
        self._engine.refresh()

    def stats(self) -> dict[str, Any]:
        """Counts, latencies and sizes."""
        return json.loads(self._engine.stats(False))

    def prometheus(self) -> str:
        """The same as Prometheus text."""
        return self._engine.stats(True)


_IDS = ("candidates", "require_categories", "exclude_categories", "exclude_ids")


def _arguments(given: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a method as _attune takes them: ids as lists of str."""
    arguments = {key: value for key, value in given.items()
                 if key != "self" and value is not None}
    for key in _IDS:
        if key in arguments:
            arguments[key] = texts_of(arguments[key])
    for key in ("items", "history", "history_items"):
        if key in arguments and not isinstance(arguments[key], Sequence):
            arguments[key] = list(rows_of(arguments[key]))
    return arguments
