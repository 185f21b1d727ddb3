#pragma once

#include <string>
#include <vector>

#include "tests/piped_process.h"

namespace attune::storage {

/// storage_child (storage_child.cc), run beside a test: another process that
/// has the database open.
class ChildProcess : public PipedProcess {
 public:
  explicit ChildProcess(const std::vector<std::string>& arguments)
      : PipedProcess(ATTUNE_STORAGE_CHILD, arguments) {}
};

}  // namespace attune::storage
