"""PyTorch's trainers of the match stage, each in its best form that was found:
what train.py times."""
import time

import torch

from attune_training import Case, Rows, optimiser
from weights import load_safetensors

AVERAGE_EVERY = 4  # steps, as engine/train/weight_average.h


class TorchTrainer:
    """One model with its optimiser, stepping through batches for ever."""

    def __init__(self, directory, batch_rows, attention, bf16, compiled):
        self.name = (f"torch {'compile' if compiled else 'eager'} {attention} "
                     f"{'bf16' if bf16 else 'f32'}")
        case = Case(directory, attention)
        options = case.options
        case.match.set_dropout(options["dropout"], options["id_dropout"])
        self.model, self.items, self.bf16 = case.match, case.items, bf16
        if compiled:
            torch._dynamo.reset()
            self.model = torch.compile(case.match, dynamic=True)
        self.optimiser = optimiser(case.weights, options)
        self.parameters = [parameter for group in self.optimiser.param_groups
                           for parameter in group["params"]]
        self.average = [parameter.detach().clone()
                        for parameter in self.parameters]
        self.decay = options["average_decay"] ** AVERAGE_EVERY
        self.clip = options["gradient_clip"]
        packed = Rows(load_safetensors(directory / "rows.safetensors"))
        self.batches = batches_of(packed, batch_rows)
        self.at = self.steps = 0
        self.losses = []

    def step(self, batch):
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            loss = self.model(self.items, batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, self.clip,
                                       foreach=True)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self.steps += 1
        if self.steps % AVERAGE_EVERY == 0:
            with torch.no_grad():
                torch._foreach_lerp_(self.average, self.parameters,
                                     1 - self.decay)
        return loss.item()

    def warm_up(self):
        """The shortest, the longest and other batches: what torch.compile makes
        code for, before the timing."""
        by_length = sorted(self.batches, key=lambda batch: batch.item.shape[1])
        for place in (0, -1, len(by_length) // 3, len(by_length) // 2):
            self.step(by_length[place])

    def run(self, steps):
        """(rows, nanoseconds)"""
        rows, losses = 0, 0.0
        start = time.perf_counter_ns()
        for _ in range(steps):
            batch = self.batches[self.at]
            self.at = (self.at + 1) % len(self.batches)
            losses += self.step(batch)
            rows += batch.rows
        self.losses.append(losses / steps)
        return rows, time.perf_counter_ns() - start


def batches_of(packed, batch_rows):
    """Sequences of like lengths together, in an order drawn once."""
    order = torch.argsort(packed.count, stable=True)
    batches, begin, rows = [], 0, 0
    counts = packed.count[order].tolist()
    for index, count in enumerate([*counts, batch_rows + 1]):
        if rows + count > batch_rows and index > begin:
            batches.append(packed.padded(order[begin:index]))
            begin, rows = index, 0
        rows += count
    shuffle = torch.randperm(len(batches),
                             generator=torch.Generator().manual_seed(1))
    return [batches[i] for i in shuffle]


def makers(options, directory, batch_rows):
    """Functions that make a contender each."""
    result = []
    for compiled in (False, True):
        if compiled and options.quick:
            continue
        for bf16 in (False, True):
            for attention in ("explicit", "sdpa"):
                result.append(lambda a=attention, b=bf16, c=compiled:
                              TorchTrainer(directory, batch_rows, a, b, c))
    return result
