"""What gradient-boosted trees make of KuaiRand's impressions.

LightGBM on the features that `attune train --protocol time-split --test-days 2`
has of the same files: the columns of items and users without the counters of
the whole month, the clock, the video's age, and clicks and long views per
impression of item and author as they stood before the impression; --tab adds the
scene of the impression, --user-rates the user's own clicks and long views per
impression, as of it. Split, validation and measures are the same, as is the row
"item rate". Needs lightgbm, pandas and scikit-learn (docs/quality.md).
"""
import argparse
import pathlib

import lightgbm
import pandas
from sklearn.metrics import roc_auc_score

DAY_MS = 86_400_000
TASKS = {"is_click": "click", "long_view": "long_view"}
ITEM_COLUMNS = ["item_id", "author_id", "video_type", "upload_dt", "upload_type",
                "visible_status", "video_duration", "server_width",
                "server_height", "music_id", "music_type", "tag"]
PRIOR = 10  # impressions that a mean counts for


def read(folder: pathlib.Path) -> tuple:
    """Impressions by time, and items and users by id."""
    events, items, users = (
        pandas.read_csv(folder / f"{name}.tsv.gz", sep="\t")
        for name in ("events", "items", "users"))
    events = events.sort_values("time_ms", kind="stable", ignore_index=True)
    return events, items[ITEM_COLUMNS], users


def features(events, items, users, train, with_tab, with_user_rates):
    """One row per impression."""
    rows = events[["user_id", "item_id"]].merge(items, how="left").merge(
        users, how="left")
    columns = pandas.DataFrame({
        "hour": events.time_ms // 3_600_000 % 24,
        "weekday": events.time_ms // DAY_MS % 7,
        "age": events.time_ms - pandas.to_datetime(
            rows.upload_dt).astype("int64") // 1_000_000})
    if with_tab:
        columns["tab"] = events.tab.astype("category")
    keys = {"item": events.item_id, "author": rows.author_id}
    if with_user_rates:
        keys["user"] = events.user_id
    for key, values in keys.items():
        groups = events.groupby(values)
        columns[f"{key}_shown"] = groups.cumcount()
        for task in TASKS:
            before = groups[task].cumsum() - events[task]
            base = events[task][train].mean()
            columns[f"{key}_{task}"] = (before + PRIOR * base) / (
                columns[f"{key}_shown"] + PRIOR)
    for name in rows.columns.drop(["user_id", "item_id", "upload_dt"]):
        numeric = pandas.api.types.is_numeric_dtype(rows[name])
        columns[name] = rows[name] if numeric else rows[name].astype("category")
    return columns


def grouped_auc(labels, scores, users) -> float:
    """Each user's AUC weighted by impressions; one label only: left out."""
    total = weight = 0.0
    frame = pandas.DataFrame({"y": labels, "s": scores, "u": users})
    for _, group in frame.groupby("u"):
        if 0 < group.y.sum() < len(group):
            total += len(group) * roc_auc_score(group.y, group.s)
            weight += len(group)
    return total / weight


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=pathlib.Path, help="the folder kuairand")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tab", action="store_true", help="with the scene")
    parser.add_argument("--user-rates", action="store_true",
                        help="with the user's own rates")
    arguments = parser.parse_args()
    events, items, users = read(arguments.data)
    end = events.time_ms.max() + 1
    train = events.time_ms < end - 4 * DAY_MS
    test = events.time_ms >= end - 2 * DAY_MS
    validation = ~train & ~test
    columns = features(events, items, users, train, arguments.tab,
                       arguments.user_rates)
    print(f"{'task':<10} {'ranker':<10} {'AUC':>7} {'GAUC':>7}")
    for task, name in TASKS.items():
        labels = events[task]
        sums = events[train].groupby("item_id")[task].agg(["sum", "count"])
        base = labels[train].mean()
        rates = (sums["sum"] + PRIOR * base) / (sums["count"] + PRIOR)
        data = lightgbm.Dataset(columns[train], labels[train])
        trees = lightgbm.train(
            {"objective": "binary", "metric": "auc", "learning_rate": 0.05,
             "min_data_in_leaf": 50, "feature_fraction": 0.7,
             "bagging_fraction": 0.8, "bagging_freq": 1, "verbose": -1,
             "num_threads": arguments.threads, "seed": 1},
            data, 600,
            [lightgbm.Dataset(columns[validation], labels[validation],
                              reference=data)],
            callbacks=[lightgbm.early_stopping(80, verbose=False)])
        for ranker, scores in {
                "item rate": events.item_id.map(rates).fillna(base)[test],
                "LightGBM": trees.predict(columns[test])}.items():
            print(f"{name:<10} {ranker:<10} "
                  f"{roc_auc_score(labels[test], scores):7.4f} "
                  f"{grouped_auc(labels[test], scores, events.user_id[test]):7.4f}",
                  flush=True)


if __name__ == "__main__":
    main()
