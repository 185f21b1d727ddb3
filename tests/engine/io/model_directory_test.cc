#include "engine/io/model_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "engine/io/sha256.h"
#include "temp_files.h"

namespace attune {
namespace {

using ::testing::HasSubstr;

class ModelDirectoryTest : public TempFilesTest {
 protected:
  // A published model with this weight text; returns its version.
  std::string Publish(const std::string& path, std::string_view weights,
                      std::string_view report = "{}") {
    auto staged = StagedDirectory::Create(path);
    EXPECT_TRUE(staged.ok()) << staged.status();
    std::ofstream((*staged)->path() + "/weights.safetensors") << weights;
    std::ofstream((*staged)->path() + "/report.json") << report;
    std::filesystem::create_directory((*staged)->path() + "/golden");
    std::ofstream((*staged)->path() + "/golden/requests") << "g";
    const auto manifest = (*staged)->Publish();
    EXPECT_TRUE(manifest.ok()) << manifest.status();
    return manifest.ok() ? manifest->version : "";
  }
  std::string VerifyError(const std::string& path) {
    const auto manifest = VerifyModelDirectory(path);
    return manifest.ok() ? "ok" : std::string(manifest.status().message());
  }
};

TEST_F(ModelDirectoryTest, HashIsSha256) {
  EXPECT_EQ(Sha256("abc").value(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(Sha256OfFile(WriteFile("f", "abc"))->sha256, Sha256("abc").value());
}

TEST_F(ModelDirectoryTest, PublishesWhatVerifies) {
  const std::string path = Path("model");
  const std::string version = Publish(path, "w1");
  const auto manifest = VerifyModelDirectory(path);
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  EXPECT_EQ(manifest->version, version);
  EXPECT_EQ(version.size(), 16u);
  EXPECT_EQ(manifest->files.size(), 3u);
  EXPECT_EQ(manifest->files.at("weights.safetensors").size_bytes, 2);
  EXPECT_TRUE(manifest->files.contains("golden/requests"));
}

TEST_F(ModelDirectoryTest, VersionNamesContentButNotTheReport) {
  const std::string first = Publish(Path("a"), "w1", "{}");
  EXPECT_EQ(Publish(Path("b"), "w1", "{\"seconds\": 3}"), first);
  EXPECT_NE(Publish(Path("c"), "w2", "{}"), first);
}

TEST_F(ModelDirectoryTest, ReplacesAModelAndNothingElse) {
  const std::string path = Path("model");
  Publish(path + "/", "w1");
  const std::string second = Publish(path, "w2");
  EXPECT_EQ(VerifyModelDirectory(path)->version, second);
  EXPECT_EQ(ReadFile(path + "/weights.safetensors"), "w2");

  std::filesystem::create_directory(Path("documents"));
  WriteFile("documents/thesis.txt", "important");
  auto staged = StagedDirectory::Create(Path("documents"));
  ASSERT_TRUE(staged.ok());
  EXPECT_TRUE(absl::IsAlreadyExists((*staged)->Publish().status()));
  staged->reset();
  EXPECT_EQ(ReadFile(Path("documents/thesis.txt")), "important");
  size_t entries = 0;
  for ([[maybe_unused]] const auto& entry :
       std::filesystem::directory_iterator(directory())) {
    ++entries;
  }
  EXPECT_EQ(entries, 2u) << "temporary directories are left behind";
}

TEST_F(ModelDirectoryTest, RemovesWhatAKilledProcessLeftBehind) {
  // No process has this id: Linux's ids end at 2^22.
  std::filesystem::create_directory(Path(".model.4194305.tmp"));
  WriteFile(".model.4194305.tmp/weights.safetensors", "half");
  std::filesystem::create_directory(Path(".other.4194305.tmp"));
  ASSERT_TRUE(StagedDirectory::Create(Path("model")).ok());
  EXPECT_FALSE(std::filesystem::exists(Path(".model.4194305.tmp")));
  EXPECT_TRUE(std::filesystem::exists(Path(".other.4194305.tmp")));
}

TEST_F(ModelDirectoryTest, DoesNotWaitForAPipe) {
  const std::string path = Path("model");
  Publish(path, "w1");
  const std::string pipe = path + "/extra";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(VerifyError(path), pipe + ": is no regular file");
  const std::string manifest = path + "/manifest.json";
  std::filesystem::remove(manifest);
  ASSERT_EQ(::mkfifo(manifest.c_str(), 0600), 0);
  EXPECT_EQ(VerifyError(path), manifest + ": is no regular file");
}

TEST_F(ModelDirectoryTest, NamesEveryKindOfDamage) {
  const std::string path = Path("model");
  EXPECT_TRUE(absl::IsNotFound(VerifyModelDirectory(path).status()));
  std::filesystem::create_directory(path);
  EXPECT_THAT(VerifyError(path), HasSubstr("is no model: it has no manifest"));

  Publish(path, "w1");
  WriteFile("model/weights.safetensors", "wX");
  EXPECT_THAT(VerifyError(path),
              ::testing::AllOf(HasSubstr("model/weights.safetensors: has "
                                         "SHA-256 " +
                                         *Sha256("wX")),
                               HasSubstr("manifest says " + *Sha256("w1"))));
  WriteFile("model/weights.safetensors", "w1w1");
  EXPECT_THAT(VerifyError(path), HasSubstr("has 4 bytes, the manifest says 2"));
  std::filesystem::remove(path + "/weights.safetensors");
  EXPECT_THAT(VerifyError(path), HasSubstr("not in the directory"));
  WriteFile("model/weights.safetensors", "w1");
  EXPECT_EQ(VerifyError(path), "ok");
  WriteFile("model/extra", "");
  EXPECT_THAT(VerifyError(path), HasSubstr("model/extra: is not in the"));
  std::filesystem::remove(path + "/extra");

  const std::string manifest = ReadFile(path + "/manifest.json");
  auto with = [&](std::string_view from, std::string_view to) {
    std::string text = manifest;
    const size_t place = text.find(from);
    EXPECT_NE(place, std::string::npos) << from;
    WriteFile("model/manifest.json", text.replace(place, from.size(), to));
    return VerifyModelDirectory(path).status();
  };
  EXPECT_TRUE(absl::IsFailedPrecondition(
      with("\"format_version\": 1", "\"format_version\": 2")));
  EXPECT_TRUE(absl::IsDataLoss(with("\"version\": \"", "\"version\": \"0")));
  EXPECT_FALSE(with("\"files\"", "\"fi1es\"").ok());
  EXPECT_FALSE(with("\"size_bytes\": 2", "\"size_bytes\": -2").ok());
  EXPECT_FALSE(with("{", "[").ok());
}

}  // namespace
}  // namespace attune
