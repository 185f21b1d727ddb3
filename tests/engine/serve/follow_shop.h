#pragma once

#include <string>
#include <vector>

#include "tests/engine/serve/trained_shop.h"

namespace attune {

/// What a writer adds to a TrainedShop beside its followers: batches of two
/// clicks, of one user on two items that he did not see before. Whoever asks
/// what that user saw finds both of a batch, or none.
struct FollowShop {
  /// Batches of a user, before the next one's turn.
  static constexpr int kBatchesPerUser = 30;
  static_assert(2 * kBatchesPerUser <= TrainedShop::kItems);

  static std::string UserOf(int batch) {
    return "reader" + std::to_string(batch / kBatchesPerUser);
  }
  static std::vector<v1::Event> Batch(int batch) {
    std::vector<v1::Event> events;
    for (int i = 0; i < 2; ++i) {
      const int item = 2 * (batch % kBatchesPerUser) + i;
      v1::Event& event = events.emplace_back();
      event.set_user_id(UserOf(batch));
      event.set_item_id(TrainedShop::ItemId(item));
      event.set_action("click");
      event.set_time_ms(TrainedShop::kNowMs + 2 * batch + i);
    }
    return events;
  }
  /// How many of the user's items of batches 0 … `batch` there are.
  static int SeenAt(int batch) { return 2 * (batch % kBatchesPerUser + 1); }
};

}  // namespace attune
