#include "engine/memory_budget.h"

#include <algorithm>
#include <cstdint>
#include <string>

#include "base/strings.h"

namespace attune {
namespace {

/// RocksDB works with less, by writing tiny files.
constexpr size_t kLeastWriteBuffer = size_t{4} << 20;

/// With one decimal: ceilings are given in MiB.
std::string MiB(size_t bytes) {
  const uint64_t tenths = (uint64_t{bytes} * 10 + (1 << 19)) >> 20;
  return StrCat(tenths / 10, ".", tenths % 10, " MiB");
}

/// The least limit, in whole MiB, that CheckModels() accepts.
size_t LimitFor(size_t model_bytes) {
  const size_t rest = model_bytes + MemoryBudget::kLeastBytes;
  const size_t limit =
      std::max(rest * 32 / 25, (rest + kLeastWriteBuffer) * 32 / 27);
  return (limit / (size_t{1} << 20) + 1) << 20;
}

}  // namespace

absl::Status MemoryBudget::Check(size_t limit_bytes) {
  const MemoryBudget budget(limit_bytes);
  if (budget.Rest() >= kLeastBytes) return absl::OkStatus();
  return absl::InvalidArgumentError(StrCat(
      "a memory limit of ", MiB(limit_bytes), " is too small: the store takes ",
      MiB(budget.block_cache_bytes() + budget.row_cache_bytes() +
          budget.write_buffer_bytes()),
      " of it, user states and item vectors at least ", MiB(kLeastBytes)));
}

size_t MemoryBudget::write_buffer_bytes() const {
  return std::max(limit_bytes_ / 16, kLeastWriteBuffer);
}

size_t MemoryBudget::Rest() const {
  const size_t store =
      block_cache_bytes() + row_cache_bytes() + write_buffer_bytes();
  return limit_bytes_ > store ? limit_bytes_ - store : 0;
}

size_t MemoryBudget::Caches(size_t model_bytes) const {
  return Rest() > model_bytes ? Rest() - model_bytes : 0;
}

absl::Status MemoryBudget::CheckModels(size_t model_bytes) const {
  if (Caches(model_bytes) >= kLeastBytes) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      StrCat("models and retrieval indexes take ", MiB(model_bytes),
             ", the memory limit of ", MiB(limit_bytes_), " has room for ",
             MiB(Rest() - std::min(Rest(), kLeastBytes)),
             " of them beside the store's caches: raise it to at least ",
             MiB(LimitFor(model_bytes))));
}

size_t MemoryBudget::user_state_bytes(size_t model_bytes) const {
  return std::min(limit_bytes_ / 4, Caches(model_bytes) / 2);
}

size_t MemoryBudget::item_bytes_per_model(size_t model_bytes) const {
  return std::min(limit_bytes_ / 4, Caches(model_bytes) / 4);
}

}  // namespace attune
