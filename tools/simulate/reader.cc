#include "tools/simulate/reader.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace attune::simulate {
namespace {

constexpr std::array<std::string_view, World::kAgeBands> kAgeBandNames = {
    "under-18", "18-24", "25-34", "35-49", "50-64", "65-plus"};

struct LanguageCountries {
  std::string_view language;
  std::array<std::string_view, 4> countries;
};
constexpr LanguageCountries kCountries[] = {
    {"en", {"US", "GB", "IN", "AU"}}, {"zh", {"CN", "CN", "TW", "SG"}},
    {"fr", {"FR", "FR", "BE", "SN"}}, {"ru", {"RU", "RU", "KZ", "BY"}},
    {"es", {"ES", "MX", "AR", "CO"}}, {"de", {"DE", "DE", "AT", "CH"}}};

// The mind's constants, tuned so that on the example an all-knowing oracle
// ranks the next click far better than co-occurrence counts can.
constexpr float kInterestWeight = 2.2f;
constexpr float kTopicWeight = 2.6f;
constexpr float kCategorySpread = 0.8f;
constexpr float kForeignLanguage = -5.0f;
constexpr float kSecondLanguage = -0.5f;
constexpr float kAuthorAppeal = 1.2f;
constexpr float kSuccessorAppeal = 3.2f;
// Books of the week are talked about.
constexpr float kTableAppeal = 1.4f;
constexpr float kDay = 86400.0f;

float Gaussian(Rng& rng, float spread) {
  return spread * static_cast<float>(rng.Normal());
}

}  // namespace

Reader::Reader(const World& world, uint64_t seed) : world_(world), rng_(seed) {
  DrawLanguages();
  age_band_ = static_cast<uint32_t>(rng_.Below(World::kAgeBands));
  const uint32_t categories = world.catalogue().categories().size();
  category_taste_.resize(categories);
  for (uint32_t c = 0; c < categories; ++c) {
    category_taste_[c] =
        world.AgeEffect(age_band_, c) + Gaussian(rng_, kCategorySpread);
  }
  buy_bent_ = Gaussian(rng_, 0.6f);
  comment_bent_ = Gaussian(rng_, 1.0f);
  share_bent_ = Gaussian(rng_, 1.0f);
  patience_ = std::exp(Gaussian(rng_, 0.3f));
  activity_ = std::exp(Gaussian(rng_, 0.6f));
  const uint64_t interests = 3 + rng_.Below(3);
  for (uint64_t i = 0; i < interests; ++i) interests_.push_back(NewInterest());
}

void Reader::DrawLanguages() {
  // By the languages' shares of the catalogue; a quarter evenly, so that the
  // rare ones are less rare among readers than among books.
  const Catalogue& books = world_.catalogue();
  auto draw = [&] { return books.language(world_.DrawAny(rng_)); };
  first_language_ = draw();
  if (rng_.Bernoulli(0.25)) {
    first_language_ =
        static_cast<uint32_t>(rng_.Below(books.languages().size()));
  }
  if (rng_.Bernoulli(0.4)) second_language_ = draw();
  stated_language_ = rng_.Bernoulli(0.1) ? draw() : first_language_;
  country_ = "other";
  for (const LanguageCountries& row : kCountries) {
    if (row.language == books.languages().name(first_language_)) {
      country_ = row.countries[rng_.Below(row.countries.size())];
    }
  }
}

std::string_view Reader::age_band() const { return kAgeBandNames[age_band_]; }

Interest Reader::NewInterest() {
  const Catalogue& books = world_.catalogue();
  ItemIndex item = kNone;
  if (last_item_ != kNone && !books.tags(last_item_).empty() &&
      rng_.Bernoulli(0.7)) {
    // Reading leads to new tastes: a neighbour of what was last clicked.
    const auto tags = books.tags(last_item_);
    item = world_.DrawWithTag(tags[rng_.Below(tags.size())], rng_);
  } else {
    for (int tries = 0; tries < 20; ++tries) {
      item = world_.DrawAny(rng_);
      if (CanRead(books.language(item))) break;
    }
  }
  Interest interest;
  interest.tags.Blend(books.tags(item), 1);
  interest.strength = std::exp(Gaussian(rng_, 0.5f));
  LoveAuthor(books.author(item), 0.5f);
  return interest;
}

const Interest& Reader::DrawInterest(Rng& rng) const {
  float total = 0;
  for (const Interest& interest : interests_) total += interest.strength;
  float target = static_cast<float>(rng.Uniform()) * total;
  for (const Interest& interest : interests_) {
    target -= interest.strength;
    if (target < 0) return interest;
  }
  return interests_.back();
}

void Reader::AdvanceTo(int64_t time_s) {
  const float days =
      now_s_ == 0 ? 0 : static_cast<float>(time_s - now_s_) / kDay;
  now_s_ = time_s;
  if (continuation_.until_s < time_s) continuation_.strength = 0;
  if (days <= 0) return;
  for (Interest& interest : interests_) {
    const float step = Gaussian(rng_, 0.12f * std::sqrt(days));
    interest.strength =
        std::clamp(interest.strength * std::exp(step), 0.1f, 4.0f);
    if (rng_.Bernoulli(1 - std::exp(-0.012f * days))) interest = NewInterest();
  }
  const float fade = std::exp(-days / 30);
  for (auto& love : author_love_) love.second *= fade;
  std::erase_if(author_love_,
                [](const auto& love) { return love.second < 0.05f; });
}

void Reader::StartSession() {
  const float days = static_cast<float>(now_s_ - last_click_s_) / kDay;
  const bool goes_on =
      last_item_ != kNone && rng_.Bernoulli(0.5 * std::exp(-days / 4));
  if (goes_on && !topic_.empty()) return;
  topic_ = DrawInterest(rng_).tags;
}

void Reader::OnClick(ItemIndex item, int64_t time_s) {
  const Catalogue& books = world_.catalogue();
  clicked_.insert(item);
  last_item_ = item;
  last_click_s_ = time_s;
  topic_.Fade(0.5f);
  topic_.Blend(books.tags(item), 0.6f);
  LoveAuthor(books.author(item), 0.25f);
  if (continuation_.successor == item) continuation_.strength = 0;
  if (rng_.Bernoulli(0.12)) {
    continuation_ = {world_.Successor(item), books.author(item),
                     time_s + 3 * 86400, 0.7f};
  }
}

void Reader::OnBuy(ItemIndex item, int64_t time_s) {
  bought_.insert(item);
  LoveAuthor(world_.catalogue().author(item), 0.6f);
  if (rng_.Bernoulli(0.8)) {
    continuation_ = {world_.Successor(item), world_.catalogue().author(item),
                     time_s + 30 * 86400, 1.0f};
  }
}

void Reader::LoveAuthor(uint32_t author, float amount) {
  if (author == kNone) return;
  for (auto& love : author_love_) {
    if (love.first == author) {
      love.second = std::min(love.second + amount, 2.0f);
      return;
    }
  }
  author_love_.emplace_back(author, amount);
}

float Reader::AuthorLove(uint32_t author) const {
  for (const auto& love : author_love_) {
    if (love.first == author) return love.second;
  }
  return 0;
}

float Reader::Appeal(ItemIndex item) const {
  const Catalogue& books = world_.catalogue();
  const auto tags = books.tags(item);
  float appeal = world_.Quality(item) + world_.Season(item, now_s_) +
                 category_taste_[books.category(item)];
  float interest_match = 0;
  for (const Interest& interest : interests_) {
    interest_match += interest.strength * interest.tags.Match(tags);
  }
  appeal += kInterestWeight * std::min(interest_match, 2.0f) / 2;
  appeal += kTopicWeight * topic_.Match(tags);
  const uint32_t author = books.author(item);
  appeal += kAuthorAppeal * AuthorLove(author);
  if (WantsToContinue() && continuation_.successor == item) {
    appeal += kSuccessorAppeal * continuation_.strength;
  }
  if (world_.IsOnTable(item, now_s_)) appeal += kTableAppeal;
  const uint32_t language = books.language(item);
  if (language != first_language_) {
    appeal += CanRead(language) ? kSecondLanguage : kForeignLanguage;
  }
  return appeal;
}

}  // namespace attune::simulate
