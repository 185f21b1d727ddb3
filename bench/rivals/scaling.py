"""How a warm request grows with C (100 to 10,000) and T (50 to 5,000), compute
only, on W1's shape, one core: a table, a straight line's fit and a plot."""
import json
import pathlib
import subprocess
import tempfile

import settings

CANDIDATES = (100, 200, 500, 1000, 2000, 5000, 10000)
EVENTS = (50, 100, 200, 500, 1000, 2000, 5000)
FIXED_CANDIDATES, FIXED_EVENTS = 500, 200


def make(options, work, candidates, events):
    """Directory of W1's shape with C candidates and T events."""
    folder = pathlib.Path(__file__).parent / "models"
    config = json.loads((folder / "w1.json").read_text())
    config["window"] = max(events, 4)
    directory = pathlib.Path(work) / f"c{candidates}-t{events}"
    path = directory.with_suffix(".json")
    path.write_text(json.dumps(config))
    subprocess.run([options.binary, "make", directory, path, str(candidates),
                    str(events), "1"], check=True)
    return str(directory)


def measure(options, work, sizes):
    """{(C, T): median ms}; blocks of all sizes in turn."""
    import numpy as np

    from engines import Attune

    ours = [Attune(options.binary, make(options, work, *size),
                   options.precision) for size in sizes]
    samples = [[] for _ in sizes]
    with settings.quiet_machine(options, [engine.pid for engine in ours]):
        for _ in range(options.rounds):
            for engine, ns in zip(ours, samples):
                count = 3
                if ns:
                    count = int(np.clip(1e8 / np.median(ns), 3, 50))
                ns += engine.run("warm", count)
    for engine in ours:
        engine.close()
    return {size: float(np.median(ns)) * 1e-6
            for size, ns in zip(sizes, samples)}


def line_fit(sizes, milliseconds):
    """(ms per unit, offset, worst relative deviation), weighted so that every
    size counts by its relative error."""
    import numpy as np

    x, y = np.array(sizes, float), np.array(milliseconds)
    slope, offset = np.polyfit(x, y, 1, w=1 / y)
    return slope, offset, float(np.max(np.abs(slope * x + offset - y) / y))


def main():
    parser = settings.parser(__doc__.splitlines()[0])
    parser.add_argument("--precision", default="f32", choices=("f32", "bf16"))
    options = parser.parse_args()
    options.rounds = 6
    settings.pin(options)
    settings.limit_instruction_set(options)
    import matplotlib
    import numpy as np
    matplotlib.use("Agg")
    from matplotlib import pyplot

    with tempfile.TemporaryDirectory(prefix="attune-scaling-") as work:
        by_candidates = measure(options, work,
                                [(c, FIXED_EVENTS) for c in CANDIDATES])
        by_events = measure(options, work,
                            [(FIXED_CANDIDATES, t) for t in EVENTS])
    series = [
        ("C", f"candidates (T = {FIXED_EVENTS})", CANDIDATES,
         list(by_candidates.values())),
        ("T", f"events (C = {FIXED_CANDIDATES})", EVENTS,
         list(by_events.values())),
    ]
    text = [f"# A warm request's time by C and T ({options.precision}, W1)\n"]
    text += [f"- {k}: {v}" for k, v in
             settings.describe_machine(options).items()]
    figure, axes = pyplot.subplots(1, 2, figsize=(8, 3.6))
    document = {}
    for axis, (letter, label, sizes, ms) in zip(axes, series):
        slope, offset, worst = line_fit(sizes, ms)
        document[letter] = {"sizes": sizes, "p50_ms": ms, "us_per_one":
                            slope * 1e3, "offset_ms": offset,
                            "worst_deviation": worst}
        text.append(f"\n| {letter} | p50 ms | line ms |\n|--:|--:|--:|")
        text += [f"| {n} | {m:.3f} | {slope * n + offset:.3f} |"
                 for n, m in zip(sizes, ms)]
        text.append(f"\n{slope * 1e3:.3f} µs each and {offset:.3f} ms; the "
                    f"farthest point is {worst:.0%} off the line.")
        axis.plot(sizes, ms, "o", color="#c8102e", label="measured p50")
        curve = np.geomspace(sizes[0], sizes[-1], 100)
        axis.plot(curve, slope * curve + offset, "-",
                  color="#6d7f92", label=f"{slope * 1e3:.2f} µs each")
        axis.set_xscale("log")
        axis.set_yscale("log")
        axis.set_xlabel(label)
        axis.set_ylabel("ms")
        for scale in (axis.xaxis, axis.yaxis):
            scale.set_major_formatter(lambda value, _: f"{value:g}")
            scale.set_minor_formatter("")
        axis.set_xticks(sizes, [f"{n:,}" for n in sizes], fontsize=7)
        ticks = [t for t in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50)
                 if min(ms) / 2 < t < max(ms) * 2]
        axis.set_yticks(ticks, [f"{t:g}" for t in ticks])
        axis.legend(frameon=False, fontsize=8)
        for side in ("top", "right"):
            axis.spines[side].set_visible(False)
    figure.suptitle(f"Attune, warm, compute only, {options.precision}, "
                    "one core", fontsize=10)
    figure.tight_layout()
    options.out.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.out / "scaling.png", dpi=110)
    (options.out / "scaling.json").write_text(json.dumps(document, indent=1))
    (options.out / "scaling.md").write_text("\n".join(text) + "\n")
    print("\n".join(text))


if __name__ == "__main__":
    main()
