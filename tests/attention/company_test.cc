// A row's result has the same bits whatever the other rows, their number, their
// order and its own place among them.
#include <gtest/gtest.h>

#include <numeric>

#include "attention/backend.h"
#include "base/parallel.h"
#include "tests/attention/attention_case.h"
#include "tests/attention/expect_close.h"
#include "tests/attention/instruction_set.h"
#include "tests/attention/test_matrix.h"

namespace attune {
namespace {

std::vector<int64_t> Permutation(Rng& rng, int64_t size) {
  std::vector<int64_t> order(size);
  std::iota(order.begin(), order.end(), 0);
  for (int64_t i = size - 1; i > 0; --i) {
    std::swap(order[i], order[rng.Below(i + 1)]);
  }
  return order;
}

TestMatrix Pick(const TestMatrix& from, std::span<const int64_t> rows) {
  TestMatrix to(static_cast<int64_t>(rows.size()), from.view().cols());
  for (size_t i = 0; i < rows.size(); ++i) {
    std::ranges::copy(from.view().row_span(rows[i]), to.view().row(i));
  }
  return to;
}

class CompanyTest : public InstructionSetTest {
 protected:
  std::unique_ptr<Backend> backend_ = MakeOneDnnBackend();
  ExecutionContext context_;
  Rng rng_{21};
};

struct LinearCase {
  int64_t in, out;
  ActivationKind activation;
  bool residual;
};

TEST_P(CompanyTest, Linear) {
  const LinearCase cases[] = {
      {64, 256, ActivationKind::kGeluTanh, false},
      {256, 64, ActivationKind::kNone, true},
      {67, 45, ActivationKind::kSilu, true},
      {64, 64, ActivationKind::kNone, false},
  };
  // Of every instruction set the tiles' remainders; of the best all counts.
  const int64_t step = GetParam() == ScopedInstructionSet::kBest ? 1 : 23;
  constexpr int64_t kRows = 600;
  for (Precision precision : {Precision::kF32, Precision::kBf16}) {
    for (const LinearCase& c : cases) {
      SCOPED_TRACE(testing::Message() << c.in << " x " << c.out << " precision "
                                      << static_cast<int>(precision));
      auto linear =
          *backend_->CreateLinear({c.in, c.out, true, c.activation, precision});
      const TestMatrix weight = TestMatrix::Random(rng_, c.in, c.out);
      ASSERT_TRUE(
          linear->SetWeights(weight.view(), RandomVector(rng_, c.out)).ok());
      const TestMatrix x = TestMatrix::Random(rng_, kRows, c.in);
      const TestMatrix addend = TestMatrix::Random(rng_, kRows, c.out);
      TestMatrix all = addend;
      RunSerial([&] {
        ASSERT_TRUE(linear
                        ->Forward(context_, x.view(), all.view(),
                                  c.residual ? all.view() : MatrixView())
                        .ok());
        for (int64_t count = 1; count <= kRows; count += step) {
          const auto order = Permutation(rng_, kRows);
          const auto chosen = std::span(order).first(count);
          const TestMatrix some = Pick(x, chosen);
          TestMatrix y = Pick(addend, chosen);
          ASSERT_TRUE(linear
                          ->Forward(context_, some.view(), y.view(),
                                    c.residual ? y.view() : MatrixView())
                          .ok());
          ExpectIdentical(y.view(), Pick(all, chosen).view());
          if (HasFailure()) FAIL() << count << " rows";
        }
      });
    }
  }
}

TEST_P(CompanyTest, MatmulTransposed) {
  auto matmul = *backend_->CreateMatmulTransposed(64);
  const TestMatrix a = TestMatrix::Random(rng_, 130, 64);
  const TestMatrix b = TestMatrix::Random(rng_, 333, 64);
  TestMatrix all(130, 333);
  ASSERT_TRUE(matmul->Forward(context_, a.view(), b.view(), all.view()).ok());
  for (int64_t count = 1; count <= 130; ++count) {
    const auto order = Permutation(rng_, 130);
    const auto chosen = std::span(order).first(count);
    // The items move as well.
    const auto items = Permutation(rng_, 333);
    const auto some_items = std::span(items).first(1 + rng_.Below(333));
    const TestMatrix some = Pick(a, chosen);
    const TestMatrix other = Pick(b, some_items);
    TestMatrix c(count, static_cast<int64_t>(some_items.size()));
    ASSERT_TRUE(
        matmul->Forward(context_, some.view(), other.view(), c.view()).ok());
    for (int64_t i = 0; i < count; ++i) {
      for (size_t j = 0; j < some_items.size(); ++j) {
        ASSERT_EQ(c.view()(i, j), all.view()(chosen[i], some_items[j]))
            << count << " rows";
      }
    }
  }
}

TEST_P(CompanyTest, LayerNorm) {
  auto norm = *backend_->CreateLayerNorm(67);
  const auto gamma = RandomVector(rng_, 67);
  const auto beta = RandomVector(rng_, 67);
  const TestMatrix x = TestMatrix::Random(rng_, 40, 67);
  TestMatrix all(40, 67);
  norm->Forward(context_, x.view(), gamma, beta, all.view());
  const auto order = Permutation(rng_, 40);
  for (int64_t count : {1, 2, 17, 40}) {
    const auto chosen = std::span(order).first(count);
    const TestMatrix some = Pick(x, chosen);
    TestMatrix y(count, 67);
    norm->Forward(context_, some.view(), gamma, beta, y.view());
    ExpectIdentical(y.view(), Pick(all, chosen).view());
  }
}

// Any choice of queries in any order, and keys that none of them sees behind
// the rest: what a kept state and a cold encoding of the history differ in.
TEST_P(CompanyTest, Attention) {
  const AttentionCase cases[] = {
      {4, 16, {{200, 200}}, Sight::kCausal},
      {2, 8, {{90, 300}}, Sight::kRandom},
      {2, 32, {{70, 70}}, Sight::kCausal, 40},
      {2, 16, {{70, 600}}, Sight::kRandom, 64, 64, false},
      {2, 16, {{70, 70}}, Sight::kCausal, 0, 64, true},
      {3, 5, {{50, 33}}, Sight::kSame, 7, 16, true},
  };
  for (Precision precision : {Precision::kF32, Precision::kBf16}) {
    for (const AttentionCase& c : cases) {
      SCOPED_TRACE(testing::Message() << c.heads << " x " << c.head_width);
      const AttentionData data(c, precision, 5);
      auto attention = *backend_->CreateAttention(data.spec);
      const AttentionInput input = data.input();
      const auto [queries, keys] = c.sequences[0];
      TestMatrix all(input.q.rows(), input.q.cols());
      ASSERT_TRUE(attention->Forward(context_, input, all.view()).ok());
      for (int64_t count = 1; count <= queries; count += 1 + count / 3) {
        const auto order = Permutation(rng_, queries);
        const auto chosen = std::span(order).first(count);
        const TestMatrix q = Pick(data.q, chosen);
        std::vector<int32_t> visible;
        std::vector<int64_t> times;
        int32_t most = 1;
        for (int64_t row : chosen) {
          visible.push_back(data.visible[row]);
          most = std::max(most, data.visible[row]);
          if (!data.query_time_ms.empty()) {
            times.push_back(data.query_time_ms[row]);
          }
        }
        AttentionInput some = input;
        some.q = q.view();
        some.visible = visible;
        some.query_time_ms = times;
        // Only the keys that somebody sees.
        const AttentionSequence sequence{0, count, 0, most};
        some.sequences = std::span(&sequence, 1);
        TestMatrix out(count, input.q.cols());
        const absl::Status status =
            attention->Forward(context_, some, out.view());
        ASSERT_TRUE(status.ok()) << status;
        ExpectIdentical(out.view(), Pick(all, chosen).view());
        if (HasFailure()) FAIL() << count << " of " << queries << " queries";
      }
      (void)keys;
    }
  }
}

ATTUNE_INSTANTIATE_INSTRUCTION_SETS(CompanyTest);

}  // namespace
}  // namespace attune
