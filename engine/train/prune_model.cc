#include "engine/train/prune_model.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/io/model_directory.h"
#include "engine/train/golden.h"
#include "engine/train/training_set.h"

namespace attune {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kUnits = 16;  // a vector's lanes

/// The units of a block that stay, ascending. expand [D, F], contract [F, D].
std::vector<int64_t> Strongest(ConstMatrixView expand, ConstMatrixView contract,
                               int64_t count) {
  std::vector<double> strength(static_cast<size_t>(contract.rows()));
  for (int64_t unit = 0; unit < contract.rows(); ++unit) {
    double in = 0, out = 0;
    for (int64_t d = 0; d < expand.rows(); ++d) {
      in += double{expand(d, unit)} * expand(d, unit);
      out += double{contract(unit, d)} * contract(unit, d);
    }
    strength[unit] = in * out;
  }
  std::vector<int64_t> units(strength.size());
  std::iota(units.begin(), units.end(), int64_t{0});
  std::stable_sort(units.begin(), units.end(), [&](int64_t a, int64_t b) {
    return strength[a] > strength[b];
  });
  units.resize(static_cast<size_t>(count));
  std::sort(units.begin(), units.end());
  return units;
}

/// Copies the weights of one network into a narrower one of the same layout.
class Narrowing {
 public:
  Narrowing(const Network& from, std::span<const float> values,
            const Network& to)
      : from_(from.layout()), values_(values), to_(to.layout()) {}

  std::vector<float> Run() {
    std::vector<float> result(static_cast<size_t>(to_.size()));
    for (size_t p = 0; p < to_.list().size(); ++p) {
      const int id = static_cast<int>(p);
      const ConstMatrixView old = from_.Matrix(id, values_);
      const MatrixView out = to_.Matrix(id, std::span<float>(result));
      const std::string& name = to_[id].name;
      // A block's parts come in this order.
      if (name.ends_with(".expand.weight")) {
        units_ = Strongest(old, Find(name, "contract.weight"), out.cols());
      }
      const bool columns =
          name.ends_with(".expand.weight") || name.ends_with(".expand.bias");
      const bool rows = name.ends_with(".contract.weight");
      for (int64_t r = 0; r < out.rows(); ++r) {
        for (int64_t c = 0; c < out.cols(); ++c) {
          out(r, c) = old(rows ? units_[r] : r, columns ? units_[c] : c);
        }
      }
    }
    return result;
  }

 private:
  /// The parameter `part` of the block that `expand` belongs to.
  ConstMatrixView Find(const std::string& expand,
                       const std::string& part) const {
    const std::string name =
        expand.substr(0, expand.find(".expand.") + 1) + part;
    size_t id = 0;
    while (from_.list()[id].name != name) ++id;
    return from_.Matrix(static_cast<int>(id), values_);
  }

  const ParameterLayout& from_;
  std::span<const float> values_;
  const ParameterLayout& to_;
  std::vector<int64_t> units_;
};

double FirstNdcg(const EvaluationReport& report) {
  return report.rows.back().at_k.front().ndcg_unseen;
}

}  // namespace

absl::StatusOr<Model::Parts> PruneFeedForward(const Model& model, float keep) {
  const int units = model.config().feed_forward;
  const int left =
      static_cast<int>(std::lround(keep * static_cast<float>(units) / kUnits)) *
      kUnits;
  if (left < kUnits || left >= units) {
    return absl::InvalidArgumentError(
        StrCat("keep ", keep, " of ", units, " hidden units leaves ", left,
               ": at least ", kUnits, " must stay and ", kUnits, " go"));
  }
  Model::Parts parts = model.parts();
  parts.config.feed_forward = left;
  parts.golden.clear();
  parts.values =
      Narrowing(model.scorer().network(), model.values(), Network(parts.config))
          .Run();
  return parts;
}

absl::StatusOr<PruneModelResult> PruneModel(storage::Database& database,
                                            const Model& model,
                                            const PruneModelOptions& options) {
  ATTUNE_RETURN_IF_ERROR(CheckModelTarget(options.output));
  ATTUNE_ASSIGN_OR_RETURN(Model::Parts parts,
                          PruneFeedForward(model, options.keep));
  ATTUNE_ASSIGN_OR_RETURN(const auto pruned,
                          Model::Create(parts, "pruned", {}));
  PruneModelResult result;
  result.units_before = model.config().feed_forward;
  result.units = parts.config.feed_forward;
  ATTUNE_ASSIGN_OR_RETURN(result.before,
                          EvaluateModel(database, model, options.evaluation));
  ATTUNE_ASSIGN_OR_RETURN(result.after,
                          EvaluateModel(database, *pruned, options.evaluation));
  ExecutionContext context;
  context.cancelled = options.evaluation.cancelled;
  ATTUNE_ASSIGN_OR_RETURN(
      const auto set,
      LoadEvaluationSet(database, options.evaluation.split, model, context));
  ATTUNE_ASSIGN_OR_RETURN(parts.golden, MakeGolden(database, *set, parts, ""));
  Json report = Json::parse(parts.report_json, nullptr,
                            /*allow_exceptions=*/false);
  if (!report.is_object()) report = Json::object();
  report["pruned"] = {{"from", model.version()},
                      {"feed_forward_before", result.units_before},
                      {"ndcg_unseen_before", FirstNdcg(result.before)},
                      {"ndcg_unseen", FirstNdcg(result.after)}};
  parts.report_json = report.dump(2) + "\n";
  ATTUNE_ASSIGN_OR_RETURN(result.version, Model::Save(parts, options.output));
  return result;
}

}  // namespace attune
