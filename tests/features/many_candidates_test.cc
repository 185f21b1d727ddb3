// Pipeline::CandidateFeatures of many candidates at once.
#include <cstring>
#include <string>
#include <vector>

#include "base/rng.h"
#include "proto/counter_math.h"
#include "tests/features/dense_features_test_base.h"

namespace attune::features {
namespace {

class ManyCandidatesTest : public DenseFeaturesTest {};

TEST_F(ManyCandidatesTest, ManyAtOnceGiveTheBitsOfEachAlone) {
  Rng rng(5);
  const auto book = [&] {
    std::string title = rng.Bernoulli(0.3) ? "Saga of Tests " : "Word";
    title += std::to_string(rng.Below(40));
    std::vector<std::string> tags;
    const uint64_t count = rng.Below(5);  // some without
    for (uint64_t t = 0; t < count; ++t) {
      tags.push_back("tag" + std::to_string(rng.Below(60)));
    }
    return Book(std::to_string(rng.Below(120)), title,
                "author" + std::to_string(rng.Below(40)), tags,
                1900 + static_cast<int>(rng.Below(100)));
  };
  for (int i = 0; i < 30; ++i) {
    profile_.Add(pipeline_.EncodeItem(book()), 1.0f, kNow - i * kDay, true);
  }
  std::vector<ItemFeatures> items;
  std::vector<ItemCounters> counters;
  for (int i = 0; i < 150; ++i) {
    v1::Counters counted;
    if (rng.Bernoulli(0.5)) {
      AddToCounter(kNow - 3 * kDay, static_cast<double>(rng.Below(30)),
                   CounterFor("purchase", counted));
      AddToCounter(kNow - kDay, static_cast<double>(rng.Below(9)),
                   CounterFor("impression", counted));
    }
    counters.push_back(pipeline_.CompactCounters(counted));
    items.push_back(pipeline_.EncodeItem(book()));
  }
  items.emplace_back().item_key = 77;  // without a record
  counters.emplace_back();
  // More keys than a single item's room, of one field.
  ItemFeatures& many = items[40];
  many.attribute_keys.resize(1);
  for (uint64_t hash = 1; hash < 100; ++hash) {
    many.attribute_keys.push_back(many.attribute_keys[0] + (hash << 50));
  }
  many.attribute_idf.assign(many.attribute_keys.size(), 7);
  const std::vector<ItemView> views(items.begin(), items.end());
  std::vector<const ItemView*> pointers;
  for (const ItemView& view : views) pointers.push_back(&view);
  const int64_t width = pipeline_.dense_width();
  for (const bool finish : {false, true}) {
    if (finish) profile_.Finish();
    RequestFeatures request;
    pipeline_.PrepareRequest(UserFeatures(), profile_, kNow, true, &request);
    // Rows that are wider than what is written.
    std::vector<float> all(items.size() * (width + 3), 99.0f);
    const MatrixView rows(all.data(),
                          {static_cast<int64_t>(items.size()), width + 3});
    Workspace workspace;
    pipeline_.CandidateFeatures(pointers, counters, profile_, request,
                                workspace, rows);
    int matched = 0;
    for (size_t i = 0; i < items.size(); ++i) {
      std::vector<float> alone(static_cast<size_t>(width));
      pipeline_.CandidateFeatures(items[i], counters[i], profile_, request,
                                  alone);
      const float* row = rows.row(static_cast<int64_t>(i));
      EXPECT_EQ(std::memcmp(alone.data(), row, 4 * alone.size()), 0) << i;
      EXPECT_EQ(row[width], 99.0f);
      matched += alone[Index("match.count")] > 0;
    }
    EXPECT_GT(matched, 50);
    EXPECT_LT(matched, 150);
  }
}

}  // namespace
}  // namespace attune::features
