#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/cancel_flag.h"
#include "features/schema.h"
#include "proto/records.pb.h"

namespace attune {

class Model;

/// Embeds items without a database: what one task of a job over a large
/// catalogue does. Publishing the model with the parts that were written
/// (Engine::ReloadModel) then embeds nothing anew. Thread-safe.
class ItemEmbedder {
 public:
  /// Of a model directory. Errors as Model::Load.
  static absl::StatusOr<std::unique_ptr<ItemEmbedder>> Open(
      const std::string& model_directory);
  ~ItemEmbedder();

  const std::string& version() const;
  /// That of the database which the model was trained on.
  const features::Schema& schema() const { return schema_; }

  struct Part {
    std::string path;
    int64_t items = 0;
    int64_t size_bytes = 0;
  };
  /// Writes the items' vectors into `directory` as one part, on the calling
  /// thread: bit for bit what a publication on a machine of the same
  /// instruction set stores, for records that are stored as they are given
  /// here. InvalidArgument names an item that a database would not take;
  /// Cancelled.
  absl::StatusOr<Part> WritePart(std::vector<v1::Item> items,
                                 const std::string& directory,
                                 CancelFlag cancelled = {}) const;

 private:
  ItemEmbedder() = default;
  std::shared_ptr<const Model> model_;
  features::Schema schema_;
};

}  // namespace attune
