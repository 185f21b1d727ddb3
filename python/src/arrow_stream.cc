#include "python/src/arrow_stream.h"

#include <string>
#include <utility>

#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/io/line_source.h"
#include "python/src/arrow_value.h"
#include "python/src/errors.h"

namespace attune::python {

namespace nb = nanobind;

namespace {

/// Owns what the stream has handed out. The stream itself is the capsule's.
template <typename T>
struct Released {
  T value = {};
  Released() = default;
  Released(const Released&) = delete;
  Released& operator=(const Released&) = delete;
  ~Released() { Clear(); }
  void Clear() {
    if (value.release != nullptr) value.release(&value);
    value = {};
  }
};

void CheckStream(ArrowArrayStream& stream, int code) {
  if (code == 0) return;
  const char* text = stream.get_last_error(&stream);
  RaiseInvalid(StrCat("the Arrow stream ended with error ", code, ": ",
                      std::string_view(text == nullptr ? "" : text)));
}

absl::Status ReadBatch(
    const ArrowSchema& schema, const ArrowArray& batch, int64_t first_row,
    RowScratch* scratch,
    absl::FunctionRef<absl::Status(const Record&)> take_row) {
  for (int64_t row = 0; row < batch.length; ++row) {
    scratch->Clear();
    scratch->record.line = first_row + row;
    for (int64_t i = 0; i < schema.n_children; ++i) {
      RecordField& field = scratch->record.fields.emplace_back();
      field.name = schema.children[i]->name;
      const absl::Status read =
          ReadArrowValue(*schema.children[i], *batch.children[i],
                         row + batch.offset, scratch, &field);
      if (!read.ok()) {
        return RowError(
            scratch->record.path, scratch->record.line,
            StrCat("field \"", field.name, "\": ", ToStd(read.message())));
      }
    }
    ATTUNE_RETURN_IF_ERROR(take_row(scratch->record));
  }
  return absl::OkStatus();
}

}  // namespace

void ForEachArrowRow(nb::handle table, std::string_view name,
                     absl::FunctionRef<absl::Status(const Record&)> row) {
  const nb::object capsule = table.attr("__arrow_c_stream__")();
  auto* stream = static_cast<ArrowArrayStream*>(
      PyCapsule_GetPointer(capsule.ptr(), "arrow_array_stream"));
  if (stream == nullptr) throw nb::python_error();
  Released<ArrowSchema> schema;
  CheckStream(*stream, stream->get_schema(stream, &schema.value));
  if (std::string_view(schema.value.format) != "+s") {
    RaiseInvalid(StrCat("a table's columns are wanted, not one of type \"",
                        std::string_view(schema.value.format), "\""));
  }
  for (int64_t i = 0; i < schema.value.n_children; ++i) {
    const ArrowSchema& column = *schema.value.children[i];
    const absl::Status taken = CheckArrowType(column);
    if (!taken.ok()) {
      RaiseInvalid(StrCat("column \"", std::string_view(column.name),
                          "\": ", ToStd(taken.message())));
    }
  }
  RowScratch scratch;
  scratch.record.path = name;
  Released<ArrowArray> batch;
  for (int64_t rows = 1;; rows += batch.value.length) {
    batch.Clear();
    CheckStream(*stream, stream->get_next(stream, &batch.value));
    if (batch.value.release == nullptr) return;
    absl::Status read;
    {
      const nb::gil_scoped_release without_gil;
      read = ReadBatch(schema.value, batch.value, rows, &scratch, row);
    }
    RaiseIfError(read);
  }
}

}  // namespace attune::python
