#include "base/temporary_path.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "base/strings.h"

namespace attune {
namespace {

TEST(TemporaryPathTest, NamesOfPaths) {
  EXPECT_EQ(ParentDirectory("a"), ".");
  EXPECT_EQ(ParentDirectory("/a"), "/");
  EXPECT_EQ(ParentDirectory("/a/b//"), "/a");
  EXPECT_EQ(ParentDirectory("a/b"), "a");
  const std::string end = StrCat(".", ::getpid(), ".tmp");
  EXPECT_EQ(TemporaryPathFor("a"), ".a" + end);
  EXPECT_EQ(TemporaryPathFor("/x/a/"), "/x/.a" + end);
}

TEST(TemporaryPathTest, OnlyWhatTheDeadLeftOfThisPathGoes) {
  std::string folder = ::testing::TempDir() + "attune_names_XXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  const auto path = [&](std::string_view name) {
    return StrCat(folder, "/", name);
  };
  // No process has this id: Linux's ids end at 2^22. Process 1 runs.
  const char* const gone[] = {".file.4194305.tmp", ".file.4194306.tmp"};
  const char* const kept[] = {"file",
                              ".file.1.tmp",
                              ".other.4194305.tmp",
                              ".file..tmp",
                              ".file.tmp",
                              ".file.4194305x.tmp",
                              ".file.-7.tmp",
                              ".file.99999999999.tmp",
                              ".file.4194305.temp"};
  for (const char* name : kept) std::ofstream(path(name)) << "content";
  std::ofstream(path(gone[0])) << "half";
  std::filesystem::create_directory(path(gone[1]));
  std::ofstream(path(gone[1]) + "/inside") << "half";
  RemoveAbandoned(path("file"));
  for (const char* name : gone) {
    EXPECT_FALSE(std::filesystem::exists(path(name))) << name;
  }
  for (const char* name : kept) {
    EXPECT_TRUE(std::filesystem::exists(path(name))) << name;
  }
  RemoveAbandoned(path("no such folder/file"));
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace attune
