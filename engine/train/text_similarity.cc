#include "engine/train/text_similarity.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace attune {
namespace {

constexpr int32_t kMostComplete = 8192;
constexpr size_t kMostNeighbours = 200;

bool IsMoreSimilar(const Neighbour& a, const Neighbour& b) {
  return a.weight != b.weight ? a.weight > b.weight : a.item < b.item;
}

/// The items of each token, with the token's weight in the item's unit vector.
std::vector<std::vector<Neighbour>> InvertedIndex(const Catalogue& catalogue) {
  std::vector<std::vector<Neighbour>> items;
  for (int32_t item = 0; item < catalogue.size(); ++item) {
    for (const int32_t token : catalogue.item(item).text_tokens) {
      const size_t row = static_cast<size_t>(token);
      if (row >= items.size()) items.resize(row + 1);
      items[row].push_back({item, 0});
    }
  }
  std::vector<double> squares(static_cast<size_t>(catalogue.size()), 0.0);
  const double count = catalogue.size();
  for (std::vector<Neighbour>& list : items) {
    if (list.empty()) continue;
    const double idf = std::log(count / static_cast<double>(list.size()));
    for (Neighbour& entry : list) {
      entry.weight = static_cast<float>(idf);
      squares[entry.item] += idf * idf;
    }
  }
  for (std::vector<Neighbour>& list : items) {
    for (Neighbour& entry : list) {
      const double norm = std::sqrt(squares[entry.item]);
      entry.weight = norm > 0 ? static_cast<float>(entry.weight / norm) : 0;
    }
  }
  return items;
}

}  // namespace

NeighbourTable TextCosines(const Catalogue& catalogue, ThreadPool& pool) {
  const std::vector<std::vector<Neighbour>> index = InvertedIndex(catalogue);
  const int32_t count = catalogue.size();
  const auto fill = [&](int32_t begin, int32_t end,
                        NeighbourTable::RowSink& sink) {
    std::vector<float> dots(static_cast<size_t>(count));
    std::vector<Neighbour> row;
    for (int32_t item = begin; item < end; ++item) {
      std::fill(dots.begin(), dots.end(), 0.0f);
      for (const int32_t token : catalogue.item(item).text_tokens) {
        const std::vector<Neighbour>& list = index[static_cast<size_t>(token)];
        const auto own = std::lower_bound(
            list.begin(), list.end(), item,
            [](const Neighbour& a, int32_t b) { return a.item < b; });
        for (const Neighbour& other : list) {
          dots[other.item] += own->weight * other.weight;
        }
      }
      row.clear();
      for (int32_t other = 0; other < count; ++other) {
        if (other != item && dots[other] > 0) {
          row.push_back({other, dots[other]});
        }
      }
      if (count > kMostComplete && row.size() > kMostNeighbours) {
        std::nth_element(row.begin(), row.begin() + kMostNeighbours, row.end(),
                         IsMoreSimilar);
        row.resize(kMostNeighbours);
      }
      for (const Neighbour& neighbour : row) {
        sink.Add(neighbour.item, neighbour.weight);
      }
      sink.EndRow();
    }
  };
  return NeighbourTable::Build(count, pool, fill);
}

}  // namespace attune
