#include "bench/rivals/training_tensors.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/io/safetensors.h"

namespace attune {
namespace {

constexpr int64_t kHourMs = 3'600'000;
/// The first whole number behind which floats leave some out.
constexpr float kMostExact = 16'777'216;

/// Columns that grow together, then one file.
class Columns {
 public:
  template <typename T>
  void Append(const char* name, std::span<const T> values) {
    std::vector<float>& column = Find(name);
    for (const T value : values) column.push_back(static_cast<float>(value));
  }
  void Append(const char* name, float value) { Find(name).push_back(value); }
  void AppendTime(const std::string& name, int64_t ms) {
    const int64_t hours = ms / kHourMs;
    Find(name + "_hours").push_back(static_cast<float>(hours));
    Find(name + "_ms").push_back(static_cast<float>(ms - hours * kHourMs));
  }
  /// One row of numbers; with `width` rows of so many.
  void SetWidth(const char* name, int64_t width) { widths_[name] = width; }

  absl::Status Write(const std::string& path) const {
    SafetensorsWriter writer;
    for (const auto& [name, column] : columns_) {
      for (const float value : column) {
        if (!(std::abs(value) < kMostExact)) {
          return absl::OutOfRangeError(StrCat(path, ": ", name, " holds ",
                                              value, ", not exact as a float"));
        }
      }
      const int64_t size = static_cast<int64_t>(column.size());
      const auto width = widths_.find(name);
      std::vector<int64_t> shape = {1, size};
      if (width != widths_.end()) {
        shape = {size / std::max<int64_t>(width->second, 1), width->second};
      }
      ATTUNE_RETURN_IF_ERROR(writer.Add(name, std::move(shape), column));
    }
    return writer.Write(path);
  }

 private:
  std::vector<float>& Find(const std::string& name) { return columns_[name]; }

  std::map<std::string, std::vector<float>> columns_;
  std::map<std::string, int64_t> widths_;
};

void AppendRows(const MatchBatch& rows, int64_t before, Columns& columns) {
  for (const AttentionSequence& range : rows.ranges) {
    columns.Append("first", static_cast<float>(before + range.query_begin));
    columns.Append("count", static_cast<float>(range.query_count));
  }
  columns.Append<int32_t>("item", rows.item);
  columns.Append<int32_t>("seen", rows.seen);
  columns.Append<int32_t>("action", rows.action);
  columns.Append<int32_t>("gap", rows.gap);
  columns.Append<uint8_t>("start", rows.is_start);
  columns.Append<int32_t>("target", rows.target);
  columns.Append<float>("weight", rows.weight);
  for (int64_t i = 0; i < rows.rows(); ++i) {
    columns.AppendTime("key", rows.timed ? rows.key_time_ms[i] : 0);
    columns.AppendTime("query", rows.timed ? rows.query_time_ms[i] : 0);
  }
}

void AppendGroups(const DecoderBatch& batch, int64_t rows_before,
                  int64_t candidates_before, Columns& columns) {
  for (const DecoderGroup& group : batch.groups) {
    const auto row = [&](int64_t i) {
      return static_cast<float>(rows_before + i);
    };
    const auto candidate = [&](int64_t i) {
      return static_cast<float>(candidates_before + i);
    };
    columns.Append("group_first", row(group.first_row));
    columns.Append("group_last", row(group.last_row));
    columns.Append("group_begin", candidate(group.begin));
    columns.Append("group_end", candidate(group.end));
    columns.Append("group_start", group.start ? 1.0f : 0.0f);
    columns.Append("group_impression", group.impression ? 1.0f : 0.0f);
    columns.Append("group_weight", group.weight);
    columns.AppendTime("group", group.now_ms);
    columns.Append<float>("clock", group.clock);
    columns.Append<int32_t>("user_token", group.user_tokens);
    columns.Append("user_tokens", static_cast<float>(group.user_tokens.size()));
  }
  columns.Append<int32_t>("candidate", batch.item);
  columns.Append<float>("log_weight", batch.log_weight);
  columns.Append<uint32_t>("followed", batch.followed);
  columns.Append<float>("dense", batch.dense);
}

}  // namespace

absl::Status WriteItemTensors(const Catalogue& catalogue,
                              const std::string& path) {
  std::vector<int32_t> all(static_cast<size_t>(catalogue.size()));
  std::iota(all.begin(), all.end(), 0);
  ItemBatch items;
  catalogue.AddTo(all, items);
  Columns columns;
  columns.Append<int32_t>("id", items.id_rows);
  columns.Append<int32_t>("text", items.text_rows);
  columns.Append<int64_t>("text_offsets", items.text_offsets);
  columns.Append<int32_t>("attribute", items.attribute_rows);
  columns.Append<int64_t>("attribute_offsets", items.attribute_offsets);
  return columns.Write(path);
}

absl::Status WriteRowTensors(std::span<const TrainingShard> shards,
                             bool with_groups, const std::string& path) {
  Columns columns;
  int64_t rows = 0, candidates = 0;
  for (const TrainingShard& shard : shards) {
    AppendRows(shard.rows, rows, columns);
    if (with_groups) AppendGroups(shard.groups, rows, candidates, columns);
    rows += shard.rows.rows();
    candidates += static_cast<int64_t>(shard.groups.item.size());
  }
  if (with_groups) {
    int64_t dense = 0;
    for (const TrainingShard& shard : shards) {
      dense += static_cast<int64_t>(shard.groups.dense.size());
    }
    columns.SetWidth("clock", kClockFeatures);
    columns.SetWidth("dense", candidates > 0 ? dense / candidates : 0);
  }
  return columns.Write(path);
}

absl::Status WriteParameters(const Network& network,
                             std::span<const float> values,
                             const std::string& path) {
  SafetensorsWriter writer;
  for (const Parameter& parameter : network.layout().list()) {
    ATTUNE_RETURN_IF_ERROR(
        writer.Add(parameter.name, {parameter.rows, parameter.cols},
                   values.subspan(parameter.offset, parameter.size())));
  }
  return writer.Write(path);
}

}  // namespace attune
