// A model fits the features that its trainer computed, and no others.
#include <gmock/gmock.h>

#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <sstream>

#include "engine/io/model_directory.h"
#include "engine/model/model.h"
#include "tests/engine/serve/shop_test.h"

namespace attune {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::ordered_json;

class ModelLayoutTest : public ShopTest {
 protected:
  /// The shop's model with another config.json, under a manifest of its own.
  absl::Status LoadWith(const std::function<void(Json&)>& change) {
    const std::string directory = shop()->model(0) + "-changed";
    auto staged = StagedDirectory::Create(directory);
    if (!staged.ok()) return staged.status();
    for (const auto& entry :
         std::filesystem::directory_iterator(shop()->model(0))) {
      if (entry.path().filename() == "manifest.json") continue;
      std::filesystem::copy_file(entry.path(),
                                 (*staged)->path() / entry.path().filename());
    }
    const std::string path = (*staged)->path() + "/config.json";
    Json config = Json::parse(std::ifstream(path));
    change(config);
    std::ofstream(path) << config.dump(2) << "\n";
    absl::Status status = (*staged)->Publish().status();
    if (status.ok()) status = Model::Load(directory, {}).status();
    std::filesystem::remove_all(directory);
    return status;
  }
};

TEST_F(ModelLayoutTest, TheNamesAreKeptAndFit) {
  size_t names = 0;
  const absl::Status status =
      LoadWith([&](Json& config) { names = config["dense_names"].size(); });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_GT(names, 10u);
}

TEST_F(ModelLayoutTest, AnotherFeatureIsNamed) {
  std::string before;
  const absl::Status status = LoadWith([&](Json& config) {
    before = config["dense_names"][3];
    config["dense_names"][3] = "item.shoe_size";
  });
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(status.ToString(),
              HasSubstr("feature 3 of the model is \"item.shoe_size\""));
  EXPECT_THAT(status.ToString(), HasSubstr("\"" + before + "\""));
}

TEST_F(ModelLayoutTest, AMissingFeatureIsNamed) {
  const absl::Status status = LoadWith(
      [](Json& config) { config["dense_names"].push_back("one.more"); });
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(status.ToString(),
              HasSubstr("\"one.more\", of this program missing"));
}

TEST_F(ModelLayoutTest, AModelWithoutNamesLoadsByItsWidth) {
  EXPECT_TRUE(LoadWith([](Json& config) { config.erase("dense_names"); }).ok());
  EXPECT_FALSE(LoadWith([](Json& config) {
                 config.erase("dense_names");
                 config["dense_width"] = config["dense_width"].get<int>() + 1;
               }).ok());
}

}  // namespace
}  // namespace attune
