#include "shared_data.h"

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <optional>
#include <sstream>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"

namespace attune {
namespace {

std::vector<std::string> Cells(const std::string& line) {
  std::vector<std::string> cells;
  std::stringstream stream(line);
  for (std::string cell; std::getline(stream, cell, '\t');) {
    cells.push_back(cell);
  }
  return cells;
}

}  // namespace

std::optional<Dataset> ReadSharedEvents(const SharedFile& options) {
  std::ifstream file(std::string(ATTUNE_SOURCE_DIR) + "/../shared/data/" +
                     options.file);
  std::string line;
  if (!file || !std::getline(file, line)) return std::nullopt;
  const std::vector<std::string> header = Cells(line);
  const auto column = [&](std::string_view name) {
    return std::find(header.begin(), header.end(), name) - header.begin();
  };
  const auto user = column("user_id"), item = column("item_id");
  const auto time = column(options.time_column);
  const auto action = column(options.action_column);
  DatasetBuilder builder;
  while (std::getline(file, line)) {
    const std::vector<std::string> cells = Cells(line);
    if (!options.action.empty() && cells.at(action) != options.action) continue;
    Interaction row;
    row.item = builder.AddItem(cells.at(item));
    row.action = builder.AddAction("seen").value();
    row.positive = true;
    row.has_time = options.has_time;
    row.sort_key = std::stoll(cells.at(time));
    if (row.has_time) row.time_ms = row.sort_key *= 1000;
    builder.AddInteraction(builder.AddUser(cells.at(user)), row);
  }
  return std::move(builder).Build();
}

Dataset MakeDataset(const std::vector<TestHistory>& histories) {
  DatasetBuilder builder;
  for (size_t u = 0; u < histories.size(); ++u) {
    const int32_t user = builder.AddUser(absl::StrFormat("u%02d", u));
    for (size_t i = 0; i < histories[u].items.size(); ++i) {
      Interaction row;
      row.item =
          builder.AddItem(absl::StrFormat("i%02d", histories[u].items[i]));
      row.action = builder.AddAction("click").value();
      row.positive = true;
      row.has_time = !histories[u].times_ms.empty();
      row.sort_key =
          row.has_time ? histories[u].times_ms[i] : static_cast<int64_t>(i);
      row.time_ms = row.sort_key;
      builder.AddInteraction(user, row);
    }
  }
  return std::move(builder).Build();
}

}  // namespace attune
