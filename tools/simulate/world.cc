#include "tools/simulate/world.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace attune::simulate {
namespace {

constexpr double kZipfExponent = 1.0;
constexpr float kQualitySpread = 0.35f;
constexpr float kAgeSpread = 0.6f;
constexpr float kSeasonSize = 0.3f;
constexpr double kYearSeconds = 365.25 * 86400;
constexpr int64_t kWeekSeconds = 7 * 86400;
constexpr double kTwoPi = 6.283185307179586;
// Enough to find a close relative, few enough for a million items.
constexpr size_t kRelatedTries = 64;

}  // namespace

World::World(const Catalogue& catalogue, uint64_t seed)
    : catalogue_(catalogue) {
  Rng rng(seed);
  const ItemIndex n = catalogue.size();
  std::vector<ItemIndex> order(n);
  std::iota(order.begin(), order.end(), 0);
  for (ItemIndex i = n - 1; i > 0; --i) {
    std::swap(order[i], order[rng.Below(i + 1)]);
  }
  std::vector<float> fame(n);
  for (ItemIndex rank = 0; rank < n; ++rank) {
    fame[order[rank]] =
        static_cast<float>(std::pow(rank + 1.0, -kZipfExponent));
  }
  quality_.resize(n);
  fame_sampler_.Reserve(n);
  for (ItemIndex i = 0; i < n; ++i) {
    quality_[i] = kQualitySpread * static_cast<float>(rng.Normal());
    fame_sampler_.Append(fame[i]);
  }
  season_phase_.resize(catalogue.tag_count());
  for (float& phase : season_phase_) phase = static_cast<float>(rng.Uniform());
  age_effect_.resize(size_t{kAgeBands} * catalogue.categories().size());
  for (float& effect : age_effect_) {
    effect = kAgeSpread * static_cast<float>(rng.Normal());
  }
  table_seed_ = rng.Next();
  ListTags(fame);
  ListLanguages();
  ListAuthors();
}

void World::ListTags(const std::vector<float>& fame) {
  tag_begin_.assign(catalogue_.tag_count() + 1, 0);
  for (ItemIndex i = 0; i < catalogue_.size(); ++i) {
    for (uint16_t tag : catalogue_.tags(i)) ++tag_begin_[tag + 1];
  }
  std::partial_sum(tag_begin_.begin(), tag_begin_.end(), tag_begin_.begin());
  tag_items_.resize(tag_begin_.back());
  std::vector<size_t> next(tag_begin_.begin(), tag_begin_.end() - 1);
  for (ItemIndex i = 0; i < catalogue_.size(); ++i) {
    for (uint16_t tag : catalogue_.tags(i)) tag_items_[next[tag]++] = i;
  }
  tag_sampler_.Reserve(tag_items_.size());
  for (ItemIndex i : tag_items_) tag_sampler_.Append(std::pow(fame[i], 0.6f));
}

void World::ListLanguages() {
  language_begin_.assign(catalogue_.languages().size() + 1, 0);
  for (ItemIndex i = 0; i < catalogue_.size(); ++i) {
    ++language_begin_[catalogue_.language(i) + 1];
  }
  std::partial_sum(language_begin_.begin(), language_begin_.end(),
                   language_begin_.begin());
  language_items_.resize(catalogue_.size());
  std::vector<size_t> next(language_begin_.begin(), language_begin_.end() - 1);
  for (ItemIndex i = 0; i < catalogue_.size(); ++i) {
    language_items_[next[catalogue_.language(i)]++] = i;
  }
}

void World::ListAuthors() {
  author_begin_.assign(catalogue_.author_count() + 1, 0);
  for (ItemIndex i = 0; i < catalogue_.size(); ++i) {
    const uint32_t author = catalogue_.author(i);
    if (author != kNone) ++author_begin_[author + 1];
  }
  std::partial_sum(author_begin_.begin(), author_begin_.end(),
                   author_begin_.begin());
  author_items_.resize(author_begin_.back());
  std::vector<size_t> next(author_begin_.begin(), author_begin_.end() - 1);
  for (ItemIndex i = 0; i < catalogue_.size(); ++i) {
    const uint32_t author = catalogue_.author(i);
    if (author != kNone) author_items_[next[author]++] = i;
  }
  successor_.assign(catalogue_.size(), kNone);
  for (uint32_t author = 0; author < catalogue_.author_count(); ++author) {
    auto begin = author_items_.begin() + author_begin_[author];
    auto end = author_items_.begin() + author_begin_[author + 1];
    std::stable_sort(begin, end, [this](ItemIndex a, ItemIndex b) {
      return catalogue_.year(a) < catalogue_.year(b);
    });
    for (auto it = begin; it != end && it + 1 != end; ++it) {
      successor_[*it] = it[1];
    }
  }
  for (ItemIndex i = 0; i < catalogue_.size(); ++i) {
    if (successor_[i] == kNone) successor_[i] = FindRelated(i);
  }
}

ItemIndex World::FindRelated(ItemIndex item) const {
  const std::span<const uint16_t> tags = catalogue_.tags(item);
  if (tags.empty()) return kNone;
  auto length = [this](uint16_t tag) {
    return tag_begin_[tag + 1] - tag_begin_[tag];
  };
  const uint16_t rarest = *std::min_element(
      tags.begin(), tags.end(),
      [&](uint16_t a, uint16_t b) { return length(a) < length(b); });
  TagMix mix;
  mix.Blend(tags, 1);
  // Starting behind the item itself spreads the successors over the list.
  auto begin = tag_items_.begin() + tag_begin_[rarest];
  const size_t count = length(rarest);
  const size_t self = std::lower_bound(begin, begin + count, item) - begin;
  ItemIndex best = kNone;
  float best_match = 0;
  for (size_t k = 1; k < std::min(count, kRelatedTries + 1); ++k) {
    const ItemIndex other = begin[(self + k) % count];
    if (catalogue_.language(other) != catalogue_.language(item)) continue;
    const uint32_t author = catalogue_.author(other);
    if (author != kNone && author == catalogue_.author(item)) continue;
    const float match = mix.Match(catalogue_.tags(other));
    if (match > best_match) {
      best_match = match;
      best = other;
    }
  }
  return best;
}

ItemIndex World::DrawFamous(Rng& rng) const {
  return static_cast<ItemIndex>(fame_sampler_.Draw(0, catalogue_.size(), rng));
}

ItemIndex World::DrawWithTag(uint16_t tag, Rng& rng) const {
  return tag_items_[tag_sampler_.Draw(tag_begin_[tag], tag_begin_[tag + 1],
                                      rng)];
}

ItemIndex World::OnTable(uint32_t language, int64_t time_s,
                         uint32_t place) const {
  const uint64_t week = static_cast<uint64_t>(time_s / kWeekSeconds);
  // A hash instead of a list: the period may be long, the languages many.
  Rng rng(table_seed_ ^ (week * 0x9e3779b97f4a7c15ULL +
                         language * 0xd1342543de82ef95ULL + place));
  const size_t begin = language_begin_[language];
  return language_items_[begin +
                         rng.Below(language_begin_[language + 1] - begin)];
}

bool World::IsOnTable(ItemIndex item, int64_t time_s) const {
  for (uint32_t place = 0; place < kTableBooks; ++place) {
    if (OnTable(catalogue_.language(item), time_s, place) == item) return true;
  }
  return false;
}

std::span<const ItemIndex> World::ItemsBy(uint32_t author) const {
  if (author == kNone) return {};
  return {author_items_.data() + author_begin_[author],
          author_begin_[author + 1] - author_begin_[author]};
}

float World::Season(ItemIndex item, int64_t time_s) const {
  const std::span<const uint16_t> tags = catalogue_.tags(item);
  if (tags.empty()) return 0;
  const double year = static_cast<double>(time_s) / kYearSeconds;
  double sum = 0;
  for (uint16_t tag : tags) {
    sum += std::sin(kTwoPi * (year + season_phase_[tag]));
  }
  return kSeasonSize * static_cast<float>(sum / tags.size());
}

}  // namespace attune::simulate
