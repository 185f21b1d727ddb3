// The functions that Triton calls. Nothing leaves them but errors.
#include <exception>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <utility>

#include "base/status_macros.h"
#include "base/strings.h"
#include "plugins/triton/engine_registry.h"
#include "plugins/triton/model_options.h"
#include "plugins/triton/request_runner.h"
#include "plugins/triton/tensor_table.h"
#include "plugins/triton/triton_api.h"
#include "plugins/triton/triton_status.h"

namespace attune::triton {
namespace {

using Json = nlohmann::json;

/// Calls body, whose every fault becomes an error of the server's.
template <typename Body>
TRITONSERVER_Error* Entry(const Body& body) noexcept {
  try {
    return ToTriton(body());
  } catch (const std::bad_alloc&) {
    return TRITONSERVER_ErrorNew(kTritonUnavailable, "attune: out of memory");
  } catch (const std::exception& exception) {
    return TRITONSERVER_ErrorNew(kTritonInternal, exception.what());
  }
}

absl::StatusOr<Json> ConfigOf(TRITONBACKEND_Model* model) {
  TRITONSERVER_Message* message = nullptr;
  ATTUNE_RETURN_IF_ERROR(FromTriton(
      TRITONBACKEND_ModelConfig(model, kTritonConfigVersion, &message)));
  const char* text = nullptr;
  size_t size = 0;
  absl::Status status =
      FromTriton(TRITONSERVER_MessageSerializeToJson(message, &text, &size));
  Json config;
  if (status.ok()) config = Json::parse(text, text + size, nullptr, false);
  status.Update(FromTriton(TRITONSERVER_MessageDelete(message)));
  if (!status.ok()) return status;
  if (!config.is_object()) {
    return absl::InternalError("the model's configuration is no JSON object");
  }
  return config;
}

absl::Status Initialize(TRITONBACKEND_Backend* backend) {
  uint32_t major = 0, minor = 0;
  ATTUNE_RETURN_IF_ERROR(FromTriton(TRITONBACKEND_ApiVersion(&major, &minor)));
  if (major != kTritonApiMajor) {
    return absl::UnimplementedError(StrCat("the server's backend interface is ",
                                           major, ".", minor, ", must be ",
                                           kTritonApiMajor, ".x"));
  }
  if (attune_abi_version() >> 16 != ATTUNE_ABI_MAJOR ||
      (attune_abi_version() & 0xFFFF) < ATTUNE_ABI_MINOR) {
    return absl::UnimplementedError(
        StrCat("libattune.so ", attune_version(),
               " is of another interface than the "
               "backend: install both from one build"));
  }
  auto registry = std::make_unique<EngineRegistry>();
  ATTUNE_RETURN_IF_ERROR(
      FromTriton(TRITONBACKEND_BackendSetState(backend, registry.get())));
  registry.release();  // NOLINT(bugprone-unused-return-value): see Finalize
  LogToTriton(kTritonLogInfo,
              StrCat("version ", attune_version(), ", backend interface ",
                     major, ".", minor));
  return absl::OkStatus();
}

absl::Status Finalize(TRITONBACKEND_Backend* backend) {
  void* state = nullptr;
  ATTUNE_RETURN_IF_ERROR(
      FromTriton(TRITONBACKEND_BackendState(backend, &state)));
  const std::unique_ptr<EngineRegistry> registry(
      static_cast<EngineRegistry*>(state));
  return absl::OkStatus();
}

/// Where config.pbtxt names no tensors, all there are.
absl::Status CompleteConfig(TRITONBACKEND_Model* model, Json* config) {
  bool wanted = false;
  ATTUNE_RETURN_IF_ERROR(
      FromTriton(TRITONBACKEND_ModelAutoCompleteConfig(model, &wanted)));
  if (!wanted || !CompleteTensors(config)) return absl::OkStatus();
  const std::string text = config->dump();
  TRITONSERVER_Message* message = nullptr;
  ATTUNE_RETURN_IF_ERROR(FromTriton(TRITONSERVER_MessageNewFromSerializedJson(
      &message, text.data(), text.size())));
  absl::Status status = FromTriton(
      TRITONBACKEND_ModelSetConfig(model, kTritonConfigVersion, message));
  status.Update(FromTriton(TRITONSERVER_MessageDelete(message)));
  return status;
}

absl::StatusOr<EngineRegistry*> RegistryOf(TRITONBACKEND_Model* model) {
  TRITONBACKEND_Backend* backend = nullptr;
  ATTUNE_RETURN_IF_ERROR(
      FromTriton(TRITONBACKEND_ModelBackend(model, &backend)));
  void* state = nullptr;
  ATTUNE_RETURN_IF_ERROR(
      FromTriton(TRITONBACKEND_BackendState(backend, &state)));
  return static_cast<EngineRegistry*>(state);
}

absl::Status InitializeModel(TRITONBACKEND_Model* model) {
  ATTUNE_ASSIGN_OR_RETURN(Json config, ConfigOf(model));
  ATTUNE_RETURN_IF_ERROR(CompleteConfig(model, &config));
  ATTUNE_RETURN_IF_ERROR(CheckTensors(config));
  int artifact = 0;
  const char* folder = nullptr;
  uint64_t version = 0;
  ATTUNE_RETURN_IF_ERROR(
      FromTriton(TRITONBACKEND_ModelRepository(model, &artifact, &folder)));
  ATTUNE_RETURN_IF_ERROR(
      FromTriton(TRITONBACKEND_ModelVersion(model, &version)));
  ATTUNE_ASSIGN_OR_RETURN(const ModelOptions options,
                          ReadModelOptions(config, folder, version));
  ATTUNE_ASSIGN_OR_RETURN(EngineRegistry* const registry, RegistryOf(model));
  ATTUNE_ASSIGN_OR_RETURN(EngineRegistry::Lease engine,
                          registry->Acquire(options));
  // Requests to the model that is loaded now are answered meanwhile.
  if (options.owner && !options.model_directory.empty()) {
    ATTUNE_RETURN_IF_ERROR(engine->Publish(options.model_directory));
  }
  auto runner = std::make_unique<RequestRunner>(options, std::move(engine));
  ATTUNE_RETURN_IF_ERROR(
      FromTriton(TRITONBACKEND_ModelSetState(model, runner.get())));
  runner.release();  // NOLINT(bugprone-unused-return-value): see FinalizeModel
  return absl::OkStatus();
}

absl::StatusOr<RequestRunner*> RunnerOf(TRITONBACKEND_Model* model) {
  void* state = nullptr;
  ATTUNE_RETURN_IF_ERROR(FromTriton(TRITONBACKEND_ModelState(model, &state)));
  return static_cast<RequestRunner*>(state);
}

absl::Status FinalizeModel(TRITONBACKEND_Model* model) {
  ATTUNE_ASSIGN_OR_RETURN(RequestRunner* const runner, RunnerOf(model));
  const std::unique_ptr<RequestRunner> owned(runner);
  return absl::OkStatus();
}

absl::Status Execute(TRITONBACKEND_ModelInstance* instance,
                     std::span<TRITONBACKEND_Request*> requests) {
  TRITONBACKEND_Model* model = nullptr;
  ATTUNE_RETURN_IF_ERROR(
      FromTriton(TRITONBACKEND_ModelInstanceModel(instance, &model)));
  ATTUNE_ASSIGN_OR_RETURN(RequestRunner* const runner, RunnerOf(model));
  runner->Execute(instance, requests);
  return absl::OkStatus();
}

}  // namespace
}  // namespace attune::triton

using namespace attune::triton;  // NOLINT: the functions below are C's

extern "C" {

TRITONSERVER_Error* TRITONBACKEND_Initialize(TRITONBACKEND_Backend* backend) {
  return Entry([&] { return Initialize(backend); });
}

TRITONSERVER_Error* TRITONBACKEND_Finalize(TRITONBACKEND_Backend* backend) {
  return Entry([&] { return Finalize(backend); });
}

TRITONSERVER_Error* TRITONBACKEND_ModelInitialize(TRITONBACKEND_Model* model) {
  return Entry([&] { return InitializeModel(model); });
}

TRITONSERVER_Error* TRITONBACKEND_ModelFinalize(TRITONBACKEND_Model* model) {
  return Entry([&] { return FinalizeModel(model); });
}

TRITONSERVER_Error* TRITONBACKEND_ModelInstanceExecute(
    TRITONBACKEND_ModelInstance* instance, TRITONBACKEND_Request** requests,
    uint32_t request_count) {
  return Entry([&] { return Execute(instance, {requests, request_count}); });
}

}  // extern "C"
