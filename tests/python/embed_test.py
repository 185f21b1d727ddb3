"""Vectors that a job embeds: those of publishing, and what is refused."""
import shutil
import unittest

import pyarrow as pa

import attune
import shop
from attune._embed_job import EmbedJob

WRITTEN = (attune.InvalidArgument, attune.DataLoss)


class EmbedTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.model = shop.trained() / "model2"
        if not cls.model.exists():
            shop.train(shop.trained() / "db", cls.model, epochs=1)

    def test_vectors_are_those_of_publishing_bit_for_bit(self):
        out = shop.folder() / "vectors"
        made = attune.embed(shop.items()[:15], self.model, out)
        self.assertEqual((made.items, made.parts, made.path), (15, 1, str(out)))
        table = pa.Table.from_pylist(shop.items()[15:])
        made = attune.embed(table, self.model, out)
        self.assertEqual(made.items, 25)
        parts = sorted(out.glob("*.vectors"))
        self.assertEqual(len(parts), 2)
        self.assertIn(made.size_bytes, {part.stat().st_size for part in parts})
        wanted = shop.published(self.model)
        self.assertEqual(shop.published(self.model, out), wanted)
        self.assertEqual(shop.published(self.model, made), wanted)
        # Other records than are stored: embedded anew, with the right result.
        stale = shop.folder() / "vectors"
        attune.embed([{**row, "title": "old"} for row in shop.items()], self.model,
                     stale)
        self.assertEqual(shop.published(self.model, stale), wanted)

    def test_a_task_that_runs_twice_writes_the_same_files(self):
        out = shop.folder() / "vectors"
        job = EmbedJob.make(self.model, out, None, ["item_id"])
        batches = pa.Table.from_pylist(shop.items()).to_batches(max_chunksize=7)
        first = [row for batch in job.write_batches(batches, 14)
                 for row in batch.to_pylist()]
        self.assertEqual([row["items"] for row in first], [14, 14, 12])
        files = {path: path.read_bytes() for path in out.iterdir()}
        again = [row for batch in job.write_batches(batches, 14)
                 for row in batch.to_pylist()]
        self.assertEqual(again, first)
        self.assertEqual({path: path.read_bytes() for path in out.iterdir()}, files)
        summary = job.summary(first + again[:1])
        self.assertEqual((summary.items, summary.parts), (54, 3))

    def test_refusals(self):
        out = shop.folder() / "vectors"
        with self.assertRaisesRegex(attune.InvalidArgument, "items:2: .*item_id"):
            attune.embed([{"item_id": "a"}, {"title": "b"}], self.model, out)
        with self.assertRaisesRegex(attune.InvalidArgument, 'field "price"'):
            attune.embed([{"item_id": "a", "price": "dear"}], self.model, out)
        with self.assertRaises(attune.InvalidArgument):
            attune.embed({"item_id": "a"}, self.model, out)
        with self.assertRaises(attune.NotFound):
            attune.embed(shop.items(), out / "no model", out)
        with self.assertRaisesRegex(attune.InvalidArgument, "columns"):
            attune.embed(shop.items(), self.model, out, schema={"columns": 1})
        with self.assertRaisesRegex(attune.InvalidArgument, "item_id is wanted"):
            EmbedJob.make(self.model, out, None, ["id"])
        self.assertEqual(list(out.iterdir()), [])

    def test_parts_that_are_not_this_models_are_refused(self):
        out = shop.folder() / "vectors"
        database = shop.copy() / "db"
        with attune.open(database, mode="owner") as db:
            before = db.rank("u02", 3, now_ms=shop.NOW_MS)
            with self.assertRaises(attune.NotFound):
                db.publish(self.model, vectors=out)
            attune.embed(shop.items(), shop.trained() / "model", out)
            with self.assertRaisesRegex(attune.InvalidArgument, "of model"):
                db.publish(self.model, vectors=out)
            shutil.rmtree(out)
            attune.embed(shop.items(), self.model, out)
            part = next(out.iterdir())
            data = bytearray(part.read_bytes())
            for damaged in (data[:-1], data[:5000], b"", b"something else"):
                part.write_bytes(damaged)
                with self.assertRaisesRegex(WRITTEN, part.name):
                    db.publish(self.model, vectors=out)
            data[len(data) // 2] ^= 1
            part.write_bytes(data)
            with self.assertRaisesRegex(attune.DataLoss, part.name):
                db.publish(self.model, vectors=out)
            after = db.rank("u02", 3, now_ms=shop.NOW_MS)
            self.assertEqual(after.model, before.model)
            self.assertEqual(after.item_ids, before.item_ids)
            db.publish(self.model)


if __name__ == "__main__":
    unittest.main()
