// What the features of one request cost: a profile of the history, then the
// dense vector of every candidate. Records are drawn by a fixed seed: titles of
// 6 words, an author, a language, 6 tags and 3 numbers.
#include <benchmark/benchmark.h>

#include <cmath>
#include <string>
#include <vector>

#include "base/rng.h"
#include "features/pipeline.h"
#include "features/pipeline_fitter.h"
#include "features/tokenizer.h"
#include "proto/counter_math.h"

namespace attune::features {
namespace {

constexpr int kItems = 20000;
constexpr int64_t kNow = 1'650'000'000'000;
constexpr int64_t kDayMs = 86'400'000;

void AddNumber(const std::string& name, double number, v1::Item& item) {
  v1::Feature* feature = item.add_features();
  feature->set_name(name);
  feature->mutable_value()->set_number(number);
}

v1::Item MakeItem(int id, Rng& rng) {
  // Zipf-like: small numbers are frequent.
  const auto pick = [&rng](double values) {
    return std::to_string(static_cast<int>(std::pow(values, rng.Uniform())));
  };
  v1::Item item;
  item.set_item_id("item" + std::to_string(id));
  std::string title;
  for (int i = 0; i < 6; ++i) title += "word" + pick(5000) + " ";
  item.set_title(title);
  for (int i = 0; i < 6; ++i) item.add_tags("tag" + pick(300));
  v1::Feature* author = item.add_features();
  author->set_name("author");
  author->mutable_value()->set_text("author" + pick(3000));
  v1::Feature* language = item.add_features();
  language->set_name("language");
  language->mutable_value()->set_text("language" + pick(10));
  AddNumber("pages", 100 + 400 * rng.Uniform(), item);
  AddNumber("price", 20 * rng.Uniform(), item);
  AddNumber("year", 1950 + 70 * rng.Uniform(), item);
  return item;
}

struct Catalogue {
  Pipeline pipeline;
  std::vector<v1::Item> records;
  std::vector<ItemFeatures> items;
  std::vector<v1::Counters> counters;
  std::vector<ItemCounters> compact;
};

const Catalogue& SharedCatalogue() {
  static const Catalogue catalogue = [] {
    Rng rng(1);
    Schema schema;
    for (const char* name : {"author", "language"}) {
      schema
          .AddColumn(
              {name, Entity::kItem, ColumnType::kCategorical, Transform::kHash})
          .IgnoreError();
    }
    for (const char* name : {"pages", "price", "year"}) {
      schema
          .AddColumn({name, Entity::kItem, ColumnType::kNumeric,
                      Transform::kStandardise})
          .IgnoreError();
    }
    PipelineFitter fitter(schema);
    std::vector<v1::Item> records;
    for (int i = 0; i < kItems; ++i) {
      records.push_back(MakeItem(i, rng));
      fitter.ObserveItem(records.back());
    }
    v1::Event event;
    event.set_action("impression");
    event.set_time_ms(kNow);
    for (const char* action : {"click", "like", "purchase"}) {
      event.add_followed(action);
    }
    fitter.ObserveEvent(event);
    Catalogue result{*fitter.Finish(), std::move(records), {}, {}, {}};
    for (const v1::Item& record : result.records) {
      result.items.push_back(result.pipeline.EncodeItem(record));
      v1::Counters counters;
      for (const char* action : {"click", "impression", "like", "purchase"}) {
        AddToCounter(kNow - static_cast<int64_t>(rng.Below(kDayMs * 30)),
                     static_cast<double>(rng.Below(1000)),
                     CounterFor(action, counters));
      }
      result.compact.push_back(result.pipeline.CompactCounters(counters));
      result.counters.push_back(std::move(counters));
    }
    return result;
  }();
  return catalogue;
}

void FillProfile(const Catalogue& catalogue, int events, Rng& rng,
                 HistoryProfile& profile) {
  profile.Clear();
  for (int i = 0; i < events; ++i) {
    profile.Add(catalogue.items[rng.Below(kItems)], 1.0f, kNow - kDayMs, true);
  }
}

void BM_Profile(benchmark::State& state) {
  const Catalogue& catalogue = SharedCatalogue();
  HistoryProfile profile;
  for (auto unused : state) {
    Rng rng(7);
    FillProfile(catalogue, static_cast<int>(state.range(0)), rng, profile);
    benchmark::DoNotOptimize(profile.size());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_Profile)->Arg(50)->Arg(100)->Arg(200);

// Arguments: candidates, events, 1 with counters
// as stored, 0 with compacted ones.
void BM_Candidates(benchmark::State& state) {
  const Catalogue& catalogue = SharedCatalogue();
  Rng rng(7);
  HistoryProfile profile;
  FillProfile(catalogue, static_cast<int>(state.range(1)), rng, profile);
  std::vector<size_t> candidates;
  for (int64_t i = 0; i < state.range(0); ++i) {
    candidates.push_back(rng.Below(kItems));
  }
  const bool by_name = state.range(2) != 0;
  const size_t width = static_cast<size_t>(catalogue.pipeline.dense_width());
  std::vector<float> dense(candidates.size() * width);
  RequestFeatures request;
  for (auto unused : state) {
    catalogue.pipeline.PrepareRequest(UserFeatures(), profile, kNow, true,
                                      &request);
    for (size_t c = 0; c < candidates.size(); ++c) {
      const ItemFeatures& item = catalogue.items[candidates[c]];
      const auto out = std::span(dense).subspan(c * width, width);
      if (by_name) {
        catalogue.pipeline.CandidateFeatures(
            item, &catalogue.counters[candidates[c]], profile, request, out);
      } else {
        catalogue.pipeline.CandidateFeatures(
            item, catalogue.compact[candidates[c]], profile, request, out);
      }
    }
    benchmark::DoNotOptimize(dense.data());
  }
  for (const float x : dense) {
    if (!(std::abs(x) <= 4.0f)) state.SkipWithError("a value out of range");
  }
  state.counters["width"] = static_cast<double>(width);
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_Candidates)
    ->Args({500, 100, 1})
    ->Args({500, 100, 0})
    ->Args({500, 0, 0})
    ->Args({2000, 100, 0})
    ->Unit(benchmark::kMicrosecond);

void BM_ParseItem(benchmark::State& state) {
  const Catalogue& catalogue = SharedCatalogue();
  std::vector<std::string> stored;
  for (size_t i = 0; i < 500; ++i) {
    stored.push_back(catalogue.items[i].Serialize());
  }
  ItemFeatures item;
  size_t bytes = 0;
  for (auto unused : state) {
    for (const std::string& each : stored) {
      if (!catalogue.pipeline.ParseItem(each, &item).ok()) {
        state.SkipWithError("damaged");
      }
      bytes += each.size();
    }
    benchmark::DoNotOptimize(item.attribute_keys.data());
  }
  state.SetItemsProcessed(state.iterations() * 500);
  state.SetBytesProcessed(static_cast<int64_t>(bytes));
}
BENCHMARK(BM_ParseItem)->Unit(benchmark::kMicrosecond);

void BM_EncodeItem(benchmark::State& state) {
  const Catalogue& catalogue = SharedCatalogue();
  size_t i = 0;
  for (auto unused : state) {
    benchmark::DoNotOptimize(
        catalogue.pipeline.EncodeItem(catalogue.records[i++ % kItems]));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_EncodeItem)->Unit(benchmark::kMicrosecond);

void BM_Words(benchmark::State& state) {
  const auto tokenizer = Tokenizer::Create();
  const std::string texts[] = {
      "The Hunger Games (The Hunger Games, #1) by Suzanne Collins",
      "红楼梦是中国古典四大名著之一，作者曹雪芹"};
  std::vector<std::string> words;
  for (auto unused : state) {
    (*tokenizer)->Words(texts[state.range(0)], &words);
    benchmark::DoNotOptimize(words.data());
  }
}
BENCHMARK(BM_Words)->Arg(0)->Arg(1);

}  // namespace
}  // namespace attune::features
