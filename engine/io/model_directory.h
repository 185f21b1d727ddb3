#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/io/sha256.h"

namespace attune {

/// manifest.json of a model directory: what must be there, byte for byte.
struct ModelManifest {
  static constexpr int kFormatVersion = 1;

  int format_version = kFormatVersion;
  /// By path relative to the directory ("weights.safetensors"); the manifest
  /// itself is not among them.
  std::map<std::string, FileDigest> files;
  /// Name of this model's content: the first 16 hex digits of a SHA-256 over
  /// all files but report.json, which holds timings. Equal weights, config and
  /// vocabulary give equal versions.
  std::string version;
};

/// Reads manifest.json and checks every file against it. NotFound where there
/// is no manifest; FailedPrecondition for a newer format; DataLoss, naming the
/// file and both hashes or sizes, for a file that is damaged, missing or not in
/// the manifest.
absl::StatusOr<ModelManifest> VerifyModelDirectory(
    const std::string& directory);

/// Whether a model may be published at `final_path`: ask before work that ends
/// there. AlreadyExists where something else than a model directory or an empty
/// one is, NotFound where its parent is missing.
absl::Status CheckModelTarget(const std::string& final_path);

/// A directory that is filled in secret and appears complete or not at all.
/// Removed by the destructor unless Publish() succeeded. Not thread-safe.
class StagedDirectory {
 public:
  /// Makes an empty hidden directory beside `final_path`, whose parent must
  /// exist. One left behind by a dead process of this machine is removed.
  static absl::StatusOr<std::unique_ptr<StagedDirectory>> Create(
      const std::string& final_path);
  ~StagedDirectory();
  StagedDirectory(const StagedDirectory&) = delete;
  StagedDirectory& operator=(const StagedDirectory&) = delete;

  /// Where to write the files.
  const std::string& path() const { return path_; }

  /// Writes manifest.json over all files present, syncs them, and renames the
  /// directory to its final path, atomically also where that path is a model
  /// directory already (which is then removed). AlreadyExists where it is
  /// something else than a model directory or an empty one.
  absl::StatusOr<ModelManifest> Publish();

 private:
  StagedDirectory(std::string final_path, std::string path);
  std::string final_path_;
  std::string path_;
  bool published_ = false;
};

}  // namespace attune
