"""Ours and the rivals on W1 and W2, one core, compute only; see scripts/bench.

Usage: compare.py --binary .../attune_compute --out DIRECTORY [--quick] …
"""
import json
import pathlib
import tempfile

import settings


def arguments():
    parser = settings.parser(__doc__.splitlines()[0])
    parser.add_argument("--name", default="compute")
    parser.add_argument("--quick", action="store_true",
                        help="fewer requests, without torch.compile")
    parser.add_argument("--workloads", default="W1,W2")
    parser.add_argument("--precisions", default="f32,bf16")
    parser.add_argument("--no-time", dest="time", action="store_false",
                        help="model without time biases (order-only data)")
    parser.add_argument("--force", action="store_true",
                        help="time ours even where its answer is wrong")
    parser.add_argument("--limits", type=pathlib.Path,
                        help="what onednn_limit printed")
    options = parser.parse_args()
    options.compile = not options.quick
    options.seconds = 1.0 if options.quick else 4.0  # per engine and state
    options.block_seconds = 0.1 if options.quick else 0.25
    options.rounds = 3
    options.workloads = options.workloads.split(",")
    options.precisions = options.precisions.split(",")
    return options


def versions():
    import numpy
    import onnxruntime
    import openvino
    import torch

    return (f"PyTorch {torch.__version__}, ONNX Runtime "
            f"{onnxruntime.__version__}, OpenVINO {openvino.__version__}, "
            f"NumPy {numpy.__version__}")


def main():
    options = arguments()
    settings.pin(options)
    if settings.limit_instruction_set(options):
        options.precisions = ["f32"]

    # Only now: libraries read the limits when they are loaded.
    import torch

    import measure
    import report

    torch.set_num_threads(1)
    document = {
        "machine": {
            **settings.describe_machine(options),
            "time biases": "yes" if options.time else "no",
            "versions": versions(),
        },
        "results": [],
        "refused": [],
        "limits": json.loads(options.limits.read_text())
                  if options.limits else None,
    }
    with tempfile.TemporaryDirectory(prefix="attune-rivals-") as work:
        for name in options.workloads:
            settings.log(f"{name}:")
            results, refused = measure.measure(
                options, measure.WORKLOADS[name], work)
            document["results"] += results
            document["refused"] += [{"workload": name, **r} for r in refused]
            document["machine"]["load average at end"] = (
                settings.load_average())
            # What is measured is kept, whatever happens to the next.
            text = report.save(document, options.out, options.name)
    print(text)
    settings.log(f"saved as {options.out / options.name}.json, .md, .png")


if __name__ == "__main__":
    main()
