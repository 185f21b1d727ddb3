#include "python/src/embedder_binding.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/item_embedder.h"
#include "features/schema.h"
#include "python/src/errors.h"
#include "python/src/patient_call.h"
#include "python/src/records.h"

namespace attune::python {

namespace nb = nanobind;

namespace {

class PythonEmbedder {
 public:
  /// `schema`: JSON, of the database that the vectors are for; none: the
  /// model's own.
  PythonEmbedder(const std::string& model,
                 const std::optional<std::string>& schema) {
    absl::StatusOr<std::unique_ptr<ItemEmbedder>> opened;
    {
      const nb::gil_scoped_release without_gil;
      opened = ItemEmbedder::Open(model);
    }
    RaiseIfError(opened.status());
    embedder_ = *std::move(opened);
    if (!schema.has_value()) return;
    absl::StatusOr<features::Schema> parsed =
        features::Schema::FromJson(*schema);
    RaiseIfError(parsed.status());
    schema_ = *std::move(parsed);
  }

  std::string version() const { return embedder_->version(); }

  /// Writes one part; {"path", "items", "size_bytes"}.
  nb::dict WritePart(nb::handle rows, const std::string& directory) {
    std::vector<v1::Item> items =
        ReadItems(rows, schema_.has_value() ? *schema_ : embedder_->schema());
    PatientCall call;
    absl::StatusOr<ItemEmbedder::Part> part = absl::UnknownError("not run");
    call.Run([&] {
      part =
          embedder_->WritePart(std::move(items), directory, call.cancelled());
    });
    RaiseIfError(part.status());
    nb::dict dict;
    dict["path"] = part->path;
    dict["items"] = part->items;
    dict["size_bytes"] = part->size_bytes;
    return dict;
  }

 private:
  std::unique_ptr<ItemEmbedder> embedder_;
  std::optional<features::Schema> schema_;
};

}  // namespace

void BindEmbedder(nb::module_& module) {
  nb::class_<PythonEmbedder>(module, "Embedder",
                             "A model that embeds items without a database.")
      .def(nb::init<const std::string&, const std::optional<std::string>&>(),
           nb::arg("model"), nb::arg("schema").none())
      .def_prop_ro("version", &PythonEmbedder::version)
      .def("write_part", &PythonEmbedder::WritePart, nb::arg("rows"),
           nb::arg("directory"));
}

}  // namespace attune::python
