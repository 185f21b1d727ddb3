"""Tables and the plot of a comparison's results."""
import json

PRECISIONS = ("f32", "bf16")


def rows_of(results, workload, state):
    rows = [r for r in results
            if r["workload"] == workload and r["state"] == state]
    return sorted(rows, key=lambda r: (r["precision"] != "f32", r["p50"]))


def fastest_rival(rows, precision=None):
    """The fastest rival of a precision, or of any."""
    rivals = [r for r in rows if r["engine"] != "attune"
              and precision in (None, r["precision"])]
    return min(rivals, key=lambda r: r["p50"], default=None)


def ours_against(rows, precision):
    """(ours, the rival that the target compares with): f32 against the fastest
    f32, bf16 against the fastest of any precision."""
    ours = next((r for r in rows if r["engine"] == "attune"
                 and r["precision"] == precision), None)
    return ours, fastest_rival(rows, "f32" if precision == "f32" else None)


def cells(results):
    return sorted({(r["workload"], r["state"]) for r in results})


def summary(results):
    """One line per workload, state and precision: ratio of medians, tails."""
    lines = ["| | precision | ours p50 ms | p99/p50 | fastest rival | its p50 ms |"
             " p99/p50 | ratio |", "|---|---|--:|--:|---|--:|--:|--:|"]
    for workload, state in cells(results):
        rows = rows_of(results, workload, state)
        for precision in PRECISIONS:
            ours, rival = ours_against(rows, precision)
            if ours is None or rival is None:
                continue
            lines.append(
                f"| {workload} {state} | {precision} | {ours['p50']:.2f} | "
                f"{ours['p99'] / ours['p50']:.2f} | {rival['engine']} "
                f"{rival['precision']} | {rival['p50']:.2f} | "
                f"{rival['p99'] / rival['p50']:.2f} | "
                f"{rival['p50'] / ours['p50']:.2f} |")
    return "\n".join(lines)


def shares(results, limits):
    """Ours and the fastest rival against products at oneDNN's best rate."""
    lines = ["| | precision | products MF | least ms | ours p50 | share |"
             " fastest rival of it | share |",
             "|---|---|--:|--:|--:|--:|--:|--:|"]
    for workload, state in cells(results):
        rows = rows_of(results, workload, state)
        for precision in PRECISIONS:
            ours, _ = ours_against(rows, precision)
            rival = fastest_rival(rows, precision)
            if ours is None or rival is None or precision not in limits:
                continue
            least = ours["megaflops"] / limits[precision]["best"]["gflops"]
            lines.append(
                f"| {workload} {state} | {precision} | "
                f"{ours['megaflops']:.0f} | {least:.2f} | {ours['p50']:.2f} | "
                f"{least / ours['p50']:.0%} | {rival['p50']:.2f} | "
                f"{least / rival['p50']:.0%} |")
    best = ", ".join(f"{p} {v['best']['gflops']:.0f} GF/s ({v['best']['shape']},"
                     f" {v['best']['implementation']})"
                     for p, v in limits.items())
    return ("Share of the limit: the request's matrix products at the best rate "
            f"of oneDNN on this core ({best}) over the whole request's time.\n\n"
            + "\n".join(lines))


def details(results):
    lines = ["| | engine | precision | p50 ms | p95 | p99 | requests | error |"
             " p50 / fastest rival of it |", "|---|---|---|--:|--:|--:|--:|--:|--:|"]
    for workload, state in cells(results):
        rows = rows_of(results, workload, state)
        for r in rows:
            rival = fastest_rival(rows, r["precision"])
            ratio = "" if rival is None else f"{r['p50'] / rival['p50']:.2f}"
            error = "" if r["error"] is None else f"{r['error']:.1e}"
            lines.append(
                f"| {workload} {state} | {r['engine']} | {r['precision']} | "
                f"{r['p50']:.2f} | {r['p95']:.2f} | {r['p99']:.2f} | "
                f"{r['requests']} | {error} | {ratio} |")
    return "\n".join(lines)


def markdown(document):
    machine = "\n".join(f"- {k}: {v}" for k, v in document["machine"].items())
    text = (f"# Compute only, ours and rivals in one run\n\n{machine}\n\n"
            f"{summary(document['results'])}\n\n"
            f"{details(document['results'])}\n")
    if document.get("limits"):
        text += f"\n{shares(document['results'], document['limits'])}\n"
    if document["refused"]:
        text += "\nNot timed:\n" + "\n".join(
            f"- {r['workload']} {r['engine']} {r['precision']}: {r['why']}"
            for r in document["refused"]) + "\n"
    return text


def short_name(row):
    """torch-compile-sdpa -> torch compile: of its variants the fastest is
    drawn."""
    return " ".join(row["engine"].split("-")[:2 if "torch" in row["engine"]
                                             else 1])


def plot(results, path):
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot

    groups = cells(results)
    figure, axes = pyplot.subplots(1, len(groups), squeeze=False,
                                   figsize=(3.4 * len(groups), 4.2))
    for axis, (workload, state) in zip(axes[0], groups):
        best = {}
        for row in rows_of(results, workload, state):
            key = (short_name(row), row["precision"])
            if key not in best or row["p50"] < best[key]["p50"]:
                best[key] = row
        names = sorted(best, key=lambda k: best[k]["p50"], reverse=True)
        values = [best[k]["p50"] for k in names]
        colours = ["#c8102e" if n == "attune" else
                   ("#6d7f92" if p == "f32" else "#b4c0cc") for n, p in names]
        axis.barh([f"{n} {p}" for n, p in names], values, color=colours)
        tails = [max(best[k]["p95"], best[k]["p50"]) for k in names]
        axis.hlines(range(len(names)), values, tails, color="black",
                    linewidth=0.8, label="to p95")
        for index, (value, tail) in enumerate(zip(values, tails)):
            axis.annotate(f"{value:.3g}", (tail, index), (4, 0),
                          textcoords="offset points", va="center", fontsize=7)
        axis.set_title(f"{workload} {state}", fontsize=10)
        axis.set_xlabel("ms per request, p50", fontsize=8)
        axis.set_xlim(0, max(tails) * 1.22)
        axis.tick_params(labelsize=7)
        for side in ("top", "right"):
            axis.spines[side].set_visible(False)
    axes[0][0].legend(fontsize=7, loc="upper right", frameon=False)
    figure.suptitle("Attune and general inference engines, one core, compute "
                    "only (shorter is better)", fontsize=10)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def save(document, directory, name):
    directory.mkdir(parents=True, exist_ok=True)
    (directory / f"{name}.json").write_text(json.dumps(document, indent=1))
    text = markdown(document)
    (directory / f"{name}.md").write_text(text)
    plot(document["results"], directory / f"{name}.png")
    return text
