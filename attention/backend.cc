#include "attention/backend.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "attention/instruction_set.h"
#include "base/status_macros.h"

namespace attune {
namespace {

// Asks its back-ends in order; the first that supports a spec wins. Only
// Unimplemented passes on to the next: a wrong spec is wrong for all.
class BackendList final : public Backend {
 public:
  explicit BackendList(std::vector<std::unique_ptr<Backend>> backends)
      : backends_(std::move(backends)) {}

  std::string_view name() const override { return backends_.front()->name(); }

  absl::StatusOr<std::unique_ptr<Linear>> CreateLinear(
      const LinearSpec& spec) const override {
    return First<Linear>(
        [&](const Backend& b) { return b.CreateLinear(spec); });
  }
  absl::StatusOr<std::unique_ptr<LayerNorm>> CreateLayerNorm(
      int64_t width) const override {
    return First<LayerNorm>(
        [&](const Backend& b) { return b.CreateLayerNorm(width); });
  }
  absl::StatusOr<std::unique_ptr<Attention>> CreateAttention(
      const AttentionSpec& spec) const override {
    return First<Attention>(
        [&](const Backend& b) { return b.CreateAttention(spec); });
  }
  absl::StatusOr<std::unique_ptr<AttentionPooling>> CreateAttentionPooling(
      int64_t width, int heads) const override {
    return First<AttentionPooling>([&](const Backend& b) {
      return b.CreateAttentionPooling(width, heads);
    });
  }
  absl::StatusOr<std::unique_ptr<Activation>> CreateActivation(
      ActivationKind kind) const override {
    return First<Activation>(
        [&](const Backend& b) { return b.CreateActivation(kind); });
  }
  absl::StatusOr<std::unique_ptr<CrossEntropy>> CreateCrossEntropy(
      int64_t width) const override {
    return First<CrossEntropy>(
        [&](const Backend& b) { return b.CreateCrossEntropy(width); });
  }
  absl::StatusOr<std::unique_ptr<MatmulTransposed>> CreateMatmulTransposed(
      int64_t width) const override {
    return First<MatmulTransposed>(
        [&](const Backend& b) { return b.CreateMatmulTransposed(width); });
  }

 private:
  template <typename Op, typename Create>
  absl::StatusOr<std::unique_ptr<Op>> First(Create create) const {
    std::vector<std::string> reasons;
    for (const auto& backend : backends_) {
      absl::StatusOr<std::unique_ptr<Op>> op = create(*backend);
      if (op.ok() || !absl::IsUnimplemented(op.status())) return op;
      reasons.push_back(absl::StrCat(std::string(backend->name()), ": ",
                                     op.status().message()));
    }
    return absl::UnimplementedError(absl::StrJoin(reasons, "; "));
  }

  std::vector<std::unique_ptr<Backend>> backends_;
};

struct Entry {
  std::string_view name;
  std::unique_ptr<Backend> (*make)();
};

// Fastest first; reference supports everything and stays last.
constexpr Entry kBackends[] = {
    {"onednn", &MakeOneDnnBackend},
    {"reference", &MakeReferenceBackend},
};

}  // namespace

absl::StatusOr<std::unique_ptr<Backend>> MakeBackend(std::string_view name) {
  ATTUNE_RETURN_IF_ERROR(LimitInstructionSetFromEnvironment());
  std::vector<std::unique_ptr<Backend>> backends;
  std::vector<std::string> known;
  for (const Entry& entry : kBackends) {
    known.emplace_back(entry.name);
    if (!backends.empty() || name.empty() || name == entry.name) {
      backends.push_back(entry.make());
    }
  }
  if (backends.empty()) {
    return absl::NotFoundError(absl::StrCat("no compute back-end \"",
                                            std::string(name), "\"; known are ",
                                            absl::StrJoin(known, ", ")));
  }
  return std::make_unique<BackendList>(std::move(backends));
}

}  // namespace attune
