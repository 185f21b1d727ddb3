// End-to-end requests against a big catalogue, on command, so that a driver can
// alternate them with others (bench/rivals/end_to_end.py).
//
//   catalogue_bench DIRECTORY MODEL_CONFIG.json
//                   [items [precision [memory MB [fill]]]]
//
// makes the catalogue in DIRECTORY if it is not there, opens it and answers
// lines of standard input, one line each:
//   hot N C         candidates whose rows were read before       -> "ns …"
//   zipf N C        new candidates in each request, Zipf's law   -> "ns …"
//   cold-user N C   hot rows, history encoded in the request     -> "ns …"
//   new-rows N C    candidates drawn uniformly: hardly in our caches -> "ns …"
//                   (in the page cache, if the files were read)
//   disk N C        the same after dropping the page cache (root)  -> "ns …"
//   event N C       each right after an event of its user        -> "ns …"
//   anchor N C      the same, the event moving the user's window -> "ns …"
//   threads K S C   K threads, S seconds of hot requests  -> "rate per second"
//   soak N C        N requests, up to C candidates, any users
//                                       -> "rss KiB_after_tenth KiB_at_end"
//   filled          waits for the item cache's filling (argument "fill")
//                                        -> "filled seconds items bytes"
//   stats           the engine's statistics                      -> JSON
// N durations are nanoseconds of wall time. An error is "error" and a message.
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <thread>
#include <unordered_set>
#include <vector>

#include "absl/status/status.h"
#include "base/clock.h"
#include "base/rng.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "bench/command_loop.h"
#include "bench/plugins/big_catalogue.h"
#include "engine/io/text_file.h"

namespace attune {
namespace {

constexpr int kHotLists = 16;
constexpr int kRoom = 20;

/// Distinct items, as the C interface takes them.
struct CandidateList {
  std::vector<std::string> ids;
  std::vector<const char*> pointers;
  std::vector<size_t> lengths;

  void Finish() {
    for (const std::string& id : ids) {
      pointers.push_back(id.data());
      lengths.push_back(id.size());
    }
  }
};

class Commands {
 public:
  explicit Commands(BigCatalogue& catalogue)
      : catalogue_(catalogue), zipf_(catalogue.items()), rng_(7) {}

  absl::StatusOr<std::string> Answer(const std::string& line) {
    std::istringstream words(line);
    std::string command;
    words >> command;
    if (command == "stats") return catalogue_.Stats();
    if (command == "filled") return Filled();
    if (command == "threads") {
      int threads = 0, count = 0;
      double seconds = 0;
      words >> threads >> seconds >> count;
      return Threads(threads, seconds, count);
    }
    int64_t requests = 0;
    int count = 0;
    words >> requests >> count;
    if (requests < 1 || count < 1 || count > catalogue_.items()) {
      return absl::InvalidArgumentError(StrCat("\"", line, "\" is no command"));
    }
    if (command == "soak") return Soak(requests, count);
    if (command == "hot" || command == "cold-user") {
      return Hot(requests, count, command == "cold-user");
    }
    if (command == "zipf") return New(requests, count, true, false);
    if (command == "new-rows") return New(requests, count, false, false);
    if (command == "disk") return New(requests, count, false, true);
    if (command == "event") return Event(requests, count, false);
    if (command == "anchor") return Event(requests, count, true);
    return absl::InvalidArgumentError(StrCat("\"", line, "\" is no command"));
  }

 private:
  CandidateList Draw(int count, bool zipf) {
    CandidateList list;
    std::unordered_set<int64_t> seen;
    while (static_cast<int>(list.ids.size()) < count) {
      const int64_t item =
          zipf ? catalogue_.ItemOfRank(zipf_.Draw(rng_.Uniform()))
               : static_cast<int64_t>(rng_.Below(catalogue_.items()));
      if (seen.insert(item).second) {
        list.ids.push_back(BigCatalogue::ItemId(item));
      }
    }
    list.Finish();
    return list;
  }

  absl::Status Rank(const std::string& user, const CandidateList& list,
                    bool cold, std::vector<float>& scores) {
    scores.resize(list.ids.size());
    return catalogue_.RankIds(user, list.pointers, list.lengths, cold, scores);
  }

  /// A wrong answer is not timed.
  static absl::Status Check(const std::vector<float>& scores) {
    for (float score : scores) {
      if (!std::isfinite(score)) {
        return absl::InternalError(StrCat("a score is ", score));
      }
    }
    const auto [low, high] = std::minmax_element(scores.begin(), scores.end());
    if (scores.size() > 1 && *low == *high) {
      return absl::InternalError(StrCat("all scores are ", *low));
    }
    return absl::OkStatus();
  }

  static std::string User(const char* kind, int64_t number) {
    return StrCat(kind, number % BigCatalogue::kUsers);
  }

  /// The hot lists of `count` candidates, read once, with all full users warm.
  absl::Status WarmUp(int count) {
    if (!hot_.empty() && static_cast<int>(hot_[0].ids.size()) == count) {
      return absl::OkStatus();
    }
    hot_.clear();
    std::vector<float> scores;
    for (int i = 0; i < kHotLists; ++i) {
      hot_.push_back(Draw(count, true));
      ATTUNE_RETURN_IF_ERROR(Rank(User("full-", i), hot_[i], false, scores));
      ATTUNE_RETURN_IF_ERROR(Check(scores));
    }
    for (int u = 0; u < BigCatalogue::kUsers; ++u) {
      ATTUNE_RETURN_IF_ERROR(Rank(User("full-", u), hot_[0], false, scores));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::string> Hot(int64_t requests, int count, bool cold) {
    ATTUNE_RETURN_IF_ERROR(WarmUp(count));
    std::vector<float> scores(count);
    std::string out = "ns";
    for (int64_t i = 0; i < requests; ++i) {
      const std::string user = User("full-", i);
      const CandidateList& list = hot_[i % kHotLists];
      const int64_t start = MonotonicNs();
      ATTUNE_RETURN_IF_ERROR(Rank(user, list, cold, scores));
      out += StrCat(" ", MonotonicNs() - start);
    }
    return out;
  }

  static absl::Status DropPageCache() {
    ::sync();
    std::ofstream file("/proc/sys/vm/drop_caches");
    file << "1\n";
    file.flush();
    if (!file) {
      return absl::PermissionDeniedError(
          "cannot write /proc/sys/vm/drop_caches; are you root?");
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::string> New(int64_t requests, int count, bool zipf,
                                  bool drop) {
    ATTUNE_RETURN_IF_ERROR(WarmUp(count));
    std::vector<float> scores(count);
    std::string out = "ns";
    for (int64_t i = 0; i < requests; ++i) {
      const std::string user = User("full-", i);
      const CandidateList list = Draw(count, zipf);
      if (drop) {
        ATTUNE_RETURN_IF_ERROR(DropPageCache());
        // Code and the user's state are in memory, as in a running service.
        ATTUNE_RETURN_IF_ERROR(Rank(user, hot_[0], false, scores));
      }
      const int64_t start = MonotonicNs();
      ATTUNE_RETURN_IF_ERROR(Rank(user, list, false, scores));
      out += StrCat(" ", MonotonicNs() - start);
      ATTUNE_RETURN_IF_ERROR(Check(scores));
    }
    return out;
  }

  /// `moving`: the event makes the user's window begin elsewhere. Else its next
  /// kRoom events leave it where it is.
  absl::StatusOr<std::string> Event(int64_t requests, int count, bool moving) {
    ATTUNE_RETURN_IF_ERROR(WarmUp(count));
    const int64_t room = moving ? 1 : kRoom;
    std::vector<float> scores(count);
    std::string out = "ns";
    for (int64_t i = 0; i < requests; ++i) {
      const std::string user = User(moving ? "moving-" : "growing-", i / room);
      if (i % room == 0) {
        ATTUNE_RETURN_IF_ERROR(catalogue_.ResetUser(
            user, catalogue_.window() - (moving ? 0 : kRoom)));
      }
      ATTUNE_RETURN_IF_ERROR(Rank(user, hot_[0], false, scores));
      // Of an item that was read: its row is known, as after being shown.
      const CandidateList& list = hot_[i % kHotLists];
      ATTUNE_RETURN_IF_ERROR(
          catalogue_.PutEvent(user, list.ids[i % list.ids.size()],
                              BigCatalogue::kNowMs - 1000 + i % room));
      const int64_t start = MonotonicNs();
      ATTUNE_RETURN_IF_ERROR(Rank(user, list, false, scores));
      out += StrCat(" ", MonotonicNs() - start);
      ATTUNE_RETURN_IF_ERROR(Check(scores));
    }
    return out;
  }

  absl::StatusOr<std::string> Threads(int threads, double seconds, int count) {
    if (threads < 1 || threads > 64 || !(seconds > 0) || count < 1) {
      return absl::InvalidArgumentError("threads K S C");
    }
    ATTUNE_RETURN_IF_ERROR(WarmUp(count));
    std::atomic<int64_t> done{0};
    std::atomic<bool> failed{false};
    const int64_t start = MonotonicNs();
    const int64_t end = start + static_cast<int64_t>(seconds * 1e9);
    std::vector<std::thread> callers;
    for (int t = 0; t < threads; ++t) {
      callers.emplace_back([&, t] {
        std::vector<float> scores(count);
        for (int64_t i = t; MonotonicNs() < end; i += threads) {
          if (!Rank(User("full-", i), hot_[i % kHotLists], false, scores)
                   .ok()) {
            failed = true;
            return;
          }
          ++done;
        }
      });
    }
    for (std::thread& caller : callers) caller.join();
    if (failed) return absl::InternalError("a request failed");
    const double taken = static_cast<double>(MonotonicNs() - start) * 1e-9;
    return StrCat("rate ", static_cast<double>(done) / taken);
  }

  absl::StatusOr<std::string> Filled() {
    while (true) {
      ATTUNE_ASSIGN_OR_RETURN(const std::string text, catalogue_.Stats());
      const nlohmann::json stats = nlohmann::json::parse(text);
      if (!stats["item_vectors_filling"].get<bool>()) {
        const nlohmann::json& items = stats["item_vectors"];
        return StrCat("filled ",
                      1e-9 * static_cast<double>(MonotonicNs() - opened_ns_),
                      " ", items["entries"].get<int64_t>(), " ",
                      items["bytes"].get<int64_t>());
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
  }

  static int64_t ResidentKiB() {
    std::ifstream file("/proc/self/status");
    std::string line;
    while (std::getline(file, line)) {
      if (line.starts_with("VmRSS:")) return std::stoll(line.substr(6));
    }
    return -1;
  }

  absl::StatusOr<std::string> Soak(int64_t requests, int most) {
    std::vector<float> scores;
    int64_t early = 0;
    for (int64_t i = 0; i < requests; ++i) {
      const CandidateList list =
          Draw(1 + static_cast<int>(rng_.Below(most)), true);
      ATTUNE_RETURN_IF_ERROR(
          Rank(User("any-", static_cast<int64_t>(rng_.Next() >> 8)), list,
               rng_.Bernoulli(0.1), scores));
      ATTUNE_RETURN_IF_ERROR(Check(scores));
      if (i == requests / 10) early = ResidentKiB();
    }
    return StrCat("rss ", early, " ", ResidentKiB());
  }

  BigCatalogue& catalogue_;
  ZipfDistribution zipf_;
  Rng rng_;
  const int64_t opened_ns_ = MonotonicNs();
  std::vector<CandidateList> hot_;
};

absl::Status Main(const std::vector<std::string>& args) {
  if (args.size() < 2) {
    return absl::InvalidArgumentError(
        "usage: catalogue_bench DIRECTORY MODEL_CONFIG.json [items [precision "
        "[memory MB [fill]]]]");
  }
  BigCatalogueOptions options;
  options.directory = args[0];
  ATTUNE_ASSIGN_OR_RETURN(std::string json, ReadTextFile(args[1]));
  ATTUNE_ASSIGN_OR_RETURN(options.model, ModelConfig::FromJson(json, args[1]));
  if (args.size() > 2) options.items = std::stoll(args[2]);
  if (args.size() > 3) options.precision = args[3];
  if (args.size() > 4) options.memory_limit_mb = std::stoi(args[4]);
  options.fill = args.size() > 5 && args[5] == "fill";
  ATTUNE_ASSIGN_OR_RETURN(auto catalogue, BigCatalogue::Open(options));
  Commands commands(*catalogue);
  AnswerCommands(
      [&](const std::string& line) { return commands.Answer(line); });
  return absl::OkStatus();
}

}  // namespace
}  // namespace attune

// NOLINTNEXTLINE(bugprone-exception-escape): a wrong number may end a bench so
int main(int argc, char** argv) {
  const absl::Status status =
      attune::Main(std::vector<std::string>(argv + 1, argv + argc));
  if (!status.ok()) {
    std::cerr << "catalogue_bench: " << status.message() << '\n';
    return 1;
  }
  return 0;
}
