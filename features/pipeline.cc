#include "features/pipeline.h"

#include <algorithm>
#include <cmath>
#include <new>
#include <utility>

#include "base/status_macros.h"
#include "base/strings.h"
#include "features/bounded.h"
#include "features/hash.h"
#include "features/pipeline_impl.h"

namespace attune::features {
namespace {

// Room for a few n-grams is kept even where the words alone would fill it.
constexpr int32_t kNgramShare = 3;

// Rows without repeats, up to a limit. Lists are short: a scan beats a set.
class TokenList {
 public:
  TokenList(size_t limit, std::vector<int32_t>* tokens)
      : limit_(limit), tokens_(tokens) {}
  bool full() const { return tokens_->size() >= limit_; }
  void Add(int32_t row) {
    if (full()) return;
    if (std::find(tokens_->begin(), tokens_->end(), row) == tokens_->end()) {
      tokens_->push_back(row);
    }
  }

 private:
  size_t limit_;
  std::vector<int32_t>* tokens_;
};

// The known words first (title before the rest), then n-grams: those of unknown
// words before those of known ones, because they have nothing else to say.
std::vector<int32_t> SelectTextTokens(const TextHashes& text,
                                      const Vocabulary& vocabulary,
                                      int32_t limit) {
  std::vector<int32_t> words, unknown_grams, known_grams;
  TokenList word_list(static_cast<size_t>(limit), &words);
  TokenList unknown_list(static_cast<size_t>(limit), &unknown_grams);
  TokenList known_list(static_cast<size_t>(limit), &known_grams);
  size_t gram = 0;
  for (size_t i = 0; i < text.words.size(); ++i) {
    const Vocabulary::Entry* word = vocabulary.Find(text.words[i]);
    if (word != nullptr) word_list.Add(word->row);
    TokenList& grams = word == nullptr ? unknown_list : known_list;
    for (; gram < text.ngram_end[i]; ++gram) {
      if (grams.full()) continue;
      if (const auto* entry = vocabulary.Find(text.ngrams[gram])) {
        grams.Add(entry->row);
      }
    }
  }
  const size_t available = unknown_grams.size() + known_grams.size();
  const size_t reserved =
      std::min(available, static_cast<size_t>(limit / kNgramShare));
  std::vector<int32_t> tokens(
      words.begin(),
      words.begin() +
          static_cast<std::ptrdiff_t>(
              std::min(words.size(), static_cast<size_t>(limit) - reserved)));
  TokenList list(static_cast<size_t>(limit), &tokens);
  for (const int32_t row : unknown_grams) list.Add(row);
  for (const int32_t row : known_grams) list.Add(row);
  return tokens;
}

// [value, missing flag] for each dense column.
std::vector<float> TransformNumbers(
    const std::vector<double>& raw, const std::vector<NumericState>& states,
    const std::vector<RecordPlan::NumericColumn>& columns,
    const std::vector<int32_t>& dense) {
  std::vector<float> out;
  out.reserve(2 * dense.size());
  for (const int32_t index : dense) {
    const size_t i = static_cast<size_t>(index);
    if (std::isnan(raw[i])) {
      out.push_back(0.0f);
      out.push_back(1.0f);
      continue;
    }
    const bool plain =
        columns[i].transform == Transform::kNone && !columns[i].is_time;
    const double value =
        plain ? raw[i] : (raw[i] - states[i].mean) / states[i].deviation;
    out.push_back(Bounded(value));
    out.push_back(0.0f);
  }
  return out;
}

void AddBucketTokens(const RawRecord& record,
                     const std::vector<NumericState>& states,
                     const std::vector<RecordPlan::NumericColumn>& columns,
                     const Vocabulary& vocabulary, TokenList& tokens) {
  for (size_t i = 0; i < columns.size(); ++i) {
    if (!states[i].used || columns[i].transform == Transform::kNone ||
        std::isnan(record.numeric[i])) {
      continue;
    }
    const size_t bucket = BucketOf(record.numeric[i], states[i].bounds);
    if (const auto* entry = vocabulary.Find(BucketKey(columns[i], bucket))) {
      tokens.Add(entry->row);
    }
  }
}

std::string_view KindName(const v1::Value& value) {
  switch (value.kind_case()) {
    case v1::Value::kNumber:
      return "a number";
    case v1::Value::kText:
      return "a text";
    case v1::Value::kList:
      return "a list";
    case v1::Value::KIND_NOT_SET:
      break;
  }
  return "nothing";
}

absl::Status CheckContextValue(const Schema& schema,
                               const v1::Feature& feature) {
  const Column* column = schema.Find(Entity::kEvent, feature.name());
  if (column == nullptr || !column->context) {
    return absl::InvalidArgumentError(StrCat(
        "context \"", feature.name(),
        "\" is unknown to the model; it knows: ", schema.ContextNames()));
  }
  const v1::Value& value = feature.value();
  const auto kind = value.kind_case();
  bool fits = false;
  switch (column->type) {
    case ColumnType::kText:
      fits = kind == v1::Value::kText;
      break;
    case ColumnType::kCategorical:
      fits = kind == v1::Value::kText || kind == v1::Value::kNumber;
      break;
    case ColumnType::kMulti:
      fits = kind != v1::Value::KIND_NOT_SET;
      break;
    case ColumnType::kNumeric:
      fits = kind == v1::Value::kNumber;
      break;
    case ColumnType::kTime:
      fits = kind == v1::Value::kText || kind == v1::Value::kNumber;
      break;
  }
  if (!fits) {
    return absl::InvalidArgumentError(
        StrCat("context \"", feature.name(), "\" is ", KindName(value),
               ", its type is ", ColumnTypeName(column->type),
               "; the model knows: ", schema.ContextNames()));
  }
  if (kind == v1::Value::kNumber && !std::isfinite(value.number())) {
    return absl::InvalidArgumentError(StrCat("context \"", feature.name(),
                                             "\" is ", value.number(),
                                             ", must be a finite number"));
  }
  return absl::OkStatus();
}

// Rows beyond a table, and lists that do not fit, would be read out of bounds.
bool RowsFit(const std::vector<int32_t>& tokens, int32_t rows) {
  return std::all_of(tokens.begin(), tokens.end(),
                     [rows](int32_t row) { return row >= 0 && row < rows; });
}

}  // namespace

ReaderPool::Lease::Lease(ReaderPool& pool) : pool_(pool) {
  const std::lock_guard lock(pool_.mutex_);
  if (!pool_.idle_.empty()) {
    reader_ = std::move(pool_.idle_.back());
    pool_.idle_.pop_back();
    return;
  }
  auto tokenizer = pool_.prototype_->Clone();
  if (!tokenizer.ok()) throw std::bad_alloc();
  reader_ = std::make_unique<RecordReader>(pool_.plan_, *std::move(tokenizer));
}

ReaderPool::Lease::~Lease() {
  const std::lock_guard lock(pool_.mutex_);
  pool_.idle_.push_back(std::move(reader_));
}

Pipeline::Impl::Impl(PipelineState learned,
                     std::unique_ptr<Tokenizer> item_tokenizer,
                     std::unique_ptr<Tokenizer> user_tokenizer,
                     std::unique_ptr<Tokenizer> context_tokenizer)
    : state(std::move(learned)),
      items(state.schema, Entity::kItem),
      users(state.schema, Entity::kUser),
      contexts(state.schema, Entity::kEvent),
      layout(state, items, users, contexts),
      popularity(state, layout),
      item_readers(items, std::move(item_tokenizer)),
      user_readers(users, std::move(user_tokenizer)),
      context_readers(contexts, std::move(context_tokenizer)) {}

Pipeline::Pipeline(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Pipeline::Pipeline(Pipeline&&) noexcept = default;
Pipeline& Pipeline::operator=(Pipeline&&) noexcept = default;
Pipeline::~Pipeline() = default;

absl::StatusOr<Pipeline> Pipeline::Create(PipelineState state) {
  ATTUNE_RETURN_IF_ERROR(CheckState(state));
  ATTUNE_ASSIGN_OR_RETURN(auto item_tokenizer, Tokenizer::Create());
  ATTUNE_ASSIGN_OR_RETURN(auto user_tokenizer, item_tokenizer->Clone());
  ATTUNE_ASSIGN_OR_RETURN(auto context_tokenizer, item_tokenizer->Clone());
  Pipeline pipeline(std::make_unique<Impl>(
      std::move(state), std::move(item_tokenizer), std::move(user_tokenizer),
      std::move(context_tokenizer)));
  pipeline.EncodeContext({}, &pipeline.impl_->no_context);
  return pipeline;
}

absl::StatusOr<Pipeline> Pipeline::FromJson(std::string_view json,
                                            std::string_view source) {
  ATTUNE_ASSIGN_OR_RETURN(PipelineState state, StateFromJson(json, source));
  return Create(std::move(state));
}

std::string Pipeline::ToJson() const { return StateToJson(impl_->state); }

const Schema& Pipeline::schema() const { return impl_->state.schema; }
int32_t Pipeline::text_rows() const { return impl_->state.text.rows(); }
int32_t Pipeline::attribute_rows() const {
  return impl_->state.attributes.rows();
}
int32_t Pipeline::user_rows() const { return impl_->state.users.rows(); }
int32_t Pipeline::context_rows() const { return impl_->state.contexts.rows(); }
bool Pipeline::has_context() const { return !impl_->contexts.empty(); }
bool Pipeline::has_context_text() const { return impl_->contexts.has_text; }
int32_t Pipeline::context_width() const {
  return impl_->layout.context_width();
}
int32_t Pipeline::max_text_tokens() const {
  return impl_->state.max_text_tokens;
}
int32_t Pipeline::max_attribute_tokens() const {
  return impl_->state.max_attribute_tokens;
}
int32_t Pipeline::numeric_width() const {
  return impl_->layout.numeric_width();
}
int32_t Pipeline::user_numeric_width() const {
  return impl_->layout.user_numeric_width();
}
int32_t Pipeline::time_columns() const {
  return static_cast<int32_t>(impl_->items.time_names.size());
}
int32_t Pipeline::profile_events() const { return impl_->state.profile_events; }
int32_t Pipeline::dense_width() const { return impl_->layout.width(); }
int32_t Pipeline::shared_width() const { return impl_->layout.shared_width(); }
const std::vector<std::string>& Pipeline::dense_names() const {
  return impl_->layout.names;
}

ItemFeatures Pipeline::EncodeItem(const v1::Item& item) const {
  const PipelineState& state = impl_->state;
  ReaderPool::Lease reader(impl_->item_readers);
  const RawRecord& record = reader->ReadItem(item);

  ItemFeatures out;
  out.item_key = ItemKey(item.item_id());
  out.unavailable = item.unavailable();
  out.series_number = record.series_number;
  out.times_ms = record.times_ms;
  out.search_keys = record.search_keys;
  out.text_tokens =
      SelectTextTokens(record.text, state.text, state.max_text_tokens);
  out.numeric =
      TransformNumbers(record.numeric, state.item_numeric,
                       impl_->items.numerics, impl_->layout.item_numeric);

  TokenList tokens(static_cast<size_t>(state.max_attribute_tokens),
                   &out.attribute_tokens);
  const uint8_t unknown_idf = QuantisedIdf(state.items, 1);
  std::vector<std::pair<uint64_t, uint8_t>> keys;
  const auto add_key = [&](uint64_t key, uint8_t idf) {
    const int field = AttributeField(key);
    if (field < kMaxMatchFields && impl_->layout.field_used(field)) {
      keys.emplace_back(key, idf);
    }
  };
  for (const uint64_t key : record.attribute_keys) {
    const Vocabulary::Entry* entry = state.attributes.Find(key);
    if (entry != nullptr) tokens.Add(entry->row);
    add_key(key, entry != nullptr ? entry->idf : unknown_idf);
  }
  for (size_t i = 0; i < record.text.title_words; ++i) {
    const Vocabulary::Entry* entry = state.text.Find(record.text.words[i]);
    add_key(TitleKey(record.text.words[i]),
            entry != nullptr ? entry->idf : unknown_idf);
  }
  AddBucketTokens(record, state.item_numeric, impl_->items.numerics,
                  state.attributes, tokens);

  std::sort(keys.begin(), keys.end(), [](const auto& a, const auto& b) {
    const int field_a = AttributeField(a.first);
    const int field_b = AttributeField(b.first);
    return field_a != field_b ? field_a < field_b : a.first < b.first;
  });
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  for (const auto& [key, idf] : keys) {
    out.attribute_keys.push_back(key);
    out.attribute_idf.push_back(idf);
  }
  return out;
}

UserFeatures Pipeline::EncodeUser(const v1::User& user) const {
  const PipelineState& state = impl_->state;
  ReaderPool::Lease reader(impl_->user_readers);
  const RawRecord& record = reader->ReadUser(user);
  UserFeatures out;
  TokenList tokens(static_cast<size_t>(state.max_attribute_tokens),
                   &out.tokens);
  for (const uint64_t key : record.attribute_keys) {
    if (const auto* entry = state.users.Find(key)) tokens.Add(entry->row);
  }
  AddBucketTokens(record, state.user_numeric, impl_->users.numerics,
                  state.users, tokens);
  out.numeric =
      TransformNumbers(record.numeric, state.user_numeric,
                       impl_->users.numerics, impl_->layout.user_numeric);
  return out;
}

absl::Status Pipeline::CheckContext(
    const google::protobuf::RepeatedPtrField<v1::Feature>& context) const {
  for (int i = 0; i < context.size(); ++i) {
    ATTUNE_RETURN_IF_ERROR(CheckContextValue(impl_->state.schema, context[i]));
    for (int k = 0; k < i; ++k) {
      if (context[k].name() != context[i].name()) continue;
      return absl::InvalidArgumentError(
          StrCat("context \"", context[i].name(), "\" is given twice"));
    }
  }
  return absl::OkStatus();
}

void Pipeline::EncodeContext(
    const google::protobuf::RepeatedPtrField<v1::Feature>& context,
    ContextFeatures* out) const {
  out->Clear();
  if (!has_context()) return;
  const PipelineState& state = impl_->state;
  const DenseLayout& layout = impl_->layout;
  ReaderPool::Lease reader(impl_->context_readers);
  const RawRecord& record = reader->ReadContext(context);

  out->shared =
      TransformNumbers(record.numeric, state.context_numeric,
                       impl_->contexts.numerics, layout.context_numeric);
  out->shared.resize(static_cast<size_t>(layout.context_width()), 0.0f);
  for (const int32_t missing : layout.context_missing) {
    if (missing >= 0) out->shared[static_cast<size_t>(missing)] = 1.0f;
  }
  TokenList tokens(static_cast<size_t>(state.max_attribute_tokens),
                   &out->tokens);
  for (const uint64_t key : record.attribute_keys) {
    const size_t field = static_cast<size_t>(AttributeField(key));
    if (field < layout.context_missing.size()) {
      out->shared[static_cast<size_t>(layout.context_missing[field])] = 0.0f;
    }
    const auto* entry = state.contexts.Find(key);
    if (entry == nullptr) continue;
    tokens.Add(entry->row);
    const int32_t place = layout.context_value[static_cast<size_t>(entry->row)];
    if (place >= 0) out->shared[static_cast<size_t>(place)] = 1.0f;
  }
  AddBucketTokens(record, state.context_numeric, impl_->contexts.numerics,
                  state.contexts, tokens);
  if (record.text.words.empty()) return;

  out->text_tokens =
      SelectTextTokens(record.text, state.text, state.max_text_tokens);
  float* const text =
      out->shared.data() + static_cast<size_t>(layout.context_text);
  text[0] = 1.0f;
  text[1] =
      Bounded(std::log1p(static_cast<float>(record.text.words.size())) / 3.0f);
  const uint8_t unknown_idf = QuantisedIdf(state.items, 1);
  for (const uint32_t key : record.search_keys) {
    const auto* entry = state.search.Find(SearchEntry(key));
    const float idf =
        static_cast<float>(entry != nullptr ? entry->idf : unknown_idf);
    out->terms.push_back({HashOfSearchKey(key), idf,
                          KindOfSearchKey(key) == SearchKind::kTitleWord});
  }
}

std::vector<int32_t> Pipeline::EncodeText(std::string_view text) const {
  ReaderPool::Lease reader(impl_->item_readers);
  return SelectTextTokens(reader->ReadText(text), impl_->state.text,
                          impl_->state.max_text_tokens);
}

absl::Status Pipeline::ParseItem(std::string_view bytes,
                                 ItemFeatures* item) const {
  ATTUNE_RETURN_IF_ERROR(item->Parse(bytes));
  const auto refuse = [item](std::string_view message) {
    item->Clear();
    return absl::InvalidArgumentError(
        StrCat("item features of another model: ", message));
  };
  if (!RowsFit(item->text_tokens, text_rows())) {
    return refuse(StrCat("a text token beyond the ", text_rows(), " rows"));
  }
  if (!RowsFit(item->attribute_tokens, attribute_rows())) {
    return refuse(
        StrCat("an attribute token beyond the ", attribute_rows(), " rows"));
  }
  if (item->text_tokens.size() > static_cast<size_t>(max_text_tokens()) ||
      item->attribute_tokens.size() >
          static_cast<size_t>(max_attribute_tokens())) {
    return refuse("too many tokens");
  }
  if (!item->search_keys.empty() && !impl_->items.search) {
    return refuse("words of a model that takes texts");
  }
  if (item->numeric.size() != static_cast<size_t>(numeric_width())) {
    return refuse(
        StrCat(item->numeric.size(), " numbers, expected ", numeric_width()));
  }
  if (item->times_ms.size() != static_cast<size_t>(time_columns())) {
    return refuse(
        StrCat(item->times_ms.size(), " times, expected ", time_columns()));
  }
  return absl::OkStatus();
}

void Pipeline::AddToProfile(const ItemView& item, const v1::HistoryEvent& event,
                            HistoryProfile* profile) const {
  profile->Add(
      item,
      static_cast<float>(impl_->state.schema.actions().Weight(event.action())),
      event.sort_key(), event.has_time());
}

}  // namespace attune::features
