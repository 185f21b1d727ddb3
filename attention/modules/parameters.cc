#include "attention/modules/parameters.h"

#include <algorithm>
#include <utility>

namespace attune {

ParameterId ParameterLayout::Add(std::string name, int64_t rows, int64_t cols,
                                 Initializer initializer, float init_std,
                                 bool decay) {
  Parameter parameter{std::move(name), rows,     cols, size_,
                      initializer,     init_std, decay};
  constexpr int64_t kAlignment = 16;
  size_ += (parameter.size() + kAlignment - 1) / kAlignment * kAlignment;
  list_.push_back(std::move(parameter));
  return static_cast<ParameterId>(list_.size()) - 1;
}

void ParameterLayout::Initialize(Rng& rng, std::span<float> values) const {
  std::fill(values.begin(), values.end(), 0.0f);
  for (const Parameter& parameter : list_) {
    std::span<float> range = values.subspan(parameter.offset, parameter.size());
    switch (parameter.initializer) {
      case Initializer::kZeros:
        break;
      case Initializer::kOnes:
        std::fill(range.begin(), range.end(), 1.0f);
        break;
      case Initializer::kNormal:
        for (float& value : range) {
          value = static_cast<float>(rng.Normal()) * parameter.init_std;
        }
        break;
    }
  }
}

}  // namespace attune
