#include "features/pipeline_fitter.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "features/item_counters.h"
#include "features/numeric_sketch.h"
#include "features/pipeline_state.h"
#include "features/record_plan.h"
#include "features/record_reader.h"
#include "features/vocabulary.h"

namespace attune::features {
namespace {

// Of the items, before series count as a feature of the catalogue.
constexpr double kMinSeriesShare = 0.01;
constexpr int64_t kMinSeriesItems = 2;

absl::Status CheckOptions(const PipelineOptions& options) {
  struct Bound {
    const char* name;
    int32_t value, minimum, maximum;
  };
  const Bound bounds[] = {
      {"max_text_rows", options.max_text_rows, 0, 1 << 24},
      {"max_attribute_rows", options.max_attribute_rows, 0, 1 << 24},
      {"max_user_rows", options.max_user_rows, 0, 1 << 24},
      {"max_context_rows", options.max_context_rows, 0, 1 << 24},
      {"max_search_rows", options.max_search_rows, 0, 1 << 24},
      {"min_count", options.min_count, 1, 1 << 20},
      {"numeric_buckets", options.numeric_buckets, 2, 1024},
  };
  for (const Bound& bound : bounds) {
    if (bound.value < bound.minimum || bound.value > bound.maximum) {
      return absl::InvalidArgumentError(StrCat(bound.name, " is ", bound.value,
                                               ", expected ", bound.minimum,
                                               " to ", bound.maximum));
    }
  }
  return absl::OkStatus();
}

// Learned numeric columns of one entity.
class NumericFitter {
 public:
  explicit NumericFitter(const RecordPlan& plan)
      : sketches_(plan.numerics.size()) {}

  void Add(const std::vector<double>& numeric) {
    for (size_t i = 0; i < numeric.size(); ++i) sketches_[i].Add(numeric[i]);
  }
  std::vector<NumericState> Finish(int32_t buckets) const {
    std::vector<NumericState> states;
    for (const NumericSketch& sketch : sketches_) {
      const NumericSummary summary = sketch.Finish(buckets);
      NumericState state;
      // Equal everywhere up to rounding says nothing.
      const double scale = std::max(1.0, std::abs(summary.mean));
      state.used = summary.count > 0 && summary.deviation > 1e-9 * scale;
      if (state.used) {
        state.mean = summary.mean;
        state.deviation = summary.deviation;
        state.bounds = summary.bounds;
      }
      states.push_back(std::move(state));
    }
    return states;
  }

 private:
  std::vector<NumericSketch> sketches_;
};

// Buckets are known only when all values have been seen, too late to count
// them; by construction each holds training values, so each gets a row.
void AppendBuckets(const RecordPlan& plan,
                   const std::vector<NumericState>& states,
                   std::vector<uint64_t>& keys) {
  for (size_t i = 0; i < states.size(); ++i) {
    if (!states[i].used || plan.numerics[i].transform == Transform::kNone) {
      continue;
    }
    for (size_t b = 0; b <= states[i].bounds.size(); ++b) {
      keys.push_back(BucketKey(plan.numerics[i], b));
    }
  }
}

}  // namespace

struct PipelineFitter::Impl {
  Impl(Schema declared, const PipelineOptions& fit_options)
      : schema(std::move(declared)),
        options(fit_options),
        items(schema, Entity::kItem),
        users(schema, Entity::kUser),
        contexts(schema, Entity::kEvent),
        item_numbers(items),
        user_numbers(users),
        context_numbers(contexts),
        has_values(items.attributes.size(), 0) {
    auto tokenizer = Tokenizer::Create();
    if (!tokenizer.ok()) {
      error = tokenizer.status();
      return;
    }
    for (const auto& [plan, reader] : {std::pair(&users, &user_reader),
                                       std::pair(&contexts, &context_reader)}) {
      auto clone = (*tokenizer)->Clone();
      if (!clone.ok()) {
        error = clone.status();
        return;
      }
      *reader = std::make_unique<RecordReader>(*plan, *std::move(clone));
    }
    item_reader = std::make_unique<RecordReader>(items, *std::move(tokenizer));
  }

  std::vector<ActionRate> Rates() const {
    std::vector<std::pair<int64_t, std::string>> by_count;
    for (const auto& [action, count] : followed) {
      by_count.emplace_back(-count, action);
    }
    std::sort(by_count.begin(), by_count.end());
    if (by_count.size() > kMaxRates) by_count.resize(kMaxRates);
    std::vector<ActionRate> rates;
    for (const auto& [negative, action] : by_count) {
      const double count = static_cast<double>(-negative);
      rates.push_back(
          {action,
           std::min((count + 1) / (static_cast<double>(impressions) + 2),
                    0.999)});
    }
    return rates;
  }

  std::vector<bool> UsedFields() const {
    std::vector<bool> used;
    for (size_t i = 0; i < items.attributes.size(); ++i) {
      const bool is_series = i == static_cast<size_t>(kSeriesField);
      const int64_t needed =
          is_series
              ? std::max(
                    kMinSeriesItems,
                    static_cast<int64_t>(kMinSeriesShare *
                                         static_cast<double>(text.documents())))
              : 1;
      used.push_back(has_values[i] >= needed);
    }
    return used;
  }

  const Schema schema;
  const PipelineOptions options;
  const RecordPlan items, users, contexts;
  std::unique_ptr<RecordReader> item_reader, user_reader, context_reader;
  absl::Status error;
  bool finished = false;

  VocabularyCounter text, attributes, user_tokens, context_tokens, search;
  NumericFitter item_numbers, user_numbers, context_numbers;
  std::vector<int64_t> has_values;  // items with a value, per attribute column
  int64_t events = 0, timed_events = 0, impressions = 0;
  std::map<std::string, int64_t> followed;
  std::vector<uint64_t> scratch;
};

PipelineFitter::PipelineFitter(Schema schema, const PipelineOptions& options)
    : impl_(std::make_unique<Impl>(std::move(schema), options)) {}

PipelineFitter::~PipelineFitter() = default;

void PipelineFitter::ObserveItem(const v1::Item& item) {
  if (!impl_->error.ok()) return;
  const RawRecord& record = impl_->item_reader->ReadItem(item);
  impl_->item_numbers.Add(record.numeric);

  std::vector<uint64_t>& hashes = impl_->scratch;
  hashes = record.text.words;
  hashes.insert(hashes.end(), record.text.ngrams.begin(),
                record.text.ngrams.end());
  impl_->text.AddDocument(hashes);

  hashes = record.attribute_keys;
  std::vector<bool> present(impl_->items.attributes.size());
  for (const uint64_t key : hashes) {
    const int field = AttributeField(key);
    for (size_t i = 0; i < present.size(); ++i) {
      // A series is present where a volume is named.
      const bool counts = field != kSeriesField || record.series_number > 0;
      if (impl_->items.attributes[i].field == field && counts) {
        present[i] = true;
      }
    }
  }
  present[static_cast<size_t>(kTitleField)] = record.text.title_words > 0;
  for (size_t i = 0; i < present.size(); ++i) {
    impl_->has_values[i] += present[i];
  }
  impl_->attributes.AddDocument(hashes);
  if (!impl_->items.search) return;
  hashes.clear();
  for (const uint32_t key : record.search_keys) {
    hashes.push_back(SearchEntry(key));
  }
  impl_->search.AddDocument(hashes);
}

void PipelineFitter::ObserveUser(const v1::User& user) {
  if (!impl_->error.ok()) return;
  const RawRecord& record = impl_->user_reader->ReadUser(user);
  impl_->user_numbers.Add(record.numeric);
  impl_->scratch = record.attribute_keys;
  impl_->user_tokens.AddDocument(impl_->scratch);
}

void PipelineFitter::ObserveEvent(const v1::Event& event) {
  ++impl_->events;
  impl_->timed_events += event.has_time_ms();
  if (!impl_->contexts.empty() && impl_->error.ok()) {
    const RawRecord& record =
        impl_->context_reader->ReadContext(event.features());
    impl_->context_numbers.Add(record.numeric);
    impl_->scratch = record.attribute_keys;
    impl_->context_tokens.AddDocument(impl_->scratch);
  }
  if (event.action() != kImpression) return;
  ++impl_->impressions;
  for (const std::string& action : event.followed()) {
    if (action != kImpression) ++impl_->followed[action];
  }
}

absl::StatusOr<Pipeline> PipelineFitter::Finish() {
  Impl& fit = *impl_;
  ATTUNE_RETURN_IF_ERROR(fit.error);
  ATTUNE_RETURN_IF_ERROR(CheckOptions(fit.options));
  if (fit.finished) {
    return absl::FailedPreconditionError("Finish() was called before");
  }
  fit.finished = true;

  PipelineState state;
  state.schema = fit.schema;
  state.max_text_tokens = fit.options.max_text_tokens;
  state.max_attribute_tokens = fit.options.max_attribute_tokens;
  state.profile_events = fit.options.profile_events;
  state.items = fit.text.documents();
  state.uses_time = fit.events == 0 || fit.timed_events > 0;
  state.has_impressions = fit.impressions > 0;
  state.item_fields = fit.UsedFields();
  state.item_numeric = fit.item_numbers.Finish(fit.options.numeric_buckets);
  state.user_numeric = fit.user_numbers.Finish(fit.options.numeric_buckets);
  state.rates = fit.Rates();
  state.text =
      fit.text.Finish(fit.options.min_count, fit.options.max_text_rows);
  std::vector<uint64_t> buckets;
  AppendBuckets(fit.items, state.item_numeric, buckets);
  state.attributes = fit.attributes.Finish(
      fit.options.min_count, fit.options.max_attribute_rows, buckets);
  buckets.clear();
  AppendBuckets(fit.users, state.user_numeric, buckets);
  state.users = fit.user_tokens.Finish(fit.options.min_count,
                                       fit.options.max_user_rows, buckets);
  state.context_numeric =
      fit.context_numbers.Finish(fit.options.numeric_buckets);
  buckets.clear();
  AppendBuckets(fit.contexts, state.context_numeric, buckets);
  state.contexts = fit.context_tokens.Finish(
      fit.options.min_count, fit.options.max_context_rows, buckets);
  state.search =
      fit.search.Finish(fit.options.min_count, fit.options.max_search_rows);
  return Pipeline::Create(std::move(state));
}

}  // namespace attune::features
