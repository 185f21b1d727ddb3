#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/train/dataset.h"

namespace attune {

/// Reads ../shared/data/<file> (plain TSV with a header; columns user_id,
/// item_id, and `time_column`, of which `has_time` says whether it is a clock
/// in seconds or an order). Keeps rows whose `action_column` says `action`
/// (empty: all rows). nullopt if the file is absent; callers then skip.
struct SharedFile {
  std::string file;
  std::string time_column;
  bool has_time = false;
  std::string action_column = {};
  std::string action = {};
};
std::optional<Dataset> ReadSharedEvents(const SharedFile& options);

/// A user's positives, one action, item i being "i<number>" with two digits;
/// times are order numbers unless `times_ms` (parallel to items) is given.
struct TestHistory {
  std::vector<int> items;
  std::vector<int64_t> times_ms;
};
/// Users are "u<index>" with two digits.
Dataset MakeDataset(const std::vector<TestHistory>& histories);

}  // namespace attune
