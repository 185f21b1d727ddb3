#include "engine/model/model.h"

#include <filesystem>
#include <string>
#include <utility>

#include "base/parallel.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/io/model_directory.h"
#include "engine/io/safetensors.h"
#include "engine/io/text_file.h"
#include "engine/model/neighbour_profile.h"

namespace attune {
namespace {

constexpr char kConfigFile[] = "config.json";
constexpr char kSchemaFile[] = "schema.json";
constexpr char kPipelineFile[] = "pipeline.json";
constexpr char kItemsFile[] = "items.txt";
constexpr char kNeighboursFile[] = "neighbours.bin";
constexpr char kWeightsFile[] = "weights.safetensors";
constexpr char kGoldenFile[] = "golden.pb";
constexpr char kReportFile[] = "report.json";
constexpr size_t kMaxTextBytes = size_t{1} << 32;

std::string JoinLines(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) {
    // Ids may hold anything; only the line feed and the escape need care.
    for (char c : line) {
      if (c == '\\') {
        text += "\\\\";
      } else if (c == '\n') {
        text += "\\n";
      } else {
        text += c;
      }
    }
    text += '\n';
  }
  return text;
}

std::vector<std::string> SplitLines(std::string_view text) {
  std::vector<std::string> lines;
  std::string line;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) {
      line += text[++i] == 'n' ? '\n' : text[i];
    } else if (text[i] == '\n') {
      lines.push_back(std::move(line));
      line.clear();
    } else {
      line += text[i];
    }
  }
  return lines;
}

/// Weights are meant for the features that the trainer's build computed.
absl::Status CheckFeatures(const ModelConfig& config,
                           const features::Pipeline& pipeline) {
  const std::vector<std::string>& want = config.dense_names;
  const std::vector<std::string>& have = pipeline.dense_names();
  if (want.empty() || want == have) return absl::OkStatus();
  const auto name = [](const std::vector<std::string>& names, size_t i) {
    return i < names.size() ? StrCat("\"", names[i], "\"")
                            : std::string("missing");
  };
  size_t i = 0;
  while (i < want.size() && i < have.size() && want[i] == have[i]) ++i;
  return absl::FailedPreconditionError(
      StrCat(kConfigFile, ": feature ", i, " of the model is ", name(want, i),
             ", of this program ", name(have, i),
             ": the model was made by another version; train it again"));
}

absl::Status CheckVocabulary(const ModelConfig& config, size_t item_ids,
                             const features::Pipeline& pipeline) {
  if (static_cast<size_t>(config.item_count) != item_ids) {
    return absl::DataLossError(StrCat(kItemsFile, ": ", item_ids,
                                      " item ids, config expects ",
                                      config.item_count));
  }
  ATTUNE_RETURN_IF_ERROR(CheckFeatures(config, pipeline));
  const int dense_width = pipeline.dense_width() + NeighbourProfile::kWidth;
  if (dense_width != config.dense_width) {
    return absl::DataLossError(StrCat(kPipelineFile, ": dense width ",
                                      dense_width, ", config expects ",
                                      config.dense_width));
  }
  if (pipeline.context_rows() > config.context_buckets ||
      (pipeline.has_context_text() && !config.context_text)) {
    return absl::DataLossError(
        StrCat(kPipelineFile, ": a context of ", pipeline.context_rows(),
               " values, config has ", config.context_buckets, " rows"));
  }
  if (pipeline.text_rows() > config.text_buckets ||
      pipeline.attribute_rows() > config.attribute_buckets ||
      pipeline.user_rows() > config.user_buckets) {
    return absl::DataLossError(
        StrCat(kPipelineFile, ": tables of ", pipeline.text_rows(), ", ",
               pipeline.attribute_rows(), ", ", pipeline.user_rows(),
               " rows, config has ", config.text_buckets, ", ",
               config.attribute_buckets, ", ", config.user_buckets));
  }
  return absl::OkStatus();
}

/// What a model's files say; `read` gives the text of one. `base` is for
/// messages.
absl::StatusOr<Model::Parts> ReadParts(
    const std::string& base, const SafetensorsFile& weights,
    absl::FunctionRef<absl::StatusOr<std::string>(std::string_view)> read) {
  Model::Parts parts;
  ATTUNE_ASSIGN_OR_RETURN(const std::string config, read(kConfigFile));
  ATTUNE_ASSIGN_OR_RETURN(parts.config,
                          ModelConfig::FromJson(config, base + kConfigFile));
  ATTUNE_ASSIGN_OR_RETURN(parts.schema_json, read(kSchemaFile));
  ATTUNE_ASSIGN_OR_RETURN(parts.pipeline_json, read(kPipelineFile));
  ATTUNE_ASSIGN_OR_RETURN(const std::string items, read(kItemsFile));
  parts.item_ids = SplitLines(items);
  ATTUNE_ASSIGN_OR_RETURN(parts.neighbours, read(kNeighboursFile));
  ATTUNE_ASSIGN_OR_RETURN(parts.golden, read(kGoldenFile));
  ATTUNE_ASSIGN_OR_RETURN(parts.report_json, read(kReportFile));
  const Network network(parts.config);
  parts.values.assign(static_cast<size_t>(network.layout().size()), 0.0f);
  for (const Parameter& parameter : network.layout().list()) {
    const int64_t shape[] = {parameter.rows, parameter.cols};
    ATTUNE_RETURN_IF_ERROR(weights.Read(
        parameter.name, shape,
        std::span(parts.values).subspan(parameter.offset, parameter.size())));
  }
  return parts;
}

}  // namespace

absl::StatusOr<std::string> Model::Save(const Parts& parts,
                                        const std::string& directory) {
  ATTUNE_ASSIGN_OR_RETURN(auto staged, StagedDirectory::Create(directory));
  const std::string base = staged->path() + "/";
  ModelConfig config = parts.config;
  ATTUNE_ASSIGN_OR_RETURN(
      const features::Pipeline pipeline,
      features::Pipeline::FromJson(parts.pipeline_json, kPipelineFile));
  config.dense_names = pipeline.dense_names();
  ATTUNE_RETURN_IF_ERROR(WriteTextFile(base + kConfigFile, config.ToJson()));
  ATTUNE_RETURN_IF_ERROR(WriteTextFile(base + kSchemaFile, parts.schema_json));
  ATTUNE_RETURN_IF_ERROR(
      WriteTextFile(base + kPipelineFile, parts.pipeline_json));
  ATTUNE_RETURN_IF_ERROR(
      WriteTextFile(base + kItemsFile, JoinLines(parts.item_ids)));
  ATTUNE_RETURN_IF_ERROR(
      WriteTextFile(base + kNeighboursFile, parts.neighbours));
  ATTUNE_RETURN_IF_ERROR(WriteTextFile(base + kGoldenFile, parts.golden));
  ATTUNE_RETURN_IF_ERROR(WriteTextFile(base + kReportFile, parts.report_json));

  const Network network(parts.config);
  if (static_cast<int64_t>(parts.values.size()) != network.layout().size()) {
    return absl::InternalError(StrCat("weights have ", parts.values.size(),
                                      " floats, config needs ",
                                      network.layout().size()));
  }
  SafetensorsWriter writer;
  for (const Parameter& parameter : network.layout().list()) {
    ATTUNE_RETURN_IF_ERROR(writer.Add(
        parameter.name, {parameter.rows, parameter.cols},
        std::span(parts.values).subspan(parameter.offset, parameter.size())));
  }
  ATTUNE_RETURN_IF_ERROR(writer.Write(base + kWeightsFile));
  ATTUNE_ASSIGN_OR_RETURN(ModelManifest manifest, staged->Publish());
  return manifest.version;
}

absl::StatusOr<std::shared_ptr<const Model>> Model::Load(
    const std::string& directory, const Options& options) {
  ATTUNE_ASSIGN_OR_RETURN(ModelManifest manifest,
                          VerifyModelDirectory(directory));
  const std::string base = directory + "/";
  ATTUNE_ASSIGN_OR_RETURN(auto weights,
                          SafetensorsFile::Open(base + kWeightsFile));
  ATTUNE_ASSIGN_OR_RETURN(
      Parts parts, ReadParts(base, *weights, [&](std::string_view name) {
        return ReadTextFile(StrCat(base, name), kMaxTextBytes);
      }));
  return Create(std::move(parts), manifest.version, options);
}

absl::StatusOr<std::shared_ptr<const Model>> Model::LoadPacked(
    const std::string& where, std::string version, FindFile find,
    const Options& options) {
  const std::string base = where + "/";
  ATTUNE_ASSIGN_OR_RETURN(const std::string_view bytes, find(kWeightsFile));
  ATTUNE_ASSIGN_OR_RETURN(
      auto weights, SafetensorsFile::OpenBytes(base + kWeightsFile, bytes));
  ATTUNE_ASSIGN_OR_RETURN(
      Parts parts,
      ReadParts(base, *weights,
                [&](std::string_view name) -> absl::StatusOr<std::string> {
                  ATTUNE_ASSIGN_OR_RETURN(const std::string_view text,
                                          find(name));
                  return std::string(text);
                }));
  return Create(std::move(parts), std::move(version), options);
}

absl::StatusOr<std::shared_ptr<const Model>> Model::Create(
    Parts parts, std::string version, const Options& options) {
  if (!options.precision.empty()) parts.config.precision = options.precision;
  ATTUNE_RETURN_IF_ERROR(parts.config.Validate());
  std::shared_ptr<Model> model(new Model());
  model->version_ = std::move(version);
  ATTUNE_ASSIGN_OR_RETURN(
      features::Pipeline pipeline,
      features::Pipeline::FromJson(parts.pipeline_json, kPipelineFile));
  model->pipeline_ = std::make_unique<features::Pipeline>(std::move(pipeline));
  ATTUNE_RETURN_IF_ERROR(
      CheckVocabulary(parts.config, parts.item_ids.size(), *model->pipeline_));
  ATTUNE_ASSIGN_OR_RETURN(
      model->neighbours_,
      NeighbourIndex::Parse(parts.neighbours, parts.config.item_count));
  for (size_t i = 0; i < parts.item_ids.size(); ++i) {
    model->id_rows_[parts.item_ids[i]] = static_cast<int32_t>(i);
  }
  for (size_t i = 0; i < parts.config.actions.size(); ++i) {
    model->actions_[parts.config.actions[i]] = static_cast<int32_t>(i);
  }
  model->network_ = std::make_unique<Network>(parts.config);
  model->parts_ = std::move(parts);
  ATTUNE_ASSIGN_OR_RETURN(auto backend, MakeBackend(options.backend));
  absl::Status status;
  RunSerial([&] {
    ExecutionContext context;
    status = model->network_->Prepare(*backend, /*training=*/false);
    if (status.ok()) {
      status = model->network_->SetWeights(context, model->parts_.values);
    }
  });
  ATTUNE_RETURN_IF_ERROR(status);
  model->scorer_ =
      std::make_unique<Scorer>(*model->network_, model->parts_.values);
  return std::shared_ptr<const Model>(std::move(model));
}

size_t Model::size_bytes() const {
  // Values once as loaded and once packed by the back-end; neighbours and
  // pipeline once as text and once as tables; an id in two places.
  size_t bytes = 2 * sizeof(float) * parts_.values.size() +
                 3 * parts_.pipeline_json.size() +
                 2 * parts_.neighbours.size() + parts_.golden.size() +
                 parts_.report_json.size() + parts_.schema_json.size();
  for (const std::string& id : parts_.item_ids) {
    bytes +=
        2 * (sizeof(std::string) + (id.size() > 15 ? id.capacity() + 16 : 0)) +
        16;
  }
  return bytes;
}

int32_t Model::IdRow(std::string_view item_id) const {
  auto it = id_rows_.find(absl::string_view(item_id.data(), item_id.size()));
  return it == id_rows_.end() ? -1 : it->second;
}

int32_t Model::ActionIndex(std::string_view action) const {
  auto it = actions_.find(absl::string_view(action.data(), action.size()));
  return it == actions_.end() ? 0 : it->second;
}

absl::StatusOr<std::vector<std::shared_ptr<const ModelItem>>>
Model::EncodeItems(ExecutionContext& context,
                   std::span<const v1::Item* const> items) const {
  Workspace::Scope scope(context.workspace);
  const int64_t count = static_cast<int64_t>(items.size());
  std::vector<features::ItemFeatures> encoded;
  std::vector<int32_t> id_rows;
  ItemBatch batch;
  for (const v1::Item* item : items) {
    encoded.push_back(pipeline_->EncodeItem(*item));
    id_rows.push_back(IdRow(item->item_id()));
    batch.Add(id_rows.back(), encoded.back().text_tokens,
              encoded.back().attribute_tokens);
  }
  MatrixView x = context.workspace.Matrix(count, config().width);
  MatrixView q = context.workspace.Matrix(count, config().width);
  ATTUNE_RETURN_IF_ERROR(scorer_->EncodeItems(context, batch, x, q));
  std::vector<std::shared_ptr<const ModelItem>> result;
  for (int64_t i = 0; i < count; ++i) {
    ModelItem::Parts parts;
    parts.x = x.row_span(i);
    parts.q = q.row_span(i);
    parts.features = encoded[i];
    parts.id_row = id_rows[i];
    result.push_back(ModelItem::Make(parts));
  }
  return result;
}

}  // namespace attune
