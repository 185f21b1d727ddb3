#include "engine/train/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "tests/temporary_directory.h"

namespace attune {
namespace {

using ::testing::HasSubstr;

class CheckpointTest : public ::testing::Test {
 protected:
  std::string ReadFile() const {
    std::ifstream file(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void WriteFile(const std::string& content) const {
    std::ofstream(path_, std::ios::binary) << content;
  }
  void SaveSample() const {
    const std::vector<float> weights = {1.5f, -2.0f, 3.25f};
    CheckpointWriter writer;
    writer.Add("weights", weights);
    writer.Add("progress", "{\"epoch\": 3}");
    writer.Add("nothing", "");
    ASSERT_TRUE(writer.Save(path_).ok());
  }

  TemporaryDirectory temporary_;
  const std::string directory_ = temporary_.path();
  const std::string path_ = temporary_.File("state.ckpt");
};

TEST_F(CheckpointTest, GivesBackWhatWasSaved) {
  SaveSample();
  auto loaded = Checkpoint::Load(path_);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  const Checkpoint checkpoint = std::move(*loaded);  // views survive the move
  EXPECT_EQ(*checkpoint.Floats("weights"),
            (std::vector<float>{1.5f, -2.0f, 3.25f}));
  std::vector<float> weights(3);
  EXPECT_TRUE(checkpoint.ReadFloats("weights", weights).ok());
  EXPECT_EQ(weights[2], 3.25f);
  EXPECT_EQ(*checkpoint.Bytes("progress"), "{\"epoch\": 3}");
  EXPECT_EQ(*checkpoint.Bytes("nothing"), "");
  EXPECT_TRUE(checkpoint.Contains("nothing"));
  EXPECT_FALSE(checkpoint.Contains("missing"));
  EXPECT_EQ(checkpoint.Bytes("missing").status().code(),
            absl::StatusCode::kNotFound);
  std::vector<float> wrong(4);
  const auto status = checkpoint.ReadFloats("weights", wrong);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("12 bytes"));
  EXPECT_FALSE(std::filesystem::exists(path_ + ".tmp"));
}

TEST_F(CheckpointTest, EveryChangedByteAndEveryTruncationIsSeen) {
  SaveSample();
  const std::string good = ReadFile();
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] ^= 0x10;
    WriteFile(bad);
    const auto loaded = Checkpoint::Load(path_);
    // Padding between blobs carries nothing.
    if (loaded.ok()) {
      EXPECT_EQ(good[i], '\0') << i;
      EXPECT_EQ(*loaded->Floats("weights"),
                (std::vector<float>{1.5f, -2.0f, 3.25f}));
      continue;
    }
    EXPECT_THAT(std::string(loaded.status().message()), HasSubstr(path_));
    EXPECT_TRUE(loaded.status().code() == absl::StatusCode::kDataLoss ||
                loaded.status().code() == absl::StatusCode::kFailedPrecondition)
        << i << " " << loaded.status();
  }
  for (size_t size = 0; size < good.size(); ++size) {
    WriteFile(good.substr(0, size));
    EXPECT_EQ(Checkpoint::Load(path_).status().code(),
              absl::StatusCode::kDataLoss)
        << size;
  }
  WriteFile(good + "x");
  EXPECT_EQ(Checkpoint::Load(path_).status().code(),
            absl::StatusCode::kDataLoss);
}

TEST_F(CheckpointTest, NamesTheDamagedBlobAndTheNewerVersion) {
  SaveSample();
  std::string bad = ReadFile();
  bad[bad.find("epoch")] = 'E';
  WriteFile(bad);
  EXPECT_THAT(std::string(Checkpoint::Load(path_).status().message()),
              HasSubstr("blob \"progress\" is damaged"));
  bad[8] = 2;  // the version follows the magic
  WriteFile(bad);
  const auto newer = Checkpoint::Load(path_);
  EXPECT_EQ(newer.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(newer.status().message()), HasSubstr("version 2"));
}

TEST_F(CheckpointTest, NoFileAndNoDirectory) {
  EXPECT_EQ(Checkpoint::Load(path_).status().code(),
            absl::StatusCode::kNotFound);
  CheckpointWriter writer;
  EXPECT_THAT(std::string(writer.Save(directory_ + "/no/x").message()),
              HasSubstr("/no/x"));
  writer.Add("a", "1");
  writer.Add("a", "2");
  EXPECT_EQ(writer.Save(path_).code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(CheckpointTest, AFailedSaveKeepsThePreviousOne) {
  SaveSample();
  // A directory in the temporary file's place: nobody can write there.
  ASSERT_EQ(::mkdir((path_ + ".tmp").c_str(), 0755), 0);
  CheckpointWriter writer;
  writer.Add("weights", "other");
  EXPECT_FALSE(writer.Save(path_).ok());
  EXPECT_EQ(Checkpoint::Load(path_)->Floats("weights")->size(), 3u);
}

TEST_F(CheckpointTest, KillWhileSavingLeavesAWholeCheckpoint) {
  const std::vector<float> first(1 << 20, 1.0f);
  CheckpointWriter writer;
  writer.Add("weights", first);
  ASSERT_TRUE(writer.Save(path_).ok());
  for (int round = 0; round < 10; ++round) {
    int ready[2];
    ASSERT_EQ(::pipe(ready), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      const std::vector<float> next(1 << 20, static_cast<float>(round + 2));
      CheckpointWriter again;
      again.Add("weights", next);
      for (int save = 0;; ++save) {
        if (!again.Save(path_).ok()) ::_exit(1);
        if (save == 0 && ::write(ready[1], "x", 1) != 1) ::_exit(1);
      }
    }
    char byte;
    ASSERT_EQ(::read(ready[0], &byte, 1), 1);
    ::usleep(700 * round);  // another place of the loop each time
    ::kill(child, SIGKILL);
    int status;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
    ::close(ready[0]);
    ::close(ready[1]);
    const auto loaded = Checkpoint::Load(path_);
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    const std::vector<float> weights = loaded->Floats("weights").value();
    ASSERT_EQ(weights.size(), first.size());
    EXPECT_EQ(weights.front(), static_cast<float>(round + 2));
    EXPECT_EQ(weights.back(), weights.front());
  }
}

}  // namespace
}  // namespace attune
