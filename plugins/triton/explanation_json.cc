#include "plugins/triton/explanation_json.h"

#include <nlohmann/json.hpp>

namespace attune::triton {

std::string ExplanationJson(const v1::Explanation& explanation) {
  using Ordered = nlohmann::ordered_json;
  Ordered reasons = Ordered::array();
  for (const v1::Reason& reason : explanation.reasons()) {
    Ordered out = {{"item_id", reason.item_id()}};
    if (!reason.title().empty()) out["title"] = reason.title();
    out["action"] = reason.action();
    if (reason.time_ms() != 0) out["time_ms"] = reason.time_ms();
    out["position"] = reason.position();
    out["attention"] = reason.attention();
    out["effect"] = reason.effect();
    reasons.push_back(std::move(out));
  }
  const Ordered json = {{"match_part", explanation.match_part()},
                        {"fusion_part", explanation.fusion_part()},
                        {"reasons", std::move(reasons)}};
  return json.dump(-1, ' ', false, Ordered::error_handler_t::replace);
}

}  // namespace attune::triton
