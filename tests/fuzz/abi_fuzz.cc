// Bytes from anywhere through the ABI's doors, on the fake engine: each must
// end as ok or InvalidArgument. The first byte chooses the door.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "plugins/c_abi/attune.h"

namespace {

attune_engine* OpenFake() {
  constexpr std::string_view kJson = R"({"database": "fuzz"})";
  attune_engine* engine = nullptr;
  attune_open(kJson.data(), kJson.size(), nullptr, &engine, nullptr);
  return engine;
}

int Call(attune_engine* engine, int door, const uint8_t* data, size_t size,
         attune_error* error) {
  attune_buffer buffer = {};
  buffer.struct_size = sizeof(buffer);
  int code = ATTUNE_OK;
  switch (door) {
    case 0:
      code = attune_rank(engine, data, size, nullptr, &buffer, error);
      break;
    case 1:
      code = attune_rank_batch(engine, data, size, nullptr, &buffer, error);
      break;
    case 2:
      code = attune_put_items(engine, data, size, 0, error);
      break;
    case 3:
      code = attune_put_users(engine, data, size, 0, error);
      break;
    case 4:
      code = attune_put_events(engine, data, size, 0, error);
      break;
    default: {
      attune_engine* opened = nullptr;
      code = attune_open(reinterpret_cast<const char*>(data), size, nullptr,
                         &opened, error);
      if (code == ATTUNE_OK) attune_close(opened, nullptr);
    }
  }
  attune_buffer_free(&buffer);
  return code;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static attune_engine* const engine = OpenFake();
  if (engine == nullptr) abort();
  if (size == 0) return 0;
  char text[64];
  attune_error error = {};
  error.struct_size = sizeof(error);
  error.message = text;
  error.message_capacity = sizeof(text);
  const int code = Call(engine, data[0] % 6, data + 1, size - 1, &error);
  if (code != ATTUNE_OK && code != ATTUNE_INVALID_ARGUMENT) abort();
  if (code != error.code) abort();
  return 0;
}
