"""Ranking users and embedding items on a Spark cluster.

    attune.snapshot("shop.db", "/shared/shop.snapshot", histories=True)
    top = attune.spark.rank(users, "/shared/shop.snapshot", k=20)

The package `attune` must be installed where the executors run. PySpark 4.
"""
from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from attune._batch_job import Job, check_pairs
from attune._embed_job import ITEMS_PER_PART, EmbedJob, Vectors

if TYPE_CHECKING:
    import pyarrow
    from pyspark.sql import DataFrame

__all__ = ["Vectors", "embed", "rank"]


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
    if check_pairs(df.columns):
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


def embed(df: DataFrame, model: str | os.PathLike[str],
          out: str | os.PathLike[str], *,
          schema: Mapping[str, Any] | str | None = None, ship: bool = False,
          items_per_part: int = ITEMS_PER_PART) -> Vectors:
    """Embeds a catalogue on a cluster, for publishing a model with its vectors.

        attune.spark.embed(items, "/shared/model", "/shared/vectors")
        db.publish("/shared/model", vectors="/shared/vectors")

    The vectors are those that publishing computes, bit for bit on machines of
    one instruction set. A task that is retried, or run twice by speculation,
    writes the same files.

    Args:
        df: a row per item, with the columns that `Database.put_items` takes:
            item_id, title, description, tags, categories, unavailable, features.
        model: a model directory, at this path here and on every executor.
        out: a directory that here and every executor can write to (a shared
            disk), made where there is none; parts are added to those there.
        schema: of the database that the vectors are for, as `attune.ingest`
            takes it: types decide how a column is stored. None: the schema of
            the database that the model was trained on.
        ship: sends the model to the executors (SparkContext.addFile), once each.
        items_per_part: at most about so many items of a partition in a file.

    Returns:
        What was written, when all of it is.

    Raises:
        InvalidArgument, NotFound, DataLoss, …: here, before a job runs, for what
        can be seen from the arguments and the model. What a row has wrong fails
        its task.
    """
    job = EmbedJob.make(model, out, schema, df.columns)
    work = functools.partial(_write_parts, job, items_per_part)
    if ship:
        df.sparkSession.sparkContext.addFile(job.model, recursive=True)
        work = functools.partial(_write_parts_shipped, job, items_per_part)
    rows = df.mapInArrow(work, "path string NOT NULL, items bigint NOT NULL, "
                               "size_bytes bigint NOT NULL").collect()
    return job.summary(row.asDict() for row in rows)


def _write_parts(job: EmbedJob, items_per_part: int,
                 batches: Iterable[pyarrow.RecordBatch],
                 ) -> Iterator[pyarrow.RecordBatch]:
    return job.write_batches(batches, items_per_part)


def _write_parts_shipped(job: EmbedJob, items_per_part: int,
                         batches: Iterable[pyarrow.RecordBatch],
                         ) -> Iterator[pyarrow.RecordBatch]:
    return _write_parts(_here(job, "model"), items_per_part, batches)


def _here(job: Any, field: str) -> Any:
    """The job with the path of what was shipped to this executor."""
    from pyspark import SparkFiles

    name = os.path.basename(getattr(job, field).rstrip("/"))
    return dataclasses.replace(job, **{field: SparkFiles.get(name)})


def _by_user(df: DataFrame) -> DataFrame:
    from pyspark.sql import functions

    # Sorted, for the order of a shuffle's rows is nobody's. Who has no item would
    # else be given the whole catalogue's best.
    return df.where("item_id IS NOT NULL").groupBy("user_id").agg(functions.sort_array(
        functions.collect_set("item_id")).alias("candidates"))


def _rank_shipped(job: Job, batches: Iterable[pyarrow.RecordBatch],
                  ) -> Iterator[pyarrow.RecordBatch]:
    return _here(job, "snapshot").rank_batches(batches)
