#pragma once

#include <chrono>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace attune {

// What all commands say and how. Results go to stdout, all else to stderr.

inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;

/// Prints "attune <command>: <message>" on stderr; returns kExitFailed.
int Fail(std::string_view command, const absl::Status& status);
/// The same for a wrong use of options, with a hint at --help; kExitUsage.
int FailUsage(std::string_view command, std::string_view message);
/// "attune <command>: warning: <message>" on stderr.
void Warn(std::string_view command, std::string_view message);

/// "attune <command>: note: <message>" on stderr.
void Note(std::string_view command, std::string_view message);

/// Prints on stdout.
void Print(std::string_view text);
/// Indented JSON and a line feed on stdout.
void PrintJson(const nlohmann::ordered_json& value);

/// "1,234,567".
std::string WithCommas(int64_t number);
/// "1,234 events", "1 event".
std::string Count(int64_t number, std::string_view singular,
                  std::string_view plural = {});
/// "12.3 MB" (powers of 1000).
std::string Bytes(int64_t bytes);
/// "0.4 s", "12 s", "3:07 min", "2:03:09 h".
std::string Duration(double seconds);
/// "2022-04-10 12:30:00" (UTC).
std::string TimeText(int64_t time_ms);

/// One line on stderr that is drawn over, at most five times a second; nothing
/// where stderr is no terminal. Not thread-safe.
class ProgressLine {
 public:
  ProgressLine();
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  bool shown() const { return shown_; }
  /// "<what>  34%  12,000 <unit>/s  0:12 min left". `done` counts `unit`s;
  /// `share` in [0, 1] of the whole, negative where unknown. Rate and time left
  /// are counted from the last Restart().
  void Update(std::string_view what, int64_t done, std::string_view unit,
              double share);
  /// Begins another piece of work; `share` of it may be done already.
  void Restart(double share = 0);
  void Clear();

 private:
  using Clock = std::chrono::steady_clock;
  bool shown_;
  bool drawn_ = false;
  double start_share_ = 0;
  Clock::time_point start_;
  Clock::time_point next_;
};

}  // namespace attune
