#pragma once

#include <exception>
#include <new>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "plugins/c_abi/attune.h"
#include "plugins/c_abi/error_sink.h"
#include "plugins/c_abi/host_state.h"
#include "plugins/c_abi/log_forwarder.h"
#include "plugins/c_abi/registry.h"

namespace attune {

/// What every function of the ABI does around its work: known conditions for
/// the thread, the caller's error struct, fork and re-entry refused, nothing
/// thrown past this point. `body` (ErrorSink&) returns the code it has set.
template <typename Body>
int GuardedEntry(attune_error* error, Body&& body) noexcept {
  HostState state;
  ErrorSink sink(error);
  if (!sink.usable()) {
    return sink.Set(ATTUNE_INVALID_ARGUMENT,
                    "attune_error: struct_size is not of this version, or a "
                    "field that this version does not know is set");
  }
  try {
    if (Registry::Instance().Forked()) {
      return sink.Set(ATTUNE_FORKED,
                      "this process was forked off one with an open engine; "
                      "open engines after fork()");
    }
    if (InLogCallback()) {
      return sink.Set(ATTUNE_FAILED_PRECONDITION,
                      "called from inside a log callback");
    }
    return std::forward<Body>(body)(sink);
  } catch (const std::bad_alloc&) {
    return sink.Set(ATTUNE_RESOURCE_EXHAUSTED, "out of memory");
  } catch (const std::system_error& failure) {
    return sink.Set(ATTUNE_RESOURCE_EXHAUSTED, failure.what());
  } catch (const std::exception& failure) {
    return sink.Set(ATTUNE_INTERNAL, failure.what());
  } catch (...) {
    return sink.Set(ATTUNE_INTERNAL, "unknown exception");
  }
}

/// As GuardedEntry, for functions that work on an open engine. `body`
/// (Session&) returns a Status.
template <typename Body>
int SessionEntry(const attune_engine* handle, attune_error* error,
                 Body&& body) noexcept {
  return GuardedEntry(error, [&](ErrorSink& sink) {
    const SessionCall call = Registry::Instance().Enter(handle);
    if (!call) {
      return sink.Set(ATTUNE_INVALID_HANDLE,
                      handle == nullptr
                          ? "the engine handle is NULL"
                          : "not the handle of an open engine (closed?)");
    }
    return sink.Set(std::forward<Body>(body)(call.session()));
  });
}

/// The same where `body` takes the Engine&.
template <typename Body>
int EngineEntry(const attune_engine* handle, attune_error* error,
                Body&& body) noexcept {
  return SessionEntry(handle, error, [&](Session& session) {
    return std::forward<Body>(body)(session.engine());
  });
}

}  // namespace attune
