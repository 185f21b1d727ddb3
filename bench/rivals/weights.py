"""A model's weights for PyTorch: parameters of safetensors files, and back.

Every tensor of weights.safetensors is a matrix, a vector being one row, and a
linear layer's weight is [in, out]; docs/formats.md lists names and shapes. A
Weights hands them out as the parameters of modules and remembers which is
which, so that it can write them, or their gradients, under the same names.
"""
import hashlib
import json
import os
import pathlib
import shutil
import struct

import numpy as np
import torch
from torch import nn


def load_safetensors(path):
    """{name: float32 array}; the file's tensors must be F32."""
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        data = file.read()
    header.pop("__metadata__", None)
    result = {}
    for name, entry in header.items():
        if entry["dtype"] != "F32":
            raise ValueError(f"{path}: {name} is {entry['dtype']}, not F32")
        begin, end = entry["data_offsets"]
        flat = np.frombuffer(data[begin:end], dtype="<f4")
        result[name] = flat.reshape(entry["shape"]).copy()
    return result


def save_safetensors(tensors, path):
    """Writes {name: float32 array}, in this order, replacing the file."""
    header, chunks, offset = {}, [], 0
    for name, array in tensors.items():
        data = np.ascontiguousarray(array, dtype="<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(array.shape),
                        "data_offsets": [offset, offset + len(data)]}
        chunks.append(data)
        offset += len(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    temporary = f"{path}.part"
    with open(temporary, "wb") as file:
        file.write(struct.pack("<Q", len(text)))
        file.write(text)
        for data in chunks:
            file.write(data)
    os.replace(temporary, path)


class Weights:
    """The tensors of a file as parameters, each handed out once or more."""

    def __init__(self, path):
        self.tensors = {name: torch.from_numpy(value)
                        for name, value in load_safetensors(path).items()}
        self.taken = {}  # name: (parameter, its value or gradient as in the file)

    def __contains__(self, name):
        return name in self.tensors

    def take(self, name, convert, restore):
        if name not in self.taken:
            parameter = nn.Parameter(convert(self.tensors[name]).contiguous())
            self.taken[name] = (parameter, restore)
        return self.taken[name][0]

    def matrix(self, name):
        return self.take(name, lambda t: t.clone(), lambda t: t)

    def vector(self, name):
        """Of a tensor with one row."""
        return self.take(name, lambda t: t[0].clone(), lambda t: t[None])

    def linear(self, name):
        """nn.Linear of `<name>.weight` [in, out] and `<name>.bias` [1, out]."""
        layer = nn.Linear(*self.tensors[name + ".weight"].shape)
        layer.weight = self.take(name + ".weight", lambda t: t.t().clone(),
                                 lambda t: t.t())
        layer.bias = self.vector(name + ".bias")
        return layer

    def arrays(self):
        """{name: array} of all tensors, those handed out as they are now."""
        result = {name: value.numpy() for name, value in self.tensors.items()}
        for name, (parameter, restore) in self.taken.items():
            result[name] = restore(parameter.detach()).float().cpu().numpy()
        return result

    def gradients(self):
        """{name: array} of the handed out, zeros where there is none."""
        result = {}
        for name, (parameter, restore) in self.taken.items():
            gradient = parameter.grad
            if gradient is None:
                gradient = torch.zeros_like(parameter)
            result[name] = restore(gradient).float().cpu().numpy()
        return result


def save_model(source, weights, target):
    """A copy of the model directory `source` with other weights, ready for
    `attune publish`. Its golden requests, which hold the old weights' scores,
    are left out unless no weight changed: a load then checks files only."""
    source, target = pathlib.Path(source), pathlib.Path(target)
    shutil.copytree(source, target)
    before = load_safetensors(source / "weights.safetensors")
    arrays = weights.arrays()
    save_safetensors(arrays, target / "weights.safetensors")
    if any(not np.array_equal(before[name], arrays[name]) for name in before):
        (target / "golden.pb").write_bytes(b"")
    manifest = json.loads((source / "manifest.json").read_text())
    files = {}
    for path in sorted(target.iterdir()):
        if path.name == "manifest.json":
            continue
        data = path.read_bytes()
        files[path.name] = {"sha256": hashlib.sha256(data).hexdigest(),
                            "size_bytes": len(data)}
    lines = "".join(f"{entry['sha256']}  {name}\n"
                    for name, entry in files.items() if name != "report.json")
    manifest["version"] = hashlib.sha256(lines.encode()).hexdigest()[:16]
    manifest["files"] = files
    (target / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")
    return manifest["version"]
