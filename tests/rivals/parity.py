"""Our scores against PyTorch's on random models and requests of many shapes.

f32 must agree to 1e-4 relative to max(1, |score|), cold and warm; bf16 to 0.05.
Exit 77 (skipped) where no Python with torch is there.
Usage: parity.py --binary attune_compute --python PYTHON_WITH_TORCH
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import torch_check
from torch_check import RIVALS

BOUND = {"f32": 1e-4, "bf16": 0.05}
# (changes of models/w1.json, C, T)
CASES = [
    ({}, 500, 200),
    ({}, 1, 1),
    ({}, 33, 2),
    ({"use_time": False}, 100, 150),
    ({"relative_positions": 0}, 100, 150),
    ({"relative_positions": 1, "time_buckets": 2, "gap_buckets": 2}, 50, 60),
    ({"decoder_blocks": 3, "encoder_blocks": 1}, 70, 40),
    ({"width": 40, "heads": 5, "text_heads": 5, "feed_forward": 96}, 65, 31),
    ({"width": 128, "heads": 2, "window": 700}, 130, 700),
    ({"width": 256, "heads": 8}, 96, 80),
    # oneDNN splits a sum this long, and keeps parts of it where y lies.
    ({"feed_forward": 640}, 97, 50),
    ({"width": 256, "heads": 8, "feed_forward": 1024}, 100, 64),
    ({"fusion_hidden": [700], "fusion_weight": 0.5, "dense_width": 3}, 64, 20),
]


def with_torch(options):
    """The checks; runs in the Python that has torch."""
    import numpy as np
    import torch

    import engines
    from attune_model import AttuneModel, Request, graph

    def reference(directory, state, spoil=False):
        request = Request(directory)
        model = AttuneModel(directory, request.events, "explicit")
        if spoil:
            with torch.no_grad():
                model.decoder.blocks[0].time_bias[:, 1:] += 0.05
        with torch.inference_mode():
            return graph(model, state)(*request.arguments(model, state)).numpy()

    def error(scores, want):
        if scores.shape != want.shape or not np.all(np.isfinite(scores)):
            return float("inf")
        return float(np.max(np.abs(scores - want) /
                            np.maximum(1, np.abs(want))))

    faults = 0
    base = json.loads((RIVALS / "models" / "w1.json").read_text())
    with tempfile.TemporaryDirectory(prefix="attune-parity-") as work:
        for number, (changes, candidates, events) in enumerate(CASES):
            directory = os.path.join(work, str(number))
            config = directory + ".json"
            pathlib.Path(config).write_text(json.dumps({**base, **changes}))
            subprocess.run([options.binary, "make", directory, config,
                            str(candidates), str(events), str(number)],
                           check=True)
            wants = {s: reference(directory, s) for s in ("cold", "warm")}
            for precision, bound in BOUND.items():
                ours = engines.Attune(options.binary, directory, precision,
                                      options.instruction_set)
                worst = max(error(ours.score(state), want)
                            for state, want in wants.items())
                ours.close()
                good = worst <= bound
                faults += not good
                print(f"{'ok  ' if good else 'FAIL'} {precision} {worst:.2e} "
                      f"{changes} C={candidates} T={events}")
        # Would it be seen? One bias table changed a little must be.
        directory = os.path.join(work, "0")
        seen = error(reference(directory, "cold", spoil=True),
                     reference(directory, "cold"))
        if seen <= BOUND["f32"]:
            print(f"FAIL a changed bias moves no score: {seen:.2e}")
            faults += 1
    print(f"parity: {len(CASES)} cases, {faults} faults")
    return 1 if faults else 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", required=True)
    parser.add_argument("--instruction-set", default="best")
    return torch_check.main(parser, __file__, with_torch)


if __name__ == "__main__":
    sys.exit(main())
