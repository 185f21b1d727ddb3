#include "attention/ops/attention.h"

#include <gtest/gtest.h>

#include "attention/backend.h"
#include "tests/attention/attention_case.h"
#include "tests/attention/expect_close.h"
#include "tests/attention/instruction_set.h"

namespace attune {
namespace {

using Pairs = std::vector<std::pair<int64_t, int64_t>>;

const AttentionCase kCases[] = {
    {1, 1, Pairs{{1, 1}}},
    {1, 4, Pairs{{3, 0}, {0, 5}, {2, 7}}},
    {4, 16, Pairs{{50, 200}}},
    {4, 16, Pairs{{20, 20}, {1, 1}, {33, 33}, {100, 100}}, Sight::kCausal},
    {2, 8, Pairs{{40, 50}}, Sight::kSame},
    {3, 5, Pairs{{37, 61}, {9, 9}}, Sight::kRandom, 0, 0, false, 7},
    {1, 64, Pairs{{70, 90}}, Sight::kRandom},
    {2, 32, Pairs{{17, 300}}},
    {1, 128, Pairs{{5, 33}}},
    {2, 16, Pairs{{40, 600}}, Sight::kRandom},  // several key blocks
    {2, 16, Pairs{{64, 257}, {1, 1030}}, Sight::kSame, 40},
    // Position bias: causal, all keys, and in no order.
    {4, 16, Pairs{{50, 50}, {7, 7}}, Sight::kCausal, 20},
    {4, 16, Pairs{{300, 300}}, Sight::kCausal, 128},
    {2, 8, Pairs{{35, 40}}, Sight::kAll, 10},
    {2, 8, Pairs{{35, 40}}, Sight::kRandom, 100},
    // Time bias: one request time and one per row.
    {2, 8, Pairs{{35, 40}}, Sight::kAll, 0, 64, true},
    {2, 8, Pairs{{35, 40}, {3, 3}}, Sight::kCausal, 0, 16, false, 3},
    {4, 16, Pairs{{64, 64}, {20, 290}}, Sight::kRandom, 30, 64, false},
    {4, 16, Pairs{{64, 64}}, Sight::kCausal, 30, 64, true},
    // Logits of +-50: one key takes all the weight.
    {2, 16, Pairs{{40, 100}}, Sight::kCausal, 0, 0, false, 0, 4.0},
};

std::string Describe(const AttentionCase& c, Precision precision) {
  return testing::PrintToString(c.heads) + " x " +
         testing::PrintToString(c.head_width) + ", " +
         testing::PrintToString(c.sequences) + ", positions " +
         testing::PrintToString(c.positions) + ", time " +
         testing::PrintToString(c.time_buckets) +
         (precision == Precision::kBf16 ? " bf16" : " f32");
}

class AttentionTest : public InstructionSetTest {};

TEST_P(AttentionTest, IsAsReference) {
  ExecutionContext context;
  uint64_t seed = 100;
  for (Precision precision : {Precision::kF32, Precision::kBf16}) {
    for (const AttentionCase& c : kCases) {
      SCOPED_TRACE(Describe(c, precision));
      const AttentionData data(c, precision, ++seed);
      const AttentionInput input = data.input();
      const int64_t queries = input.q.rows();
      Rng rng(seed);
      const TestMatrix dout =
          TestMatrix::Random(rng, queries, input.q.cols(), c.padding);
      struct Result {
        TestMatrix out, log_sum_exp, silent;
        AttentionGradientData gradients;
      };
      std::vector<Result> results;
      const auto reference = MakeReferenceBackend();
      const auto onednn = MakeOneDnnBackend();
      for (const Backend* backend : {reference.get(), onednn.get()}) {
        auto attention = backend->CreateAttention(data.spec);
        ASSERT_TRUE(attention.ok());
        // Rows of no sequence are not written: they keep what they had.
        Result r{TestMatrix::Filled(queries, input.q.cols(), 7.0f, c.padding),
                 TestMatrix::Filled(queries, c.heads, 7.0f, c.padding),
                 TestMatrix::Filled(queries, input.q.cols(), 7.0f),
                 AttentionGradientData(data)};
        absl::Status status =
            (*attention)
                ->Forward(context, input, r.out.view(), r.log_sum_exp.view());
        ASSERT_TRUE(status.ok()) << status;
        ASSERT_TRUE(
            (*attention)->Forward(context, input, r.silent.view()).ok());
        status =
            (*attention)
                ->Backward(context, input, r.out.view(), r.log_sum_exp.view(),
                           dout.view(), r.gradients.views());
        ASSERT_TRUE(status.ok()) << status;
        EXPECT_TRUE(r.out.padding_intact());
        // Inference in bf16 may round the exponentials to 8 bits as well:
        // errors of up to 2^-9 of each value, that average out over keys.
        if (precision == Precision::kBf16) {
          ExpectClose(r.silent.view(), r.out.view(), 6e-3);
        } else {
          ExpectIdentical(r.silent.view(), r.out.view());
        }
        results.push_back(std::move(r));
      }
      Result& expected = results[0];
      Result& actual = results[1];
      // Large logits lose as many roundings as they have units.
      const double tolerance = c.scale > 1.0 ? 5e-5 : 1e-5;
      ExpectClose(actual.out.view(), expected.out.view(), tolerance);
      for (int64_t i = 0; i < queries; ++i) {
        for (int h = 0; h < c.heads; ++h) {
          const float e = expected.log_sum_exp.view()(i, h);
          const float a = actual.log_sum_exp.view()(i, h);
          if (std::isinf(e)) {
            EXPECT_EQ(a, e);
          } else {
            EXPECT_NEAR(a, e, 1e-5 * (1.0 + std::abs(e)));
          }
        }
      }
      const AttentionGradients e = expected.gradients.views();
      const AttentionGradients a = actual.gradients.views();
      ExpectClose(a.dq, e.dq, tolerance);
      ExpectClose(a.dk, e.dk, tolerance);
      ExpectClose(a.dv, e.dv, tolerance);
      ExpectClose(a.dposition_bias, e.dposition_bias, tolerance);
      ExpectClose(a.dtime_bias, e.dtime_bias, tolerance);
    }
  }
}

TEST_P(AttentionTest, AQueryThatSeesNothingGivesZeros) {
  ExecutionContext context;
  AttentionCase c{2, 8, Pairs{{40, 50}}, Sight::kRandom, 5};
  AttentionData data(c, Precision::kF32, 9);
  for (int i = 0; i < 40; i += 3) data.visible[i] = 0;
  for (const char* name : {"reference", "onednn"}) {
    auto attention = (*MakeBackend(name))->CreateAttention(data.spec);
    ASSERT_TRUE(attention.ok());
    const AttentionInput input = data.input();
    TestMatrix out(input.q.rows(), input.q.cols());
    TestMatrix lse(input.q.rows(), c.heads);
    ASSERT_TRUE(
        (*attention)->Forward(context, input, out.view(), lse.view()).ok());
    for (int i = 0; i < 40; ++i) {
      for (float x : out.view().row_span(i)) {
        if (data.visible[i] == 0) {
          EXPECT_EQ(x, 0.0f);
        } else {
          EXPECT_NE(x, 0.0f);
        }
      }
      EXPECT_EQ(std::isinf(lse.view()(i, 0)), data.visible[i] == 0);
    }
  }
}

ATTUNE_INSTANTIATE_INSTRUCTION_SETS(AttentionTest);

TEST(AttentionWeightsTest, MixTheValuesAsForwardDoes) {
  ExecutionContext context;
  const AttentionCase c{1, 16, Pairs{{9, 30}}, Sight::kRandom, 8, 16};
  const AttentionData data(c, Precision::kF32, 10);
  for (const char* name : {"reference", "onednn"}) {
    auto attention = (*MakeBackend(name))->CreateAttention(data.spec);
    ASSERT_TRUE(attention.ok());
    AttentionInput input = data.input();
    input.q = input.q.rows_slice(0, 9);
    input.visible = input.visible.first(9);
    input.query_time_ms = input.query_time_ms.first(9);
    TestMatrix out(9, 16), weights(9, 30);
    ASSERT_TRUE((*attention)->Forward(context, input, out.view()).ok());
    ASSERT_TRUE((*attention)->Weights(context, input, weights.view()).ok());
    TestMatrix mixed = TestMatrix::Filled(9, 16, 0.0f);
    for (int i = 0; i < 9; ++i) {
      for (int j = 0; j < 30; ++j) {
        if (j >= data.visible[i]) {
          EXPECT_EQ(weights.view()(i, j), 0.0f);
        }
        for (int d = 0; d < 16; ++d) {
          mixed.view()(i, d) += weights.view()(i, j) * input.v(j, d);
        }
      }
    }
    ExpectClose(mixed.view(), out.view(), 1e-5);
  }
}

TEST(AttentionErrorTest, RefusesSequencesAndSightOutsideTheRows) {
  ExecutionContext context;
  const AttentionCase c{2, 4, Pairs{{3, 5}}, Sight::kSame};
  AttentionData data(c, Precision::kF32, 11);
  for (const char* name : {"reference", "onednn"}) {
    auto attention = (*MakeBackend(name))->CreateAttention(data.spec);
    ASSERT_TRUE(attention.ok());
    AttentionInput input = data.input();
    TestMatrix out(input.q.rows(), 8);
    std::vector<int32_t> visible = data.visible;
    visible[1] = 6;
    input.visible = visible;
    EXPECT_EQ((*attention)->Forward(context, input, out.view()).message(),
              "attention query 1 sees 6 keys of a sequence that has 5");
    input.visible = data.visible;
    const std::vector<AttentionSequence> beyond = {{2, 3, 0, 5}};
    input.sequences = beyond;
    EXPECT_EQ((*attention)->Forward(context, input, out.view()).message(),
              "attention sequence has queries 2 + 3, but there are 4 rows");
  }
}

TEST(TimeBucketTest, HasTwoPerDoubling) {
  EXPECT_EQ(TimeBucket(-5000, 64), 0);
  EXPECT_EQ(TimeBucket(0, 64), 0);
  EXPECT_EQ(TimeBucket(1000, 64), 0);
  EXPECT_EQ(TimeBucket(1414, 64), 0);
  EXPECT_EQ(TimeBucket(1415, 64), 1);
  EXPECT_EQ(TimeBucket(1999, 64), 1);
  EXPECT_EQ(TimeBucket(2000, 64), 2);
  EXPECT_EQ(TimeBucket(4000, 64), 4);
  EXPECT_EQ(TimeBucket(int64_t{1000} << 31, 64), 62);
  EXPECT_EQ(TimeBucket(int64_t{1000} << 40, 64), 63);
  EXPECT_EQ(TimeBucket(INT64_MAX, 64), 63);
  EXPECT_EQ(TimeBucket(4000, 3), 2);
}

}  // namespace
}  // namespace attune
