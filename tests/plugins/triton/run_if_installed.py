"""Runs a test file if Triton is there, else says how to get it and skips (77).

Usage: run_if_installed.py TRITON_DIR TEST_FILE
"""
import pathlib
import sys
import unittest


def main() -> int:
    triton, test = map(pathlib.Path, sys.argv[1:])
    if not (triton / ".version").exists():
        print(f"skipped: {triton} is not there; scripts/setup --hosts fetches it")
        return 77
    sys.path.insert(0, str(test.parent))
    suite = unittest.defaultTestLoader.loadTestsFromName(test.stem)
    return 0 if unittest.TextTestRunner(verbosity=2).run(suite).wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
