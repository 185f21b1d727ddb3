"""Ranking many users with Ray Data, from a snapshot.

    attune.snapshot("shop.db", "/shared/shop.snapshot", histories=True)
    top = attune.ray.rank(users, "/shared/shop.snapshot", k=20)

The package `attune` must be installed where the workers run. Ray 2.
"""
from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from attune._batch_job import Job
from attune._errors import InvalidArgument

if TYPE_CHECKING:
    from ray.data import Dataset

__all__ = ["rank"]


def rank(ds: Dataset, snapshot: str | os.PathLike[str], k: int = 10, *,
         candidates: Iterable[str] | None = None, now_ms: int | None = None,
         probabilities: bool = False, batch_size: int = 1000, **options: Any,
         ) -> Dataset:
    """Ranks for every user of a Dataset: top-k rows out.

    Each worker process maps the snapshot into memory once, without a lock; a
    task takes one core. One that is retried gives the same rows; on machines of
    one instruction set, those of the plugin, bit for bit.

    Args:
        ds: a row per user: user_id, and, as lists, history (structs) and
            candidates (item ids); see `attune.spark.rank`.
        snapshot: file made by `attune.snapshot`, at this path on every node.
        batch_size: users per task.
        k, candidates, now_ms, probabilities, options: as `attune.spark.rank`.

    Returns:
        user_id string, rank int32 (from 1), item_id string, score double, and
        with `probabilities` p_<task> double; users stay together, in rank order.

    Raises:
        As `attune.spark.rank`.
    """
    columns = ds.columns() or []
    if "item_id" in columns:
        raise InvalidArgument(
            "a row per user is wanted, with a list of candidates: group by user_id")
    job = Job.make(snapshot, k, now_ms, candidates, probabilities, options, columns)
    return ds.map_batches(job.rank_table, batch_format="pyarrow",
                          batch_size=batch_size, num_cpus=1)
