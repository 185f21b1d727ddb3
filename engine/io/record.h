#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace attune {

/// One field of a row as the file has it, not yet interpreted: whether "007" is
/// a number is the schema's business. Views live until the reader's next call.
struct RecordField {
  enum class Kind : uint8_t {
    kMissing,  ///< JSON null or an empty TSV cell
    kBoolean,  ///< JSON true or false, in `text`
    kNumber,   ///< JSON number, its token in `text`
    kText,     ///< JSON string
    kList,     ///< JSON list of strings, numbers or booleans, in `list`
    kCell,     ///< TSV cell: text of unknown type
  };
  std::string_view name;
  Kind kind = Kind::kMissing;
  std::string_view text;
  std::vector<std::string_view> list;
  std::vector<Kind> list_kinds;  ///< of each element of a JSON list

  bool missing() const { return kind == Kind::kMissing; }
};

/// One row. `fields` have distinct names, in the file's order.
struct Record {
  std::string_view path;
  int64_t line = 0;
  std::vector<RecordField> fields;
};

}  // namespace attune
