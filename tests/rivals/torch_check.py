"""Checks that need torch run in a Python that has it, or are skipped."""
import argparse
import pathlib
import subprocess
import sys
from typing import Callable

RIVALS = pathlib.Path(__file__).resolve().parents[2] / "bench" / "rivals"


def has_torch(python: str) -> bool:
    """False for a missing interpreter, too."""
    try:
        return subprocess.run([python, "-c", "import torch, numpy"],
                              capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def main(parser: argparse.ArgumentParser, script: str,
         check: Callable[[argparse.Namespace], int]) -> int:
    """The exit status of `check` in the interpreter of --python, 77 (skipped)
    where that has no torch. `script` is run again in there."""
    parser.add_argument("--python", required=True)
    parser.add_argument("--inside", action="store_true")
    options = parser.parse_args()
    if options.inside:
        sys.path.insert(0, str(RIVALS))
        return check(options)
    if not has_torch(options.python):
        print(f"skipped: {options.python} has no torch; scripts/bench makes "
              "such an environment")
        return 77
    return subprocess.run([options.python, script, "--inside", *sys.argv[1:]],
                          check=False).returncode
