"""Ranking many users on a Spark cluster, from a snapshot.

    attune.snapshot("shop.db", "/shared/shop.snapshot", histories=True)
    top = attune.spark.rank(users, "/shared/shop.snapshot", k=20)

The package `attune` must be installed where the executors run. PySpark 4.
"""
from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from attune._batch_job import Job

if TYPE_CHECKING:
    import pyarrow
    from pyspark.sql import DataFrame

__all__ = ["rank"]


def rank(df: DataFrame, snapshot: str | os.PathLike[str], k: int = 10, *,
         candidates: Iterable[str] | None = None, now_ms: int | None = None,
         probabilities: bool = False, ship: bool = False, **options: Any,
         ) -> DataFrame:
    """Ranks for every user of a DataFrame: top-k rows out.

    Each executor's Python workers map the snapshot into memory once, without a
    lock. A task that is retried, or run twice by speculation, gives the same
    rows; on machines of one instruction set, those of the plugin, bit for bit.

    Args:
        df: a row per user:
            user_id: string.
            history: array of structs (item_id, action, and timestamp [s], time_ms
                or order), oldest first; null or no such column: the snapshot's.
            candidates: array of item ids; null or no such column: `candidates`.
            Or a row per pair, user_id and item_id, which is grouped by user first
            (a shuffle), so that a history is encoded once.
        snapshot: file made by `attune.snapshot`, at this path here and on every
            executor (a shared or a local disk).
        k: places per user; 0: all candidates.
        candidates: item ids for all users. None: found by the match term in the
            whole catalogue.
        now_ms: the time to rank at, Unix ms; None: now, the same for all rows.
        probabilities: a column p_<task> for each of the model's tasks.
        ship: sends the file to the executors (SparkContext.addFile), once each.
        options: exclude_seen, require_categories, exclude_categories,
            exclude_ids, include_unavailable, diversity, value_formula of
            `Database.rank`; memory_limit_mb, precision, backend of `attune.open`,
            for each Python worker.

    Returns:
        user_id string, rank int (from 1), item_id string, score double, and with
        `probabilities` p_<task> double. Users stay together, in rank order.

    Raises:
        InvalidArgument, NotFound, DataLoss, …: here, before a job runs, for what
        can be seen from the arguments and the file. What a row has wrong fails
        its task, with the user named.
    """
    if "item_id" in df.columns:
        df = _by_user(df)
    job = Job.make(snapshot, k, now_ms, candidates, probabilities, options,
                   df.columns)
    work = job.rank_batches
    if ship:
        df.sparkSession.sparkContext.addFile(job.snapshot)
        work = functools.partial(_rank_shipped, job)
    wanted = [name for name in ("user_id", "history", "candidates")
              if name in df.columns]
    types = ["user_id string NOT NULL", "rank int NOT NULL",
             "item_id string NOT NULL", "score double NOT NULL",
             *(f"`p_{task}` double NOT NULL" for task in job.tasks)]
    return df.select(*wanted).mapInArrow(work, ", ".join(types))


def _by_user(df: DataFrame) -> DataFrame:
    from pyspark.sql import functions

    from attune._errors import InvalidArgument

    if set(df.columns) != {"user_id", "item_id"}:
        raise InvalidArgument(
            "rows of pairs have the columns user_id and item_id alone; with a "
            "history, give a row per user with an array of candidates")
    # Sorted, for the order of a shuffle's rows is nobody's.
    return df.groupBy("user_id").agg(functions.sort_array(
        functions.collect_set("item_id")).alias("candidates"))


def _rank_shipped(job: Job, batches: Iterable[pyarrow.RecordBatch],
                  ) -> Iterator[pyarrow.RecordBatch]:
    import dataclasses

    from pyspark import SparkFiles

    path = SparkFiles.get(os.path.basename(job.snapshot))
    return dataclasses.replace(job, snapshot=path).rank_batches(batches)
