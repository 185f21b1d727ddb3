#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/rng.h"

namespace attune {

/// Which settings of a configuration file a search varies, and how. Written as
/// one JSON object, from names ("training.dropout", "model.temperature") to
///   [0.1, 0.2, 0.3]          one of these, all the same likely
///   {"range": [2, 6]}        between the two; whole where both are
///   {"log": [0.0005, 0.005]} the same with every factor as likely
class SearchSpace {
 public:
  /// InvalidArgument naming `source` and the setting.
  static absl::StatusOr<SearchSpace> Parse(std::string_view text,
                                           std::string_view source);
  /// What was worth varying on the data sets of docs/quality.md.
  static SearchSpace Default();

  /// One draw, as a configuration file: {"model": {…}, "training": {…}}.
  nlohmann::ordered_json Draw(Rng& rng) const;

  /// Parses to an equal space.
  std::string ToJson() const { return text_; }

 private:
  enum class Kind { kChoice, kRange, kLog };
  struct Setting {
    std::string part, name;
    Kind kind = Kind::kChoice;
    std::vector<nlohmann::ordered_json> choices;
    double low = 0, high = 0;
    bool whole = false;
  };
  static absl::StatusOr<Setting> ParseSetting(
      const std::string& key, const nlohmann::ordered_json& value,
      std::string_view source);

  std::string text_;
  std::vector<Setting> settings_;
};

}  // namespace attune
