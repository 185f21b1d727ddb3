// The best rate of oneDNN's matrix product on one core, f32 and bf16, over a
// set of shapes: the denominator of "share of the limit". Weights in the layout
// that the library asks for, bf16 results in f32 as the engine's, no post-ops.
//
//   onednn_limit [seconds per shape]     one JSON object on standard output
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <dnnl.hpp>
#include <random>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/parallel.h"
#include "base/strings.h"

namespace attune {
namespace {

using dnnl::memory;

struct Shape {
  int64_t m, k, n;
};

// Squares, and what the fixed workloads ask for: W1 (64, 256) and W2 (256,
// 1024) projections and feed-forward parts, in the engine's row buckets too.
constexpr Shape kShapes[] = {
    {256, 256, 256},   {512, 512, 512},   {1024, 1024, 1024}, {256, 512, 256},
    {512, 64, 64},     {512, 64, 256},    {512, 256, 64},     {1024, 256, 256},
    {1024, 256, 1024}, {1024, 1024, 256}, {256, 1024, 256},   {256, 256, 1024},
    {128, 256, 1024},  {128, 1024, 256},  {1024, 512, 64},    {64, 512, 512}};

struct Rate {
  double gflops = 0;
  std::string implementation;
};

Rate Measure(const dnnl::engine& engine, const Shape& shape, bool bfloat16,
             double seconds) {
  const auto type = bfloat16 ? memory::data_type::bf16 : memory::data_type::f32;
  const auto plain = memory::format_tag::ab;
  const memory::desc a({shape.m, shape.k}, type, plain);
  const memory::desc b({shape.k, shape.n}, type, memory::format_tag::any);
  const memory::desc c({shape.m, shape.n}, memory::data_type::f32, plain);
  const dnnl::matmul::primitive_desc description(engine, a, b, c);
  const dnnl::matmul product(description);
  dnnl::stream stream(engine);
  const auto fill = [&](const memory::desc& desc) {
    const memory::desc f32(desc.get_dims(), memory::data_type::f32, plain);
    memory from(f32, engine), to(desc, engine);
    std::mt19937 random(1);
    std::normal_distribution<float> normal;
    float* data = static_cast<float*>(from.get_data_handle());
    const size_t count = f32.get_size() / sizeof(float);
    std::generate(data, data + count, [&] { return normal(random); });
    dnnl::reorder(from, to).execute(stream, from, to);
    stream.wait();
    return to;
  };
  memory src = fill(a), weights = fill(description.weights_desc());
  memory dst(c, engine);
  const auto run = [&] {
    product.execute(stream, {{DNNL_ARG_SRC, src},
                             {DNNL_ARG_WEIGHTS, weights},
                             {DNNL_ARG_DST, dst}});
  };
  for (int i = 0; i < 3; ++i) run();
  // The fastest block: the rate of the core, not of its neighbours' load.
  const double flops = 2.0 * shape.m * shape.k * shape.n;
  const int block = std::max(1, static_cast<int>(2e7 / flops));
  Rate rate;
  rate.implementation = description.impl_info_str();
  const int64_t end = MonotonicNs() + static_cast<int64_t>(seconds * 1e9);
  do {
    const int64_t start = MonotonicNs();
    for (int i = 0; i < block; ++i) run();
    const double ns = static_cast<double>(MonotonicNs() - start);
    rate.gflops = std::max(rate.gflops, flops * block / ns);
  } while (MonotonicNs() < end);
  return rate;
}

void Print(double seconds) {
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  std::string text = "{";
  for (const bool bfloat16 : {false, true}) {
    const char* name = bfloat16 ? "bf16" : "f32";
    text += StrCat(bfloat16 ? ",\n " : "\n ", "\"", name, "\": {\"shapes\": [");
    Rate best;
    std::string best_shape;
    bool first = true;
    for (const Shape& shape : kShapes) {
      Rate rate;
      try {
        rate = Measure(engine, shape, bfloat16, seconds);
      } catch (const dnnl::error&) {
        continue;  // no such product on this processor
      }
      const std::string label = StrCat(shape.m, "x", shape.k, "x", shape.n);
      if (rate.gflops > best.gflops) {
        best = rate;
        best_shape = label;
      }
      text += StrCat(first ? "\n  " : ",\n  ", "{\"shape\": \"", label,
                     "\", \"gflops\": ", rate.gflops,
                     ", \"implementation\": \"", rate.implementation, "\"}");
      first = false;
    }
    text += StrCat("],\n  \"best\": {\"shape\": \"", best_shape,
                   "\", \"gflops\": ", best.gflops, ", \"implementation\": \"",
                   best.implementation, "\"}}");
  }
  std::puts((text + "\n}").c_str());
}

}  // namespace
}  // namespace attune

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::atof(argv[1]) : 0.2;
  attune::RunSerial([&] { attune::Print(seconds); });
  return 0;
}
