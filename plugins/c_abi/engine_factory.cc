#include "plugins/c_abi/engine_factory.h"

#include <utility>

namespace attune {

absl::StatusOr<std::unique_ptr<Engine>> OpenEngine(EngineOptions options) {
  return Engine::Open(std::move(options));
}

}  // namespace attune
