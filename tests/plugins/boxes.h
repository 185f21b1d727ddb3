#pragma once

#include <cstddef>
#include <string>

#include "plugins/c_abi/attune.h"

namespace attune {

/// An attune_error with room for its message.
struct ErrorBox {
  char text[512] = {};
  attune_error error = {};

  ErrorBox() {
    error.struct_size = sizeof(error);
    error.message = text;
    error.message_capacity = sizeof(text);
  }
  attune_error* get() { return &error; }
  std::string message() const { return text; }
};

/// An attune_buffer that frees itself.
struct BufferBox {
  attune_buffer buffer = {};

  BufferBox() { buffer.struct_size = sizeof(buffer); }
  ~BufferBox() { attune_buffer_free(&buffer); }
  BufferBox(const BufferBox&) = delete;
  BufferBox& operator=(const BufferBox&) = delete;
  attune_buffer* get() { return &buffer; }
  std::string bytes() const {
    return buffer.data == nullptr
               ? std::string()
               : std::string(static_cast<char*>(buffer.data), buffer.size);
  }
};

}  // namespace attune
