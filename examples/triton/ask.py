"""Starts a Triton server with examples/triton/models, asks it, ends it.

What a service would do is in main(): one client, one call per ranking.
"""
import json
import pathlib
import socket
import subprocess
import sys
import time

import numpy as np
import tritonclient.http as triton

ROOT = pathlib.Path(__file__).resolve().parents[2]
SERVER = ROOT / ".deps/triton/server/pytriton/tritonserver/bin/tritonserver"
NOW_MS = 1714415050000  # the shop's logs end here


def text_input(name: str, values: list[list[str]]) -> triton.InferInput:
    """A BYTES input, [batch, values]."""
    array = np.array(values, dtype=np.object_)
    tensor = triton.InferInput(name, array.shape, "BYTES")
    tensor.set_data_from_numpy(array)
    return tensor


def texts(result: triton.InferResult, name: str) -> list[str]:
    return [value.decode() for value in result.as_numpy(name)[0]]


def free_port() -> int:
    with socket.socket() as any_port:
        any_port.bind(("127.0.0.1", 0))
        return any_port.getsockname()[1]


def start_server(port: int) -> subprocess.Popen:
    process = subprocess.Popen(
        [SERVER, f"--model-repository={ROOT / 'examples/triton/models'}",
         f"--backend-directory={ROOT / 'build/release/backends'}",
         "--http-address=127.0.0.1", f"--http-port={port}",
         "--allow-grpc=false", "--allow-metrics=false", "--log-info=false"],
        stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    with triton.InferenceServerClient(f"127.0.0.1:{port}") as client:
        while time.monotonic() < deadline and process.poll() is None:
            try:
                if client.is_model_ready("books"):
                    return process
            except OSError:
                time.sleep(0.05)
    process.kill()
    sys.exit("the server did not start")


def main(url: str) -> None:
    with triton.InferenceServerClient(url) as client:
        # The best of all books for a reader, and why.
        result = client.infer(
            "books", [text_input("USER_ID", [["u00042"]])],
            parameters={"k": 3, "explain": True, "exclude_seen": True,
                        "now_ms": NOW_MS})
        print("the best for u00042")
        for item, score, text in zip(texts(result, "IDS"),
                                     result.as_numpy("SCORES")[0],
                                     texts(result, "REASONS")):
            because = ", ".join(f"{r['action']} {r['title']}"
                                for r in json.loads(text)["reasons"])
            print(f"  {item}  {score:.3f}  because of {because}")

        # Scores of given candidates, in their order: the shortest way.
        candidates = ["b0128", "b0176", "b0001"]
        result = client.infer(
            "books", [text_input("USER_ID", [["u00042"]]),
                      text_input("CANDIDATE_IDS", [candidates])],
            outputs=[triton.InferRequestedOutput("CANDIDATE_SCORES")],
            parameters={"now_ms": NOW_MS})
        print("candidates", dict(zip(
            candidates, result.as_numpy("CANDIDATE_SCORES")[0].round(3))))

        # Somebody who is in no database, and a book that is in no catalogue.
        book = {"item_id": "new", "title": "A winter in the Klondike",
                "tags": ["dogs", "adventure"]}
        result = client.infer(
            "books", [text_input("HISTORY_IDS", [["b0128", "b0176"]]),
                      text_input("HISTORY_ACTIONS", [["click", "click"]]),
                      text_input("CANDIDATE_IDS", [candidates]),
                      text_input("CANDIDATES", [[json.dumps(book)]])],
            parameters={"now_ms": NOW_MS})
        print("inline    ", dict(zip(texts(result, "IDS"),
                                     result.as_numpy("SCORES")[0].round(3))))


if __name__ == "__main__":
    http_port = free_port()
    server = start_server(http_port)
    try:
        main(f"127.0.0.1:{http_port}")
    finally:
        server.terminate()
        server.wait()
