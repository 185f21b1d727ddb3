"""What comes in: dicts, pandas and Arrow tables; values that are not plain."""
from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import Any

from attune._errors import InvalidArgument


def rows_of(table: Any) -> Any:
    """What _attune.Engine.put takes: Arrow's stream where there is one, else dicts.

    pandas speaks Arrow only where pyarrow is installed; without it, its rows go
    as dicts.
    """
    if isinstance(table, dict):
        raise InvalidArgument("a list of dicts is wanted, not a single dict")
    if type(table).__module__.split(".")[0] == "pandas" and hasattr(table, "to_dict"):
        try:
            table.__arrow_c_stream__
            import pyarrow  # noqa: F401
        except (AttributeError, ImportError):
            return table.to_dict("records")
        # Its index is no column.
        return pyarrow.Table.from_pandas(table, preserve_index=False)
    if hasattr(table, "__arrow_c_stream__") or isinstance(table, Iterable):
        return table
    raise InvalidArgument(
        "rows must be dicts, a pandas or an Arrow table, not "
        f"{type(table).__name__}")


def texts_of(ids: Any) -> Any:
    """Ids as an iterable of str: of a list, a NumPy, pandas or Arrow column."""
    for name in ("to_pylist", "tolist"):
        if hasattr(ids, name):
            return getattr(ids, name)()
    return ids


def plain(value: Any) -> Any:
    """A value of NumPy, pandas or datetime as a plain one; others as they are.

    Times become seconds since 1970; one without a zone is taken as UTC, as
    pandas and Arrow do.
    """
    kind = type(value).__name__
    if kind in ("NAType", "NaTType"):
        return None
    if isinstance(value, datetime.datetime):
        if value.tzinfo is None:
            value = value.replace(tzinfo=datetime.timezone.utc)
        return value.timestamp()
    if isinstance(value, datetime.date):
        return plain(datetime.datetime(value.year, value.month, value.day))
    if kind == "datetime64":
        milliseconds = value.astype("datetime64[ms]").astype("int64").item()
        return None if value != value else milliseconds / 1000
    if hasattr(value, "tolist"):  # NumPy scalars and arrays
        return value.tolist()
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    return value
