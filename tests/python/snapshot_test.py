"""A snapshot: the same answers from one file, and what it refuses."""
import pathlib
import unittest

import numpy as np
import pyarrow as pa

import attune
import shop
from attune import _batch_job


class SnapshotTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.database = shop.trained() / "db"
        cls.path = shop.folder() / "shop.snapshot"
        cls.made = attune.snapshot(cls.database, cls.path, histories=True)

    def job(self, columns=("user_id",), path=None, k=4, **options):
        return _batch_job.Job.make(path or self.path, k, shop.NOW_MS,
                                   options.pop("candidates", None),
                                   options.pop("probabilities", False), options,
                                   columns)

    def test_answers_as_the_database(self):
        with attune.open(self.database) as db, attune.open(self.path) as snapshot:
            for candidates in (shop.ITEMS, None):
                wanted = db.rank_many(shop.USERS, 5, candidates=candidates,
                                      now_ms=shop.NOW_MS)
                got = snapshot.rank_many(shop.USERS, 5, candidates=candidates,
                                         now_ms=shop.NOW_MS)
                self.assertTrue(got.to_arrow().equals(wanted.to_arrow()))

    def test_says_what_it_made(self):
        self.assertEqual(self.made.items, 40)
        self.assertEqual(self.made.vectors, 40)
        self.assertEqual(self.made.histories, 60)
        self.assertEqual(self.made.events, 480)
        self.assertEqual(self.made.size_bytes, self.path.stat().st_size)
        attune.check_snapshot(self.path)

    def test_is_read_only(self):
        with self.assertRaisesRegex(attune.FailedPrecondition, "follower"):
            attune.open(self.path, mode="owner")
        with attune.open(self.path) as db:
            with self.assertRaises(attune.FailedPrecondition):
                db.put_items(shop.items())

    def test_damage_is_found(self):
        damaged = shop.folder() / "damaged"
        data = bytearray(self.path.read_bytes())
        data[len(data) // 2] ^= 1
        damaged.write_bytes(data)
        with self.assertRaises(attune.DataLoss):
            attune.check_snapshot(damaged)
        damaged.write_bytes(data[:-1])
        with self.assertRaisesRegex(attune.DataLoss, "bytes"):
            attune.open(damaged)
        damaged.write_text("something else")
        with self.assertRaisesRegex(attune.InvalidArgument, "nor a snapshot"):
            attune.open(damaged)

    def test_a_job_ranks_as_the_database_cold(self):
        job = self.job(probabilities=True, exclude_seen=True)
        table = job.rank_table(pa.table({"user_id": shop.USERS}))
        self.assertEqual(table.schema, job.schema)
        with attune.open(self.database) as db:
            for user in shop.USERS:
                ranking = db.rank(user, 4, exclude_seen=True, now_ms=shop.NOW_MS,
                                  without_state=True)
                rows = table.filter(pa.compute.equal(table["user_id"], user))
                self.assertEqual(rows["item_id"].to_pylist(), ranking.item_ids)
                self.assertEqual(rows["rank"].to_pylist(), [1, 2, 3, 4])
                np.testing.assert_array_equal(rows["score"], ranking.scores)
                np.testing.assert_array_equal(rows["p_next"],
                                              ranking.probabilities[:, 0])

    def test_a_job_takes_histories_and_candidates_by_row(self):
        history = [{"item_id": "i02", "action": "click",
                    "time_ms": shop.NOW_MS - 60_000}]
        table = pa.table({
            "user_id": ["u02", "u02", "new", "new"],
            "history": [None, history, history, []],
            "candidates": [["i02", "i01"], None, ["i02", "i01"], None]})
        rows = self.job(table.column_names, candidates=["i06"]).rank_table(table)
        self.assertEqual(rows["rank"].to_pylist(), [1, 2, 1, 1, 2, 1])
        with attune.open(self.path) as db:
            for user, candidates, given, begin in (
                    ("u02", ["i02", "i01"], None, 0), ("u02", ["i06"], history, 2),
                    ("new", ["i02", "i01"], history, 3), ("new", ["i06"], [], 5)):
                ranking = db.rank(user, candidates=candidates, history=given,
                                  now_ms=shop.NOW_MS, without_state=True)
                part = rows.slice(begin, len(candidates))
                self.assertEqual(part["item_id"].to_pylist(), ranking.item_ids)
                np.testing.assert_array_equal(part["score"], ranking.scores)

    def test_a_job_refuses_before_it_begins(self):
        with self.assertRaisesRegex(attune.InvalidArgument, "user_id is wanted"):
            self.job(["user"])
        with self.assertRaisesRegex(attune.InvalidArgument, "no argument 'exclud'"):
            self.job(exclud=True)
        with self.assertRaises(attune.InvalidArgument):
            self.job(value_formula="no_such_task")
        with self.assertRaises(attune.NotFound):
            self.job(path=pathlib.Path("no such file"))
        without = shop.folder() / "without"
        attune.snapshot(self.database, without)
        with self.assertRaisesRegex(attune.InvalidArgument, "no histories"):
            self.job(path=without)
        self.job(["user_id", "history"], path=without)

    def test_a_job_names_the_user_of_a_bad_row(self):
        history = [[], [{"item_id": "i02", "timestamp": "noon"}]]
        table = pa.table({"user_id": ["good", "bad"], "history": history})
        with self.assertRaisesRegex(attune.InvalidArgument, "timestamp"):
            self.job(table.column_names).rank_table(table)
        table = pa.table({"user_id": pa.array([None], pa.string())})
        with self.assertRaisesRegex(attune.InvalidArgument, "null"):
            self.job().rank_table(table)
        self.assertEqual(self.job().rank_table(table.slice(0, 0)).num_rows, 0)

    def test_workers_open_a_file_once_and_a_new_one_anew(self):
        path = shop.folder() / "replaced"
        attune.snapshot(self.database, path, histories=True)
        first = _batch_job._opened(str(path), {})
        self.assertIs(_batch_job._opened(str(path), {}), first)
        attune.snapshot(self.database, path, histories=True)
        self.assertIsNot(_batch_job._opened(str(path), {}), first)


if __name__ == "__main__":
    unittest.main()
