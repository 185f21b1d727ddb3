"""From logs to a model."""
from __future__ import annotations

import html
import json
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from attune import _attune
from attune._database import Database
from attune._progress import EpochLines, FileLines

Path = str | os.PathLike[str]


class Evaluation:
    """How well a model ranks held-out items, beside popularity and item-kNN.

    Attributes:
        protocol: how the held-out items were chosen.
        cases: how many.
        candidates: items that they were ranked among.
        rows: dicts, one per ranker and cut-off: ranker, setting, k, ndcg_unseen,
            ndcg_unseen_error, hit_rate_unseen, ndcg_all, hit_rate_all.
        tasks: dicts, one per ranker and task (time split with impressions).
    """

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self.protocol: str = fields["protocol"]
        self.cases: int = fields["cases"]
        self.candidates: int = fields["candidates"]
        self.rows: list[dict[str, Any]] = fields["rows"]
        self.tasks: list[dict[str, Any]] = fields["tasks"]

    def __repr__(self) -> str:
        lines = [f"{self.protocol}: {self.cases} held-out targets ranked among "
                 f"{self.candidates} items"]
        lines += [f"  {r['ranker']:<24} k={r['k']:<4} NDCG "
                  f"{r['ndcg_unseen']:.4f} ±{r['ndcg_unseen_error']:.4f}  "
                  f"hit rate {r['hit_rate_unseen']:.4f}" for r in self.rows]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{html.escape(r['ranker'])}</td><td>{r['k']}</td>"
            f"<td>{r['ndcg_unseen']:.4f} ±{r['ndcg_unseen_error']:.4f}</td>"
            f"<td>{r['hit_rate_unseen']:.4f}</td></tr>" for r in self.rows)
        return (f"<table><caption>{html.escape(self.protocol)}: {self.cases} "
                f"held-out targets among {self.candidates} items</caption>"
                "<thead><tr><th>ranker</th><th>k</th><th>NDCG</th>"
                f"<th>hit rate</th></tr></thead><tbody>{rows}</tbody></table>")


class Trained:
    """What `train` made.

    Attributes:
        model: the directory.
        version: the model's name.
        seconds: it took.
        fusion_weight: of decoder and features, chosen on validation.
        validation_ndcg: NDCG@10 of that choice.
        evaluation: on the held-out test items.
    """

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self.model: str = fields["model"]
        self.version: str = fields["version"]
        self.seconds: float = fields["seconds"]
        self.fusion_weight: float = fields["fusion_weight"]
        self.validation_ndcg: float = fields["validation_ndcg"]
        self.evaluation = Evaluation(fields["evaluation"])

    def __repr__(self) -> str:
        return (f"<attune.Trained {self.model}: version {self.version}, "
                f"{self.seconds:.0f} s, validation NDCG@10 "
                f"{self.validation_ndcg:.4f}>")


def ingest(db: Path, *, items: Path | Iterable[Path] = (),
           users: Path | Iterable[Path] = (), events: Path | Iterable[Path] = (),
           schema: Mapping[str, Any] | str | None = None,
           map: Mapping[str, str] | None = None,  # noqa: A002 (as the program's)
           context: Iterable[str] = (),
           skip_bad_rows: bool = False, again: bool = False,
           progress: bool | Callable[[str, int, int, int], None] = False,
           ) -> list[dict[str, Any]]:
    """Takes files into a database, which it makes where there is none.

    Each row is taken exactly once: calling again goes on where it stopped. Types
    of columns that the schema does not state are inferred and written down.

    Args:
        db: the database's directory; not open as owner.
        items, users, events: JSON lines or TSV, plain or .gz; one or several.
        schema: {"columns": […], "actions": {…}} (docs/formats.md) or its JSON.
            With no file it is stored for the `put_…` methods to come.
        map: names: {"item_id": "book_id"} reads column book_id as item_id.
        context: event columns that requests carry, too, with a type where the
            inferred one is wrong: ["query:text", "tab:categorical"].
        skip_bad_rows: counts bad rows instead of stopping at the first.
        again: takes files that were taken before.
        progress: True shows lines on stderr; or a function (path, rows, bytes
            read, bytes).

    Returns:
        A dict per file: kind, path, rows, added, replaced, duplicates, skipped…

    Raises:
        InvalidArgument: "events.jsonl:812: …"; the rows before it stay.
    """
    text = schema if schema is None or isinstance(schema, str) else json.dumps(schema)
    renames = ",".join(f"{new}={old}" for new, old in (map or {}).items())
    with FileLines.of(progress) as report:
        return _attune.ingest(_path(db), _paths(items), _paths(users),
                              _paths(events), text, renames, ",".join(context),
                              skip_bad_rows, again, report)


def train(db: Database | Path, out: Path, *,
          config: Mapping[str, Any] | str | None = None,
          protocol: str = "leave-one-out", test_days: int = 0,
          epochs: int | None = None, threads: int | None = None,
          seed: int | None = None, resume: bool = False,
          progress: bool | Callable[[dict[str, Any]], None] = False) -> Trained:
    """Trains a model on a database's logs, evaluates it, writes its directory.

    Ctrl-C stops it within a step and leaves a checkpoint for `resume=True`. The
    database may be open, here or elsewhere.

    Args:
        db: a database.
        out: the model's directory; appears when it is complete.
        config: {"model": {…}, "training": {…}} (docs/model.md) or its JSON.
        protocol: "leave-one-out", "time-split", "last-basket" or "cold-items".
        test_days: of a time split; 0: a tenth of the time.
        epochs, threads, seed: instead of the configuration's.
        resume: goes on from the checkpoint of a stopped run.
        progress: True shows a line per epoch on stderr; or a function, called in
            this thread with a dict: stage, epoch, loss, ndcg, gauc (of
            impressions), metric (their sum), best_metric, seconds,
            events_per_second. What it raises ends the training.
    """
    text = config if isinstance(config, str) else json.dumps(config or {})
    with EpochLines.of(progress) as report:
        return Trained(_attune.train(
            _path(db), _path(out), text, protocol, test_days, epochs, threads,
            seed, resume, report))


def evaluate(db: Database | Path, model: Path, *,
             protocol: str = "leave-one-out", test_days: int = 0,
             k: Iterable[int] = (10, 50), threads: int = 0,
             baselines: bool = True) -> Evaluation:
    """Ranks held-out items over the whole catalogue with a model.

    Args:
        db: a database. model: a model's directory.
        protocol, test_days: those that it was trained under.
        k: cut-offs. threads: 0: all cores.
        baselines: also popularity and item-kNN.
    """
    return Evaluation(_attune.evaluate(_path(db), _path(model), protocol,
                                       test_days, list(k), threads, baselines))


def _path(path: Database | Path) -> str:
    return path.path if isinstance(path, Database) else os.fspath(path)


def _paths(paths: Path | Iterable[Path]) -> list[str]:
    if isinstance(paths, (str, os.PathLike)):
        return [os.fspath(paths)]
    return [os.fspath(path) for path in paths]
