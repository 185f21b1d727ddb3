"""Writing from dicts, pandas and Arrow; training."""
import datetime
import signal
import threading
import unittest

import numpy as np
import pandas as pd
import pyarrow as pa

import attune
import shop


class WriteTest(unittest.TestCase):
    def setUp(self) -> None:
        self.path = shop.copy()
        self.db = attune.open(self.path / "db", mode="owner")
        self.addCleanup(self.db.close)

    def scores(self, user: str = "u02") -> np.ndarray:
        return self.db.scores(user, shop.ITEMS, now_ms=shop.NOW_MS)

    def test_dicts_pandas_and_arrow_are_the_same(self):
        rows = shop.items()
        rows[3]["title"], rows[3]["price"] = "völlig anders", 7.25
        frame = pd.DataFrame(rows)
        table = pa.table({name: [row[name] for row in rows] for name in rows[0]})
        views = table.set_column(
            1, "title", table["title"].cast(pa.string_view()))
        coded = table.set_column(1, "title", table["title"].dictionary_encode())
        large = table.set_column(1, "title", table["title"].cast(pa.large_string()))
        before = self.scores()
        self.assertEqual(self.db.put_items(rows), 40)
        wanted = self.scores()
        self.assertFalse(np.array_equal(before, wanted))
        for other in (frame, table, views, coded, large,
                      table.slice(0, 25), iter(rows),
                      pa.RecordBatchReader.from_batches(
                          table.schema, table.to_batches(max_chunksize=7))):
            with self.subTest(type(other)):
                self.db.put_items(shop.items())
                self.db.put_items(other)
                if getattr(other, "num_rows", 40) == 25:
                    self.db.put_items(table.slice(25))
                np.testing.assert_array_equal(self.scores(), wanted)

    def test_events_of_every_kind_of_time(self):
        second = 1_700_000_100
        moment = datetime.datetime.fromtimestamp(second, datetime.timezone.utc)
        rows = {
            "u50": [{"timestamp": second}], "u51": [{"timestamp": moment}],
            "u52": [{"time_ms": second * 1000}],
            "u53": [{"timestamp": np.datetime64(second, "s")}],
            "u54": [{"timestamp": pd.Timestamp(moment)}],
            "u55": pa.table({"timestamp": pa.array([moment], pa.timestamp("ns", "UTC"))}),
            "u56": pd.DataFrame({"timestamp": [pd.Timestamp(moment)]}),
            "u57": pa.table({"time_ms": pa.array([moment], pa.timestamp("us"))}),
        }
        for user, table in rows.items():
            self.db.delete_user(user)
            same = {"user_id": user, "item_id": "i01", "action": "click"}
            if isinstance(table, list):
                table = [{**table[0], **same}]
            elif isinstance(table, pa.Table):
                for name, value in same.items():
                    table = table.append_column(name, pa.array([value]))
            else:
                table = table.assign(**same)
            self.assertEqual(self.db.put_events(table), 1)
        later = shop.NOW_MS + 200_000
        reasons = {}
        for user in rows:
            reason, = self.db.rank(user, 1, candidates=["i05"], explain=True,
                                   now_ms=later)[0].reasons
            reasons[user] = reason.time_ms
        self.assertEqual(set(reasons.values()), {second * 1000}, reasons)

    def test_missing_values_of_every_kind(self):
        for nothing in (None, float("nan"), np.nan, pd.NA, pd.NaT):
            self.assertEqual(self.db.put_items([{"item_id": "n", "price": nothing}]), 1)
        self.assertEqual(self.db.put_users(
            pd.DataFrame({"user_id": ["u01"], "age": [np.nan]})), 1)

    def test_a_bad_row_is_named_and_nothing_is_written(self):
        before = self.scores()
        good = shop.items()
        good[0]["title"] = "another"
        cases = [
            (r'items:41: field "item_id": is missing; there are: title$',
             self.db.put_items, good + [{"title": "x"}]),
            (r'items:41: field "price"', self.db.put_items,
             good + [{"item_id": "x", "price": "dear"}]),
            ("items:41: must be a dict, not list", self.db.put_items, good + [[]]),
            ("single dict", self.db.put_items, good[0]),
            ("rows must be dicts", self.db.put_items, 5),
            (r'items:41: field "price": must be a number', self.db.put_items,
             good + [{"item_id": "x", "price": object()}]),
            (r'column "price": Arrow type "d:', self.db.put_items,
             pa.table({"item_id": ["x"], "price": pa.array([1], pa.decimal128(9, 2))})),
            (r'events:2: field "timestamp"', self.db.put_events,
             pa.table({"user_id": ["u", "u"], "item_id": ["i01", "i02"],
                       "timestamp": ["1700000000", "noon"]})),
            ("events:1: .*null in a list", self.db.put_events,
             pa.table({"user_id": ["u"], "item_id": ["i01"], "x": [["a", None]]})),
        ]
        for text, put, rows in cases:
            with self.subTest(text), self.assertRaisesRegex(
                    attune.InvalidArgument, text):
                put(rows)
        np.testing.assert_array_equal(self.scores(), before)

    def test_new_events_change_the_ranking_and_deletion_undoes_it(self):
        before = self.scores("new")
        self.db.put_events([{"user_id": "new", "item_id": "i02", "action": "click",
                             "time_ms": shop.NOW_MS}])
        self.assertFalse(np.array_equal(self.scores("new"), before))
        self.db.delete_events("new", "i02")
        np.testing.assert_array_equal(self.scores("new"), before)
        self.db.delete_item("i02")
        self.assertEqual(self.db.rank("u01", candidates=["i02"]).unknown_items, 1)


class TrainTest(unittest.TestCase):
    def test_trains_reports_evaluates_and_publishes(self):
        path = shop.copy()
        epochs, threads = [], set()

        def epoch(report):
            epochs.append(report)
            threads.add(threading.current_thread())
        with attune.open(path / "db", mode="owner") as db:
            trained = shop.train(db, path / "second", progress=epoch)
            self.assertEqual([e["epoch"] for e in epochs if e["stage"] == "match"],
                             [1, 2])
            self.assertEqual(threads, {threading.current_thread()})
            # Same seed, data and threads: the same model.
            self.assertEqual(shop.train(db, path / "third").version, trained.version)
            evaluation = attune.evaluate(db, path / "second", k=[5], threads=2)
            rankers = [row["ranker"] for row in evaluation.rows]
            self.assertGreater(len(rankers), 2)
            self.assertTrue(all(row["k"] == 5 for row in evaluation.rows))
            self.assertEqual(evaluation.cases, trained.evaluation.cases)
            self.assertIn("<table>", evaluation._repr_html_())
            db.publish(path / "second")
            self.assertEqual(db.rank("u01").model, trained.version)

    def test_an_exception_of_progress_ends_it(self):
        path = shop.copy()

        def epoch(report):
            raise KeyError("enough")
        with self.assertRaisesRegex(KeyError, "enough"):
            shop.train(path / "db", path / "second", epochs=1000, progress=epoch)
        self.assertFalse((path / "second").exists())

    def test_ctrl_c_ends_it(self):
        path = shop.copy()

        def epoch(report):
            signal.raise_signal(signal.SIGINT)
        with self.assertRaises(KeyboardInterrupt):
            shop.train(path / "db", path / "second", epochs=1000, progress=epoch)

    def test_bad_options_are_named(self):
        db = shop.trained() / "db"
        for text, call in (
                ("training.epochs", lambda: attune.train(db, "x", epochs=-1)),
                ("nope: there is no such key",
                 lambda: attune.train(db, "x", config={"nope": 1})),
                ("protocol", lambda: attune.train(db, "x", protocol="nope"))):
            with self.subTest(text), self.assertRaisesRegex(
                    attune.InvalidArgument, text):
                call()
        with self.assertRaises(attune.NotFound):
            attune.train("/no such", "x")

    def test_ingests_files(self):
        path = shop.folder()
        (path / "items.jsonl").write_text('{"book": 7, "title": "Seven"}\n')
        seen = []
        done, = attune.ingest(path / "db", items=path / "items.jsonl",
                              map={"item_id": "book"},
                              progress=lambda *report: seen.append(report))
        self.assertEqual((done["rows"], done["added"]), (1, 1))
        self.assertTrue(seen)
        (path / "bad.jsonl").write_text('{"item_id": "a"}\nnonsense\n')
        with self.assertRaisesRegex(attune.InvalidArgument, "bad.jsonl:2"):
            attune.ingest(path / "db", items=path / "bad.jsonl")


if __name__ == "__main__":
    unittest.main()
