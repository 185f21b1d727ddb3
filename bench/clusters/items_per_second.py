"""How many items a second are embedded: by publishing, and by jobs before it.

Publishes a model to a copy of the database that has no vectors of it, alone and
with the parts that Python, Spark and Ray have embedded of the same items; all
databases must then hold the same vectors (compared as snapshots). What starts
(sessions, workers) is left out by a run of a few items before. Usage:

  PYTHONPATH=BUILD/python:.deps/clusters .deps/python/bin/python \
      bench/clusters/items_per_second.py BUILD/attune DATABASE MODEL \
      ITEMS.jsonl [--cores 1,2] [--repeat N] [--skip spark,ray]

DATABASE has the items of the file and need not have the model.
"""
import argparse
import hashlib
import os
import pathlib
import shutil
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
import pyarrow.json

import attune

PART = 12_500  # items of a task


class Work:
    def __init__(self, options: argparse.Namespace, folder: pathlib.Path) -> None:
        self.program, self.model = options.program, options.model
        self.database, self.folder = options.database, folder
        self.items = pyarrow.json.read_json(options.items_file)
        self.vectors = folder / "vectors"
        self.wanted: str | None = None

    def publish(self, *more: str) -> float:
        """Seconds of publishing to a fresh copy, which must give the same."""
        copy = self.folder / "db"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.database, copy)
        begin = time.monotonic()
        subprocess.run([self.program, "publish", "--db", copy, "--model", self.model,
                        *more], check=True, capture_output=True)
        seconds = time.monotonic() - begin
        attune.snapshot(copy, self.folder / "packed")
        digest = hashlib.sha256((self.folder / "packed").read_bytes()).hexdigest()
        self.wanted = self.wanted or digest
        if digest != self.wanted:
            sys.exit("other vectors than publishing alone stores")
        return seconds

    def fresh(self) -> pathlib.Path:
        shutil.rmtree(self.vectors, ignore_errors=True)
        return self.vectors


def python(work: Work, cores: int):
    def run(table: pa.Table) -> None:
        out = work.fresh()
        for begin in range(0, table.num_rows, PART):
            attune.embed(table.slice(begin, PART), work.model, out)
    return (run, lambda: None) if cores == 1 else (None, None)


def spark(work: Work, cores: int):
    from pyspark.sql import SparkSession
    session = (SparkSession.builder.master(f"local[{cores}]")
               .config("spark.ui.enabled", "false")
               .config("spark.driver.host", "127.0.0.1")
               .config("spark.driver.bindAddress", "127.0.0.1")
               .config("spark.driver.memory", "2g")
               .getOrCreate())
    session.sparkContext.setLogLevel("OFF")
    import attune.spark

    def run(table: pa.Table) -> None:
        df = session.createDataFrame(table).repartition(4 * cores).cache()
        df.count()  # the rows lie ready: reading them is not what is timed
        out = work.fresh()
        begin = time.monotonic()
        attune.spark.embed(df, work.model, out, items_per_part=PART)
        run.seconds = time.monotonic() - begin
    return run, session.stop


def ray(work: Work, cores: int):
    import ray as ray_module
    ray_module.init(num_cpus=cores, include_dashboard=False, log_to_driver=False,
                    object_store_memory=500_000_000, logging_level="ERROR",
                    _node_ip_address="127.0.0.1")
    import attune.ray

    def run(table: pa.Table) -> None:
        ds = ray_module.data.from_arrow(table).repartition(4 * cores).materialize()
        out = work.fresh()
        begin = time.monotonic()
        attune.ray.embed(ds, work.model, out, items_per_part=PART)
        run.seconds = time.monotonic() - begin
    return run, ray_module.shutdown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program", type=pathlib.Path)
    parser.add_argument("database", type=pathlib.Path)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("items_file", type=pathlib.Path)
    parser.add_argument("--cores", default="1,2")
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--skip", default="")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        work = Work(options, pathlib.Path(name))
        count = work.items.num_rows
        alone = [work.publish() for _ in range(options.repeat)]
        seconds = statistics.median(alone)
        print(f"publish alone        1 core  {seconds:7.1f} s {count / seconds:8.0f}"
              " items/s", flush=True)
        for cores in map(int, options.cores.split(",")):
            for make in (python, spark, ray):
                if make.__name__ in options.skip.split(","):
                    continue
                run, end = make(work, cores)
                if run is None:
                    continue
                run(work.items.slice(0, 1000))
                times = []
                for _ in range(options.repeat):
                    begin = time.monotonic()
                    run.seconds = None
                    run(work.items)
                    times.append(run.seconds or time.monotonic() - begin)
                end()
                seconds = statistics.median(times)
                print(f"{make.__name__:<20} {cores} core{'s' * (cores > 1):1} "
                      f"{seconds:7.1f} s {count / seconds:8.0f} items/s", flush=True)
                load = work.publish("--vectors", str(work.vectors))
                print(f"  publish --vectors          {load:7.1f} s", flush=True)


if __name__ == "__main__":
    main()
