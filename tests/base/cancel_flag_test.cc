#include "base/cancel_flag.h"

#include <gtest/gtest.h>

namespace attune {
namespace {

TEST(CancelFlagTest, NothingIsNeverSet) {
  EXPECT_FALSE(CancelFlag().IsSet());
  EXPECT_FALSE(CancelFlag().CanBeSet());
  EXPECT_FALSE(CancelFlag(nullptr).CanBeSet());
  EXPECT_FALSE(CancelFlag::OfWord(nullptr).CanBeSet());
}

TEST(CancelFlagTest, BothKindsAreSeen) {
  std::atomic<bool> flag = false;
  const CancelFlag ours = &flag;
  EXPECT_TRUE(ours.CanBeSet());
  EXPECT_FALSE(ours.IsSet());
  flag = true;
  EXPECT_TRUE(ours.IsSet());

  int32_t word = 0;
  const CancelFlag theirs = CancelFlag::OfWord(&word);
  EXPECT_TRUE(theirs.CanBeSet());
  EXPECT_FALSE(theirs.IsSet());
  __atomic_store_n(&word, 1 << 24, __ATOMIC_RELEASE);  // not in its first byte
  EXPECT_TRUE(theirs.IsSet());
}

}  // namespace
}  // namespace attune
