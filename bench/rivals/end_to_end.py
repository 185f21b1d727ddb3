"""Whole requests through libattune.so on a catalogue of a million items, beside
the same request compute only: hot and cold rows, new events, two callers.

Usage: end_to_end.py --binary attune_compute --catalogue-binary catalogue_bench
         --data DIRECTORY --out DIRECTORY [--workload W1] [--soak 200000]
         [--memory-mb 8192 --fill]
"""
import json
import os
import pathlib
import subprocess
import tempfile

import settings

# Of each kind of request: (name, command of catalogue_bench, per block)
ROUNDS = 6
KINDS = [
    ("hot rows, warm user", "hot", 50),
    ("hot rows, after an event", "event", 40),
    ("hot rows, cold user", "cold-user", 20),
    ("hot rows, window moved", "anchor", 10),
    ("candidates drawn by Zipf", "zipf", 20),
    ("rows from the page cache", "new-rows", 5),
]
# After all others, since it makes them slower.
LAST = ("rows from the disk", "disk", 10)


class Catalogue:
    """catalogue_bench, told by lines what to do; see its head."""

    def __init__(self, arguments):
        self.process = subprocess.Popen(
            [str(a) for a in arguments], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)
        if self.process.stdout.readline().strip() != "ready":
            raise RuntimeError("catalogue_bench did not start")

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        if not answer or answer.startswith("error"):
            raise RuntimeError(f"catalogue_bench: {line}: {answer}")
        return answer.split()

    def run(self, command, count, candidates):
        return [int(ns) for ns in
                self.ask(f"{command} {count} {candidates}")[1:]]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def set_affinity(pid, cores):
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(task.name), cores)


def percentiles(ns):
    import numpy as np

    return {"requests": len(ns),
            **{f"p{p}": float(np.percentile(ns, p)) * 1e-6
               for p in (50, 95, 99)}}


def read_files(folder):
    """Brings the database into the system's page cache."""
    for path in sorted((folder / "db").rglob("*.sst")):
        with open(path, "rb") as file:
            while file.read(1 << 24):
                pass


def measure(options, workload, catalogue, ours, folder):
    """{name: percentiles in ms}; blocks of all kinds in turn."""
    samples = {}

    def add(name, ns):
        samples.setdefault(name, []).extend(ns)

    read_files(folder)
    for _ in range(ROUNDS):
        add("compute only, warm", ours.run("warm", 50))
        add("compute only, cold", ours.run("cold", 20))
        for name, command, count in KINDS:
            add(name, catalogue.run(command, count, workload.candidates))
    if options.without_disk:
        return {name: percentiles(ns) for name, ns in samples.items()}
    name, command, count = LAST
    try:
        add(name, catalogue.run(command, count, workload.candidates))
    except RuntimeError as problem:  # needs root
        settings.log(f"  {name}: {problem}")
    return {name: percentiles(ns) for name, ns in samples.items()}


def two_callers(options, workload, catalogue, cores):
    """Requests per second of one and of two calling threads, in turn; medians."""
    import numpy as np

    set_affinity(catalogue.process.pid, cores)
    rates = {1: [], 2: []}
    for _ in range(5):
        for threads, list_of in rates.items():
            answer = catalogue.ask(f"threads {threads} 2 {workload.candidates}")
            list_of.append(float(answer[1]))
    set_affinity(catalogue.process.pid, {options.core})
    return {threads: float(np.median(r)) for threads, r in rates.items()}


def table(document):
    results = document["results"]
    base = {"warm": results["compute only, warm"]["p50"],
            "cold": results["compute only, cold"]["p50"]}
    lines = ["| request | p50 ms | p95 | p99 | requests | against compute only |",
             "|---|--:|--:|--:|--:|--:|"]
    for name, r in results.items():
        of = "cold" if "cold" in name else "warm"
        lines.append(
            f"| {name} | {r['p50']:.2f} | {r['p95']:.2f} | {r['p99']:.2f} | "
            f"{r['requests']} | {r['p50'] / base[of] - 1:+.0%}, "
            f"{r['p50'] - base[of]:+.2f} ms |")
    return "\n".join(lines)


def main():
    parser = settings.parser(__doc__.splitlines()[0])
    parser.add_argument("--catalogue-binary", required=True)
    parser.add_argument("--data", required=True,
                        help="where the catalogue is, or will be made")
    parser.add_argument("--workload", default="W1", choices=("W1", "W2"))
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--precision", default="f32", choices=("f32", "bf16"))
    parser.add_argument("--memory-mb", type=int, default=2048,
                        help="the engine's ceiling")
    parser.add_argument("--fill", action="store_true",
                        help="measure with the item cache filled from the start")
    parser.add_argument("--without-disk", action="store_true",
                        help="leave the machine's page cache alone")
    parser.add_argument("--soak", type=int, default=0,
                        help="instead: resident memory over so many requests")
    options = parser.parse_args()
    cores = os.sched_getaffinity(0)
    settings.pin(options)
    settings.limit_instruction_set(options)
    from engines import Attune
    from measure import WORKLOADS

    workload = WORKLOADS[options.workload]
    folder = pathlib.Path(options.data) / options.workload
    folder.parent.mkdir(parents=True, exist_ok=True)
    settings.log(f"catalogue of {options.items} items in {folder}")
    model = pathlib.Path(__file__).parent / "models" / workload.model
    shape = json.loads(model.read_text())
    for key in ("text_buckets", "attribute_buckets", "user_buckets", "actions",
                "dense_width"):
        del shape[key]  # come from the data
    with tempfile.TemporaryDirectory(prefix="attune-e2e-") as work:
        config = pathlib.Path(work) / "config.json"
        config.write_text(json.dumps(shape))
        catalogue = Catalogue([options.catalogue_binary, folder, config,
                               options.items, options.precision,
                               options.memory_mb,
                               *(["fill"] if options.fill else [])])
        if options.soak:
            early, late = map(int, catalogue.ask(f"soak {options.soak} 1000")[1:])
            print(f"resident after a tenth of {options.soak} requests "
                  f"{early} KiB, at the end {late} KiB: {late / early - 1:+.2%}")
            return
        # The same shape, compute only.
        case = pathlib.Path(work) / "case"
        subprocess.run([options.binary, "make", case,
                        folder / "model" / "config.json",
                        str(workload.candidates), str(workload.events), "1"],
                       check=True)
        ours = Attune(options.binary, str(case), options.precision)
        trained = json.loads((folder / "model" / "config.json").read_text())
        document = {"machine": {**settings.describe_machine(options),
                                "items": options.items,
                                "precision": options.precision,
                                "memory ceiling, MB": options.memory_mb,
                                "dense features": trained["dense_width"]}}
        if options.fill:
            seconds, items, size = catalogue.ask("filled")[1:]
            document["machine"]["item cache"] = (
                f"{items} items, {int(size) / 2**20:.0f} MiB, filled "
                f"{float(seconds):.0f} s after the opening")
        with settings.quiet_machine(options,
                                    [ours.pid, catalogue.process.pid]):
            document["results"] = measure(options, workload, catalogue, ours,
                                          folder)
            rates = two_callers(options, workload, catalogue, cores)
        document["rates"] = rates
        text = (f"# End to end, {options.workload}\n\n"
                + "\n".join(f"- {k}: {v}"
                            for k, v in document["machine"].items())
                + f"\n\n{table(document)}\n\nRequests per second: one caller "
                f"{rates[1]:.0f}, two callers {rates[2]:.0f}: "
                f"{rates[2] / rates[1]:.2f} times.\n")
        name = (f"end-to-end-{options.workload}-{options.precision}"
                + ("-filled" if options.fill else ""))
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / f"{name}.json").write_text(
            json.dumps(document, indent=1))
        (options.out / f"{name}.md").write_text(text)
        print(text)
        catalogue.close()
        ours.close()


if __name__ == "__main__":
    main()
