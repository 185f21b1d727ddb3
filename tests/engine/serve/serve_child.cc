// The owner's process of follow_test.cc: serve_child DATABASE
// Writes events without end, two in a batch (FollowShop), and says a batch's
// number when it is acknowledged.
#include <cstdio>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "tests/engine/serve/follow_shop.h"

namespace attune {
namespace {

int WriteWithoutEnd(const std::string& database) {
  EngineOptions options;
  options.database_path = database;
  auto engine = Engine::Open(std::move(options));
  if (!engine.ok()) {
    std::printf("%s\n", engine.status().ToString().c_str());
    return 1;
  }
  for (int batch = 0;; ++batch) {
    const std::vector<v1::Event> events = FollowShop::Batch(batch);
    const absl::Status status = (*engine)->PutEvents(events);
    if (!status.ok()) {
      std::printf("%s\n", status.ToString().c_str());
      return 1;
    }
    std::printf("%d\n", batch);
    std::fflush(stdout);
  }
}

}  // namespace
}  // namespace attune

int main(int argc, char** argv) {
  return argc == 2 ? attune::WriteWithoutEnd(argv[1]) : 2;
}
