#include "base/workspace.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace attune {
namespace {

TEST(WorkspaceTest, AlignsAndSeparatesAllocations) {
  Workspace workspace(64);
  std::span<float> a = workspace.Allocate<float>(3);
  std::span<float> b = workspace.Allocate<float>(100);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(a.data()) % 64, 0u);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(b.data()) % 64, 0u);
  std::fill(a.begin(), a.end(), 1.0f);
  std::fill(b.begin(), b.end(), 2.0f);
  EXPECT_EQ(a[2], 1.0f);
}

TEST(WorkspaceTest, ScopeGivesBack) {
  Workspace workspace(1024);
  workspace.Allocate<float>(4);
  const size_t before = workspace.used_bytes();
  {
    Workspace::Scope scope(workspace);
    workspace.Allocate<float>(5000);
    EXPECT_GT(workspace.used_bytes(), before);
  }
  EXPECT_EQ(workspace.used_bytes(), before);
}

TEST(WorkspaceTest, ResetMergesBlocksSoThatTheSameWorkFitsInOne) {
  Workspace workspace(64);
  for (int i = 0; i < 10; ++i) workspace.Allocate<float>(1000);
  workspace.Reset();
  const size_t capacity = workspace.capacity_bytes();
  for (int i = 0; i < 10; ++i) workspace.Allocate<float>(1000);
  workspace.Reset();
  EXPECT_EQ(workspace.capacity_bytes(), capacity);
  EXPECT_EQ(workspace.used_bytes(), 0u);
}

}  // namespace
}  // namespace attune
