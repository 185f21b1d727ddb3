#include "python/src/errors.h"

#include <nanobind/nanobind.h>

#include <algorithm>

#include "base/strings.h"

namespace attune::python {

namespace nb = nanobind;

void Raise(int code, std::string_view message) {
  // What is not UTF-8 (a path, say) must not become another error.
  const nb::object text = nb::steal(PyUnicode_DecodeUTF8(
      message.data(), static_cast<Py_ssize_t>(message.size()), "replace"));
  if (!text.is_valid()) throw nb::python_error();
  const nb::object error =
      nb::module_::import_("attune._errors").attr("make")(code, text);
  PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(error.ptr())),
                  error.ptr());
  throw nb::python_error();
}

void RaiseInvalid(std::string_view message) {
  Raise(ATTUNE_INVALID_ARGUMENT, message);
}

void RaiseIfError(const absl::Status& status) {
  if (!status.ok()) {
    Raise(static_cast<int>(status.code()), ToStd(status.message()));
  }
}

CallError::CallError() {
  error_.struct_size = sizeof error_;
  error_.message = text_;
  error_.message_capacity = sizeof text_;
}

std::string_view CallError::message() const {
  return {text_, std::min(error_.message_length, sizeof text_ - 1)};
}

void CallError::Check(int code) const {
  if (code != ATTUNE_OK) Raise(code, message());
}

}  // namespace attune::python
