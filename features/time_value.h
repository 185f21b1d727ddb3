#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace attune::features {

/// Unix ms of "2022-04-10", "2022-04-10T12:30[:15[.250]][Z|+02:00]" (a blank
/// for T as well; UTC where no zone is given), years 0001 to 9999. None for
/// anything else.
std::optional<int64_t> ParseDateMs(std::string_view text);

/// Unix ms of a number that is in seconds (below 1e11: the year 5138) or in
/// milliseconds. None where not finite or beyond the year 9999.
std::optional<int64_t> NumberToTimeMs(double number);

}  // namespace attune::features
