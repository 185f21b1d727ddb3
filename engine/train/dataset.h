#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/train/id_table.h"

namespace attune {

/// One event of a user's history. Indices are those of the Dataset.
struct Interaction {
  int32_t item = 0;
  int16_t action = 0;
  bool has_time = false;
  bool positive = false;  ///< may be a target; else it is context only
  int32_t context = -1;   ///< index into Dataset::contexts(); -1: none
  int64_t time_ms = 0;    ///< Unix time; meaningless without has_time
  int64_t sort_key = 0;   ///< time_ms, or the order where no time is known

  bool operator==(const Interaction&) const = default;
};

/// One shown item. Bit t of `followed` is set if task t's action followed.
struct Impression {
  int32_t item = 0;
  uint32_t followed = 0;
  bool has_time = false;
  int32_t context = -1;  ///< index into Dataset::contexts(); -1: none
  int64_t time_ms = 0;
  int64_t sort_key = 0;

  bool operator==(const Impression&) const = default;
};

/// Everything that training and evaluation read of the logs, in memory: dense
/// indices for items, users and actions, and each user's interactions and
/// impressions, oldest first (CSR: 32 bytes a row, 16 bytes a user).
/// Immutable and thread-safe. Spans live as long as the Dataset.
class Dataset {
 public:
  const IdTable& items() const { return items_; }
  const IdTable& users() const { return users_; }
  /// Names of Interaction::action.
  std::span<const std::string> actions() const { return actions_; }
  /// Names of the bits of Impression::followed, at most 32.
  std::span<const std::string> tasks() const { return tasks_; }
  /// The distinct contexts of the events: serialised v1::User messages of
  /// which `features` alone are set.
  std::span<const std::string> contexts() const { return contexts_; }

  /// `user`'s events, by sort_key; equal keys keep the order of insertion.
  std::span<const Interaction> interactions(int32_t user) const {
    return Row(interactions_, interaction_offsets_, user);
  }
  std::span<const Impression> impressions(int32_t user) const {
    return Row(impressions_, impression_offsets_, user);
  }
  int64_t interaction_count() const {
    return static_cast<int64_t>(interactions_.size());
  }
  int64_t impression_count() const {
    return static_cast<int64_t>(impressions_.size());
  }
  /// Interactions whose clock time is unknown.
  int64_t untimed_count() const { return untimed_count_; }

  /// 32 hexadecimal digits (xxh3, 128 bits) over ids, names and rows. The
  /// order in which rows were put in matters only among a user's equal keys.
  std::string Fingerprint() const;

 private:
  friend class DatasetBuilder;

  template <typename T>
  static std::span<const T> Row(const std::vector<T>& rows,
                                const std::vector<int64_t>& offsets,
                                int32_t user) {
    return std::span<const T>(rows).subspan(offsets[user],
                                            offsets[user + 1] - offsets[user]);
  }

  IdTable items_;
  IdTable users_;
  std::vector<std::string> actions_;
  std::vector<std::string> tasks_;
  std::vector<std::string> contexts_;
  std::vector<int64_t> interaction_offsets_ = {0};
  std::vector<Interaction> interactions_;
  std::vector<int64_t> impression_offsets_ = {0};
  std::vector<Impression> impressions_;
  int64_t untimed_count_ = 0;
};

/// Collects rows in any order and makes a Dataset of them. The numbers that
/// Add…() returns are the builder's own and valid until Build(), which numbers
/// items, users, actions, tasks and contexts anew in the order of their names.
/// Not thread-safe.
class DatasetBuilder {
 public:
  /// The number of this id, made on first sight. An item need not have events:
  /// it then belongs to the catalogue only.
  int32_t AddItem(std::string_view item_id);
  int32_t AddUser(std::string_view user_id);
  /// InvalidArgument at the 32,768th distinct name.
  absl::StatusOr<int16_t> AddAction(std::string_view name);
  /// The bit of Impression::followed. InvalidArgument at the 33rd name.
  absl::StatusOr<int> AddTask(std::string_view name);
  /// See Dataset::contexts().
  int32_t AddContext(std::string_view bytes) { return contexts_.Add(bytes); }

  /// Rows whose numbers come from the calls above (DCHECKed). time_ms is set
  /// to 0 where has_time is false.
  void AddInteraction(int32_t user, Interaction interaction);
  void AddImpression(int32_t user, Impression impression);

  Dataset Build() &&;

 private:
  class Names {
   public:
    int32_t Add(std::string_view name);
    int32_t size() const { return static_cast<int32_t>(index_.size()); }
    /// Moves the names out; `remap[number]` is the index in the table.
    IdTable Release(std::vector<int32_t>* remap);

   private:
    absl::flat_hash_map<std::string, int32_t> index_;
  };

  Names items_, users_, actions_, tasks_, contexts_;
  std::vector<int32_t> interaction_users_;
  std::vector<Interaction> interactions_;
  std::vector<int32_t> impression_users_;
  std::vector<Impression> impressions_;
};

}  // namespace attune
