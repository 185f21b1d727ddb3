#include "features/time_value.h"

#include <cmath>

namespace attune::features {
namespace {

constexpr int64_t kDayMs = 86'400'000;
constexpr double kMaxMs = 253'402'300'800'000.0;  // 10000-01-01
constexpr double kSecondsBelow = 1e11;

// Reads a fixed number of digits and moves on.
class DigitReader {
 public:
  explicit DigitReader(std::string_view text) : rest_(text) {}

  bool Digits(size_t count, int* value) {
    if (rest_.size() < count) return false;
    int result = 0;
    for (size_t i = 0; i < count; ++i) {
      if (rest_[i] < '0' || rest_[i] > '9') return false;
      result = result * 10 + (rest_[i] - '0');
    }
    rest_.remove_prefix(count);
    *value = result;
    return true;
  }
  bool Character(char expected) {
    if (rest_.empty() || rest_.front() != expected) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool done() const { return rest_.empty(); }
  char front() const { return rest_.empty() ? '\0' : rest_.front(); }

 private:
  std::string_view rest_;
};

// Days since 1970-01-01 of the proleptic Gregorian calendar (Howard Hinnant,
// chrono-compatible low-level date algorithms).
int64_t DaysFromCivil(int year, int month, int day) {
  year -= month <= 2;
  const int era = (year >= 0 ? year : year - 399) / 400;
  const int year_of_era = year - era * 400;
  const int day_of_year =
      (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  const int day_of_era =
      year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return static_cast<int64_t>(era) * 146097 + day_of_era - 719468;
}

int DaysInMonth(int year, int month) {
  constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return kDays[month - 1] + (month == 2 && leap ? 1 : 0);
}

bool ReadDate(DigitReader& reader, int64_t* days) {
  int year, month, day;
  if (!reader.Digits(4, &year) || !reader.Character('-') ||
      !reader.Digits(2, &month) || !reader.Character('-') ||
      !reader.Digits(2, &day)) {
    return false;
  }
  if (year < 1 || month < 1 || month > 12 || day < 1 ||
      day > DaysInMonth(year, month)) {
    return false;
  }
  *days = DaysFromCivil(year, month, day);
  return true;
}

bool ReadClock(DigitReader& reader, int64_t* clock_ms) {
  int hour, minute, second = 0, fraction_ms = 0;
  if (!reader.Digits(2, &hour) || !reader.Character(':') ||
      !reader.Digits(2, &minute)) {
    return false;
  }
  if (reader.Character(':') && !reader.Digits(2, &second)) return false;
  if (reader.Character('.')) {
    int digit, scale = 100, digits = 0;
    while (reader.Digits(1, &digit)) {
      fraction_ms += digit * scale;
      scale /= 10;
      ++digits;
    }
    if (digits == 0) return false;
  }
  if (hour > 23 || minute > 59 || second > 60) return false;
  *clock_ms = ((hour * 60 + minute) * 60 + second) * 1000LL + fraction_ms;
  return true;
}

bool ReadZone(DigitReader& reader, int64_t* offset_ms) {
  *offset_ms = 0;
  if (reader.done() || reader.Character('Z')) return true;
  const char sign = reader.front();
  if (sign != '+' && sign != '-') return false;
  reader.Character(sign);
  int hours, minutes;
  if (!reader.Digits(2, &hours)) return false;
  reader.Character(':');
  if (!reader.Digits(2, &minutes) || hours > 18 || minutes > 59) return false;
  *offset_ms = (hours * 60 + minutes) * 60'000LL * (sign == '-' ? -1 : 1);
  return true;
}

}  // namespace

std::optional<int64_t> ParseDateMs(std::string_view text) {
  DigitReader reader(text);
  int64_t days = 0, clock_ms = 0, offset_ms = 0;
  if (!ReadDate(reader, &days)) return std::nullopt;
  if (!reader.done()) {
    if (!reader.Character('T') && !reader.Character(' ')) return std::nullopt;
    if (!ReadClock(reader, &clock_ms) || !ReadZone(reader, &offset_ms)) {
      return std::nullopt;
    }
    if (!reader.done()) return std::nullopt;
  }
  return days * kDayMs + clock_ms - offset_ms;
}

std::optional<int64_t> NumberToTimeMs(double number) {
  if (!std::isfinite(number)) return std::nullopt;
  const double ms = std::abs(number) < kSecondsBelow ? number * 1000.0 : number;
  if (std::abs(ms) > kMaxMs) return std::nullopt;
  return static_cast<int64_t>(ms);
}

}  // namespace attune::features
