#pragma once

#include <xxhash.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/strings.h"
#include "engine/engine.h"

namespace attune {

/// An engine without a model: lists that depend on the request alone, so that a
/// batch's bytes can be foretold. Everything but Rank() is refused.
class FakeEngine : public Engine {
 public:
  /// Called at the begin of each Rank(), from any thread.
  std::function<absl::Status(const v1::RankRequest&)> before;
  std::string current_model = "v1";
  std::atomic<int64_t> calls{0};

  static double ScoreOf(std::string_view user, std::string_view item) {
    const uint64_t hash = XXH3_64bits_withSeed(
        item.data(), item.size(), XXH3_64bits(user.data(), user.size()));
    return static_cast<double>(hash >> 11) * 0x1.0p-53;
  }

  absl::StatusOr<v1::RankResponse> Rank(const v1::RankRequest& request,
                                        const CallOptions&) override {
    calls.fetch_add(1);
    if (before) {
      absl::Status status = before(request);
      if (!status.ok()) return status;
    }
    v1::RankResponse response;
    response.set_model(request.model().empty() ? current_model
                                               : request.model());
    response.set_now_ms(request.now_ms());
    response.set_history_length(request.user_id().ends_with("7") ? 0 : 3);
    std::vector<std::string> ids(request.candidate_ids().begin(),
                                 request.candidate_ids().end());
    if (ids.empty()) {
      for (int i = 0; i < 20; ++i) ids.push_back(StrCat("item-", i));
    }
    std::sort(ids.begin(), ids.end(),
              [&](const std::string& a, const std::string& b) {
                return ScoreOf(request.user_id(), a) >
                       ScoreOf(request.user_id(), b);
              });
    if (request.k() > 0 && ids.size() > request.k()) ids.resize(request.k());
    for (size_t i = 0; i < ids.size(); ++i) {
      v1::RankedItem* item = response.add_items();
      item->set_item_id(ids[i]);
      item->set_score(ScoreOf(request.user_id(), ids[i]));
      item->set_rank(static_cast<uint32_t>(i + 1));
      if (request.explain()) {
        v1::Reason* reason = item->mutable_explanation()->add_reasons();
        reason->set_item_id("read-before");
        reason->set_action("read");
        reason->set_attention(0.5);
      }
    }
    return response;
  }

  std::vector<absl::StatusOr<v1::RankResponse>> RankMany(
      std::span<const v1::RankRequest* const> requests,
      const CallOptions& options) override {
    std::vector<absl::StatusOr<v1::RankResponse>> responses;
    for (const v1::RankRequest* request : requests) {
      responses.push_back(options.cancelled.IsSet()
                              ? absl::CancelledError("cancelled")
                              : Rank(*request, options));
    }
    return responses;
  }

  absl::Status RankIds(std::string_view, std::span<const std::string_view>,
                       std::span<float>, const RankIdsOptions&) override {
    return Refused();
  }
  absl::Status PutItems(std::span<const v1::Item>, bool) override {
    return Refused();
  }
  absl::Status PutUsers(std::span<const v1::User>, bool) override {
    return Refused();
  }
  absl::Status PutEvents(std::span<const v1::Event>, bool) override {
    return Refused();
  }
  absl::Status DeleteItem(std::string_view) override { return Refused(); }
  absl::Status DeleteUser(std::string_view) override { return Refused(); }
  absl::Status DeleteUserEvents(std::string_view, std::string_view) override {
    return Refused();
  }
  absl::Status PrefetchUser(std::string_view, std::string_view) override {
    return Refused();
  }
  absl::Status ReloadModel(const std::string&, const std::string&) override {
    return Refused();
  }
  absl::Status RollbackModel() override { return Refused(); }
  absl::Status Refresh() override { return Refused(); }
  std::string Stats(StatsFormat) const override { return "{}"; }

 private:
  static absl::Status Refused() {
    return absl::UnimplementedError("a fake engine only ranks");
  }
};

}  // namespace attune
