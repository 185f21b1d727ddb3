// Layer norm and activations: operations on rows and elements.
#include "attention/modules/row_ops.h"

#include <gtest/gtest.h>

#include "attention/backend.h"
#include "tests/attention/expect_close.h"
#include "tests/attention/instruction_set.h"
#include "tests/attention/test_matrix.h"

namespace attune {
namespace {

class RowOpsTest : public InstructionSetTest {
 protected:
  std::unique_ptr<Backend> reference_ = MakeReferenceBackend();
  std::unique_ptr<Backend> onednn_ = MakeOneDnnBackend();
  ExecutionContext context_;
};

struct LayerNormCase {
  int64_t rows, width, padding;
  double offset = 0.0;  // added to x: the mean must not eat the variance
  bool in_place = false;
};

const LayerNormCase kLayerNormCases[] = {
    {0, 8, 0},         {1, 1, 0},   {3, 5, 0},
    {7, 16, 2},        {50, 64, 0}, {9, 67, 5},
    {20, 256, 0, 100}, {4, 768, 0}, {30, 64, 0, 3, true},
};

TEST_P(RowOpsTest, LayerNormIsAsReference) {
  Rng rng(3);
  for (const LayerNormCase& c : kLayerNormCases) {
    SCOPED_TRACE(testing::Message() << c.rows << " x " << c.width);
    TestMatrix x = TestMatrix::Random(rng, c.rows, c.width, c.padding);
    for (int64_t i = 0; i < c.rows; ++i) {
      for (float& value : x.view().row_span(i)) {
        value += static_cast<float>(c.offset);
      }
    }
    const auto gamma = RandomVector(rng, c.width);
    const auto beta = RandomVector(rng, c.width);
    const TestMatrix dy = TestMatrix::Random(rng, c.rows, c.width, c.padding);
    struct Result {
      TestMatrix y, dx;
      std::vector<float> dgamma, dbeta;
    };
    std::vector<Result> results;
    for (const Backend* backend : {reference_.get(), onednn_.get()}) {
      auto norm = backend->CreateLayerNorm(c.width);
      ASSERT_TRUE(norm.ok());
      Result r{c.in_place ? x : TestMatrix(c.rows, c.width, c.padding),
               c.in_place ? dy : TestMatrix(c.rows, c.width, c.padding),
               std::vector<float>(c.width, 0.5f),
               std::vector<float>(c.width, 0.25f)};
      (*norm)->Forward(context_, c.in_place ? r.y.view() : x.view(), gamma,
                       beta, r.y.view());
      (*norm)->Backward(context_, x.view(), gamma,
                        c.in_place ? r.dx.view() : dy.view(), r.dx.view(),
                        r.dgamma, r.dbeta);
      EXPECT_TRUE(r.y.padding_intact() && r.dx.padding_intact());
      results.push_back(std::move(r));
    }
    // An offset of 100 deviations costs 100 times the rounding.
    const double tolerance = c.offset > 10 ? 1e-4 : 1e-5;
    ExpectClose(results[1].y.view(), results[0].y.view(), tolerance);
    if (c.width == 1) {
      // One element has no gradient: what is left is the rounding of equal
      // terms' difference (a fused multiply-add or not), times 1/sqrt(epsilon).
      EXPECT_NEAR(results[1].dx.view()(0, 0), 0.0, 1e-3);
    } else {
      ExpectClose(results[1].dx.view(), results[0].dx.view(), tolerance);
    }
    ExpectClose(results[1].dgamma, results[0].dgamma, tolerance);
    ExpectClose(results[1].dbeta, results[0].dbeta, tolerance);
  }
}

TEST_P(RowOpsTest, ActivationIsAsReference) {
  Rng rng(4);
  for (ActivationKind kind :
       {ActivationKind::kNone, ActivationKind::kRelu, ActivationKind::kGeluTanh,
        ActivationKind::kSilu, ActivationKind::kSigmoid}) {
    SCOPED_TRACE(static_cast<int>(kind));
    for (int64_t size : {0, 1, 7, 16, 33, 1000}) {
      auto x = RandomVector(rng, size, 3.0);
      // The far ends, where exponentials would overflow.
      const float ends[] = {0.0f, -0.0f, 100.0f, -100.0f, 1e30f, -1e30f, -9.5f};
      std::copy_n(ends, std::min<size_t>(x.size(), std::size(ends)), x.begin());
      const auto dy = RandomVector(rng, size);
      auto truth = reference_->CreateActivation(kind);
      auto activation = onednn_->CreateActivation(kind);
      ASSERT_TRUE(truth.ok() && activation.ok());
      std::vector<float> expected(size), y(size), in_place = x;
      (*truth)->Forward(context_, x, expected);
      (*activation)->Forward(context_, x, y);
      (*activation)->Forward(context_, in_place, in_place);
      std::vector<float> dexpected(size), dx = dy;
      (*truth)->Backward(context_, x, dy, dexpected);
      (*activation)->Backward(context_, x, dx, dx);
      for (int64_t i = 0; i < size; ++i) {
        const double allowed = 1e-6 * std::max(1.0f, std::abs(x[i]));
        EXPECT_NEAR(y[i], expected[i], allowed) << x[i];
        EXPECT_EQ(in_place[i], y[i]);
        EXPECT_NEAR(dx[i], dexpected[i], 2e-6 * (1 + std::abs(dy[i]))) << x[i];
      }
    }
  }
}

ATTUNE_INSTANTIATE_INSTRUCTION_SETS(RowOpsTest);

TEST(DropoutTest, ScalesWhatItKeepsAndTheGradientsAlike) {
  // 7 columns: draws of four elements go across rows. The rest is padding.
  TestMatrix x = TestMatrix::Filled(2001, 7, 3.0f, 2);
  TestMatrix dx = TestMatrix::Filled(2001, 7, -2.0f, 2);
  std::vector<uint8_t> mask(2001 * 7);
  Rng rng(4);
  Dropout(rng, 0.25f, x.view(), mask);
  DropoutBackward(0.25f, mask, dx.view());
  int64_t kept = 0;
  for (int64_t i = 0; i < 2001; ++i) {
    for (int64_t d = 0; d < 7; ++d) {
      const bool keeps = mask[i * 7 + d] != 0;
      kept += keeps;
      ASSERT_FLOAT_EQ(x.view()(i, d), keeps ? 4.0f : 0.0f);
      ASSERT_FLOAT_EQ(dx.view()(i, d), keeps ? -2.0f / 0.75f : 0.0f);
    }
  }
  EXPECT_NEAR(static_cast<double>(kept) / (2001 * 7), 0.75, 0.015);
  EXPECT_TRUE(x.padding_intact() && dx.padding_intact());
  // The next draw is another one.
  std::vector<uint8_t> other(mask.size());
  Dropout(rng, 0.25f, x.view(), other);
  EXPECT_NE(mask, other);
}

}  // namespace
}  // namespace attune
