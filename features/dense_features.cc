// The dense part of Pipeline: what one request and one candidate give.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <vector>

#include "base/prefetch.h"
#include "features/bounded.h"
#include "features/match_features.h"
#include "features/pipeline.h"
#include "features/pipeline_impl.h"

namespace attune::features {
namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr int64_t kHourMs = 3'600'000;
constexpr int64_t kDayMs = 24 * kHourMs;
float Log1p(double value) {
  return value > 0 ? std::log1p(static_cast<float>(value)) : 0.0f;
}

// Signed log of an age in days: negative for what is not out yet.
float AgeValue(int64_t time_ms, int64_t now_ms) {
  const double days =
      (static_cast<double>(now_ms) - static_cast<double>(time_ms)) /
      static_cast<double>(kDayMs);
  return Bounded(std::copysign(0.5 * std::log1p(std::abs(days)), days));
}

float Nearness(float delta) { return 1.0f / (1.0f + delta * delta); }

// The item's numbers against those of the history and of its newest event.
void WriteNearness(const DenseLayout& layout, const ItemView& item,
                   const HistoryProfile& profile, float* dense) {
  const std::vector<float>& sums = profile.numeric_sums();
  const std::vector<float>& last = profile.last_numeric();
  float* near = dense + layout.near_begin;
  const size_t columns = static_cast<size_t>(layout.near_count);
  for (size_t i = 0; i < 2 * columns; i += 2, near += 3) {
    if (item.numeric[i + 1] != 0) continue;
    if (i + 1 < sums.size() && sums[i + 1] > 0) {
      const float delta = item.numeric[i] - sums[i] / sums[i + 1];
      near[0] = Nearness(delta);
      near[2] = Bounded(delta);
    }
    if (i + 1 < last.size() && last[i + 1] == 0) {
      // Sharper: baskets and browsing stay at one price, one year.
      near[1] = Nearness(4.0f * (item.numeric[i] - last[i]));
    }
  }
}

// What the item alone gives.
void WriteItem(const DenseLayout& layout, const ItemView& item,
               const RequestFeatures& request, float* out) {
  float* next = out;
  const size_t numeric_width = static_cast<size_t>(layout.numeric_width());
  if (item.numeric.size() == numeric_width) {
    next = std::copy(item.numeric.begin(), item.numeric.end(), next);
  } else {
    for (size_t i = 0; i < numeric_width; i += 2) {
      next[1] = 1.0f;
      next += 2;
    }
  }
  for (int32_t i = 0; i < layout.age_columns; ++i, next += 2) {
    const size_t column = static_cast<size_t>(i);
    const int64_t time_ms = column < item.times_ms.size()
                                ? item.times_ms[column]
                                : ItemFeatures::kMissingTime;
    if (request.has_time && time_ms != ItemFeatures::kMissingTime) {
      next[0] = AgeValue(time_ms, request.now_ms);
    } else {
      next[1] = 1.0f;
    }
  }
  *next = item.blank ? 1.0f : 0.0f;
}

// All of them; `scratch` is for their attributes.
void WriteCandidates(const DenseLayout& layout,
                     const PopularityFeatures& popularity,
                     std::span<const ItemView* const> items,
                     std::span<const ItemCounters> counters,
                     const HistoryProfile& profile,
                     const RequestFeatures& request,
                     const MatchScratch& scratch, MatrixView out) {
  for (size_t i = 0; i < items.size(); ++i) {
    float* const row = out.row(static_cast<int64_t>(i));
    std::fill_n(row, layout.shared_begin, 0.0f);
    WriteItem(layout, *items[i], request, row);
    std::copy(request.shared.begin(), request.shared.end(),
              row + layout.shared_begin);
  }
  // By itself: long chains of a few operations, of which several items' then
  // go side by side.
  for (size_t i = 0; i < items.size(); ++i) {
    popularity.Write(counters[i], request.now_ms, request.has_time,
                     out.row(static_cast<int64_t>(i)));
  }
  WriteMatchFeatures(layout, items, profile, scratch, out);
  const size_t numeric_width = static_cast<size_t>(layout.numeric_width());
  for (size_t i = 0; i < items.size(); ++i) {
    if (items[i]->numeric.size() == numeric_width) {
      WriteNearness(layout, *items[i], profile,
                    out.row(static_cast<int64_t>(i)));
    }
  }
  if (layout.text_begin < 0 || request.text.empty()) return;
  for (size_t i = 0; i < items.size(); ++i) {
    request.text.Write(items[i]->search_keys,
                       out.row(static_cast<int64_t>(i)) + layout.text_begin);
  }
}

}  // namespace

void Pipeline::ClockFeatures(int64_t now_ms, bool has_time,
                             std::span<float> out) {
  std::fill_n(out.begin(), kClockWidth, 0.0f);
  if (!has_time) {
    out[4] = 1.0f;
    return;
  }
  // Rounded down, also before 1970.
  int64_t day = now_ms / kDayMs;
  int64_t in_day = now_ms % kDayMs;
  if (in_day < 0) {
    in_day += kDayMs;
    --day;
  }
  const int64_t weekday = (day % 7 + 7 + 3) % 7;  // 1970-01-01: Thursday
  const double hour_angle =
      2 * kPi * static_cast<double>(in_day) / static_cast<double>(kDayMs);
  const double weekday_angle = 2 * kPi * static_cast<double>(weekday) / 7.0;
  out[0] = static_cast<float>(std::sin(hour_angle));
  out[1] = static_cast<float>(std::cos(hour_angle));
  out[2] = static_cast<float>(std::sin(weekday_angle));
  out[3] = static_cast<float>(std::cos(weekday_angle));
}

void Pipeline::PrepareRequest(const UserFeatures& user,
                              const HistoryProfile& profile, int64_t now_ms,
                              bool has_time, RequestFeatures* request,
                              const ContextFeatures* context) const {
  const DenseLayout& layout = impl_->layout;
  // A model that never saw a clock is not shown one.
  request->has_time = has_time && impl_->state.uses_time;
  request->now_ms = request->has_time ? now_ms : 0;
  request->shared.assign(static_cast<size_t>(layout.shared_width()), 0.0f);
  float* out = request->shared.data();
  if (layout.context_width() > 0) {
    const ContextFeatures& given =
        context != nullptr ? *context : impl_->no_context;
    std::copy(given.shared.begin(), given.shared.end(),
              out + (layout.context_begin - layout.shared_begin));
    request->text.Set(given.terms);
  }

  const size_t user_width = static_cast<size_t>(layout.user_numeric_width());
  if (user.numeric.size() == user_width) {
    out = std::copy(user.numeric.begin(), user.numeric.end(), out);
  } else {  // an unknown user: everything is missing
    for (size_t i = 0; i < user_width; i += 2) {
      *out++ = 0.0f;
      *out++ = 1.0f;
    }
  }
  *out++ = Bounded(Log1p(static_cast<double>(profile.history_count())) / 3.0f);
  *out++ = profile.size() == 0 ? 1.0f : 0.0f;
  if (!impl_->state.uses_time) return;
  ClockFeatures(request->now_ms, request->has_time,
                std::span<float>(out, kClockWidth));
  out += kClockWidth;
  if (request->has_time && profile.has_last_time()) {
    const double seconds = (static_cast<double>(now_ms) -
                            static_cast<double>(profile.last_time_ms())) /
                           1000.0;
    out[0] = Bounded(Log1p(seconds) / 5.0f);
  } else {
    out[1] = 1.0f;
  }
}

ItemCounters Pipeline::CompactCounters(const v1::Counters& counters) const {
  return impl_->popularity.Compact(counters);
}

void Pipeline::CandidateFeatures(const ItemView& item,
                                 const v1::Counters* counters,
                                 const HistoryProfile& profile,
                                 const RequestFeatures& request,
                                 std::span<float> out) const {
  CandidateFeatures(
      item, counters != nullptr ? CompactCounters(*counters) : ItemCounters(),
      profile, request, out);
}

void Pipeline::CandidateFeatures(const ItemView& item,
                                 const ItemCounters& counters,
                                 const HistoryProfile& profile,
                                 const RequestFeatures& request,
                                 std::span<float> out) const {
  constexpr size_t kFewKeys = 64;
  const size_t keys = item.attribute_keys.size();
  // Not filled: it is written before it is read.
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init)
  alignas(16) std::array<std::byte, MatchScratch::Bytes(kFewKeys)> few;
  std::vector<std::max_align_t> many;
  if (keys > kFewKeys) {
    many.resize(MatchScratch::Bytes(keys) / sizeof(std::max_align_t) + 1);
  }
  const MatchScratch scratch(
      keys > kFewKeys ? reinterpret_cast<std::byte*>(many.data()) : few.data(),
      keys);
  const ItemView* const items[] = {&item};
  WriteCandidates(impl_->layout, impl_->popularity, items, {&counters, 1},
                  profile, request, scratch,
                  {out.data(), {1, static_cast<int64_t>(out.size())}});
}

void Pipeline::CandidateFeatures(std::span<const ItemView* const> items,
                                 std::span<const ItemCounters> counters,
                                 const HistoryProfile& profile,
                                 const RequestFeatures& request,
                                 Workspace& workspace, MatrixView out) const {
  // What a share takes stays in the innermost cache. Candidates lie all over a
  // large one: what is read of the next share's is fetched meanwhile, a served
  // item's keys with its view, which they lie behind.
  constexpr size_t kShare = 64;
  constexpr size_t kViewBytes = sizeof(ItemView) + 192;
  for (size_t begin = 0; begin < items.size(); begin += kShare) {
    const auto share =
        items.subspan(begin, std::min(kShare, items.size() - begin));
    size_t keys = 0;
    for (const ItemView* item : share) keys += item->attribute_keys.size();
    for (const ItemView* item :
         items.subspan(begin + share.size(),
                       std::min(kShare, items.size() - begin - share.size()))) {
      PrefetchRun(item, kViewBytes);
    }
    Workspace::Scope scope(workspace);
    const MatchScratch scratch(workspace
                                   .Allocate<std::byte>(static_cast<int64_t>(
                                       MatchScratch::Bytes(keys)))
                                   .data(),
                               keys);
    WriteCandidates(impl_->layout, impl_->popularity, share,
                    counters.subspan(begin, share.size()), profile, request,
                    scratch,
                    out.rows_slice(static_cast<int64_t>(begin),
                                   static_cast<int64_t>(share.size())));
  }
}

}  // namespace attune::features
