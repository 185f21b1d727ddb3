#include "plugins/triton/response_writer.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/status_macros.h"
#include "base/strings.h"
#include "plugins/triton/explanation_json.h"
#include "plugins/triton/triton_status.h"

namespace attune::triton {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

int64_t ItemCount(const RankedRow& row) { return row.response.items_size(); }
int64_t TaskCount(const RankedRow& row) { return row.response.tasks_size(); }
int64_t CandidateCount(const RankedRow& row) {
  return static_cast<int64_t>(row.candidates.size());
}
int64_t One(const RankedRow& /*row*/) { return 1; }

template <typename Count>
int64_t Longest(std::span<const RankedRow> rows, Count count) {
  int64_t longest = 0;
  for (const RankedRow& row : rows) longest = std::max(longest, count(row));
  return longest;
}

/// get(row, i) for the count(row) values of each row, then padding.
template <typename Value, typename Count, typename Get>
std::vector<Value> Table(std::span<const RankedRow> rows, int64_t per_row,
                         const Value& padding, Count count, Get get) {
  std::vector<Value> table(rows.size() * static_cast<size_t>(per_row), padding);
  auto out = table.begin();
  for (const RankedRow& row : rows) {
    for (int i = 0; i < count(row); ++i) out[i] = get(row, i);
    out += per_row;
  }
  return table;
}

std::string ReasonsOf(const RankedRow& row, int i) {
  const v1::RankedItem& item = row.response.items(i);
  return item.has_explanation() ? ExplanationJson(item.explanation()) : "";
}

/// The steps that were taken to meet the deadline.
std::string Degraded(const RankedRow& row, int /*i*/) {
  std::string text;
  for (const std::string& step : row.response.degraded()) {
    text += StrCat(text.empty() ? "" : ", ", step);
  }
  return text;
}

/// Rows of places of tasks.
std::vector<double> TaskTable(OutputId id, std::span<const RankedRow> rows,
                              int64_t places, int64_t tasks) {
  std::vector<double> table(rows.size() * static_cast<size_t>(places * tasks),
                            kNan);
  auto out = table.begin();
  for (const RankedRow& row : rows) {
    for (int i = 0; i < row.response.items_size(); ++i) {
      const v1::RankedItem& item = row.response.items(i);
      const auto& values = id == OutputId::kTaskLogits
                               ? item.task_logits()
                               : item.task_probabilities();
      std::copy_n(values.begin(), std::min<int64_t>(values.size(), tasks),
                  out + i * tasks);
    }
    out += places * tasks;
  }
  return table;
}

/// In the requests' order; NaN for what the ranking does not hold.
std::vector<float> CandidateScores(std::span<const RankedRow> rows,
                                   int64_t per_row) {
  std::vector<float> table(rows.size() * static_cast<size_t>(per_row),
                           std::numeric_limits<float>::quiet_NaN());
  auto out = table.begin();
  for (const RankedRow& row : rows) {
    std::unordered_map<std::string_view, double> score_of;
    for (const v1::RankedItem& item : row.response.items()) {
      score_of.emplace(item.item_id(), item.score());
    }
    for (size_t i = 0; i < row.candidates.size(); ++i) {
      const auto found = score_of.find(row.candidates[i]);
      if (found != score_of.end()) out[i] = static_cast<float>(found->second);
    }
    out += per_row;
  }
  return table;
}

}  // namespace

absl::StatusOr<OutputSet> RequestedOutputs(TRITONBACKEND_Request* request) {
  OutputSet outputs;
  uint32_t count = 0;
  ATTUNE_RETURN_IF_ERROR(
      FromTriton(TRITONBACKEND_RequestOutputCount(request, &count)));
  for (uint32_t i = 0; i < count; ++i) {
    const char* name = nullptr;
    ATTUNE_RETURN_IF_ERROR(
        FromTriton(TRITONBACKEND_RequestOutputName(request, i, &name)));
    const std::optional<OutputId> id = FindOutput(name);
    if (!id.has_value()) {
      return absl::InvalidArgumentError(
          StrCat("output \"", name, "\" is unknown"));
    }
    outputs.set(static_cast<size_t>(*id));
  }
  return outputs;
}

absl::StatusOr<void*> ResponseWriter::Make(OutputId id, int64_t rows,
                                           std::span<const int64_t> dims,
                                           uint64_t size_bytes) const {
  std::vector<int64_t> shape;
  if (batched_) shape.push_back(rows);
  shape.insert(shape.end(), dims.begin(), dims.end());
  TRITONBACKEND_Output* output = nullptr;
  const TensorSpec& spec = SpecOf(id);
  ATTUNE_RETURN_IF_ERROR(FromTriton(TRITONBACKEND_ResponseOutput(
      response_, &output, spec.name, spec.type, shape.data(),
      static_cast<uint32_t>(shape.size()))));
  void* buffer = nullptr;
  TritonMemoryType memory = kTritonCpu;
  int64_t memory_id = 0;
  ATTUNE_RETURN_IF_ERROR(FromTriton(TRITONBACKEND_OutputBuffer(
      output, &buffer, size_bytes, &memory, &memory_id)));
  if (memory == kTritonGpu) {
    return absl::UnimplementedError(StrCat(
        "output ", spec.name, ": is in GPU memory, must be in the host's"));
  }
  return buffer;
}

template <typename Text>
absl::Status ResponseWriter::WriteTexts(OutputId id, int64_t rows,
                                        int64_t per_row,
                                        std::span<const Text> texts) const {
  uint64_t size_bytes = 0;
  for (const Text& text : texts) size_bytes += sizeof(uint32_t) + text.size();
  ATTUNE_ASSIGN_OR_RETURN(void* buffer,
                          Make(id, rows, {{per_row}}, size_bytes));
  char* out = static_cast<char*>(buffer);
  for (const Text& text : texts) {
    const uint32_t length = static_cast<uint32_t>(text.size());
    std::memcpy(out, &length, sizeof(length));
    out += sizeof(length);
    out = std::copy_n(text.data(), length, out);
  }
  return absl::OkStatus();
}

template <typename Number>
absl::Status ResponseWriter::WriteNumbers(
    OutputId id, int64_t rows, std::span<const int64_t> dims,
    std::span<const Number> numbers) const {
  ATTUNE_ASSIGN_OR_RETURN(void* buffer,
                          Make(id, rows, dims, numbers.size_bytes()));
  if (!numbers.empty()) {
    std::memcpy(buffer, numbers.data(), numbers.size_bytes());
  }
  return absl::OkStatus();
}

absl::Status ResponseWriter::WriteOne(OutputId id,
                                      std::span<const RankedRow> rows) const {
  const auto count = static_cast<int64_t>(rows.size());
  const int64_t places = Longest(rows, ItemCount);
  const int64_t tasks = Longest(rows, TaskCount);
  switch (id) {
    case OutputId::kIds:
      return WriteTexts<std::string_view>(
          id, count, places,
          Table<std::string_view>(
              rows, places, "", ItemCount,
              [](const RankedRow& row, int i) -> std::string_view {
                return row.response.items(i).item_id();
              }));
    case OutputId::kScores:
      return WriteNumbers<double>(
          id, count, {{places}},
          Table<double>(rows, places, kNan, ItemCount,
                        [](const RankedRow& row, int i) {
                          return row.response.items(i).score();
                        }));
    case OutputId::kReasons:
      return WriteTexts<std::string>(
          id, count, places,
          Table<std::string>(rows, places, "", ItemCount, ReasonsOf));
    case OutputId::kTasks:
      return WriteTexts<std::string_view>(
          id, count, tasks,
          Table<std::string_view>(
              rows, tasks, "", TaskCount,
              [](const RankedRow& row, int i) -> std::string_view {
                return row.response.tasks(i);
              }));
    case OutputId::kTaskProbabilities:
    case OutputId::kTaskLogits:
      return WriteNumbers<double>(id, count, {{places, tasks}},
                                  TaskTable(id, rows, places, tasks));
    case OutputId::kCandidateScores: {
      const int64_t candidates = Longest(rows, CandidateCount);
      return WriteCandidateScores(count, candidates,
                                  CandidateScores(rows, candidates));
    }
    case OutputId::kModel:
      return WriteTexts<std::string_view>(
          id, count, 1,
          Table<std::string_view>(
              rows, 1, "", One,
              [](const RankedRow& row, int) -> std::string_view {
                return row.response.model();
              }));
    case OutputId::kDegraded:
      return WriteTexts<std::string>(
          id, count, 1, Table<std::string>(rows, 1, "", One, Degraded));
    case OutputId::kResponse:
      return WriteTexts<std::string_view>(
          id, count, 1,
          Table<std::string_view>(
              rows, 1, "", One,
              [](const RankedRow& row, int) -> std::string_view {
                return row.bytes.view();
              }));
    case OutputId::kCount:
      break;
  }
  return absl::InternalError("no such output");
}

absl::Status ResponseWriter::Write(const OutputSet& outputs,
                                   std::span<const RankedRow> rows) const {
  for (size_t i = 0; i < kOutputCount; ++i) {
    if (!outputs.test(i)) continue;
    ATTUNE_RETURN_IF_ERROR(WriteOne(static_cast<OutputId>(i), rows));
  }
  return absl::OkStatus();
}

absl::Status ResponseWriter::WriteCandidateScores(
    int64_t rows, int64_t per_row, std::span<const float> scores) const {
  return WriteNumbers<float>(OutputId::kCandidateScores, rows, {{per_row}},
                             scores);
}

}  // namespace attune::triton
