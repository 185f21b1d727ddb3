#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "base/strings.h"
#include "child_process.h"

namespace attune {

/// A temporary directory and the program.
class ProgramTest : public ::testing::Test {
 protected:
  ProgramTest() {
    std::string pattern = ::testing::TempDir() + "attune_program_XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
  }
  ~ProgramTest() override {
    std::error_code error;
    std::filesystem::remove_all(directory_, error);
  }

  const std::string& directory() const { return directory_; }
  std::string Path(std::string_view name) const {
    return StrCat(directory_, "/", name);
  }
  std::string WriteFile(std::string_view name, std::string_view content) const {
    const std::string path = Path(name);
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }
  ProgramResult Run(const std::vector<std::string>& arguments) const {
    return RunProgram(arguments, directory_);
  }

 private:
  std::string directory_;
};

}  // namespace attune
