#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "engine/model/config.h"
#include "engine/model/item_row.h"
#include "engine/model/neighbour_index.h"
#include "engine/model/network.h"
#include "engine/model/scorer.h"
#include "features/pipeline.h"
#include "proto/attune.pb.h"

namespace attune {

/// A trained model, ready to serve: configuration, feature pipeline,
/// vocabulary and prepared network. Immutable and thread-safe; sessions share
/// it by shared_ptr.
class Model {
 public:
  /// The parts a trainer hands over.
  struct Parts {
    ModelConfig config;
    std::string pipeline_json;
    std::vector<std::string> item_ids;  ///< of id table rows
    std::string neighbours;             ///< NeighbourIndex::Serialize
    std::vector<float> values;          ///< the network's layout
    std::string golden;                 ///< serialised v1.Golden; may be empty
    std::string report_json;
    std::string schema_json;
  };
  struct Options {
    std::string backend;    ///< see MakeBackend
    std::string precision;  ///< "" = the config's
  };

  /// Writes a model directory (manifest, config.json, schema.json,
  /// pipeline.json, items.txt, neighbours.bin, weights.safetensors, golden.pb,
  /// report.json), atomically; returns its version.
  static absl::StatusOr<std::string> Save(const Parts& parts,
                                          const std::string& directory);

  /// Loads and verifies a model directory. DataLoss for damaged files. Golden
  /// requests are checked by the ranker, which knows how to answer them.
  static absl::StatusOr<std::shared_ptr<const Model>> Load(
      const std::string& directory, const Options& options);
  /// The same of files that were verified before and lie in memory, as in a
  /// snapshot. `find` gives the bytes of a file, for the length of the call;
  /// `where` is for messages.
  using FindFile = absl::FunctionRef<absl::StatusOr<std::string_view>(
      std::string_view name)>;
  static absl::StatusOr<std::shared_ptr<const Model>> LoadPacked(
      const std::string& where, std::string version, FindFile find,
      const Options& options);
  static absl::StatusOr<std::shared_ptr<const Model>> Create(
      Parts parts, std::string version, const Options& options);

  const std::string& version() const { return version_; }
  const Parts& parts() const { return parts_; }
  const ModelConfig& config() const { return network_->config(); }
  const features::Pipeline& pipeline() const { return *pipeline_; }
  const Scorer& scorer() const { return *scorer_; }
  const NeighbourIndex& neighbours() const { return neighbours_; }
  const std::string& schema_json() const { return parts_.schema_json; }
  const std::string& report_json() const { return parts_.report_json; }
  const std::string& golden() const { return parts_.golden; }
  size_t size_bytes() const;
  /// In the layout of Network(config()).
  std::span<const float> values() const { return parts_.values; }

  /// Row of the id table, -1 for an item that training did not see.
  int32_t IdRow(std::string_view item_id) const;
  /// Index into config().actions; 0 for an unknown action.
  int32_t ActionIndex(std::string_view action) const;

  /// Everything that depends on the items alone. Enter through RunSerial().
  absl::StatusOr<std::vector<std::shared_ptr<const ModelItem>>> EncodeItems(
      ExecutionContext& context, std::span<const v1::Item* const> items) const;

 private:
  Model() = default;
  Parts parts_;
  std::string version_;
  std::unique_ptr<features::Pipeline> pipeline_;
  NeighbourIndex neighbours_;
  std::unique_ptr<Network> network_;
  std::unique_ptr<Scorer> scorer_;
  absl::flat_hash_map<std::string, int32_t> id_rows_;
  absl::flat_hash_map<std::string, int32_t> actions_;
};

}  // namespace attune
