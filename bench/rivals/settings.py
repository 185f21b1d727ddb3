"""What the drivers share: options, pinning, the machine's description. Imports
no numerical library, since threads and instruction sets must be limited first.
"""
import argparse
import contextlib
import fcntl
import os
import pathlib
import sys


def log(text):
    print(text, file=sys.stderr, flush=True)


def parser(description):
    result = argparse.ArgumentParser(description=description)
    result.add_argument("--binary", required=True, help="attune_compute")
    result.add_argument("--out", type=pathlib.Path, required=True)
    result.add_argument("--core", type=int, default=None,
                        help="pin to this core (default: the last one)")
    result.add_argument("--instruction-set", default="best",
                        choices=("best", "avx512", "avx2"),
                        help="avx512: without bf16")
    result.add_argument("--lock-file",
                        help="hold this file's lock while timing")
    result.add_argument("--priority", type=int,
                        help="nice value while timing (below 0: root only)")
    return result


def pin(options):
    """To one core and one thread; children and pools inherit it."""
    cores = sorted(os.sched_getaffinity(0))
    options.core = cores[-1] if options.core is None else options.core
    os.sched_setaffinity(0, {options.core})
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"


def limit_instruction_set(options):
    """For ours and for the rivals that listen. True where bf16 is gone."""
    isa = {"avx2": "AVX2", "avx512": "AVX512_CORE_VNNI"}.get(
        options.instruction_set)
    if isa is None:
        return False
    os.environ["ONEDNN_MAX_CPU_ISA"] = os.environ["DNNL_MAX_CPU_ISA"] = isa
    os.environ["MKL_ENABLE_INSTRUCTIONS"] = options.instruction_set.upper()
    os.environ["ATEN_CPU_CAPABILITY"] = options.instruction_set
    return True


def describe_machine(options):
    model, flags = "unknown", set()
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
        "pinned to core": str(options.core),
        "instruction set limit": options.instruction_set,
        "load average at start": load_average(),
    }


def load_average():
    return " ".join(f"{value:.1f}" for value in os.getloadavg())


def set_priority(pid, nice):
    """Of all threads: on Linux the value belongs to the thread."""
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        os.setpriority(os.PRIO_PROCESS, int(task.name), nice)


@contextlib.contextmanager
def quiet_machine(options, pids):
    """Holds the lock that other measurements on this machine take, too, and
    raises the priority of all contenders (and this process) alike."""
    with contextlib.ExitStack() as stack:
        if options.lock_file:
            lock = stack.enter_context(open(options.lock_file, "a"))
            log("  waiting for the lock")
            fcntl.flock(lock, fcntl.LOCK_EX)
        before = os.getpriority(os.PRIO_PROCESS, 0)
        if options.priority is not None:
            for pid in {os.getpid(), *pids}:
                set_priority(pid, options.priority)
        yield
        if options.priority is not None:
            set_priority(os.getpid(), before)
