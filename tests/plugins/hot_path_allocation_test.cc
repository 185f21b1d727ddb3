// What a warm request through libattune.so allocates: nothing by our own code.
// A program of its own: it stands in for operator new and malloc.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>
#include <new>
#include <string>
#include <vector>

#include "tests/plugins/boxes.h"
#include "tests/plugins/shop_test_base.h"

extern "C" {
// glibc's own, which the functions below stand in for.
// NOLINTBEGIN(bugprone-reserved-identifier): so it calls them
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* memory, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);
// NOLINTEND(bugprone-reserved-identifier)
}

namespace {

/// Of one thread, while it counts: who asked. Nothing of it allocates.
struct Asked {
  static constexpr std::size_t kMost = 4096;
  bool counting = false;
  std::size_t count = 0;
  std::array<const void*, kMost> callers = {};
};
thread_local Asked asked;

void Note(const void* caller) {
  if (!asked.counting) return;
  if (asked.count < Asked::kMost) asked.callers[asked.count] = caller;
  ++asked.count;
}

void* New(std::size_t size, std::size_t alignment, const void* caller) {
  Note(caller);
  void* const memory = alignment <= alignof(std::max_align_t)
                           ? __libc_malloc(size)
                           : __libc_memalign(alignment, size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

// The array and nothrow forms call the first two, and are then the callers:
// within this program or libstdc++, which counts as ours.
void* operator new(std::size_t size) {
  return New(size, 1, __builtin_return_address(0));
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  return New(size, static_cast<std::size_t>(alignment),
             __builtin_return_address(0));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}

extern "C" {
void* malloc(std::size_t size) {
  Note(__builtin_return_address(0));
  return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) {
  Note(__builtin_return_address(0));
  return __libc_calloc(count, size);
}
void* realloc(void* memory, std::size_t size) {
  Note(__builtin_return_address(0));
  return __libc_realloc(memory, size);
}
void* memalign(std::size_t alignment, std::size_t size) {
  Note(__builtin_return_address(0));
  return __libc_memalign(alignment, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) {
  Note(__builtin_return_address(0));
  return __libc_memalign(alignment, size);
}
int posix_memalign(void** memory, std::size_t alignment, std::size_t size) {
  Note(__builtin_return_address(0));
  *memory = __libc_memalign(alignment, size);
  return *memory == nullptr ? 12 : 0;  // ENOMEM
}
}

namespace attune {
namespace {

/// How many by whose library, of what the function does on this thread.
template <typename Function>
std::map<std::string, int> Allocations(Function function) {
  asked.count = 0;
  asked.counting = true;
  function();
  asked.counting = false;
  std::map<std::string, int> counts;
  for (std::size_t i = 0; i < std::min(asked.count, Asked::kMost); ++i) {
    Dl_info info = {};
    const bool known = dladdr(asked.callers[i], &info) != 0;
    const std::string path = known ? info.dli_fname : "unknown";
    ++counts[path.substr(path.rfind('/') + 1)];
  }
  if (asked.count > Asked::kMost) counts["more"] += 1;
  return counts;
}

class HotPathAllocationTest : public ShopTest {
 protected:
  void SetUp() override {
    ShopTest::SetUp();
    for (int i = 0; i < TinyShop::kItems; ++i) {
      ids_.push_back(TinyShop::ItemId(i));
    }
    for (const std::string& id : ids_) {
      pointers_.push_back(id.data());
      lengths_.push_back(id.size());
    }
    scores_.resize(ids_.size());
  }

  void OpenQuiet(const std::string& precision) {
    // Nothing but the requests themselves runs.
    engine_ =
        Open(R"(, "fill_item_cache": false, "precision": ")" + precision + '"');
  }

  /// Allocates nothing itself.
  int RankAllIds(const std::string& user) {
    attune_rank_ids_options options = {};
    options.struct_size = sizeof(options);
    options.now_ms = TinyShop::kNowMs;
    return attune_rank_ids(engine_, user.data(), user.size(), pointers_.data(),
                           lengths_.data(), ids_.size(), scores_.data(),
                           &options, nullptr);
  }

  /// Bytes of a request for all items; the longest ids do not fit into a
  /// string's own room.
  std::string RankRequest(const std::string& user) const {
    v1::RankRequest request;
    request.set_user_id(user);
    request.set_now_ms(TinyShop::kNowMs);
    request.set_request_id("a request's id, of more than 15 bytes");
    for (const std::string& id : ids_) request.add_candidate_ids(id);
    request.add_candidate_ids("an item that nobody has ever heard of");
    return request.SerializeAsString();
  }

  std::vector<std::string> ids_;
  std::vector<const char*> pointers_;
  std::vector<size_t> lengths_;
  std::vector<float> scores_;
};

class RankIdsAllocationTest
    : public HotPathAllocationTest,
      public ::testing::WithParamInterface<const char*> {};

TEST_P(RankIdsAllocationTest, AWarmRequestMakesNone) {
  OpenQuiet(GetParam());
  constexpr int kUsers = 4;
  std::vector<std::string> users;
  for (int u = 0; u < kUsers; ++u) users.push_back(TinyShop::UserId(u));
  // The first reads rows and encodes, the second learns the peak of the
  // scratch memory, the third allocates it at once.
  for (int round = 0; round < 3; ++round) {
    for (const std::string& user : users) ASSERT_EQ(RankAllIds(user), 0);
  }
  for (const std::string& user : users) {
    int code = -1;
    std::map<std::string, int> counts =
        Allocations([&] { code = RankAllIds(user); });
    ASSERT_EQ(code, 0);
    // oneDNN makes six small ones in every execution, which we cannot spare
    // it: of the products of a request, on machines where they are oneDNN's
    // (AMX).
    constexpr int kProducts = 24;
    EXPECT_LE(counts["libdnnl.so.3"], 6 * kProducts);
    counts.erase("libdnnl.so.3");
    for (const auto& [library, count] : counts) {
      ADD_FAILURE() << user << ": " << count << " allocations by " << library;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(, RankIdsAllocationTest,
                         ::testing::Values("f32", "bf16"),
                         [](const auto& i) { return std::string(i.param); });

// The message interface: the request's and the answer's parts are those of the
// calls before, the answer's bytes are the caller's.
TEST_P(RankIdsAllocationTest, AWarmRankMakesTheAnswerAlone) {
  OpenQuiet(GetParam());
  constexpr int kUsers = 3;
  for (int round = 0; round < 6; ++round) {
    for (int u = 0; u < kUsers; ++u) {
      const std::string request = RankRequest(TinyShop::UserId(u));
      attune_buffer buffer = {};
      buffer.struct_size = sizeof(buffer);
      int code = -1;
      std::map<std::string, int> counts = Allocations([&] {
        code = attune_rank(engine_, request.data(), request.size(), nullptr,
                           &buffer, nullptr);
      });
      ASSERT_EQ(code, 0);
      v1::RankResponse response;
      ASSERT_TRUE(
          response.ParseFromArray(buffer.data, static_cast<int>(buffer.size)));
      EXPECT_EQ(response.items_size(), TinyShop::kItems + 1);
      attune_buffer_free(&buffer);
      if (round < 3) continue;
      EXPECT_TRUE(response.warm());
      counts.erase("libdnnl.so.3");  // see above
      for (const auto& [library, count] : counts) {
        EXPECT_TRUE(library.starts_with("libattune") && count == 1)
            << count << " allocations by " << library;
      }
    }
  }
}

TEST_F(HotPathAllocationTest, TheCounterCounts) {
  const std::map<std::string, int> counts = Allocations([] {
    const std::vector<int> vector(1000);
    void* const memory = std::malloc(vector.size());
    asm volatile("" : : "r"(memory), "r"(vector.data()) : "memory");
    std::free(memory);
  });
  int sum = 0;
  for (const auto& [library, count] : counts) sum += count;
  EXPECT_EQ(sum, 2);
  // And those inside the library, by any path: a request of an unknown user
  // makes a state.
  OpenQuiet("f32");
  ASSERT_EQ(RankAllIds("nobody"), 0);
  int inside = 0;
  for (const auto& [library, count] :
       Allocations([&] { EXPECT_EQ(RankAllIds("nobody else"), 0); })) {
    if (library.starts_with("libattune")) inside += count;
  }
  EXPECT_GT(inside, 0);
}

}  // namespace
}  // namespace attune
