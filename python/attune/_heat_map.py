"""A matrix in colours."""
from __future__ import annotations

import html
from typing import Any

import numpy as np
import numpy.typing as npt


class HeatMap:
    """Items against events: a notebook shows it; `plot` draws it.

    Attributes:
        values: [rows, columns] float64.
        rows, columns: labels.
        name: what the values are.
    """

    def __init__(self, values: npt.NDArray[np.float64], rows: list[str],
                 columns: list[str], name: str) -> None:
        self.values = values
        self.rows = rows
        self.columns = columns
        self.name = name

    def _repr_html_(self) -> str:
        """A table of coloured cells; needs no other package."""
        top = float(np.abs(self.values).max(initial=0)) or 1.0
        head = "".join(
            f'<th style="writing-mode:vertical-rl;font-weight:normal">'
            f"{html.escape(label)}</th>" for label in self.columns)
        body = []
        for label, row in zip(self.rows, self.values):
            cells = "".join(
                f'<td title="{value:.4g}" style="background:rgba('
                f"{'32,96,192' if value >= 0 else '192,64,32'},"
                f'{abs(value) / top:.2f})">&nbsp;</td>' for value in row.tolist())
            body.append(f"<tr><th>{html.escape(label)}</th>{cells}</tr>")
        return (f"<table><caption>{html.escape(self.name)}, darkest = {top:.3g}"
                f"</caption><thead><tr><th></th>{head}</tr></thead>"
                f"<tbody>{''.join(body)}</tbody></table>")

    def plot(self, axes: Any = None) -> Any:
        """Draws it with matplotlib, into `axes` or a new figure; returns them.

        Raises:
            ImportError: matplotlib is not installed.
        """
        import matplotlib.pyplot

        if axes is None:
            width = 2 + 0.3 * len(self.columns)
            _, axes = matplotlib.pyplot.subplots(
                figsize=(width, 2 + 0.3 * len(self.rows)), layout="constrained")
        image = axes.imshow(self.values, cmap="Blues", aspect="auto")
        axes.set_xticks(range(len(self.columns)), self.columns, rotation=90)
        axes.set_yticks(range(len(self.rows)), self.rows)
        axes.figure.colorbar(image, ax=axes, label=self.name)
        return axes
