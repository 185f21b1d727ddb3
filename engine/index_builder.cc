#include "engine/index_builder.h"

#include <exception>
#include <utility>

#include "base/parallel.h"
#include "base/strings.h"

namespace attune {
namespace {

absl::Status ClosedError() {
  return absl::CancelledError("the engine is being closed");
}

/// Nobody above could catch what is thrown here.
void BuildIndex(CatalogueIndex& index, CancelFlag cancelled) {
  try {
    ExecutionContext context;
    context.cancelled = cancelled;
    RunSerial([&] { (void)index.Build(context); });
  } catch (const std::exception& failure) {
    index.Fail(absl::ResourceExhaustedError(
        StrCat("no retrieval index: ", failure.what())));
  }
}

}  // namespace

absl::Status IndexBuilder::Start(std::shared_ptr<ServedModel> served,
                                 bool fresh) {
  const std::lock_guard lock(mutex_);
  if (closed_) return ClosedError();
  for (Task& task : tasks_) {
    if (task.served != served) continue;
    task.fresh = task.fresh || fresh;
    return absl::OkStatus();
  }
  tasks_.push_back({std::move(served), fresh});
  const absl::Status added = thread_.Add([this] { BuildNext(); });
  if (added.ok()) return absl::OkStatus();
  tasks_.pop_back();
  return absl::Status(added.code(),
                      StrCat("no retrieval index: ", ToStd(added.message())));
}

void IndexBuilder::Close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
}

void IndexBuilder::BuildNext() {
  Task task;
  {
    const std::lock_guard lock(mutex_);
    task = std::move(tasks_.front());
    tasks_.pop_front();
  }
  CatalogueIndex& index = task.served->index();
  if (closed_) {
    index.Fail(ClosedError());
  } else if (task.fresh || index.view() == nullptr) {
    BuildIndex(index, &closed_);
  }
}

}  // namespace attune
