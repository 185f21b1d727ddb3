"""Checks that the rooms depend one way and hide their libraries.

plugins -> engine -> {features, attention, storage} -> {proto, base}; the three
middle rooms do not know each other. Usage: layering.py SOURCE_DIR
"""
import pathlib
import re
import sys

# Which rooms a room may include, itself aside.
ALLOWED = {
    "base": set(),
    "proto": set(),
    "attention": {"base"},
    "features": {"base", "proto"},
    "storage": {"base", "proto"},
    "engine": {"base", "proto", "attention", "features", "storage"},
    "plugins": {"base", "proto", "engine"},
    "tools": {"base", "proto", "engine", "features", "storage", "attention"},
    # A host of the C interface that also trains, as tools do.
    "python": {"base", "proto", "engine", "features", "storage", "plugins"},
}
# Which folder alone may include a library's headers.
HIDDEN = {
    r"rocksdb/": "storage/",
    r"(oneapi/)?dnnl": "attention/onednn/",
    r"cuda": "attention/cuda/",
    r"(tbb|oneapi/tbb)/": "base/",
    r"unicode/": "features/",
    r"hwy/": "attention/onednn/",
    r"(nanobind|Python\.h)": "python/",
}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^">]+)[">]', re.M)


def faults(root):
    for room, allowed in ALLOWED.items():
        for path in sorted((root / room).rglob("*")):
            if path.suffix not in {".h", ".cc", ".c"}:
                continue
            name = path.relative_to(root).as_posix()
            for _, target in INCLUDE.findall(path.read_text(encoding="utf-8")):
                top = target.split("/")[0]
                if "/" in target and top in ALLOWED and top != room:
                    if top not in allowed:
                        yield f"{name} includes {target}: {room} must not know {top}"
                for pattern, home in HIDDEN.items():
                    if re.match(pattern, target) and not name.startswith(home):
                        yield f"{name} includes <{target}>: only {home} may"


def main():
    root = pathlib.Path(sys.argv[1])
    found = list(faults(root))
    for fault in found:
        print(fault)
    checked = sum(len(list((root / room).rglob("*.h"))) for room in ALLOWED)
    print(f"layering: {checked} headers in {len(ALLOWED)} rooms, {len(found)} faults")
    # No headers at all would mean that the test looked in the wrong place.
    return 1 if found or checked < 20 else 0


if __name__ == "__main__":
    sys.exit(main())
