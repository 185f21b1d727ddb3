#pragma once

#include <charconv>
#include <deque>
#include <string>
#include <string_view>

#include "engine/io/record.h"

namespace attune::python {

/// One row being made: fields, and the texts of numbers that they view. A deque
/// never moves what it has.
struct RowScratch {
  Record record;
  std::deque<std::string> texts;

  void Clear() {
    record.fields.clear();
    texts.clear();
  }
  std::string_view Keep(std::string text) {
    return texts.emplace_back(std::move(text));
  }
  /// The shortest text that reads back as the same number.
  template <typename Number>
  std::string_view NumberText(Number number) {
    char digits[64];
    const auto end = std::to_chars(digits, digits + sizeof digits, number);
    return Keep(std::string(digits, end.ptr));
  }
};

}  // namespace attune::python
