"""libattune.so through ctypes, as far as the tests compare with it."""
import ctypes
import json

import numpy as np


class Error(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_uint32), ("code", ctypes.c_int32),
                ("message", ctypes.c_char_p),
                ("message_capacity", ctypes.c_size_t),
                ("message_length", ctypes.c_size_t)]


class Buffer(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_uint32), ("reserved", ctypes.c_uint32),
                ("data", ctypes.c_void_p), ("size", ctypes.c_size_t)]


class RankIdsOptions(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_uint32), ("flags", ctypes.c_uint32),
                ("now_ms", ctypes.c_int64), ("deadline_ms", ctypes.c_int64),
                ("model", ctypes.c_char_p), ("model_length", ctypes.c_size_t),
                ("cancel", ctypes.c_void_p), ("degraded", ctypes.c_void_p)]


WITHOUT_STATE = 1


class Ids:
    """Texts as C takes them, made once for many calls."""

    def __init__(self, ids: list[str]) -> None:
        encoded = [item.encode() for item in ids]
        self.count = len(ids)
        self.pointers = (ctypes.c_char_p * len(ids))(*encoded)
        self.lengths = (ctypes.c_size_t * len(ids))(*map(len, encoded))


class AttuneError(Exception):
    pass


class Attune:
    """One open database. Thread-safe."""

    def __init__(self, library: str, **options: object) -> None:
        self._library = ctypes.CDLL(library)
        self._engine = ctypes.c_void_p()
        text = json.dumps(options).encode()
        self._call("attune_open", text, ctypes.c_size_t(len(text)), None,
                   ctypes.byref(self._engine))

    def __enter__(self) -> "Attune":
        return self

    def __exit__(self, *_: object) -> None:
        self._call("attune_close", self._engine)

    def _call(self, name: str, *arguments: object) -> None:
        text = ctypes.create_string_buffer(1024)
        error = Error(struct_size=ctypes.sizeof(Error),
                      message=ctypes.cast(text, ctypes.c_char_p),
                      message_capacity=len(text))
        code = getattr(self._library, name)(*arguments, ctypes.byref(error))
        if code != 0:
            raise AttuneError(f"{name}: {text.value.decode()} (code {code})")

    def rank(self, request: bytes) -> bytes:
        """RankRequest bytes in, RankResponse bytes out."""
        response = Buffer(struct_size=ctypes.sizeof(Buffer))
        self._call("attune_rank", self._engine, request,
                   ctypes.c_size_t(len(request)), None, ctypes.byref(response))
        data = ctypes.string_at(response.data, response.size)
        self._library.attune_buffer_free(ctypes.byref(response))
        return data

    def rank_ids(self, user: str, ids: list[str] | Ids, now_ms: int,
                 flags: int = 0) -> np.ndarray:
        """Scores [len(ids)], float32."""
        if not isinstance(ids, Ids):
            ids = Ids(ids)
        scores = np.empty(ids.count, np.float32)
        options = RankIdsOptions(struct_size=ctypes.sizeof(RankIdsOptions),
                                 flags=flags, now_ms=now_ms)
        name = user.encode()
        self._call("attune_rank_ids", self._engine, name,
                   ctypes.c_size_t(len(name)), ids.pointers, ids.lengths,
                   ctypes.c_size_t(ids.count),
                   scores.ctypes.data_as(ctypes.POINTER(ctypes.c_float)),
                   ctypes.byref(options))
        return scores
