"""Exceptions: one class per code of the C interface, the same text."""


class Error(Exception):
    """Whatever Attune refuses or fails at; `str(error)` is the engine's message.

    Attributes:
        code: the number that the C interface gives (attune.h, attune_code).
    """

    code: int = 2


class Cancelled(Error):
    """The work was asked to stop."""

    code = 1


class InvalidArgument(Error, ValueError):
    """A mistake in the call; the message names the argument, row or field."""

    code = 3


class DeadlineExceeded(Error, TimeoutError):
    """The budget does not suffice for any answer."""

    code = 4


class NotFound(Error, LookupError):
    """No such database, model version or file."""

    code = 5


class AlreadyExists(Error):
    """There is one of this name."""

    code = 6


class PermissionDenied(Error):
    """The system does not allow it."""

    code = 7


class ResourceExhausted(Error):
    """Memory, threads or disk do not suffice."""

    code = 8


class FailedPrecondition(Error):
    """Not now: no model published, a write to a follower, another owner."""

    code = 9


class OutOfRange(Error):
    """A number beyond what there is."""

    code = 11


class Unimplemented(Error):
    """This build cannot do it."""

    code = 12


class Internal(Error):
    """A bug of Attune's: please report it."""

    code = 13


class Unavailable(Error):
    """Not reachable now; trying again may help."""

    code = 14


class DataLoss(Error):
    """A file is corrupt."""

    code = 15


class Closed(Error):
    """The database was closed (ATTUNE_INVALID_HANDLE)."""

    code = 100


class Forked(Error):
    """This process was forked off one with an open database: open it here."""

    code = 101


_CLASSES = {c.code: c for c in (
    Cancelled, InvalidArgument, DeadlineExceeded, NotFound, AlreadyExists,
    PermissionDenied, ResourceExhausted, FailedPrecondition, OutOfRange,
    Unimplemented, Internal, Unavailable, DataLoss, Closed, Forked)}


def make(code: int, message: str) -> Error:
    """The exception of a code, not raised."""
    error = _CLASSES.get(code, Error)(message)
    error.code = code
    return error
