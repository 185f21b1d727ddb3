"""The batch job in PyTorch: users side by side, the same weights and graph.

Users' histories are all of T events, so that padding costs nothing here (in a real
job it does), and item vectors, projections and dense features are given: reading
and features, which `attune batch` has to do, are left out. Eager, by torch.vmap
over the graph of one request, whose scores are compared first. Usage:

  .venv-bench/bin/python bench/rivals/users_per_second.py CASE_DIRECTORY \
      [--batches 1,8,32,64] [--threads 1] [--repeat 3] [--attention sdpa|explicit]
"""
import argparse
import pathlib
import time

import torch

from attune_model import AttuneModel, Request, graph


def users_of(request, count):
    """`count` histories: the request's with its rows in other orders."""
    generator = torch.Generator().manual_seed(1)
    orders = [torch.randperm(request.events, generator=generator)
              for _ in range(count)]
    return (torch.stack([request.history_x[order] for order in orders]),
            torch.stack([request.action[order] for order in orders]))


@torch.inference_mode()
def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("case", type=pathlib.Path)
    parser.add_argument("--batches", default="1,8,32,64")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--users", type=int, default=256)
    parser.add_argument("--attention", default="sdpa",
                        choices=("sdpa", "explicit"))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    request = Request(options.case)
    model = AttuneModel(options.case, request.events, options.attention)
    one = graph(model, "cold")
    x, q, dense, _, _, age, clock = request.arguments(model, "cold")
    # What is every user's own has a first axis; the candidates are shared.
    many = torch.vmap(one, in_dims=(None, None, 0, 0, 0, None, None))
    for size in map(int, options.batches.split(",")):
        histories, actions = users_of(request, size)
        own = dense.expand(size, *dense.shape).contiguous()
        scores = many(x, q, own, histories, actions, age, clock)
        for i in (0, size - 1):
            alone = one(x, q, dense, histories[i], actions[i], age, clock)
            torch.testing.assert_close(scores[i], alone, atol=1e-4, rtol=1e-4)
        rates = []
        for _ in range(options.repeat):
            begin, done = time.monotonic(), 0
            while done < options.users:
                many(x, q, own, histories, actions, age, clock)
                done += size
            rates.append(done / (time.monotonic() - begin))
        print(f"{size} users a batch, {len(x)} candidates, {options.threads} "
              f"thread(s): {sorted(rates)[len(rates) // 2]:.0f} users/s "
              f"({min(rates):.0f} to {max(rates):.0f})", flush=True)


if __name__ == "__main__":
    main()
