"""Trains and evaluates data sets as docs/quality.md names them, over seeds and
variants, and prints a Markdown table: means and their spread.

  python3 bench/quality/quality.py --data DATA [--attune build/release/attune]
      [--sets sample-books,goodbooks] [--variants base,no-text] [--seeds 1,2,3]
      [--threads 2] [--work build/quality]

Each training is a folder of WORK, and what is there is not done again: a stopped
run goes on, and other rows can be added. Needs Python only.
"""
import argparse
import gzip
import json
import pathlib
import random
import statistics
import subprocess
import sys

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]

# Files below DATA, options of ingest and of train; "text" are the columns that
# the variant without text leaves out, "time" the clock's column.
SETS = {
    "sample-books": {
        "items": "sample-books/items.jsonl", "users": "sample-books/users.tsv",
        "events": "sample-books/events.tsv", "config": "sample-books",
        "text": "title,description"},
    "goodbooks": {
        "items": "goodbooks/books.tsv", "events": "goodbooks/ratings.tsv.gz",
        "ingest": ["--map", "item_id=book_id,order=pos"],
        "drop": "average_rating,ratings_count,goodreads_book_id,history",
        "config": "goodbooks", "text": "title,description"},
    "goodbooks-cold": {
        "like": "goodbooks", "train": ["--protocol", "cold-items"]},
    "ml-1m": {
        "items": "ml-1m/movies.tsv", "users": "ml-1m/users.tsv",
        "events": "ml-1m/ratings.tsv.gz", "config": "ml-1m", "text": "title"},
    "online-retail": {
        "items": "online-retail/items.tsv", "events": "online-retail/events.tsv.gz",
        "drop": "n_events,n_users", "config": "online-retail", "text": "title",
        "time": "timestamp", "train": ["--protocol", "last-basket"]},
    "sample-video": {
        "items": "sample-video/items.tsv", "events": "sample-video/events.tsv",
        "config": "sample-video", "time": "time_ms"},
    "sample-retail": {
        "items": "sample-retail/items.jsonl", "events": "sample-retail/events.tsv",
        "text": "title", "time": "timestamp",
        "train": ["--protocol", "last-basket"]},
    "deskdrop": {
        "events": "deskdrop/events.tsv.gz", "config": "deskdrop",
        "train": ["--protocol", "time-split"]},
}
RANKERS = ["model", "match only", "+ features", "+ decoder", "item-kNN, recent", "item-kNN",
           "popularity, recent", "popularity", "text cosine"]


def spec(name: str) -> dict:
    found = SETS[name]
    return {**spec(found["like"]), **found} if "like" in found else found


def with_random_events(source: pathlib.Path, target: pathlib.Path, share: float) -> None:
    """Adds clicks at random places of each user's sequence before the last two
    events, of random items: `share` of what is there."""
    opened = gzip.open if source.suffix == ".gz" else open
    with opened(source, "rt") as file:
        header, *rows = file.read().splitlines()
    names = header.split("\t")
    user = names.index("user_id")
    item = next(names.index(n) for n in ("item_id", "book_id") if n in names)
    order = next(names.index(n) for n in ("order", "pos", "timestamp", "time_ms") if n in names)
    cells = [row.split("\t") for row in rows]
    items = sorted({c[item] for c in cells})
    users: dict[str, list[list[str]]] = {}
    for c in cells:
        users.setdefault(c[user], []).append(c)
    draw = random.Random(1)
    with open(target, "w", encoding="utf-8") as file:
        file.write(header + "\n")
        for name in sorted(users):
            events = sorted(users[name], key=lambda c: float(c[order]))
            seen = {c[item] for c in events}
            places = max(len(events) - 2, 0)
            added = [draw.randrange(places) for _ in range(round(places * share))] if places else []
            noisy = list(enumerate(events))
            for place in added:
                click = list(events[place])
                click[item] = draw.choice(items)
                if click[item] not in seen:
                    noisy.append((place + 0.5, click))
            # Orders are counted anew; clocks stay as that of the neighbour.
            for number, (_, c) in enumerate(sorted(noisy, key=lambda p: p[0]), 1):
                if names[order] in ("order", "pos"):
                    c = c[:order] + [str(number)] + c[order + 1:]
                file.write("\t".join(c) + "\n")


class Table:
    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        options.work.mkdir(parents=True, exist_ok=True)

    def run(self, *arguments: str, log: pathlib.Path) -> None:
        with open(log, "a", encoding="utf-8") as out:
            done = subprocess.run([self.options.attune, *arguments], stdout=out, stderr=out)
        if done.returncode != 0:
            sys.exit(f"attune {' '.join(arguments)}: exit {done.returncode}, see {log}")

    def database(self, name: str, variant: str) -> pathlib.Path:
        found, data = spec(name), self.options.data
        base = SETS[name].get("like", name)
        ingested = variant if variant.startswith(("no-text", "no-time", "noise")) else "base"
        path = self.options.work / f"{base}.{ingested}.db"
        if (path.parent / f"{path.name}.done").exists():
            return path
        arguments = ["ingest", "--db", str(path)] + found.get("ingest", [])
        drop = [found["drop"]] if "drop" in found else []
        events = data / found["events"]
        if ingested == "no-text":
            drop.append(found["text"])
        if ingested == "no-time":
            arguments += ["--map", f"order={found['time']}"]
        if ingested.startswith("noise-"):
            noisy = self.options.work / f"{base}.{ingested}.tsv"
            with_random_events(events, noisy, int(ingested.split("-")[1]) / 100)
            events = noisy
        if drop:
            arguments += ["--drop", ",".join(drop)]
        for kind in ("items", "users"):
            if kind in found:
                arguments += [f"--{kind}", str(data / found[kind])]
        self.run(*arguments, "--events", str(events), log=path.with_suffix(".log"))
        (path.parent / f"{path.name}.done").touch()
        return path

    def report(self, name: str, variant: str, seed: int) -> dict:
        found = spec(name)
        model = self.options.work / f"{name}.{variant}.{seed}"
        if not (model / "report.json").exists():
            config = {}  # the defaults
            if "config" in found:
                file = REPOSITORY / "configs" / f"{found['config']}.json"
                config = json.loads(file.read_text())
            changed = {"no-impressions": {"impression_weight": 0},
                       "no-new-items": {"new_item_dropout": 0}}.get(variant, {})
            config.setdefault("training", {}).update(changed)
            file = pathlib.Path(f"{model}.config.json")
            file.write_text(json.dumps(config))
            self.run("train", "--db", str(self.database(name, variant)), "--out", str(model),
                     "--config", str(file), "--threads", str(self.options.threads), "--seed",
                     str(seed), "--resume", *found.get("train", []),
                     log=pathlib.Path(f"{model}.log"))
        return json.loads((model / "report.json").read_text())

    def row(self, name: str, variant: str) -> str:
        reports = [self.report(name, variant, seed) for seed in self.options.seeds]
        cells = [name, variant, str(len(reports)),
                 spread([r["validation_ndcg_10"] for r in reports])]
        for ranker in RANKERS:
            values = [row["metrics"][0] for r in reports for row in r["evaluation"]["rows"]
                      if row["ranker"] == ranker]
            cells.append(spread([v["ndcg_unseen"] for v in values]))
            if ranker == "model":
                cells.append(spread([v["hit_rate_unseen"] for v in values]))
        return "| " + " | ".join(cells) + " |"


def spread(values: list[float]) -> str:
    """Mean, and the sample deviation where there is one."""
    if not values:
        return ""
    mean = statistics.mean(values)
    if max(values) == min(values):
        return f"{mean:.4f}"
    return f"{mean:.4f} ± {statistics.stdev(values):.4f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--attune", default=str(REPOSITORY / "build/release/attune"))
    parser.add_argument("--sets", default="sample-books")
    parser.add_argument("--variants", default="base")
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--work", type=pathlib.Path, default=REPOSITORY / "build/quality")
    options = parser.parse_args()
    options.seeds = [int(seed) for seed in options.seeds.split(",")]
    for name in options.sets.split(","):
        if name not in SETS:
            parser.error(f"--sets: {name} is none of {', '.join(SETS)}")
    table = Table(options)
    head = ["data", "variant", "seeds", "validation", "model", "HR@10", *RANKERS[1:]]
    print("| " + " | ".join(head) + " |")
    print("|" + "---|" * len(head), flush=True)
    for name in options.sets.split(","):
        for variant in options.variants.split(","):
            print(table.row(name, variant), flush=True)


if __name__ == "__main__":
    main()
