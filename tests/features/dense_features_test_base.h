#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "features/pipeline.h"
#include "features/pipeline_fitter.h"
#include "tests/features/records.h"

namespace attune::features {

/// A pipeline fitted on a hundred books, a user and a history to fill.
class DenseFeaturesTest : public ::testing::Test {
 protected:
  static constexpr int64_t kNow = 1'650'000'000'000;
  static constexpr int64_t kDay = 86'400'000;

  DenseFeaturesTest() : pipeline_(Fit(true)) {}

  static v1::Item Book(const std::string& id, const std::string& title,
                       const std::string& author,
                       const std::vector<std::string>& tags, double year) {
    return MakeItem(id, title, tags,
                    {{"author", Text(author)},
                     {"released", Number(1.6e9)},
                     {"year", Number(year)}});
  }

  static Pipeline Fit(bool with_time) {
    Schema schema;
    for (const Column& column :
         {Column{"author", Entity::kItem, ColumnType::kCategorical,
                 Transform::kHash},
          Column{"released", Entity::kItem, ColumnType::kTime,
                 Transform::kNone},
          Column{"year", Entity::kItem, ColumnType::kNumeric,
                 Transform::kStandardise},
          Column{"age", Entity::kUser, ColumnType::kNumeric,
                 Transform::kStandardise}}) {
      EXPECT_TRUE(schema.AddColumn(column).ok());
    }
    PipelineFitter fitter(schema);
    for (int i = 0; i < 100; ++i) {
      fitter.ObserveItem(
          Book(std::to_string(i), "Saga of Tests " + std::to_string(i % 9 + 1),
               "author" + std::to_string(i % 10),
               {"common", "tag" + std::to_string(i % 20)}, 1900 + i));
      v1::User user;
      AddFeatures({{"age", Number(i)}}, user);
      fitter.ObserveUser(user);
      v1::Event event = MakeEvent("u", "i", "impression",
                                  i % 4 == 0 ? std::vector<std::string>{"click"}
                                             : std::vector<std::string>{});
      if (with_time) event.set_time_ms(kNow);
      fitter.ObserveEvent(event);
    }
    return *fitter.Finish();
  }

  int Index(const std::string& name) const {
    const auto& names = pipeline_.dense_names();
    const auto it = std::find(names.begin(), names.end(), name);
    EXPECT_NE(it, names.end()) << name;
    return static_cast<int>(it - names.begin());
  }

  std::vector<float> Dense(const ItemFeatures& item,
                           const v1::Counters* counters, int64_t now_ms,
                           bool has_time) const {
    RequestFeatures request;
    pipeline_.PrepareRequest(user_, profile_, now_ms, has_time, &request);
    std::vector<float> out(static_cast<size_t>(pipeline_.dense_width()),
                           std::numeric_limits<float>::quiet_NaN());
    pipeline_.CandidateFeatures(item, counters, profile_, request, out);
    // A finished profile gives the same bits.
    HistoryProfile finished = profile_;
    finished.Finish();
    std::vector<float> again(out.size());
    pipeline_.CandidateFeatures(item, counters, finished, request, again);
    EXPECT_EQ(std::memcmp(out.data(), again.data(), 4 * out.size()), 0);
    return out;
  }
  float Value(const std::string& name, const ItemFeatures& item,
              const v1::Counters* counters = nullptr,
              bool has_time = true) const {
    return Dense(item, counters, kNow, has_time)[Index(name)];
  }

  void Read(const v1::Item& item, int64_t time_ms = kNow - kDay,
            bool has_time = true, float weight = 1.0f) {
    profile_.Add(pipeline_.EncodeItem(item), weight, time_ms, has_time);
  }

  Pipeline pipeline_;
  UserFeatures user_;
  HistoryProfile profile_;
};

}  // namespace attune::features
