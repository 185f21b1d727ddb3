#include "python/src/engine_binding.h"

#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>

#include <atomic>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "engine/ingest/database_schema.h"
#include "plugins/c_abi/attune.h"
#include "proto/attune.pb.h"
#include "python/src/errors.h"
#include "python/src/numpy_array.h"
#include "python/src/patient_call.h"
#include "python/src/records.h"
#include "python/src/request.h"
#include "python/src/response.h"
#include "python/src/text.h"
#include "storage/database.h"

namespace attune::python {

namespace nb = nanobind;

namespace {

/// An attune_buffer that frees itself.
class Result {
 public:
  Result() { buffer_.struct_size = sizeof buffer_; }
  ~Result() { attune_buffer_free(&buffer_); }
  Result(const Result&) = delete;
  Result& operator=(const Result&) = delete;
  attune_buffer* get() { return &buffer_; }
  std::string_view bytes() const {
    return {static_cast<const char*>(buffer_.data), buffer_.size};
  }
  template <typename Message>
  Message Parse() const {
    Message message;
    if (!message.ParseFromArray(buffer_.data, static_cast<int>(buffer_.size))) {
      Raise(ATTUNE_INTERNAL, "the answer's bytes are no message");
    }
    return message;
  }

 private:
  attune_buffer buffer_ = {};
};

/// Methods may be called from any thread; all of them give up the GIL while
/// they work.
class PythonEngine {
 public:
  PythonEngine(std::string_view json, std::string path)
      : path_(std::move(path)) {
    CallError error;
    int code = 0;
    {
      const nb::gil_scoped_release without_gil;
      code =
          attune_open(json.data(), json.size(), nullptr, &engine_, error.get());
    }
    error.Check(code);
  }
  ~PythonEngine() {
    const nb::gil_scoped_release without_gil;
    attune_close(engine_, nullptr);  // again: an error that nobody sees
  }
  PythonEngine(const PythonEngine&) = delete;
  PythonEngine& operator=(const PythonEngine&) = delete;

  void Close() {
    if (closed_.exchange(true)) return;
    Call([&](attune_error* error) { return attune_close(engine_, error); });
  }

  nb::dict Rank(const nb::dict& arguments) {
    const std::string bytes =
        MakeRequest(arguments, schema()).SerializeAsString();
    Result result;
    Call([&](attune_error* error) {
      return attune_rank(engine_, bytes.data(), bytes.size(), nullptr,
                         result.get(), error);
    });
    return ResponseDict(result.Parse<v1::RankResponse>());
  }

  /// A list of (code, message, response dict or None).
  nb::list RankBatch(const nb::list& requests) {
    v1::RankBatchRequest batch;
    for (const nb::handle arguments : requests) {
      *batch.add_requests() =
          MakeRequest(nb::cast<nb::dict>(arguments), schema());
    }
    const std::string bytes = batch.SerializeAsString();
    Result result;
    Call([&](attune_error* error) {
      return attune_rank_batch(engine_, bytes.data(), bytes.size(), nullptr,
                               result.get(), error);
    });
    const auto answers = result.Parse<v1::RankBatchResponse>();
    nb::list list;
    for (const v1::RankResult& answer : answers.results()) {
      nb::object response = nb::none();
      if (answer.code() == ATTUNE_OK)
        response = ResponseDict(answer.response());
      list.append(nb::make_tuple(
          answer.code(),
          nb::str(answer.message().data(), answer.message().size()), response));
    }
    return list;
  }

  /// float32 [users, candidates]; see attune_rank_ids.
  nb::object Scores(nb::handle users, nb::handle candidates, int64_t now_ms,
                    int64_t deadline_ms, nb::handle model, bool without_state) {
    const Texts user_ids = TextsOf(users, "users");
    const Texts ids = TextsOf(candidates, "candidates");
    const std::string_view model_name = TextOf(model, "model");
    attune_rank_ids_options options = {};
    options.struct_size = sizeof options;
    options.flags = without_state ? ATTUNE_RANK_WITHOUT_STATE : 0;
    options.now_ms = now_ms;
    options.deadline_ms = deadline_ms;
    options.model = model_name.data();
    options.model_length = model_name.size();
    std::vector<const char*> pointers;
    std::vector<size_t> lengths;
    for (const std::string_view id : ids.views) {
      pointers.push_back(id.data());
      lengths.push_back(id.size());
    }
    const size_t width = ids.views.size();
    std::vector<float> scores(user_ids.views.size() * width);
    Call([&](attune_error* error) {
      for (size_t u = 0; u < user_ids.views.size(); ++u) {
        const std::string_view user = user_ids.views[u];
        const int code = attune_rank_ids(
            engine_, user.data(), user.size(), pointers.data(), lengths.data(),
            width, scores.data() + u * width, &options, error);
        if (code != ATTUNE_OK) return code;
      }
      return static_cast<int>(ATTUNE_OK);
    });
    return NumpyArray(std::move(scores), {user_ids.views.size(), width});
  }

  int64_t Put(std::string_view kind, nb::handle rows, bool sync) {
    const RecordKind record_kind = kind == "items"   ? RecordKind::kItems
                                   : kind == "users" ? RecordKind::kUsers
                                                     : RecordKind::kEvents;
    const PutPieces pieces = ReadPieces(record_kind, rows, schema());
    const auto put = record_kind == RecordKind::kItems   ? attune_put_items
                     : record_kind == RecordKind::kUsers ? attune_put_users
                                                         : attune_put_events;
    const uint32_t flags = sync ? ATTUNE_PUT_SYNC : 0;
    for (const std::string& request : pieces.requests) {
      Call([&](attune_error* error) {
        return put(engine_, request.data(), request.size(), flags, error);
      });
    }
    return pieces.rows;
  }

  void DeleteItem(nb::handle item) {
    const std::string_view id = TextOf(item, "item_id");
    Call([&](attune_error* error) {
      return attune_delete_item(engine_, id.data(), id.size(), error);
    });
  }
  void DeleteUser(nb::handle user) {
    const std::string_view id = TextOf(user, "user_id");
    Call([&](attune_error* error) {
      return attune_delete_user(engine_, id.data(), id.size(), error);
    });
  }
  void DeleteEvents(nb::handle user, nb::handle item) {
    const std::string_view id = TextOf(user, "user_id");
    const std::string_view item_id = TextOf(item, "item_id");
    Call([&](attune_error* error) {
      return attune_delete_user_events(engine_, id.data(), id.size(),
                                       item_id.data(), item_id.size(), error);
    });
  }
  void Prefetch(nb::handle user, nb::handle model) {
    const std::string_view id = TextOf(user, "user_id");
    const std::string_view name = TextOf(model, "model");
    Call([&](attune_error* error) {
      return attune_prefetch_user(engine_, id.data(), id.size(), name.data(),
                                  name.size(), error);
    });
  }
  /// Ends with KeyboardInterrupt where that comes.
  void Publish(nb::handle directory, nb::handle vectors) {
    const std::string path(TextOf(directory, "model"));
    const std::optional<std::string> parts =
        vectors.is_none()
            ? std::nullopt
            : std::optional<std::string>(TextOf(vectors, "vectors"));
    CallError error;
    int code = 0;
    PatientCall call;
    call.OnCancel([&] { attune_cancel_reload(engine_, nullptr); });
    call.Run([&] {
      code = parts.has_value() ? attune_reload_model_with_vectors(
                                     engine_, path.data(), path.size(),
                                     parts->data(), parts->size(), error.get())
                               : attune_reload_model(engine_, path.data(),
                                                     path.size(), error.get());
    });
    error.Check(code);
  }
  void Rollback() {
    Call([&](attune_error* error) {
      return attune_rollback_model(engine_, error);
    });
  }
  void Refresh() {
    Call([&](attune_error* error) { return attune_refresh(engine_, error); });
  }
  nb::str Stats(bool prometheus) {
    Result result;
    Call([&](attune_error* error) {
      return attune_stats(
          engine_, prometheus ? ATTUNE_STATS_PROMETHEUS : ATTUNE_STATS_JSON,
          result.get(), error);
    });
    return nb::str(result.bytes().data(), result.bytes().size());
  }

 private:
  template <typename Body>
  void Call(const Body& body) {
    CallError error;
    int code = 0;
    {
      const nb::gil_scoped_release without_gil;
      code = body(error.get());
    }
    error.Check(code);
  }

  /// The database's own; read once, by a view beside the engine, when the first
  /// record or inline item needs it. Who ranks stored items never pays.
  const features::Schema& schema() {
    absl::Status status;
    {
      const nb::gil_scoped_release without_gil;
      const std::lock_guard<std::mutex> lock(schema_mutex_);
      if (!schema_.has_value()) status = ReadSchema();
    }
    RaiseIfError(status);
    // NOLINTNEXTLINE(bugprone-unchecked-optional-access): ReadSchema set it
    return *schema_;
  }
  absl::Status ReadSchema() {
    storage::OpenOptions options;
    options.path = path_;
    options.mode = storage::OpenOptions::Mode::kFollower;
    auto database = storage::Database::Open(options);
    if (!database.ok()) return database.status();
    auto schema = LoadSchema(**database);
    if (!schema.ok()) return schema.status();
    schema_ = *std::move(schema);
    return absl::OkStatus();
  }

  attune_engine* engine_ = nullptr;
  std::string path_;
  std::atomic<bool> closed_ = false;
  std::mutex schema_mutex_;
  std::optional<features::Schema> schema_;
};

}  // namespace

void BindEngine(nb::module_& module) {
  nb::class_<PythonEngine>(module, "Engine",
                           "An open database; attune.Database is its face.")
      .def(nb::init<std::string_view, std::string>(), nb::arg("json"),
           nb::arg("path"))
      .def("close", &PythonEngine::Close)
      .def("rank", &PythonEngine::Rank, nb::arg("arguments"))
      .def("rank_batch", &PythonEngine::RankBatch, nb::arg("requests"))
      .def("scores", &PythonEngine::Scores, nb::arg("users"),
           nb::arg("candidates"), nb::arg("now_ms"), nb::arg("deadline_ms"),
           nb::arg("model"), nb::arg("without_state"))
      .def("put", &PythonEngine::Put, nb::arg("kind"), nb::arg("rows"),
           nb::arg("sync"))
      .def("delete_item", &PythonEngine::DeleteItem, nb::arg("item_id"))
      .def("delete_user", &PythonEngine::DeleteUser, nb::arg("user_id"))
      .def("delete_events", &PythonEngine::DeleteEvents, nb::arg("user_id"),
           nb::arg("item_id"))
      .def("prefetch", &PythonEngine::Prefetch, nb::arg("user_id"),
           nb::arg("model"))
      .def("publish", &PythonEngine::Publish, nb::arg("directory"),
           nb::arg("vectors").none())
      .def("rollback", &PythonEngine::Rollback)
      .def("refresh", &PythonEngine::Refresh)
      .def("stats", &PythonEngine::Stats, nb::arg("prometheus"));
}

}  // namespace attune::python
