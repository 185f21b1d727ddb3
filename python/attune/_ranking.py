"""What a rank call answers, and how a notebook shows it."""
from __future__ import annotations

import dataclasses
import html
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from attune._heat_map import HeatMap


@dataclasses.dataclass(frozen=True)
class Reason:
    """A past event that an item's place rests on."""

    item_id: str
    title: str  #: "" where unknown
    action: str
    time_ms: int  #: Unix ms; 0: unknown
    position: int  #: in the stored history, 0 = the oldest kept
    attention: float  #: share of the item's attention; 0 without a decoder
    effect: float  #: how far the score falls without this event


@dataclasses.dataclass(frozen=True)
class RankedItem:
    """One place of a ranking."""

    rank: int  #: 1 = first
    item_id: str
    score: float
    probabilities: dict[str, float]  #: by task
    logits: dict[str, float]  #: by task
    match_part: float | None  #: of the first task's logit; None unless explained
    fusion_part: float | None
    reasons: list[Reason]  #: strongest first; empty unless explained


class Ranking:
    """An ordered list of k items. A sequence of RankedItem; immutable.

    Attributes:
        user: the id that was asked for.
        item_ids: [k] str, best first.
        scores: [k] float64, by the value formula, before diversity.
        tasks: [t] names.
        logits, probabilities: [k, t] float64. "next" sums to 1 over the answer.
        model: the version that answered.
        retrieved: whether candidates were found in the catalogue.
        candidates_scored, history_length, unknown_items: counts.
        warm: whether a kept state was used.
        degraded: steps taken to meet the deadline.
        now_ms: the time that was used.
        filtered: how many candidates each rule took out.
    """

    def __init__(self, user: str, fields: dict[str, Any]) -> None:
        self.user = user
        self.item_ids: list[str] = fields["item_ids"]
        self.scores: npt.NDArray[np.float64] = fields["scores"]
        self.tasks: list[str] = fields["tasks"]
        self.logits: npt.NDArray[np.float64] = fields["logits"]
        self.probabilities: npt.NDArray[np.float64] = fields["probabilities"]
        self.model: str = fields["model"]
        self.retrieved: bool = fields["retrieved"]
        self.candidates_scored: int = fields["candidates_scored"]
        self.history_length: int = fields["history_length"]
        self.warm: bool = fields["warm"]
        self.unknown_items: int = fields["unknown_items"]
        self.degraded: list[str] = fields["degraded"]
        self.now_ms: int = fields["now_ms"]
        self.filtered: dict[str, int] = fields["filtered"]
        self._explanations = fields["explanations"]

    @classmethod
    def _of(cls, user: str, fields: dict[str, Any]) -> Ranking:
        return cls(user, fields)

    @property
    def explained(self) -> bool:
        """Whether items have reasons."""
        return self._explanations is not None

    def __len__(self) -> int:
        return len(self.item_ids)

    def __getitem__(self, place: int) -> RankedItem:
        index = range(len(self))[place]
        match_part = fusion_part = None
        reasons: list[Reason] = []
        if self._explanations is not None:
            match_part, fusion_part, rows = self._explanations[index]
            reasons = [Reason(*row) for row in rows]
        return RankedItem(
            index + 1, self.item_ids[index], float(self.scores[index]),
            dict(zip(self.tasks, self.probabilities[index].tolist())),
            dict(zip(self.tasks, self.logits[index].tolist())),
            match_part, fusion_part, reasons)

    def __iter__(self) -> Iterator[RankedItem]:
        return (self[index] for index in range(len(self)))

    def __repr__(self) -> str:
        shown = ", ".join(self.item_ids[:5])
        more = ", …" if len(self) > 5 else ""
        return f"<attune.Ranking for {self.user!r}: {shown}{more}>"

    def to_arrow(self) -> Any:
        """A pyarrow.Table [k rows]; see Rankings.to_arrow."""
        return Rankings([self]).to_arrow()

    def to_pandas(self) -> Any:
        """The same as a pandas.DataFrame."""
        return self.to_arrow().to_pandas()

    def heat_map(self, values: str = "attention") -> HeatMap:
        """Places against past events, for a notebook.

        Args:
            values: "attention", each event's share of the item's attention (all
                0 where the model's decoder is off), or "effect", how far the
                score falls without it.

        Raises:
            ValueError: without `explain=True`, or for other values.
        """
        if values not in ("attention", "effect"):
            raise ValueError(f'"attention" or "effect", not {values!r}')
        if not self.explained:
            raise ValueError("no reasons: rank with explain=True")
        items = list(self)
        events = {r.position: r for item in items for r in item.reasons}
        columns = sorted(events)
        matrix = np.zeros((len(items), len(columns)))
        for row, item in enumerate(items):
            for reason in item.reasons:
                matrix[row, columns.index(reason.position)] = getattr(reason, values)
        labels = [events[c].title or events[c].item_id for c in columns]
        return HeatMap(matrix, self.item_ids, labels, values)

    def _repr_html_(self) -> str:
        """A small table: place, item, score, chances, and why."""
        head = "".join(f"<th>{html.escape(task)}</th>" for task in self.tasks)
        why = "<th>because of</th>" if self.explained else ""
        rows = []
        for item in self:
            chances = "".join(f"<td>{100 * p:.1f}%</td>"
                              for p in item.probabilities.values())
            reasons = ", ".join(
                f"{html.escape(r.action)} {html.escape(r.title or r.item_id)} "
                f"({r.effect:+.2g})" for r in item.reasons[:3])
            rows.append(
                f"<tr><td>{item.rank}</td><td>{html.escape(item.item_id)}</td>"
                f"<td>{item.score:.3f}</td>{chances}"
                f"{f'<td style=text-align:left>{reasons}</td>' if why else ''}</tr>")
        return (f"<table><caption>{html.escape(self.user)}: {len(self)} of "
                f"{self.candidates_scored} candidates, history of "
                f"{self.history_length}, model {html.escape(self.model)}</caption>"
                f"<thead><tr><th></th><th>item</th><th>score</th>{head}{why}"
                f"</tr></thead><tbody>{''.join(rows)}</tbody></table>")


class Rankings(list[Ranking]):
    """Rankings of many users, in the order they were asked for."""

    def to_arrow(self) -> Any:
        """A pyarrow.Table, a row per place: user_id, rank, item_id, score, and
        per task its probability, named after it ("p_next").

        Raises:
            ImportError: pyarrow is not installed.
        """
        import pyarrow

        counts = [len(ranking) for ranking in self]
        columns = {
            "user_id": pyarrow.array(
                np.repeat(np.array([r.user for r in self], dtype=object), counts),
                pyarrow.string()),
            "rank": pyarrow.array(
                np.concatenate([np.arange(1, n + 1, dtype=np.int32) for n in counts])
                if counts else np.empty(0, np.int32)),
            "item_id": pyarrow.array([i for r in self for i in r.item_ids],
                                     pyarrow.string()),
            "score": pyarrow.array(_joined([r.scores for r in self])),
        }
        for task in dict.fromkeys(t for r in self for t in r.tasks):
            columns["p_" + task] = pyarrow.array(_joined(
                [r.probabilities[:, r.tasks.index(task)] if task in r.tasks
                 else np.full(len(r), np.nan) for r in self]))
        return pyarrow.table(columns)

    def to_pandas(self) -> Any:
        """The same as a pandas.DataFrame."""
        return self.to_arrow().to_pandas()


def _joined(parts: list[npt.NDArray[np.float64]]) -> npt.NDArray[np.float64]:
    return np.concatenate(parts) if parts else np.empty(0)
