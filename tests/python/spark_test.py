"""attune.spark on a real local[2] session: the database's rows, whatever happens."""
import os
import sys
import unittest

import pyarrow as pa
from pyspark import TaskContext
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

import attune
import attune.spark
import shop


def _flaky(batches):
    """Passes rows on; fails behind the last one at the first attempt."""
    yield from batches
    if TaskContext.get().attemptNumber() == 0:
        raise RuntimeError("the first attempt is lost")


class SparkTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        os.environ["PYSPARK_PYTHON"] = sys.executable
        os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
        folder = shop.folder()
        cls.path = folder / "shop.snapshot"
        attune.snapshot(shop.trained() / "db", cls.path, histories=True)
        cls.spark = (SparkSession.builder.master("local[2,2]")
                     .config("spark.ui.enabled", "false")
                     .config("spark.driver.host", "127.0.0.1")
                     .config("spark.driver.bindAddress", "127.0.0.1")
                     .config("spark.driver.memory", "1g")
                     .config("spark.local.dir", str(folder))
                     .config("spark.sql.warehouse.dir", str(folder / "warehouse"))
                     .config("spark.sql.shuffle.partitions", "3")
                     .config("spark.python.authenticate.socketTimeout", "300s")
                     .config("spark.network.timeout", "600s")
                     .getOrCreate())
        cls.spark.sparkContext.setLogLevel("OFF")
        cls.addClassCleanup(cls.spark.stop)
        with attune.open(cls.path) as db:
            cls.wanted = {user: db.rank(user, 4, now_ms=shop.NOW_MS,
                                        without_state=True)
                          for user in shop.USERS}

    def users(self, partitions=2):
        return self.spark.createDataFrame(
            [(user,) for user in shop.USERS], "user_id string").repartition(partitions)

    def rank(self, df, k=4, **options):
        return attune.spark.rank(df, self.path, k, now_ms=shop.NOW_MS, **options)

    def check(self, df):
        rows = df.collect()
        self.assertEqual(len(rows), 4 * len(shop.USERS))
        for begin in range(0, len(rows), 4):  # a user's rows, in order
            wanted = self.wanted[rows[begin].user_id]
            part = rows[begin:begin + 4]
            self.assertEqual({row.user_id for row in part}, {wanted.user})
            self.assertEqual([row["rank"] for row in part], [1, 2, 3, 4])
            self.assertEqual([row.item_id for row in part], wanted.item_ids)
            self.assertEqual([row.score for row in part], list(wanted.scores))

    def test_rows_are_the_databases_bit_for_bit(self):
        df = self.rank(self.users())
        self.assertEqual(df.dtypes, [("user_id", "string"), ("rank", "int"),
                                     ("item_id", "string"), ("score", "double")])
        self.check(df)

    def test_partitions_and_lost_tasks_change_nothing(self):
        self.check(self.rank(self.users(5)))
        self.check(self.rank(self.users().mapInArrow(_flaky, "user_id string")))

    def test_the_file_can_be_shipped(self):
        self.check(self.rank(self.users(), ship=True))

    def test_histories_candidates_and_probabilities_by_row(self):
        history = [("i02", "click", shop.NOW_MS - 60_000)]
        df = self.spark.createDataFrame(
            [("new", history, ["i02", "i01"]), ("u02", None, None)],
            "user_id string, history array<struct<item_id string, action string, "
            "time_ms bigint>>, candidates array<string>")
        rows = self.rank(df, candidates=shop.ITEMS[:3], probabilities=True).collect()
        with attune.open(self.path) as db:
            new = db.rank("new", candidates=["i02", "i01"], now_ms=shop.NOW_MS,
                          without_state=True,
                          history=[{"item_id": "i02", "action": "click",
                                    "time_ms": shop.NOW_MS - 60_000}])
            known = db.rank("u02", 4, candidates=shop.ITEMS[:3],
                            now_ms=shop.NOW_MS, without_state=True)
        wanted = [(r.user, item.item_id, item.score, item.probabilities["next"])
                  for r in (new, known) for item in r]
        self.assertEqual(
            sorted(wanted),
            sorted((r.user_id, r.item_id, r.score, r.p_next) for r in rows))

    def test_pairs_are_grouped_by_user(self):
        pairs = [(user, item) for item in shop.ITEMS[:5] for user in shop.USERS[:4]]
        pairs += [pairs[0], (shop.USERS[0], None), ("without", None)]
        df = self.spark.createDataFrame(pairs, "user_id string, item_id string")
        rows = self.rank(df, k=0).collect()
        self.assertEqual(len(rows), 20)
        self.assertEqual([row["rank"] for row in rows], [1, 2, 3, 4, 5] * 4)
        with attune.open(self.path) as db:
            scores = db.scores(rows[0].user_id, [row.item_id for row in rows[:5]],
                               now_ms=shop.NOW_MS, without_state=True)
        self.assertEqual([row.score for row in rows[:5]], scores.tolist())

    def test_a_catalogue_is_embedded_bit_for_bit_whatever_is_lost(self):
        model = shop.trained() / "model"
        wanted = shop.published(model)
        items = self.spark.createDataFrame(pa.Table.from_pylist(shop.items()))
        out = shop.folder() / "vectors"
        made = attune.spark.embed(items.repartition(3), model, out,
                                  items_per_part=10)
        self.assertEqual(made.items, len(shop.ITEMS))
        self.assertEqual(made.parts, len(list(out.glob("*.vectors"))))
        self.assertEqual(shop.published(model, made), wanted)
        lost = shop.folder() / "vectors"
        again = attune.spark.embed(
            items.repartition(2).mapInArrow(_flaky, items.schema), model, lost,
            ship=True)
        self.assertEqual(again.items, len(shop.ITEMS))
        self.assertEqual(shop.published(model, again), wanted)
        with self.assertRaises(attune.InvalidArgument):
            attune.spark.embed(items.drop("item_id"), model, out)
        with self.assertRaises(attune.NotFound):
            attune.spark.embed(items, "no such model", out)
        bad = self.spark.createDataFrame([("a", "dear")],
                                         "item_id string, price string")
        with self.assertRaisesRegex(PySparkException, 'field "price"'):
            attune.spark.embed(bad, model, out)

    def test_refusals_and_a_live_session_behind_them(self):
        with self.assertRaises(attune.InvalidArgument):
            self.rank(self.users().withColumnRenamed("user_id", "user"))
        with self.assertRaises(attune.NotFound):
            attune.spark.rank(self.users(), "no such file")
        bad = self.spark.createDataFrame(
            pa.table({"user_id": pa.array([None], pa.string())}))
        with self.assertRaisesRegex(PySparkException, "user_id is null"):
            self.rank(bad).collect()
        self.assertEqual(self.rank(self.users()).count(), 4 * len(shop.USERS))


if __name__ == "__main__":
    unittest.main()
