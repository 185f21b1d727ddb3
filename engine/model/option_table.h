#pragma once

#include <cmath>
#include <concepts>
#include <cstdint>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "base/strings.h"
#include "engine/io/excerpt.h"
#include "engine/io/nearest_name.h"

namespace attune {

/// The keys of a configuration object and the one place that says what each may
/// be: how it is written, read, and refused. `Options` is a plain struct.
/// Immutable once built, so thread-safe.
template <typename Options>
class OptionTable {
 public:
  using Json = nlohmann::ordered_json;

  /// A whole number in low..high.
  template <std::integral T>
  OptionTable& Whole(const char* name, T Options::* member, T low, T high) {
    return Add(name, member, StrCat("a whole number in ", low, "..", high),
               [low, high](const Json& json, T* value) {
                 // The sign first: a huge unsigned one has no signed value.
                 if (!json.is_number_integer()) return false;
                 const bool in_range =
                     json.is_number_unsigned()
                         ? std::cmp_less_equal(json.get<uint64_t>(), high) &&
                               std::cmp_greater_equal(json.get<uint64_t>(), low)
                         : std::cmp_less_equal(json.get<int64_t>(), high) &&
                               std::cmp_greater_equal(json.get<int64_t>(), low);
                 if (in_range) *value = json.get<T>();
                 return in_range;
               });
  }

  /// A number in low..high.
  OptionTable& Real(const char* name, float Options::* member, float low,
                    float high) {
    return Add(name, member, StrCat("a number in ", low, "..", high),
               [low, high](const Json& json, float* value) {
                 if (!json.is_number()) return false;
                 const float number = json.get<float>();
                 if (!(number >= low && number <= high)) return false;
                 *value = number;
                 return true;
               });
  }

  OptionTable& Flag(const char* name, bool Options::* member) {
    return Add(name, member, "true or false",
               [](const Json& json, bool* value) {
                 if (!json.is_boolean()) return false;
                 *value = json.get<bool>();
                 return true;
               });
  }

  /// A string that is one of `choices`; any but an empty one where there are
  /// none.
  OptionTable& Text(const char* name, std::string Options::* member,
                    const std::vector<std::string>& choices = {}) {
    return Add(name, member, choices.empty() ? "a text" : OneOf(choices),
               [choices](const Json& json, std::string* value) {
                 if (!json.is_string()) return false;
                 std::string text = json.get<std::string>();
                 bool fits = choices.empty() && !text.empty();
                 for (const std::string& choice : choices) {
                   fits = fits || text == choice;
                 }
                 if (fits) *value = std::move(text);
                 return fits;
               });
  }

  /// An enumeration whose values are 0, 1, … by the names of `choices`.
  template <typename Enum>
  OptionTable& Choice(const char* name, Enum Options::* member,
                      const std::vector<std::string>& choices) {
    Row row;
    row.name = name;
    row.allowed = OneOf(choices);
    row.get = [member, choices](const Options& options) {
      return Json(choices[static_cast<size_t>(options.*member)]);
    };
    row.set = [member, choices](Options& options, const Json& json) {
      for (size_t i = 0; i < choices.size(); ++i) {
        if (json != choices[i]) continue;
        options.*member = static_cast<Enum>(i);
        return true;
      }
      return false;
    };
    rows_.push_back(std::move(row));
    return *this;
  }

  /// least..most whole numbers, each in low..high.
  OptionTable& WholeList(const char* name, std::vector<int> Options::* member,
                         std::pair<int, int> count, int low, int high) {
    return Add(name, member,
               StrCat("a list of ", count.first, "..", count.second,
                      " whole numbers in ", low, "..", high),
               [count, low, high](const Json& json, std::vector<int>* value) {
                 if (!IsList(json, count)) return false;
                 std::vector<int> list;
                 for (const Json& element : json) {
                   if (!element.is_number_integer()) return false;
                   const double number = element.get<double>();
                   if (!(number >= low && number <= high)) return false;
                   list.push_back(element.get<int>());
                 }
                 *value = std::move(list);
                 return true;
               });
  }

  /// least..most strings.
  OptionTable& TextList(const char* name,
                        std::vector<std::string> Options::* member,
                        std::pair<int, int> count) {
    return Add(name, member,
               StrCat("a list of ", count.first, "..", count.second, " texts"),
               [count](const Json& json, std::vector<std::string>* value) {
                 if (!IsList(json, count)) return false;
                 for (const Json& element : json) {
                   if (!element.is_string()) return false;
                 }
                 *value = json.get<std::vector<std::string>>();
                 return true;
               });
  }

  Json ToJson(const Options& options) const {
    Json json = Json::object();
    for (const Row& row : rows_) json[row.name] = row.get(options);
    return json;
  }

  /// Takes the keys of `object`. InvalidArgument, beginning with `where`
  /// ("config.json: training."), for an unknown key, with the nearest one, and
  /// for a value of another type or out of range, with what is allowed.
  absl::Status Read(const Json& object, std::string_view where,
                    Options* options) const {
    for (const auto& [key, value] : object.items()) {
      const Row* row = Find(key);
      if (row == nullptr) {
        return absl::InvalidArgumentError(StrCat(
            where, key, ": there is no such key", DidYouMean(key, Names())));
      }
      if (!row->set(*options, value)) return NotAllowed(*row, value, where);
    }
    return absl::OkStatus();
  }

  /// The same checks of options that were not read from a file.
  absl::Status Check(const Options& options, std::string_view where) const {
    Options scratch = options;
    for (const Row& row : rows_) {
      const Json value = row.get(options);
      if (!row.set(scratch, value)) return NotAllowed(row, value, where);
    }
    return absl::OkStatus();
  }

  std::vector<std::string_view> Names() const {
    std::vector<std::string_view> names;
    for (const Row& row : rows_) names.emplace_back(row.name);
    return names;
  }

 private:
  struct Row {
    const char* name = nullptr;
    std::string allowed;
    std::function<Json(const Options&)> get;
    // False, and nothing changed, for a value that is not allowed.
    std::function<bool(Options&, const Json&)> set;
  };

  template <typename T, typename Take>
  OptionTable& Add(const char* name, T Options::* member, std::string allowed,
                   const Take& take) {
    Row row;
    row.name = name;
    row.allowed = std::move(allowed);
    row.get = [member](const Options& options) {
      return Json(options.*member);
    };
    row.set = [member, take](Options& options, const Json& json) {
      return take(json, &(options.*member));
    };
    rows_.push_back(std::move(row));
    return *this;
  }

  const Row* Find(std::string_view name) const {
    for (const Row& row : rows_) {
      if (name == row.name) return &row;
    }
    return nullptr;
  }

  static bool IsList(const Json& json, std::pair<int, int> count) {
    return json.is_array() &&
           std::cmp_greater_equal(json.size(), count.first) &&
           std::cmp_less_equal(json.size(), count.second);
  }

  static std::string OneOf(const std::vector<std::string>& choices) {
    std::string text = "one of ";
    for (size_t i = 0; i < choices.size(); ++i) {
      text += StrCat(i == 0 ? "" : ", ", "\"", choices[i], "\"");
    }
    return text;
  }

  static absl::Status NotAllowed(const Row& row, const Json& value,
                                 std::string_view where) {
    std::string text =
        value.is_number_float() && !std::isfinite(value.get<double>())
            ? "not finite"
            : value.dump(-1, ' ', false, Json::error_handler_t::replace);
    if (text.size() > kShownBytes) text = Excerpt(text, kShownBytes);
    return absl::InvalidArgumentError(
        StrCat(where, row.name, " is ", text, ", must be ", row.allowed));
  }

  static constexpr size_t kShownBytes = 60;
  std::vector<Row> rows_;
};

}  // namespace attune
