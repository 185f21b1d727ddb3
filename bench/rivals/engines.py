"""The engines of the comparison: ours as a process, the rivals in this one.

An engine has `name`, `precision`, score(state) -> scores [C] and
run(state, count) -> nanoseconds of each request; state is "cold" or "warm".
"""
import os
import subprocess
import time

import numpy as np
import torch

from attune_model import AttuneModel, graph


class Program:
    """A program of ours that answers lines; the first one is "ready"."""

    def __init__(self, *command):
        self.command = [str(part) for part in command]
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        if self.process.stdout.readline().strip() != "ready":
            raise RuntimeError(f"{' '.join(self.command)} did not start")

    def ask(self, line, word):
        """The words behind `word`, which an answer begins with."""
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().split()
        if not answer or answer[0] != word:
            name = os.path.basename(self.command[0])
            raise RuntimeError(f"{name}: {line}: {' '.join(answer)}")
        return answer[1:]

    @property
    def pid(self):
        return self.process.pid

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Attune(Program):
    """bench/rivals/attune_compute."""

    def __init__(self, binary, directory, precision, instruction_set="best"):
        self.name, self.precision = "attune", precision
        super().__init__(binary, "serve", directory, precision,
                         instruction_set)

    def score(self, state):
        return np.array(self.ask(f"score {state}", "scores"), np.float32)

    def run(self, state, count):
        return [int(ns) for ns in self.ask(f"run {state} {count}", "ns")]


def timed(call, count):
    result = []
    for _ in range(count):
        start = time.perf_counter_ns()
        call()
        result.append(time.perf_counter_ns() - start)
    return result


class Rival:
    """calls[state]() runs one request and returns its scores as an array-like."""

    def __init__(self, name, precision):
        self.name, self.precision = name, precision
        self.calls = {}

    def score(self, state):
        return np.asarray(self.calls[state](), dtype=np.float32)

    def run(self, state, count):
        return timed(self.calls[state], count)

    @property
    def pid(self):
        return os.getpid()

    def close(self):
        self.calls = {}


def cast(arguments, precision):
    """Arguments in the precision of the graph, outside of the timing; integers
    and ages (times need the digits) stay."""
    if precision == "f32":
        return arguments
    return tuple(
        a.to(torch.bfloat16)
        if a.is_floating_point() and index != 5 else a
        for index, a in enumerate(arguments))


def warm_cast(arguments, precision):
    if precision == "f32":
        return arguments
    return tuple(a.to(torch.bfloat16) for a in arguments)


def torch_rival(directory, request, precision, attention, compiled, states):
    name = f"torch-{'compile' if compiled else 'eager'}-{attention}"
    rival = Rival(name, precision)
    for state in states:
        model = AttuneModel(directory, request.events, attention)
        arguments = request.arguments(model, state)
        run = graph(model, state)
        convert = cast if state == "cold" else warm_cast
        arguments = convert(arguments, precision)
        if precision == "bf16":
            run = run.to(torch.bfloat16)
        if compiled:
            torch._dynamo.reset()
            run = torch.compile(run, dynamic=False)

        def call(run=run, arguments=arguments):
            with torch.inference_mode():
                return run(*arguments).float()

        call()  # compiles here
        rival.calls[state] = call
    return rival


def export_onnx(directory, request, state, path):
    """The f32 graph with products and softmax apart; weights as constants."""
    model = AttuneModel(directory, request.events, "explicit")
    arguments = request.arguments(model, state)
    names = [f"in{i}" for i in range(len(arguments))]
    with torch.no_grad():
        torch.onnx.export(graph(model, state), arguments, path,
                          input_names=names, output_names=["scores"],
                          opset_version=20, dynamo=False)
    return {name: a.numpy() for name, a in zip(names, arguments)}


def onnxruntime_rival(directory, request, states, work):
    import onnxruntime

    rival = Rival("onnxruntime", "f32")
    for state in states:
        path = os.path.join(work, f"{state}.onnx")
        arguments = export_onnx(directory, request, state, path)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.graph_optimization_level = (
            onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL)
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(
            path, options, providers=["CPUExecutionProvider"])
        used = {entry.name for entry in session.get_inputs()}
        binding = session.io_binding()
        for name, value in arguments.items():
            if name in used:
                binding.bind_cpu_input(name, value)
        out = np.empty(len(arguments["in0"]), np.float32)
        binding.bind_output("scores", "cpu", 0, np.float32, out.shape,
                            out.ctypes.data)

        def call(session=session, binding=binding, out=out):
            session.run_with_iobinding(binding)
            return out

        rival.calls[state] = call
    return rival


def openvino_rival(directory, request, precision, source, states, work):
    """`source`: "onnx", or "sdpa"/"explicit" straight from PyTorch."""
    import openvino

    rival = Rival(f"openvino-{source}", precision)
    core = openvino.Core()
    for state in states:
        if source == "onnx":
            path = os.path.join(work, f"{state}.onnx")
            named = export_onnx(directory, request, state, path)
            converted = core.read_model(path)
            # The exporter leaves out what a graph does not use (times).
            arguments = [named[port.any_name] for port in converted.inputs]
        else:
            model = AttuneModel(directory, request.events, source)
            tensors = request.arguments(model, state)
            with torch.no_grad():
                converted = openvino.convert_model(graph(model, state),
                                                   example_input=tensors)
            arguments = [t.numpy() for t in tensors]
            converted.reshape({
                port: list(a.shape)
                for port, a in zip(converted.inputs, arguments)})
        compiled = core.compile_model(converted, "CPU", {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": 1,
            "INFERENCE_PRECISION_HINT": precision,
        })
        infer = compiled.create_infer_request()
        for index, value in enumerate(arguments):
            infer.set_input_tensor(
                index, openvino.Tensor(np.ascontiguousarray(value),
                                       shared_memory=True))

        def call(infer=infer, keep=arguments):
            infer.infer()
            return infer.get_output_tensor(0).data

        rival.calls[state] = call
    return rival
