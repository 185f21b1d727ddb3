// A request's read of its candidates, hot and cold, and the way in for events.
// Every answer is checked before it is timed.
#include <benchmark/benchmark.h>
#include <stdlib.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/rng.h"
#include "storage/database.h"

namespace attune::storage {
namespace {

constexpr int kItems = 50'000;
constexpr int kUsers = 20'000;
constexpr int kEvents = 400'000;

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "attune-bench-XXXXXX")
            .string();
    if (mkdtemp(pattern.data()) != nullptr) path_ = pattern;
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

std::string ItemId(uint64_t number) { return "item-" + std::to_string(number); }
std::string UserId(uint64_t number) { return "user-" + std::to_string(number); }

v1::Item MakeItem(uint64_t number, Rng& rng) {
  v1::Item item;
  item.set_item_id(ItemId(number));
  item.set_title("A title of usual length, number " + std::to_string(number));
  for (int word = 0; word < 30; ++word) {
    item.mutable_description()
        ->append("word" + std::to_string(rng.Below(5000)))
        .push_back(' ');
  }
  for (int tag = 0; tag < 4; ++tag) {
    item.add_tags("tag" + std::to_string(rng.Below(300)));
  }
  item.add_categories("category" + std::to_string(rng.Below(30)));
  return item;
}

v1::Event MakeEvent(Rng& rng, int64_t time_ms) {
  v1::Event event;
  event.set_user_id(UserId(rng.Below(kUsers)));
  // Popular items get more: the square of a uniform number.
  const double u = rng.Uniform();
  event.set_item_id(ItemId(static_cast<uint64_t>(u * u * kItems)));
  event.set_action("click");
  event.set_time_ms(time_ms);
  return event;
}

absl::Status Append(WriteGroup& group, const v1::Event& event) {
  const HistoryEntry entry{event.action()};
  const CounterUpdate update{.item_id = event.item_id(),
                             .action = event.action(),
                             .time_ms = event.time_ms()};
  return group.AppendEvent(event, &entry, {&update, 1});
}

OpenOptions Options(const std::string& path, size_t row_cache_bytes) {
  OpenOptions options;
  options.path = path;
  options.create_if_missing = true;
  options.row_cache_bytes = row_cache_bytes;
  return options;
}

// A catalogue of kItems, loaded in bulk, and one database per cache size.
class Catalogue {
 public:
  static Catalogue& Get() {
    static Catalogue catalogue;
    return catalogue;
  }

  std::unique_ptr<Database> Open(size_t row_cache_bytes) {
    auto database = Database::Open(Options(path(), row_cache_bytes));
    return database.ok() ? *std::move(database) : nullptr;
  }

 private:
  Catalogue() {
    const auto database = Open(0);
    if (database == nullptr) return;
    Rng rng(1);
    WriteGroup group;
    absl::Status status;
    for (uint64_t i = 0; i < kItems && status.ok(); ++i) {
      status = group.PutItem(MakeItem(i, rng));
    }
    for (int64_t i = 0; i < kEvents && status.ok(); ++i) {
      status = Append(group, MakeEvent(rng, 1'700'000'000'000 + 1000 * i));
    }
    if (status.ok()) status = database->BulkWrite(std::move(group));
    if (status.ok()) database->Compact().IgnoreError();
  }
  std::string path() const { return directory_.path() + "/db"; }

  TemporaryDirectory directory_;
};

void ReportPercentiles(std::vector<int64_t>& ns, benchmark::State& state) {
  if (ns.empty()) return;
  std::sort(ns.begin(), ns.end());
  const auto at = [&](double quantile) {
    const auto place =
        static_cast<size_t>(quantile * static_cast<double>(ns.size() - 1));
    return static_cast<double>(ns[place]) / 1000;
  };
  state.counters["p50_us"] = at(0.50);
  state.counters["p95_us"] = at(0.95);
  state.counters["p99_us"] = at(0.99);
}

// Arguments: candidates, and whether they are hot.
void BM_MultiGetItems(benchmark::State& state) {
  const auto candidates = static_cast<size_t>(state.range(0));
  const bool hot = state.range(1) != 0;
  // Cold: no row cache; blocks come from the block cache or the page cache.
  const auto database = Catalogue::Get().Open(hot ? size_t{512} << 20 : 0);
  if (database == nullptr) return state.SkipWithError("cannot open");
  Rng rng(2);
  std::vector<std::string> names(candidates);
  std::vector<std::string_view> ids(candidates);
  std::vector<std::shared_ptr<const ItemRow>> rows(candidates);
  const auto pick = [&] {
    for (size_t i = 0; i < candidates; ++i) {
      names[i] = ItemId(rng.Below(kItems));
      ids[i] = names[i];
    }
  };
  pick();
  absl::Status status = database->MultiGetItems(ids, rows);
  for (size_t i = 0; i < candidates && status.ok(); ++i) {
    const auto item = database->GetItem(ids[i]);
    if (!item.ok() || !item->has_value() || rows[i]->item == nullptr ||
        (*item)->SerializeAsString() != rows[i]->item->SerializeAsString()) {
      status = absl::InternalError("wrong row");
    }
  }
  if (!status.ok()) {
    return state.SkipWithError(std::string(status.message()).c_str());
  }
  std::vector<int64_t> ns;
  for (auto _ : state) {
    if (!hot) {
      state.PauseTiming();
      pick();
      state.ResumeTiming();
    }
    const int64_t begin = MonotonicNs();
    status = database->MultiGetItems(ids, rows);
    ns.push_back(MonotonicNs() - begin);
    if (!status.ok()) return state.SkipWithError("read failed");
  }
  ReportPercentiles(ns, state);
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_MultiGetItems)
    ->ArgNames({"candidates", "hot"})
    ->ArgsProduct({{100, 500, 1000, 2000}, {1, 0}})
    ->Unit(benchmark::kMicrosecond);

void BM_GetHistory(benchmark::State& state) {
  TemporaryDirectory directory;
  const auto opened = Database::Open(Options(directory.path() + "/db", 0));
  if (!opened.ok()) return state.SkipWithError("cannot open");
  Database& database = **opened;
  Rng rng(3);
  WriteGroup group;
  for (int64_t i = 0; i < state.range(0); ++i) {
    v1::Event event = MakeEvent(rng, 1000 * i);
    event.set_user_id("user");
    if (!Append(group, event).ok()) return state.SkipWithError("append");
  }
  if (!database.Write(std::move(group)).ok()) {
    return state.SkipWithError("write");
  }
  std::vector<int64_t> ns;
  for (auto _ : state) {
    const int64_t begin = MonotonicNs();
    const auto history = database.GetHistory("user");
    ns.push_back(MonotonicNs() - begin);
    if (!history.ok() || history->count() != state.range(0)) {
      return state.SkipWithError("wrong history");
    }
  }
  ReportPercentiles(ns, state);
}
BENCHMARK(BM_GetHistory)
    ->ArgName("events")
    ->Arg(50)
    ->Arg(200)
    ->Arg(400)
    ->Unit(benchmark::kMicrosecond);

// Argument: events per group.
void BM_AppendEvents(benchmark::State& state) {
  TemporaryDirectory directory;
  const auto opened = Database::Open(Options(directory.path() + "/db", 0));
  if (!opened.ok()) return state.SkipWithError("cannot open");
  Database& database = **opened;
  Rng rng(4);
  int64_t written = 0;
  for (auto _ : state) {
    WriteGroup group;
    absl::Status status;
    for (int64_t i = 0; i < state.range(0) && status.ok(); ++i) {
      status = Append(group, MakeEvent(rng, 1000 * written++));
    }
    if (status.ok()) {
      status = state.range(0) < 50'000 ? database.Write(std::move(group))
                                       : database.BulkWrite(std::move(group));
    }
    if (!status.ok()) return state.SkipWithError("write failed");
  }
  if (database.Stats()->events != written) {
    return state.SkipWithError("events lost");
  }
  state.SetItemsProcessed(written);
}
BENCHMARK(BM_AppendEvents)
    ->ArgName("events_per_group")
    ->Arg(1)
    ->Arg(100)
    ->Arg(10'000)
    ->Arg(200'000)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace attune::storage
