#include "tools/simulate/session.h"

#include <algorithm>
#include <cmath>

#include "tools/simulate/oracle.h"
#include "tools/simulate/shop.h"

namespace attune::simulate {
namespace {

constexpr int64_t kDaySeconds = 86400;
constexpr int kMinPages = 5;
constexpr double kMeanExtraPages = 2.0;
constexpr double kNextPageInSession = 0.35;

// Logits of what may follow a click.
constexpr float kBuyBias = -4.3f;
constexpr float kCommentBias = -4.3f;
constexpr float kShareBias = -4.3f;
constexpr float kReturnBias = 1.0f;

float Sigmoid(float x) { return 1 / (1 + std::exp(-x)); }

/// A moment in the day with more visits in the evening: the mean of two
/// uniform draws has its top in the middle, here at 19:30.
int64_t TimeOfDay(Rng& rng) {
  const double middle = (rng.Uniform() + rng.Uniform()) / 2;
  return static_cast<int64_t>(middle * kDaySeconds + 7.5 * 3600) % kDaySeconds;
}

/// Start times of the visits, rising. A reader comes in a stretch of the
/// period, denser than the period itself, as people do.
std::vector<int64_t> VisitTimes(const Period& period, int visits, Rng& rng) {
  const double length = period.days * (0.1 + 0.4 * rng.Uniform());
  const double begin = (period.days - length) * rng.Uniform();
  std::vector<int64_t> times(visits);
  for (int64_t& time : times) {
    const auto day = std::min<int64_t>(
        static_cast<int64_t>(begin + length * rng.Uniform()), period.days - 1);
    time = period.start_s + day * kDaySeconds + TimeOfDay(rng);
  }
  std::sort(times.begin(), times.end());
  return times;
}

/// Runs one reader's pages; holds what the pages share.
class Life {
 public:
  Life(const World& world, const Period& period, bool truth, Reader& reader,
       ReaderLog* log)
      : world_(world),
        end_s_(period.start_s + period.days * kDaySeconds),
        truth_(truth),
        reader_(reader),
        log_(*log) {}

  /// Shows one page; returns the time when the reader is done with it.
  int64_t Show(int64_t time_s) {
    reader_.AdvanceTo(time_s);
    std::vector<float> expected;
    if (truth_) expected = ExpectedClicks(world_, reader_, oracle_rng_);
    ++pages_;
    const Page page = DrawPage(world_, reader_, reader_.rng());
    for (int place = 0; place < page.size; ++place) {
      Event event = React(page.items[place], place, &time_s);
      if (event.clicked && truth_ && !reader_.HasClicked(event.item)) {
        log_.truths.push_back({event.item, event.timestamp_s,
                               RankOfClick(expected, reader_, event.item)});
      }
      if (event.clicked) reader_.OnClick(event.item, event.timestamp_s);
      if (event.bought) Buy(event);
      log_.events.push_back(event);
    }
    return time_s + 5;
  }

 private:
  /// What the reader does with one place of the page; *time_s moves on.
  Event React(ItemIndex item, int place, int64_t* time_s) {
    Rng& rng = reader_.rng();
    Event event;
    event.item = item;
    event.timestamp_s = *time_s;
    event.position = static_cast<uint8_t>(place + 1);
    event.page = pages_;
    *time_s += 1;
    if (!rng.Bernoulli(ExaminationProbability(place, reader_.patience()))) {
      return event;
    }
    *time_s += 1 + static_cast<int64_t>(rng.Below(4));
    const float appeal = reader_.Appeal(item);
    event.clicked = rng.Bernoulli(ClickProbability(appeal));
    if (!event.clicked) return event;
    *time_s += 10 + static_cast<int64_t>(rng.Below(110));
    event.bought =
        rng.Bernoulli(Sigmoid(appeal + kBuyBias + reader_.buy_bent()));
    event.commented = rng.Bernoulli(
        Sigmoid(0.5f * appeal + kCommentBias + reader_.comment_bent()));
    event.shared =
        rng.Bernoulli(Sigmoid(0.5f * appeal + kShareBias +
                              reader_.share_bent() + world_.Quality(item)));
    return event;
  }

  void Buy(const Event& event) {
    Rng& rng = reader_.rng();
    reader_.OnBuy(event.item, event.timestamp_s);
    const float regret = kReturnBias - 0.8f * reader_.Appeal(event.item) -
                         world_.Quality(event.item);
    if (!rng.Bernoulli(Sigmoid(regret))) return;
    Event back;
    back.item = event.item;
    back.is_return = true;
    back.timestamp_s = event.timestamp_s + 2 * kDaySeconds +
                       static_cast<int64_t>(rng.Below(12 * kDaySeconds));
    if (back.timestamp_s < end_s_) log_.events.push_back(back);
  }

  const World& world_;
  int64_t end_s_;
  bool truth_;
  Reader& reader_;
  ReaderLog& log_;
  uint32_t pages_ = 0;
  // Apart from the reader's, so that --truth does not change the events.
  Rng oracle_rng_{0x7275746874ULL};
};

}  // namespace

void RunReader(const World& world, const Period& period, bool truth,
               Reader& reader, ReaderLog* log) {
  log->events.clear();
  log->truths.clear();
  Rng& rng = reader.rng();
  const int pages =
      kMinPages + static_cast<int>(kMeanExtraPages * reader.activity() *
                                   -std::log(1 - rng.Uniform()));
  std::vector<int> pages_of_visit = {1};
  for (int page = 1; page < pages; ++page) {
    if (rng.Bernoulli(kNextPageInSession)) {
      ++pages_of_visit.back();
    } else {
      pages_of_visit.push_back(1);
    }
  }
  const std::vector<int64_t> times =
      VisitTimes(period, static_cast<int>(pages_of_visit.size()), rng);
  Life life(world, period, truth, reader, log);
  int64_t now_s = 0;
  for (size_t visit = 0; visit < times.size(); ++visit) {
    // A visit never begins before the last one has ended.
    now_s = std::max(times[visit], now_s + 60);
    reader.AdvanceTo(now_s);
    reader.StartSession();
    for (int page = 0; page < pages_of_visit[visit]; ++page) {
      now_s = life.Show(now_s);
    }
  }
  std::stable_sort(log->events.begin(), log->events.end(),
                   [](const Event& a, const Event& b) {
                     return a.timestamp_s < b.timestamp_s;
                   });
}

}  // namespace attune::simulate
