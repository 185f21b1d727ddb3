"""Measures one workload: every engine checks its answer, then all of them run
blocks of requests in turn, so that a slower minute is slower for all."""
import dataclasses
import json
import os
import pathlib
import subprocess
import time

import numpy as np

import engines
import flops
from attune_model import Request
from settings import log, quiet_machine

STATES = ("cold", "warm")
# |score - reference| relative to max(1, |reference|). bf16 rounds operands, and
# rivals in bf16 also round every intermediate result and the score itself.
BOUND = {"f32": 1e-4, "bf16": 0.25}


@dataclasses.dataclass
class Workload:
    name: str
    model: str  # file in models/
    candidates: int
    events: int


WORKLOADS = {
    "W1": Workload("W1", "w1.json", 500, 200),
    "W2": Workload("W2", "w2.json", 1000, 1000),
}


def error_against(reference, scores):
    if scores.shape != reference.shape:
        return float("inf")
    error = np.abs(scores - reference) / np.maximum(1, np.abs(reference))
    return float(np.max(error)) if np.all(np.isfinite(scores)) else float("inf")


def makers(options, directory, request, work):
    """(precision, function that makes an engine) of every contender."""
    binary = options.binary
    result = []
    for precision in options.precisions:
        result.append((precision, lambda p=precision: engines.Attune(
            binary, directory, p, options.instruction_set)))
        for attention in ("sdpa", "explicit"):
            for compiled in (False, True):
                if compiled and not options.compile:
                    continue
                if options.quick and (precision, attention) != ("f32", "sdpa"):
                    continue  # never the fastest rival
                result.append((precision, lambda a=attention, c=compiled,
                               p=precision: engines.torch_rival(
                                   directory, request, p, a, c, STATES)))
        for source in ("sdpa", "explicit", "onnx"):
            if options.quick and source == "sdpa":
                continue  # never the fastest rival
            result.append((precision, lambda s=source, p=precision:
                           engines.openvino_rival(directory, request, p, s,
                                                  STATES, work)))
    if "f32" in options.precisions:
        result.append(("f32", lambda: engines.onnxruntime_rival(
            directory, request, STATES, work)))
    return result


def read_model(options, workload):
    folder = pathlib.Path(__file__).parent / "models"
    config = json.loads((folder / workload.model).read_text())
    config["use_time"] = options.time
    return config


def make_directory(options, workload, work):
    """Model and inputs of the workload, made by attune_compute."""
    directory = os.path.join(work, workload.name)
    config = read_model(options, workload)
    os.makedirs(directory, exist_ok=True)
    path = os.path.join(work, workload.name + ".json")
    pathlib.Path(path).write_text(json.dumps(config))
    subprocess.run([options.binary, "make", directory, path,
                    str(workload.candidates), str(workload.events), "1"],
                   check=True)
    return directory


def check(engine, reference):
    """{state: error}; an engine that is wrong is not timed."""
    errors = {}
    for state in STATES:
        errors[state] = error_against(reference, engine.score(state))
        if not errors[state] <= BOUND[engine.precision]:
            raise ValueError(f"{state} scores are off by {errors[state]:.3g}, "
                             f"bound {BOUND[engine.precision]}")
    return errors


def prepare(options, workload, work):
    directory = make_directory(options, workload, work)
    request = Request(directory)
    # Eager PyTorch in f32 is the reference; ours must meet it like all others.
    truth = engines.torch_rival(directory, request, "f32", "explicit", False,
                                STATES).score("cold")
    ready, refused = [], []
    for precision, make in makers(options, directory, request, work):
        start = time.monotonic()
        engine = None
        try:
            engine = make()
            errors = check(engine, truth)
        except Exception as problem:  # a rival that cannot is a finding
            what = f"{type(problem).__name__}: {str(problem).splitlines()[0]}"
            name = engine.name if engine else "engine"
            refused.append({"engine": name, "precision": precision,
                            "why": what[:300]})
            log(f"  {workload.name} {name} {precision}: not timed, {what[:300]}")
            if engine and engine.name == "attune" and not options.force:
                raise
            if not (engine and engine.name == "attune"):
                continue
            errors = {}
        log(f"  {workload.name} {engine.name} {precision}: ready in "
            f"{time.monotonic() - start:.1f} s, errors {errors}")
        ready.append((engine, errors))
    return ready, refused


def block_size(engine, state, seconds):
    """Requests of one block, after warming up."""
    pilot = np.median(engine.run(state, 3)) * 1e-9
    return int(np.clip(seconds / pilot, 2, 200))


def percentiles(ns):
    return {f"p{p}": float(np.percentile(ns, p)) * 1e-6 for p in (50, 95, 99)}


def measure(options, workload, work):
    """Results of one workload, one per engine and state; and who was refused."""
    ready, refused = prepare(options, workload, work)
    with quiet_machine(options, [engine.pid for engine, _ in ready]):
        results = time_all(options, workload, ready)
    config = read_model(options, workload)
    for result in results:
        parts = flops.request(config, workload.candidates, workload.events,
                              result["state"])
        result["megaflops"] = sum(parts.values()) * 1e-6
    for engine, _ in ready:
        engine.close()
    return results, refused


def time_all(options, workload, ready):
    results = []
    for state in STATES:
        sizes = [block_size(e, state, options.block_seconds) for e, _ in ready]
        samples = [[] for _ in ready]
        end = time.monotonic() + options.seconds * len(ready)
        rounds = 0
        while rounds < options.rounds or time.monotonic() < end:
            # Every round in another order: no engine always follows the same.
            for index in np.random.default_rng(rounds).permutation(len(ready)):
                samples[index] += ready[index][0].run(state, sizes[index])
            rounds += 1
        for (engine, errors), ns in zip(ready, samples):
            results.append({
                "workload": workload.name, "state": state,
                "engine": engine.name, "precision": engine.precision,
                "requests": len(ns), "error": errors.get(state),
                **percentiles(ns)})
    return results
