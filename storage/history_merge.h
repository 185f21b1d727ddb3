#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace attune::storage {

/// Applies operands (v1.HistoryOperations bytes) to a history (v1.History
/// bytes) strictly one after the other, so that the result does not depend on
/// how the operands were grouped, flushed or compacted on the way.
///
/// An appended event
///   - with a sort key >= the last one's goes to the end (also into an empty
///     history): count + 1;
///   - else it is late: it goes behind the events with keys <= its own, count
///     + 1, epoch = the operation's serial. A late event older than everything
///     kept, where older events were trimmed already, is counted but not kept:
///     its place among the trimmed ones is unknown.
/// Then the oldest are trimmed down to the limit. A deletion removes the kept
/// events with an item; if there were any, count is lowered by their number and
/// epoch = serial. So count - size is the number of trimmed events, always, and
/// the room that a deletion makes is filled by new events only.
///
/// The epoch at birth is the serial of the first operation, too. Serials are
/// never reused within a database, so a history that was deleted and born again
/// never repeats an epoch, and no kept state of the old one fits the new one.
///
/// Not thread-safe. All views given to it must outlive it.
class HistoryMerge {
 public:
  /// False when the bytes are malformed. nullopt: no history yet.
  bool Start(std::optional<std::string_view> history);
  bool Apply(std::string_view operand);
  /// v1.History bytes.
  std::string Finish() const;

 private:
  struct Entry {
    std::string_view event;  // v1.HistoryEvent bytes
    int64_t sort_key = 0;
  };

  bool ApplyOperation(std::string_view operation);
  void Append(Entry entry, int64_t serial);
  bool DeleteItem(std::string_view item_id, int64_t serial);
  size_t size() const { return entries_.size() - first_; }

  int64_t count_ = 0;
  int64_t epoch_ = 0;
  std::vector<Entry> entries_;
  size_t first_ = 0;  // entries before it are trimmed
};

}  // namespace attune::storage
