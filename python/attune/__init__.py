"""Attune: ranks items for people from logs and texts, with reasons.

    import attune

    attune.ingest("shop.db", items="items.jsonl", events="events.tsv.gz")
    attune.train("shop.db", "model", progress=True)
    with attune.open("shop.db", mode="owner") as db:
        db.publish("model")
        ranking = db.rank("u00042", k=10, explain=True)
        for item in ranking:
            print(item.rank, item.item_id, item.score)

`attune.spark` and `attune.ray` (import them) rank many users on many machines,
from a file that `attune.snapshot` makes, and embed catalogues for `publish`.

Every call that works gives up the GIL; a Database is for all threads. What a
call refuses is an attune.Error with the engine's own message.
"""
from attune._attune import version as __version__
from attune._database import Database, open  # noqa: A004 (attune.open)
from attune._embed_job import Vectors, embed
from attune._errors import (AlreadyExists, Cancelled, Closed, DataLoss,
                            DeadlineExceeded, Error, FailedPrecondition, Forked,
                            Internal, InvalidArgument, NotFound, OutOfRange,
                            PermissionDenied, ResourceExhausted, Unavailable,
                            Unimplemented)
from attune._heat_map import HeatMap
from attune._ranking import RankedItem, Ranking, Rankings, Reason
from attune._snapshot import Snapshot, check_snapshot, snapshot
from attune._training import Evaluation, Trained, evaluate, ingest, train

__all__ = [
    "AlreadyExists", "Cancelled", "Closed", "DataLoss", "Database",
    "DeadlineExceeded", "Error", "Evaluation", "FailedPrecondition", "Forked",
    "HeatMap", "Internal", "InvalidArgument", "NotFound", "OutOfRange",
    "PermissionDenied", "RankedItem", "Ranking", "Rankings", "Reason",
    "ResourceExhausted", "Snapshot", "Trained", "Unavailable", "Unimplemented",
    "Vectors", "__version__", "check_snapshot", "embed", "evaluate", "ingest",
    "open", "snapshot", "train",
]
