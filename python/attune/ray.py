"""Ranking users and embedding items with Ray Data.

    attune.snapshot("shop.db", "/shared/shop.snapshot", histories=True)
    top = attune.ray.rank(users, "/shared/shop.snapshot", k=20)

The package `attune` must be installed where the workers run. Ray 2.
"""
from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from attune._batch_job import Job, check_pairs
from attune._embed_job import ITEMS_PER_PART, EmbedJob, Vectors

if TYPE_CHECKING:
    from ray.data import Dataset

__all__ = ["Vectors", "embed", "rank"]


def rank(ds: Dataset, snapshot: str | os.PathLike[str], k: int = 10, *,
         candidates: Iterable[str] | None = None, now_ms: int | None = None,
         probabilities: bool = False, batch_size: int = 1000,
         partitions: int | None = None, **options: Any) -> Dataset:
    """Ranks for every user of a Dataset: top-k rows out.

    Each worker process maps the snapshot into memory once, without a lock; a
    task takes one core. One that is retried gives the same rows; on machines of
    one instruction set, those of the plugin, bit for bit.

    Args:
        ds: a row per user: user_id, and, as lists, history (structs) and
            candidates (item ids); see `attune.spark.rank`. Or a row per pair,
            user_id and item_id, which is grouped by user first (a shuffle by
            sorting), so that a history is encoded once.
        snapshot: file made by `attune.snapshot`, at this path on every node.
        batch_size: users per task.
        partitions: of pairs, between the shuffle and the ranking; one per core of
            the cluster by default. More where a share of the pairs does not fit
            into a worker's memory.
        k, candidates, now_ms, probabilities, options: as `attune.spark.rank`.

    Returns:
        user_id string, rank int32 (from 1), item_id string, score double, and
        with `probabilities` p_<task> double; users stay together, in rank order.

    Raises:
        As `attune.spark.rank`.
    """
    columns = ds.columns() or []
    pairs = check_pairs(columns)
    job = Job.make(snapshot, k, now_ms, candidates, probabilities, options, columns)
    if pairs:
        # A group comes whole into one task, in whatever order of its rows. Ray's
        # 200 partitions of its own would take minutes on a small cluster.
        groups = ds.groupby("user_id", num_partitions=partitions or _cores())
        return groups.map_groups(job.rank_pairs, batch_format="pyarrow", num_cpus=1)
    return ds.map_batches(job.rank_table, batch_format="pyarrow",
                          batch_size=batch_size, num_cpus=1)


def _cores() -> int:
    import ray

    return max(2, int(ray.cluster_resources().get("CPU", 2)))


def embed(ds: Dataset, model: str | os.PathLike[str], out: str | os.PathLike[str],
          *, schema: Mapping[str, Any] | str | None = None,
          items_per_part: int = ITEMS_PER_PART) -> Vectors:
    """Embeds a catalogue on a cluster, for publishing a model with its vectors.

    Args:
        ds: a row per item, with the columns that `Database.put_items` takes.
        model: a model directory, at this path on every node.
        out, schema: as `attune.spark.embed`.
        items_per_part: items of a task.

    Returns, raises:
        As `attune.spark.embed`.
    """
    job = EmbedJob.make(model, out, schema, ds.columns() or [])
    done = ds.map_batches(job.write_table, batch_format="pyarrow",
                          batch_size=items_per_part, num_cpus=1)
    return job.summary(done.take_all())
