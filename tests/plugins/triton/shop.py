"""The bookshop that example.bookshop trained, and requests about it."""
import os
import pathlib
import shutil
import subprocess
import tempfile

import numpy as np
import tritonclient.grpc
import tritonclient.http
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from attune_abi import Attune
from triton_server import TritonServer

PROGRAM = os.environ["ATTUNE_PROGRAM"]
LIBRARY = os.environ["ATTUNE_LIBRARY"]
BACKENDS = os.environ["ATTUNE_TRITON_BACKENDS"]
SERVER = os.environ["ATTUNE_TRITON_SERVER"]
SHOP = pathlib.Path(os.environ["ATTUNE_BOOKSHOP"])
BOOKS = (pathlib.Path(__file__).resolve().parents[3]
         / "examples/bookshop/items.jsonl")
NOW_MS = 1714415050000  # the end of the shop's logs
ITEMS = [f"b{i:04}" for i in range(1, 301)]
USERS = [f"u{i:05}" for i in range(1, 41)]


def _messages() -> dict[str, type]:
    files = descriptor_pb2.FileDescriptorSet.FromString(
        pathlib.Path(os.environ["ATTUNE_DESCRIPTORS"]).read_bytes())
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    return message_factory.GetMessageClassesForFiles(
        ["proto/attune.proto", "proto/records.proto"], pool)


MESSAGES = _messages()
RankRequest = MESSAGES["attune.v1.RankRequest"]
RankResponse = MESSAGES["attune.v1.RankResponse"]


class Folder:
    """A temporary folder with a copy of the shop's database."""

    def __init__(self) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="attune triton ")
        self.path = pathlib.Path(self._temporary.name)
        self.database = self.path / "db"
        shutil.copytree(SHOP / "db", self.database)
        self.server = TritonServer(SERVER, BACKENDS, self.path)

    def close(self) -> None:
        self.server.kill()
        self._temporary.cleanup()

    def follower(self) -> Attune:
        return Attune(LIBRARY, database=str(self.database), mode="follower")

    def second_model(self) -> pathlib.Path:
        """Another model for the same shop, trained for one epoch."""
        out = self.path / "second model"
        run("train", "--db", str(self.database), "--out", str(out), "--epochs",
            "1", "--seed", "7", "--threads", "2")
        return out


def run(*arguments: str) -> None:
    """The attune program."""
    done = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"attune {arguments}: {done.stderr}")


def tensor(client, name: str, values: object, kind: str = "BYTES"):
    """An input for either client's kind, values [rows, n]."""
    module = (tritonclient.http
              if isinstance(client, tritonclient.http.InferenceServerClient)
              else tritonclient.grpc)
    dtype = {"BYTES": np.object_, "INT32": np.int32, "INT64": np.int64,
             "BOOL": np.bool_, "FP32": np.float32}[kind]
    array = np.array(values, dtype=dtype)
    made = module.InferInput(name, array.shape, kind)
    made.set_data_from_numpy(array)
    return made


def outputs(client, *names: str) -> list:
    module = (tritonclient.http
              if isinstance(client, tritonclient.http.InferenceServerClient)
              else tritonclient.grpc)
    return [module.InferRequestedOutput(name) for name in names]


def texts(result, name: str) -> list:
    """A BYTES output as nested lists of str."""
    array = result.as_numpy(name)
    return np.vectorize(lambda b: b.decode(), otypes=[object])(array).tolist()
