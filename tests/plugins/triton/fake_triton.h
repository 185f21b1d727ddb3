#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "plugins/triton/triton_api.h"

// A server for tests: the functions of Triton that the backend calls, over
// structs that a test fills and reads.

struct TRITONSERVER_Error {
  TritonErrorCode code;
  std::string message;
};

struct TRITONSERVER_Message {
  std::string json;
};

struct TRITONBACKEND_Backend {
  void* state = nullptr;
};

struct TRITONBACKEND_Model {
  TRITONBACKEND_Backend* backend = nullptr;
  std::string name = "books", folder = "/nowhere";
  uint64_t version = 1;
  std::string config = "{}";
  bool auto_complete = true;
  void* state = nullptr;
};

struct TRITONBACKEND_ModelInstance {
  TRITONBACKEND_Model* model = nullptr;
  std::mutex mutex;  // guards what follows
  int succeeded = 0, failed = 0;
  uint64_t batch_rows = 0;
};

struct TRITONBACKEND_Input {
  std::string name;
  TritonDataType type = kTritonBytes;
  std::vector<int64_t> shape;
  std::vector<std::string> buffers;
  TritonMemoryType memory = kTritonCpu;
};

struct TRITONBACKEND_Output {
  TritonDataType type = kTritonInvalidType;
  std::vector<int64_t> shape;
  std::vector<char> bytes;
};

struct TRITONBACKEND_Response {
  std::map<std::string, TRITONBACKEND_Output> outputs;
  std::optional<TRITONSERVER_Error> error;
  int sent = 0;
};

struct TRITONBACKEND_Request {
  using Value = std::variant<std::string, int64_t, bool, double>;
  std::string id = "r";
  std::vector<TRITONBACKEND_Input> inputs;
  std::vector<std::pair<std::string, Value>> parameters;
  std::vector<std::string> outputs;
  bool cancelled = false;
  bool refuse_response = false;
  TRITONBACKEND_Response response;
  int released = 0;
};

namespace attune::triton {

/// Errors that were made and not deleted.
int LiveErrors();

}  // namespace attune::triton
