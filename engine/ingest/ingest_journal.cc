#include "engine/ingest/ingest_journal.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/io/byte_source.h"
#include "engine/io/json_file.h"
#include "storage/content_hash.h"
#include "storage/file_hash.h"

namespace attune {
namespace {

using Json = nlohmann::json;

// xxh3-128 of a file's content, unpacked, as 32 hex digits: for a plain file
// the same as HashFile.
absl::StatusOr<std::string> HashContent(const std::string& path) {
  ATTUNE_ASSIGN_OR_RETURN(const std::unique_ptr<ByteSource> source,
                          ByteSource::Open(path));
  storage::ContentHash hash;
  std::vector<char> buffer(size_t{256} << 10);
  while (true) {
    ATTUNE_ASSIGN_OR_RETURN(const size_t count, source->Read(buffer));
    if (count == 0) return hash.Hex();
    hash.Update(std::span(buffer).first(count));
  }
}

struct Prefix {
  std::string hash;
  int64_t line_end = 0;  // bytes of a line end that follows, if it needs one
};

// xxh3-128 of the first `bytes` of the (decompressed) file. nullopt where the
// file is shorter, or where the place is now in the middle of a line.
absl::StatusOr<std::optional<Prefix>> HashPrefix(const std::string& path,
                                                 int64_t bytes) {
  ATTUNE_ASSIGN_OR_RETURN(const std::unique_ptr<ByteSource> source,
                          ByteSource::Open(path));
  storage::ContentHash hash;
  std::vector<char> buffer(size_t{256} << 10);
  char last = '\n';
  while (bytes > 0) {
    const size_t wanted = static_cast<size_t>(
        std::min<int64_t>(bytes, static_cast<int64_t>(buffer.size())));
    ATTUNE_ASSIGN_OR_RETURN(const size_t count,
                            source->Read(std::span(buffer).first(wanted)));
    if (count == 0) return std::nullopt;
    hash.Update(std::span(buffer).first(count));
    last = buffer[count - 1];
    bytes -= static_cast<int64_t>(count);
  }
  Prefix prefix{hash.Hex()};
  if (last == '\n') return prefix;
  // The last line had no end. It has one now, or is still the last.
  std::string_view rest;
  for (size_t filled = 0; filled < 2; filled = rest.size()) {
    ATTUNE_ASSIGN_OR_RETURN(
        const size_t count,
        source->Read(std::span(buffer).subspan(filled, 2 - filled)));
    if (count == 0) break;
    rest = std::string_view(buffer.data(), filled + count);
  }
  if (rest.starts_with('\n')) {
    prefix.line_end = 1;
  } else if (rest == "\r\n") {
    prefix.line_end = 2;
  } else if (!rest.empty()) {
    return std::nullopt;
  }
  return prefix;
}

std::string PlaceText(const IngestJournal::Place& place, Json json) {
  json["offset"] = place.position.offset;
  json["line"] = place.position.line;
  json["rows"] = place.rows;
  return json.dump();
}

absl::StatusOr<Json> ParsePlace(std::string_view text, std::string_view what,
                                IngestJournal::Place* place) {
  absl::StatusOr<Json> json = ParseJson(text, what);
  if (!json.ok()) return absl::DataLossError(json.status().message());
  for (const auto& [key, number] :
       {std::pair<const char*, int64_t*>{"offset", &place->position.offset},
        {"line", &place->position.line},
        {"rows", &place->rows}}) {
    if (!json->is_object() || !json->contains(key) ||
        !(*json)[key].is_number_unsigned()) {
      return absl::DataLossError(StrCat(what, ": \"", key, "\" is no number"));
    }
    *number = (*json)[key].get<int64_t>();
  }
  return json;
}

}  // namespace

absl::StatusOr<IngestJournal> IngestJournal::Open(storage::Database* database,
                                                  std::string kind,
                                                  std::string path) {
  ATTUNE_ASSIGN_OR_RETURN(std::string packed, storage::HashFile(path));
  // What breaks off while it is unpacked has no content to be known by.
  absl::StatusOr<std::string> content = HashContent(path);
  std::string hash = content.ok() ? *std::move(content) : packed;
  std::error_code error;
  std::filesystem::path absolute = std::filesystem::canonical(path, error);
  if (!error) path = absolute.string();
  return IngestJournal(database, std::move(kind), std::move(path),
                       std::move(hash), std::move(packed));
}

IngestJournal::IngestJournal(storage::Database* database, std::string kind,
                             std::string path, std::string hash,
                             std::string packed_hash)
    : database_(database),
      kind_(std::move(kind)),
      path_(std::move(path)),
      hash_(std::move(hash)),
      packed_hash_(std::move(packed_hash)) {}

std::string IngestJournal::BookmarkKey() const {
  // By hash: paths may be longer than keys.
  return StrCat("ingest_bookmark:", kind_, ":",
                storage::ContentHash::Of(path_));
}

absl::StatusOr<std::optional<IngestJournal::Place>> IngestJournal::Find()
    const {
  Place place;
  ATTUNE_ASSIGN_OR_RETURN(std::optional<v1::JournalEntry> entry,
                          database_->ReadJournal(kind_, hash_));
  if (!entry.has_value() && packed_hash_ != hash_) {
    // As databases of before know a .gz file.
    ATTUNE_ASSIGN_OR_RETURN(entry, database_->ReadJournal(kind_, packed_hash_));
  }
  if (entry.has_value()) {
    ATTUNE_RETURN_IF_ERROR(
        ParsePlace(entry->summary(), "ingest journal", &place).status());
    place.complete = entry->complete();
    return place;
  }
  ATTUNE_ASSIGN_OR_RETURN(const std::optional<std::string> bookmark,
                          database_->GetMeta(BookmarkKey()));
  if (!bookmark.has_value()) return std::nullopt;
  ATTUNE_ASSIGN_OR_RETURN(const Json json,
                          ParsePlace(*bookmark, "ingest bookmark", &place));
  if (place.position.offset == 0) return std::nullopt;
  ATTUNE_ASSIGN_OR_RETURN(const std::optional<Prefix> prefix,
                          HashPrefix(path_, place.position.offset));
  if (!prefix.has_value() ||
      prefix->hash != json.value("prefix", std::string())) {
    return std::nullopt;
  }
  place.position.offset += prefix->line_end;
  place.by_path = true;
  return place;
}

absl::Status IngestJournal::Note(const Place& place,
                                 storage::WriteGroup* group) const {
  v1::JournalEntry entry;
  entry.set_path(path_);
  entry.set_rows_done(place.rows);
  entry.set_complete(place.complete);
  entry.set_summary(PlaceText(place, Json::object()));
  return group->PutJournal(kind_, hash_, entry);
}

absl::Status IngestJournal::NoteBookmark(const Place& place,
                                         storage::WriteGroup* group) const {
  ATTUNE_ASSIGN_OR_RETURN(const std::optional<Prefix> prefix,
                          HashPrefix(path_, place.position.offset));
  if (!prefix.has_value()) return group->DeleteMeta(BookmarkKey());
  return group->PutMeta(BookmarkKey(),
                        PlaceText(place, {{"prefix", prefix->hash}}));
}

}  // namespace attune
