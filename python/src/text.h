#pragma once

#include <nanobind/nanobind.h>

#include <string_view>
#include <vector>

namespace attune::python {

/// A str's UTF-8, which lives as long as the str. Raises InvalidArgument that
/// names `name` for anything else, and for lone surrogates.
std::string_view TextOf(nanobind::handle value, std::string_view name);

/// The texts of a list, tuple or other iterable of str: views, and the tuple
/// that keeps them alive while the GIL is given up.
struct Texts {
  nanobind::object owner;
  std::vector<std::string_view> views;
};
/// Raises InvalidArgument for a single str, or naming the element: "ids[3]".
Texts TextsOf(nanobind::handle values, std::string_view name);

}  // namespace attune::python
