// The dense vector of a candidate: Pipeline::PrepareRequest and
// Pipeline::CandidateFeatures.
#include <cmath>
#include <limits>
#include <set>

#include "base/rng.h"
#include "proto/counter_math.h"
#include "tests/features/dense_features_test_base.h"

namespace attune::features {
namespace {

TEST_F(DenseFeaturesTest, NamesAreDistinctAndCoverTheWidth) {
  const auto& names = pipeline_.dense_names();
  EXPECT_EQ(static_cast<int>(names.size()), pipeline_.dense_width());
  EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(),
            names.size());
  EXPECT_GT(pipeline_.shared_width(), 0);
  EXPECT_LT(pipeline_.shared_width(), pipeline_.dense_width());
}

TEST_F(DenseFeaturesTest, EveryValueIsWritten) {
  const v1::Item book = Book("x", "Saga of Tests 2", "author1", {"tag1"}, 1950);
  for (const bool has_time : {true, false}) {
    for (const float x :
         Dense(pipeline_.EncodeItem(book), nullptr, kNow, has_time)) {
      EXPECT_TRUE(std::isfinite(x));
    }
    Read(book);
  }
}

TEST_F(DenseFeaturesTest, MatchesWithTheHistory) {
  Read(Book("a", "Saga of Tests 1", "author1", {"tag1"}, 1950));
  Read(Book("b", "Other Book", "author2", {"tag2"}, 1950));
  const auto author1 =
      pipeline_.EncodeItem(Book("c", "Third", "author1", {"tag7"}, 1950));
  const auto author2 =
      pipeline_.EncodeItem(Book("d", "Fourth", "author2", {"tag7"}, 1950));
  const auto stranger =
      pipeline_.EncodeItem(Book("e", "Fifth", "nobody", {"tag7"}, 1950));
  EXPECT_EQ(Value("match.author.last", author1), 0.0f);
  EXPECT_EQ(Value("match.author.last3", author1), 1.0f);
  EXPECT_EQ(Value("match.author.last", author2), 1.0f);
  EXPECT_EQ(Value("match.author.last", stranger), 0.0f);
  EXPECT_EQ(Value("match.author.last3", stranger), 0.0f);
  // Half of the events each, the newer one a little more.
  EXPECT_GT(Value("match.author.short", author2),
            Value("match.author.short", author1));
  EXPECT_GT(Value("match.author.short", author1), 0.0f);
  const float old_share = std::exp2(-0.2f) / (1 + std::exp2(-0.2f));
  EXPECT_NEAR(Value("match.author.short", author1), 2 * std::sqrt(old_share),
              1e-5);
  EXPECT_NEAR(Value("match.count", author1), 0.5 * std::log(2.0), 1e-6);
  EXPECT_EQ(Value("match.count", stranger), 0.0f);
}

TEST_F(DenseFeaturesTest, RareValuesWeighMoreThanCommonOnes) {
  Read(Book("a", "A", "x", {"common", "tag1"}, 1950));
  const auto rare =
      pipeline_.EncodeItem(Book("b", "B", "y", {"tag1", "tag2"}, 1950));
  const auto common =
      pipeline_.EncodeItem(Book("c", "C", "y", {"common", "tag2"}, 1950));
  EXPECT_NEAR(Value("match.tags.last", rare), 0.5, 1e-6);
  EXPECT_LT(Value("match.tags.last", common), 0.1);
  EXPECT_EQ(Value("match.tags.short_max", common), 2.0f);
}

TEST_F(DenseFeaturesTest, TitleAndSeries) {
  Read(Book("s2", "Saga of Tests 2", "x", {}, 1950));
  const auto volume = [&](const std::string& title) {
    return pipeline_.EncodeItem(Book(title, title, "y", {}, 1950));
  };
  EXPECT_EQ(Value("series.next", volume("Saga of Tests 3")), 1.0f);
  EXPECT_EQ(Value("series.next", volume("Saga of Tests 4")), 0.0f);
  EXPECT_EQ(Value("series.ahead", volume("Saga of Tests 4")), 1.0f);
  EXPECT_EQ(Value("series.behind", volume("Saga of Tests 1")), 1.0f);
  EXPECT_EQ(Value("series.behind", volume("Saga of Tests")), 1.0f);
  EXPECT_EQ(Value("series.next", volume("Another Saga 3")), 0.0f);
  EXPECT_EQ(Value("match.series.last", volume("Saga of Tests 9")), 1.0f);
  EXPECT_EQ(Value("match.title.jaccard", volume("Saga of Tests 2")), 1.0f);
  const float half = Value("match.title.jaccard", volume("Saga of Tests 3"));
  EXPECT_GT(half, 0.0f);
  EXPECT_LT(half, 1.0f);
  EXPECT_EQ(Value("match.title.jaccard", volume("Unrelated")), 0.0f);
}

TEST_F(DenseFeaturesTest, SeenBefore) {
  const v1::Item book = Book("s", "T", "x", {}, 1950);
  const auto item = pipeline_.EncodeItem(book);
  EXPECT_EQ(Value("seen", item), 0.0f);
  Read(book);
  EXPECT_EQ(Value("seen", item), 1.0f);
  EXPECT_EQ(Value("seen.recency", item), 1.0f);
  for (int i = 0; i < 25; ++i) Read(Book("other", "O", "y", {}, 1950));
  EXPECT_NEAR(Value("seen.recency", item), 0.5f, 1e-6);
}

TEST_F(DenseFeaturesTest, NumbersNearTheHistory) {
  for (int i = 0; i < 5; ++i) Read(Book("a", "A", "x", {}, 1920));
  const auto same = pipeline_.EncodeItem(Book("b", "B", "y", {}, 1920));
  const auto later = pipeline_.EncodeItem(Book("c", "C", "y", {}, 1990));
  EXPECT_NEAR(Value("near.year", same), 1.0, 1e-5);
  EXPECT_NEAR(Value("delta.year", same), 0.0, 1e-5);
  EXPECT_LT(Value("near.year", later), 0.5);
  EXPECT_GT(Value("delta.year", later), 1.0);
  EXPECT_NEAR(Value("near.year.last", same), 1.0, 1e-5);
  EXPECT_LT(Value("near.year.last", later), 0.1);
  const auto unknown = pipeline_.EncodeItem(MakeItem("d", "D"));
  EXPECT_EQ(Value("near.year", unknown), 0.0f);
  EXPECT_EQ(Value("item.year.missing", unknown), 1.0f);
  EXPECT_EQ(Value("item.year.missing", same), 0.0f);
  // The newest event counts alone; one without numbers is near nothing.
  Read(Book("e", "E", "x", {}, 1990));
  EXPECT_NEAR(Value("near.year.last", later), 1.0, 1e-5);
  EXPECT_LT(Value("near.year", later), 1.0);
  Read(MakeItem("f", "F"));
  EXPECT_EQ(Value("near.year.last", later), 0.0f);
}

TEST_F(DenseFeaturesTest, Popularity) {
  const auto item = pipeline_.EncodeItem(Book("b", "B", "y", {}, 1920));
  v1::Counters counters;
  for (int i = 0; i < 100; ++i) {
    AddToCounter(kNow - i * kDay, 1, CounterFor("purchase", counters));
    AddToCounter(kNow, 1, CounterFor("return", counters));
    AddToCounter(kNow, 10, CounterFor("impression", counters));
  }
  AddToCounter(kNow, 500, CounterFor("click", counters));
  EXPECT_NEAR(Value("popularity.total", item, &counters),
              0.25 * std::log1p(600), 1e-5);
  EXPECT_NEAR(Value("popularity.impressions", item, &counters),
              0.25 * std::log1p(1000), 1e-5);
  EXPECT_GT(Value("popularity.trend", item, &counters), 0.5);
  // Clicks follow half of its impressions, a quarter (25 + 1 of 102) elsewhere.
  const double base = 26.0 / 102;
  EXPECT_NEAR(Value("rate.click", item, &counters),
              std::log((500 + 20 * base) / (1020 * base)), 1e-5);
  EXPECT_EQ(Value("popularity.total", item), 0.0f);
  EXPECT_EQ(Value("rate.click", item), 0.0f);
  EXPECT_EQ(Value("popularity.untimed", item), 0.0f);
  EXPECT_EQ(Value("popularity.untimed", item, &counters), 0.0f);

  RequestFeatures request;
  pipeline_.PrepareRequest(user_, profile_, kNow + 3 * kDay, true, &request);
  std::vector<float> compact(static_cast<size_t>(pipeline_.dense_width()));
  pipeline_.CandidateFeatures(item, pipeline_.CompactCounters(counters),
                              profile_, request, compact);
  EXPECT_EQ(compact, Dense(item, &counters, kNow + 3 * kDay, true));
  // A week's worth of decay halves the weekly window.
  v1::Counters one;
  AddToCounter(kNow - 7 * kDay, 2, CounterFor("purchase", one));
  EXPECT_NEAR(Value("popularity.week", item, &one), 0.4 * std::log1p(1), 1e-6);
  EXPECT_EQ(Value("popularity.hour", item, &one), 0.0f);
  v1::Counters fresh;
  AddToCounter(kNow - 2 * kDay / 24, 12, CounterFor("purchase", fresh));
  EXPECT_NEAR(Value("popularity.hour", item, &fresh), 0.4 * std::log1p(3),
              1e-6);

  v1::Counters untimed;
  AddToCounter(std::nullopt, 5, CounterFor("purchase", untimed));
  EXPECT_EQ(Value("popularity.untimed", item, &untimed), 1.0f);
  EXPECT_EQ(Value("popularity.week", item, &untimed), 0.0f);
  EXPECT_GT(Value("popularity.total", item, &untimed), 0.0f);
}

TEST_F(DenseFeaturesTest, AskedAgainAtTheSameTimeGivesTheSameBits) {
  Read(Book("a", "Saga of Tests 1", "author1", {"tag1"}, 1950));
  const auto item = pipeline_.EncodeItem(
      Book("b", "Saga of Tests 2", "author1", {"tag1"}, 1951));
  const auto served = Pipeline::FromJson(pipeline_.ToJson());
  ASSERT_TRUE(served.ok());
  RequestFeatures request;
  served->PrepareRequest(user_, profile_, kNow, true, &request);
  std::vector<float> out(static_cast<size_t>(served->dense_width()));
  ItemFeatures stored;
  ASSERT_TRUE(served->ParseItem(item.Serialize(), &stored).ok());
  served->CandidateFeatures(stored, nullptr, profile_, request, out);
  EXPECT_EQ(out, Dense(item, nullptr, kNow, true));
}

TEST_F(DenseFeaturesTest, WithoutAClockNothingDependsOnTheTime) {
  v1::Counters counters;
  AddToCounter(kNow - kDay, 3, CounterFor("purchase", counters));
  Read(Book("a", "A", "x", {"tag1"}, 1950), 17, false);
  const auto item = pipeline_.EncodeItem(Book("b", "B", "x", {"tag1"}, 1920));
  const auto masked = Dense(item, &counters, kNow, false);
  EXPECT_EQ(masked, Dense(item, &counters, 0, false));
  EXPECT_EQ(masked, Dense(item, &counters, INT64_MIN, false));
  EXPECT_EQ(masked[Index("context.no_clock")], 1.0f);
  EXPECT_EQ(masked[Index("context.hour_cos")], 0.0f);
  EXPECT_EQ(masked[Index("popularity.untimed")], 1.0f);
  EXPECT_EQ(masked[Index("popularity.day")], 0.0f);
  EXPECT_EQ(masked[Index("item.released.age.missing")], 1.0f);
  EXPECT_EQ(masked[Index("history.since_last.missing")], 1.0f);
  // A clock, but events that have none.
  const auto clocked = Dense(item, &counters, kNow, true);
  EXPECT_EQ(clocked[Index("history.since_last.missing")], 1.0f);
  EXPECT_EQ(clocked[Index("context.no_clock")], 0.0f);
  EXPECT_GT(clocked[Index("item.released.age")], 0.5f);
}

TEST_F(DenseFeaturesTest, AModelTrainedWithoutAClockIsNotShownOne) {
  const Pipeline pipeline = Fit(false);
  for (const std::string& name : pipeline.dense_names()) {
    EXPECT_EQ(name.find("context"), std::string::npos) << name;
    EXPECT_EQ(name.find("popularity.day"), std::string::npos) << name;
    EXPECT_EQ(name.find("released.age"), std::string::npos) << name;
  }
  const auto item = pipeline.EncodeItem(Book("b", "B", "x", {}, 1920));
  HistoryProfile profile;
  profile.Add(item, 1.0f, kNow, true);
  std::vector<std::vector<float>> results;
  for (const int64_t now : {kNow, kNow + 400 * kDay}) {
    RequestFeatures request;
    pipeline.PrepareRequest(UserFeatures(), profile, now, true, &request);
    std::vector<float> out(static_cast<size_t>(pipeline.dense_width()));
    pipeline.CandidateFeatures(item, nullptr, profile, request, out);
    results.push_back(out);
  }
  EXPECT_EQ(results[0], results[1]);
}

TEST_F(DenseFeaturesTest, Context) {
  std::vector<float> out(Pipeline::kClockWidth, 9.0f);
  Pipeline::ClockFeatures(0, true, out);  // Thursday, midnight
  EXPECT_NEAR(out[0], 0, 1e-6);
  EXPECT_NEAR(out[1], 1, 1e-6);
  EXPECT_NEAR(out[2], std::sin(3 * 2 * 3.14159265 / 7), 1e-6);
  const std::vector<float> thursday = out;
  Pipeline::ClockFeatures(7 * kDay, true, out);
  EXPECT_EQ(out, thursday);
  Pipeline::ClockFeatures(-7 * kDay, true, out);
  EXPECT_EQ(out, thursday);
  Pipeline::ClockFeatures(int64_t{6} * 3'600'000, true, out);
  EXPECT_NEAR(out[0], 1, 1e-6);  // six in the morning
  Pipeline::ClockFeatures(int64_t{-18} * 3'600'000, true, out);
  EXPECT_NEAR(out[0], 1, 1e-6);
  EXPECT_NEAR(out[2], std::sin(2 * 2 * 3.14159265 / 7), 1e-6);  // Wednesday
  for (const int64_t extreme : {INT64_MIN, INT64_MAX}) {
    Pipeline::ClockFeatures(extreme, true, out);
    for (const float x : out) EXPECT_LE(std::abs(x), 1.0f);
  }
  Pipeline::ClockFeatures(12345, false, out);
  EXPECT_EQ(out, (std::vector<float>{0, 0, 0, 0, 1}));
}

TEST_F(DenseFeaturesTest, SharedValuesAreEqualForAllCandidates) {
  Read(Book("a", "A", "x", {"tag1"}, 1950));
  v1::User user;
  AddFeatures({{"age", Number(33)}}, user);
  user_ = pipeline_.EncodeUser(user);
  const auto one = Dense(pipeline_.EncodeItem(Book("b", "B", "x", {}, 1920)),
                         nullptr, kNow, true);
  const auto two = Dense(pipeline_.EncodeItem(Book("c", "C", "y", {}, 1999)),
                         nullptr, kNow, true);
  const auto shared = static_cast<std::ptrdiff_t>(pipeline_.shared_width());
  EXPECT_TRUE(std::equal(one.end() - shared, one.end(), two.end() - shared));
  EXPECT_EQ(one[Index("user.age.missing")], 0.0f);
  EXPECT_NEAR(one[Index("history.length")], std::log(2.0) / 3, 1e-6);
  EXPECT_EQ(Index("user.age"),
            pipeline_.dense_width() - pipeline_.shared_width());
}

TEST_F(DenseFeaturesTest, HostileValuesStayFiniteAndBounded) {
  Rng rng(23);
  const double numbers[] = {
      1e308,  -1e308, std::nan(""), std::numeric_limits<double>::infinity(),
      5e-324, 0,      1e18,         -1};
  const int64_t times[] = {INT64_MIN, INT64_MAX, 0, kNow, -1};
  const auto pick = [&rng](const auto& values) {
    return values[rng.Below(std::size(values))];
  };
  for (int round = 0; round < 3000; ++round) {
    if (round % 100 == 0) profile_.Clear();
    v1::Item item =
        MakeItem(std::to_string(rng.Below(5)),
                 rng.Bernoulli(0.5) ? "" : "Saga 2", {"", "common", "\xff\xfe"},
                 {{"author", rng.Bernoulli(0.5) ? Text("") : List({})},
                  {"released", Number(pick(numbers))},
                  {"year", Number(pick(numbers))}});
    v1::Counters counters;
    for (const char* action : {"impression", "click", "purchase"}) {
      v1::Counter* counter = counters.add_counters();
      counter->set_action(action);
      counter->set_total(pick(numbers));
      counter->set_hour(pick(numbers));
      counter->set_day(pick(numbers));
      counter->set_week(pick(numbers));
      counter->set_month(pick(numbers));
      counter->set_reference_ms(pick(times));
    }
    v1::User user;
    AddFeatures({{"age", Number(pick(numbers))}}, user);
    user_ = pipeline_.EncodeUser(user);
    const ItemFeatures features = pipeline_.EncodeItem(item);
    const float weights[] = {0.0f, 1.0f, 1e6f};
    if (rng.Bernoulli(0.5)) {
      profile_.Add(features, pick(weights), pick(times), rng.Bernoulli(0.5));
      profile_.set_history_count(pick(times));
    }
    const auto dense =
        Dense(features, &counters, pick(times), rng.Bernoulli(0.7));
    for (size_t i = 0; i < dense.size(); ++i) {
      ASSERT_TRUE(std::abs(dense[i]) <= 4.0f)
          << pipeline_.dense_names()[i] << " is " << dense[i];
    }
    ItemFeatures again;
    ASSERT_TRUE(pipeline_.ParseItem(features.Serialize(), &again).ok());
  }
}

TEST_F(DenseFeaturesTest, ProfilesOfOneModelDoNotBreakAnother) {
  // A profile built by other features must not be read out of bounds.
  ItemFeatures foreign;
  foreign.numeric.assign(3, 1.0f);
  foreign.attribute_keys = {MakeAttributeKey(kMaxMatchFields - 1, 1 << 20)};
  foreign.attribute_idf = {9};
  profile_.Add(foreign, 1.0f, kNow, true);
  const auto dense = Dense(foreign, nullptr, kNow, true);
  for (const float x : dense) EXPECT_TRUE(std::isfinite(x));
  EXPECT_EQ(dense[Index("item.year.missing")], 1.0f);
}

}  // namespace
}  // namespace attune::features
