"""Floating point operations of matrix products in one request, compute only:
2 per multiply and add, as docs/model.md needs them; nothing that an
implementation adds (padding, work done twice) counts."""


def block(rows, keys, width, feed_forward, projections):
    """Rows through one block: `projections` of D x D per row, attention over
    `keys` (the mean number a row sees), feed-forward."""
    return rows * (2 * projections * width * width + 4 * keys * width +
                   4 * width * feed_forward)


def request(config, candidates, events, state):
    """{part: operations} of a request; state "cold" or "warm"."""
    width, hidden = config["width"], config["feed_forward"]
    memory = events + 1  # and the context token
    parts = {}
    new_rows = events if state == "cold" else 1
    # Row i sees i + 1 keys; q, k, v and output projections.
    keys = (events + 1) / 2 if state == "cold" else events
    parts["encoder"] = config["encoder_blocks"] * block(
        new_rows, keys, width, hidden, 4)
    parts["memory"] = (config["decoder_blocks"] * (new_rows + 1) *
                       4 * width * width)
    # The first block's query projection is stored with the item.
    parts["decoder"] = sum(
        block(candidates, memory, width, hidden, 1 if i == 0 else 2)
        for i in range(config["decoder_blocks"]))
    layers = [2 * width + config["dense_width"], *config["fusion_hidden"],
              len(config.get("tasks", ["next"]))]
    parts["fusion"] = candidates * sum(
        2 * a * b for a, b in zip(layers, layers[1:]))
    parts["match"] = 2 * candidates * width
    return parts
