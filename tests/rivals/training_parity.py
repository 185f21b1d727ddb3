"""One training step against PyTorch's: loss and the gradient of every parameter.

Ours (f32, the trainer's own code on simulated logs) must agree with autograd in
float64 to BOUND, relative to the largest gradient of the tensor (or of 1e-3 of
the largest of all, where a tensor's gradient is but rounding, as that of key
biases is). Then weights.safetensors there and back: a model that PyTorch wrote
must be loaded and score as before.
Exit 77 (skipped) where no Python with torch is there.
Usage: training_parity.py --attune ATTUNE --binary attune_training
                          --python PYTHON_WITH_TORCH
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import torch_check

BOUND = 1e-4  # measured: at most 1.3e-5
LOGS = {"min_positives": 3, "text_rows": 500}
SMALL = {"width": 16, "heads": 2, "feed_forward": 32, "window": 20,
         "relative_positions": 8, "text_heads": 2, "fusion_hidden": [24, 16]}
# (name, logs with times, model, training, threads)
CASES = [
    ("timed, two threads", True, {}, {}, 2),
    ("timed, seen left out, one thread", True, {"temperature": 0.1},
     {"exclude_seen": True, "batch_tokens": 600}, 1),
    ("order only", False, {}, {}, 2),
    ("order only, no position bias", False,
     {"relative_positions": 0, "encoder_blocks": 1}, {"exclude_seen": True}, 1),
    ("wide", True,
     {"width": 80, "heads": 5, "text_heads": 4, "feed_forward": 640,
      "encoder_blocks": 1, "decoder_blocks": 2, "relative_positions": 64,
      "window": 60}, {"batch_tokens": 900}, 2),
    ("many heads", True, {"width": 64, "heads": 8, "decoder_blocks": 1,
                          "time_buckets": 3, "gap_buckets": 2}, {}, 1),
]


def run(*command):
    return subprocess.run([str(part) for part in command], check=True,
                          capture_output=True, text=True).stdout


def without_times(source, target):
    """The same events with an order instead of a time."""
    with open(source, encoding="utf-8") as lines:
        header = lines.readline().rstrip("\n").split("\t")
        index = next(header.index(name) for name in ("timestamp", "time_ms")
                     if name in header)
        rows = [line.rstrip("\n").split("\t") for line in lines]
    header[index] = "order"
    with open(target, "w", encoding="utf-8") as out:
        for cells in [header, *rows]:
            out.write("\t".join(cells) + "\n")


def make_databases(attune, work):
    """{timed: database} of simulated logs; some items lack title or all."""
    logs = work / "logs"
    run(attune, "simulate", "--out", logs, "--users", 60, "--items", 70,
        "--seed", 3)
    items = []
    for number, line in enumerate((logs / "items.jsonl").read_text(
            encoding="utf-8").splitlines()):
        item = json.loads(line)
        if number % 7 == 0:
            item.pop("title", None)
            item.pop("description", None)
        if number % 11 == 0:
            item = {"item_id": item["item_id"]}
        items.append(json.dumps(item))
    (work / "items.jsonl").write_text("\n".join(items) + "\n",
                                      encoding="utf-8")
    without_times(logs / "events.tsv", work / "order.tsv")
    result = {}
    for timed, events in ((True, logs / "events.tsv"),
                          (False, work / "order.tsv")):
        result[timed] = work / f"db-{timed}"
        run(attune, "ingest", "--db", result[timed], "--items",
            work / "items.jsonl", "--users", logs / "users.tsv", "--events",
            events)
    return result


def compare(ours, theirs):
    """{parameter: relative error}; ours and theirs {name: array}."""
    import numpy as np

    if set(ours) != set(theirs):
        raise ValueError(f"other parameters: {set(ours) ^ set(theirs)}")
    most = max(float(np.max(np.abs(value))) for value in theirs.values())
    errors = {}
    for name, want in theirs.items():
        scale = max(float(np.max(np.abs(want))), 1e-3 * most)
        error = float(np.max(np.abs(ours[name] - want))) / scale
        errors[name] = error if np.all(np.isfinite(ours[name])) else np.inf
    return errors


def gradient_errors(directory, exclude_seen, spoil=None):
    """{stage: {parameter or "loss": error}} of a directory of gradients."""
    import torch

    from attune_training import Case, DecoderModel, Rows
    from weights import load_safetensors

    case = Case(directory)
    match = case.match.double()
    decoder = DecoderModel(case.weights, case.config, match).double()
    if spoil is not None:
        with torch.no_grad():
            spoil(case.weights)
    errors = {}
    for stage in ("match", "decoder"):
        ours = load_safetensors(directory / f"{stage}_gradients.safetensors")
        data = load_safetensors(directory / f"{stage}.safetensors")
        for parameter, _ in case.weights.taken.values():
            parameter.grad = None
        if stage == "match":
            packed = Rows(data)
            batch = packed.padded(torch.arange(len(packed.count)))
            excluded = (batch.excluded(len(case.items.id)) if exclude_seen
                        else None)
            loss = match(case.items, batch, excluded)
        else:
            loss = decoder(case.items, data)
        loss.backward()
        own_loss = float(ours.pop("loss")[0, 0])
        theirs = {name: value for name, value in
                  case.weights.gradients().items() if name in ours}
        errors[stage] = compare(ours, theirs)
        errors[stage]["loss"] = abs(own_loss - loss.item()) / abs(loss.item())
    return errors


def worst(errors):
    """(error, "stage: parameter") of the largest."""
    return max((error, f"{stage}: {name}")
               for stage, values in errors.items()
               for name, error in values.items())


def check_gradients(options, databases, work):
    from attune_training import QUIET
    from engines import Program

    faults = 0
    for number, (name, timed, model, training, threads) in enumerate(CASES):
        training = {**LOGS, **QUIET, **training}
        config = work / f"{number}.json"
        config.write_text(json.dumps({"model": {**SMALL, **model},
                                      "training": training}))
        directory = work / str(number)
        trainer = Program(options.binary, databases[timed], config, threads)
        trainer.ask(f"gradients {number + 1} {directory}", "ok")
        trainer.close()
        seen = training.get("exclude_seen", False)
        errors = gradient_errors(directory, seen)
        error, where = worst(errors)
        good = error <= BOUND
        faults += not good
        count = sum(len(values) - 1 for values in errors.values())
        print(f"{'ok  ' if good else 'FAIL'} {name}: {count} gradients, "
              f"largest error {error:.1e} ({where})")
    # Would it be seen? A weight changed by 1% must be.
    def spoil(weights):
        weights.vector("history.block0.middle_norm.gain").mul_(1.01)

    error, _ = worst(gradient_errors(work / "0", False, spoil))
    if error <= BOUND:
        print(f"FAIL a changed norm moves no gradient: {error:.1e}")
        faults += 1
    return faults


def scores(attune, database):
    answer = json.loads(run(attune, "rank", "--db", database, "--user", "u1",
                            "--k", "50", "--json", "--now-ms",
                            "1900000000000"))
    return [(item["item_id"], item["score"]) for item in answer["items"]]


def check_round_trip(options, database, work):
    """A model that PyTorch wrote again scores as before; one whose weights
    moved is loaded too and scores otherwise."""
    import torch

    from weights import Weights, save_model

    config = work / "round.json"
    config.write_text(json.dumps({
        "model": SMALL, "training": {"epochs": 2, "decoder_epochs": 1,
                                     "min_positives": 3}}))
    model = work / "model"
    run(options.attune, "train", "--db", database, "--out", model, "--config",
        config, "--threads", 1)
    answers = []
    for name in ("as it was", "copied", "changed"):
        published = model
        if name != "as it was":
            weights = Weights(model / "weights.safetensors")
            # All of them go through parameters and back.
            for tensor in list(weights.tensors):
                if tensor.endswith(".weight"):
                    weights.linear(tensor[:-len(".weight")])
                elif len(weights.tensors[tensor]) == 1:
                    weights.vector(tensor)
                else:
                    weights.matrix(tensor)
            if name == "changed":
                with torch.no_grad():
                    weights.matrix("item.id").mul_(1.5)
            published = work / f"model-{name}"
            save_model(model, weights, published)
        run(options.attune, "publish", "--db", database, "--model", published)
        answers.append(scores(options.attune, database))
    faults = int(answers[0] != answers[1]) + int(answers[0] == answers[2])
    print(f"{'FAIL' if faults else 'ok  '} round trip: {len(answers[0])} "
          "scores, equal for equal weights")
    return faults


def with_torch(options):
    """The checks; runs in the Python that has torch."""
    with tempfile.TemporaryDirectory(prefix="attune-training-parity-") as name:
        work = pathlib.Path(name)
        databases = make_databases(options.attune, work)
        faults = check_gradients(options, databases, work)
        faults += check_round_trip(options, databases[True], work)
    print(f"training parity: {len(CASES)} cases, {faults} faults")
    return 1 if faults else 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--attune", required=True)
    parser.add_argument("--binary", required=True)
    return torch_check.main(parser, __file__, with_torch)


if __name__ == "__main__":
    sys.exit(main())
