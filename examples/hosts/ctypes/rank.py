"""Ranks from Python with ctypes alone: loads libattune.so, scores candidates.

rank.py LIBRARY DATABASE NOW_MS CALLS USER ITEM...

First a call that is wrong, to show its exception; then CALLS right ones, the
scores of the last and the median time of a call.
"""
import ctypes
import json
import sys
import time
from ctypes import c_char_p, c_float, c_int32, c_int64, c_size_t, c_uint32, c_void_p


class Error(ctypes.Structure):
    _fields_ = [("struct_size", c_uint32), ("code", c_int32),
                ("message", c_char_p), ("message_capacity", c_size_t),
                ("message_length", c_size_t)]


class RankIdsOptions(ctypes.Structure):
    _fields_ = [("struct_size", c_uint32), ("flags", c_uint32),
                ("now_ms", c_int64), ("deadline_ms", c_int64),
                ("model", c_char_p), ("model_length", c_size_t),
                ("cancel", c_void_p), ("degraded", c_void_p)]


class Attune:
    """One open database; threads share it, and calls release the GIL."""

    def __init__(self, library: str, **options: object) -> None:
        self._attune, self._engine = ctypes.CDLL(library), c_void_p()
        text = json.dumps(options).encode()
        self._call("attune_open", text, c_size_t(len(text)), None,
                   ctypes.byref(self._engine))

    def close(self) -> None:
        self._call("attune_close", self._engine)

    def _call(self, name: str, *arguments: object) -> None:
        text = ctypes.create_string_buffer(512)
        error = Error(struct_size=ctypes.sizeof(Error), message_capacity=512,
                      message=ctypes.cast(text, c_char_p))
        if getattr(self._attune, name)(*arguments, ctypes.byref(error)) != 0:
            raise RuntimeError(text.value.decode())

    def rank_ids(self, user: str, ids: list[str], now_ms: int,
                 model: str = "") -> list[float]:
        """Scores of items for a user, in their order."""
        texts = [item.encode() for item in ids]
        scores = (c_float * len(ids))()
        options = RankIdsOptions(struct_size=ctypes.sizeof(RankIdsOptions),
                                 now_ms=now_ms, model=model.encode(),
                                 model_length=len(model.encode()))
        self._call("attune_rank_ids", self._engine, user.encode(),
                   c_size_t(len(user.encode())), (c_char_p * len(ids))(*texts),
                   (c_size_t * len(ids))(*map(len, texts)), c_size_t(len(ids)),
                   scores, ctypes.byref(options))
        return list(scores)


def main(library: str, database: str, now_ms: str, calls: str, user: str,
         *ids: str) -> None:
    attune = Attune(library, database=database, mode="follower")
    try:
        attune.rank_ids(user, list(ids), int(now_ms), "no such model")
    except RuntimeError as error:
        print("error", error)
    times, scores = [], []
    for _ in range(int(calls)):
        start = time.perf_counter()
        scores = attune.rank_ids(user, list(ids), int(now_ms))
        times.append(time.perf_counter() - start)
    for item, score in zip(ids, scores):
        print("score", item, score)
    print("p50_us", 1e6 * sorted(times)[len(times) // 2])
    attune.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
