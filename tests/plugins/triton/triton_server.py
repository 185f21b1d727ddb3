"""A Triton server of its own: free ports, a model repository, start and end."""
import pathlib
import signal
import socket
import subprocess
import time

import tritonclient.grpc
import tritonclient.http

START_S = 60  # to be ready, on a busy machine


def free_ports(count: int) -> list[int]:
    """Ports of the loopback interface that nobody has now."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class TritonServer:
    """One server process with its model repository in `folder`."""

    def __init__(self, program: str, backends: str,
                 folder: pathlib.Path) -> None:
        self.repository = folder / "models"
        self.repository.mkdir(parents=True, exist_ok=True)
        self._log = folder / "server.log"
        self._program, self._backends = program, backends
        self._process: subprocess.Popen[bytes] | None = None
        self.http_url = self.grpc_url = ""

    def put_model(self, name: str, parameters: dict[str, str],
                  head: str = "max_batch_size: 64 dynamic_batching {}",
                  tensors: str = "") -> pathlib.Path:
        """Writes a model's config.pbtxt and an empty version 1."""
        model = self.repository / name
        (model / "1").mkdir(parents=True, exist_ok=True)
        lines = [f'name: "{name}"', 'backend: "attune"', head, tensors]
        for key, value in parameters.items():
            lines.append(f'parameters {{ key: "{key}" value: '
                         f'{{ string_value: "{value}" }} }}')
        (model / "config.pbtxt").write_text("\n".join(lines) + "\n")
        return model

    def start(self, *models: str) -> None:
        """Returns when the server answers; the models are loaded then."""
        for attempt in range(3):  # another process may take a port meanwhile
            if self._start(models):
                return
        raise RuntimeError(f"the server does not start:\n{self.log()}")

    def _start(self, models: tuple[str, ...]) -> bool:
        http, grpc = free_ports(2)
        self.http_url, self.grpc_url = f"127.0.0.1:{http}", f"127.0.0.1:{grpc}"
        arguments = [
            self._program, f"--model-repository={self.repository}",
            f"--backend-directory={self._backends}",
            "--http-address=127.0.0.1", f"--http-port={http}",
            "--grpc-address=127.0.0.1", f"--grpc-port={grpc}",
            "--allow-metrics=false", "--model-control-mode=explicit",
            *(f"--load-model={name}" for name in models)]
        with open(self._log, "ab") as log:
            self._process = subprocess.Popen(arguments, stdout=log, stderr=log)
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                return False
            try:
                with self.http() as client:
                    if client.is_server_ready():
                        return True
            except (OSError, tritonclient.http.InferenceServerException):
                pass
            time.sleep(0.02)  # between polls; the deadline is what counts
        self.kill()
        return False

    def http(self, **options: object) -> tritonclient.http.InferenceServerClient:
        return tritonclient.http.InferenceServerClient(self.http_url, **options)

    def grpc(self) -> tritonclient.grpc.InferenceServerClient:
        return tritonclient.grpc.InferenceServerClient(self.grpc_url)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def stop(self) -> int:
        """Ends the server as an operator would; its exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(timeout=60)

    def kill(self) -> None:
        if self.running():
            assert self._process is not None
            self._process.kill()
            self._process.wait()

    def log(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""
