#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/cancel_flag.h"

namespace attune::storage {

/// What Database::WriteSnapshot packs.
struct SnapshotOptions {
  std::string path;
  /// Whose item vectors.
  std::string model_version;
  /// Users, their histories and their events, too.
  bool histories = false;

  struct File {
    std::string name;  ///< for Database::PackedFile
    std::string content;
  };
  std::vector<File> files;
  /// Ends it with Cancelled, within some thousand rows.
  CancelFlag cancelled;
};

/// What it has packed.
struct SnapshotSummary {
  int64_t items = 0;
  int64_t vectors = 0;
  int64_t users = 0;  // with a record
  int64_t histories = 0;
  int64_t events = 0;
  int64_t size_bytes = 0;
};

}  // namespace attune::storage
