#include "storage/content_hash.h"

#include <xxhash.h>

#include "absl/strings/str_format.h"

namespace attune::storage {
namespace {

std::string ToHex(XXH128_hash_t hash) {
  return absl::StrFormat("%016x%016x", hash.high64, hash.low64);
}

}  // namespace

ContentHash::ContentHash() : state_(NewHashState()) {
  XXH3_128bits_reset(state_.get());
}

void ContentHash::Update(std::span<const char> bytes) {
  XXH3_128bits_update(state_.get(), bytes.data(), bytes.size());
}

std::string ContentHash::Hex() const {
  return ToHex(XXH3_128bits_digest(state_.get()));
}

std::string ContentHash::Of(std::string_view bytes) {
  return ToHex(XXH3_128bits(bytes.data(), bytes.size()));
}

}  // namespace attune::storage
