#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "engine/engine.h"

namespace attune {

/// Where attune_open gets its engine. The plugin links engine_factory.cc, which
/// calls Engine::Open; the ABI's own tests link an engine that misbehaves.
absl::StatusOr<std::unique_ptr<Engine>> OpenEngine(EngineOptions options);

}  // namespace attune
