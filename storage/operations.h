#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "storage/family.h"
#include "storage/write_group.h"

namespace attune::storage {

// What a WriteGroup holds: its calls, checked and encoded as far as this goes
// without a database. GroupCompiler turns them into rows.

struct PutRow {
  Family family;
  std::string key;
  std::string value;
};

struct PutVectorRow {
  std::string item_id;
  std::string key;
  std::string value;
  /// RecordHash of the record that it was made of; nullopt: not checked.
  std::optional<uint64_t> made_of;
};

struct DeleteRow {
  Family family;
  std::string key;
};

/// All rows of a model version in kItemVectors or kStates.
struct DeleteModel {
  Family family;
  std::string model_version;
};

struct DeleteItemData {
  std::string item_id;
};

struct DeleteUserData {
  std::string user_id;
  bool with_record = false;
  /// Only the events with this item; then nothing else of the user goes.
  std::optional<std::string> item_id;
};

struct CounterAddition {
  std::string item_id;
  std::string operand;  // v1.Counters bytes
};

struct AddCounterRows {
  std::vector<CounterAddition> additions;
};

struct AppendEventRow {
  std::string user_id;
  std::string item_id;
  int64_t sort_key = 0;
  std::string event;         // v1.Event bytes without the user id
  std::string event_id_key;  // empty: no event id
  /// v1.HistoryEvent bytes.
  std::optional<std::string> history_event;
  std::vector<CounterAddition> additions;
};

struct AppendAuditRow {
  std::string bytes;
};

using Operation = std::variant<PutRow, PutVectorRow, DeleteRow, DeleteModel,
                               DeleteItemData, DeleteUserData, AddCounterRows,
                               AppendEventRow, AppendAuditRow>;

struct WriteGroup::Rep {
  std::vector<Operation> operations;
  size_t bytes = 0;
};

}  // namespace attune::storage
