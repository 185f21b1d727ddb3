"""What a second Python thread adds: calls that score many users at once.

One thread, then two side by side on one open database, in turns; each call scores
60 users for 500 candidates (`Database.scores`), or ranks them (`rank_many`). Usage:

  PYTHONPATH=BUILD/python .deps/python/bin/python bench/plugins/python_threads.py \
      DATABASE [--calls N] [--turns N]
"""
import argparse
import statistics
import threading
import time

import attune

USERS, CANDIDATES = 60, 500


def seconds(work, threads: int, calls: int) -> float:
    """Of `calls` calls in each thread."""
    barrier = threading.Barrier(threads + 1)

    def run() -> None:
        barrier.wait()
        for _ in range(calls):
            work()

    running = [threading.Thread(target=run) for _ in range(threads)]
    for thread in running:
        thread.start()
    barrier.wait()
    begin = time.monotonic()
    for thread in running:
        thread.join()
    return time.monotonic() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("database")
    parser.add_argument("--calls", type=int, default=5)
    parser.add_argument("--turns", type=int, default=7)
    options = parser.parse_args()
    with attune.open(options.database) as db:
        items = db.rank("nobody", CANDIDATES).item_ids
        users = [f"u{number:05}" for number in range(1, USERS + 1)]
        for name, work in (
                ("scores", lambda: db.scores(users, items)),
                ("rank_many", lambda: db.rank_many(users, 10, candidates=items))):
            work()
            gains = []
            for _ in range(options.turns):
                one = seconds(work, 1, options.calls)
                two = seconds(work, 2, options.calls)
                gains.append(2 * one / two)
            print(f"{name}: {1e3 * one / options.calls:.1f} ms a call; two threads do "
                  f"{statistics.median(gains):.2f} times what one does "
                  f"({min(gains):.2f} to {max(gains):.2f})")


if __name__ == "__main__":
    main()
