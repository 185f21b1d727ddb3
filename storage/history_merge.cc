#include "storage/history_merge.h"

#include <algorithm>

#include "proto/records.pb.h"
#include "proto/storage.pb.h"
#include "storage/wire_reader.h"

namespace attune::storage {
namespace {

bool ReadSortKey(std::string_view event, int64_t& sort_key) {
  sort_key = 0;
  WireReader reader(event);
  while (reader.Next()) {
    if (reader.field() == v1::HistoryEvent::kSortKeyFieldNumber) {
      sort_key = reader.number();
    }
  }
  return reader.ok();
}

bool HasItem(std::string_view event, std::string_view item_id) {
  WireReader reader(event);
  while (reader.Next()) {
    if (reader.field() == v1::HistoryEvent::kItemIdFieldNumber) {
      return reader.bytes() == item_id;
    }
  }
  return false;
}

}  // namespace

bool HistoryMerge::Start(std::optional<std::string_view> history) {
  count_ = 0;
  epoch_ = 0;
  entries_.clear();
  first_ = 0;
  if (!history.has_value()) return true;
  WireReader reader(*history);
  while (reader.Next()) {
    switch (reader.field()) {
      case v1::History::kCountFieldNumber:
        count_ = reader.number();
        break;
      case v1::History::kEpochFieldNumber:
        epoch_ = reader.number();
        break;
      case v1::History::kEventsFieldNumber: {
        Entry entry{.event = reader.bytes()};
        if (!ReadSortKey(entry.event, entry.sort_key)) return false;
        entries_.push_back(entry);
        break;
      }
    }
  }
  return reader.ok();
}

bool HistoryMerge::Apply(std::string_view operand) {
  WireReader reader(operand);
  while (reader.Next()) {
    if (reader.field() != v1::HistoryOperations::kOperationsFieldNumber ||
        !ApplyOperation(reader.bytes())) {
      return false;
    }
  }
  return reader.ok();
}

bool HistoryMerge::ApplyOperation(std::string_view operation) {
  std::optional<std::string_view> event;
  std::optional<std::string_view> deleted_item;
  int64_t serial = 0;
  int64_t limit = 0;
  WireReader reader(operation);
  while (reader.Next()) {
    switch (reader.field()) {
      case v1::HistoryOperation::kAppendFieldNumber:
        event = reader.bytes();
        break;
      case v1::HistoryOperation::kDeleteItemFieldNumber:
        deleted_item = reader.bytes();
        break;
      case v1::HistoryOperation::kSerialFieldNumber:
        serial = reader.number();
        break;
      case v1::HistoryOperation::kHistoryLimitFieldNumber:
        limit = reader.number();
        break;
    }
  }
  if (!reader.ok() || event.has_value() == deleted_item.has_value()) {
    return false;
  }
  if (deleted_item.has_value()) return DeleteItem(*deleted_item, serial);
  Entry entry{.event = *event};
  if (limit < 1 || !ReadSortKey(*event, entry.sort_key)) return false;
  Append(entry, serial);
  if (size() > static_cast<size_t>(limit)) {
    first_ = entries_.size() - static_cast<size_t>(limit);
  }
  return true;
}

void HistoryMerge::Append(Entry entry, int64_t serial) {
  if (epoch_ == 0) epoch_ = serial;
  const bool trimmed = count_ > static_cast<int64_t>(size());
  ++count_;
  if (size() == 0 || entry.sort_key >= entries_.back().sort_key) {
    entries_.push_back(entry);
    return;
  }
  epoch_ = serial;
  const auto begin = entries_.begin() + static_cast<std::ptrdiff_t>(first_);
  if (trimmed && entry.sort_key < begin->sort_key) return;
  const auto place = std::upper_bound(begin, entries_.end(), entry.sort_key,
                                      [](int64_t sort_key, const Entry& other) {
                                        return sort_key < other.sort_key;
                                      });
  entries_.insert(place, entry);
}

bool HistoryMerge::DeleteItem(std::string_view item_id, int64_t serial) {
  const auto begin = entries_.begin() + static_cast<std::ptrdiff_t>(first_);
  const auto end = std::remove_if(
      begin, entries_.end(),
      [&](const Entry& entry) { return HasItem(entry.event, item_id); });
  const auto removed = entries_.end() - end;
  if (removed == 0) return true;
  entries_.erase(end, entries_.end());
  count_ -= removed;
  epoch_ = serial;
  return true;
}

std::string HistoryMerge::Finish() const {
  size_t bytes = 32;
  for (size_t i = first_; i < entries_.size(); ++i) {
    bytes += entries_[i].event.size() + 4;
  }
  std::string history;
  history.reserve(bytes);
  AppendNumberField(v1::History::kCountFieldNumber, count_, history);
  AppendNumberField(v1::History::kEpochFieldNumber, epoch_, history);
  for (size_t i = first_; i < entries_.size(); ++i) {
    AppendBytesField(v1::History::kEventsFieldNumber, entries_[i].event,
                     history);
  }
  return history;
}

}  // namespace attune::storage
