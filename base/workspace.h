#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <type_traits>
#include <vector>

#include "base/tensor_view.h"

namespace attune {

/// Bump arena for a request's or a training shard's temporaries. Grows while it
/// learns the peak; after Reset() the peak is one block, so that a warmed-up
/// request allocates nothing. Memory is 64-byte aligned and uninitialised.
/// Not thread-safe: one per ExecutionContext.
class Workspace {
 public:
  explicit Workspace(size_t initial_bytes = size_t{1} << 20);
  ~Workspace();
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;

  /// `bytes` of 64-byte aligned memory, valid until the enclosing Scope ends or
  /// Reset(). Throws std::bad_alloc when the system has no memory.
  void* AllocateBytes(size_t bytes);

  template <typename T>
  std::span<T> Allocate(int64_t count) {
    static_assert(std::is_trivially_destructible_v<T>);
    return {static_cast<T*>(AllocateBytes(sizeof(T) * count)),
            static_cast<size_t>(count)};
  }

  MatrixView Matrix(int64_t rows, int64_t cols) {
    return {Allocate<float>(rows * cols).data(), {rows, cols}};
  }
  MatrixView ZeroMatrix(int64_t rows, int64_t cols) {
    MatrixView m = Matrix(rows, cols);
    std::memset(m.data(), 0, sizeof(float) * rows * cols);
    return m;
  }

  /// Frees everything; merges the blocks of the past into one of peak size.
  void Reset();

  size_t used_bytes() const { return used_before_ + offset_; }
  size_t capacity_bytes() const;

  /// Gives back, at its end, what was allocated since its begin.
  class Scope {
   public:
    explicit Scope(Workspace& workspace)
        : workspace_(workspace),
          block_(workspace.current_),
          offset_(workspace.offset_),
          used_before_(workspace.used_before_) {}
    ~Scope() {
      workspace_.current_ = block_;
      workspace_.offset_ = offset_;
      workspace_.used_before_ = used_before_;
    }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Workspace& workspace_;
    size_t block_, offset_, used_before_;
  };

 private:
  struct Block {
    std::byte* data = nullptr;
    size_t size = 0;
  };
  static Block NewBlock(size_t bytes);
  static void FreeBlock(Block& block);

  std::vector<Block> blocks_;
  size_t current_ = 0;      // index of the block being filled
  size_t offset_ = 0;       // first free byte of it
  size_t used_before_ = 0;  // sizes of the blocks before it
};

}  // namespace attune
