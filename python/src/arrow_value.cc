#include "python/src/arrow_value.h"

#include <cmath>
#include <cstring>
#include <string_view>

#include "base/status_macros.h"
#include "base/strings.h"
#include "python/src/scalar.h"

namespace attune::python {
namespace {

using Kind = RecordField::Kind;

template <typename T>
T At(const ArrowArray& array, int buffer, int64_t index) {
  T value;
  std::memcpy(&value,
              static_cast<const char*>(array.buffers[buffer]) +
                  index * static_cast<int64_t>(sizeof(T)),
              sizeof(T));
  return value;
}

bool Bit(const void* bits, int64_t index) {
  return (static_cast<const uint8_t*>(bits)[index / 8] >> (index % 8)) & 1;
}

/// `index` counts from the start of the buffers.
bool IsNull(const ArrowArray& array, int64_t index) {
  return array.n_buffers > 0 && array.buffers[0] != nullptr &&
         !Bit(array.buffers[0], index);
}

template <typename Offset>
std::string_view Text(const ArrowArray& array, int64_t index) {
  const Offset begin = At<Offset>(array, 1, index);
  const Offset end = At<Offset>(array, 1, index + 1);
  if (begin == end) return {};
  return {static_cast<const char*>(array.buffers[2]) + begin,
          static_cast<size_t>(end - begin)};
}

/// Utf8View: 16 bytes per value, short texts inside them.
std::string_view ViewedText(const ArrowArray& array, int64_t index) {
  const char* view =
      static_cast<const char*>(array.buffers[1]) + index * int64_t{16};
  int32_t size = 0;
  std::memcpy(&size, view, sizeof size);
  if (size <= 12) return {view + 4, static_cast<size_t>(size)};
  int32_t where[2];  // which buffer, where in it
  std::memcpy(where, view + 8, sizeof where);
  return {static_cast<const char*>(array.buffers[2 + where[0]]) + where[1],
          static_cast<size_t>(size)};
}

/// `count` units of `per_second` to the second.
Scalar Time(int64_t count, int64_t per_second, std::string_view name,
            RowScratch* scratch) {
  int64_t ms = 0;
  if (per_second <= 1000) {
    ms = count * (1000 / per_second);
  } else {
    const int64_t unit = per_second / 1000;
    ms = count / unit - (count % unit < 0 ? 1 : 0);
  }
  if (name == "time_ms") return {Kind::kNumber, scratch->NumberText(ms)};
  // Milliseconds of this era are exact in a double's thousandths.
  return {Kind::kNumber, scratch->NumberText(static_cast<double>(ms) / 1000)};
}

template <typename Number>
Scalar Real(Number number, RowScratch* scratch) {
  if (std::isnan(number)) return {};
  return {Kind::kNumber, scratch->NumberText(number)};
}

int64_t TimestampRate(char unit) {
  switch (unit) {
    case 's':
      return 1;
    case 'm':
      return 1000;
    case 'u':
      return 1'000'000;
    default:
      return 1'000'000'000;
  }
}

bool IsScalarFormat(std::string_view format) {
  if (format == "vu" || format == "tdD" || format == "tdm") return true;
  if (format.starts_with("ts")) return format.size() >= 4;
  return format.size() == 1 &&
         std::string_view("nbcCsSiIlLfguU").find(format[0]) !=
             std::string_view::npos;
}

absl::Status ReadScalar(const ArrowSchema& schema, const ArrowArray& array,
                        int64_t index, std::string_view name,
                        RowScratch* scratch, Scalar* out) {
  const std::string_view format = schema.format;
  if (format == "n" || IsNull(array, index)) {
    *out = {};
    return absl::OkStatus();
  }
  const auto number = [&](auto value) {
    *out = {Kind::kNumber, scratch->NumberText(value)};
  };
  switch (format[0]) {
    case 'b':
      *out = {Kind::kBoolean, Bit(array.buffers[1], index) ? "true" : "false"};
      break;
    case 'c':
      number(static_cast<int>(At<int8_t>(array, 1, index)));
      break;
    case 'C':
      number(static_cast<int>(At<uint8_t>(array, 1, index)));
      break;
    case 's':
      number(At<int16_t>(array, 1, index));
      break;
    case 'S':
      number(At<uint16_t>(array, 1, index));
      break;
    case 'i':
      number(At<int32_t>(array, 1, index));
      break;
    case 'I':
      number(At<uint32_t>(array, 1, index));
      break;
    case 'l':
      number(At<int64_t>(array, 1, index));
      break;
    case 'L':
      number(At<uint64_t>(array, 1, index));
      break;
    case 'f':
      *out = Real(At<float>(array, 1, index), scratch);
      break;
    case 'g':
      *out = Real(At<double>(array, 1, index), scratch);
      break;
    case 'u':
      *out = {Kind::kText, Text<int32_t>(array, index)};
      break;
    case 'U':
      *out = {Kind::kText, Text<int64_t>(array, index)};
      break;
    case 'v':
      *out = {Kind::kText, ViewedText(array, index)};
      break;
    case 't':
      if (format == "tdD") {
        *out = Time(int64_t{86400} * At<int32_t>(array, 1, index), 1, name,
                    scratch);
      } else if (format == "tdm") {
        *out = Time(At<int64_t>(array, 1, index), 1000, name, scratch);
      } else {
        *out = Time(At<int64_t>(array, 1, index), TimestampRate(format[2]),
                    name, scratch);
      }
      break;
    default:
      return absl::InternalError(
          StrCat("Arrow format \"", format, "\" was not checked"));
  }
  return absl::OkStatus();
}

/// Through the dictionary, where there is one. `index` as in IsNull.
absl::Status ReadElement(const ArrowSchema& schema, const ArrowArray& array,
                         int64_t index, std::string_view name,
                         RowScratch* scratch, Scalar* out) {
  if (schema.dictionary == nullptr) {
    return ReadScalar(schema, array, index, name, scratch, out);
  }
  *out = {};
  if (IsNull(array, index)) return absl::OkStatus();
  Scalar code;
  ATTUNE_RETURN_IF_ERROR(
      ReadScalar(schema, array, index, name, scratch, &code));
  int64_t entry = 0;
  std::from_chars(code.text.data(), code.text.data() + code.text.size(), entry);
  const ArrowArray& entries = *array.dictionary;
  if (entry < 0 || entry >= entries.length) {
    return absl::InvalidArgumentError(
        StrCat("dictionary entry ", entry, " of ", entries.length));
  }
  return ReadScalar(*schema.dictionary, entries, entry + entries.offset, name,
                    scratch, out);
}

/// Where the elements of the list at `index` lie in the child.
void ListBounds(std::string_view format, const ArrowArray& array, int64_t index,
                int64_t* begin, int64_t* end) {
  if (format == "+l") {
    *begin = At<int32_t>(array, 1, index);
    *end = At<int32_t>(array, 1, index + 1);
  } else if (format == "+L") {
    *begin = At<int64_t>(array, 1, index);
    *end = At<int64_t>(array, 1, index + 1);
  } else {  // "+w:3"
    int64_t width = 0;
    std::from_chars(format.data() + 3, format.data() + format.size(), width);
    *begin = index * width;
    *end = *begin + width;
  }
}

bool IsListFormat(std::string_view format) {
  return format == "+l" || format == "+L" || format.starts_with("+w:");
}

}  // namespace

absl::Status CheckArrowType(const ArrowSchema& schema) {
  const ArrowSchema* element = &schema;
  if (IsListFormat(schema.format)) element = schema.children[0];
  const std::string_view format = element->format;
  const bool is_code =
      format.size() == 1 &&
      std::string_view("cCsSiIlL").find(format[0]) != std::string_view::npos;
  if (element->dictionary != nullptr
          ? is_code && IsScalarFormat(element->dictionary->format) &&
                element->dictionary->dictionary == nullptr
          : IsScalarFormat(format)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(StrCat(
      "Arrow type \"", std::string_view(schema.format),
      "\" is not taken: numbers, booleans, texts, times and lists of them "
      "are; cast it first"));
}

absl::Status ReadArrowValue(const ArrowSchema& schema, const ArrowArray& array,
                            int64_t row, RowScratch* scratch,
                            RecordField* field) {
  const int64_t index = row + array.offset;
  Scalar scalar;
  if (!IsListFormat(schema.format)) {
    ATTUNE_RETURN_IF_ERROR(
        ReadElement(schema, array, index, field->name, scratch, &scalar));
    field->kind = scalar.kind;
    field->text = scalar.text;
    return absl::OkStatus();
  }
  if (IsNull(array, index)) {
    field->kind = Kind::kMissing;
    return absl::OkStatus();
  }
  field->kind = Kind::kList;
  int64_t begin = 0, end = 0;
  ListBounds(schema.format, array, index, &begin, &end);
  const ArrowArray& elements = *array.children[0];
  for (int64_t i = begin; i < end; ++i) {
    ATTUNE_RETURN_IF_ERROR(ReadElement(*schema.children[0], elements,
                                       i + elements.offset, field->name,
                                       scratch, &scalar));
    if (scalar.kind == Kind::kMissing) {
      return absl::InvalidArgumentError("null in a list");
    }
    field->list.push_back(scalar.text);
    field->list_kinds.push_back(scalar.kind);
  }
  return absl::OkStatus();
}

}  // namespace attune::python
