#include "engine/cache_filler.h"

#include <exception>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/execution_context.h"
#include "base/status_macros.h"

namespace attune {
namespace {

/// At some 8 µs each, half a millisecond.
constexpr size_t kPortion = 64;
/// Three times as long as it worked: a quarter of the time.
constexpr int64_t kRestShare = 3;

/// Ends an iteration; tells nobody.
absl::Status Full() { return absl::OutOfRangeError("the cache is full"); }

}  // namespace

void CacheFiller::Start(std::shared_ptr<ServedModel> served) {
  const std::lock_guard lock(mutex_);
  if (closed_) return;
  next_ = std::move(served);
  changed_.notify_all();
  if (!thread_.Add([this] { FillNext(); }).ok()) next_ = nullptr;
}

void CacheFiller::Close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  next_ = nullptr;
  changed_.notify_all();
}

absl::Status CacheFiller::Rest(std::chrono::nanoseconds time) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, time, [&] { return closed_ || next_ != nullptr; });
  if (closed_ || next_ != nullptr) return absl::CancelledError("no longer");
  return absl::OkStatus();
}

void CacheFiller::FillNext() {
  std::shared_ptr<ServedModel> served;
  {
    const std::lock_guard lock(mutex_);
    served = std::exchange(next_, nullptr);
  }
  if (served == nullptr) return;  // closed, or another came in its place
  // Nobody above could catch what is thrown here; requests need nothing of
  // what is not filled.
  try {
    Fill(*served);
  } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): above
  }
}

void CacheFiller::Fill(ServedModel& served) {
  ExecutionContext context;
  std::vector<std::string> ids;
  const auto flush = [&]() -> absl::Status {
    const int64_t start_ns = MonotonicNs();
    const std::vector<std::string_view> views(ids.begin(), ids.end());
    context.workspace.Reset();
    ATTUNE_ASSIGN_OR_RETURN(const bool room,
                            served.items().Fill(context, views));
    ids.clear();
    if (!room) return Full();
    return Rest(
        std::chrono::nanoseconds(kRestShare * (MonotonicNs() - start_ns)));
  };
  const auto take = [&](std::string_view id) -> absl::Status {
    ids.emplace_back(id);
    return ids.size() < kPortion ? absl::OkStatus() : flush();
  };
  // What fails here fails for the requests, too, and is theirs to report.
  absl::Status status = database_.ForEachCounters(
      [&](std::string_view id, const v1::Counters&) { return take(id); });
  if (status.ok()) {
    status = database_.ForEachItemVector(
        served.version(),
        [&](std::string_view id, std::string_view) { return take(id); });
  }
  if (status.ok() && !ids.empty()) (void)flush();
}

}  // namespace attune
