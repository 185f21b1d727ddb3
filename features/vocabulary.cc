#include "features/vocabulary.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/status_macros.h"
#include "base/strings.h"

namespace attune::features {
namespace {

constexpr std::string_view kDigits = "0123456789abcdef";

void AppendHex(uint64_t value, int digits, std::string& out) {
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) {
    out += kDigits[(value >> shift) & 15];
  }
}

absl::StatusOr<uint64_t> ReadHex(std::string_view digits) {
  uint64_t value = 0;
  for (const char digit : digits) {
    const size_t found = kDigits.find(digit);
    if (found == std::string_view::npos) {
      return absl::InvalidArgumentError(
          StrCat("\"", digits, "\" is not lower-case hex"));
    }
    value = value << 4 | found;
  }
  return value;
}

}  // namespace

uint8_t QuantisedIdf(int64_t documents, int64_t frequency) {
  const double idf =
      std::log((static_cast<double>(documents) + 1.0) /
               static_cast<double>(std::max<int64_t>(frequency, 1)));
  return static_cast<uint8_t>(
      std::clamp<long>(std::lround(idf * 16.0), 1, 255));
}

absl::StatusOr<Vocabulary> Vocabulary::Create(std::vector<uint64_t> hashes,
                                              std::vector<uint8_t> idf) {
  if (hashes.size() != idf.size()) {
    return absl::InvalidArgumentError(
        StrCat(hashes.size(), " hashes with ", idf.size(), " idf values"));
  }
  if (hashes.size() > (size_t{1} << 24)) {
    return absl::InvalidArgumentError(
        StrCat(hashes.size(), " rows, at most ", size_t{1} << 24));
  }
  Vocabulary vocabulary;
  vocabulary.hashes_ = std::move(hashes);
  vocabulary.idf_ = std::move(idf);
  vocabulary.entries_.reserve(vocabulary.hashes_.size());
  for (size_t i = 0; i < vocabulary.hashes_.size(); ++i) {
    const Entry entry{static_cast<int32_t>(i), vocabulary.idf_[i]};
    if (!vocabulary.entries_.try_emplace(vocabulary.hashes_[i], entry).second) {
      return absl::InvalidArgumentError(
          StrCat("the hash of row ", i, " is repeated"));
    }
  }
  return vocabulary;
}

absl::StatusOr<Vocabulary> Vocabulary::FromHex(std::string_view hashes,
                                               std::string_view idf) {
  if (hashes.size() % 16 != 0 || idf.size() != hashes.size() / 8) {
    return absl::InvalidArgumentError(
        StrCat(hashes.size(), " digits of hashes with ", idf.size(),
               " digits of idf; a row has 16 and 2"));
  }
  std::vector<uint64_t> hash_values;
  std::vector<uint8_t> idf_values;
  hash_values.reserve(hashes.size() / 16);
  idf_values.reserve(hashes.size() / 16);
  for (size_t row = 0; row < hashes.size() / 16; ++row) {
    ATTUNE_ASSIGN_OR_RETURN(const uint64_t hash,
                            ReadHex(hashes.substr(row * 16, 16)));
    ATTUNE_ASSIGN_OR_RETURN(const uint64_t frequency,
                            ReadHex(idf.substr(row * 2, 2)));
    hash_values.push_back(hash);
    idf_values.push_back(static_cast<uint8_t>(frequency));
  }
  return Create(std::move(hash_values), std::move(idf_values));
}

std::string Vocabulary::HashesAsHex() const {
  std::string hex;
  hex.reserve(hashes_.size() * 16);
  for (const uint64_t hash : hashes_) AppendHex(hash, 16, hex);
  return hex;
}

std::string Vocabulary::IdfAsHex() const {
  std::string hex;
  hex.reserve(idf_.size() * 2);
  for (const uint8_t idf : idf_) AppendHex(idf, 2, hex);
  return hex;
}

void VocabularyCounter::AddDocument(std::vector<uint64_t>& hashes) {
  ++documents_;
  std::sort(hashes.begin(), hashes.end());
  hashes.erase(std::unique(hashes.begin(), hashes.end()), hashes.end());
  for (const uint64_t hash : hashes) ++counts_[hash];
  if (counts_.size() <= max_hashes_) return;
  // Down to the half, so that the next scan is far away.
  for (int64_t rare = 1; counts_.size() > max_hashes_ / 2; ++rare) {
    absl::erase_if(counts_,
                   [rare](const auto& entry) { return entry.second <= rare; });
  }
}

Vocabulary VocabularyCounter::Finish(int32_t min_count, int32_t max_rows,
                                     std::span<const uint64_t> always) const {
  const size_t limit = static_cast<size_t>(max_rows);
  always = always.first(std::min(always.size(), limit));
  std::vector<std::pair<int64_t, uint64_t>> kept;  // frequency, hash
  for (const auto& [hash, count] : counts_) {
    if (count >= min_count) kept.emplace_back(count, hash);
  }
  std::sort(kept.begin(), kept.end(), [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first > b.first : a.second < b.second;
  });
  kept.resize(std::min(kept.size(), limit - always.size()));
  std::vector<uint64_t> hashes(always.begin(), always.end());
  std::vector<uint8_t> idf(always.size(), QuantisedIdf(0, 1));
  for (const auto& [count, hash] : kept) {
    hashes.push_back(hash);
    idf.push_back(QuantisedIdf(documents_, count));
  }
  // Keys of a map do not repeat, and the fitter checks max_rows.
  return *Vocabulary::Create(std::move(hashes), std::move(idf));
}

}  // namespace attune::features
