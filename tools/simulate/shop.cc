#include "tools/simulate/shop.h"

#include <algorithm>
#include <cmath>

namespace attune::simulate {
namespace {

constexpr double kSearchShare = 0.45;
constexpr double kSearchShareWhenContinuing = 0.85;
// Shares of a home page's places; the rest is chance.
constexpr double kTableShare = 0.4;
constexpr double kFamousShare = 0.2;
constexpr double kTasteShare = 0.3;
// How many matches a search looks at for each place it fills.
constexpr int kSearchTries = 5;
constexpr int kDrawTries = 20;
constexpr double kAuthorShare = 0.35;
constexpr double kSuccessorFound = 0.8;
// Tuned for about 22 clicks in 100 impressions on the example.
constexpr float kClickBias = -2.4f;

/// The best of a few items with the topic's tags: a search engine of sorts.
ItemIndex Search(const World& world, const Reader& reader, Rng& rng) {
  const Catalogue& books = world.catalogue();
  if (reader.topic().empty()) return world.DrawFamous(rng);
  ItemIndex best = kNone;
  float best_score = 0;
  for (int k = 0; k < kSearchTries; ++k) {
    const ItemIndex item = world.DrawWithTag(reader.topic().Draw(rng), rng);
    if (!reader.CanRead(books.language(item)) && rng.Bernoulli(0.9)) continue;
    const float score = reader.topic().Match(books.tags(item)) +
                        0.4f * reader.AuthorLove(books.author(item)) +
                        0.1f * static_cast<float>(rng.Normal());
    if (best == kNone || score > best_score) {
      best = item;
      best_score = score;
    }
  }
  return best == kNone ? world.DrawFamous(rng) : best;
}

ItemIndex DrawForSearch(const World& world, const Reader& reader, Rng& rng) {
  if (reader.WantsToContinue() && rng.Bernoulli(kAuthorShare)) {
    const auto others = world.ItemsBy(reader.continuation().author);
    if (!others.empty()) return others[rng.Below(others.size())];
  }
  return Search(world, reader, rng);
}

ItemIndex DrawForHome(const World& world, const Reader& reader, Rng& rng) {
  const Catalogue& books = world.catalogue();
  double kind = rng.Uniform();
  if (kind < kTableShare) {
    const auto place = static_cast<uint32_t>(rng.Below(World::kTableBooks));
    return world.OnTable(reader.first_language(), reader.now_s(), place);
  }
  kind -= kTableShare;
  if (kind > kFamousShare + kTasteShare) return world.DrawAny(rng);
  const bool famous = kind < kFamousShare;
  ItemIndex item = kNone;
  for (int tries = 0; tries < 4; ++tries) {
    const TagMix& tags = reader.DrawInterest(rng).tags;
    item = famous || tags.empty() ? world.DrawFamous(rng)
                                  : world.DrawWithTag(tags.Draw(rng), rng);
    // The shop has some idea of the languages a reader knows.
    if (reader.CanRead(books.language(item)) || rng.Bernoulli(0.1)) break;
  }
  return item;
}

bool Fits(const Reader& reader, const Page& page, ItemIndex item, Rng& rng) {
  const auto shown = page.shown();
  if (std::find(shown.begin(), shown.end(), item) != shown.end()) return false;
  if (reader.HasBought(item)) return false;
  return !reader.HasClicked(item) || rng.Bernoulli(0.1);
}

}  // namespace

Page DrawPage(const World& world, const Reader& reader, Rng& rng) {
  const bool search = rng.Bernoulli(
      reader.WantsToContinue() ? kSearchShareWhenContinuing : kSearchShare);
  Page page;
  if (search && reader.WantsToContinue()) {
    // Who looks for the next book finds it on top.
    const ItemIndex next = reader.continuation().successor;
    if (next != kNone && rng.Bernoulli(kSuccessorFound) &&
        Fits(reader, page, next, rng)) {
      page.items[page.size++] = next;
    }
  }
  while (page.size < Page::kSlots) {
    const int size_before = page.size;
    for (int tries = 0; tries < kDrawTries; ++tries) {
      // A search that has run out of answers is filled up like the home page.
      const ItemIndex item = search && tries < kDrawTries / 2
                                 ? DrawForSearch(world, reader, rng)
                                 : DrawForHome(world, reader, rng);
      if (!Fits(reader, page, item, rng)) continue;
      page.items[page.size++] = item;
      break;
    }
    if (page.size == size_before) break;  // a tiny shop has run out
  }
  return page;
}

float ExaminationProbability(int place, float patience) {
  return 1 / (1 + 0.25f * static_cast<float>(place) / patience);
}

float ClickProbability(float appeal) {
  return 1 / (1 + std::exp(-(appeal + kClickBias)));
}

}  // namespace attune::simulate
