#include "tools/attune/console.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>

#include "base/strings.h"

namespace attune {

int Fail(std::string_view command, const absl::Status& status) {
  fmt::print(stderr, "attune {}: {}\n", command, ToStd(status.message()));
  return kExitFailed;
}

int FailUsage(std::string_view command, std::string_view message) {
  fmt::print(stderr, "attune {}: {}\nSee attune {} --help\n", command, message,
             command);
  return kExitUsage;
}

void Warn(std::string_view command, std::string_view message) {
  fmt::print(stderr, "attune {}: warning: {}\n", command, message);
}

void Note(std::string_view command, std::string_view message) {
  fmt::print(stderr, "attune {}: note: {}\n", command, message);
}

void Print(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

void PrintJson(const nlohmann::ordered_json& value) {
  Print(value.dump(2, ' ', false,
                   nlohmann::ordered_json::error_handler_t::replace));
  Print("\n");
}

std::string WithCommas(int64_t number) {
  std::string digits = fmt::format("{}", number);
  const int first = number < 0 ? 1 : 0;
  for (int place = static_cast<int>(digits.size()) - 3; place > first;
       place -= 3) {
    digits.insert(static_cast<size_t>(place), 1, ',');
  }
  return digits;
}

std::string Count(int64_t number, std::string_view singular,
                  std::string_view plural) {
  if (number == 1) return fmt::format("1 {}", singular);
  if (plural.empty())
    return fmt::format("{} {}s", WithCommas(number), singular);
  return fmt::format("{} {}", WithCommas(number), plural);
}

std::string Bytes(int64_t bytes) {
  constexpr const char* kUnits[] = {"B", "kB", "MB", "GB", "TB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 999.5 && unit + 1 < std::size(kUnits)) {
    value /= 1000;
    ++unit;
  }
  if (unit == 0) return fmt::format("{} B", bytes);
  return fmt::format("{:.{}f} {}", value, value < 99.95 ? 1 : 0, kUnits[unit]);
}

std::string Duration(double seconds) {
  if (seconds < 9.95) return fmt::format("{:.1f} s", seconds);
  const int64_t whole = std::llround(seconds);
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{}:{:02} min", whole / 60, whole % 60);
  return fmt::format("{}:{:02}:{:02} h", whole / 3600, whole / 60 % 60,
                     whole % 60);
}

std::string TimeText(int64_t time_ms) {
  return fmt::format("{:%Y-%m-%d %H:%M:%S}",
                     fmt::gmtime(static_cast<std::time_t>(time_ms / 1000)));
}

ProgressLine::ProgressLine() : shown_(::isatty(STDERR_FILENO) != 0) {
  Restart();
}

ProgressLine::~ProgressLine() { Clear(); }

void ProgressLine::Restart(double share) {
  start_ = Clock::now();
  next_ = start_ + std::chrono::milliseconds(200);
  start_share_ = share;
}

void ProgressLine::Clear() {
  if (!drawn_) return;
  drawn_ = false;
  fmt::print(stderr, "\r\x1b[K");
  std::fflush(stderr);
}

void ProgressLine::Update(std::string_view what, int64_t done,
                          std::string_view unit, double share) {
  const Clock::time_point now = Clock::now();
  if (!shown_ || now < next_) return;
  next_ = now + std::chrono::milliseconds(200);
  drawn_ = true;
  const double seconds = std::chrono::duration<double>(now - start_).count();
  std::string line = fmt::format("{}  {} {}", what, WithCommas(done), unit);
  if (share >= 0) line += fmt::format("  {:.0f}%", 100 * share);
  line += fmt::format("  {} {}/s",
                      WithCommas(static_cast<int64_t>(
                          static_cast<double>(done) / std::max(seconds, 1e-9))),
                      unit);
  if (share > start_share_) {
    const double left = seconds * (1 - share) / (share - start_share_);
    line += fmt::format("  {} left", Duration(std::max(left, 0.0)));
  }
  fmt::print(stderr, "\r\x1b[K{}", line);
  std::fflush(stderr);
}

}  // namespace attune
