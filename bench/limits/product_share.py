"""How much of a request's time lies in matrix products, by sampling (perf), and
at what share of oneDNN's best rate they run there.

Usage: product_share.py --binary attune_compute --case DIRECTORY
         --limits limits.json [--precision f32] [--state warm]
DIRECTORY is what `attune_compute make` writes. Samples count as product when
they fall into generated code (oneDNN's) or into a function of ours that
PRODUCTS names; what a compiler inlined elsewhere counts as that other function.
Needs perf (Debian: linux-perf) and the right to sample this user's processes.
"""
import argparse
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "rivals"))
import flops  # noqa: E402

PRODUCTS = re.compile(r"DotRows|SumRows|Gemm|[Pp]roduct|Multiply|LinearKernel|"
                      r"linear_kernel|Amx|jit_|brgemm|gemm")


def sample(options, requests, data):
    """Median ns of a request and perf's (symbol, object) of each sample."""
    line = f"run {options.state} {requests}\n"
    run = subprocess.run(
        ["perf", "record", "-q", "-e", "cpu-clock", "-F", "4000", "-o", data,
         options.binary, "serve", options.case, options.precision],
        input=line, text=True, capture_output=True, check=True)
    answer = run.stdout.splitlines()[-1].split()
    if answer[0] != "ns":
        raise RuntimeError(" ".join(answer))
    script = subprocess.run(["perf", "script", "-i", data, "-F", "ip,sym,dso"],
                            text=True, capture_output=True, check=True).stdout
    found = re.findall(r"^\s*[0-9a-f]+ (.*) \(([^()]*)\)\s*$", script, re.M)
    return statistics.median(map(int, answer[1:])), found


def is_product(symbol, shared_object):
    # perf names code without a file after the map that a compiler could leave.
    generated = (shared_object in ("[unknown]", "//anon") or
                 re.fullmatch(r".*/perf-\d+\.map", shared_object))
    return bool(generated) or (bool(PRODUCTS.search(symbol))
                         and not shared_object.startswith("[k"))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", required=True)
    parser.add_argument("--case", required=True)
    parser.add_argument("--limits", required=True)
    parser.add_argument("--precision", default="f32", choices=("f32", "bf16"))
    parser.add_argument("--state", default="warm", choices=("warm", "cold"))
    options = parser.parse_args()
    case = pathlib.Path(options.case)
    config = json.loads((case / "config.json").read_text())
    limit = json.loads(pathlib.Path(options.limits).read_text())
    best = limit[options.precision]["best"]["gflops"]
    from attune_model import load_safetensors
    inputs = load_safetensors(case / "inputs.safetensors")
    megaflops = 1e-6 * sum(flops.request(
        config, len(inputs["x"]), len(inputs["history_x"]),
        options.state).values())

    with tempfile.TemporaryDirectory(prefix="attune-share-") as work:
        ns, _ = sample(options, 5, os.path.join(work, "pilot.data"))
        # Many requests, so that loading the model does not show.
        ns, samples = sample(options, max(5, int(8e9 / ns)),
                             os.path.join(work, "perf.data"))
    inside = [is_product(*s) for s in samples]
    share = sum(inside) / len(samples)
    milliseconds = ns * 1e-6
    rate = megaflops / (milliseconds * share)
    print(f"{options.precision} {options.state}: {milliseconds:.2f} ms, "
          f"{share:.0%} of {len(samples)} samples inside products: "
          f"{rate:.0f} GF/s there, {rate / best:.0%} of oneDNN's best "
          f"{best:.0f}; the whole request "
          f"{megaflops / milliseconds / best:.0%}")
    others = {}
    for (symbol, shared_object), product in zip(samples, inside):
        if not product:
            name = re.sub(r"\(.*", "", symbol.replace(
                "(anonymous namespace)::", ""))
            others[name] = others.get(name, 0) + 1
    print("outside of products:")
    for name, count in sorted(others.items(), key=lambda p: -p[1])[:10]:
        print(f"  {count / len(samples):6.1%}  {name}")


if __name__ == "__main__":
    main()
