#include "engine/train/tune_journal.h"

#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>

#include "absl/status/status.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/io/text_file.h"

namespace attune {
namespace {

using Json = nlohmann::ordered_json;

Json HeaderOf(const TuneJournal::Search& search) {
  return {{"search", "successive halving"},
          {"trials", search.trials},
          {"rungs", search.rungs},
          {"seed", search.seed},
          {"base", Json::parse(search.base, nullptr, false)},
          {"space", Json::parse(search.space, nullptr, false)}};
}

bool IsTraining(const Json& line) {
  return line.is_object() && line.contains("trial") &&
         line["trial"].is_number_integer() && line.contains("rung") &&
         line["rung"].is_number_integer() && line.contains("metric") &&
         line["metric"].is_number() && line.contains("data") &&
         line["data"].is_string();
}

}  // namespace

absl::StatusOr<TuneJournal> TuneJournal::Open(const std::string& path,
                                              const Search& search) {
  TuneJournal journal;
  journal.path_ = path;
  const std::string header = HeaderOf(search).dump();
  std::error_code error;
  if (std::filesystem::exists(path, error)) {
    ATTUNE_ASSIGN_OR_RETURN(const std::string text, ReadTextFile(path));
    ATTUNE_RETURN_IF_ERROR(journal.Read(text, header));
    journal.continued_ = true;
    return journal;
  }
  journal.text_ = header + "\n";
  ATTUNE_RETURN_IF_ERROR(WriteTextFile(path, journal.text_));
  return journal;
}

absl::Status TuneJournal::Read(const std::string& text,
                               const std::string& header) {
  size_t number = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = text.find('\n', begin);
    if (end == std::string::npos) break;  // cut off
    const std::string line = text.substr(begin, end - begin);
    begin = end + 1;
    ++number;
    const Json json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (number == 1) {
      if (!json.is_object() || !json.contains("search")) {
        return absl::InvalidArgumentError(
            StrCat(path_, ": is no journal of a search"));
      }
      const Json wanted = Json::parse(header, nullptr, false);
      for (const auto& [key, value] : wanted.items()) {
        if (json.contains(key) && json[key] == value) continue;
        return absl::FailedPreconditionError(
            StrCat(path_, ": is of a search with another ", key,
                   "; go on with that one, or remove the file"));
      }
    } else if (!IsTraining(json)) {
      return absl::InvalidArgumentError(
          StrCat(path_, ":", number, ": is no finished training"));
    } else {
      fingerprint_ = json["data"].get<std::string>();
      metrics_[{json["trial"].get<int>(), json["rung"].get<int>()}] =
          json["metric"].get<double>();
    }
    text_ += line + "\n";
  }
  if (number == 0) {
    return absl::InvalidArgumentError(
        StrCat(path_, ": is no journal of a search"));
  }
  return absl::OkStatus();
}

std::optional<double> TuneJournal::Find(int trial, int rung) const {
  const auto at = metrics_.find({trial, rung});
  if (at == metrics_.end()) return std::nullopt;
  return at->second;
}

absl::Status TuneJournal::Add(int trial, int rung, double metric,
                              const std::string& fingerprint) {
  if (!fingerprint_.empty() && fingerprint != fingerprint_) {
    return absl::FailedPreconditionError(
        StrCat(path_, ": the data have changed since its trials were trained ",
               "(", fingerprint_, ", now ", fingerprint,
               "); remove the file to search anew"));
  }
  fingerprint_ = fingerprint;
  metrics_[{trial, rung}] = metric;
  text_ += Json{{"trial", trial},
                {"rung", rung},
                {"metric", metric},
                {"data", fingerprint}}
               .dump() +
           "\n";
  return WriteTextFile(path_, text_);
}

}  // namespace attune
