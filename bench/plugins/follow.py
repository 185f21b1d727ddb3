"""How long a follower takes to see an event, and what looking costs its requests.

An owner in a process of its own acknowledges an event every 25 ms, each of a user
of its own; a follower ranks for that user, one request after the other, until the
event is in the history. In turn with the owner at rest, requests of the same kind
for the same users are timed. Usage:

  PYTHONPATH=BUILD/python .deps/python/bin/python bench/plugins/follow.py \
      DATABASE [--events N] [--refresh-ms 0,200,1000] [--candidates N]

DATABASE, which has a published model, is copied and not written to.
"""
import argparse
import multiprocessing
import pathlib
import shutil
import tempfile
import time

import numpy as np

import attune

EVERY_S = 0.025


def write(path: str, item: str, prefix: str, count: int, sent) -> None:
    with attune.open(path, mode="owner") as db:
        sent.put(None)  # open
        for number in range(count):
            user = f"{prefix}{number}"
            db.put_events([{"user_id": user, "item_id": item, "action": "click",
                            "time_ms": 1_700_000_000_000 + number}])
            sent.put((user, time.monotonic()))  # one clock for all processes
            time.sleep(EVERY_S)
    sent.put(None)


def quantiles(name: str, values: list[float], unit: float, text: str) -> str:
    p50, p99, most = np.quantile(values, [0.5, 0.99, 1]) * unit
    return f"{name}: p50 {p50:.2f} {text}, p99 {p99:.2f}, most {most:.2f}"


def measure(path: pathlib.Path, refresh_ms: int, events: int, items: list[str],
            context) -> None:
    sent = context.Queue()
    owner = context.Process(target=write, args=(
        str(path), items[0], f"refresh{refresh_ms}-", events, sent))
    with attune.open(path, refresh_ms=refresh_ms) as db:
        def request(user: str) -> float:
            begin = time.monotonic()
            seen.append(db.rank(user, 1, candidates=items).history_length > 0)
            return time.monotonic() - begin

        seen: list[bool] = []
        for _ in range(100):
            request("nobody")
        alone = [request("nobody") for _ in range(1000)]
        looks = []
        for _ in range(300):
            begin = time.monotonic()
            db.refresh()
            looks.append(time.monotonic() - begin)
        owner.start()
        sent.get()
        delays, beside = [], []
        while (event := sent.get()) is not None:
            user, acknowledged = event
            while True:
                beside.append(request(user))
                if seen[-1]:
                    break
            delays.append(time.monotonic() - acknowledged)
        owner.join()
    print(f"refresh_ms {refresh_ms}, {len(items)} candidates")
    print("  " + quantiles("event to ranking", delays, 1e3, "ms"))
    print("  " + quantiles("request beside the owner", beside, 1e3, "ms"))
    print("  " + quantiles("request, nothing written", alone, 1e3, "ms"))
    print("  " + quantiles("look, nothing written", looks, 1e6, "us"), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("database", type=pathlib.Path)
    parser.add_argument("--events", type=int, default=300)
    parser.add_argument("--refresh-ms", default="0,200,1000")
    parser.add_argument("--candidates", type=int, default=500)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "db"
        shutil.copytree(options.database, path)
        with attune.open(path) as db:
            items = db.rank("nobody", options.candidates).item_ids
        items = [items[i % len(items)] for i in range(options.candidates)]
        for refresh_ms in map(int, options.refresh_ms.split(",")):
            measure(path, refresh_ms, options.events, items,
                    multiprocessing.get_context("spawn"))


if __name__ == "__main__":
    main()
