#include "engine/train/dataset.h"

#include <algorithm>
#include <cassert>
#include <limits>
#include <utility>

#include "absl/strings/string_view.h"
#include "base/strings.h"
#include "storage/content_hash.h"

namespace attune {
namespace {

// Groups rows by user, keeping the order of insertion, then sorts each group.
template <typename T>
void GroupByUser(std::vector<int32_t> row_users, std::vector<T> rows,
                 std::span<const int32_t> remap_user,
                 std::vector<int64_t>* offsets, std::vector<T>* grouped) {
  offsets->assign(remap_user.size() + 1, 0);
  for (int32_t& user : row_users) {
    user = remap_user[user];
    ++(*offsets)[user + 1];
  }
  for (size_t i = 1; i < offsets->size(); ++i)
    (*offsets)[i] += (*offsets)[i - 1];
  grouped->resize(rows.size());
  std::vector<int64_t> next(offsets->begin(), offsets->end() - 1);
  for (size_t i = 0; i < rows.size(); ++i) {
    (*grouped)[next[row_users[i]]++] = rows[i];
  }
  for (size_t user = 0; user < remap_user.size(); ++user) {
    std::stable_sort(
        grouped->begin() + (*offsets)[user],
        grouped->begin() + (*offsets)[user + 1],
        [](const T& a, const T& b) { return a.sort_key < b.sort_key; });
  }
}

// Feeds values one by one: a struct's padding bytes must not enter the hash.
class Hasher {
 public:
  void Number(int64_t value) {
    buffer_.push_back(value);
    if (buffer_.size() == 1024) Flush();
  }
  void Text(std::string_view text) {
    Number(static_cast<int64_t>(text.size()));
    Flush();
    hash_.Update(text);
  }
  std::string Finish() {
    Flush();
    return hash_.Hex();
  }

 private:
  void Flush() {
    hash_.Update({reinterpret_cast<const char*>(buffer_.data()),
                  buffer_.size() * sizeof(int64_t)});
    buffer_.clear();
  }
  storage::ContentHash hash_;
  std::vector<int64_t> buffer_;
};

void HashTable(const IdTable& table, Hasher* hasher) {
  hasher->Number(table.size());
  for (int32_t i = 0; i < table.size(); ++i) hasher->Text(table.name(i));
}

std::vector<std::string> ListNames(const IdTable& table) {
  std::vector<std::string> names;
  for (int32_t i = 0; i < table.size(); ++i) names.emplace_back(table.name(i));
  return names;
}

void HashNames(std::span<const std::string> names, Hasher* hasher) {
  hasher->Number(static_cast<int64_t>(names.size()));
  for (const std::string& name : names) hasher->Text(name);
}

}  // namespace

std::string Dataset::Fingerprint() const {
  Hasher hasher;
  HashTable(items_, &hasher);
  HashTable(users_, &hasher);
  HashNames(actions_, &hasher);
  HashNames(tasks_, &hasher);
  const bool with_contexts = !contexts_.empty();
  if (with_contexts) HashNames(contexts_, &hasher);
  for (int64_t offset : interaction_offsets_) hasher.Number(offset);
  for (const Interaction& row : interactions_) {
    hasher.Number(row.item);
    hasher.Number(row.action * 4 + row.has_time * 2 + row.positive);
    hasher.Number(row.time_ms);
    hasher.Number(row.sort_key);
    if (with_contexts) hasher.Number(row.context);
  }
  for (int64_t offset : impression_offsets_) hasher.Number(offset);
  for (const Impression& row : impressions_) {
    hasher.Number(row.item);
    hasher.Number(int64_t{row.followed} * 2 + row.has_time);
    hasher.Number(row.time_ms);
    hasher.Number(row.sort_key);
    if (with_contexts) hasher.Number(row.context);
  }
  return hasher.Finish();
}

int32_t DatasetBuilder::Names::Add(std::string_view name) {
  const auto [entry, is_new] =
      index_.try_emplace(absl::string_view(name.data(), name.size()), size());
  return entry->second;
}

IdTable DatasetBuilder::Names::Release(std::vector<int32_t>* remap) {
  std::vector<std::string> names;
  names.reserve(index_.size());
  for (const auto& [name, number] : index_) names.push_back(name);
  IdTable table(std::move(names));
  remap->resize(index_.size());
  for (const auto& [name, number] : index_) {
    // NOLINTNEXTLINE(bugprone-unchecked-optional-access): made of these names
    (*remap)[number] = *table.Find(name);
  }
  index_ = {};
  return table;
}

int32_t DatasetBuilder::AddItem(std::string_view item_id) {
  return items_.Add(item_id);
}

int32_t DatasetBuilder::AddUser(std::string_view user_id) {
  return users_.Add(user_id);
}

absl::StatusOr<int16_t> DatasetBuilder::AddAction(std::string_view name) {
  const int32_t number = actions_.Add(name);
  if (number > std::numeric_limits<int16_t>::max()) {
    return absl::InvalidArgumentError(
        StrCat("action \"", name, "\" is number ", number + 1,
               ", at most 32768 distinct actions are possible"));
  }
  return static_cast<int16_t>(number);
}

absl::StatusOr<int> DatasetBuilder::AddTask(std::string_view name) {
  const int bit = tasks_.Add(name);
  if (bit >= 32) {
    return absl::InvalidArgumentError(
        StrCat("task \"", name, "\" is number ", bit + 1,
               ", at most 32 distinct tasks are possible"));
  }
  return bit;
}

void DatasetBuilder::AddInteraction(int32_t user, Interaction interaction) {
  assert(user >= 0 && user < users_.size());
  assert(interaction.item >= 0 && interaction.item < items_.size());
  assert(interaction.action >= 0 && interaction.action < actions_.size());
  if (!interaction.has_time) interaction.time_ms = 0;
  interaction_users_.push_back(user);
  interactions_.push_back(interaction);
}

void DatasetBuilder::AddImpression(int32_t user, Impression impression) {
  assert(user >= 0 && user < users_.size());
  assert(impression.item >= 0 && impression.item < items_.size());
  if (!impression.has_time) impression.time_ms = 0;
  impression_users_.push_back(user);
  impressions_.push_back(impression);
}

Dataset DatasetBuilder::Build() && {
  Dataset dataset;
  std::vector<int32_t> remap_item, remap_user, remap_action, remap_task,
      remap_context;
  dataset.items_ = items_.Release(&remap_item);
  dataset.users_ = users_.Release(&remap_user);
  dataset.actions_ = ListNames(actions_.Release(&remap_action));
  dataset.tasks_ = ListNames(tasks_.Release(&remap_task));
  dataset.contexts_ = ListNames(contexts_.Release(&remap_context));
  for (Interaction& row : interactions_) {
    row.item = remap_item[row.item];
    row.action = static_cast<int16_t>(remap_action[row.action]);
    if (row.context >= 0) row.context = remap_context[row.context];
    dataset.untimed_count_ += !row.has_time;
  }
  for (Impression& row : impressions_) {
    row.item = remap_item[row.item];
    if (row.context >= 0) row.context = remap_context[row.context];
    uint32_t followed = 0;
    for (size_t bit = 0; bit < remap_task.size(); ++bit) {
      followed |= (row.followed >> bit & 1u) << remap_task[bit];
    }
    row.followed = followed;
  }
  GroupByUser(std::move(interaction_users_), std::move(interactions_),
              remap_user, &dataset.interaction_offsets_,
              &dataset.interactions_);
  GroupByUser(std::move(impression_users_), std::move(impressions_), remap_user,
              &dataset.impression_offsets_, &dataset.impressions_);
  return dataset;
}

}  // namespace attune
