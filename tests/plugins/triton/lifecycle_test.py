"""Loading, batching, swapping models under load, unloading, dying."""
import collections
import shutil
import threading
import time
import unittest

import numpy as np
from tritonclient.utils import InferenceServerException

import shop
from load import Load
from shop import ITEMS, NOW_MS, USERS, outputs, tensor, texts

THREADS = 4


class LifecycleTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.origin = shop.Folder()
        cls.addClassCleanup(cls.origin.close)
        cls.second = cls.origin.second_model()

    def setUp(self) -> None:
        self.folder = shop.Folder()
        self.addCleanup(self.folder.close)
        self.server = self.folder.server
        self.database = str(self.folder.database)

    def start(self, *models: str) -> None:
        self.server.start(*models)
        self.client = self.server.grpc()
        self.addCleanup(self.client.close)
        # A client of the library belongs to one thread.
        self._local = threading.local()

    def mine(self):
        if not hasattr(self._local, "client"):
            self._local.client = self.server.grpc()
        return self._local.client

    def wait_for_log(self, text: str, times: int) -> None:
        deadline = time.monotonic() + 30
        while self.server.log().count(text) < times:
            self.assertLess(time.monotonic(), deadline, self.server.log())
            time.sleep(0.02)  # between polls; unloading ends by itself

    def expected(self) -> list[np.ndarray]:
        with self.folder.follower() as abi:
            return [abi.rank_ids(user, ITEMS, NOW_MS, 1) for user in USERS]

    def model_of(self, name: str) -> str:
        result = self.client.infer(name, [
            tensor(self.client, "CANDIDATE_IDS", [["b0001"]])])
        return texts(result, "MODEL")[0][0]

    def asker(self, name: str, models: collections.Counter):
        """Requests whose answers say which model gave them."""
        def ask(thread: int, i: int) -> None:
            client = self.mine()
            result = client.infer(name, [
                tensor(client, "USER_ID", [[USERS[(thread + i) % len(USERS)]]]),
                tensor(client, "CANDIDATE_IDS", [ITEMS[:20]])],
                outputs=outputs(client, "SCORES", "MODEL"))
            scores = result.as_numpy("SCORES")
            if scores.shape != (1, 20) or not np.isfinite(scores).all():
                raise AssertionError(f"scores {scores}")
            models[texts(result, "MODEL")[0][0]] += 1
        return ask

    def test_ragged_requests_are_batched_and_right(self) -> None:
        self.server.put_model(
            "books", {"database": self.database},
            head="max_batch_size: 64 dynamic_batching "
                 "{ max_queue_delay_microseconds: 20000 }\n"
                 "instance_group { kind: KIND_CPU count: 2 }")
        expected = self.expected()
        self.start("books")

        def ask(thread: int, i: int) -> None:
            client = self.mine()
            user = (thread * 7 + i) % len(USERS)
            count = 1 + (thread * 31 + i * 17) % len(ITEMS)
            result = client.infer("books", [
                tensor(client, "USER_ID", [[USERS[user]]]),
                tensor(client, "CANDIDATE_IDS", [ITEMS[:count]])],
                outputs=outputs(client, "CANDIDATE_SCORES"),
                parameters={"now_ms": NOW_MS, "without_state": True})
            scores = result.as_numpy("CANDIDATE_SCORES")[0]
            if not np.array_equal(scores, expected[user][:count]):
                raise AssertionError(f"scores of {USERS[user]}, {count}")

        with Load(8, ask) as load:
            load.wait_for_requests(400)
        self.assertEqual(load.failures, [])
        statistics = self.client.get_inference_statistics(
            "books", as_json=True)["model_stats"][0]
        inferences = int(statistics["inference_count"])
        self.assertEqual(inferences, load.requests)
        self.assertEqual(
            int(statistics["inference_stats"]["success"]["count"]), inferences)
        self.assertLess(int(statistics["execution_count"]), inferences)
        self.assertGreater(
            int(statistics["inference_stats"]["compute_infer"]["ns"]), 0)
        self.assertGreater(
            max(int(b["batch_size"]) for b in statistics["batch_stats"]), 1)

    def test_a_new_version_is_swapped_in_under_load_by_the_owner(self) -> None:
        model = self.server.put_model("books", {"database": self.database,
                                                "mode": "owner"})
        self.start("books")
        first = self.model_of("books")
        models: collections.Counter = collections.Counter()
        with Load(THREADS, self.asker("books", models)) as load:
            self.assertTrue(load.wait_for_requests(50))
            shutil.copytree(self.second, model / "2")
            self.client.load_model("books")
            self.assertTrue(load.wait_for(lambda: len(models) == 2))
            self.assertTrue(load.wait_for_requests(50))
        self.assertEqual(load.failures, [])
        second = self.model_of("books")
        self.assertNotEqual(first, second)
        self.assertEqual(set(models), {first, second})
        # It is the database's current one, for every process to come.
        self.assertEqual(self.server.stop(), 0)
        self.server.put_model("after", {"database": self.database})
        self.start("after")
        self.assertEqual(self.model_of("after"), second)

    def test_a_changed_parameter_swaps_a_follower_under_load(self) -> None:
        self.server.put_model("books", {"database": self.database})
        self.start("books")
        first = self.model_of("books")
        models: collections.Counter = collections.Counter()
        with Load(THREADS, self.asker("books", models)) as load:
            self.assertTrue(load.wait_for_requests(50))
            for directory in (self.second, shop.SHOP / "model", self.second):
                before = models.copy()
                self.server.put_model("books", {"database": self.database,
                                                "model": str(directory)})
                self.client.load_model("books")
                self.assertTrue(load.wait_for_requests(50))
                self.assertTrue(models - before)
        self.assertEqual(load.failures, [])
        self.assertEqual(set(models), {first, self.model_of("books")})
        self.assertEqual(len(models), 2)

    def test_a_follower_takes_what_another_process_publishes(self) -> None:
        self.server.put_model("books", {"database": self.database})
        self.start("books")
        models: collections.Counter = collections.Counter()
        with Load(THREADS, self.asker("books", models)) as load:
            self.assertTrue(load.wait_for_requests(50))
            shop.run("publish", "--db", self.database, "--model",
                     str(self.second))
            self.assertTrue(load.wait_for(lambda: len(models) == 2))
            self.assertTrue(load.wait_for_requests(50))
        self.assertEqual(load.failures, [])
        self.assertEqual(len(models), 2)

    def test_a_broken_version_leaves_the_old_one_serving(self) -> None:
        model = self.server.put_model("books", {"database": self.database,
                                                "mode": "owner"})
        self.start("books")
        first = self.model_of("books")
        shutil.copytree(self.second, model / "2")
        weights = model / "2" / "weights.safetensors"
        weights.write_bytes(weights.read_bytes()[:-1] + b"\x55")
        models: collections.Counter = collections.Counter()
        with Load(THREADS, self.asker("books", models)) as load:
            self.assertTrue(load.wait_for_requests(20))
            with self.assertRaises(InferenceServerException) as caught:
                self.client.load_model("books")
            self.assertIn("weights.safetensors", caught.exception.message())
            self.assertTrue(load.wait_for_requests(20))
        self.assertEqual(load.failures, [])
        self.assertEqual(set(models), {first})

    def test_unloading_gives_the_database_back(self) -> None:
        self.server.put_model("books", {"database": self.database,
                                        "mode": "owner"})
        self.start("books")
        self.model_of("books")
        for unloaded in range(1, 4):
            self.client.unload_model("books")
            self.wait_for_log("successfully unloaded 'books'", unloaded)
            # The owner's lock is free: another process may write.
            shop.run("publish", "--db", self.database, "--model",
                     str(shop.SHOP / "model"))
            self.client.load_model("books")
            self.assertTrue(self.client.is_model_ready("books"))
            self.model_of("books")

    def test_killed_and_started_again(self) -> None:
        self.server.put_model("books", {"database": self.database,
                                        "mode": "owner"})
        self.start("books")
        first = self.model_of("books")
        self.server.kill()
        self.start("books")
        self.assertEqual(self.model_of("books"), first)

    def test_ended_under_load(self) -> None:
        """SIGTERM: what runs is answered, what comes is refused, exit 0."""
        self.server.put_model("books", {"database": self.database})
        self.start("books")
        models: collections.Counter = collections.Counter()
        with Load(THREADS, self.asker("books", models)) as load:
            self.assertTrue(load.wait_for_requests(50))
            code = self.server.stop()
        self.assertEqual(code, 0)
        for failure in load.failures:  # the clients' connection, not answers
            self.assertIsInstance(failure, InferenceServerException)


if __name__ == "__main__":
    unittest.main()
