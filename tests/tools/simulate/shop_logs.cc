#include "tests/tools/simulate/shop_logs.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <zlib.h>

#include <sstream>

namespace attune::simulate {

std::string MakeFolder() {
  std::string name = ::testing::TempDir() + "simulateXXXXXX";
  EXPECT_NE(mkdtemp(name.data()), nullptr);
  return name;
}

std::string ReadText(const std::string& path) {
  gzFile file = gzopen(path.c_str(), "rb");
  EXPECT_NE(file, nullptr) << path;
  std::string text;
  if (file == nullptr) return text;
  char piece[1 << 16];
  int got = 0;
  while ((got = gzread(file, piece, sizeof(piece))) > 0)
    text.append(piece, got);
  EXPECT_EQ(got, 0) << path;
  gzclose(file);
  return text;
}

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::vector<std::string> Fields(const std::string& line) {
  std::vector<std::string> fields;
  size_t begin = 0;
  for (size_t end; (end = line.find('\t', begin)) != std::string::npos;
       begin = end + 1) {
    fields.push_back(line.substr(begin, end - begin));
  }
  fields.push_back(line.substr(begin));
  return fields;
}

std::vector<EventRow> ReadEvents(const std::string& dir) {
  std::vector<EventRow> rows;
  const std::vector<std::string> lines = Lines(ReadText(dir + "/events.tsv"));
  for (size_t i = 1; i < lines.size(); ++i) {
    const std::vector<std::string> f = Fields(lines[i]);
    EXPECT_EQ(f.size(), 9u) << lines[i];
    if (f.size() != 9) continue;
    for (size_t k = 5; k < 9; ++k) EXPECT_TRUE(f[k] == "0" || f[k] == "1");
    rows.push_back({f[0], f[1], f[2], std::stoll(f[3]), std::stoi(f[4]),
                    f[5] == "1", f[6] == "1", f[7] == "1", f[8] == "1"});
  }
  return rows;
}

std::string BookshopPath() {
  return std::string(ATTUNE_SOURCE_DIR) + "/examples/bookshop/items.jsonl";
}

SimulateOptions SmallShop(uint64_t users) {
  SimulateOptions options;
  options.out_dir = MakeFolder();
  options.catalogue = BookshopPath();
  options.users = users;
  return options;
}

SimulationReport MustRun(const SimulateOptions& options) {
  absl::StatusOr<Simulator> simulator = Simulator::Create(options);
  EXPECT_TRUE(simulator.ok()) << simulator.status();
  if (!simulator.ok()) return {};
  absl::StatusOr<SimulationReport> report = simulator->Run();
  EXPECT_TRUE(report.ok()) << report.status();
  return report.ok() ? *report : SimulationReport();
}

}  // namespace attune::simulate
