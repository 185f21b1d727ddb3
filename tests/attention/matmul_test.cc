#include "attention/ops/matmul.h"

#include <gtest/gtest.h>

#include "attention/backend.h"
#include "tests/attention/expect_close.h"
#include "tests/attention/instruction_set.h"
#include "tests/attention/test_matrix.h"

namespace attune {
namespace {

struct Case {
  int64_t rows, cols, width, padding = 0;
};

const Case kCases[] = {
    {0, 5, 3},     {1, 1, 1},     {1, 1000, 64}, {3, 33, 7, 2},
    {13, 100, 65}, {200, 47, 64}, {97, 64, 128}, {500, 300, 16, 5},
    {5, 0, 4},     {12, 32, 300},
};

class MatmulTest : public InstructionSetTest {};

TEST_P(MatmulTest, IsAsReference) {
  Rng rng(7);
  ExecutionContext context;
  for (const Case& c : kCases) {
    SCOPED_TRACE(testing::Message()
                 << c.rows << " x " << c.cols << " x " << c.width);
    const TestMatrix a = TestMatrix::Random(rng, c.rows, c.width, c.padding);
    const TestMatrix b = TestMatrix::Random(rng, c.cols, c.width, c.padding);
    TestMatrix expected(c.rows, c.cols);
    TestMatrix actual(c.rows, c.cols, c.padding);
    ASSERT_TRUE((*MakeReferenceBackend()->CreateMatmulTransposed(c.width))
                    ->Forward(context, a.view(), b.view(), expected.view())
                    .ok());
    ASSERT_TRUE((*MakeOneDnnBackend()->CreateMatmulTransposed(c.width))
                    ->Forward(context, a.view(), b.view(), actual.view())
                    .ok());
    ExpectClose(actual.view(), expected.view(), 1e-5);
    EXPECT_TRUE(actual.padding_intact());
  }
}

ATTUNE_INSTANTIATE_INSTRUCTION_SETS(MatmulTest);

}  // namespace
}  // namespace attune
