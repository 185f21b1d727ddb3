#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <initializer_list>
#include <memory>
#include <utility>
#include <vector>

namespace attune::python {

/// A NumPy array of `shape` that takes over the values. Needs the GIL.
template <typename T>
nanobind::object NumpyArray(std::vector<T>&& values,
                            std::initializer_list<size_t> shape) {
  auto kept = std::make_unique<std::vector<T>>(std::move(values));
  T* data = kept->data();
  static T nothing = T();  // NumPy wants an address even for no elements
  const nanobind::capsule owner(kept.get(), [](void* vector) noexcept {
    delete static_cast<std::vector<T>*>(vector);
  });
  kept.release();  // NOLINT(bugprone-unused-return-value): the capsule's now
  return nanobind::cast(nanobind::ndarray<nanobind::numpy, T>(
      data == nullptr ? &nothing : data, shape.size(), shape.begin(), owner));
}

}  // namespace attune::python
