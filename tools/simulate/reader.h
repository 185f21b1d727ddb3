#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "base/rng.h"
#include "tools/simulate/weights.h"
#include "tools/simulate/world.h"

namespace attune::simulate {

/// One lasting interest: the tags of some book, and how strong it is now.
struct Interest {
  TagMix tags;
  float strength = 1;
};

/// A wish to go on reading after one book; gone when `until_s` has passed.
struct Continuation {
  ItemIndex successor = kNone;
  uint32_t author = kNone;
  int64_t until_s = 0;
  float strength = 0;
};

/// A reader's mind: hidden from the logs, changed by time and by what is read.
/// Not thread-safe.
class Reader {
 public:
  /// The same (world, seed) gives the same reader.
  Reader(const World& world, uint64_t seed);

  // What users.tsv tells.
  std::string_view country() const { return country_; }
  std::string_view age_band() const;
  /// A hint: true in 9 of 10 readers.
  uint32_t stated_language() const { return stated_language_; }

  /// Lets time pass up to time_s: tastes wander, wishes and author love fade.
  void AdvanceTo(int64_t time_s);

  /// Begins a visit: picks the topic of the moment.
  void StartSession();

  /// `time_s`: when it happened. A purchase is told by both calls.
  void OnClick(ItemIndex item, int64_t time_s);
  void OnBuy(ItemIndex item, int64_t time_s);

  /// True appeal of an item at this moment, a logit before the shop's bias.
  float Appeal(ItemIndex item) const;

  /// Time of the last AdvanceTo.
  int64_t now_s() const { return now_s_; }
  uint32_t first_language() const { return first_language_; }
  bool CanRead(uint32_t language) const {
    return language == first_language_ || language == second_language_;
  }
  bool HasClicked(ItemIndex item) const { return clicked_.contains(item); }
  bool HasBought(ItemIndex item) const { return bought_.contains(item); }

  const TagMix& topic() const { return topic_; }
  const Continuation& continuation() const { return continuation_; }
  bool WantsToContinue() const { return continuation_.strength > 0; }
  /// Strength of love for an author, 0 to about 2.
  float AuthorLove(uint32_t author) const;
  /// An interest by strength.
  const Interest& DrawInterest(Rng& rng) const;

  /// How readily this reader buys, comments and shares: added to the logits.
  float buy_bent() const { return buy_bent_; }
  float comment_bent() const { return comment_bent_; }
  float share_bent() const { return share_bent_; }
  /// Factor on how far down the page the reader looks.
  float patience() const { return patience_; }
  /// Relative number of visits.
  float activity() const { return activity_; }

  Rng& rng() { return rng_; }

 private:
  void DrawLanguages();
  Interest NewInterest();
  void LoveAuthor(uint32_t author, float amount);

  const World& world_;
  Rng rng_;
  uint32_t first_language_ = 0;
  uint32_t second_language_ = kNone;
  uint32_t stated_language_ = 0;
  std::string_view country_;
  uint32_t age_band_ = 0;
  float buy_bent_ = 0;
  float comment_bent_ = 0;
  float share_bent_ = 0;
  float patience_ = 1;
  float activity_ = 1;

  std::vector<float> category_taste_;
  std::vector<Interest> interests_;
  std::vector<std::pair<uint32_t, float>> author_love_;
  TagMix topic_;
  Continuation continuation_;
  ItemIndex last_item_ = kNone;
  int64_t last_click_s_ = 0;
  int64_t now_s_ = 0;
  absl::flat_hash_set<ItemIndex> clicked_;
  absl::flat_hash_set<ItemIndex> bought_;
};

}  // namespace attune::simulate
