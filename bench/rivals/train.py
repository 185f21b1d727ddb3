"""Our trainer and PyTorch's on one data set: the match stage of the same model,
history rows per second; see scripts/bench --only train.

Both train on the same rows with the same loss (softmax over all items),
dropout, optimiser, clipping and averaged weights, and as many rows per step.
Ours packs sequences; PyTorch gets batches of like lengths, padded and laid out
before the timing. First loss and gradients are compared, then blocks of steps
are timed in turn.

Usage: train.py --binary attune_training --attune attune --data DIRECTORY …
"""
import json
import os
import pathlib
import statistics
import subprocess
import time

import settings

# Like configs/ml-1m.json, which leaves seen items out of the softmax: in
# PyTorch that is a mask of rows x items, so both do without here.
TRAINING = {"learning_rate": 0.001, "dropout": 0.2, "id_dropout": 0,
            "event_dropout": 0, "average_decay": 0.9995}
# Of a gradient, relative to its tensor's largest.
BOUND = 1e-3


def arguments():
    parser = settings.parser(__doc__.splitlines()[0])
    parser.add_argument("--attune", required=True, help="to ingest the data")
    parser.add_argument("--data", type=pathlib.Path, required=True,
                        help="folder with movies.tsv, users.tsv, ratings.tsv.gz")
    parser.add_argument("--database", type=pathlib.Path, required=True,
                        help="is made from the data where it is missing")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch-rows", default="2048,8192",
                        help="history rows per step, one table each")
    parser.add_argument("--seconds", type=float, default=10,
                        help="of timing per contender and size")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true",
                        help="without torch.compile")
    return parser.parse_args()


def ingest(options):
    if options.database.exists():
        return
    options.database.parent.mkdir(parents=True, exist_ok=True)
    settings.log(f"ingesting {options.data} into {options.database}")
    subprocess.run(
        [options.attune, "ingest", "--db", options.database,
         "--items", options.data / "movies.tsv",
         "--users", options.data / "users.tsv",
         "--events", options.data / "ratings.tsv.gz"],
        check=True, stdout=subprocess.DEVNULL)


class Ours:
    name = "attune f32"

    def __init__(self, program):
        self.program = program
        self.losses = []

    def run(self, steps):
        """(rows, nanoseconds)"""
        rows, ns, loss = self.program.ask(f"train {steps}", "trained")
        self.losses.append(float(loss))
        return int(rows), int(ns)


def start(options, work, name, training):
    """attune_training with a configuration."""
    from engines import Program

    path = work / f"{name}.json"
    path.write_text(json.dumps({"model": {"temperature": 0.05},
                                "training": training}))
    return Program(options.binary, options.database, path, options.threads)


def check(options, work):
    """Loss and gradients of the first batch against autograd: the largest
    error, as in tests/rivals/training_parity.py."""
    import numpy as np
    import torch

    from attune_training import QUIET, Case, Rows
    from weights import load_safetensors

    program = start(options, work, "check",
                    {**TRAINING, **QUIET, "decoder_epochs": 0,
                     "batch_tokens": 2048})
    directory = work / "check"
    program.ask(f"gradients 1 {directory}", "ok")
    program.close()
    case = Case(directory)
    packed = Rows(load_safetensors(directory / "match.safetensors"))
    loss = case.match(case.items,
                      packed.padded(torch.arange(len(packed.count))))
    loss.backward()
    ours = load_safetensors(directory / "match_gradients.safetensors")
    errors = [abs(float(ours.pop("loss")[0, 0]) / loss.item() - 1)]
    theirs = case.weights.gradients()
    most = max(np.abs(value).max() for value in theirs.values())
    for name, value in ours.items():
        scale = max(np.abs(theirs[name]).max(), 1e-3 * most)
        errors.append(np.abs(value - theirs[name]).max() / scale)
    if not max(errors) <= BOUND:
        raise ValueError(f"loss or gradients are off by {max(errors):.2g}, "
                         f"bound {BOUND}")
    return float(max(errors))


def measure(options, batch_rows, work):
    """[{name, rows_per_second of each round, loss}]"""
    import torch_trainer

    program = start(options, work, f"ours-{batch_rows}",
                    {**TRAINING, "batch_tokens": batch_rows})
    directory = work / f"export-{batch_rows}"
    program.ask(f"export {directory}", "ok")
    contenders = [Ours(program)]
    for make in torch_trainer.makers(options, directory, batch_rows):
        try:
            contender = make()
            contender.warm_up()  # compiles here
            contenders.append(contender)
            settings.log(f"  {contender.name} is ready")
        except Exception as problem:  # a rival that cannot is a finding
            first = (str(problem).splitlines() or [""])[0]
            settings.log(f"  not timed: {type(problem).__name__}: {first}")
    results = time_all(options, contenders, program)
    program.close()
    return results


def time_all(options, contenders, program):
    contenders[0].run(3)
    steps = []
    with settings.quiet_machine(options, [program.pid]):
        for contender in contenders:
            rows, ns = contender.run(2)
            block = options.seconds / options.rounds * 1e9
            steps.append(max(1, round(2 * block / ns)))
        rates = [[] for _ in contenders]
        for turn in range(options.rounds):
            # Every round in another order, as measure.time_all.
            order = list(range(len(contenders)))
            order = order[turn % len(order):] + order[:turn % len(order)]
            for index in order:
                rows, ns = contenders[index].run(steps[index])
                rates[index].append(rows / (ns * 1e-9))
    return [{"name": contender.name, "rows_per_second": of_it,
             "steps": steps[index] * options.rounds,
             "loss": contender.losses[-1]}
            for index, (contender, of_it) in enumerate(zip(contenders, rates))]


def table(batch_rows, results):
    ours = statistics.median(results[0]["rows_per_second"])
    lines = [f"{batch_rows} rows per step:", "",
             "| trainer | rows/s, median | least | most | ours / it | steps |",
             "|---|--:|--:|--:|--:|--:|"]
    for result in sorted(results, key=lambda r: -statistics.median(
            r["rows_per_second"])):
        rates = result["rows_per_second"]
        median = statistics.median(rates)
        lines.append(f"| {result['name']} | {median:,.0f} | {min(rates):,.0f} |"
                     f" {max(rates):,.0f} | {ours / median:.2f} |"
                     f" {result['steps']} |")
    return "\n".join(lines)


def main():
    options = arguments()
    cores = sorted(os.sched_getaffinity(0))[-options.threads:]
    os.sched_setaffinity(0, cores)
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(options.threads)
    if settings.limit_instruction_set(options):
        settings.log("bf16 is slow without its instructions")
    import tempfile

    import torch

    torch.set_num_threads(options.threads)
    ingest(options)
    begin = time.monotonic()
    document = {"machine": {
        **{name: value for name, value in
           settings.describe_machine(options).items()
           if name != "pinned to core"},
        "threads": options.threads, "PyTorch": torch.__version__},
        "results": []}
    texts = []
    with tempfile.TemporaryDirectory(prefix="attune-train-") as name:
        work = pathlib.Path(name)
        error = check(options, work)
        document["machine"]["gradients' largest error"] = f"{error:.1e}"
        for batch_rows in (int(n) for n in options.batch_rows.split(",")):
            settings.log(f"{batch_rows} rows per step:")
            results = measure(options, batch_rows, work)
            document["results"].append({"batch_rows": batch_rows,
                                        "trainers": results})
            texts.append(table(batch_rows, results))
    machine = "\n".join(f"- {k}: {v}" for k, v in document["machine"].items())
    text = (f"# Training, ours and PyTorch in one run\n\n{machine}\n\n" +
            "\n\n".join(texts) + "\n")
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "train.json").write_text(json.dumps(document, indent=1))
    (options.out / "train.md").write_text(text)
    print(text)
    settings.log(f"saved as {options.out / 'train'}.json, .md, after "
                 f"{time.monotonic() - begin:.0f} s")


if __name__ == "__main__":
    main()
