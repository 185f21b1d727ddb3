// Per-target code of Highway: included once per instruction set.
#if defined(ATTUNE_ATTENTION_ONEDNN_HEAD_TAG_INL_H_) == \
    defined(HWY_TARGET_TOGGLE)
#ifdef ATTUNE_ATTENTION_ONEDNN_HEAD_TAG_INL_H_
#undef ATTUNE_ATTENTION_ONEDNN_HEAD_TAG_INL_H_
#else
#define ATTUNE_ATTENTION_ONEDNN_HEAD_TAG_INL_H_
#endif

#include <cstdint>

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace attune {
namespace HWY_NAMESPACE {

/// Calls body(tag) with the widest vectors that divide a head's width, so that
/// no vector crosses a head and nothing is left over.
template <class Body>
HWY_INLINE void WithHeadTag(int64_t head_width, Body body) {
  namespace hn = hwy::HWY_NAMESPACE;
  const hn::ScalableTag<float> d;
  if (head_width % static_cast<int64_t>(hn::Lanes(d)) == 0) return body(d);
  if (head_width % 8 == 0) return body(hn::CappedTag<float, 8>());
  if (head_width % 4 == 0) return body(hn::CappedTag<float, 4>());
  body(hn::CappedTag<float, 1>());
}

}  // namespace HWY_NAMESPACE
}  // namespace attune
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
