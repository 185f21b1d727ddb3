"""Latency and throughput of Attune in Triton, beside the C interface alone.

The same requests (users of the bookshop, `--candidates` ids, scores in their
order) go in turn to libattune.so through ctypes and to a Triton server over
HTTP, gRPC and gRPC with shared memory, so that a slow minute is slow for all.
Answers are compared bit for bit before anything is timed. Then `--clients`
processes ask as fast as they are answered.

The environment of tests/plugins/triton is needed: docs/triton.md has the
command.
"""
import argparse
import multiprocessing
import os
import pathlib
import sys
import time
import uuid
from collections.abc import Callable

import numpy as np
import tritonclient.utils.shared_memory as shared_memory

import shop
from attune_abi import Ids
from shop import NOW_MS, USERS, outputs, tensor

Ask = Callable[[str], np.ndarray]
PARAMETERS = {"now_ms": NOW_MS}


def asker(client, ids: list[str]) -> Ask:
    """Scores of `ids` for a user, by one of Triton's clients."""
    candidates = tensor(client, "CANDIDATE_IDS", [ids])
    wanted = outputs(client, "CANDIDATE_SCORES")

    def ask(user: str) -> np.ndarray:
        result = client.infer(
            "books", [tensor(client, "USER_ID", [[user]]), candidates],
            outputs=wanted, parameters=PARAMETERS)
        return result.as_numpy("CANDIDATE_SCORES")[0]
    return ask


def shared_asker(client, ids: list[str]) -> tuple[Ask, Callable[[], None]]:
    """The same with candidates and scores in memory that both sides see."""
    from tritonclient.utils import serialize_byte_tensor
    data = serialize_byte_tensor(np.array([ids], np.object_))
    size_in, size_out = len(data.item()), 4 * len(ids)
    key = f"/attune_{uuid.uuid4().hex}"
    region = shared_memory.create_shared_memory_region("load", key,
                                                       size_in + size_out)
    shared_memory.set_shared_memory_region(region, [data])
    client.register_system_shared_memory("load", key, size_in + size_out)
    candidates = tensor(client, "CANDIDATE_IDS", [ids])
    candidates.set_shared_memory("load", size_in)
    wanted = outputs(client, "CANDIDATE_SCORES")
    wanted[0].set_shared_memory("load", size_out, offset=size_in)

    def ask(user: str) -> np.ndarray:
        client.infer("books", [tensor(client, "USER_ID", [[user]]), candidates],
                     outputs=wanted, parameters=PARAMETERS)
        return shared_memory.get_contents_as_numpy(region, np.float32,
                                                   [len(ids)], offset=size_in)

    def close() -> None:
        client.unregister_system_shared_memory("load")
        shared_memory.destroy_shared_memory_region(region)
    return ask, close


def latencies(askers: dict[str, Ask], rounds: int) -> dict[str, np.ndarray]:
    """Milliseconds of each, in turns, sorted."""
    for user in USERS:  # every state is kept, every answer the same
        scores = [ask(user) for ask in askers.values()]
        for other in scores[1:]:
            np.testing.assert_array_equal(other, scores[0])
    times: dict[str, list[float]] = {name: [] for name in askers}
    for i in range(rounds):
        for name, ask in askers.items():
            start = time.perf_counter()
            ask(USERS[i % len(USERS)])
            times[name].append(1000 * (time.perf_counter() - start))
    return {name: np.sort(np.array(t)) for name, t in times.items()}


def client_process(kind: str, url: str, ids: list[str], seconds: float,
                   start, results) -> None:
    from tritonclient import grpc, http
    module = {"grpc": grpc, "http": http}[kind]
    with module.InferenceServerClient(url) as client:
        ask = asker(client, ids)
        ask(USERS[0])
        start.wait()
        times = []
        end = time.perf_counter() + seconds
        while (now := time.perf_counter()) < end:
            ask(USERS[len(times) % len(USERS)])
            times.append(1000 * (time.perf_counter() - now))
        results.put(times)


def throughput(kind: str, url: str, ids: list[str], clients: int,
               seconds: float) -> np.ndarray:
    """Milliseconds of all requests that `clients` processes made."""
    context = multiprocessing.get_context("spawn")  # gRPC does not survive fork
    start, results = context.Barrier(clients), context.Queue()
    processes = [context.Process(target=client_process, args=(
        kind, url, ids, seconds, start, results)) for _ in range(clients)]
    for process in processes:
        process.start()
    times = [t for _ in processes for t in results.get()]
    for process in processes:
        process.join()
    return np.sort(np.array(times))


def take_our_priority(process: int) -> None:
    """Triton gives the threads that execute models nice 0, whatever their
    parent has: on a busy machine that would measure the neighbours."""
    for thread in pathlib.Path(f"/proc/{process}/task").iterdir():
        os.setpriority(os.PRIO_PROCESS, int(thread.name),
                       os.getpriority(os.PRIO_PROCESS, 0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--candidates", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--clients", type=int, nargs="*", default=[1, 4])
    parser.add_argument("--seconds", type=float, default=5)
    given = parser.parse_args()
    ids = [f"b{i % 465 + 1:04}" for i in range(given.candidates)]
    folder = shop.Folder()
    try:
        folder.server.put_model("books", {"database": str(folder.database)})
        folder.server.start("books")
        take_our_priority(folder.server.pid)
        with folder.follower() as abi, folder.server.http() as http, \
                folder.server.grpc() as grpc:
            shared, close = shared_asker(grpc, ids)
            prepared = Ids(ids)
            times = latencies({
                "attune_rank_ids":
                    lambda user: abi.rank_ids(user, prepared, NOW_MS),
                "HTTP": asker(http, ids), "gRPC": asker(grpc, ids),
                "gRPC, shared memory": shared}, given.rounds)
            close()
        bare = np.median(times["attune_rank_ids"])
        print(f"{given.candidates} candidates, {given.rounds} requests of each "
              "in turns, one client; ms")
        print(f"{'':22}{'p50':>8}{'p99':>8}{'added at p50':>14}")
        for name, t in times.items():
            print(f"{name:22}{np.median(t):8.3f}{t[int(0.99 * len(t))]:8.3f}"
                  f"{np.median(t) - bare:14.3f}")
        print(f"as fast as it goes, {given.seconds:g} s each")
        print(f"{'':22}{'requests/s':>12}{'p50':>8}{'p99':>8}")
        for kind, url in (("http", folder.server.http_url),
                          ("grpc", folder.server.grpc_url)):
            for clients in given.clients:
                t = throughput(kind, url, ids, clients, given.seconds)
                print(f"{kind + f', {clients} clients':22}"
                      f"{len(t) / given.seconds:12.0f}{np.median(t):8.3f}"
                      f"{t[int(0.99 * len(t))]:8.3f}")
        if folder.server.stop() != 0:
            sys.exit(folder.server.log())
    finally:
        folder.close()


if __name__ == "__main__":
    main()
