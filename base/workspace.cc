#include "base/workspace.h"

#include <algorithm>
#include <new>

namespace attune {
namespace {

constexpr size_t kAlignment = 64;

size_t RoundUp(size_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

}  // namespace

Workspace::Block Workspace::NewBlock(size_t bytes) {
  Block block;
  block.size = RoundUp(std::max<size_t>(bytes, kAlignment));
  block.data = static_cast<std::byte*>(
      ::operator new(block.size, std::align_val_t{kAlignment}));
  return block;
}

void Workspace::FreeBlock(Block& block) {
  ::operator delete(block.data, std::align_val_t{kAlignment});
  block = {};
}

Workspace::Workspace(size_t initial_bytes) {
  blocks_.push_back(NewBlock(initial_bytes));
}

Workspace::~Workspace() {
  for (Block& block : blocks_) FreeBlock(block);
}

void* Workspace::AllocateBytes(size_t bytes) {
  bytes = RoundUp(std::max<size_t>(bytes, 1));
  while (offset_ + bytes > blocks_[current_].size) {
    used_before_ += blocks_[current_].size;
    offset_ = 0;
    if (++current_ == blocks_.size()) {
      // Doubling keeps the number of blocks of a first, unwarmed request small.
      blocks_.push_back(NewBlock(std::max(bytes, used_before_)));
    }
  }
  void* result = blocks_[current_].data + offset_;
  offset_ += bytes;
  return result;
}

void Workspace::Reset() {
  if (blocks_.size() > 1) {
    const size_t total = capacity_bytes();
    for (Block& block : blocks_) FreeBlock(block);
    blocks_.clear();
    blocks_.push_back(NewBlock(total));
  }
  current_ = offset_ = used_before_ = 0;
}

size_t Workspace::capacity_bytes() const {
  size_t total = 0;
  for (const Block& block : blocks_) total += block.size;
  return total;
}

}  // namespace attune
