#pragma once

#include <cstdint>
#include <string>

namespace attune {

/// What `attune simulate` is asked for. Equal options give equal bytes (for
/// one build of the program and its libraries).
struct SimulateOptions {
  /// Folder for users.tsv, events.tsv and, for an invented shop, items.jsonl.
  /// Made if absent; files of these names are replaced, each by one rename.
  std::string out_dir;

  /// A catalogue of JSON lines (plain or .gz); empty: the items are invented.
  std::string catalogue;

  uint64_t users = 1500;

  /// How many items to invent; with a catalogue: how many of its first items
  /// to use, 0 = all. 0 without a catalogue is an error.
  uint64_t items = 0;

  uint64_t seed = 1;

  /// Length of the simulated time.
  int days = 120;

  /// Seconds since 1970 (UTC) of the first simulated midnight.
  int64_t start_s = 1704067200;  // 1 January 2024

  /// Share of the pages, 0 to 1, that answer a search: events.tsv then has a
  /// column `query`. All else is as without.
  double searches = 0;

  /// Compress the outputs (.gz is added to their names).
  bool gzip = false;

  /// Also write truth.tsv: for each click, the place of the clicked item in
  /// the ranking of an oracle that knows the reader's mind. Costs a few hundred
  /// pages of work per page shown, so it is meant for small shops.
  bool truth = false;
};

}  // namespace attune
