#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace attune {

/// Columns that a terminal shows `text` in, for UTF-8: 2 for East Asian wide
/// characters, 0 for combining marks, else 1. Broken bytes count as 1.
size_t DisplayWidth(std::string_view text);

/// `text` cut to at most `width` columns, with "…" at the end if it was cut.
std::string CutToWidth(std::string_view text, size_t width);

/// An aligned table for people: two blanks between columns, no lines.
///
///   TextTable table({{"rank", TextTable::kRight}, {"item"}});
///   table.AddRow({"1", "The Moonstone"});
///   table.AddNote("because you bought The Woman in White (32%)");
class TextTable {
 public:
  enum Align { kLeft, kRight };
  struct Column {
    std::string title;
    Align align = kLeft;
  };

  explicit TextTable(std::vector<Column> columns);

  /// Missing cells are empty, cells beyond the columns are dropped.
  void AddRow(std::vector<std::string> cells);
  /// A line of its own below the last row, indented to the second column.
  void AddNote(std::string note);

  /// Every line ends with '\n' and has no blanks at its end.
  std::string ToString() const;

 private:
  struct Line {
    std::vector<std::string> cells;  // empty: a note
    std::string note;
  };
  std::vector<Column> columns_;
  std::vector<Line> lines_;
};

}  // namespace attune
