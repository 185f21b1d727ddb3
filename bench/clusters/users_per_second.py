"""How many users a second batch ranking does: the program, Python, Spark, Ray.

All rank the same candidates for the same users from the same snapshot, without
kept states, and their first rows are compared before anything is timed. What
starts (sessions, workers, engines) is left out by a run before. Usage:

  PYTHONPATH=BUILD/python:.deps/clusters .deps/python/bin/python \
      bench/clusters/users_per_second.py BUILD/attune SNAPSHOT USERS_FILE \
      ITEMS_FILE [--rows N] [--cores 1,2] [--repeat N] [--skip spark,ray]

The files hold an id per line; the users are repeated until there are N rows.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

os.environ |= {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0",
               "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
               "RAY_worker_niceness": "0",  # as the others
               "PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}
import pyarrow as pa

import attune
from attune._batch_job import Job

NOW_MS = 1_700_000_000_000
K = 10


class Work:
    """The users as tables, by id and with their histories in the rows."""

    def __init__(self, options: argparse.Namespace, folder: pathlib.Path) -> None:
        self.program = options.program
        self.snapshot = options.snapshot
        self.candidates = options.items_file.read_text().split()
        users = options.users_file.read_text().split()
        self.users = [users[i % len(users)] for i in range(options.rows)]
        self.users_file = folder / "users"
        self.users_file.write_text("\n".join(self.users) + "\n")
        self.items_file = options.items_file
        self.out = folder / "out.jsonl"
        histories = {user: self._history(user) for user in users}
        self.by_id = pa.table({"user_id": self.users})
        self.inline = self.by_id.append_column(
            "history", pa.array([histories[user] for user in self.users]))

    def _history(self, user: str) -> list[dict]:
        text = subprocess.run(
            [self.program, "show", "--db", self.snapshot, "--user", user, "--json",
             "--history", "1000"], check=True, capture_output=True).stdout
        return json.loads(text)["history"]

    def job(self, table: pa.Table) -> Job:
        return Job.make(self.snapshot, K, NOW_MS, self.candidates, False, {},
                        table.column_names)


def program(work: Work, cores: int):
    def run(_table: pa.Table) -> list:
        done = subprocess.run(
            [work.program, "batch", "--db", work.snapshot, "--users",
             work.users_file, "--candidates", work.items_file, "--k", str(K),
             "--now-ms", str(NOW_MS), "--threads", str(cores), "--out", work.out,
             "--json"], check=True, capture_output=True)
        run.seconds = json.loads(done.stdout)["seconds"]
        with work.out.open() as lines:
            first = json.loads(next(lines))
        return [(item["item_id"], item["score"]) for item in first["items"]]
    return run, lambda: None


def python(work: Work, cores: int):
    def run(table: pa.Table) -> list:
        return first_of(work.job(table).rank_table(table).slice(0, K).to_pylist())
    return (run, lambda: None) if cores == 1 else (None, None)


def spark(work: Work, cores: int):
    from pyspark.sql import SparkSession
    session = (SparkSession.builder.master(f"local[{cores}]")
               .config("spark.ui.enabled", "false")
               .config("spark.driver.host", "127.0.0.1")
               .config("spark.driver.bindAddress", "127.0.0.1")
               .config("spark.driver.memory", "2g")
               .config("spark.sql.execution.arrow.maxRecordsPerBatch", "500")
               .getOrCreate())
    session.sparkContext.setLogLevel("OFF")
    import attune.spark

    def run(table: pa.Table) -> list:
        df = session.createDataFrame(table).repartition(4 * cores).cache()
        df.count()  # the rows lie ready: reading them is not what is timed
        top = attune.spark.rank(df, work.snapshot, K, candidates=work.candidates,
                                now_ms=NOW_MS)
        begin = time.monotonic()
        top.write.format("noop").mode("overwrite").save()
        run.seconds = time.monotonic() - begin
        return first_of([row.asDict() for row in top.filter(
            top.user_id == work.users[0]).limit(K).collect()])
    return run, session.stop


def ray(work: Work, cores: int):
    import ray as ray_module
    ray_module.init(num_cpus=cores, include_dashboard=False, log_to_driver=False,
                    object_store_memory=500_000_000, logging_level="ERROR",
                    _node_ip_address="127.0.0.1")
    import attune.ray

    def run(table: pa.Table) -> list:
        ds = ray_module.data.from_arrow(table).repartition(4 * cores).materialize()
        top = attune.ray.rank(ds, work.snapshot, K, candidates=work.candidates,
                              now_ms=NOW_MS, batch_size=500)
        begin = time.monotonic()
        rows = top.materialize()
        run.seconds = time.monotonic() - begin
        return first_of(sorted(
            (row for row in rows.take(2 * K) if row["user_id"] == work.users[0]),
            key=lambda row: row["rank"])[:K])
    return run, ray_module.shutdown


def first_of(rows: list[dict]) -> list:
    return [(row["item_id"], row["score"]) for row in rows]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program", type=pathlib.Path)
    parser.add_argument("snapshot", type=pathlib.Path)
    parser.add_argument("users_file", type=pathlib.Path)
    parser.add_argument("items_file", type=pathlib.Path)
    parser.add_argument("--rows", type=int, default=4000)
    parser.add_argument("--cores", default="1,2")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--skip", default="")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        work = Work(options, pathlib.Path(name))
        wanted = None
        for host in (program, python, spark, ray):
            if host.__name__ in options.skip.split(","):
                continue
            for cores in map(int, options.cores.split(",")):
                run, end = host(work, cores)
                if run is None:
                    continue
                for kind, table in (("by id", work.by_id), ("inline", work.inline)):
                    if host is program and kind == "inline":
                        continue
                    seconds = []
                    for _ in range(options.repeat + 1):
                        begin = time.monotonic()
                        rows = run(table)
                        seconds.append(getattr(run, "seconds", None)
                                       or time.monotonic() - begin)
                    wanted = wanted or rows
                    if rows != wanted:
                        sys.exit(f"{host.__name__} gives other rows: {rows[:2]}, "
                                 f"not {wanted[:2]}")
                    rates = [len(work.users) / s for s in seconds[1:]]
                    print(f"{host.__name__:8} {cores} core(s), histories {kind}: "
                          f"{statistics.median(rates):.0f} users/s "
                          f"({min(rates):.0f} to {max(rates):.0f})", flush=True)
                end()


if __name__ == "__main__":
    main()
