#include "attention/ops/cross_entropy.h"

#include <gtest/gtest.h>

#include "attention/backend.h"
#include "tests/attention/expect_close.h"
#include "tests/attention/instruction_set.h"
#include "tests/attention/test_matrix.h"

namespace attune {
namespace {

struct Case {
  int64_t rows, classes, width;
  bool bias = false;
  bool weights = false;
  float scale = 1.0f;
  int64_t padding = 0;
  bool excluded = false;
};

const Case kCases[] = {
    {0, 3, 4},
    {1, 1, 1},
    {3, 2, 5, true},
    {64, 100, 64, false, true},
    {65, 333, 16, true, true, 2.5f, 3},
    {130, 1000, 64, true, false, 0.5f},
    {7, 40, 33, false, false, 20.0f},  // nearly one-hot probabilities
    {70, 8200, 8, true, true},         // two blocks of classes
    {5, 20000, 4, false, true, 3.0f, 1},
    {70, 90, 16, true, true, 2.5f, 0, true},
    {66, 8300, 8, true, true, 1.0f, 0, true},
};

// Up to five classes per row, one of them twice, never the target.
std::vector<std::vector<int32_t>> RandomExclusions(
    Rng& rng, int64_t classes, const std::vector<int32_t>& targets) {
  std::vector<std::vector<int32_t>> excluded;
  for (int32_t target : targets) {
    std::vector<int32_t>& row = excluded.emplace_back();
    for (int i = 0; i < 5; ++i) {
      const int32_t index = static_cast<int32_t>(rng.Below(classes));
      if (index != target) row.insert(row.end(), i == 0 ? 2 : 1, index);
    }
  }
  return excluded;
}

class CrossEntropyTest : public InstructionSetTest {};

TEST_P(CrossEntropyTest, IsAsReference) {
  Rng rng(6);
  ExecutionContext context;
  for (const Case& c : kCases) {
    SCOPED_TRACE(testing::Message()
                 << c.rows << " x " << c.classes << " x " << c.width);
    const TestMatrix rows = TestMatrix::Random(rng, c.rows, c.width, c.padding);
    const TestMatrix classes =
        TestMatrix::Random(rng, c.classes, c.width, c.padding, 0.3);
    const auto bias = RandomVector(rng, c.bias ? c.classes : 0);
    auto weights = RandomVector(rng, c.weights ? c.rows : 0);
    for (float& w : weights) w = std::abs(w);
    if (weights.size() > 1) weights[1] = 0.0f;
    std::vector<int32_t> targets(c.rows);
    for (int32_t& t : targets) t = static_cast<int32_t>(rng.Below(c.classes));
    std::vector<std::vector<int32_t>> lists;
    if (c.excluded) lists = RandomExclusions(rng, c.classes, targets);
    const std::vector<std::span<const int32_t>> excluded(lists.begin(),
                                                         lists.end());
    const CrossEntropyInput input{rows.view(), classes.view(), bias,    targets,
                                  weights,     c.scale,        excluded};
    struct Result {
      double loss;
      TestMatrix drows, dclasses;
      std::vector<float> dbias;
    };
    std::vector<Result> results;
    const auto reference = MakeReferenceBackend();
    const auto onednn = MakeOneDnnBackend();
    for (const Backend* backend : {reference.get(), onednn.get()}) {
      auto loss = backend->CreateCrossEntropy(c.width);
      ASSERT_TRUE(loss.ok());
      Result r{0.0, TestMatrix(c.rows, c.width, c.padding),
               TestMatrix::Filled(c.classes, c.width, 0.125f, c.padding),
               std::vector<float>(c.classes, 0.5f)};
      auto value = (*loss)->ForwardBackward(context, input, r.drows.view(),
                                            r.dclasses.view(), r.dbias);
      ASSERT_TRUE(value.ok()) << value.status();
      r.loss = *value;
      // Without gradients the loss is the same.
      auto alone = (*loss)->ForwardBackward(context, input, {}, {}, {});
      ASSERT_TRUE(alone.ok());
      EXPECT_EQ(*alone, *value);
      EXPECT_TRUE(r.drows.padding_intact() && r.dclasses.padding_intact());
      results.push_back(std::move(r));
    }
    EXPECT_NEAR(results[1].loss, results[0].loss,
                1e-6 * (1.0 + std::abs(results[0].loss)));
    // A logit of size 20 has an absolute error of 20 roundings, which is the
    // relative one of its exponential.
    const double tolerance = 2e-5 * std::max(1.0f, c.scale);
    ExpectClose(results[1].drows.view(), results[0].drows.view(), tolerance);
    ExpectClose(results[1].dclasses.view(), results[0].dclasses.view(),
                tolerance);
    ExpectClose(results[1].dbias, results[0].dbias, tolerance);
  }
}

ATTUNE_INSTANTIATE_INSTRUCTION_SETS(CrossEntropyTest);

TEST(CrossEntropyExclusionTest, IsAsWithoutTheExcludedClasses) {
  Rng rng(8);
  ExecutionContext context;
  const TestMatrix row = TestMatrix::Random(rng, 1, 4);
  const TestMatrix three = TestMatrix::Random(rng, 3, 4);
  TestMatrix two(2, 4);  // the first and the last of the three
  for (int64_t d = 0; d < 4; ++d) {
    two.view()(0, d) = three.view()(0, d);
    two.view()(1, d) = three.view()(2, d);
  }
  const std::vector<int32_t> last_of_three = {2}, last_of_two = {1}, out = {1};
  const std::vector<std::span<const int32_t>> excluded = {out};
  for (const char* name : {"reference", "onednn"}) {
    auto loss = (*MakeBackend(name))->CreateCrossEntropy(4);
    ASSERT_TRUE(loss.ok());
    TestMatrix drow(1, 4), drow_two(1, 4);
    TestMatrix dthree = TestMatrix::Filled(3, 4, 0.0f);
    auto value = (*loss)->ForwardBackward(
        context,
        {row.view(), three.view(), {}, last_of_three, {}, 1.5f, excluded},
        drow.view(), dthree.view(), {});
    auto expected = (*loss)->ForwardBackward(
        context, {row.view(), two.view(), {}, last_of_two, {}, 1.5f},
        drow_two.view(), {}, {});
    ASSERT_TRUE(value.ok() && expected.ok()) << value.status();
    EXPECT_NEAR(*value, *expected, 1e-6);
    ExpectClose(drow.view(), drow_two.view(), 1e-6);
    for (int64_t d = 0; d < 4; ++d) EXPECT_NEAR(dthree.view()(1, d), 0, 1e-20);
  }
}

TEST(CrossEntropyErrorTest, RefusesToExcludeTheTarget) {
  ExecutionContext context;
  const TestMatrix rows = TestMatrix::Filled(1, 2, 1.0f);
  const TestMatrix classes = TestMatrix::Filled(3, 2, 1.0f);
  const std::vector<int32_t> targets = {2}, out = {0, 2};
  const std::vector<std::span<const int32_t>> excluded = {out};
  for (const char* name : {"reference", "onednn"}) {
    auto loss = (*MakeBackend(name))->CreateCrossEntropy(2);
    ASSERT_TRUE(loss.ok());
    auto value = (*loss)->ForwardBackward(
        context, {rows.view(), classes.view(), {}, targets, {}, 1, excluded},
        {}, {}, {});
    EXPECT_EQ(value.status().message(),
              "cross-entropy row 0 with target 2 excludes 2 of 3 classes");
  }
}

TEST(CrossEntropyErrorTest, RefusesATargetThatIsNoClass) {
  ExecutionContext context;
  const TestMatrix rows = TestMatrix::Filled(1, 2, 1.0f);
  const TestMatrix classes = TestMatrix::Filled(3, 2, 1.0f);
  const std::vector<int32_t> targets = {3};
  for (const char* name : {"reference", "onednn"}) {
    auto loss = (*MakeBackend(name))->CreateCrossEntropy(2);
    ASSERT_TRUE(loss.ok());
    auto value = (*loss)->ForwardBackward(
        context, {rows.view(), classes.view(), {}, targets, {}}, {}, {}, {});
    EXPECT_EQ(value.status().message(),
              "cross-entropy row 0 has target 3 of 3 classes");
  }
}

}  // namespace
}  // namespace attune
