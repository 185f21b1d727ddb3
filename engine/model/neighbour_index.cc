#include "engine/model/neighbour_index.h"

#include <cmath>
#include <cstring>

#include "base/strings.h"

namespace attune {
namespace {

template <typename T>
void Append(std::string& bytes, const std::vector<T>& values) {
  const uint64_t count = values.size();
  bytes.append(reinterpret_cast<const char*>(&count), sizeof(count));
  bytes.append(reinterpret_cast<const char*>(values.data()),
               sizeof(T) * values.size());
}

template <typename T>
bool Take(std::string_view& bytes, std::vector<T>& values) {
  uint64_t count = 0;
  if (bytes.size() < sizeof(count)) return false;
  std::memcpy(&count, bytes.data(), sizeof(count));
  bytes.remove_prefix(sizeof(count));
  if (count > bytes.size() / sizeof(T)) return false;
  values.resize(count);
  std::memcpy(values.data(), bytes.data(), sizeof(T) * count);
  bytes.remove_prefix(sizeof(T) * count);
  return true;
}

}  // namespace

NeighbourIndex::NeighbourIndex(
    const std::vector<std::vector<Entry>> (&lists)[2]) {
  for (int kind = 0; kind < 2; ++kind) {
    for (const std::vector<Entry>& list : lists[kind]) {
      Table& table = tables_[kind];
      table.entries.insert(table.entries.end(), list.begin(), list.end());
      table.offsets.push_back(static_cast<int64_t>(table.entries.size()));
    }
  }
}

std::span<const NeighbourIndex::Entry> NeighbourIndex::Neighbours(
    Kind kind, int32_t row) const {
  const Table& table = tables_[kind];
  if (row < 0 || static_cast<size_t>(row) + 1 >= table.offsets.size()) {
    return {};
  }
  return std::span(table.entries)
      .subspan(table.offsets[row], table.offsets[row + 1] - table.offsets[row]);
}

std::string NeighbourIndex::Serialize() const {
  std::string bytes;
  for (const Table& table : tables_) {
    Append(bytes, table.offsets);
    Append(bytes, table.entries);
  }
  return bytes;
}

absl::StatusOr<NeighbourIndex> NeighbourIndex::Parse(std::string_view bytes,
                                                     int64_t rows) {
  NeighbourIndex index;
  for (Table& table : index.tables_) {
    bool good =
        Take(bytes, table.offsets) && Take(bytes, table.entries) &&
        static_cast<int64_t>(table.offsets.size()) == rows + 1 &&
        table.offsets.front() == 0 &&
        table.offsets.back() == static_cast<int64_t>(table.entries.size());
    for (size_t i = 1; good && i < table.offsets.size(); ++i) {
      good = table.offsets[i] >= table.offsets[i - 1];
    }
    for (size_t i = 0; good && i < table.entries.size(); ++i) {
      good = table.entries[i].row >= 0 && table.entries[i].row < rows &&
             std::isfinite(table.entries[i].weight);
    }
    if (!good) {
      return absl::DataLossError(
          StrCat("neighbour index does not fit ", rows, " items"));
    }
  }
  if (!bytes.empty()) {
    return absl::DataLossError(
        StrCat("neighbour index: ", bytes.size(), " bytes behind its end"));
  }
  return index;
}

}  // namespace attune
