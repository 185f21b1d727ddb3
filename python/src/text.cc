#include "python/src/text.h"

#include "base/strings.h"
#include "python/src/errors.h"

namespace attune::python {

namespace nb = nanobind;

std::string_view TextOf(nb::handle value, std::string_view name) {
  if (!PyUnicode_Check(value.ptr())) {
    RaiseInvalid(
        StrCat(name, ": must be a str, not ", Py_TYPE(value.ptr())->tp_name));
  }
  Py_ssize_t size = 0;
  const char* data = PyUnicode_AsUTF8AndSize(value.ptr(), &size);
  if (data == nullptr) {
    PyErr_Clear();
    RaiseInvalid(StrCat(name, ": a str with lone surrogates has no UTF-8"));
  }
  return {data, static_cast<size_t>(size)};
}

Texts TextsOf(nb::handle values, std::string_view name) {
  if (PyUnicode_Check(values.ptr())) {
    RaiseInvalid(StrCat(name, ": must be a list of str, not a single str"));
  }
  Texts texts;
  // A tuple of our own: another thread may change the list meanwhile.
  texts.owner = nb::steal(PySequence_Tuple(values.ptr()));
  if (!texts.owner.is_valid()) {
    PyErr_Clear();
    RaiseInvalid(StrCat(name, ": must be a list of str, not ",
                        Py_TYPE(values.ptr())->tp_name));
  }
  const Py_ssize_t count = PyTuple_GET_SIZE(texts.owner.ptr());
  texts.views.reserve(static_cast<size_t>(count));
  for (Py_ssize_t i = 0; i < count; ++i) {
    PyObject* element = PyTuple_GET_ITEM(texts.owner.ptr(), i);
    if (!PyUnicode_Check(element)) {
      RaiseInvalid(StrCat(name, "[", i, "]: must be a str, not ",
                          Py_TYPE(element)->tp_name));
    }
    Py_ssize_t size = 0;
    const char* data = PyUnicode_AsUTF8AndSize(element, &size);
    if (data == nullptr) {
      PyErr_Clear();
      RaiseInvalid(
          StrCat(name, "[", i, "]: a str with lone surrogates has no UTF-8"));
    }
    texts.views.emplace_back(data, static_cast<size_t>(size));
  }
  return texts;
}

}  // namespace attune::python
