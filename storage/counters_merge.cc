#include "storage/counters_merge.h"

#include "proto/counter_math.h"

namespace attune::storage {

bool CountersMerge::Start(std::optional<std::string_view> counters) {
  counters_.Clear();
  return !counters.has_value() ||
         counters_.ParseFromArray(counters->data(),
                                  static_cast<int>(counters->size()));
}

bool CountersMerge::Apply(std::string_view operand) {
  if (!operand_.ParseFromArray(operand.data(),
                               static_cast<int>(operand.size()))) {
    return false;
  }
  for (const v1::Counter& addition : operand_.counters()) {
    AddCounter(addition, CounterFor(addition.action(), counters_));
  }
  return true;
}

}  // namespace attune::storage
