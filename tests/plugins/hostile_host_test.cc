// libattune.so under a host that does everything at once, with arguments that
// no host should use: every call returns a code that it may return, and what is
// asked afterwards is answered as before.
#include <atomic>
#include <limits>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/rng.h"
#include "tests/plugins/boxes.h"
#include "tests/plugins/shop_test_base.h"

namespace attune {
namespace {

class HostileHostTest : public ShopTest {
 protected:
  static attune_engine* OpenNarrow() {
    return Open(R"(, "threads": 2, "memory_limit_mb": 64,
                     "publish_items_per_second": 0)");
  }

  /// A request with a bit of everything; every field may be odd.
  static v1::RankRequest RandomRequest(Rng& rng) {
    v1::RankRequest request;
    if (rng.Bernoulli(0.8)) {
      request.set_user_id(TinyShop::UserId(static_cast<int>(rng.Below(40))));
    }
    for (uint64_t n = rng.Below(30); n > 5; --n) {
      request.add_candidate_ids(
          TinyShop::ItemId(static_cast<int>(rng.Below(80))));
    }
    if (rng.Bernoulli(0.2)) {
      v1::Item* item = request.add_candidates();
      item->set_item_id("inline");
      item->set_title(std::string(rng.Below(3000), 'w'));
      v1::Feature* feature = item->add_features();
      feature->set_name("price");
      feature->mutable_value()->set_number(
          rng.Bernoulli(0.2) ? std::numeric_limits<double>::quiet_NaN()
                             : 1e300);
    }
    if (rng.Bernoulli(0.2)) {
      for (uint64_t n = rng.Below(50); n > 0; --n) {
        v1::HistoryEvent* event =
            request.mutable_inline_history()->add_events();
        event->set_item_id(TinyShop::ItemId(static_cast<int>(rng.Below(80))));
        event->set_has_time(rng.Bernoulli(0.5));
        event->set_sort_key(static_cast<int64_t>(rng.Below(1u << 31)));
      }
      request.mutable_inline_history()->set_count(
          static_cast<int64_t>(rng.Below(100)) - 50);
    }
    request.set_k(static_cast<uint32_t>(rng.Below(3) == 0 ? 0 : rng.Below(9)));
    request.set_explain(rng.Bernoulli(0.2));
    if (rng.Bernoulli(0.1)) request.set_model("nothing\n");
    if (rng.Bernoulli(0.2)) {
      request.set_deadline_ms(static_cast<int64_t>(rng.Below(3)));
    }
    v1::Policy& policy = *request.mutable_policy();
    policy.set_exclude_seen(rng.Bernoulli(0.3));
    if (rng.Bernoulli(0.2)) policy.add_require_categories("shelf");
    if (rng.Bernoulli(0.2)) policy.add_exclude_categories("attic");
    if (rng.Bernoulli(0.2)) policy.set_diversity(0.3f);
    if (rng.Bernoulli(0.1)) policy.set_value_formula("logit_next ^ 0.5 / 0");
    if (rng.Bernoulli(0.05)) policy.set_value_formula("((");
    request.set_without_state(rng.Bernoulli(0.3));
    return request;
  }

  /// Bytes of a message, some of them changed, cut or doubled.
  static std::string Mutated(std::string bytes, Rng& rng) {
    if (bytes.empty() || rng.Bernoulli(0.5)) return bytes;
    for (uint64_t n = rng.Below(4); n > 0; --n) {
      bytes[rng.Below(bytes.size())] = static_cast<char>(rng.Below(256));
    }
    if (rng.Bernoulli(0.3)) bytes.resize(rng.Below(bytes.size()));
    return bytes;
  }
};

/// Everything that calls on a working engine may return, whatever they are
/// given: nothing that means a bug or a broken file.
bool IsExpected(int code) {
  static const std::set<int> kExpected = {
      ATTUNE_OK,
      ATTUNE_CANCELLED,
      ATTUNE_INVALID_ARGUMENT,
      ATTUNE_DEADLINE_EXCEEDED,
      ATTUNE_NOT_FOUND,
      ATTUNE_FAILED_PRECONDITION,
      ATTUNE_RESOURCE_EXHAUSTED,
      ATTUNE_INVALID_HANDLE,
  };
  return kExpected.contains(code);
}

TEST_F(HostileHostTest, EverythingAtOnceThenClosedAmidIt) {
  attune_engine* const engine = OpenNarrow();
  std::atomic<bool> stop = false;
  std::atomic<int64_t> calls = 0, served = 0, wrong = 0;
  const auto note = [&](int code, const char* what, const ErrorBox& error) {
    ++calls;
    if (code == 0) ++served;
    if (IsExpected(code)) return;
    ++wrong;
    ADD_FAILURE() << what << ": code " << code << ", " << error.message();
  };
  const auto host = [&](uint64_t seed) {
    Rng rng(seed);
    const std::string model = shop_->model();
    for (int i = 0; i < 400 && !stop; ++i) {
      ErrorBox error;
      const uint64_t dice = rng.Below(100);
      if (dice < 40) {
        const std::string bytes =
            Mutated(RandomRequest(rng).SerializeAsString(), rng);
        BufferBox buffer;
        note(attune_rank(engine, bytes.data(), bytes.size(), nullptr,
                         buffer.get(), error.get()),
             "rank", error);
      } else if (dice < 50) {
        v1::RankBatchRequest batch;
        for (int r = 0; r < 6; ++r) *batch.add_requests() = RandomRequest(rng);
        const std::string bytes = Mutated(batch.SerializeAsString(), rng);
        BufferBox buffer;
        const int code = attune_rank_batch(engine, bytes.data(), bytes.size(),
                                           nullptr, buffer.get(), error.get());
        note(code, "batch", error);
        v1::RankBatchResponse response;
        EXPECT_TRUE(response.ParseFromString(buffer.bytes()));
        for (const v1::RankResult& result : response.results()) {
          EXPECT_TRUE(IsExpected(result.code())) << result.message();
        }
      } else if (dice < 60) {
        const char* ids[] = {"item-1", "no\xff", nullptr};
        const size_t lengths[] = {6, 3, 0};
        float scores[3];
        uint32_t degraded = 0;
        attune_rank_ids_options options = {};
        options.struct_size = sizeof(options);
        options.deadline_ms = static_cast<int64_t>(rng.Below(2));
        options.degraded = &degraded;
        note(attune_rank_ids(engine, "user-1", rng.Below(7), ids, lengths,
                             rng.Below(4), scores, &options, error.get()),
             "rank_ids", error);
      } else if (dice < 75) {
        v1::PutItemsRequest put;
        for (uint64_t n = rng.Below(4); n > 0; --n) {
          v1::Item* item = put.add_items();
          item->set_item_id("extra" + std::to_string(rng.Below(50)));
          item->set_title("river and boat");
          item->add_categories("shelf");
          item->set_unavailable(rng.Bernoulli(0.2));
        }
        const std::string bytes = Mutated(put.SerializeAsString(), rng);
        note(attune_put_items(engine, bytes.data(), bytes.size(), 0,
                              error.get()),
             "put_items", error);
      } else if (dice < 83) {
        const std::string id = "extra" + std::to_string(rng.Below(50));
        note(attune_delete_item(engine, id.data(), id.size(), error.get()),
             "delete_item", error);
      } else if (dice < 90) {
        const std::string click = Mutated(
            ClickBytes(TinyShop::UserId(static_cast<int>(rng.Below(40))),
                       TinyShop::ItemId(static_cast<int>(rng.Below(60))),
                       TinyShop::kNowMs - static_cast<int64_t>(rng.Below(999))),
            rng);
        note(attune_put_events(engine, click.data(), click.size(), 0,
                               error.get()),
             "put_events", error);
      } else if (dice < 92) {
        note(attune_prefetch_user(engine, "user-2", rng.Below(7), nullptr, 0,
                                  error.get()),
             "prefetch", error);
      } else if (dice < 94) {
        note(attune_delete_user(engine, "user-39", rng.Below(8), error.get()),
             "delete_user", error);
      } else if (dice < 96) {
        note(attune_reload_model(engine, model.data(), model.size(),
                                 error.get()),
             "reload", error);
      } else if (dice < 97) {
        note(attune_rollback_model(engine, error.get()), "rollback", error);
      } else if (dice < 98) {
        note(attune_cancel_reload(engine, error.get()), "cancel", error);
      } else {
        BufferBox buffer;
        note(attune_stats(engine, static_cast<int32_t>(rng.Below(3)),
                          buffer.get(), error.get()),
             "stats", error);
      }
    }
  };
  std::vector<std::thread> hosts;
  for (uint64_t t = 0; t < 6; ++t) hosts.emplace_back(host, 100 + t);
  // A third of the way, the engine goes away under those that still run.
  while (calls < 800) std::this_thread::yield();
  ErrorBox error;
  EXPECT_EQ(attune_close(engine, error.get()), 0) << error.message();
  EXPECT_EQ(attune_close(engine, nullptr), ATTUNE_INVALID_HANDLE);
  for (std::thread& thread : hosts) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_GT(served, 200);
  EXPECT_EQ(attune_shutdown(error.get()), 0) << error.message();

  // What is left is a sound database.
  attune_engine* const again = OpenNarrow();
  v1::RankRequest request;
  request.set_user_id("user-1");
  request.set_k(5);
  const std::string bytes = request.SerializeAsString();
  BufferBox buffer;
  ASSERT_EQ(attune_rank(again, bytes.data(), bytes.size(), nullptr,
                        buffer.get(), error.get()),
            0)
      << error.message();
  v1::RankResponse response;
  ASSERT_TRUE(response.ParseFromString(buffer.bytes()));
  EXPECT_EQ(response.items_size(), 5);
  EXPECT_EQ(attune_close(again, nullptr), 0);
}

// Requests that wait for the first build of the retrieval index do not hold up
// the close.
TEST_F(HostileHostTest, CloseEndsTheWaitForTheIndex) {
  attune_engine* engine = OpenNarrow();
  for (int part = 0; part < 2; ++part) {
    v1::PutItemsRequest put;
    for (int i = 0; i < 5000; ++i) {
      v1::Item* item = put.add_items();
      item->set_item_id("bulk" + std::to_string(part * 5000 + i));
      item->set_title("river and boat");
    }
    const std::string bytes = put.SerializeAsString();
    ASSERT_EQ(attune_put_items(engine, bytes.data(), bytes.size(), 0, nullptr),
              0);
  }
  std::atomic<int> answered = 0, cancelled = 0, gone = 0, other = 0;
  std::vector<std::thread> readers;
  std::atomic<int> begun = 0;
  for (int t = 0; t < 3; ++t) {
    readers.emplace_back([&] {
      BufferBox buffer;
      ++begun;
      const int code =
          attune_rank(engine, nullptr, 0, nullptr, buffer.get(), nullptr);
      ++(code == 0                       ? answered
         : code == ATTUNE_CANCELLED      ? cancelled
         : code == ATTUNE_INVALID_HANDLE ? gone
                                         : other);
    });
  }
  while (begun < 3) std::this_thread::yield();
  EXPECT_EQ(attune_close(engine, nullptr), 0);
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(answered + cancelled + gone, 3);
  EXPECT_EQ(other, 0);
}

}  // namespace
}  // namespace attune
