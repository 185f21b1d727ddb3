#include "storage/merge_operators.h"

#include <deque>
#include <exception>
#include <optional>
#include <string>
#include <string_view>

#include "storage/counters_merge.h"
#include "storage/history_merge.h"

namespace attune::storage {
namespace {

std::string_view ToView(const rocksdb::Slice& slice) {
  return {slice.data(), slice.size()};
}

// Both operands are lists whose serialisations concatenate. Nothing is computed
// before the base is known: sums of sums would round differently.
template <typename Merge>
class ListMergeOperator : public rocksdb::MergeOperator {
 public:
  explicit ListMergeOperator(const char* name) : name_(name) {}

  bool FullMergeV2(const MergeOperationInput& in,
                   MergeOperationOutput* out) const override try {
    Merge merge;
    std::optional<std::string_view> existing;
    if (in.existing_value != nullptr) existing = ToView(*in.existing_value);
    if (!merge.Start(existing)) return false;
    for (const rocksdb::Slice& operand : in.operand_list) {
      if (!merge.Apply(ToView(operand))) return false;
    }
    out->new_value = merge.Finish();
    return true;
  } catch (const std::exception&) {
    return false;  // RocksDB is not exception-safe
  }

  bool PartialMergeMulti(const rocksdb::Slice& /*key*/,
                         const std::deque<rocksdb::Slice>& operands,
                         std::string* new_value,
                         rocksdb::Logger* /*logger*/) const override try {
    for (const rocksdb::Slice& operand : operands) {
      new_value->append(operand.data(), operand.size());
    }
    return true;
  } catch (const std::exception&) {
    new_value->clear();
    return false;
  }

  const char* Name() const override { return name_; }

 private:
  const char* name_;
};

}  // namespace

std::shared_ptr<rocksdb::MergeOperator> NewHistoryMergeOperator() {
  return std::make_shared<ListMergeOperator<HistoryMerge>>(
      "attune.HistoryMerge");
}

std::shared_ptr<rocksdb::MergeOperator> NewCountersMergeOperator() {
  return std::make_shared<ListMergeOperator<CountersMerge>>(
      "attune.CountersMerge");
}

}  // namespace attune::storage
