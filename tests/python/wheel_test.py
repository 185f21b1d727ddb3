"""`pip install .` gives a wheel that needs nothing of this machine.

The wheel is built from the checkout, installed into a fresh environment, and
used there with LD_LIBRARY_PATH empty: every library that it makes the process map
comes from that environment, or is the C library's, the compiler's or Python's own.
"""
import json
import os
import pathlib
import re
import subprocess
import sys
import unittest
import venv

import shop

SOURCE = pathlib.Path(os.environ["ATTUNE_SOURCE"])
BINARY = pathlib.Path(os.environ["ATTUNE_BINARY"])
SYSTEM = re.compile(r"(ld-linux.*|lib(c|m|dl|rt|pthread|util|resolv|stdc\+\+|"
                    r"gcc_s|python3[.0-9]*))\.so[.0-9]*|.*\.cpython-.*\.so")
USE = """
import ctypes, datetime, json, sys
import numpy
def maps():
    return {line.split(None, 5)[-1].strip() for line in open("/proc/self/maps")
            if ".so" in line}
before = maps()
import attune
with attune.open(sys.argv[1], model=sys.argv[2]) as db:
    scores = db.scores("u02", ["i02", "i03"], now_ms=1_700_000_000_000)
print(json.dumps({"scores": scores.tolist(), "maps": sorted(maps() - before),
                  "file": attune.__file__}))
"""


class WheelTest(unittest.TestCase):
    def test_wheel_is_independent_of_the_machine(self):
        wheels = shop.folder()
        # A build folder of its own that stays: the next run compiles nothing.
        subprocess.run(
            [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel",
             "--quiet", "--no-build-isolation", "--no-deps", "--no-index",
             "-C", f"build-dir={os.environ.get('ATTUNE_WHEEL_BUILD', BINARY / 'wheel')}",
             "-w", str(wheels), str(SOURCE)],
            check=True, env={**os.environ, "PYTHONPATH": "", "PATH": os.pathsep.join(
                [str(pathlib.Path(sys.executable).parent), os.environ["PATH"]])})
        wheel, = wheels.glob("attune-*.whl")

        fresh = shop.folder() / "venv"
        venv.create(fresh, with_pip=False)
        site = next((fresh / "lib").glob("python*")) / "site-packages"
        subprocess.run([sys.executable, "-m", "pip", "--disable-pip-version-check",
                        "install", "--quiet", "--no-deps", "--no-index", "--target",
                        str(site), str(wheel)], check=True,
                       env={**os.environ, "PYTHONPATH": ""})
        import numpy  # the one dependency, from where the tests have it
        for part in ("numpy", "numpy.libs"):
            (site / part).symlink_to(pathlib.Path(numpy.__file__).parents[1] / part)

        trained = shop.trained()
        done = subprocess.run(
            [fresh / "bin/python", "-I", "-c", USE, trained / "db", trained / "model"],
            check=True, capture_output=True, text=True,
            env={"PATH": "/usr/bin:/bin", "HOME": str(fresh)})
        answer = json.loads(done.stdout)
        self.assertTrue(answer["file"].startswith(str(fresh)), answer["file"])
        foreign = [path for path in answer["maps"]
                   if not os.path.realpath(path).startswith(os.path.realpath(fresh))
                   and not SYSTEM.fullmatch(os.path.basename(path))]
        self.assertEqual(foreign, [])
        names = " ".join(os.path.basename(path) for path in answer["maps"])
        for library in ("librocksdb-", "libdnnl-", "libtbb-"):
            self.assertIn(library, names)

        import attune
        with attune.open(trained / "db", model=trained / "model") as db:
            wanted = db.scores("u02", ["i02", "i03"], now_ms=shop.NOW_MS)
        self.assertEqual(answer["scores"], wanted.tolist())


if __name__ == "__main__":
    unittest.main()
