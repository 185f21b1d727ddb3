"""attune.ray on a real local Ray: the database's rows."""
import os
import shutil
import sys
import tempfile
import unittest

os.environ |= {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0",
               "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
               "RAY_gcs_server_port_wait_time_s": "300"}
import pyarrow as pa
import ray

import attune
import attune.ray
import shop


class RayTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.path = shop.folder() / "shop.snapshot"
        attune.snapshot(shop.trained() / "db", cls.path, histories=True)
        cls.addClassCleanup(ray.shutdown)
        for attempt in range(3):
            # Sockets lie in it, whose paths must be short.
            folder = tempfile.mkdtemp(prefix="ray")
            cls.addClassCleanup(shutil.rmtree, folder, ignore_errors=True)
            try:
                ray.init(num_cpus=2, include_dashboard=False, _temp_dir=folder,
                         object_store_memory=80_000_000, log_to_driver=False,
                         _node_ip_address="127.0.0.1", logging_level="ERROR")
                return
            except Exception:  # Ray gives itself 30 s, whatever the load
                ray.shutdown()
                if attempt == 2:
                    raise

    def rank(self, table, **options):
        return attune.ray.rank(ray.data.from_arrow(table), self.path,
                               now_ms=shop.NOW_MS, **options)

    def test_rows_are_the_databases_bit_for_bit(self):
        table = pa.table({"user_id": shop.USERS})
        rows = self.rank(table, k=4, batch_size=17).take_all()
        self.assertEqual(len(rows), 4 * len(shop.USERS))
        with attune.open(self.path) as db:
            for begin in range(0, len(rows), 4):
                part = rows[begin:begin + 4]
                wanted = db.rank(part[0]["user_id"], 4, now_ms=shop.NOW_MS,
                                 without_state=True)
                self.assertEqual([r["user_id"] for r in part], [wanted.user] * 4)
                self.assertEqual([r["rank"] for r in part], [1, 2, 3, 4])
                self.assertEqual([r["item_id"] for r in part], wanted.item_ids)
                self.assertEqual([r["score"] for r in part], list(wanted.scores))
        self.assertEqual({r["user_id"] for r in rows}, set(shop.USERS))

    def test_columns_are_typed_and_rows_bring_their_own(self):
        table = pa.table({
            "user_id": ["new", "u02"],
            "history": [[{"item_id": "i02", "action": "click",
                          "time_ms": shop.NOW_MS - 60_000}], None],
            "candidates": [["i02", "i01"], None]})
        ds = self.rank(table, k=3, candidates=["i06"], probabilities=True)
        ds = ds.materialize()
        self.assertEqual(dict(zip(ds.schema().names, ds.schema().types)), {
            "user_id": pa.string(), "rank": pa.int32(), "item_id": pa.string(),
            "score": pa.float64(), "p_next": pa.float64()})
        rows = sorted(ds.take_all(), key=lambda r: (r["user_id"], r["rank"]))
        self.assertEqual([r["user_id"] for r in rows], ["new", "new", "u02"])
        with attune.open(self.path) as db:
            wanted = db.rank("new", candidates=["i02", "i01"], now_ms=shop.NOW_MS,
                             history=table["history"][0].as_py(), without_state=True)
        self.assertEqual([r["score"] for r in rows[:2]], list(wanted.scores))

    @unittest.skipIf(" " in sys.executable, "Ray 2.60 starts the workers of its "
                     "shuffle by a shell, which cuts this Python's path at the space")
    def test_pairs_are_grouped_by_user(self):
        pairs = [(user, item) for item in shop.ITEMS[:5] for user in shop.USERS[:4]]
        pairs += [pairs[0], (shop.USERS[0], None), ("without", None)]
        table = pa.table({"user_id": [pair[0] for pair in pairs],
                          "item_id": [pair[1] for pair in pairs]})
        rows = self.rank(table, k=0).take_all()
        self.assertEqual(len(rows), 20)
        self.assertEqual([row["rank"] for row in rows], [1, 2, 3, 4, 5] * 4)
        self.assertEqual({row["user_id"] for row in rows}, set(shop.USERS[:4]))
        with attune.open(self.path) as db:
            for begin in range(0, 20, 5):
                part = rows[begin:begin + 5]
                self.assertEqual(len({row["user_id"] for row in part}), 1)
                scores = db.scores(part[0]["user_id"],
                                   [row["item_id"] for row in part],
                                   now_ms=shop.NOW_MS, without_state=True)
                self.assertEqual([row["score"] for row in part], scores.tolist())

    def test_a_catalogue_is_embedded_bit_for_bit(self):
        model = shop.trained() / "model"
        out = shop.folder() / "vectors"
        items = ray.data.from_arrow(pa.Table.from_pylist(shop.items()))
        made = attune.ray.embed(items, model, out, items_per_part=15)
        self.assertEqual((made.items, made.parts), (40, len(list(out.iterdir()))))
        self.assertEqual(shop.published(model, made), shop.published(model))
        with self.assertRaises(attune.InvalidArgument):
            attune.ray.embed(items.drop_columns(["item_id"]), model, out)
        bad = ray.data.from_arrow(pa.table({"item_id": ["a"], "price": ["dear"]}))
        with self.assertRaisesRegex(Exception, 'field "price"'):
            attune.ray.embed(bad, model, out)

    def test_refusals_and_a_live_cluster_behind_them(self):
        with self.assertRaises(attune.InvalidArgument):
            self.rank(pa.table({"user": ["u02"]}))
        with self.assertRaises(attune.InvalidArgument):
            self.rank(pa.table({"user_id": ["u02"], "item_id": ["i02"],
                                "history": [[]]}))
        with self.assertRaisesRegex(Exception, "user_id is null"):
            self.rank(pa.table({"user_id": pa.array([None], pa.string())})).take_all()
        rows = self.rank(pa.table({"user_id": ["u02"]}), k=3).take_all()
        self.assertEqual(len(rows), 3)


if __name__ == "__main__":
    unittest.main()
