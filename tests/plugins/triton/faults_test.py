"""Bad input of every kind: a clear error of Triton's, and the server lives."""
import unittest
import uuid

import numpy as np
import tritonclient.utils.shared_memory as shared_memory
from tritonclient.utils import InferenceServerException

import shop
from shop import ITEMS, NOW_MS, tensor, outputs

USER = ("USER_ID", [["u00001"]], "BYTES")
# Inputs (name, values, type), request parameters, what the message must say.
BAD_REQUESTS = [
    ([("REQUEST", [[b"\xff\xff\xff"]], "BYTES")], {}, "RankRequest"),
    ([("REQUEST", [[b"\x0a\x02\xc3\x28"]], "BYTES")], {}, "no UTF-8"),
    ([("REQUEST", [[b""]], "BYTES"), USER], {}, "not beside REQUEST"),
    ([("USER_ID", [[b"\xc3\x28"]], "BYTES")], {}, "USER_ID: value 0 is no UTF"),
    ([("USER_ID", [["a", "b"]], "BYTES")], {}, "USER_ID"),
    ([USER, ("K", [[-1]], "INT32")], {}, "k is -1"),
    ([USER, ("NOW_MS", [[-1]], "INT64")], {}, "now_ms"),
    ([USER, ("DEADLINE_MS", [[-5]], "INT64")], {}, "deadline_ms"),
    ([USER, ("CANDIDATES", [["{"]], "BYTES")], {}, "value 0 is no JSON"),
    ([USER, ("CANDIDATES", [['["x"]']], "BYTES")], {}, "must be a JSON object"),
    ([USER, ("CANDIDATES", [['{"title": "x"}']], "BYTES")], {},
     '"item_id" is missing'),
    ([USER, ("CANDIDATES", [['{"item_id": 5}']], "BYTES")], {},
     '"item_id" must be a string, not number'),
    ([USER, ("CANDIDATES", [['{"item_id": "x", "f": {}}']], "BYTES")], {},
     '"f" must be a number'),
    ([USER, ("CANDIDATES", [['{"item_id": "x", "tags": [1]}']], "BYTES")], {},
     '"tags" must be a list of strings'),
    ([USER, ("USER_FEATURES", [["7"]], "BYTES")], {}, "USER_FEATURES"),
    ([USER, ("CONTEXT", [["7"]], "BYTES")], {}, "CONTEXT"),
    ([USER, ("CONTEXT", [['{"weather": "rain"}']], "BYTES")], {}, "weather"),
    ([("HISTORY_ACTIONS", [["click"]], "BYTES")], {}, "no HISTORY_IDS"),
    ([("HISTORY_IDS", [["b0001"]], "BYTES")], {}, "no HISTORY_ACTIONS"),
    ([("HISTORY_IDS", [["b0001", "b0002"]], "BYTES"),
      ("HISTORY_ACTIONS", [["click"]], "BYTES")], {}, "HISTORY_IDS has 2"),
    ([("HISTORY_IDS", [["b0001"]], "BYTES"),
      ("HISTORY_ACTIONS", [["click"]], "BYTES"),
      ("HISTORY_TIMES_MS", [[-1]], "INT64")], {}, "inline_history"),
    ([USER], {"k": "many"}, '"k" must be an integer'),
    ([USER], {"explain": 1}, '"explain" must be true or false'),
    ([USER], {"diversity": 7}, "policy.diversity"),
    ([USER], {"value_formula": "click +"}, "value formula"),
    ([USER, ("CANDIDATE_IDS", [["b0001"] * 100001], "BYTES")], {},
     "at most"),
    # The server's own refusals.
    ([USER, ("K", [["5"]], "BYTES")], {}, "INT32"),
    ([("USER", [["x"]], "BYTES")], {}, "USER"),
]


class FaultsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = shop.Folder()
        cls.addClassCleanup(cls.folder.close)
        cls.server = cls.folder.server
        cls.server.put_model("books", {"database": str(cls.folder.database)})
        cls.server.start("books")
        cls.http, cls.grpc = cls.server.http(), cls.server.grpc()
        cls.addClassCleanup(cls.http.close)
        cls.addClassCleanup(cls.grpc.close)

    def tearDown(self) -> None:
        self.assertTrue(self.server.running())
        result = self.http.infer("books", [
            tensor(self.http, "CANDIDATE_IDS", [ITEMS[:3]])],
            outputs=outputs(self.http, "CANDIDATE_SCORES"))
        self.assertTrue(np.isfinite(result.as_numpy("CANDIDATE_SCORES")).all())

    def test_requests(self) -> None:
        for client in (self.http, self.grpc):
            for inputs, parameters, message in BAD_REQUESTS:
                with self.subTest(client=type(client).__module__,
                                  inputs=str(inputs)[:80], parameters=parameters):
                    with self.assertRaises(InferenceServerException) as caught:
                        client.infer("books", [tensor(client, *i)
                                               for i in inputs],
                                     parameters=parameters)
                    self.assertIn(message, caught.exception.message())
                    self.assertIn(caught.exception.status(),
                                  ("400", "StatusCode.INVALID_ARGUMENT"))

    def test_codes(self) -> None:
        empty = self.folder.path / "empty"
        shop.run("ingest", "--db", str(empty), "--items", str(shop.BOOKS))
        self.server.put_model("untrained", {"database": str(empty)})
        self.http.load_model("untrained")
        for model, parameters, http, grpc in (
                ("books", {"model": "no-such-version"}, "404", "NOT_FOUND"),
                ("untrained", {}, "503", "UNAVAILABLE")):
            for client, status in ((self.http, http),
                                   (self.grpc, f"StatusCode.{grpc}")):
                with self.assertRaises(InferenceServerException) as caught:
                    client.infer(model, [tensor(client, *USER)],
                                 parameters=parameters)
                self.assertEqual(caught.exception.status(), status)

    def test_one_bad_row_names_itself(self) -> None:
        with self.assertRaises(InferenceServerException) as caught:
            self.grpc.infer("books", [
                tensor(self.grpc, "USER_ID", [["a"], ["b"], ["c"]]),
                tensor(self.grpc, "K", [[1], [-2], [3]], "INT32")])
        self.assertIn("row 1: k is -2", caught.exception.message())

    def test_bytes_that_lie_about_their_lengths(self) -> None:
        for data, shape in ((b"\xff\xff\xff\x7fabcd", [1, 1]),
                            (b"\x01\x00\x00\x00a\x00", [1, 2]),
                            (b"\x01\x00\x00\x00abcdef", [1, 1]),
                            (b"", [1, 1])):
            with self.subTest(data=data):
                key = f"/attune_{uuid.uuid4().hex}"
                region = shared_memory.create_shared_memory_region(
                    "bad", key, 64)
                self.addCleanup(shared_memory.destroy_shared_memory_region,
                                region)
                if data:
                    shared_memory.set_shared_memory_region(
                        region, [np.frombuffer(data, np.uint8)])
                self.grpc.register_system_shared_memory("bad", key, 64)
                ids = tensor(self.grpc, "CANDIDATE_IDS",
                             np.full(shape, "x", np.object_))
                ids.set_shared_memory("bad", len(data))
                with self.assertRaises(InferenceServerException):
                    self.grpc.infer("books", [ids])
                self.grpc.unregister_system_shared_memory("bad")

    def test_models_that_cannot_be_loaded(self) -> None:
        good = str(self.folder.database)
        junk = self.folder.path / "junk"
        junk.mkdir()
        (junk / "manifest.json").write_text("{}")
        bad_input = 'input { name: "WHO" data_type: TYPE_STRING dims: [1] }'
        bad_type = 'input { name: "K" data_type: TYPE_FP32 dims: [1] }'
        for parameters, tensors, message in (
                ({}, "", '"database" is missing'),
                ({"database": "nowhere"}, "", "nowhere"),
                ({"database": good, "mode": "guest"}, "", "guest"),
                ({"database": good, "thread": "2"}, "", "thread"),
                ({"database": good, "threads": "two"}, "", "threads"),
                ({"database": good, "k": "-1"}, "", '"k" must be an integer'),
                ({"database": good, "explain": "yes"}, "", "explain"),
                ({"database": good, "parallel_requests": "0"}, "",
                 "parallel_requests"),
                ({"database": good, "memory_limit_mb": "1"}, "", "memory"),
                ({"database": good, "model": str(junk)}, "", "manifest"),
                ({"database": good}, bad_input, '"WHO" is unknown'),
                ({"database": good}, bad_type, '"K" is TYPE_FP32')):
            with self.subTest(parameters=parameters, tensors=tensors):
                self.server.put_model("bad", parameters, tensors=tensors)
                with self.assertRaises(InferenceServerException) as caught:
                    self.http.load_model("bad")
                self.assertIn(message, caught.exception.message())

    def test_an_owner_cannot_be_had_twice_with_other_options(self) -> None:
        parameters = {"database": str(self.folder.database), "mode": "owner"}
        self.server.put_model("first", parameters)
        self.server.put_model("same", parameters)
        self.server.put_model("other", {**parameters, "threads": "2"})
        self.http.load_model("first")
        self.http.load_model("same")
        with self.assertRaises(InferenceServerException) as caught:
            self.http.load_model("other")
        self.assertIn("is open with the options", caught.exception.message())
        with self.assertRaisesRegex(RuntimeError, "is open for writing"):
            shop.run("publish", "--db", str(self.folder.database), "--model",
                     str(shop.SHOP / "model"))


if __name__ == "__main__":
    unittest.main()
