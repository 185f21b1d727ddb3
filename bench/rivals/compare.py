"""Ours and the rivals on W1 and W2, one core, compute only; see scripts/bench.

Usage: compare.py --binary .../attune_compute --out DIRECTORY [--quick] …
"""
import argparse
import os
import pathlib
import platform
import tempfile


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--name", default="compute")
    parser.add_argument("--quick", action="store_true",
                        help="fewer requests, without torch.compile")
    parser.add_argument("--workloads", default="W1,W2")
    parser.add_argument("--precisions", default="f32,bf16")
    parser.add_argument("--core", type=int, default=None,
                        help="pin to this core (default: the last one)")
    parser.add_argument("--instruction-set", default="best",
                        choices=("best", "avx512", "avx2"),
                        help="avx512: without bf16; ours and oneDNN's rivals")
    parser.add_argument("--no-time", dest="time", action="store_false",
                        help="model without time biases (order-only data)")
    parser.add_argument("--force", action="store_true",
                        help="time ours even where its answer is wrong")
    options = parser.parse_args()
    options.compile = not options.quick
    options.seconds = 1.0 if options.quick else 4.0  # per engine and state
    options.block_seconds = 0.1 if options.quick else 0.25
    options.rounds = 3
    options.workloads = options.workloads.split(",")
    options.precisions = options.precisions.split(",")
    return options


def limit_threads_and_isa(options):
    """Before any library is loaded: children and pools inherit this."""
    cores = sorted(os.sched_getaffinity(0))
    options.core = cores[-1] if options.core is None else options.core
    os.sched_setaffinity(0, {options.core})
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"
    isa = {"avx2": "AVX2", "avx512": "AVX512_CORE_VNNI"}.get(
        options.instruction_set)
    if isa is not None:
        os.environ["ONEDNN_MAX_CPU_ISA"] = isa
        os.environ["ATEN_CPU_CAPABILITY"] = options.instruction_set
        options.precisions = ["f32"]


def machine(options):
    import numpy
    import onnxruntime
    import openvino
    import torch

    model, flags = platform.processor(), set()
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
        if line.startswith("flags"):
            flags = set(line.split(":", 1)[1].split())
    known = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16",
             "amx_int8")
    return {
        "CPU": f"{model}, {os.cpu_count()} cores, "
               + " ".join(f for f in known if f in flags)
               + ("" if "amx_bf16" in flags else ", no AMX"),
        "pinned to core": f"{options.core}, one thread",
        "load average at start": " ".join(f"{v:.1f}" for v in os.getloadavg()),
        "instruction set limit": options.instruction_set,
        "time biases": "yes" if options.time else "no",
        "versions": f"PyTorch {torch.__version__}, ONNX Runtime "
                    f"{onnxruntime.__version__}, OpenVINO "
                    f"{openvino.__version__}, NumPy {numpy.__version__}",
    }


def main():
    options = arguments()
    limit_threads_and_isa(options)

    import torch

    import measure
    import report

    torch.set_num_threads(1)
    torch.manual_seed(1)
    document = {"machine": machine(options), "results": [], "refused": []}
    with tempfile.TemporaryDirectory(prefix="attune-rivals-") as work:
        for name in options.workloads:
            measure.log(f"{name}:")
            results, refused = measure.measure(
                options, measure.WORKLOADS[name], work)
            document["results"] += results
            document["refused"] += [{"workload": name, **r} for r in refused]
    document["machine"]["load average at end"] = " ".join(
        f"{v:.1f}" for v in os.getloadavg())
    print(report.save(document, options.out, options.name))
    measure.log(f"saved as {options.out / options.name}.json, .md, .png")


if __name__ == "__main__":
    main()
