#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>

#include "base/task_thread.h"
#include "engine/served_model.h"
#include "storage/database.h"

namespace attune {

/// Reads the catalogue into a model's item cache on a thread of its own, so
/// that requests find their candidates' rows there from the start: first the
/// items that were ever counted, then the others, until the cache is full or
/// all are in. It works a quarter of the time at most, in portions below a
/// millisecond; it takes nothing out of the cache and never writes.
/// Thread-safe.
class CacheFiller {
 public:
  /// `database` must outlive the object.
  explicit CacheFiller(storage::Database& database) : database_(database) {}
  /// Close(), and waits for the filling to end.
  ~CacheFiller() { Close(); }
  CacheFiller(const CacheFiller&) = delete;
  CacheFiller& operator=(const CacheFiller&) = delete;

  /// Fills this model's cache, in place of one that is being filled. Where no
  /// thread can be started it stays empty: requests fill it.
  void Start(std::shared_ptr<ServedModel> served);
  /// Ends the filling and refuses to begin others. Does not wait.
  void Close();
  bool running() const { return thread_.busy(); }

 private:
  void FillNext();
  void Fill(ServedModel& served);
  /// Waits; Cancelled as soon as the filling is to end.
  absl::Status Rest(std::chrono::nanoseconds time);

  storage::Database& database_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::shared_ptr<ServedModel> next_;  // to be filled
  bool closed_ = false;
  TaskThread thread_;  // ends before what it uses
};

}  // namespace attune
