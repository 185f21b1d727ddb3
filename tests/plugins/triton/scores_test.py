"""What Triton answers is what the C interface answers, bit for bit."""
import json
import time
import unittest
import uuid

import numpy as np
import tritonclient.utils.shared_memory as shared_memory
from tritonclient.utils import InferenceServerException

import shop
from shop import ITEMS, NOW_MS, RankRequest, RankResponse, USERS
from shop import outputs, tensor, texts

COLD = {"without_state": True, "now_ms": NOW_MS}


def unregister_shared_memory(client, region: str) -> None:
    """Unregisters `region` once the server has let go of it.

    The answer may arrive before the server has released the request, which
    still counts as a use of the region for a moment.
    """
    give_up = time.monotonic() + 30
    while True:
        try:
            client.unregister_system_shared_memory(region)
            return
        except InferenceServerException as error:
            if ("currently in use" not in str(error)
                    or time.monotonic() > give_up):
                raise


class ScoresTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = shop.Folder()
        cls.addClassCleanup(cls.folder.close)
        server = cls.folder.server
        # Paths may be relative to the model's folder, and hold spaces.
        server.put_model("books", {"database": "../../db"})
        server.put_model("plain", {"database": str(cls.folder.database),
                                   "k": "3", "explain": "true"}, head="")
        server.put_model("listed", {"database": "../../db"}, tensors="""
            input { name: "USER_ID" data_type: TYPE_STRING dims: [1] }
            input { name: "CANDIDATE_IDS" data_type: TYPE_STRING dims: [-1]
                    allow_ragged_batch: true optional: true }
            output { name: "CANDIDATE_SCORES" data_type: TYPE_FP32 dims: [-1] }
            """)
        server.start("books", "plain", "listed")
        cls.abi = cls.folder.follower()
        cls.addClassCleanup(cls.abi.__exit__)
        cls.http, cls.grpc = server.http(), server.grpc()
        cls.addClassCleanup(cls.http.close)
        cls.addClassCleanup(cls.grpc.close)

    def clients(self):
        return ("http", self.http), ("grpc", self.grpc)

    def rank(self, request) -> "RankResponse":
        return RankResponse.FromString(
            self.abi.rank(request.SerializeToString()))

    def assert_same_ranking(self, result, row: int, expected) -> None:
        """Row of the outputs against a RankResponse."""
        count = len(expected.items)
        self.assertEqual(texts(result, "IDS")[row][:count],
                         [item.item_id for item in expected.items])
        for name, want in (
                ("SCORES", [item.score for item in expected.items]),
                ("TASK_LOGITS", [i.task_logits for i in expected.items]),
                ("TASK_PROBABILITIES",
                 [i.task_probabilities for i in expected.items])):
            np.testing.assert_array_equal(
                result.as_numpy(name)[row][:count], np.array(want), name)
        self.assertEqual(texts(result, "TASKS")[row], list(expected.tasks))
        self.assertEqual(texts(result, "MODEL")[row], [expected.model])

    def test_candidate_scores(self) -> None:
        for name, client in self.clients():
            for user in USERS[:5] + ["nobody"]:
                with self.subTest(client=name, user=user):
                    result = client.infer("books", [
                        tensor(client, "USER_ID", [[user]]),
                        tensor(client, "CANDIDATE_IDS", [ITEMS + ["new"]]),
                    ], outputs=outputs(client, "CANDIDATE_SCORES"),
                        parameters=COLD)
                    np.testing.assert_array_equal(
                        result.as_numpy("CANDIDATE_SCORES")[0],
                        self.abi.rank_ids(user, ITEMS + ["new"], NOW_MS, 1))

    def test_a_warm_user_scores_as_in_another_process(self) -> None:
        for _ in range(2):
            result = self.grpc.infer("books", [
                tensor(self.grpc, "USER_ID", [[USERS[7]]]),
                tensor(self.grpc, "CANDIDATE_IDS", [ITEMS]),
                tensor(self.grpc, "NOW_MS", [[NOW_MS]], "INT64"),
            ], outputs=outputs(self.grpc, "CANDIDATE_SCORES"))
            np.testing.assert_array_equal(
                result.as_numpy("CANDIDATE_SCORES")[0],
                self.abi.rank_ids(USERS[7], ITEMS, NOW_MS))

    def test_ranking(self) -> None:
        for name, client in self.clients():
            with self.subTest(client=name):
                result = client.infer("books", [
                    tensor(client, "USER_ID", [[USERS[0]]]),
                    tensor(client, "CANDIDATE_IDS", [ITEMS]),
                    tensor(client, "K", [[20]], "INT32"),
                ], parameters=COLD)
                expected = self.rank(RankRequest(
                    user_id=USERS[0], candidate_ids=ITEMS, k=20, now_ms=NOW_MS,
                    without_state=True))
                self.assertEqual(len(expected.items), 20)
                self.assert_same_ranking(result, 0, expected)
                ranked = dict(zip(texts(result, "IDS")[0],
                                  result.as_numpy("SCORES")[0]))
                for item, score in zip(
                        ITEMS, result.as_numpy("CANDIDATE_SCORES")[0]):
                    np.testing.assert_equal(
                        score, np.float32(ranked.get(item, np.nan)))

    def test_retrieval_policy_and_reasons(self) -> None:
        result = self.http.infer("books", [
            tensor(self.http, "USER_ID", [[USERS[3]]]),
            tensor(self.http, "EXCLUDE_IDS", [["b0001", "b0002"]]),
        ], parameters={**COLD, "k": 5, "explain": True, "exclude_seen": True})
        request = RankRequest(user_id=USERS[3], k=5, now_ms=NOW_MS,
                              explain=True, without_state=True)
        request.policy.exclude_seen = True
        request.policy.exclude_ids.extend(["b0001", "b0002"])
        expected = self.rank(request)
        self.assert_same_ranking(result, 0, expected)
        for text, item in zip(texts(result, "REASONS")[0], expected.items):
            explanation = json.loads(text)
            self.assertEqual(explanation["match_part"],
                             item.explanation.match_part)
            self.assertEqual(
                [(r["item_id"], r["effect"]) for r in explanation["reasons"]],
                [(r.item_id, r.effect) for r in item.explanation.reasons])

    def test_protobuf_request(self) -> None:
        request = RankRequest(user_id=USERS[1], candidate_ids=ITEMS[:50], k=7,
                              now_ms=NOW_MS, without_state=True,
                              request_id="r1")
        data = request.SerializeToString()
        for name, client in self.clients():
            with self.subTest(client=name):
                result = client.infer(
                    "books", [tensor(client, "REQUEST", [[data]])],
                    outputs=outputs(client, "RESPONSE"))
                self.assertEqual(result.as_numpy("RESPONSE")[0][0],
                                 self.abi.rank(data))

    def test_inline_history_and_candidates(self) -> None:
        item = {"item_id": "poles", "title": "A voyage to the poles",
                "tags": ["ice", "travel"], "categories": "Adventure",
                "pages": 321, "unavailable": False, "author": None}
        result = self.grpc.infer("books", [
            tensor(self.grpc, "HISTORY_IDS", [["b0010", "b0020", "poles"]]),
            tensor(self.grpc, "HISTORY_ACTIONS", [["click", "buy", "click"]]),
            tensor(self.grpc, "HISTORY_TIMES_MS",
                   [[NOW_MS - 9000, NOW_MS - 8000, NOW_MS - 7000]], "INT64"),
            tensor(self.grpc, "HISTORY_ITEMS", [[json.dumps(item)]]),
            tensor(self.grpc, "CANDIDATE_IDS", [ITEMS[:30]]),
            tensor(self.grpc, "CANDIDATES", [[json.dumps(item)]]),
            tensor(self.grpc, "USER_FEATURES", [['{"age": 31}']]),
        ], parameters={"now_ms": NOW_MS})
        request = RankRequest(candidate_ids=ITEMS[:30], now_ms=NOW_MS)
        for i, (book, action) in enumerate(
                [("b0010", "click"), ("b0020", "buy"), ("poles", "click")]):
            request.inline_history.events.add(
                item_id=book, action=action, has_time=True,
                sort_key=NOW_MS - 9000 + 1000 * i)
        request.inline_history.count = 3
        for field in (request.candidates, request.history_items):
            stored = field.add(item_id="poles", title=item["title"],
                               tags=item["tags"], categories=["Adventure"])
            stored.features.add(name="pages").value.number = 321
        request.inline_user.features.add(name="age").value.number = 31
        expected = self.rank(request)
        self.assertEqual(len(expected.items), 31)
        self.assert_same_ranking(result, 0, expected)
        self.assertEqual(expected.history_length, 3)

    def test_rows_of_one_request_are_requests_of_their_own(self) -> None:
        lists = [ITEMS[:40], ITEMS[40:45], ITEMS[100:101]]
        padded = [ids + [""] * (40 - len(ids)) for ids in lists]
        result = self.grpc.infer("books", [
            tensor(self.grpc, "USER_ID", [[user] for user in USERS[:3]]),
            tensor(self.grpc, "CANDIDATE_IDS", padded),
            tensor(self.grpc, "K", [[4], [10], [0]], "INT32"),
        ], parameters=COLD)
        self.assertEqual(result.as_numpy("IDS").shape, (3, 5))
        for row, k in enumerate((4, 10, 0)):
            expected = self.rank(RankRequest(
                user_id=USERS[row], candidate_ids=lists[row], k=k,
                now_ms=NOW_MS, without_state=True))
            self.assert_same_ranking(result, row, expected)
            count = len(expected.items)
            self.assertEqual(texts(result, "IDS")[row][count:],
                             [""] * (5 - count))
            self.assertTrue(np.isnan(
                result.as_numpy("SCORES")[row][count:]).all())
        alone = self.grpc.infer("books", [
            tensor(self.grpc, "USER_ID", [[user] for user in USERS[:3]]),
            tensor(self.grpc, "CANDIDATE_IDS", padded),
        ], outputs=outputs(self.grpc, "CANDIDATE_SCORES"), parameters=COLD)
        for row, ids in enumerate(lists):
            scores = alone.as_numpy("CANDIDATE_SCORES")[row]
            np.testing.assert_array_equal(
                scores[:len(ids)],
                self.abi.rank_ids(USERS[row], ids, NOW_MS, 1))
            self.assertTrue(np.isnan(scores[len(ids):]).all())

    def test_without_batching_and_with_defaults_of_the_model(self) -> None:
        result = self.http.infer("plain", [
            tensor(self.http, "USER_ID", [USERS[2]])], parameters=COLD)
        expected = self.rank(RankRequest(
            user_id=USERS[2], k=3, explain=True, now_ms=NOW_MS,
            without_state=True))
        self.assertEqual(texts(result, "IDS"),
                         [item.item_id for item in expected.items])
        self.assertEqual(result.as_numpy("TASK_LOGITS").shape,
                         (3, len(expected.tasks)))
        self.assertIn("reasons", json.loads(texts(result, "REASONS")[0]))

    def test_tensors_that_the_configuration_lists(self) -> None:
        result = self.http.infer("listed", [
            tensor(self.http, "USER_ID", [[USERS[6]]]),
            tensor(self.http, "CANDIDATE_IDS", [ITEMS])], parameters=COLD)
        self.assertEqual([output["name"] for output
                          in result.get_response()["outputs"]],
                         ["CANDIDATE_SCORES"])
        np.testing.assert_array_equal(
            result.as_numpy("CANDIDATE_SCORES")[0],
            self.abi.rank_ids(USERS[6], ITEMS, NOW_MS, 1))

    def test_no_candidate_left_is_an_empty_list(self) -> None:
        result = self.http.infer("books", [
            tensor(self.http, "USER_ID", [[USERS[2]]]),
            tensor(self.http, "CANDIDATE_IDS", [["b0001"]]),
            tensor(self.http, "EXCLUDE_IDS", [["b0001"]])])
        self.assertEqual(result.as_numpy("IDS").shape, (1, 0))
        self.assertEqual(result.as_numpy("SCORES").shape, (1, 0))

    def test_shared_memory(self) -> None:
        expected = self.abi.rank_ids(USERS[4], ITEMS, NOW_MS, 1)
        candidates = np.array([ITEMS], dtype=np.object_)
        from tritonclient.utils import serialize_byte_tensor
        serialized = serialize_byte_tensor(candidates)
        size_in, size_out = len(serialized.item()), expected.nbytes
        for name, client in self.clients():
            with self.subTest(client=name):
                key = f"/attune_{uuid.uuid4().hex}"
                region = shared_memory.create_shared_memory_region(
                    "both", key, size_in + size_out)
                self.addCleanup(shared_memory.destroy_shared_memory_region,
                                region)
                shared_memory.set_shared_memory_region(region, [serialized])
                client.register_system_shared_memory("both", key,
                                                     size_in + size_out)
                ids = tensor(client, "CANDIDATE_IDS", candidates)
                ids.set_shared_memory("both", size_in)
                scores, = outputs(client, "CANDIDATE_SCORES")
                scores.set_shared_memory("both", size_out, offset=size_in)
                client.infer("books", [tensor(client, "USER_ID", [[USERS[4]]]),
                                       ids], outputs=[scores], parameters=COLD)
                unregister_shared_memory(client, "both")
                np.testing.assert_array_equal(
                    shared_memory.get_contents_as_numpy(
                        region, np.float32, [len(ITEMS)], offset=size_in),
                    expected)


if __name__ == "__main__":
    unittest.main()
