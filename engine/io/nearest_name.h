#pragma once

#include <span>
#include <string>
#include <string_view>

namespace attune {

/// The one of `names` that `text` was most likely meant to be: the fewest
/// characters to insert, delete, replace or swap with their neighbour
/// (Damerau), at most a third of the longer of the two; case does not count.
/// Empty where none is that near. Of equally near ones the first.
std::string_view NearestName(std::string_view text,
                             std::span<const std::string_view> names);

/// "; did you mean \"epochs\"?", or nothing where no name is near.
std::string DidYouMean(std::string_view text,
                       std::span<const std::string_view> names);

}  // namespace attune
