#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "engine/engine.h"

namespace attune {

/// What the fake engines of this process do besides their default: each hook
/// that is set runs at the begin of its calls and decides their status. Tests
/// set them before the calls and reset them after.
struct FakeBehaviour {
  std::function<absl::Status(const EngineOptions&)> open;
  std::function<absl::Status(const v1::RankRequest&, const CallOptions&)> rank;
  std::function<absl::Status(std::string_view, const RankIdsOptions&)> rank_ids;
  /// Changes what Rank answers.
  std::function<void(const v1::RankRequest&, v1::RankResponse*)> answer;
  /// Every other method, with its name: "PutItems", "ReloadModel", …
  std::function<absl::Status(std::string_view)> other;
  std::function<void()> destroy;
};
FakeBehaviour& Behaviour();

/// What the fakes were asked, as text: "PutItems a,b sync", in order.
std::vector<std::string> TakeCalls();

/// The score that every fake gives, the same in any process. Depends on the
/// floating-point mode: a part of it is a denormal product, another a rounded
/// quotient.
float FakeScore(std::string_view user_id, std::string_view item_id);

/// The options of the engine that was opened last.
EngineOptions LastOptions();

}  // namespace attune
