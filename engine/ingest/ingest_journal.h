#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/io/line_source.h"
#include "storage/database.h"
#include "storage/write_group.h"

namespace attune {

/// How far a file has been taken, and how that is remembered.
///
/// Two notes are written with the rows they speak of: the journal entry under
/// the hash of the whole file's content (unpacked, so that a file and its .gz
/// are one), which recognises it whatever its name, and a bookmark under the
/// file's path with the hash of what was taken, which recognises a file that
/// was mended behind that place or has grown.
class IngestJournal {
 public:
  struct Place {
    LinePosition position;
    int64_t rows = 0;
    bool complete = false;  ///< the file holds nothing more
    bool by_path = false;   ///< found by the bookmark: the file has changed
  };

  /// `kind` is "items", "users" or "events". Hashes the file. `database` must
  /// outlive the journal.
  static absl::StatusOr<IngestJournal> Open(storage::Database* database,
                                            std::string kind, std::string path);

  /// Where an earlier run stopped; nullopt for a file never met.
  absl::StatusOr<std::optional<Place>> Find() const;

  /// Adds the note of how far the file is taken to the group of its rows.
  absl::Status Note(const Place& place, storage::WriteGroup* group) const;
  /// Adds the bookmark; reads the file up to the place, so only where a run
  /// ends.
  absl::Status NoteBookmark(const Place& place,
                            storage::WriteGroup* group) const;

 private:
  IngestJournal(storage::Database* database, std::string kind, std::string path,
                std::string hash, std::string packed_hash);
  std::string BookmarkKey() const;

  storage::Database* database_;
  std::string kind_;
  std::string path_;
  std::string hash_;         // of the content
  std::string packed_hash_;  // of the bytes on disk
};

}  // namespace attune
