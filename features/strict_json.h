#pragma once

// Included from .cc files of this room only: no public header shows
// nlohmann/json.

#include <cstdint>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace attune::features {

/// Parses JSON, refusing repeated fields and more than 32 levels. Errors name
/// `source` and the line and column or the field.
absl::StatusOr<nlohmann::json> ParseStrictJson(std::string_view text,
                                               std::string_view source);

/// A value in a parsed document together with its place, for messages such as
/// `schema.json: columns[2].type: expected a string, found a number`. Views the
/// document.
class JsonPlace {
 public:
  JsonPlace(const nlohmann::json& value, std::string_view source)
      : value_(&value), source_(source) {}

  /// An object without other fields than these.
  absl::Status ExpectFields(
      std::initializer_list<std::string_view> allowed) const;
  bool Has(std::string_view field) const;
  /// NotFound-like InvalidArgument where the field is missing.
  absl::StatusOr<JsonPlace> Field(std::string_view field) const;

  absl::StatusOr<std::vector<JsonPlace>> Elements() const;
  /// Fields of an object, sorted by name.
  absl::StatusOr<std::vector<std::pair<std::string, JsonPlace>>> Members()
      const;
  absl::StatusOr<std::string> String() const;
  absl::StatusOr<bool> Bool() const;
  /// Finite, within [minimum, maximum].
  absl::StatusOr<double> Number(double minimum, double maximum) const;
  absl::StatusOr<int64_t> Integer(int64_t minimum, int64_t maximum) const;

  const nlohmann::json& value() const { return *value_; }
  std::string Describe() const;  ///< "schema.json: columns[2].type"
  absl::Status Error(std::string_view message) const;

 private:
  JsonPlace(const nlohmann::json& value, std::string source, std::string path)
      : value_(&value), source_(std::move(source)), path_(std::move(path)) {}
  absl::Status WrongType(std::string_view expected) const;

  const nlohmann::json* value_;
  std::string source_;
  std::string path_;
};

}  // namespace attune::features
