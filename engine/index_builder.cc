#include "engine/index_builder.h"

#include <exception>
#include <system_error>
#include <utility>

#include "base/parallel.h"
#include "base/quiet_thread.h"
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

IndexBuilder::~IndexBuilder() {
  Close();
  std::thread thread;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    thread = std::move(thread_);
  }
  if (thread.joinable()) thread.join();
}

absl::Status IndexBuilder::Start(std::shared_ptr<ServedModel> served,
                                 bool fresh) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (closed_) return ClosedError();
  for (Task& task : tasks_) {
    if (task.served != served) continue;
    task.fresh = task.fresh || fresh;
    return absl::OkStatus();
  }
  tasks_.push_back({std::move(served), fresh});
  if (running_) return absl::OkStatus();
  // An earlier thread has given up running_ as its last act.
  if (thread_.joinable()) thread_.join();
  try {
    thread_ = StartQuietThread([this] { Run(); });
  } catch (const std::system_error& failure) {
    tasks_.clear();
    return absl::ResourceExhaustedError(
        StrCat("no thread for the retrieval index: ", failure.what()));
  }
  running_ = true;
  return absl::OkStatus();
}

void IndexBuilder::Close() {
  std::lock_guard<std::mutex> lock(mutex_);
  closed_ = true;
}

void IndexBuilder::Run() {
  while (true) {
    Task task;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      if (tasks_.empty()) {
        running_ = false;
        return;
      }
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
}

}  // namespace attune
