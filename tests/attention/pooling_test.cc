#include "attention/ops/pooling.h"

#include <gtest/gtest.h>

#include "attention/backend.h"
#include "tests/attention/expect_close.h"
#include "tests/attention/instruction_set.h"
#include "tests/attention/test_matrix.h"

namespace attune {
namespace {

struct Case {
  int64_t value_rows, width;
  int heads;
  std::vector<int64_t> lengths;
  int64_t padding = 0;
  double score_deviation = 2.0;
};

const Case kCases[] = {
    {4, 8, 1, {0}},
    {4, 8, 2, {1, 0, 3}},
    {50, 64, 4, {5, 17, 40, 0, 1}},
    {9, 12, 3, {20, 2}, 5},
    {30, 35, 5, {33}},
    {20, 64, 1, {16, 64}, 3},
    {20, 32, 4, {7, 7}},
    {5, 3, 3, {9}},
    {6, 24, 3, {90, 1, 0, 40}, 2},
    // Too far apart for exponentials by value row.
    {12, 32, 2, {9, 8, 1}, 0, 60.0},
};

class PoolingTest : public InstructionSetTest {};

TEST_P(PoolingTest, IsAsReference) {
  Rng rng(5);
  ExecutionContext context;
  for (const Case& c : kCases) {
    SCOPED_TRACE(testing::Message() << c.width << " / " << c.heads);
    const TestMatrix values =
        TestMatrix::Random(rng, c.value_rows, c.width, c.padding);
    const TestMatrix scores = TestMatrix::Random(rng, c.value_rows, c.heads,
                                                 c.padding, c.score_deviation);
    std::vector<int32_t> rows;
    std::vector<int64_t> offsets = {0};
    for (int64_t length : c.lengths) {
      for (int64_t t = 0; t < length; ++t) {
        rows.push_back(static_cast<int32_t>(rng.Below(c.value_rows)));
      }
      offsets.push_back(static_cast<int64_t>(rows.size()));
    }
    const int64_t segments = static_cast<int64_t>(c.lengths.size());
    const TestMatrix dout =
        TestMatrix::Random(rng, segments, c.width, c.padding);
    struct Result {
      TestMatrix out, dvalues, dscores;
    };
    std::vector<Result> results;
    const auto reference = MakeReferenceBackend();
    const auto onednn = MakeOneDnnBackend();
    for (const Backend* backend : {reference.get(), onednn.get()}) {
      auto pooling = backend->CreateAttentionPooling(c.width, c.heads);
      ASSERT_TRUE(pooling.ok());
      Result r{TestMatrix(segments, c.width, c.padding),
               TestMatrix::Filled(c.value_rows, c.width, 0.5f, c.padding),
               TestMatrix::Filled(c.value_rows, c.heads, 0.25f, c.padding)};
      ASSERT_TRUE((*pooling)
                      ->Forward(context, values.view(), scores.view(), rows,
                                offsets, r.out.view())
                      .ok());
      ASSERT_TRUE((*pooling)
                      ->Backward(context, values.view(), scores.view(), rows,
                                 offsets, r.out.view(), dout.view(),
                                 r.dvalues.view(), r.dscores.view())
                      .ok());
      EXPECT_TRUE(r.out.padding_intact() && r.dvalues.padding_intact() &&
                  r.dscores.padding_intact());
      results.push_back(std::move(r));
    }
    ExpectClose(results[1].out.view(), results[0].out.view(), 1e-5);
    ExpectClose(results[1].dvalues.view(), results[0].dvalues.view(), 1e-5);
    ExpectClose(results[1].dscores.view(), results[0].dscores.view(), 1e-5);
  }
}

ATTUNE_INSTANTIATE_INSTRUCTION_SETS(PoolingTest);

TEST(PoolingErrorTest, RefusesRowsOutsideTheValues) {
  ExecutionContext context;
  const TestMatrix values = TestMatrix::Filled(2, 4, 1.0f);
  const TestMatrix scores = TestMatrix::Filled(2, 1, 1.0f);
  TestMatrix out(1, 4);
  for (const char* name : {"reference", "onednn"}) {
    auto pooling = (*MakeBackend(name))->CreateAttentionPooling(4, 1);
    ASSERT_TRUE(pooling.ok());
    const absl::Status status = (*pooling)->Forward(
        context, values.view(), scores.view(), std::vector<int32_t>{0, 2},
        std::vector<int64_t>{0, 2}, out.view());
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(status.message(), "pooling entry 1 names row 2 of 2");
  }
}

}  // namespace
}  // namespace attune
