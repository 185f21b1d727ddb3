#include "engine/model_registry.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/io/excerpt.h"
#include "engine/io/file_descriptor.h"
#include "engine/io/model_directory.h"
#include "engine/stored_model.h"
#include "engine/vector_loader.h"

namespace attune {
namespace {

// Copies a verified model to the database's own place for it. A copy that is
// there already stays if it is sound, and is replaced if it is damaged.
absl::Status CopyModel(const ModelManifest& manifest, const std::string& from,
                       const std::string& to) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::path parent = fs::path(to).parent_path();
  fs::create_directories(parent, error);
  if (error) return ErrnoStatus(error.value(), parent.string());
  if (fs::exists(to, error)) {
    if (VerifyModelDirectory(to).ok()) return absl::OkStatus();
    fs::remove_all(to, error);
    if (error) return ErrnoStatus(error.value(), to);
  }
  ATTUNE_ASSIGN_OR_RETURN(auto staged, StagedDirectory::Create(to));
  for (const auto& [name, digest] : manifest.files) {
    const fs::path source = fs::path(from) / name;
    const fs::path target = fs::path(staged->path()) / name;
    fs::create_directories(target.parent_path(), error);
    if (!error) fs::copy_file(source, target, error);
    if (error) {
      return ErrnoStatus(error.value(), StrCat("copy ", source.string(), " to ",
                                               target.string()));
    }
  }
  return staged->Publish().status();
}

}  // namespace

ModelRegistry::ModelRegistry(storage::Database& database, Options options)
    : database_(database), options_(std::move(options)), filler_(database) {}

std::string ModelRegistry::DirectoryOf(std::string_view version) const {
  return StoredModelDirectory(database_.path(), version);
}

absl::StatusOr<std::shared_ptr<ServedModel>> ModelRegistry::Load(
    const std::string& directory) {
  ATTUNE_ASSIGN_OR_RETURN(auto model, Model::Load(directory, options_.model));
  return Serve(std::move(model));
}

absl::StatusOr<std::shared_ptr<ServedModel>> ModelRegistry::LoadPacked(
    const std::string& version) {
  const std::string where = DirectoryOf(version);
  ATTUNE_ASSIGN_OR_RETURN(
      auto model,
      Model::LoadPacked(
          where, version,
          [&](std::string_view name) -> absl::StatusOr<std::string_view> {
            ATTUNE_ASSIGN_OR_RETURN(const auto bytes,
                                    database_.PackedFile(name));
            if (bytes.has_value()) return *bytes;
            return absl::DataLossError(
                StrCat(where, "/", name, ": is not in the snapshot"));
          },
          options_.model));
  return Serve(std::move(model));
}

absl::StatusOr<std::shared_ptr<ServedModel>> ModelRegistry::Serve(
    std::shared_ptr<const Model> model) {
  CatalogueIndex::Memory memory;
  memory.admit = [this](size_t bytes) {
    std::lock_guard<std::mutex> lock(mutex_);
    return MakeRoom(bytes);
  };
  memory.resized = [this] { Resize(); };
  const size_t item_bytes =
      options_.memory.item_bytes_per_model(2 * model->size_bytes());
  return ServedModel::Create(std::move(model), database_, item_bytes,
                             std::move(memory));
}

size_t ModelRegistry::ModelBytes(size_t added) const {
  size_t bytes = added, largest = added, index = 0;
  for (const auto& served : LiveModels()) {
    bytes += served->size_bytes();
    largest = std::max(largest, served->model().size_bytes());
    index = std::max(index, served->index().size_bytes());
  }
  // Room for the next model is kept, so that it can be published.
  return std::max(bytes, 2 * largest + index);
}

absl::Status ModelRegistry::MakeRoom(size_t bytes) {
  while (true) {
    absl::Status status = options_.memory.CheckModels(ModelBytes(bytes));
    if (status.ok()) return status;
    if (!named_.empty()) {
      named_.erase(named_.begin());
    } else if (previous_ != nullptr) {
      previous_ = nullptr;
    } else {
      return status;
    }
  }
}

void ModelRegistry::Resize() {
  std::lock_guard<std::mutex> lock(mutex_);
  const size_t bytes = ModelBytes(0);
  for (const auto& served : LiveModels()) {
    served->items().SetCacheLimit(options_.memory.item_bytes_per_model(bytes));
  }
  if (options_.resized) options_.resized(bytes);
}

absl::Status ModelRegistry::LoadCurrent() {
  ATTUNE_ASSIGN_OR_RETURN(std::optional<std::string> current,
                          database_.GetMeta(kCurrentModelKey));
  if (!current.has_value()) return absl::OkStatus();
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (current_ != nullptr && current_->version() == *current) {
      return absl::OkStatus();
    }
  }
  ATTUNE_ASSIGN_OR_RETURN(auto served, database_.is_snapshot()
                                           ? LoadPacked(*current)
                                           : Load(DirectoryOf(*current)));
  return Adopt(std::move(served));
}

absl::Status ModelRegistry::Adopt(std::shared_ptr<ServedModel> served) {
  const std::shared_ptr<ServedModel> before = current();
  {
    std::lock_guard<std::mutex> lock(mutex_);
    ATTUNE_RETURN_IF_ERROR(MakeRoom(served->size_bytes()));
    if (current_ != nullptr) previous_ = std::move(current_);
    current_ = served;
  }
  Resize();
  FillItems(served);
  if (before == nullptr || !before->index().in_use()) return absl::OkStatus();
  // Requests will want it: better begun now than by the first of them.
  return builder_.Start(std::move(served), false);
}

absl::Status ModelRegistry::ServeDirectory(const std::string& directory) {
  ATTUNE_ASSIGN_OR_RETURN(auto served, Load(directory));
  return Adopt(std::move(served));
}

std::shared_ptr<ServedModel> ModelRegistry::current() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return current_;
}

std::vector<std::shared_ptr<ServedModel>> ModelRegistry::live() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return LiveModels();
}

std::vector<std::shared_ptr<ServedModel>> ModelRegistry::LiveModels() const {
  std::vector<std::shared_ptr<ServedModel>> models = named_;
  for (const auto& model : {current_, previous_, pending_}) {
    if (model != nullptr) models.push_back(model);
  }
  return models;
}

absl::StatusOr<std::shared_ptr<ServedModel>> ModelRegistry::Get(
    std::string_view version) {
  if (version.empty()) {
    std::shared_ptr<ServedModel> served = current();
    if (served == nullptr) {
      return absl::FailedPreconditionError(
          StrCat("database \"", database_.path(),
                 "\" has no published model: train one and publish it"));
    }
    return served;
  }
  for (const auto& model : live()) {
    if (model->version() == version) return model;
  }
  const bool plain =
      version.find_first_not_of("0123456789abcdef") == std::string_view::npos;
  std::error_code error;
  if (!plain || !std::filesystem::exists(DirectoryOf(version), error)) {
    return absl::NotFoundError(StrCat("no model ", Excerpt(version),
                                      " in database \"", database_.path(),
                                      "\""));
  }
  ATTUNE_ASSIGN_OR_RETURN(auto served, Load(DirectoryOf(version)));
  {
    std::lock_guard<std::mutex> lock(mutex_);
    // Another request may have loaded it meanwhile.
    for (const auto& model : LiveModels()) {
      if (model->version() == version) return model;
    }
    ATTUNE_RETURN_IF_ERROR(MakeRoom(served->size_bytes()));
    named_.push_back(served);
  }
  Resize();
  return served;
}

absl::StatusOr<std::shared_ptr<const CatalogueView>> ModelRegistry::Catalogue(
    const ExecutionContext& context, ServedModel& served) {
  CatalogueIndex& index = served.index();
  while (true) {
    std::shared_ptr<const CatalogueView> view = index.view();
    if (view != nullptr) return view;
    const int64_t moment = index.builds_begun();
    ATTUNE_RETURN_IF_ERROR(builder_.Start(served.shared_from_this(), false));
    ATTUNE_RETURN_IF_ERROR(index.Wait(context, moment, false));
  }
}

absl::Status ModelRegistry::RefreshCatalogues(bool changed, bool now) {
  for (const auto& served : live()) {
    CatalogueIndex& index = served->index();
    if (changed) index.MarkStale();
    if (!index.in_use()) continue;
    if (now && changed) {
      const int64_t moment = index.builds_begun();
      ATTUNE_RETURN_IF_ERROR(builder_.Start(served, true));
      ATTUNE_RETURN_IF_ERROR(index.Wait(ExecutionContext(), moment, true));
    } else if (index.IsDue()) {
      ATTUNE_RETURN_IF_ERROR(builder_.Start(served, true));
    }
  }
  return absl::OkStatus();
}

absl::Status ModelRegistry::PrepareCatalogue(
    const std::shared_ptr<ServedModel>& served, PublishGate::Ticket ticket) {
  const std::shared_ptr<ServedModel> before = current();
  if (before == nullptr || before->index().view() == nullptr ||
      served->index().view() != nullptr) {
    return absl::OkStatus();
  }
  constexpr std::chrono::milliseconds kLook{20};
  const int64_t moment = served->index().builds_begun();
  ATTUNE_RETURN_IF_ERROR(builder_.Start(served, false));
  ExecutionContext context;
  while (true) {
    context.deadline = std::chrono::steady_clock::now() + kLook;
    absl::Status status = served->index().Wait(context, moment, false);
    if (!absl::IsDeadlineExceeded(status)) return status;
    ATTUNE_RETURN_IF_ERROR(
        gate_.WaitUntil(ticket, std::chrono::steady_clock::time_point::min()));
  }
}

absl::Status ModelRegistry::StoreVectors(ServedModel& served,
                                         const std::string& vectors,
                                         const EmbedOptions& embed) {
  if (!vectors.empty()) {
    LoadVectorsOptions load;
    load.path = vectors;
    load.gate = embed.gate;
    load.ticket = embed.ticket;
    load.write_mutex = embed.write_mutex;
    ATTUNE_ASSIGN_OR_RETURN(const LoadedVectors loaded,
                            LoadVectors(database_, served, load));
    Log(options_.log,
        loaded.outdated > 0 ? LogLevel::kWarning : LogLevel::kInfo,
        StrCat("model ", served.version(), ": ", loaded.vectors,
               " vectors loaded from ", loaded.parts, " parts, ",
               loaded.outdated,
               " left out: of records that are not, or not so, stored"));
  }
  Log(options_.log, LogLevel::kInfo,
      StrCat("model ", served.version(), ": embedding the catalogue",
             embed.items_per_second > 0
                 ? StrCat(", at most ", embed.items_per_second,
                          " items per second")
                 : ""));
  return EmbedCatalogue(database_, served, embed);
}

absl::Status ModelRegistry::Publish(const std::string& directory,
                                    const std::string& vectors,
                                    std::mutex& write_mutex) {
  if (database_.mode() != storage::OpenOptions::Mode::kWriter) {
    return absl::FailedPreconditionError(
        "this engine follows another process: publish through the owner");
  }
  EmbedOptions embed;
  embed.items_per_second = options_.publish_items_per_second;
  embed.gate = &gate_;
  embed.ticket = gate_.Enter();
  embed.write_mutex = &write_mutex;
  std::lock_guard<std::mutex> publishing(publish_mutex_);
  ATTUNE_ASSIGN_OR_RETURN(ModelManifest manifest,
                          VerifyModelDirectory(directory));
  const std::string home = DirectoryOf(manifest.version);
  std::error_code error;
  const bool known = std::filesystem::exists(home, error);
  ATTUNE_RETURN_IF_ERROR(CopyModel(manifest, directory, home));
  absl::StatusOr<std::shared_ptr<ServedModel>> loaded = Load(home);
  if (!loaded.ok()) {
    // A refused model leaves nothing behind.
    if (!known) std::filesystem::remove_all(home, error);
    return loaded.status();
  }
  const std::shared_ptr<ServedModel> served = *std::move(loaded);
  absl::Status status;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    status = MakeRoom(served->size_bytes());
    if (status.ok()) pending_ = served;  // from now on writers embed for it too
  }
  if (!status.ok()) {
    if (!known) std::filesystem::remove_all(home, error);
    return status;
  }
  Resize();
  status = StoreVectors(*served, vectors, embed);
  if (status.ok()) status = PrepareCatalogue(served, embed.ticket);
  if (absl::IsResourceExhausted(status)) {
    Log(options_.log, LogLevel::kWarning,
        StrCat("model ", served->version(),
               " is published without a retrieval index: ",
               ToStd(status.message())));
    status = absl::OkStatus();
  }
  if (status.ok()) status = MakeCurrent(served);
  {
    std::lock_guard<std::mutex> lock(mutex_);
    pending_ = nullptr;
  }
  Resize();
  if (status.ok()) FillItems(served);
  return status;
}

absl::Status ModelRegistry::MakeCurrent(std::shared_ptr<ServedModel> served) {
  const std::shared_ptr<ServedModel> before = current();
  const bool changed =
      before != nullptr && before->version() != served->version();
  storage::WriteGroup group;
  if (changed) {
    ATTUNE_RETURN_IF_ERROR(group.PutMeta(kPreviousModelKey, before->version()));
  }
  ATTUNE_RETURN_IF_ERROR(group.PutMeta(kCurrentModelKey, served->version()));
  // Not under mutex_: requests would wait for the disk.
  ATTUNE_RETURN_IF_ERROR(
      database_.Write(std::move(group), storage::WriteOptions{true}));
  std::lock_guard<std::mutex> lock(mutex_);
  if (changed) previous_ = std::move(current_);
  current_ = std::move(served);
  Log(options_.log, LogLevel::kInfo,
      StrCat("model ", current_->version(), " is the current one"));
  return absl::OkStatus();
}

absl::Status ModelRegistry::Rollback() {
  if (database_.mode() != storage::OpenOptions::Mode::kWriter) {
    return absl::FailedPreconditionError(
        "this engine follows another process: roll back through the owner");
  }
  std::unique_lock<std::mutex> publishing(publish_mutex_, std::try_to_lock);
  if (!publishing.owns_lock()) {
    return absl::FailedPreconditionError(
        "a model is being published: wait for it or cancel it first");
  }
  std::shared_ptr<ServedModel> back;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    back = previous_;
  }
  if (back == nullptr) {
    ATTUNE_ASSIGN_OR_RETURN(std::optional<std::string> version,
                            database_.GetMeta(kPreviousModelKey));
    if (!version.has_value()) {
      return absl::FailedPreconditionError(
          "there is no earlier model to go back to");
    }
    ATTUNE_ASSIGN_OR_RETURN(back, Load(DirectoryOf(*version)));
    std::lock_guard<std::mutex> lock(mutex_);
    ATTUNE_RETURN_IF_ERROR(MakeRoom(back->size_bytes()));
  }
  ATTUNE_RETURN_IF_ERROR(MakeCurrent(back));
  Resize();
  FillItems(std::move(back));
  return absl::OkStatus();
}

}  // namespace attune
