// docs/quality.md names a configuration in each row of its tables: the file is
// there, is read without complaint, and is the one that was measured.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <string>

#include "engine/io/sha256.h"
#include "engine/io/text_file.h"
#include "engine/train/options.h"

namespace attune {
namespace {

constexpr size_t kDigits = 8;  // of the hash, as the tables show it

std::string Path(const std::string& name) {
  return std::string(ATTUNE_SOURCE_DIR) + "/" + name;
}

TEST(QualityDocTest, RowsCarryTheHashOfTheirConfiguration) {
  std::ifstream page(Path("docs/quality.md"));
  ASSERT_TRUE(page.is_open());
  const std::regex config(R"(configs/([a-z0-9-]+\.json))");
  const std::regex hash("`([0-9a-f]{8})`");
  std::set<std::string> named;
  std::string line;
  while (std::getline(page, line)) {
    std::smatch file, digits;
    if (!line.starts_with("|") || !std::regex_search(line, file, config)) {
      continue;
    }
    SCOPED_TRACE(line);
    ASSERT_TRUE(std::regex_search(line, digits, hash));
    auto digest = Sha256OfFile(Path("configs/" + file[1].str()));
    ASSERT_TRUE(digest.ok()) << digest.status();
    EXPECT_EQ(digest->sha256.substr(0, kDigits), digits[1].str());
    named.insert(file[1].str());
  }
  for (const auto& entry :
       std::filesystem::directory_iterator(Path("configs"))) {
    EXPECT_EQ(named.count(entry.path().filename().string()), 1)
        << entry.path() << " is in no row of docs/quality.md";
  }
}

TEST(QualityDocTest, ConfigurationsAreValid) {
  for (const auto& entry :
       std::filesystem::directory_iterator(Path("configs"))) {
    const std::string file = entry.path().string();
    auto text = ReadTextFile(file);
    ASSERT_TRUE(text.ok()) << text.status();
    EXPECT_TRUE(ParseTrainConfig(*text, file).ok())
        << ParseTrainConfig(*text, file).status();
  }
}

}  // namespace
}  // namespace attune
