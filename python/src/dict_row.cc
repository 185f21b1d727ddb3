#include "python/src/dict_row.h"

#include <cmath>

#include "base/strings.h"
#include "python/src/errors.h"
#include "python/src/scalar.h"
#include "python/src/text.h"

namespace attune::python {

namespace nb = nanobind;

namespace {

using Kind = RecordField::Kind;

/// False where the value is no plain scalar.
bool ReadScalar(nb::handle value, std::string_view place, RowScratch* scratch,
                Scalar* out) {
  PyObject* object = value.ptr();
  if (value.is_none()) {
    *out = {};
  } else if (PyBool_Check(object)) {
    *out = {Kind::kBoolean, object == Py_True ? "true" : "false"};
  } else if (PyUnicode_Check(object)) {
    *out = {Kind::kText, TextOf(value, place)};
  } else if (PyFloat_Check(object)) {
    const double number = PyFloat_AS_DOUBLE(object);
    *out = std::isnan(number)
               ? Scalar{}
               : Scalar{Kind::kNumber, scratch->NumberText(number)};
  } else if (PyLong_Check(object)) {
    // A str of a subclass (IntEnum) may be anything: the number counts.
    const nb::object digits = nb::steal(PyNumber_ToBase(object, 10));
    if (!digits.is_valid()) throw nb::python_error();
    *out = {Kind::kNumber, scratch->Keep(std::string(TextOf(digits, place)))};
  } else {
    return false;
  }
  return true;
}

bool IsList(nb::handle value) {
  return PyList_Check(value.ptr()) || PyTuple_Check(value.ptr());
}

void ReadList(nb::handle values, std::string_view place, RowScratch* scratch,
              RecordField* field) {
  field->kind = Kind::kList;
  const nb::object elements = nb::steal(PySequence_Tuple(values.ptr()));
  if (!elements.is_valid()) throw nb::python_error();
  for (const nb::handle element : elements) {
    Scalar scalar;
    nb::object plain = nb::borrow(element);
    if (!ReadScalar(plain, place, scratch, &scalar)) {
      plain = nb::module_::import_("attune._tables").attr("plain")(element);
      if (!ReadScalar(plain, place, scratch, &scalar)) {
        RaiseInvalid(StrCat(place, ": a list of lists"));
      }
    }
    // The element may be gone before the row is.
    if (scalar.kind == Kind::kText) {
      scalar.text = scratch->Keep(std::string(scalar.text));
    }
    if (scalar.kind == Kind::kMissing) {
      RaiseInvalid(StrCat(place, ": None in a list"));
    }
    field->list.push_back(scalar.text);
    field->list_kinds.push_back(scalar.kind);
  }
}

void ReadValue(nb::handle value, std::string_view place, RowScratch* scratch,
               RecordField* field) {
  Scalar scalar;
  if (ReadScalar(value, place, scratch, &scalar)) {
    field->kind = scalar.kind;
    field->text = scalar.text;
    return;
  }
  if (IsList(value)) return ReadList(value, place, scratch, field);
  const nb::object plain =
      nb::module_::import_("attune._tables").attr("plain")(value);
  if (ReadScalar(plain, place, scratch, &scalar)) {
    field->kind = scalar.kind;
    field->text = scalar.kind == Kind::kText
                      ? scratch->Keep(std::string(scalar.text))
                      : scalar.text;
    return;
  }
  if (!IsList(plain)) {
    RaiseInvalid(StrCat(
        place, ": must be a number, str, bool, time, None or a list, not ",
        Py_TYPE(value.ptr())->tp_name));
  }
  ReadList(plain, place, scratch, field);
}

}  // namespace

nb::object ReadDictRow(nb::handle row, std::string_view place,
                       RowScratch* scratch) {
  scratch->Clear();
  if (!PyDict_Check(row.ptr())) {
    RaiseInvalid(
        StrCat(place, ": must be a dict, not ", Py_TYPE(row.ptr())->tp_name));
  }
  const nb::object copy = nb::steal(PyDict_Copy(row.ptr()));
  if (!copy.is_valid()) throw nb::python_error();
  for (const auto [key, value] : nb::borrow<nb::dict>(copy)) {
    RecordField& field = scratch->record.fields.emplace_back();
    field.name = TextOf(key, StrCat(place, ": a key"));
    ReadValue(value, StrCat(place, ": field \"", field.name, "\""), scratch,
              &field);
  }
  return copy;
}

}  // namespace attune::python
