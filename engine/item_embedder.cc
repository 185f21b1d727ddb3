#include "engine/item_embedder.h"

#include <algorithm>
#include <filesystem>
#include <span>
#include <utility>

#include "absl/memory/memory.h"
#include "base/execution_context.h"
#include "base/parallel.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/ingest/record_checks.h"
#include "engine/io/excerpt.h"
#include "engine/model/model.h"
#include "storage/record_hash.h"
#include "storage/vector_part.h"

namespace attune {
namespace {

/// Embedded together.
constexpr size_t kItemsPerStep = 256;

}  // namespace

ItemEmbedder::~ItemEmbedder() = default;

absl::StatusOr<std::unique_ptr<ItemEmbedder>> ItemEmbedder::Open(
    const std::string& model_directory) {
  auto embedder = absl::WrapUnique(new ItemEmbedder());
  ATTUNE_ASSIGN_OR_RETURN(embedder->model_, Model::Load(model_directory, {}));
  ATTUNE_ASSIGN_OR_RETURN(
      embedder->schema_,
      features::Schema::FromJson(embedder->model_->schema_json(),
                                 StrCat(model_directory, "/schema.json")));
  return absl::StatusOr<std::unique_ptr<ItemEmbedder>>(std::move(embedder));
}

const std::string& ItemEmbedder::version() const { return model_->version(); }

absl::StatusOr<ItemEmbedder::Part> ItemEmbedder::WritePart(
    std::vector<v1::Item> items, const std::string& directory,
    CancelFlag cancelled) const {
  std::vector<const v1::Item*> records;
  for (v1::Item& item : items) {
    absl::Status status = CheckItem(&item);  // and into its stored form
    if (!status.ok()) {
      return absl::InvalidArgumentError(StrCat("item ", Excerpt(item.item_id()),
                                               ": ", ToStd(status.message())));
    }
    records.push_back(&item);
  }
  std::vector<storage::PartVector> vectors;
  ExecutionContext context;
  for (size_t begin = 0; begin < records.size(); begin += kItemsPerStep) {
    if (cancelled.IsSet()) {
      return absl::CancelledError(
          StrCat("stopped at item ", begin, " of ", records.size()));
    }
    const auto step = std::span(records).subspan(
        begin, std::min(kItemsPerStep, records.size() - begin));
    absl::Status status;
    RunSerial([&] {
      context.workspace.Reset();
      auto rows = model_->EncodeItems(context, step);
      status = rows.status();
      for (size_t i = 0; status.ok() && i < step.size(); ++i) {
        vectors.push_back({step[i]->item_id(), storage::RecordHash(*step[i]),
                           (*rows)[i]->Serialize()});
      }
    });
    ATTUNE_RETURN_IF_ERROR(status);
  }
  Part part;
  part.items = static_cast<int64_t>(items.size());
  ATTUNE_ASSIGN_OR_RETURN(part.path,
                          storage::WriteVectorPart(directory, model_->version(),
                                                   std::move(vectors)));
  std::error_code error;
  part.size_bytes =
      static_cast<int64_t>(std::filesystem::file_size(part.path, error));
  return part;
}

}  // namespace attune
