#pragma once

#include <cstddef>
#include <cstdint>

// Attune's own declarations of the part of Triton's C interface that the
// backend uses: no package carries the headers. Names, order of arguments and
// values are the interface's (TRITONBACKEND_ API 1.x), enums are ints there.
// The symbols stay undefined in the backend: the server that loads it has them.
//
// Every function returns nullptr or an error that the caller deletes. Strings
// that a function hands out belong to the object they came from.
extern "C" {

struct TRITONSERVER_Error;
struct TRITONSERVER_Message;
struct TRITONBACKEND_Backend;
struct TRITONBACKEND_Model;
struct TRITONBACKEND_ModelInstance;
struct TRITONBACKEND_Request;
struct TRITONBACKEND_Response;
struct TRITONBACKEND_Input;
struct TRITONBACKEND_Output;

enum TritonErrorCode : int {
  kTritonUnknown = 0,
  kTritonInternal = 1,
  kTritonNotFound = 2,
  kTritonInvalidArgument = 3,
  kTritonUnavailable = 4,
  kTritonUnsupported = 5,
  kTritonAlreadyExists = 6,
  kTritonCancelled = 7
};

enum TritonDataType : int {
  kTritonInvalidType = 0,
  kTritonBool = 1,
  kTritonInt32 = 8,
  kTritonInt64 = 9,
  kTritonFp32 = 11,
  kTritonFp64 = 12,
  kTritonBytes = 13
};

enum TritonMemoryType : int {
  kTritonCpu = 0,
  kTritonCpuPinned = 1,
  kTritonGpu = 2
};

enum TritonParameterType : int {
  kTritonStringParameter = 0,
  kTritonIntParameter = 1,
  kTritonBoolParameter = 2,
  kTritonDoubleParameter = 3
};

enum TritonLogLevel : int {
  kTritonLogInfo = 0,
  kTritonLogWarning = 1,
  kTritonLogError = 2,
  kTritonLogVerbose = 3
};

inline constexpr uint32_t kTritonResponseFinal = 1;
inline constexpr uint32_t kTritonReleaseAll = 1;
inline constexpr uint32_t kTritonConfigVersion = 1;
inline constexpr uint32_t kTritonApiMajor = 1;

// ---- what the server has ---------------------------------------------------

TRITONSERVER_Error* TRITONSERVER_ErrorNew(TritonErrorCode code,
                                          const char* message);
void TRITONSERVER_ErrorDelete(TRITONSERVER_Error* error);
TritonErrorCode TRITONSERVER_ErrorCode(TRITONSERVER_Error* error);
const char* TRITONSERVER_ErrorMessage(TRITONSERVER_Error* error);

TRITONSERVER_Error* TRITONSERVER_LogMessage(TritonLogLevel level,
                                            const char* file, int line,
                                            const char* message);

TRITONSERVER_Error* TRITONSERVER_MessageNewFromSerializedJson(
    TRITONSERVER_Message** message, const char* json, size_t size);
TRITONSERVER_Error* TRITONSERVER_MessageSerializeToJson(
    TRITONSERVER_Message* message, const char** json, size_t* size);
TRITONSERVER_Error* TRITONSERVER_MessageDelete(TRITONSERVER_Message* message);

TRITONSERVER_Error* TRITONBACKEND_ApiVersion(uint32_t* major, uint32_t* minor);
TRITONSERVER_Error* TRITONBACKEND_BackendState(TRITONBACKEND_Backend* backend,
                                               void** state);
TRITONSERVER_Error* TRITONBACKEND_BackendSetState(
    TRITONBACKEND_Backend* backend, void* state);

TRITONSERVER_Error* TRITONBACKEND_ModelName(TRITONBACKEND_Model* model,
                                            const char** name);
TRITONSERVER_Error* TRITONBACKEND_ModelVersion(TRITONBACKEND_Model* model,
                                               uint64_t* version);
TRITONSERVER_Error* TRITONBACKEND_ModelRepository(TRITONBACKEND_Model* model,
                                                  int* artifact_type,
                                                  const char** location);
TRITONSERVER_Error* TRITONBACKEND_ModelConfig(TRITONBACKEND_Model* model,
                                              uint32_t config_version,
                                              TRITONSERVER_Message** config);
TRITONSERVER_Error* TRITONBACKEND_ModelAutoCompleteConfig(
    TRITONBACKEND_Model* model, bool* auto_complete);
TRITONSERVER_Error* TRITONBACKEND_ModelSetConfig(TRITONBACKEND_Model* model,
                                                 uint32_t config_version,
                                                 TRITONSERVER_Message* config);
TRITONSERVER_Error* TRITONBACKEND_ModelBackend(TRITONBACKEND_Model* model,
                                               TRITONBACKEND_Backend** backend);
TRITONSERVER_Error* TRITONBACKEND_ModelState(TRITONBACKEND_Model* model,
                                             void** state);
TRITONSERVER_Error* TRITONBACKEND_ModelSetState(TRITONBACKEND_Model* model,
                                                void* state);

TRITONSERVER_Error* TRITONBACKEND_ModelInstanceModel(
    TRITONBACKEND_ModelInstance* instance, TRITONBACKEND_Model** model);
TRITONSERVER_Error* TRITONBACKEND_ModelInstanceReportStatistics(
    TRITONBACKEND_ModelInstance* instance, TRITONBACKEND_Request* request,
    bool success, uint64_t execute_start_ns, uint64_t compute_start_ns,
    uint64_t compute_end_ns, uint64_t execute_end_ns);
TRITONSERVER_Error* TRITONBACKEND_ModelInstanceReportBatchStatistics(
    TRITONBACKEND_ModelInstance* instance, uint64_t batch_size,
    uint64_t execute_start_ns, uint64_t compute_start_ns,
    uint64_t compute_end_ns, uint64_t execute_end_ns);

TRITONSERVER_Error* TRITONBACKEND_RequestId(TRITONBACKEND_Request* request,
                                            const char** id);
TRITONSERVER_Error* TRITONBACKEND_RequestIsCancelled(
    TRITONBACKEND_Request* request, bool* cancelled);
TRITONSERVER_Error* TRITONBACKEND_RequestParameterCount(
    TRITONBACKEND_Request* request, uint32_t* count);
TRITONSERVER_Error* TRITONBACKEND_RequestParameter(
    TRITONBACKEND_Request* request, uint32_t index, const char** key,
    TritonParameterType* type, const void** value);
TRITONSERVER_Error* TRITONBACKEND_RequestInputCount(
    TRITONBACKEND_Request* request, uint32_t* count);
TRITONSERVER_Error* TRITONBACKEND_RequestInputByIndex(
    TRITONBACKEND_Request* request, uint32_t index,
    TRITONBACKEND_Input** input);
TRITONSERVER_Error* TRITONBACKEND_RequestOutputCount(
    TRITONBACKEND_Request* request, uint32_t* count);
TRITONSERVER_Error* TRITONBACKEND_RequestOutputName(
    TRITONBACKEND_Request* request, uint32_t index, const char** name);
TRITONSERVER_Error* TRITONBACKEND_RequestRelease(TRITONBACKEND_Request* request,
                                                 uint32_t flags);

TRITONSERVER_Error* TRITONBACKEND_InputProperties(
    TRITONBACKEND_Input* input, const char** name, TritonDataType* type,
    const int64_t** shape, uint32_t* dimensions, uint64_t* size_bytes,
    uint32_t* buffers);
/// memory_type and memory_type_id: in, what is wished; out, what it is.
TRITONSERVER_Error* TRITONBACKEND_InputBuffer(TRITONBACKEND_Input* input,
                                              uint32_t index,
                                              const void** buffer,
                                              uint64_t* size_bytes,
                                              TritonMemoryType* memory_type,
                                              int64_t* memory_type_id);

TRITONSERVER_Error* TRITONBACKEND_ResponseNew(TRITONBACKEND_Response** response,
                                              TRITONBACKEND_Request* request);
TRITONSERVER_Error* TRITONBACKEND_ResponseOutput(
    TRITONBACKEND_Response* response, TRITONBACKEND_Output** output,
    const char* name, TritonDataType type, const int64_t* shape,
    uint32_t dimensions);
TRITONSERVER_Error* TRITONBACKEND_OutputBuffer(TRITONBACKEND_Output* output,
                                               void** buffer,
                                               uint64_t size_bytes,
                                               TritonMemoryType* memory_type,
                                               int64_t* memory_type_id);
/// Takes the response over, never `error`.
TRITONSERVER_Error* TRITONBACKEND_ResponseSend(TRITONBACKEND_Response* response,
                                               uint32_t flags,
                                               TRITONSERVER_Error* error);

// ---- what the backend has --------------------------------------------------

#define ATTUNE_TRITON_EXPORT __attribute__((visibility("default")))
ATTUNE_TRITON_EXPORT TRITONSERVER_Error* TRITONBACKEND_Initialize(
    TRITONBACKEND_Backend* backend);
ATTUNE_TRITON_EXPORT TRITONSERVER_Error* TRITONBACKEND_Finalize(
    TRITONBACKEND_Backend* backend);
ATTUNE_TRITON_EXPORT TRITONSERVER_Error* TRITONBACKEND_ModelInitialize(
    TRITONBACKEND_Model* model);
ATTUNE_TRITON_EXPORT TRITONSERVER_Error* TRITONBACKEND_ModelFinalize(
    TRITONBACKEND_Model* model);
ATTUNE_TRITON_EXPORT TRITONSERVER_Error* TRITONBACKEND_ModelInstanceExecute(
    TRITONBACKEND_ModelInstance* instance, TRITONBACKEND_Request** requests,
    uint32_t request_count);

}  // extern "C"
