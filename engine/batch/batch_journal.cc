#include "engine/batch/batch_journal.h"

#include <nlohmann/json.hpp>

#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/io/json_file.h"

namespace attune {
namespace {

using Json = nlohmann::json;

constexpr char kVersionKey[] = "attune_batch_journal";

// One list of the fields for both directions.
template <typename Journal, typename Visit>
void VisitFields(Journal& journal, Visit visit) {
  visit("format", journal.format);
  visit("k", journal.k);
  visit("explain", journal.explain);
  visit("candidates", journal.candidates);
  visit("policy", journal.policy);
  visit("model", journal.model);
  visit("now_ms", journal.now_ms);
  visit("chunk_users", journal.chunk_users);
  visit("use_kept_states", journal.use_kept_states);
  visit("users", journal.users);
  visit("users_hash", journal.users_hash);
  visit("bytes", journal.bytes);
  visit("items", journal.items);
  visit("users_without_history", journal.users_without_history);
  visit("complete", journal.complete);
}

bool Read(const Json& json, std::string& value) {
  if (!json.is_string()) return false;
  value = json.get<std::string>();
  return true;
}
bool Read(const Json& json, bool& value) {
  if (!json.is_boolean()) return false;
  value = json.get<bool>();
  return true;
}
bool Read(const Json& json, int64_t& value) {
  if (!json.is_number_integer()) return false;
  value = json.get<int64_t>();
  return value >= 0;
}

std::string Text(const std::string& value) { return StrCat("\"", value, "\""); }
std::string Text(bool value) { return value ? "true" : "false"; }
std::string Text(int64_t value) { return StrCat(value); }

template <typename T>
absl::Status CheckSame(std::string_view name, const T& before, const T& now) {
  if (before == now) return absl::OkStatus();
  return absl::FailedPreconditionError(
      StrCat("cannot resume: the batch was begun with ", name, " = ",
             Text(before), ", now it is ", Text(now)));
}

// Hashes say nothing to a reader.
absl::Status CheckSameList(std::string_view name, const std::string& before,
                           const std::string& now) {
  if (before == now) return absl::OkStatus();
  return absl::FailedPreconditionError(
      StrCat("cannot resume: the batch was begun with ",
             before.empty() ? "no " : "other ", name));
}

}  // namespace

absl::StatusOr<BatchJournal> ReadBatchJournal(const std::string& path) {
  ATTUNE_ASSIGN_OR_RETURN(const Json json, ReadJsonFile(path));
  if (!json.is_object() || !json.contains(kVersionKey) ||
      !json[kVersionKey].is_number_integer()) {
    return absl::InvalidArgumentError(
        StrCat(path, ": is not the journal of a batch"));
  }
  const int64_t version = json[kVersionKey].get<int64_t>();
  if (version != BatchJournal::kFormatVersion) {
    return absl::FailedPreconditionError(StrCat(path, ": format ", version,
                                                ", this program knows ",
                                                BatchJournal::kFormatVersion));
  }
  BatchJournal journal;
  std::string bad;
  VisitFields(journal, [&](const char* name, auto& value) {
    const auto found = json.find(name);
    if (found == json.end() || !Read(*found, value)) bad = name;
  });
  if (!bad.empty()) {
    return absl::InvalidArgumentError(
        StrCat(path, ": field \"", bad, "\": missing or of a wrong kind"));
  }
  return journal;
}

absl::Status WriteBatchJournal(const std::string& path,
                               const BatchJournal& journal) {
  Json json;
  json[kVersionKey] = BatchJournal::kFormatVersion;
  VisitFields(journal,
              [&](const char* name, const auto& value) { json[name] = value; });
  return WriteJsonFile(path, json);
}

absl::Status CheckSameJob(const BatchJournal& before, const BatchJournal& now) {
  ATTUNE_RETURN_IF_ERROR(CheckSame("format", before.format, now.format));
  ATTUNE_RETURN_IF_ERROR(CheckSame("k", before.k, now.k));
  ATTUNE_RETURN_IF_ERROR(CheckSame("explain", before.explain, now.explain));
  ATTUNE_RETURN_IF_ERROR(CheckSame("use_kept_states", before.use_kept_states,
                                   now.use_kept_states));
  ATTUNE_RETURN_IF_ERROR(
      CheckSameList("candidates", before.candidates, now.candidates));
  return CheckSameList("rules (policy, context)", before.policy, now.policy);
}

}  // namespace attune
