#include "engine/vector_loader.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/io/excerpt.h"
#include "engine/model/item_row.h"
#include "storage/vector_part.h"
#include "storage/write_group.h"

namespace attune {
namespace {

/// Written together: some hundred MB while they are, for the rows are held as
/// calls, sorted and in the table's blocks.
constexpr size_t kGroupRows = 200'000;
constexpr size_t kGroupBytes = size_t{128} << 20;
/// Looks at the gate every so many rows.
constexpr int64_t kRowsPerLook = 4096;

bool IsFinite(std::span<const float> values) {
  return std::all_of(values.begin(), values.end(),
                     [](float value) { return std::isfinite(value); });
}

class Loader {
 public:
  Loader(storage::Database& database, ServedModel& served,
         const LoadVectorsOptions& options)
      : database_(database), served_(served), options_(options) {}

  absl::Status LoadPart(const std::string& part) {
    ++loaded_.parts;
    return storage::ReadVectorPart(
        part, served_.version(),
        [&](std::string_view item_id, uint64_t record,
            std::string_view bytes) -> absl::Status {
          if (rows_++ % kRowsPerLook == 0) ATTUNE_RETURN_IF_ERROR(Look());
          ATTUNE_RETURN_IF_ERROR(Check(part, item_id, bytes));
          ATTUNE_RETURN_IF_ERROR(group_.PutItemVectorOf(
              record, served_.version(), item_id, bytes));
          if (group_.size() < kGroupRows && group_.size_bytes() < kGroupBytes) {
            return absl::OkStatus();
          }
          return Write();
        });
  }

  absl::StatusOr<LoadedVectors> Finish() {
    ATTUNE_RETURN_IF_ERROR(Write());
    return loaded_;
  }

 private:
  absl::Status Look() const {
    return options_.gate->WaitUntil(
        options_.ticket, std::chrono::steady_clock::time_point::min());
  }

  /// What a request would read: a row that it cannot use is not taken.
  absl::Status Check(const std::string& part, std::string_view item_id,
                     std::string_view bytes) {
    const Model& model = served_.model();
    const auto item = ModelItem::Parse(bytes, model.config().width,
                                       model.pipeline(), -1, &scratch_);
    if (item.ok() && IsFinite((*item)->x) && IsFinite((*item)->q)) {
      return absl::OkStatus();
    }
    return absl::DataLossError(
        StrCat("part \"", part, "\": item ", Excerpt(item_id),
               " has no vector of model ", served_.version(), ": ",
               item.ok() ? "not all its numbers are finite"
                         : ToStd(item.status().message()),
               "; make the part again"));
  }

  absl::Status Write() {
    ATTUNE_RETURN_IF_ERROR(Look());
    storage::WriteSummary summary;
    const std::lock_guard<std::mutex> lock(*options_.write_mutex);
    ATTUNE_RETURN_IF_ERROR(database_.BulkWrite(
        std::exchange(group_, storage::WriteGroup()), &summary));
    loaded_.vectors += summary.vectors_added;
    loaded_.outdated += summary.vectors_outdated;
    return absl::OkStatus();
  }

  storage::Database& database_;
  ServedModel& served_;
  const LoadVectorsOptions& options_;
  features::ItemFeatures scratch_;
  storage::WriteGroup group_;
  int64_t rows_ = 0;
  LoadedVectors loaded_;
};

}  // namespace

absl::StatusOr<LoadedVectors> LoadVectors(storage::Database& database,
                                          ServedModel& served,
                                          const LoadVectorsOptions& options) {
  ATTUNE_ASSIGN_OR_RETURN(const std::vector<std::string> parts,
                          storage::ListVectorParts(options.path));
  Loader loader(database, served, options);
  for (const std::string& part : parts) {
    ATTUNE_RETURN_IF_ERROR(loader.LoadPart(part));
  }
  return loader.Finish();
}

}  // namespace attune
