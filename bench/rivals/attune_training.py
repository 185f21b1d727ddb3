"""Training of docs/model.md in PyTorch, on the same tables, rows and losses as
engine/train: the reference of the gradients' parity test, the rival of the
trainer's bench, and a way to train elsewhere (on a GPU) and serve here.

`attune_training` (the program beside this file) writes the data:
items.safetensors, rows.safetensors, config.json, training.json, starting
weights. weights.save_model() puts trained weights into a model directory.
"""
import dataclasses
import json
import pathlib

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from attune_model import (Decoder, Encoder, Fusion, load_safetensors,
                          standardise, time_bucket)
from weights import Weights

HOUR_S = 3600.0
# Training options with which a step draws nothing at random.
QUIET = {name: 0 for name in (
    "dropout", "id_dropout", "event_dropout", "target_skip", "decoder_dropout",
    "decoder_match_dropout", "new_item_dropout", "fusion_z_dropout")}


def row(data, name, kind=torch.int64):
    """A tensor [1, N] of a file as a vector; whole numbers are exact."""
    return torch.from_numpy(data[name][0].astype(np.float64)).to(kind)


def seconds(data, name):
    """A time of the file, float64 seconds."""
    return (row(data, name + "_hours", torch.float64) * HOUR_S +
            row(data, name + "_ms", torch.float64) / 1000)


@dataclasses.dataclass
class Bags:
    """Rows of a table per item: offsets [N] into rows."""

    rows: torch.Tensor
    offsets: torch.Tensor


class Items:
    """items.safetensors: what the item tower reads of every item."""

    def __init__(self, path):
        data = load_safetensors(path)
        self.id = row(data, "id")
        self.text = Bags(row(data, "text"), row(data, "text_offsets")[:-1])
        self.attribute = Bags(row(data, "attribute"),
                              row(data, "attribute_offsets")[:-1])


@dataclasses.dataclass
class Batch:
    """Sequences side by side, [B, T], filled up at their ends: no row of a
    sequence looks there, and no target counts there."""

    item: torch.Tensor    # index of the item file, -1: hidden
    seen: torch.Tensor    # the same, never hidden
    action: torch.Tensor  # -1: none
    gap: torch.Tensor
    start: torch.Tensor   # 1: the learned row of an empty history
    key: torch.Tensor     # float64 seconds
    query: torch.Tensor
    there: torch.Tensor   # a row, no filling
    counted: torch.Tensor  # [n] those of B x T that have a target
    target: torch.Tensor   # [n] index of the item file
    weight: torch.Tensor   # [n]
    rows: int              # that are there

    def excluded(self, items):
        """Mask [n, items]: what each counted row's history holds, nothing where
        its target is among it."""
        batch, length = self.item.shape
        mask = torch.zeros(batch, length, items + 1, dtype=torch.bool)
        mask.scatter_(2, self.seen[..., None] + 1, True)
        mask = mask.int().cumsum(1)[..., 1:].flatten(0, 1)[self.counted] > 0
        return mask & ~mask.gather(1, self.target[:, None])


class Rows:
    """Packed rows of sequences, as load_safetensors reads a file of them."""

    COLUMNS = ("item", "seen", "action", "gap", "target")
    PADDING = {"item": -1, "seen": -1, "action": -1}

    def __init__(self, data):
        self.first, self.count = row(data, "first"), row(data, "count")
        self.columns = {name: row(data, name) for name in self.COLUMNS}
        for name in ("start", "weight"):
            self.columns[name] = row(data, name, torch.float32)
        for name in ("key", "query"):
            self.columns[name] = seconds(data, name)

    def padded(self, sequences):
        """The given sequences as a Batch."""
        count, step = self.count[sequences], torch.arange(
            int(self.count[sequences].max()))
        there = step[None, :] < count[:, None]
        index = torch.where(there, self.first[sequences][:, None] + step, 0)
        columns = {name: torch.where(there, column[index],
                                     self.PADDING.get(name, 0))
                   for name, column in self.columns.items()}
        weight = columns.pop("weight").flatten()
        counted = torch.nonzero(weight > 0)[:, 0]
        return Batch(**{**columns,
                        "target": columns["target"].flatten()[counted]},
                     there=there, counted=counted, weight=weight[counted],
                     rows=int(count.sum()))


class ItemTower(nn.Module):
    """x [N, D] of all items from id, text and attributes."""

    def __init__(self, weights, config):
        super().__init__()
        self.heads = config["text_heads"]
        self.id = weights.matrix("item.id")
        self.text = weights.matrix("item.text")
        self.attribute = weights.matrix("item.attribute")
        self.text_scores = weights.linear("item.text_scores")
        self.text_output = weights.linear("item.text_output")
        self.attribute_output = weights.linear("item.attribute_output")
        self.id_dropout = 0.0

    def pool(self, text):
        """Attention pooling: a softmax over an item's tokens per head. Scores
        belong to rows of the table, so numerators and denominators do too, and
        what is left per item are sums of rows: ten times as fast here as a
        softmax over each item's own."""
        scores = self.text_scores(self.text)
        weight = torch.exp(scores - scores.detach().amax(0))
        weighted = (self.text.unflatten(1, (self.heads, -1)) *
                    weight[..., None]).flatten(1)
        sums = F.embedding_bag(text.rows, torch.cat([weighted, weight], 1),
                               text.offsets, mode="sum")
        above, below = sums.split([self.text.shape[1], self.heads], 1)
        # An item without text has none: 0 / tiny.
        share = above.unflatten(1, (self.heads, -1)) / below.clamp(
            min=1e-30)[..., None]
        return share.flatten(1)

    def forward(self, items):
        attributes = F.embedding_bag(items.attribute.rows, self.attribute,
                                     items.attribute.offsets, mode="mean")
        known = items.id >= 0
        if self.id_dropout > 0:
            known = known & (torch.rand(len(known)) >= self.id_dropout)
        ids = F.embedding(items.id.clamp(min=0), self.id) * known[:, None]
        return standardise(self.text_output(self.pool(items.text)) +
                           self.attribute_output(attributes) + ids)


class MatchModel(nn.Module):
    """Item tower and history encoder: the loss of the trainer's first stage."""

    def __init__(self, weights, config, attention="explicit"):
        super().__init__()
        self.config = config
        self.items = ItemTower(weights, config)
        self.encoder = Encoder(weights, config, None, attention)
        self.scale = 1.0 / (config["width"] * config["temperature"])
        self.dropout = 0.0

    def set_dropout(self, rate, id_dropout):
        self.dropout, self.items.id_dropout = rate, id_dropout
        for block in self.encoder.blocks:
            block.dropout = rate

    def biases(self, batch):
        """Per block [1 or B, H, T, T]; minus infinity for what lies ahead."""
        length = batch.item.shape[1]
        step = torch.arange(length, device=batch.item.device)
        distance = step[:, None] - step[None, :]
        longest = max(self.config["relative_positions"] - 1, 0)
        ahead = torch.zeros(length, length, device=step.device)
        ahead = ahead.masked_fill(distance < 0, -float("inf"))
        buckets = None
        if self.config["use_time"]:
            buckets = time_bucket(batch.query[:, :, None] -
                                  batch.key[:, None, :],
                                  self.config["time_buckets"])
        for block in self.encoder.blocks:
            bias = ahead[None, None]
            if block.position_bias is not None:
                table = F.embedding(distance.clamp(0, longest),
                                    block.position_bias.t())
                bias = bias + table.permute(2, 0, 1)[None]
            if block.time_bias is not None and buckets is not None:
                table = F.embedding(buckets, block.time_bias.t())
                bias = bias + table.permute(0, 3, 1, 2)
            yield bias

    def states(self, x, batch):
        """The last block's rows [B, T, D] of a padded batch."""
        encoder = self.encoder
        # Index 0 is nothing: a hidden event, a history that is empty.
        empty = x.new_zeros(1, x.shape[1])
        rows = F.embedding(batch.item + 1, torch.cat([empty, x]))
        rows = rows + F.embedding(batch.action + 1,
                                  torch.cat([empty, encoder.action]))
        rows = rows + F.embedding(batch.gap, encoder.gap)
        rows = rows + batch.start[..., None] * encoder.start
        if self.dropout > 0:
            rows = F.dropout(rows, self.dropout)
        for block, bias in zip(encoder.blocks, self.biases(batch)):
            rows = block.attend_to_itself(rows, bias)
        return rows

    def forward(self, items, batch, excluded=None):
        """The next-item loss of a batch: softmax over all items at every row
        that has a target, weighted."""
        x = self.items(items)
        states = standardise(self.states(x, batch))
        states = states.flatten(0, 1).index_select(0, batch.counted)
        logits = (states * self.scale) @ x.t()
        if excluded is not None:
            logits = logits.masked_fill(excluded, -float("inf"))
        losses = F.cross_entropy(logits, batch.target, reduction="none")
        return (losses * batch.weight).sum() / batch.weight.sum().clamp(min=1)


class DecoderModel(nn.Module):
    """Decoder and fusion on a frozen match part: the second stage's loss."""

    def __init__(self, weights, config, match, attention="explicit"):
        super().__init__()
        self.config, self.match = config, match
        self.decoder = Decoder(weights, config, attention)
        self.fusion = Fusion(weights, config)
        self.task_scale = weights.vector("tasks.scale")
        self.task_bias = weights.vector("tasks.bias")

    def forward(self, items, data):
        """`data` is a decoder.safetensors as load_safetensors gives it."""
        packed = Rows(data)
        with torch.no_grad():
            x = self.match.items(items)
            batch = packed.padded(torch.arange(len(packed.count)))
            states = self.match.states(x, batch)[batch.there]
            memory = self.match.encoder.memory_norm(states)
            users = standardise(states)
        return self.groups(data, x, memory, users, packed.columns["key"])

    def groups(self, data, x, memory, users, key):
        column = {name: row(data, "group_" + name) for name in
                  ("first", "last", "begin", "end", "start", "impression")}
        weight = row(data, "group_weight", torch.float32)
        now = seconds(data, "group")
        clock = torch.from_numpy(data["clock"]).to(x.dtype)
        tokens = torch.split(row(data, "user_token"),
                             row(data, "user_tokens").tolist())
        candidate = row(data, "candidate")
        log_weight = row(data, "log_weight", torch.float32)
        dense = torch.from_numpy(data["dense"]).to(x.dtype)
        followed = row(data, "followed")
        shown = column["impression"] > 0
        sizes = column["end"] - column["begin"]
        next_scale = 1 / weight[~shown].sum().clamp(min=1)
        shown_scale = 1 / sizes[shown].sum().clamp(min=1)
        loss = x.new_zeros(())
        for g in range(len(weight)):
            rows = slice(int(column["first"][g]), int(column["last"][g]) + 1)
            chosen = slice(int(column["begin"][g]), int(column["end"][g]))
            age = now[g] - key[rows]
            if column["start"][g]:
                age = torch.zeros_like(age)
            user, items = users[rows][-1], x[candidate[chosen]]
            side = self.decoder.user_side(memory[rows], age, clock[g],
                                          tokens[g])
            z = self.decoder(items, self.decoder.project_items(items), side)
            out = self.fusion(z, user, items, dense[chosen])
            match = (items @ user) * self.match.scale
            if shown[g]:
                logits = (self.task_scale[1:] * match[:, None] +
                          self.task_bias[1:] + out[:, 1:])
                bits = torch.arange(logits.shape[1])
                labels = (followed[chosen][:, None] >> bits) & 1
                loss = loss + shown_scale * F.binary_cross_entropy_with_logits(
                    logits, labels.to(x.dtype), reduction="sum")
            else:
                logits = match + out[:, 0] + log_weight[chosen]
                loss = loss + next_scale * weight[g] * (
                    torch.logsumexp(logits, 0) - logits[0])
        return loss


class Case:
    """A directory that `attune_training` wrote."""

    def __init__(self, directory, attention="explicit"):
        directory = pathlib.Path(directory)
        self.config = json.loads((directory / "config.json").read_text())
        self.options = json.loads((directory / "training.json").read_text())
        self.weights = Weights(directory / "weights.safetensors")
        self.items = Items(directory / "items.safetensors")
        self.match = MatchModel(self.weights, self.config, attention)


# Tables and matrices; biases, norms and the rest have no weight decay.
DECAYED = ("item.id", "item.text", "item.attribute", "decoder.context_clock",
           "decoder.user")


def optimiser(weights, options, match_stage=True):
    """AdamW as engine/train has it, for a stage's parameters."""
    groups = {True: [], False: []}
    for name, (parameter, _) in weights.taken.items():
        if name.startswith(("item.", "history.")) == match_stage:
            groups[name.endswith(".weight") or name in DECAYED].append(parameter)
    return torch.optim.AdamW(
        [{"params": groups[True], "weight_decay": options["weight_decay"]},
         {"params": groups[False], "weight_decay": 0.0}],
        lr=options["learning_rate"], betas=(0.9, 0.98), eps=1e-8, fused=True)
