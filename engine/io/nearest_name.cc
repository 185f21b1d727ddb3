#include "engine/io/nearest_name.h"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "base/strings.h"

namespace attune {
namespace {

// Longer names are not looked at: the table is quadratic.
constexpr size_t kMaxBytes = 64;

char Lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// Optimal string alignment: Damerau's distance without editing a swapped pair
// again.
size_t Distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<size_t>> cost(a.size() + 1,
                                        std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) cost[i][0] = i;
  for (size_t j = 0; j <= b.size(); ++j) cost[0][j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    for (size_t j = 1; j <= b.size(); ++j) {
      const bool same = Lower(a[i - 1]) == Lower(b[j - 1]);
      cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1,
                             cost[i - 1][j - 1] + static_cast<size_t>(!same)});
      const bool swapped = i > 1 && j > 1 &&
                           Lower(a[i - 1]) == Lower(b[j - 2]) &&
                           Lower(a[i - 2]) == Lower(b[j - 1]);
      if (swapped) cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
    }
  }
  return cost[a.size()][b.size()];
}

}  // namespace

std::string_view NearestName(std::string_view text,
                             std::span<const std::string_view> names) {
  if (text.empty() || text.size() > kMaxBytes) return {};
  std::string_view nearest;
  size_t least = kMaxBytes;
  for (const std::string_view name : names) {
    if (name.size() > kMaxBytes) continue;
    const size_t distance = Distance(text, name);
    const size_t most =
        std::max<size_t>(1, std::max(text.size(), name.size()) / 3);
    if (distance <= most && distance < least) {
      least = distance;
      nearest = name;
    }
  }
  return nearest;
}

std::string DidYouMean(std::string_view text,
                       std::span<const std::string_view> names) {
  const std::string_view nearest = NearestName(text, names);
  return nearest.empty() ? std::string()
                         : StrCat("; did you mean \"", nearest, "\"?");
}

}  // namespace attune
