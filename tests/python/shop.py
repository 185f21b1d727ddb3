"""A tiny made-up shop, trained once per test process."""
import atexit
import functools
import pathlib
import random
import shutil
import tempfile

import attune

NOW_MS = 1_700_000_000_000
ITEMS = [f"i{i:02}" for i in range(40)]
USERS = [f"u{u:02}" for u in range(60)]
KINDS = ("tea", "bike", "lamp", "book")


def items() -> list[dict]:
    """Forty items of four kinds."""
    return [{"item_id": item, "title": f"{KINDS[i % 4]} number {i}",
             "categories": [KINDS[i % 4]], "tags": ["new", KINDS[i % 4]],
             "price": 1.5 * i} for i, item in enumerate(ITEMS)]


def events() -> list[dict]:
    """Each user keeps to one kind; twelve events, a minute apart."""
    chance = random.Random(5)
    return [{"user_id": user, "item_id": item, "action": "click",
             "timestamp": NOW_MS / 1000 - 60 * (20 - n)}
            for u, user in enumerate(USERS)
            for n, item in enumerate(chance.sample(ITEMS[u % 4::4], 8))]


def folder() -> pathlib.Path:
    """A new folder that goes with the process."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="attune python "))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


def train(database, model, **options) -> attune.Trained:
    """A model small enough for a test."""
    return attune.train(database, model, seed=3, threads=2, config={
        "model": {"width": 32, "heads": 2, "encoder_blocks": 1},
        "training": {"decoder_epochs": 1}}, **{"epochs": 2, **options})


@functools.cache
def trained() -> pathlib.Path:
    """A folder with db and model, published. Read it; copy it to write."""
    path = folder()
    attune.ingest(path / "db", schema={"columns": [
        {"name": "price", "entity": "item", "type": "numeric"}]})
    with attune.open(path / "db", mode="owner") as db:
        db.put_items(items())
        db.put_events(events())
    train(path / "db", path / "model")
    with attune.open(path / "db", mode="owner") as db:
        db.publish(path / "model")
    return path


def copy() -> pathlib.Path:
    """A copy of trained() to write to."""
    path = folder()
    shutil.copytree(trained(), path, dirs_exist_ok=True)
    return path


def published(model, vectors=None) -> bytes:
    """All of a new database with these items and the model, as a snapshot."""
    path = folder()
    attune.ingest(path / "db", schema={"columns": [
        {"name": "price", "entity": "item", "type": "numeric"}]})
    with attune.open(path / "db", mode="owner") as db:
        db.put_items(items())
        db.publish(model, vectors=vectors)
    attune.snapshot(path / "db", path / "packed")
    return (path / "packed").read_bytes()
