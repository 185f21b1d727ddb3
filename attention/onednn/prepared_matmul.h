#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "attention/ops/activation.h"
#include "base/workspace.h"
#include "oneapi/dnnl/dnnl.hpp"

namespace attune {

/// What one oneDNN product computes:
/// dst[rows, out] = f(src[rows, in] weights[in, out] + bias) + residual.
struct MatmulShape {
  int64_t rows = 0;
  int64_t in = 0;
  int64_t out = 0;
  bool bfloat16 = false;  ///< src and weights; sums and dst are f32
  bool bias = false;
  bool residual = false;
  ActivationKind activation = ActivationKind::kNone;
};

/// A product of one fixed shape: the code is generated in Create, Execute only
/// runs it. Matrices are dense. Execute is thread-safe: the memory objects that
/// oneDNN wants (0.2 µs each to make, 20 ns to redirect) wait in a free list.
/// Create and Execute must run inside RunSerial().
class PreparedMatmul {
 public:
  /// `weights_desc` is the packed layout; an empty one lets oneDNN choose (see
  /// weights_desc()). Unimplemented when oneDNN has no optimised code for it.
  static absl::StatusOr<std::unique_ptr<PreparedMatmul>> Create(
      const dnnl::engine& engine, const MatmulShape& shape,
      const dnnl::memory::desc& weights_desc);
  ~PreparedMatmul();
  PreparedMatmul(const PreparedMatmul&) = delete;
  PreparedMatmul& operator=(const PreparedMatmul&) = delete;

  const MatmulShape& shape() const { return shape_; }
  /// oneDNN's name of the implementation, e.g. "brg:avx512_core".
  const std::string& implementation() const { return implementation_; }
  dnnl::memory::desc weights_desc() const {
    return primitive_desc_.weights_desc();
  }

  /// `bias` and `residual` are read only where the shape has them; `residual`
  /// may be `dst`. Internal on a oneDNN failure.
  absl::Status Execute(Workspace& workspace, const void* src,
                       const dnnl::memory& weights, const float* bias,
                       const float* residual, float* dst) const;

 private:
  // One set of memory objects and a stream, used by one call at a time.
  struct Arguments;

  PreparedMatmul(const dnnl::engine& engine, const MatmulShape& shape,
                 const dnnl::matmul::primitive_desc& primitive_desc);
  std::unique_ptr<Arguments> TakeArguments() const;

  dnnl::engine engine_;
  MatmulShape shape_;
  dnnl::matmul::primitive_desc primitive_desc_;
  dnnl::matmul primitive_;
  std::string implementation_;
  size_t scratchpad_bytes_;
  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<Arguments>> free_;  // guarded by mutex_
};

}  // namespace attune
