#include "attention/ops/key_value_view.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "attention/backend.h"
#include "attention/bfloat16.h"
#include "tests/attention/attention_case.h"
#include "tests/attention/expect_close.h"
#include "tests/attention/instruction_set.h"

namespace attune {
namespace {

class KeyValueViewTest : public InstructionSetTest {
 protected:
  KeyValueView Make(Precision precision, int64_t capacity, int64_t heads,
                    int64_t head_width) {
    const KeyValueShape shape{precision, capacity, heads, head_width};
    memory_.push_back(
        {static_cast<std::byte*>(std::aligned_alloc(64, shape.Bytes())),
         &std::free});
    // Finite, and not what is expected anywhere.
    std::fill_n(memory_.back().get(), shape.Bytes(), std::byte{0x11});
    return KeyValueView(memory_.back().get(), shape);
  }

  Rng rng_{3};
  ExecutionContext context_;
  std::vector<std::unique_ptr<std::byte, void (*)(void*)>> memory_;
};

// In any pieces, odd ones too, and over rows written before.
TEST_P(KeyValueViewTest, ReadsWhatWasWritten) {
  for (Precision precision : {Precision::kF32, Precision::kBf16}) {
    for (auto [heads, head_width] :
         {std::pair<int64_t, int64_t>{4, 16}, {3, 6}, {2, 33}}) {
      const int64_t width = heads * head_width;
      const KeyValueView kept = Make(precision, 41, heads, head_width);
      const TestMatrix k = TestMatrix::Random(rng_, 41, width, 5);
      const TestMatrix v = TestMatrix::Random(rng_, 41, width, 2);
      for (int64_t begin = 0; begin < 41;) {
        const int64_t rows = std::min<int64_t>(41 - begin, 1 + rng_.Below(6));
        // The row behind is scratch of a request, and is written again.
        const int64_t more = begin + rows < 41 ? 1 : 0;
        kept.Write(begin, k.view().rows_slice(begin, rows + more),
                   v.view().rows_slice(begin, rows + more));
        begin += rows;
      }
      TestMatrix keys(41, width), values(41, width);
      kept.Read(keys.view(), values.view());
      for (int64_t j = 0; j < 41; ++j) {
        for (int64_t i = 0; i < width; ++i) {
          const bool rounded = precision == Precision::kBf16;
          const float key = k.view()(j, i);
          const float value = v.view()(j, i);
          ASSERT_EQ(keys.view()(j, i), rounded ? RoundToBfloat16(key) : key);
          ASSERT_EQ(values.view()(j, i),
                    rounded ? RoundToBfloat16(value) : value);
        }
      }
    }
  }
}

// A state's rows give what the same rows give when they come with the call.
TEST_P(KeyValueViewTest, AttentionOverKeptRowsIsForward) {
  const AttentionCase cases[] = {
      {4, 16, {{50, 201}}, Sight::kAll, 20, 64, true},
      {4, 16, {{33, 33}}, Sight::kCausal, 20, 64, false},
      {2, 32, {{1, 600}}, Sight::kSame, 0, 16, true},
      {3, 5, {{7, 9}}},
  };
  for (const char* name : {"reference", "onednn"}) {
    for (const AttentionCase& c : cases) {
      const AttentionData data(c, Precision::kBf16, 9);
      const auto attention = *(*MakeBackend(name))->CreateAttention(data.spec);
      AttentionInput input = data.input();
      const AttentionSequence& sequence = input.sequences[0];
      const int64_t count = sequence.key_count;
      const KeyValueView kept =
          Make(Precision::kBf16, count + 1, c.heads, c.head_width);
      kept.Write(0, input.k.rows_slice(0, count), input.v.rows_slice(0, count));
      TestMatrix expected(input.q.rows(), input.q.cols());
      TestMatrix actual(input.q.rows(), input.q.cols());
      ASSERT_TRUE(attention->Forward(context_, input, expected.view()).ok());
      // Only the shape counts; behind the keys were rows of nobody.
      input.k = ConstMatrixView(nullptr, {count, input.q.cols()});
      input.v = input.k;
      if (!input.key_time_ms.empty()) {
        input.key_time_ms = input.key_time_ms.first(count);
      }
      const absl::Status status =
          attention->ForwardKept(context_, input, kept, actual.view());
      ASSERT_TRUE(status.ok()) << status;
      ExpectIdentical(actual.view().rows_slice(0, sequence.query_count),
                      expected.view().rows_slice(0, sequence.query_count));
    }
  }
}

ATTUNE_INSTANTIATE_INSTRUCTION_SETS(KeyValueViewTest);

}  // namespace
}  // namespace attune
