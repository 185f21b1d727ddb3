"""Ranking: NumPy and Arrow out, errors, threads, notebook."""
import concurrent.futures
import ctypes
import multiprocessing
import unittest

import numpy as np
import pandas as pd
import pyarrow as pa

import attune
import shop


class RankTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.db = attune.open(shop.trained() / "db")
        cls.addClassCleanup(cls.db.close)

    def rank(self, user="u02", k=5, **options):
        return self.db.rank(user, k, now_ms=shop.NOW_MS, **options)

    def test_ranks_explains_and_leaves_out_what_was_seen(self):
        ranking = self.rank(explain=True, exclude_seen=True)
        seen = {e["item_id"] for e in shop.events() if e["user_id"] == "u02"}
        self.assertEqual(len(ranking), 5)
        self.assertFalse(seen & set(ranking.item_ids))
        self.assertEqual(list(ranking.scores), sorted(ranking.scores, reverse=True))
        self.assertEqual(ranking.scores.dtype, np.float64)
        self.assertEqual(ranking.filtered["seen"], 8)
        reasons = [r for item in ranking for r in item.reasons]
        self.assertTrue(reasons)
        self.assertLessEqual({r.item_id for r in reasons}, seen)

    def test_scores_are_those_of_rank_bit_for_bit(self):
        ranking = self.rank(k=0, candidates=shop.ITEMS)
        scores = self.db.scores("u02", ranking.item_ids, now_ms=shop.NOW_MS)
        self.assertEqual(scores.dtype, np.float32)
        np.testing.assert_array_equal(scores, ranking.scores.astype(np.float32))

    def test_ids_come_from_numpy_pandas_and_arrow(self):
        wanted = self.db.scores("u02", shop.ITEMS, now_ms=shop.NOW_MS)
        for ids in (np.array(shop.ITEMS), np.array(shop.ITEMS, dtype=object),
                    pd.Series(shop.ITEMS), pa.array(shop.ITEMS), tuple(shop.ITEMS)):
            with self.subTest(type(ids)):
                np.testing.assert_array_equal(
                    self.db.scores("u02", ids, now_ms=shop.NOW_MS), wanted)

    def test_many_are_as_one_by_one(self):
        many = self.db.rank_many(shop.USERS, 5, now_ms=shop.NOW_MS)
        self.assertEqual([r.user for r in many], shop.USERS)
        for ranking in many[::7]:
            alone = self.rank(ranking.user)
            self.assertEqual(ranking.item_ids, alone.item_ids)
            np.testing.assert_array_equal(ranking.scores, alone.scores)
        table = self.db.scores(shop.USERS, shop.ITEMS, now_ms=shop.NOW_MS)
        self.assertEqual(table.shape, (60, 40))
        np.testing.assert_array_equal(
            table[2], self.db.scores("u02", shop.ITEMS, now_ms=shop.NOW_MS))

    def test_threads_give_the_same_scores(self):
        def score(user: str):
            return self.db.scores(user, shop.ITEMS, now_ms=shop.NOW_MS)
        alone = [score(user) for user in shop.USERS]
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            for _ in range(3):
                np.testing.assert_array_equal(
                    list(pool.map(score, shop.USERS)), alone)

    def test_a_call_gives_up_the_gil(self):
        # Two calls that each need the other's thread to run Python meanwhile
        # would wait for ever if a call kept the GIL: the progress function of a
        # training runs while another thread ranks.
        path = shop.copy()
        answers = []
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            def epoch(report):
                answers.append(pool.submit(self.rank).result(timeout=60))
            shop.train(path / "db", path / "second", progress=epoch)
        self.assertTrue(answers)

    def test_inline_items_history_and_features(self):
        ranking = self.db.rank(
            "", 0, items=shop.items()[:8], now_ms=shop.NOW_MS,
            history=[e for e in shop.events() if e["user_id"] == "u02"],
            user_features={"age": 31})
        self.assertEqual(ranking.history_length, 8)
        stored = self.rank(k=0, candidates=shop.ITEMS[:8])
        self.assertEqual(ranking.item_ids, stored.item_ids)
        np.testing.assert_allclose(ranking.scores, stored.scores, atol=1e-4)

    def test_a_context_moves_the_scores(self):
        path = shop.folder()
        attune.ingest(path / "db", schema={"columns": [
            {"name": "query", "entity": "event", "type": "text",
             "context": True}]})
        with attune.open(path / "db", mode="owner") as db:
            db.put_items(shop.items())
            db.put_events({**event, "query": f"number {int(event['item_id'][1:])}"}
                          for event in shop.events())
        shop.train(path / "db", path / "model")
        with attune.open(path / "db", mode="owner") as db:
            db.publish(path / "model")
            asked = {"k": 0, "candidates": shop.ITEMS, "now_ms": shop.NOW_MS}
            context = {"query": "lamp number 6"}
            found = db.rank("u02", context=context, **asked)
            plain = db.rank("u02", **asked)
            self.assertNotEqual(dict(zip(found.item_ids, found.scores)),
                                dict(zip(plain.item_ids, plain.scores)))
            many = db.rank_many(["u02"], context=context, **asked)
            self.assertEqual(many[0].item_ids, found.item_ids)
            for wrong, message in [
                    ({"qurey": "lamp"}, r'"qurey" is unknown to the model; it '
                     r'knows: "query" \(text\)'),
                    ({"query": ["a", "b"]}, 'field "query": '),
                    ({"query": {"a": 1}}, "context")]:
                with self.assertRaisesRegex(attune.InvalidArgument, message):
                    db.rank("u02", context=wrong, **asked)

    def test_tables_out(self):
        many = self.db.rank_many(["u01", "u02"], 3, now_ms=shop.NOW_MS)
        table = many.to_arrow()
        self.assertEqual(table.column_names,
                         ["user_id", "rank", "item_id", "score", "p_next"])
        self.assertEqual(table.schema.field("rank").type, pa.int32())
        self.assertEqual(table["item_id"].to_pylist(),
                         many[0].item_ids + many[1].item_ids)
        self.assertEqual(table["user_id"].to_pylist(), ["u01"] * 3 + ["u02"] * 3)
        self.assertEqual(list(many.to_pandas()["rank"]), [1, 2, 3, 1, 2, 3])
        self.assertEqual(attune.Rankings().to_arrow().num_rows, 0)

    def test_errors_are_exceptions_with_the_engine_s_text(self):
        cases = [
            (attune.InvalidArgument, "user: must be a str, not int",
             lambda: self.db.rank(3)),
            (attune.InvalidArgument, r"k: must be from 0 to \d+, not -1",
             lambda: self.rank(k=-1)),
            (attune.InvalidArgument, r"candidates\[1\]: must be a str, not int",
             lambda: self.rank(candidates=["i01", 7])),
            (attune.InvalidArgument, "lone surrogates",
             lambda: self.db.rank("\ud800")),
            (attune.InvalidArgument, "value formula",
             lambda: self.rank(value_formula="nothing +")),
            (attune.InvalidArgument, r"history:1: field \"timestamp\"",
             lambda: self.rank(history=[{"item_id": "i01", "timestamp": "noon"}])),
            (attune.InvalidArgument, "user 'u01': ",
             lambda: self.db.rank_many(["u01"], value_formula="nothing +")),
            (attune.NotFound, "", lambda: self.rank(model="nope")),
            (attune.NotFound, "does not exist", lambda: attune.open("/no such")),
            (attune.FailedPrecondition, "open as a follower",
             lambda: self.db.put_items(shop.items())),
            (attune.InvalidArgument, '"mode" must be',
             lambda: attune.open(shop.trained() / "db", mode="x")),
        ]
        for kind, text, call in cases:
            with self.subTest(text), self.assertRaisesRegex(kind, text) as raised:
                call()
            self.assertIsInstance(raised.exception, attune.Error)
            self.assertEqual(raised.exception.code, kind.code)
        self.assertTrue(issubclass(attune.InvalidArgument, ValueError))
        self.assertTrue(issubclass(attune.DeadlineExceeded, TimeoutError))
        self.assertEqual(len(self.rank()), 5)  # the host lives on

    def test_closed_is_refused(self):
        db = attune.open(shop.trained() / "db")
        with db:
            pass
        db.close()
        with self.assertRaises(attune.Closed):
            db.rank("u01")

    def test_a_forked_child_is_refused_and_ends(self):
        context = multiprocessing.get_context("fork")
        queue = context.Queue()

        def child():
            try:
                self.db.rank("u01")
            except attune.Error as error:
                queue.put(type(error).__name__)
        process = context.Process(target=child)
        process.start()
        self.assertEqual(queue.get(timeout=60), "Forked")
        process.join(60)
        self.assertEqual(process.exitcode, 0)

    def test_the_host_s_rounding_mode_changes_nothing(self):
        wanted = self.db.scores("u02", shop.ITEMS, now_ms=shop.NOW_MS)
        libm = ctypes.CDLL("libm.so.6")
        before = libm.fegetround()
        libm.fesetround(0x400)  # downward
        try:
            scores = self.db.scores("u02", shop.ITEMS, now_ms=shop.NOW_MS)
        finally:
            libm.fesetround(before)
        np.testing.assert_array_equal(scores, wanted)

    def test_a_notebook_shows_tables(self):
        ranking = self.rank(explain=True)
        page = ranking._repr_html_()
        self.assertEqual(page.count("<tr>"), 6)
        self.assertIn(ranking.item_ids[0], page)
        hostile = self.db.rank("<script>", 2)._repr_html_()
        self.assertNotIn("<script>", hostile)
        heat = ranking.heat_map("effect")
        self.assertEqual(heat.values.shape, (5, len(heat.columns)))
        self.assertIn("background", heat._repr_html_())
        with self.assertRaisesRegex(ValueError, "explain=True"):
            self.rank().heat_map()

    def test_stats(self):
        self.assertIsInstance(self.db.stats(), dict)
        self.assertIn("# TYPE", self.db.prometheus())


if __name__ == "__main__":
    unittest.main()
