// The gradients of the reference back-end against differences of its forward
// passes. Other back-ends are compared with the reference.
#include <gtest/gtest.h>

#include <functional>

#include "attention/backend.h"
#include "tests/attention/attention_case.h"
#include "tests/attention/test_matrix.h"

namespace attune {
namespace {

// Five-point difference: its own error is h^4, so that h can be large enough
// for the rounding of f32 results not to matter.
constexpr float kStep = 1.0f / 64;
constexpr double kTolerance = 3e-4;

double Difference(float& x, const std::function<double()>& loss) {
  const float saved = x;
  const auto at = [&](float offset) {
    x = saved + offset;
    return loss();
  };
  const double near = at(kStep) - at(-kStep);
  const double far = at(2 * kStep) - at(-2 * kStep);
  x = saved;
  return (8.0 * near - far) / (12.0 * kStep);
}

void ExpectGradient(MatrixView values, ConstMatrixView gradient, float start,
                    const std::function<double()>& loss) {
  ASSERT_EQ(values.rows(), gradient.rows());
  for (int64_t i = 0; i < values.rows(); ++i) {
    for (int64_t j = 0; j < values.cols(); ++j) {
      const double expected = Difference(values(i, j), loss);
      EXPECT_NEAR(gradient(i, j) - start, expected,
                  kTolerance * (1.0 + std::abs(expected)))
          << "[" << i << ", " << j << "]";
    }
  }
}

void ExpectGradient(std::vector<float>& values,
                    const std::vector<float>& gradient, float start,
                    const std::function<double()>& loss) {
  const int64_t size = static_cast<int64_t>(values.size());
  ExpectGradient(MatrixView(values.data(), {1, size}),
                 ConstMatrixView(gradient.data(), {1, size}), start, loss);
}

// sum of dout * out: its gradient by any input is what Backward computes.
double Dot(const TestMatrix& a, const TestMatrix& b) {
  double sum = 0.0;
  for (int64_t i = 0; i < a.view().rows(); ++i) {
    for (int64_t j = 0; j < a.view().cols(); ++j) {
      sum += double{a.view()(i, j)} * b.view()(i, j);
    }
  }
  return sum;
}

class GradientTest : public ::testing::Test {
 protected:
  std::unique_ptr<Backend> backend_ = MakeReferenceBackend();
  ExecutionContext context_;
  Rng rng_{77};
};

TEST_F(GradientTest, Linear) {
  TestMatrix x = TestMatrix::Random(rng_, 5, 4);
  TestMatrix weight = TestMatrix::Random(rng_, 4, 3);
  std::vector<float> bias = RandomVector(rng_, 3);
  const TestMatrix dy = TestMatrix::Random(rng_, 5, 3);
  auto linear = *backend_->CreateLinear({4, 3});
  const auto loss = [&] {
    EXPECT_TRUE(linear->SetWeights(weight.view(), bias).ok());
    TestMatrix y(5, 3);
    EXPECT_TRUE(linear->Forward(context_, x.view(), y.view()).ok());
    return Dot(y, dy);
  };
  loss();
  TestMatrix dx(5, 4);
  TestMatrix dweight = TestMatrix::Filled(4, 3, 0.5f);
  std::vector<float> dbias(3, 0.25f);
  ASSERT_TRUE(linear
                  ->Backward(context_, x.view(), dy.view(), dx.view(),
                             dweight.view(), dbias)
                  .ok());
  ExpectGradient(x.view(), dx.view(), 0.0f, loss);
  ExpectGradient(weight.view(), dweight.view(), 0.5f, loss);
  ExpectGradient(bias, dbias, 0.25f, loss);
}

TEST_F(GradientTest, LayerNorm) {
  TestMatrix x = TestMatrix::Random(rng_, 4, 7);
  std::vector<float> gamma = RandomVector(rng_, 7);
  std::vector<float> beta = RandomVector(rng_, 7);
  const TestMatrix dy = TestMatrix::Random(rng_, 4, 7);
  auto norm = *backend_->CreateLayerNorm(7);
  const auto loss = [&] {
    TestMatrix y(4, 7);
    norm->Forward(context_, x.view(), gamma, beta, y.view());
    return Dot(y, dy);
  };
  TestMatrix dx(4, 7);
  std::vector<float> dgamma(7, 0.5f), dbeta(7, 0.25f);
  norm->Backward(context_, x.view(), gamma, dy.view(), dx.view(), dgamma,
                 dbeta);
  ExpectGradient(x.view(), dx.view(), 0.0f, loss);
  ExpectGradient(gamma, dgamma, 0.5f, loss);
  ExpectGradient(beta, dbeta, 0.25f, loss);
}

TEST_F(GradientTest, Activation) {
  for (ActivationKind kind :
       {ActivationKind::kNone, ActivationKind::kRelu, ActivationKind::kGeluTanh,
        ActivationKind::kSilu, ActivationKind::kSigmoid}) {
    SCOPED_TRACE(static_cast<int>(kind));
    TestMatrix x = TestMatrix::Random(rng_, 1, 40, 0, 2.0);
    for (float& value : x.view().row_span(0)) {
      // A difference across the kink of ReLU says nothing.
      if (std::abs(value) < 3 * kStep) value = 0.5f;
    }
    const TestMatrix dy = TestMatrix::Random(rng_, 1, 40);
    auto activation = *backend_->CreateActivation(kind);
    const auto loss = [&] {
      TestMatrix y(1, 40);
      activation->Forward(context_, x.view().row_span(0), y.view().row_span(0));
      return Dot(y, dy);
    };
    TestMatrix dx(1, 40);
    activation->Backward(context_, x.view().row_span(0), dy.view().row_span(0),
                         dx.view().row_span(0));
    ExpectGradient(x.view(), dx.view(), 0.0f, loss);
  }
}

TEST_F(GradientTest, Pooling) {
  TestMatrix values = TestMatrix::Random(rng_, 6, 8);
  TestMatrix scores = TestMatrix::Random(rng_, 6, 2);
  const std::vector<int32_t> rows = {0, 3, 3, 5, 1, 2};
  const std::vector<int64_t> offsets = {0, 3, 3, 6};
  const TestMatrix dout = TestMatrix::Random(rng_, 3, 8);
  auto pooling = *backend_->CreateAttentionPooling(8, 2);
  TestMatrix out(3, 8);
  const auto loss = [&] {
    EXPECT_TRUE(pooling
                    ->Forward(context_, values.view(), scores.view(), rows,
                              offsets, out.view())
                    .ok());
    return Dot(out, dout);
  };
  TestMatrix dvalues = TestMatrix::Filled(6, 8, 0.5f);
  TestMatrix dscores = TestMatrix::Filled(6, 2, 0.25f);
  loss();  // fills out
  ASSERT_TRUE(pooling
                  ->Backward(context_, values.view(), scores.view(), rows,
                             offsets, out.view(), dout.view(), dvalues.view(),
                             dscores.view())
                  .ok());
  ExpectGradient(values.view(), dvalues.view(), 0.5f, loss);
  ExpectGradient(scores.view(), dscores.view(), 0.25f, loss);
}

TEST_F(GradientTest, CrossEntropy) {
  TestMatrix rows = TestMatrix::Random(rng_, 4, 5);
  TestMatrix classes = TestMatrix::Random(rng_, 7, 5);
  std::vector<float> bias = RandomVector(rng_, 7);
  const std::vector<int32_t> targets = {3, 0, 6, 3};
  const std::vector<float> weights = {1.0f, 0.5f, 0.0f, 2.0f};
  auto cross_entropy = *backend_->CreateCrossEntropy(5);
  const auto run = [&](MatrixView drows, MatrixView dclasses,
                       std::span<float> dbias) {
    auto loss = cross_entropy->ForwardBackward(
        context_, {rows.view(), classes.view(), bias, targets, weights, 1.5f},
        drows, dclasses, dbias);
    EXPECT_TRUE(loss.ok());
    return *loss;
  };
  const auto loss = [&] { return run({}, {}, {}); };
  TestMatrix drows(4, 5);
  TestMatrix dclasses = TestMatrix::Filled(7, 5, 0.5f);
  std::vector<float> dbias(7, 0.25f);
  run(drows.view(), dclasses.view(), dbias);
  ExpectGradient(rows.view(), drows.view(), 0.0f, loss);
  ExpectGradient(classes.view(), dclasses.view(), 0.5f, loss);
  ExpectGradient(bias, dbias, 0.25f, loss);
}

TEST_F(GradientTest, Attention) {
  const AttentionCase cases[] = {
      {2, 3, {{4, 5}, {3, 2}}},
      {1, 4, {{5, 5}}, Sight::kCausal, 3},
      {2, 2, {{4, 6}}, Sight::kRandom, 4, 16},
      {2, 2, {{3, 4}}, Sight::kCausal, 0, 8, true},
  };
  for (const AttentionCase& c : cases) {
    AttentionData data(c, Precision::kF32, 12);
    auto attention = *backend_->CreateAttention(data.spec);
    const int64_t queries = data.q.view().rows();
    const int64_t width = data.q.view().cols();
    const TestMatrix dout = TestMatrix::Random(rng_, queries, width);
    TestMatrix out = TestMatrix::Filled(queries, width, 0.0f);
    TestMatrix log_sum_exp = TestMatrix::Filled(queries, c.heads, 0.0f);
    const auto loss = [&] {
      EXPECT_TRUE(
          attention
              ->Forward(context_, data.input(), out.view(), log_sum_exp.view())
              .ok());
      return Dot(out, dout);
    };
    loss();
    AttentionGradientData gradients(data);
    ASSERT_TRUE(attention
                    ->Backward(context_, data.input(), out.view(),
                               log_sum_exp.view(), dout.view(),
                               gradients.views())
                    .ok());
    ExpectGradient(data.q.view(), gradients.dq.view(), 0.25f, loss);
    ExpectGradient(data.k.view(), gradients.dk.view(), 0.25f, loss);
    ExpectGradient(data.v.view(), gradients.dv.view(), 0.25f, loss);
    ExpectGradient(data.position_bias.view(), gradients.dposition_bias.view(),
                   0.25f, loss);
    ExpectGradient(data.time_bias.view(), gradients.dtime_bias.view(), 0.25f,
                   loss);
  }
}

}  // namespace
}  // namespace attune
