#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "plugins/c_abi/attune.h"

namespace attune::triton {

/// A result of the C interface.
class EngineBuffer {
 public:
  EngineBuffer() { buffer_.struct_size = sizeof(buffer_); }
  ~EngineBuffer() { attune_buffer_free(&buffer_); }
  EngineBuffer(EngineBuffer&& other) noexcept : buffer_(other.buffer_) {
    other.buffer_.data = nullptr;
    other.buffer_.size = 0;
  }
  EngineBuffer& operator=(EngineBuffer&& other) noexcept {
    std::swap(buffer_, other.buffer_);
    return *this;
  }
  std::string_view view() const {
    return {static_cast<const char*>(buffer_.data), buffer_.size};
  }
  attune_buffer* get() { return &buffer_; }

 private:
  attune_buffer buffer_ = {};
};

/// One open database, by the C interface. Thread-safe.
class EngineHandle {
 public:
  /// `options_json` as for attune_open; the library logs to the server's log.
  static absl::StatusOr<std::unique_ptr<EngineHandle>> Open(
      std::string_view options_json);
  ~EngineHandle();
  EngineHandle(const EngineHandle&) = delete;
  EngineHandle& operator=(const EngineHandle&) = delete;

  /// v1::RankRequest bytes in, v1::RankResponse bytes out.
  absl::StatusOr<EngineBuffer> Rank(std::string_view request) const;

  /// scores[i] is ids[i]'s, NaN where the item is not available.
  absl::Status RankIds(std::string_view user_id,
                       std::span<const std::string_view> ids,
                       const attune_rank_ids_options& options,
                       std::span<float> scores) const;

  /// Makes a model directory the database's current model, if it is not that
  /// already: the call may take as long as the catalogue is large; requests are
  /// answered by the old model meanwhile. Owner only. A second call waits.
  absl::Status Publish(const std::string& directory);

 private:
  explicit EngineHandle(attune_engine* engine) : engine_(engine) {}
  absl::StatusOr<std::string> CurrentModel() const;

  attune_engine* const engine_;
  std::mutex publish_mutex_;
};

}  // namespace attune::triton
