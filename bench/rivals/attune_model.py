"""The graph of docs/model.md in PyTorch: what rivals are given to run, and the
reference of the parity test.

From a directory of config.json and weights.safetensors (a model directory, or
what `attune_compute make` writes). Item vectors are given, as they are in a
request: history encoder, candidate decoder, fusion, match term -> logit "next".
"""
import json
import pathlib

import torch
from torch import nn
from torch.nn import functional as F

from weights import Weights, load_safetensors

EPSILON = 1e-6  # of all norms


def time_bucket(seconds, buckets):
    """TimeBucket of attention/ops/attention.h: two buckets per doubling."""
    doubled = torch.floor(2 * torch.log2(seconds.clamp(min=1.0)))
    return doubled.clamp(max=buckets - 1).to(torch.int64)


def standardise(x):
    return F.layer_norm(x, x.shape[-1:], eps=EPSILON)


class Norm(nn.Module):
    def __init__(self, weights, name):
        super().__init__()
        self.gain = weights.vector(name + ".gain")
        self.bias = weights.vector(name + ".bias")

    def forward(self, x):
        return F.layer_norm(x, x.shape[-1:], self.gain, self.bias, EPSILON)


class Block(nn.Module):
    """Pre-norm block; `attention` is "sdpa" or "explicit", the same numbers by
    the fused operation or by products and a softmax."""

    def __init__(self, weights, name, config, attention):
        super().__init__()
        self.heads = config["heads"]
        self.head_width = config["width"] // self.heads
        self.attention = attention
        self.dropout = 0.0  # of both branches; training only
        self.query_norm = Norm(weights, name + ".query_norm")
        self.middle_norm = Norm(weights, name + ".middle_norm")
        for part in ("query", "key", "value", "output", "expand", "contract"):
            setattr(self, part, weights.linear(f"{name}.{part}"))
        for part in ("position_bias", "time_bias"):
            table = f"{name}.{part}"
            setattr(self, part,
                    weights.matrix(table) if table in weights else None)

    def split(self, x):
        """[N, D] -> [1, H, N, dh], [B, N, D] -> [B, H, N, dh]"""
        if x.dim() == 2:
            return x.view(-1, self.heads,
                          self.head_width).transpose(0, 1)[None]
        return x.view(*x.shape[:2], self.heads,
                      self.head_width).transpose(1, 2)

    def bias_of(self, positions, buckets):
        """Both biases per head, [H, ...]; positions is constant, buckets the
        time's or None."""
        bias = self.key.weight.new_zeros(self.heads, *positions.shape)
        if self.position_bias is not None:
            bias = self.position_bias[:, positions]
        if self.time_bias is not None and buckets is not None:
            bias = bias + self.time_bias[:, buckets]
        return bias

    def attend(self, q, k, v, bias):
        """q [B, H, M, dh] over k, v [B, H, N, dh] -> [B, M, D]; bias [H, M, N]
        or [H, 1, N], or with B in front."""
        if bias.dim() == 3:
            bias = bias[None]
        if self.attention == "sdpa":
            bias = bias.to(q.dtype).expand(-1, self.heads, q.shape[2],
                                           k.shape[2])
            out = F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
        else:
            scores = q @ k.transpose(-1, -2) * self.head_width**-0.5
            out = torch.softmax(scores + bias.to(q.dtype), -1) @ v
        return out.transpose(1, 2).flatten(2)

    def attend_to_itself(self, x, bias):
        """The whole block of rows that see each other, [N, D] or [B, N, D]."""
        normed = self.query_norm(x)
        attended = self.attend(
            self.split(self.query(normed)), self.split(self.key(normed)),
            self.split(self.value(normed)), bias)
        return self.finish(x, attended if x.dim() == 3 else attended[0])

    def drop(self, x):
        return F.dropout(x, self.dropout) if self.dropout > 0 else x

    def finish(self, x, attended):
        y = x + self.drop(self.output(attended))
        hidden = F.gelu(self.expand(self.middle_norm(y)), approximate="tanh")
        return y + self.drop(self.contract(hidden))


class Encoder(nn.Module):
    """Item vectors of the history -> memory rows [T, D] and u [D]. `events` is
    T, or None for training, which makes its own biases."""

    def __init__(self, weights, config, events, attention):
        super().__init__()
        self.use_time = config["use_time"]
        self.time_buckets = config["time_buckets"]
        self.gap_buckets = config["gap_buckets"]
        self.action = weights.matrix("history.action")
        self.gap = weights.matrix("history.gap")
        self.start = weights.vector("history.start")
        self.blocks = nn.ModuleList(
            Block(weights, f"history.block{i}", config, attention)
            for i in range(config["encoder_blocks"]))
        self.memory_norm = Norm(weights, "history.memory_norm")
        if events is not None:
            self.fix_biases(config, events)

    def fix_biases(self, config, events):
        """The part of the biases that no request changes, made once."""
        step = torch.arange(events)
        distance = step[:, None] - step[None, :]
        longest = max(config["relative_positions"] - 1, 0)
        self.register_buffer("positions", distance.clamp(0, longest))
        self.register_buffer("hidden", distance < 0)
        for block in self.blocks:
            fixed = torch.zeros(config["heads"], events, events)
            if block.position_bias is not None:
                fixed = block.position_bias.detach()[:, self.positions].clone()
            fixed[:, self.hidden] = -float("inf")
            block.register_buffer("fixed_bias", fixed)

    def forward(self, x, action, age):
        buckets = None
        gap = torch.zeros_like(action)
        if self.use_time:
            # Row i asks at the time of event i + 1, the newest one now (age 0).
            asked = torch.cat([age[1:], age.new_zeros(1)])
            buckets = time_bucket(age[None, :] - asked[:, None],
                                  self.time_buckets)
            gap = 1 + time_bucket(age - asked, self.gap_buckets - 1)
        rows = x + self.action[action] + self.gap[gap]
        for block in self.blocks:
            bias = block.fixed_bias
            if buckets is not None and block.time_bias is not None:
                bias = bias + block.time_bias[:, buckets]
            rows = block.attend_to_itself(rows, bias)
        return self.memory_norm(rows), standardise(rows[-1])


class Decoder(nn.Module):
    def __init__(self, weights, config, attention):
        super().__init__()
        self.use_time = config["use_time"]
        self.time_buckets = config["time_buckets"]
        self.relative_positions = config["relative_positions"]
        self.context = weights.vector("decoder.context")
        self.context_clock = weights.matrix("decoder.context_clock")
        self.user = weights.matrix("decoder.user")
        self.blocks = nn.ModuleList(
            Block(weights, f"decoder.block{i}", config, attention)
            for i in range(config["decoder_blocks"]))
        self.final_norm = Norm(weights, "decoder.final_norm")

    def project_items(self, x):
        block = self.blocks[0]
        return block.query(block.query_norm(x))

    def user_side(self, memory, age, clock, user_tokens=None):
        """What does not depend on candidates: per block K, V [1, H, M, dh] and
        biases [H, 1, M]; M = T + 1. `user_tokens` are rows of the user table."""
        token = self.context + clock @ self.context_clock
        if user_tokens is not None:
            token = token + self.user[user_tokens].sum(0)
        memory = torch.cat([memory, token[None]])
        count = memory.shape[0]
        newest_first = torch.arange(count - 1, -1, -1, device=memory.device)
        positions = newest_first.clamp(max=max(self.relative_positions - 1, 0))
        buckets = None
        if self.use_time:
            buckets = time_bucket(torch.cat([age, age.new_zeros(1)]),
                                  self.time_buckets)
        return [(block.split(block.key(memory)), block.split(block.value(memory)),
                 block.bias_of(positions, buckets)[:, None, :])
                for block in self.blocks]

    def forward(self, x, q, user_side):
        for i, (block, (k, v, bias)) in enumerate(zip(self.blocks, user_side)):
            if i > 0:
                q = block.query(block.query_norm(x))
            x = block.finish(x, block.attend(block.split(q), k, v, bias)[0])
        return self.final_norm(x)


class Fusion(nn.Module):
    def __init__(self, weights, config):
        super().__init__()
        self.layers = nn.ModuleList(
            weights.linear(f"fusion.layer{i}")
            for i in range(len(config["fusion_hidden"])))
        self.tasks = weights.linear("fusion.tasks")

    def forward(self, z, user, x, dense):
        y = torch.cat([z, user * x, dense], dim=1)
        for layer in self.layers:
            y = F.gelu(layer(y), approximate="tanh")
        return self.tasks(y)


class ColdGraph(nn.Module):
    """A whole request: x, q [C, D], dense [C, F], history_x [T, D], action [T]
    int64, age [T] seconds, clock [5] -> scores [C]."""

    def __init__(self, model):
        super().__init__()
        self.encoder, self.decoder = model.encoder, model.decoder
        self.fusion = model.fusion
        self.scale, self.weight = model.scale, model.fusion_weight

    def forward(self, x, q, dense, history_x, action, age, clock):
        memory, user = self.encoder(history_x, action, age)
        side = self.decoder.user_side(memory, age, clock)
        z = self.decoder(x, q, side)
        fused = self.fusion(z, user, x, dense)[:, 0]
        return (x @ user) * self.scale + self.weight * fused


class WarmGraph(nn.Module):
    """A request with all that depends on the user given: u [D] and per block
    K, V, bias. (The engine also encodes the newest row and the context token in
    a warm request; a rival is spared that.)"""

    def __init__(self, model):
        super().__init__()
        self.decoder, self.fusion = model.decoder, model.fusion
        self.scale, self.weight = model.scale, model.fusion_weight

    def forward(self, x, q, dense, user, *flat):
        side = [flat[i:i + 3] for i in range(0, len(flat), 3)]
        z = self.decoder(x, q, side)
        fused = self.fusion(z, user, x, dense)[:, 0]
        return (x @ user) * self.scale + self.weight * fused


class AttuneModel(nn.Module):
    def __init__(self, directory, events, attention="sdpa"):
        super().__init__()
        directory = pathlib.Path(directory)
        config = json.loads((directory / "config.json").read_text())
        if config["fusion_mode"] != "full" or config["decoder_blocks"] < 1:
            raise ValueError("only fusion_mode full with a decoder is compared")
        weights = Weights(directory / "weights.safetensors")
        self.config = config
        self.encoder = Encoder(weights, config, events, attention)
        self.decoder = Decoder(weights, config, attention)
        self.fusion = Fusion(weights, config)
        self.scale = 1.0 / (config["width"] * config["temperature"])
        self.fusion_weight = config["fusion_weight"]


class Request:
    """inputs.safetensors of a directory, and both graphs' arguments."""

    def __init__(self, directory):
        data = load_safetensors(pathlib.Path(directory) / "inputs.safetensors")
        tensor = {name: torch.from_numpy(value) for name, value in data.items()}
        self.x, self.dense = tensor["x"], tensor["dense"]
        self.history_x = tensor["history_x"]
        self.action = tensor["history_action"][0].to(torch.int64)
        self.age = tensor["history_age_s"][0]
        self.clock = tensor["clock"][0]

    @property
    def events(self):
        return self.history_x.shape[0]

    @torch.no_grad()
    def arguments(self, model, state):
        """In f32: item projections, and for "warm" all of the user's side, are
        kept things and not a part of the request."""
        q = model.decoder.project_items(self.x)
        if state == "cold":
            return (self.x, q, self.dense, self.history_x, self.action,
                    self.age, self.clock)
        memory, user = model.encoder(self.history_x, self.action, self.age)
        side = model.decoder.user_side(memory, self.age, self.clock)
        flat = [tensor.contiguous() for block in side for tensor in block]
        return (self.x, q, self.dense, user, *flat)


def graph(model, state):
    return (ColdGraph if state == "cold" else WarmGraph)(model).eval()
