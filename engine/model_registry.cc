#include "engine/model_registry.h"

#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "base/parallel.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/io/model_directory.h"

namespace attune {
namespace {

constexpr std::string_view kCurrentKey = "model.current";
constexpr std::string_view kPreviousKey = "model.previous";
/// Items embedded per step of a publication; writers wait for one step at most
/// (a few milliseconds).
constexpr size_t kEmbedBatch = 64;

absl::Status CopyDirectory(const std::string& from, const std::string& to) {
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(to).parent_path(),
                                      error);
  if (error) {
    return absl::InternalError(
        StrCat("cannot make the folder of ", to, ": ", error.message()));
  }
  if (std::filesystem::exists(to, error)) return absl::OkStatus();
  ATTUNE_ASSIGN_OR_RETURN(auto staged, StagedDirectory::Create(to));
  for (const auto& entry : std::filesystem::directory_iterator(from, error)) {
    if (entry.path().filename() == "manifest.json") continue;
    std::filesystem::copy_file(
        entry.path(),
        std::filesystem::path(staged->path()) / entry.path().filename(), error);
    if (error) {
      return absl::InternalError(
          StrCat("cannot copy ", entry.path().string(), ": ", error.message()));
    }
  }
  if (error) {
    return absl::InternalError(
        StrCat("cannot read ", from, ": ", error.message()));
  }
  return staged->Publish().status();
}

}  // namespace

ModelRegistry::ModelRegistry(storage::Database& database, Options options)
    : database_(database), options_(std::move(options)) {}

std::string ModelRegistry::DirectoryOf(std::string_view version) const {
  return StrCat(database_.path(), "/models/", version);
}

absl::StatusOr<std::shared_ptr<ServedModel>> ModelRegistry::Load(
    const std::string& directory) {
  ATTUNE_ASSIGN_OR_RETURN(auto model, Model::Load(directory, options_.model));
  return ServedModel::Create(std::move(model), database_,
                             options_.item_cache_bytes);
}

absl::Status ModelRegistry::LoadCurrent() {
  ATTUNE_ASSIGN_OR_RETURN(std::optional<std::string> current,
                          database_.GetMeta(kCurrentKey));
  if (!current.has_value()) return absl::OkStatus();
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (current_ != nullptr && current_->version() == *current) {
      return absl::OkStatus();
    }
  }
  ATTUNE_ASSIGN_OR_RETURN(auto served, Load(DirectoryOf(*current)));
  std::lock_guard<std::mutex> lock(mutex_);
  previous_ = std::move(current_);
  current_ = std::move(served);
  return absl::OkStatus();
}

absl::Status ModelRegistry::ServeDirectory(const std::string& directory) {
  ATTUNE_ASSIGN_OR_RETURN(auto served, Load(directory));
  std::lock_guard<std::mutex> lock(mutex_);
  current_ = std::move(served);
  return absl::OkStatus();
}

std::shared_ptr<ServedModel> ModelRegistry::current() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return current_;
}

std::vector<std::shared_ptr<ServedModel>> ModelRegistry::live() const {
  std::lock_guard<std::mutex> lock(mutex_);
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
    return absl::NotFoundError(StrCat(
        "no model \"", version, "\" in database \"", database_.path(), "\""));
  }
  ATTUNE_ASSIGN_OR_RETURN(auto served, Load(DirectoryOf(version)));
  std::lock_guard<std::mutex> lock(mutex_);
  named_.push_back(served);
  return served;
}

absl::Status ModelRegistry::EmbedCatalogue(ServedModel& served,
                                           std::mutex& write_mutex) {
  std::vector<std::string> ids;
  ATTUNE_RETURN_IF_ERROR(
      database_.ForEachItem([&](const v1::Item& item) -> absl::Status {
        ids.push_back(item.item_id());
        return absl::OkStatus();
      }));
  ExecutionContext context;
  for (size_t begin = 0; begin < ids.size(); begin += kEmbedBatch) {
    std::lock_guard<std::mutex> lock(write_mutex);
    const size_t count = std::min(kEmbedBatch, ids.size() - begin);
    std::vector<std::string_view> batch(ids.begin() + begin,
                                        ids.begin() + begin + count);
    // Read under the lock: these are the newest records.
    std::vector<std::shared_ptr<const storage::ItemRow>> rows(count);
    ATTUNE_RETURN_IF_ERROR(database_.MultiGetItems(batch, rows));
    std::vector<const v1::Item*> records;
    for (const auto& row : rows) {
      if (row->item != nullptr) records.push_back(row->item.get());
    }
    storage::WriteGroup group;
    absl::Status status;
    RunSerial([&] {
      context.workspace.Reset();
      status = served.items().EmbedInto(context, records, &group);
    });
    ATTUNE_RETURN_IF_ERROR(status);
    ATTUNE_RETURN_IF_ERROR(database_.Write(std::move(group)));
  }
  return absl::OkStatus();
}

absl::Status ModelRegistry::Publish(const std::string& directory,
                                    std::mutex& write_mutex) {
  if (database_.mode() != storage::OpenOptions::Mode::kWriter) {
    return absl::FailedPreconditionError(
        "this engine follows another process: publish through the owner");
  }
  std::lock_guard<std::mutex> publishing(publish_mutex_);
  ATTUNE_ASSIGN_OR_RETURN(ModelManifest manifest,
                          VerifyModelDirectory(directory));
  const std::string home = DirectoryOf(manifest.version);
  std::error_code error;
  const bool known = std::filesystem::exists(home, error);
  ATTUNE_RETURN_IF_ERROR(CopyDirectory(directory, home));
  absl::StatusOr<std::shared_ptr<ServedModel>> loaded = Load(home);
  if (!loaded.ok()) {
    // A refused model leaves nothing behind.
    if (!known) std::filesystem::remove_all(home, error);
    return loaded.status();
  }
  std::shared_ptr<ServedModel> served = *std::move(loaded);
  {
    std::lock_guard<std::mutex> lock(mutex_);
    pending_ = served;  // from here on writers embed for it too
  }
  absl::Status embedded = EmbedCatalogue(*served, write_mutex);
  std::lock_guard<std::mutex> lock(mutex_);
  pending_ = nullptr;
  ATTUNE_RETURN_IF_ERROR(embedded);
  storage::WriteGroup group;
  if (current_ != nullptr && current_->version() != served->version()) {
    ATTUNE_RETURN_IF_ERROR(group.PutMeta(kPreviousKey, current_->version()));
  }
  ATTUNE_RETURN_IF_ERROR(group.PutMeta(kCurrentKey, served->version()));
  ATTUNE_RETURN_IF_ERROR(
      database_.Write(std::move(group), storage::WriteOptions{true}));
  if (current_ != nullptr && current_->version() != served->version()) {
    previous_ = std::move(current_);
  }
  current_ = std::move(served);
  return absl::OkStatus();
}

absl::Status ModelRegistry::Rollback() {
  if (database_.mode() != storage::OpenOptions::Mode::kWriter) {
    return absl::FailedPreconditionError(
        "this engine follows another process: roll back through the owner");
  }
  std::lock_guard<std::mutex> publishing(publish_mutex_);
  std::shared_ptr<ServedModel> back;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    back = previous_;
  }
  if (back == nullptr) {
    ATTUNE_ASSIGN_OR_RETURN(std::optional<std::string> version,
                            database_.GetMeta(kPreviousKey));
    if (!version.has_value()) {
      return absl::FailedPreconditionError(
          "there is no earlier model to go back to");
    }
    ATTUNE_ASSIGN_OR_RETURN(back, Load(DirectoryOf(*version)));
  }
  std::lock_guard<std::mutex> lock(mutex_);
  storage::WriteGroup group;
  ATTUNE_RETURN_IF_ERROR(group.PutMeta(kCurrentKey, back->version()));
  if (current_ != nullptr) {
    ATTUNE_RETURN_IF_ERROR(group.PutMeta(kPreviousKey, current_->version()));
  }
  ATTUNE_RETURN_IF_ERROR(
      database_.Write(std::move(group), storage::WriteOptions{true}));
  previous_ = std::move(current_);
  current_ = std::move(back);
  return absl::OkStatus();
}

}  // namespace attune
