#include "engine/rank/text_table.h"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace attune {
namespace {

// Decodes the character at `at` and moves behind it. A byte that is not UTF-8
// is a character of its own.
uint32_t NextCharacter(std::string_view text, size_t& at) {
  const auto byte = [&](size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  const uint32_t first = byte(at);
  const int length = first < 0x80           ? 1
                     : (first >> 5) == 0x06 ? 2
                     : (first >> 4) == 0x0e ? 3
                     : (first >> 3) == 0x1e ? 4
                                            : 1;
  uint32_t code = length == 1 ? first : first & (0x7fu >> length);
  for (int i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xc0u) != 0x80u) {
      ++at;
      return 0xfffd;
    }
    code = (code << 6) | (byte(at + i) & 0x3fu);
  }
  at += length;
  return code;
}

struct Range {
  uint32_t first, last;
};

// Unicode 15, East_Asian_Width W and F, in blocks: fine enough for titles.
constexpr Range kWide[] = {
    {0x1100, 0x115f},   {0x2e80, 0x303e},   {0x3041, 0x33ff},
    {0x3400, 0x4dbf},   {0x4e00, 0x9fff},   {0xa000, 0xa4cf},
    {0xa960, 0xa97f},   {0xac00, 0xd7a3},   {0xf900, 0xfaff},
    {0xfe30, 0xfe6f},   {0xff00, 0xff60},   {0xffe0, 0xffe6},
    {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff},
    {0x20000, 0x3fffd},
};

// Marks that stand on the character before them, joiners, selectors.
constexpr Range kZero[] = {
    {0x0300, 0x036f}, {0x0483, 0x0489}, {0x0591, 0x05bd}, {0x064b, 0x065f},
    {0x0e31, 0x0e31}, {0x0e34, 0x0e3a}, {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff},
    {0x200b, 0x200f}, {0x20d0, 0x20ff}, {0x3099, 0x309a}, {0xfe00, 0xfe0f},
    {0xfe20, 0xfe2f}, {0xfeff, 0xfeff},
};

template <size_t kCount>
bool In(const Range (&ranges)[kCount], uint32_t code) {
  return std::any_of(std::begin(ranges), std::end(ranges), [&](Range r) {
    return code >= r.first && code <= r.last;
  });
}

size_t CharacterWidth(uint32_t code) {
  if (code < 0x0300) return 1;
  if (In(kZero, code)) return 0;
  return In(kWide, code) ? 2 : 1;
}

void AppendCell(std::string_view cell, size_t width, TextTable::Align align,
                std::string& out) {
  const size_t shown = DisplayWidth(cell);
  const size_t blanks = width > shown ? width - shown : 0;
  if (align == TextTable::kRight) out.append(blanks, ' ');
  out.append(cell);
  if (align == TextTable::kLeft) out.append(blanks, ' ');
}

void EndLine(std::string& out) {
  while (!out.empty() && out.back() == ' ') out.pop_back();
  out.push_back('\n');
}

}  // namespace

size_t DisplayWidth(std::string_view text) {
  size_t width = 0;
  for (size_t at = 0; at < text.size();) {
    width += CharacterWidth(NextCharacter(text, at));
  }
  return width;
}

std::string CutToWidth(std::string_view text, size_t width) {
  if (DisplayWidth(text) <= width) return std::string(text);
  if (width == 0) return "";
  size_t used = 0;
  size_t end = 0;
  for (size_t at = 0; at < text.size();) {
    used += CharacterWidth(NextCharacter(text, at));
    if (used > width - 1) break;
    end = at;
  }
  return std::string(text.substr(0, end)) + "…";
}

TextTable::TextTable(std::vector<Column> columns)
    : columns_(std::move(columns)) {}

void TextTable::AddRow(std::vector<std::string> cells) {
  cells.resize(columns_.size());
  lines_.push_back({std::move(cells), ""});
}

void TextTable::AddNote(std::string note) {
  lines_.push_back({{}, std::move(note)});
}

std::string TextTable::ToString() const {
  constexpr size_t kGap = 2;
  std::vector<size_t> widths;
  for (size_t c = 0; c < columns_.size(); ++c) {
    size_t width = DisplayWidth(columns_[c].title);
    for (const Line& line : lines_) {
      if (line.cells.empty()) continue;
      width = std::max(width, DisplayWidth(line.cells[c]));
    }
    widths.push_back(width);
  }
  std::string out;
  const auto append_row = [&](auto cell_of) {
    for (size_t c = 0; c < columns_.size(); ++c) {
      if (c > 0) out.append(kGap, ' ');
      AppendCell(cell_of(c), widths[c], columns_[c].align, out);
    }
    EndLine(out);
  };
  append_row([&](size_t c) -> std::string_view { return columns_[c].title; });
  for (const Line& line : lines_) {
    if (line.cells.empty()) {
      if (columns_.size() > 1) out.append(widths[0] + kGap, ' ');
      out.append(line.note);
      EndLine(out);
    } else {
      append_row([&](size_t c) -> std::string_view { return line.cells[c]; });
    }
  }
  return out;
}

}  // namespace attune
