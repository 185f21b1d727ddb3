"""clang-tidy over a build tree whose targets are unity builds (scripts/lint).

One run reads a group of files together, so that the headers they share are
read once: a third of the time. A group's key is a hash of everything it is
made from; BUILD_DIR/clean/<key> exists where it had no finding.
"""
import argparse
import concurrent.futures
import fnmatch
import hashlib
import json
import pathlib
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
TIDY = "clang-tidy-19"
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^">]+)[">]', re.M)
# Folders whose files leave out the checks that tests/.clang-tidy takes out.
TESTS = ("tests", "bench")
FINDING = re.compile(
    r"^(\S[^\n]*?):(\d+):(\d+): (?:warning|error): .*\[([\w.*-]+)[^\]]*\]$")


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False)


class Sources:
    """Contents and includes of the repository's and the generated files."""

    def __init__(self, build):
        self.roots = [ROOT, build]
        self.build = build
        self.known = {}

    def read(self, path):
        """The bytes of a file and the files of ours that it includes."""
        if path not in self.known:
            data = path.read_bytes()
            found = []
            for name in INCLUDE.findall(data.decode("utf-8", "replace")):
                for folder in [path.parent, *self.roots]:
                    candidate = folder / name
                    if candidate.is_file():
                        found.append(candidate.resolve())
                        break
            self.known[path] = data, found
        return self.known[path]

    def closure(self, path):
        """The file and all of ours that it includes, sorted."""
        todo, seen = [path.resolve()], set()
        while todo:
            file = todo.pop()
            if file not in seen:
                seen.add(file)
                todo += self.read(file)[1]
        return sorted(seen)

    def members(self, path):
        """The repository's sources that one translation unit is made of."""
        if ROOT in path.parents and self.build not in path.parents:
            return [path]
        return [f for f in self.read(path)[1] if f.suffix in (".cc", ".c")
                and self.build not in f.parents]


def findings_of(output):
    """Splits clang-tidy's text into one block per finding."""
    blocks = []
    for line in output.splitlines():
        if FINDING.match(line):
            blocks.append([line])
        elif blocks:
            blocks[-1].append(line)
    return ["\n".join(block).rstrip() for block in blocks]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    start = time.monotonic()
    build = args.build.resolve()
    sources = Sources(build)
    database = json.loads((build / "compile_commands.json").read_text())

    units = {}
    for entry in database:
        path = pathlib.Path(entry["directory"], entry["file"]).resolve()
        if sources.members(path):
            units[path] = entry["command"]
    covered = {f for path in units for f in sources.members(path)}
    tracked = run("git", "-C", str(ROOT), "ls-files", "-z", "*.cc", "*.c").stdout
    for name in filter(None, tracked.split("\0")):
        if (ROOT / name).resolve() not in covered:
            print(f"lint: not in the compile database, not checked: {name}")

    config, test_config = ROOT / ".clang-tidy", ROOT / "tests" / ".clang-tidy"
    salt = hashlib.sha256(config.read_bytes() + test_config.read_bytes())
    salt.update(run(TIDY, "--version").stdout.encode())
    salt.update(run("dpkg-query", "-W").stdout.encode())
    clean = build / "clean"
    clean.mkdir(exist_ok=True)

    def key(path):
        digest = salt.copy()
        digest.update(units[path].encode())
        for file in sources.closure(path):
            digest.update(str(file).encode() + b"\0" + sources.read(file)[0])
        return digest.hexdigest()

    keys = {path: key(path) for path in units}
    stale = [p for p in units if not (clean / keys[p]).exists()]
    # The largest first, so that no long one is left for the end.
    stale.sort(key=lambda p: -sum(len(sources.read(f)[0])
                                  for f in sources.members(p)))
    ours = f"^{re.escape(str(ROOT))}/"
    theirs = f"^({re.escape(str(build))}|{re.escape(str(ROOT))}/\\.deps)/"

    left_out = re.findall(r"-([a-z][\w*-]*)", test_config.read_text().partition(
        "Checks:")[2])

    def counts(finding):
        """Whether a finding is one: tests and benches may do more."""
        place, check = FINDING.match(finding.splitlines()[0]).group(1, 4)
        file = pathlib.Path(place)
        if ROOT not in file.parents:
            return False  # of a system header's declaration
        return not (file.relative_to(ROOT).parts[0] in TESTS
                    and any(fnmatch.fnmatch(check, glob) for glob in left_out))

    def tidy(path):
        done = run(TIDY, "-p", str(build), "--quiet", f"--config-file={config}",
                   f"--header-filter={ours}",
                   f"--exclude-header-filter={theirs}", str(path))
        found = [f for f in findings_of(done.stdout) if counts(f)]
        if done.returncode and not findings_of(done.stdout):
            found = [f"{path}: {TIDY} failed:\n{done.stderr.strip()}"]
        return path, found

    failed = {}
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for path, found in pool.map(tidy, stale):
            if not found:
                (clean / keys[path]).touch()
            for text in found:
                text = text.replace(f"{ROOT}/", "")
                if text not in failed:
                    failed[text] = None
                    print(text, flush=True)
    print(f"lint: {len(covered)} files in {len(units)} groups, {len(stale)} groups "
          f"read, {len(failed)} findings, {time.monotonic() - start:.0f} s")
    return 1 if failed else 0


sys.exit(main())
