"""examples/hosts: C, Go, Java and ctypes give the same scores.

Builds each example whose compiler is there, shows it a wrong call (a clear
error, and the host goes on), compares scores bit for bit with C's, and prints
what a bridge adds to a call: medians of runs in turn.

Usage: languages_test.py SOURCE_DIR LIBRARY DATABASE (in an empty folder)
"""
import os
import pathlib
import shutil
import statistics
import struct
import subprocess
import sys

NOW_MS = "1714415050000"  # the end of the bookshop's logs
ROUNDS = 3
CALLS = "200"
CANDIDATES = [f"b{i % 465 + 1:04}" for i in range(500)]


def run(command: list[str], **environment: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True,
                          env={**os.environ, **environment})
    if done.returncode != 0:
        sys.exit(f"{command[:4]}: exit {done.returncode}\n{done.stderr}")
    return done.stdout


def quoted(flags: list[str]) -> str:
    """As Go reads CGO_CFLAGS: a flag with a space in it is in quotes."""
    return " ".join(f'"{flag}"' for flag in flags)


def build(source: pathlib.Path, library: pathlib.Path,
          work: pathlib.Path) -> dict[str, list[str]]:
    """Commands that take DATABASE NOW_MS CALLS USER ITEM..."""
    include = f"-I{source / 'plugins/c_abi'}"
    link = [f"-L{library.parent}", "-lattune", f"-Wl,-rpath,{library.parent}"]
    hosts = source / "examples/hosts"
    warnings = ["-Wall", "-Wextra", "-Werror", "-O2"]
    run([os.environ.get("CC", "cc"), "-std=c99", "-Wpedantic", *warnings,
         include, str(hosts / "c/rank.c"), "-o", str(work / "c"), *link])
    commands = {"C": [str(work / "c")],
                "ctypes": [sys.executable, str(hosts / "ctypes/rank.py"),
                           str(library)]}
    if shutil.which("go"):
        run(["go", "build", "-o", str(work / "go"), str(hosts / "go/rank.go")],
            CGO_CFLAGS=quoted([include, "-O2"]), CGO_LDFLAGS=quoted(link),
            GOFLAGS="-mod=mod", GOPROXY="off", GOCACHE=str(work / "cache"))
        commands["Go (cgo)"] = [str(work / "go")]
    else:
        print("Go: skipped, no go; scripts/setup --hosts installs it")
    if javac := shutil.which("javac"):
        home = pathlib.Path(javac).resolve().parents[1] / "include"
        run([os.environ.get("CC", "cc"), "-shared", "-fPIC", *warnings,
             include, f"-I{home}", f"-I{home / 'linux'}",
             str(hosts / "java/rank_jni.c"), "-o",
             str(work / "librank_jni.so"), *link])
        run([javac, "-d", str(work), str(hosts / "java/Rank.java")])
        commands["Java (JNI)"] = ["java", "-cp", str(work),
                                  f"-Djava.library.path={work}", "Rank"]
    else:
        print("Java: skipped, no javac; scripts/setup --hosts installs it")
    return commands


def ask(command: list[str], database: str, user: str) -> tuple[list, float]:
    """Scores as float32 bytes, and the median time of a call in µs."""
    lines = run([*command, database, NOW_MS, CALLS, user,
                 *CANDIDATES]).splitlines()
    if not lines[0].startswith('error no model "no such model"'):
        sys.exit(f"{command[0]}: no clear error, but {lines[0]!r}")
    scores = [(item, struct.pack("f", float(score)))
              for kind, item, score in map(str.split, lines[1:-1])
              if kind == "score"]
    if len(scores) != len(CANDIDATES):
        sys.exit(f"{command[0]}: {len(scores)} scores")
    return scores, float(lines[-1].split()[1])


def main(source: str, library: str, database: str) -> None:
    work = pathlib.Path.cwd()
    commands = build(pathlib.Path(source), pathlib.Path(library), work)
    for name, command in commands.items():
        refused = subprocess.run([*command, str(work / "nowhere"), NOW_MS, "1",
                                  "u", "b"], capture_output=True, text=True)
        if refused.returncode == 0 or "does not exist" not in refused.stderr:
            sys.exit(f"{name}: opened nothing: {refused.stderr}")
    times: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(ROUNDS):
        user = f"u{number + 1:05}"
        expected = None
        for name, command in commands.items():
            scores, p50 = ask(command, database, user)
            times[name].append(p50)
            expected = expected or scores
            if scores != expected:
                sys.exit(f"{name}: other scores than C")
    bare = statistics.median(times["C"])
    print(f"{len(CANDIDATES)} candidates; median of {ROUNDS} medians, µs")
    for name, values in times.items():
        p50 = statistics.median(values)
        print(f"{name:12}{p50:10.1f}{p50 - bare:+10.1f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
