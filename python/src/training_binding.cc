#include "python/src/training_binding.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/parallel.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/ingest/ingest.h"
#include "engine/model/model.h"
#include "engine/snapshot.h"
#include "engine/train/evaluate_model.h"
#include "engine/train/train_model.h"
#include "python/src/errors.h"
#include "python/src/patient_call.h"
#include "storage/database.h"

namespace attune::python {

namespace nb = nanobind;

namespace {

absl::StatusOr<std::unique_ptr<storage::Database>> OpenFollower(
    const std::string& path) {
  storage::OpenOptions options;
  options.path = path;
  options.mode = storage::OpenOptions::Mode::kFollower;
  return storage::Database::Open(options);
}

absl::StatusOr<SplitOptions> ParseSplit(const std::string& protocol,
                                        int test_days) {
  SplitOptions split;
  ATTUNE_ASSIGN_OR_RETURN(split.protocol, ParseProtocol(protocol));
  split.test_days = test_days;
  return split;
}

/// The report as lists of dicts: a row per ranker and cut-off, and per task.
nb::dict ReportDict(const EvaluationReport& report) {
  nb::list rows;
  for (const EvaluationRow& row : report.rows) {
    for (const EvaluationRow::AtK& at : row.at_k) {
      nb::dict entry;
      entry["ranker"] = row.name;
      entry["setting"] = row.setting;
      entry["k"] = at.k;
      entry["ndcg_unseen"] = at.ndcg_unseen;
      entry["ndcg_unseen_error"] = at.ndcg_unseen_error;
      entry["hit_rate_unseen"] = at.hit_rate_unseen;
      entry["ndcg_all"] = at.ndcg_all;
      entry["hit_rate_all"] = at.hit_rate_all;
      rows.append(entry);
    }
  }
  nb::list tasks;
  for (const TaskRow& row : report.tasks) {
    nb::dict entry;
    entry["ranker"] = row.name;
    entry["task"] = row.task;
    entry["impressions"] = row.impressions;
    entry["positives"] = row.positives;
    entry["auc"] = row.auc;
    entry["gauc"] = row.gauc;
    entry["log_loss"] = row.log_loss;
    entry["calibration_error"] = row.calibration_error;
    tasks.append(entry);
  }
  nb::dict dict;
  dict["protocol"] = report.protocol;
  dict["cases"] = report.cases;
  dict["candidates"] = report.candidates;
  dict["rows"] = rows;
  dict["tasks"] = tasks;
  return dict;
}

nb::dict EpochDict(const EpochReport& epoch) {
  nb::dict dict;
  dict["stage"] = epoch.stage == 0 ? "match" : "decoder";
  dict["epoch"] = epoch.epoch;
  dict["loss"] = epoch.loss;
  dict["ndcg"] = epoch.ndcg;
  dict["gauc"] = epoch.gauc;
  dict["metric"] = epoch.metric;
  dict["best_metric"] = epoch.best_metric;
  dict["seconds"] = epoch.seconds;
  dict["events_per_second"] = epoch.tokens_per_second;
  return dict;
}

nb::dict Train(const std::string& database_path, const std::string& output,
               const std::string& config, const std::string& protocol,
               int test_days, std::optional<int> epochs,
               std::optional<int> threads, std::optional<uint64_t> seed,
               bool resume, const nb::object& progress) {
  TrainModelOptions options;
  options.output = output;
  absl::StatusOr<TrainConfig> parsed = ParseTrainConfig(config, "config");
  RaiseIfError(parsed.status());
  options.config = *std::move(parsed);
  if (epochs) options.config.training.epochs = *epochs;
  if (threads) options.config.training.threads = *threads;
  if (seed) options.config.training.seed = *seed;
  RaiseIfError(options.config.training.Validate());
  absl::StatusOr<SplitOptions> split = ParseSplit(protocol, test_days);
  RaiseIfError(split.status());
  options.split = *split;
  options.resume = resume;

  PatientCall call;
  options.cancelled = call.cancelled();
  if (!progress.is_none()) {
    options.on_epoch = [&](const EpochReport& epoch) {
      call.Report([&progress, epoch] { progress(EpochDict(epoch)); });
    };
  }
  absl::StatusOr<TrainModelResult> result = absl::UnknownError("not run");
  call.Run([&] {
    auto database = OpenFollower(database_path);
    result = database.ok()
                 ? TrainModel(**database, options)
                 : absl::StatusOr<TrainModelResult>(database.status());
  });
  RaiseIfError(result.status());
  nb::dict dict;
  dict["model"] = output;
  dict["version"] = result->version;
  dict["seconds"] = result->seconds;
  dict["fusion_weight"] = result->fusion.weight;
  dict["validation_ndcg"] = result->validation_ndcg;
  dict["evaluation"] = ReportDict(result->report);
  return dict;
}

nb::dict Evaluate(const std::string& database_path, const std::string& model,
                  const std::string& protocol, int test_days,
                  std::vector<int> ks, int threads, bool baselines) {
  EvaluateModelOptions options;
  options.ks = std::move(ks);
  options.threads = threads > 0 ? threads : AvailableCores();
  options.with_baselines = baselines;
  absl::StatusOr<SplitOptions> split = ParseSplit(protocol, test_days);
  RaiseIfError(split.status());
  options.split = *split;
  PatientCall call;
  options.cancelled = call.cancelled();
  absl::StatusOr<EvaluationReport> report = absl::UnknownError("not run");
  call.Run([&] {
    report = [&]() -> absl::StatusOr<EvaluationReport> {
      ATTUNE_ASSIGN_OR_RETURN(const auto loaded, Model::Load(model, {}));
      ATTUNE_ASSIGN_OR_RETURN(const auto database, OpenFollower(database_path));
      return EvaluateModel(*database, *loaded, options);
    }();
  });
  RaiseIfError(report.status());
  return ReportDict(*report);
}

nb::dict FileDict(const FileSummary& file) {
  nb::dict dict;
  dict["kind"] = file.kind;
  dict["path"] = file.path;
  dict["already_done"] = file.already_done;
  dict["rows"] = file.rows;
  dict["added"] = file.added;
  dict["replaced"] = file.replaced;
  dict["duplicates"] = file.duplicates;
  dict["skipped"] = file.skipped;
  dict["errors"] = file.errors;
  return dict;
}

nb::list Ingest(const std::string& database_path,
                std::vector<std::string> items, std::vector<std::string> users,
                std::vector<std::string> events,
                const std::optional<std::string>& schema,
                const std::string& renames, const std::string& context,
                bool skip_bad_rows, bool again, const nb::object& progress) {
  IngestOptions options;
  options.items = std::move(items);
  options.users = std::move(users);
  options.events = std::move(events);
  options.again = again;
  if (skip_bad_rows) options.on_error = IngestOptions::OnError::kSkip;
  if (schema.has_value()) {
    absl::StatusOr<features::Schema> parsed =
        features::Schema::FromJson(*schema);
    RaiseIfError(parsed.status());
    options.schema = *std::move(parsed);
  }
  if (!renames.empty()) {
    absl::StatusOr<ColumnMap> map = ColumnMap::Parse(renames);
    RaiseIfError(map.status());
    options.map = *std::move(map);
  }
  auto columns = ParseContextColumns(context);
  RaiseIfError(columns.status());
  options.context = *std::move(columns);
  PatientCall call;
  options.cancelled = call.cancelled();
  if (!progress.is_none()) {
    options.progress = [&](const IngestProgress& at) {
      call.Report([&progress, path = std::string(at.path), rows = at.rows,
                   position = at.file_position, size = at.file_size] {
        progress(path, rows, position, size);
      });
    };
  }
  IngestSummary summary;
  absl::Status status;
  call.Run([&] {
    status = [&]() -> absl::Status {
      ATTUNE_RETURN_IF_ERROR(CheckIngestInputs(options));
      storage::OpenOptions open;
      open.path = database_path;
      open.create_if_missing = true;
      ATTUNE_ASSIGN_OR_RETURN(const auto database,
                              storage::Database::Open(open));
      return IngestFiles(database.get(), options, &summary);
    }();
  });
  RaiseIfError(status);
  nb::list files;
  for (const FileSummary& file : summary.files) files.append(FileDict(file));
  return files;
}

nb::dict MakeSnapshotFile(const std::string& database_path,
                          const std::string& output_path, bool histories) {
  MakeSnapshotOptions options;
  options.database_path = database_path;
  options.output_path = output_path;
  options.histories = histories;
  PatientCall call;
  options.cancelled = call.cancelled();
  absl::StatusOr<MadeSnapshot> made = absl::UnknownError("not run");
  call.Run([&] { made = MakeSnapshot(options); });
  RaiseIfError(made.status());
  nb::dict dict;
  dict["model"] = made->model_version;
  dict["items"] = made->rows.items;
  dict["vectors"] = made->rows.vectors;
  dict["users"] = made->rows.users;
  dict["histories"] = made->rows.histories;
  dict["events"] = made->rows.events;
  dict["size_bytes"] = made->rows.size_bytes;
  return dict;
}

void CheckSnapshotFile(const std::string& path) {
  PatientCall call;
  absl::Status status;
  call.Run([&] {
    status = [&]() -> absl::Status {
      ATTUNE_ASSIGN_OR_RETURN(const auto database, OpenFollower(path));
      if (!database->is_snapshot()) {
        return absl::InvalidArgumentError(
            StrCat("\"", path, "\" is a database, not a snapshot"));
      }
      return database->CheckFile();
    }();
  });
  RaiseIfError(status);
}

}  // namespace

void BindTraining(nb::module_& module) {
  module.def("snapshot", &MakeSnapshotFile, nb::arg("database"),
             nb::arg("output"), nb::arg("histories"));
  module.def("check_snapshot", &CheckSnapshotFile, nb::arg("path"));
  module.def("train", &Train, nb::arg("database"), nb::arg("output"),
             nb::arg("config"), nb::arg("protocol"), nb::arg("test_days"),
             nb::arg("epochs").none(), nb::arg("threads").none(),
             nb::arg("seed").none(), nb::arg("resume"),
             nb::arg("progress").none());
  module.def("evaluate", &Evaluate, nb::arg("database"), nb::arg("model"),
             nb::arg("protocol"), nb::arg("test_days"), nb::arg("ks"),
             nb::arg("threads"), nb::arg("baselines"));
  module.def("ingest", &Ingest, nb::arg("database"), nb::arg("items"),
             nb::arg("users"), nb::arg("events"), nb::arg("schema").none(),
             nb::arg("renames"), nb::arg("context"), nb::arg("skip_bad_rows"),
             nb::arg("again"), nb::arg("progress").none());
}

}  // namespace attune::python
