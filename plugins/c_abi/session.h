#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <utility>

#include "engine/engine.h"
#include "engine/scratch_pool.h"
#include "plugins/c_abi/rank_messages.h"

namespace attune {

/// An open engine and the number of calls that run on it. Thread-safe.
class Session {
 public:
  explicit Session(std::unique_ptr<Engine> engine)
      : engine_(std::move(engine)) {}

  Engine& engine() { return *engine_; }
  ScratchPool<RankMessages>& rank_messages() { return rank_messages_; }

  void Enter() {
    std::lock_guard<std::mutex> lock(mutex_);
    ++calls_;
  }
  void Leave() {
    std::lock_guard<std::mutex> lock(mutex_);
    if (--calls_ == 0) idle_.notify_all();
  }

  /// Ends what would take minutes, waits until no call runs, then destroys the
  /// engine. REQUIRES: no Enter() can follow, that is, the handle is no longer
  /// registered.
  void Close() {
    engine_->PrepareClose();
    std::unique_lock<std::mutex> lock(mutex_);
    idle_.wait(lock, [&] { return calls_ == 0; });
    engine_.reset();
  }

 private:
  std::mutex mutex_;
  std::condition_variable idle_;
  int calls_ = 0;
  std::unique_ptr<Engine> engine_;
  ScratchPool<RankMessages> rank_messages_;
};

/// One running call. Keeps its session alive.
class SessionCall {
 public:
  SessionCall() = default;
  /// Takes over a session whose Enter() was called.
  explicit SessionCall(std::shared_ptr<Session> session)
      : session_(std::move(session)) {}
  SessionCall(SessionCall&&) = default;
  SessionCall& operator=(SessionCall&&) = delete;
  ~SessionCall() {
    if (session_) session_->Leave();
  }

  explicit operator bool() const { return session_ != nullptr; }
  Session& session() const { return *session_; }

 private:
  std::shared_ptr<Session> session_;
};

}  // namespace attune
