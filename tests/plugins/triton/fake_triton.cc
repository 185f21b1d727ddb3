#include "tests/plugins/triton/fake_triton.h"

#include <atomic>

namespace {

// Counts what the C interface hands out; there is no object to keep it in.
std::atomic<int>& ErrorCount() {
  static std::atomic<int> count = 0;
  return count;
}

TRITONSERVER_Error* OutOfRange() {
  return TRITONSERVER_ErrorNew(kTritonInvalidArgument, "index out of range");
}

}  // namespace

namespace attune::triton {
int LiveErrors() { return ErrorCount(); }
}  // namespace attune::triton

TRITONSERVER_Error* TRITONSERVER_ErrorNew(TritonErrorCode code,
                                          const char* message) {
  ++ErrorCount();
  return std::make_unique<TRITONSERVER_Error>(TRITONSERVER_Error{code, message})
      .release();
}
void TRITONSERVER_ErrorDelete(TRITONSERVER_Error* error) {
  --ErrorCount();
  const std::unique_ptr<TRITONSERVER_Error> owned(error);
}
TritonErrorCode TRITONSERVER_ErrorCode(TRITONSERVER_Error* error) {
  return error->code;
}
const char* TRITONSERVER_ErrorMessage(TRITONSERVER_Error* error) {
  return error->message.c_str();
}
TRITONSERVER_Error* TRITONSERVER_LogMessage(TritonLogLevel /*level*/,
                                            const char* /*file*/, int /*line*/,
                                            const char* /*message*/) {
  return nullptr;
}

TRITONSERVER_Error* TRITONSERVER_MessageNewFromSerializedJson(
    TRITONSERVER_Message** message, const char* json, size_t size) {
  *message = std::make_unique<TRITONSERVER_Message>(
                 TRITONSERVER_Message{std::string(json, size)})
                 .release();
  return nullptr;
}
TRITONSERVER_Error* TRITONSERVER_MessageSerializeToJson(
    TRITONSERVER_Message* message, const char** json, size_t* size) {
  *json = message->json.data();
  *size = message->json.size();
  return nullptr;
}
TRITONSERVER_Error* TRITONSERVER_MessageDelete(TRITONSERVER_Message* message) {
  const std::unique_ptr<TRITONSERVER_Message> owned(message);
  return nullptr;
}

TRITONSERVER_Error* TRITONBACKEND_ApiVersion(uint32_t* major, uint32_t* minor) {
  *major = 1;
  *minor = 19;
  return nullptr;
}
TRITONSERVER_Error* TRITONBACKEND_BackendState(TRITONBACKEND_Backend* backend,
                                               void** state) {
  *state = backend->state;
  return nullptr;
}
TRITONSERVER_Error* TRITONBACKEND_BackendSetState(
    TRITONBACKEND_Backend* backend, void* state) {
  backend->state = state;
  return nullptr;
}

TRITONSERVER_Error* TRITONBACKEND_ModelName(TRITONBACKEND_Model* model,
                                            const char** name) {
  *name = model->name.c_str();
  return nullptr;
}
TRITONSERVER_Error* TRITONBACKEND_ModelVersion(TRITONBACKEND_Model* model,
                                               uint64_t* version) {
  *version = model->version;
  return nullptr;
}
TRITONSERVER_Error* TRITONBACKEND_ModelRepository(TRITONBACKEND_Model* model,
                                                  int* artifact_type,
                                                  const char** location) {
  *artifact_type = 0;
  *location = model->folder.c_str();
  return nullptr;
}
TRITONSERVER_Error* TRITONBACKEND_ModelConfig(TRITONBACKEND_Model* model,
                                              uint32_t /*config_version*/,
                                              TRITONSERVER_Message** config) {
  return TRITONSERVER_MessageNewFromSerializedJson(config, model->config.data(),
                                                   model->config.size());
}
TRITONSERVER_Error* TRITONBACKEND_ModelAutoCompleteConfig(
    TRITONBACKEND_Model* model, bool* auto_complete) {
  *auto_complete = model->auto_complete;
  return nullptr;
}
TRITONSERVER_Error* TRITONBACKEND_ModelSetConfig(TRITONBACKEND_Model* model,
                                                 uint32_t /*config_version*/,
                                                 TRITONSERVER_Message* config) {
  model->config = config->json;
  return nullptr;
}
TRITONSERVER_Error* TRITONBACKEND_ModelBackend(
    TRITONBACKEND_Model* model, TRITONBACKEND_Backend** backend) {
  *backend = model->backend;
  return nullptr;
}
TRITONSERVER_Error* TRITONBACKEND_ModelState(TRITONBACKEND_Model* model,
                                             void** state) {
  *state = model->state;
  return nullptr;
}
TRITONSERVER_Error* TRITONBACKEND_ModelSetState(TRITONBACKEND_Model* model,
                                                void* state) {
  model->state = state;
  return nullptr;
}

TRITONSERVER_Error* TRITONBACKEND_ModelInstanceModel(
    TRITONBACKEND_ModelInstance* instance, TRITONBACKEND_Model** model) {
  *model = instance->model;
  return nullptr;
}
TRITONSERVER_Error* TRITONBACKEND_ModelInstanceReportStatistics(
    TRITONBACKEND_ModelInstance* instance, TRITONBACKEND_Request* /*request*/,
    bool success, uint64_t execute_start_ns, uint64_t compute_start_ns,
    uint64_t compute_end_ns, uint64_t execute_end_ns) {
  std::lock_guard<std::mutex> lock(instance->mutex);
  ++(success ? instance->succeeded : instance->failed);
  if (execute_start_ns > compute_start_ns ||
      compute_start_ns > compute_end_ns || compute_end_ns > execute_end_ns) {
    return TRITONSERVER_ErrorNew(kTritonInvalidArgument, "time runs backwards");
  }
  return nullptr;
}
TRITONSERVER_Error* TRITONBACKEND_ModelInstanceReportBatchStatistics(
    TRITONBACKEND_ModelInstance* instance, uint64_t batch_size,
    uint64_t /*start*/, uint64_t /*compute_start*/, uint64_t /*compute_end*/,
    uint64_t /*end*/) {
  std::lock_guard<std::mutex> lock(instance->mutex);
  instance->batch_rows += batch_size;
  return nullptr;
}

TRITONSERVER_Error* TRITONBACKEND_RequestId(TRITONBACKEND_Request* request,
                                            const char** id) {
  *id = request->id.c_str();
  return nullptr;
}
TRITONSERVER_Error* TRITONBACKEND_RequestIsCancelled(
    TRITONBACKEND_Request* request, bool* cancelled) {
  *cancelled = request->cancelled;
  return nullptr;
}
TRITONSERVER_Error* TRITONBACKEND_RequestParameterCount(
    TRITONBACKEND_Request* request, uint32_t* count) {
  *count = static_cast<uint32_t>(request->parameters.size());
  return nullptr;
}
TRITONSERVER_Error* TRITONBACKEND_RequestParameter(
    TRITONBACKEND_Request* request, uint32_t index, const char** key,
    TritonParameterType* type, const void** value) {
  if (index >= request->parameters.size()) return OutOfRange();
  const auto& [name, held] = request->parameters[index];
  *key = name.c_str();
  *type = static_cast<TritonParameterType>(held.index());
  if (const auto* text = std::get_if<std::string>(&held)) {
    *value = text->c_str();
  } else {
    *value = std::visit(
        [](const auto& v) { return static_cast<const void*>(&v); }, held);
  }
  return nullptr;
}
TRITONSERVER_Error* TRITONBACKEND_RequestInputCount(
    TRITONBACKEND_Request* request, uint32_t* count) {
  *count = static_cast<uint32_t>(request->inputs.size());
  return nullptr;
}
TRITONSERVER_Error* TRITONBACKEND_RequestInputByIndex(
    TRITONBACKEND_Request* request, uint32_t index,
    TRITONBACKEND_Input** input) {
  if (index >= request->inputs.size()) return OutOfRange();
  *input = &request->inputs[index];
  return nullptr;
}
TRITONSERVER_Error* TRITONBACKEND_RequestOutputCount(
    TRITONBACKEND_Request* request, uint32_t* count) {
  *count = static_cast<uint32_t>(request->outputs.size());
  return nullptr;
}
TRITONSERVER_Error* TRITONBACKEND_RequestOutputName(
    TRITONBACKEND_Request* request, uint32_t index, const char** name) {
  if (index >= request->outputs.size()) return OutOfRange();
  *name = request->outputs[index].c_str();
  return nullptr;
}
TRITONSERVER_Error* TRITONBACKEND_RequestRelease(TRITONBACKEND_Request* request,
                                                 uint32_t /*flags*/) {
  ++request->released;
  return nullptr;
}

TRITONSERVER_Error* TRITONBACKEND_InputProperties(
    TRITONBACKEND_Input* input, const char** name, TritonDataType* type,
    const int64_t** shape, uint32_t* dimensions, uint64_t* size_bytes,
    uint32_t* buffers) {
  if (name != nullptr) *name = input->name.c_str();
  if (type != nullptr) *type = input->type;
  if (shape != nullptr) *shape = input->shape.data();
  if (dimensions != nullptr) {
    *dimensions = static_cast<uint32_t>(input->shape.size());
  }
  if (size_bytes != nullptr) {
    *size_bytes = 0;
    for (const std::string& buffer : input->buffers) {
      *size_bytes += buffer.size();
    }
  }
  if (buffers != nullptr) {
    *buffers = static_cast<uint32_t>(input->buffers.size());
  }
  return nullptr;
}
TRITONSERVER_Error* TRITONBACKEND_InputBuffer(TRITONBACKEND_Input* input,
                                              uint32_t index,
                                              const void** buffer,
                                              uint64_t* size_bytes,
                                              TritonMemoryType* memory_type,
                                              int64_t* /*memory_type_id*/) {
  if (index >= input->buffers.size()) return OutOfRange();
  *buffer = input->buffers[index].data();
  *size_bytes = input->buffers[index].size();
  *memory_type = input->memory;
  return nullptr;
}

TRITONSERVER_Error* TRITONBACKEND_ResponseNew(TRITONBACKEND_Response** response,
                                              TRITONBACKEND_Request* request) {
  if (request->refuse_response) {
    return TRITONSERVER_ErrorNew(kTritonInternal, "no response today");
  }
  *response = &request->response;
  return nullptr;
}
TRITONSERVER_Error* TRITONBACKEND_ResponseOutput(
    TRITONBACKEND_Response* response, TRITONBACKEND_Output** output,
    const char* name, TritonDataType type, const int64_t* shape,
    uint32_t dimensions) {
  TRITONBACKEND_Output& made = response->outputs[name];
  made.type = type;
  made.shape.assign(shape, shape + dimensions);
  *output = &made;
  return nullptr;
}
TRITONSERVER_Error* TRITONBACKEND_OutputBuffer(TRITONBACKEND_Output* output,
                                               void** buffer,
                                               uint64_t size_bytes,
                                               TritonMemoryType* memory_type,
                                               int64_t* /*memory_type_id*/) {
  output->bytes.resize(size_bytes);
  *buffer = output->bytes.data();
  *memory_type = kTritonCpu;
  return nullptr;
}
TRITONSERVER_Error* TRITONBACKEND_ResponseSend(TRITONBACKEND_Response* response,
                                               uint32_t /*flags*/,
                                               TRITONSERVER_Error* error) {
  ++response->sent;
  if (error != nullptr) response->error = *error;
  return nullptr;
}
