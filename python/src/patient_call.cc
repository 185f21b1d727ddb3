#include "python/src/patient_call.h"

#include <nanobind/nanobind.h>

#include <chrono>
#include <exception>
#include <thread>
#include <utility>

#include "base/quiet_thread.h"
#include "plugins/c_abi/host_state.h"

namespace attune::python {

namespace nb = nanobind;

void PatientCall::Report(std::function<void()> report) {
  const std::lock_guard<std::mutex> lock(mutex_);
  reports_.push_back(std::move(report));
  changed_.notify_one();
}

void PatientCall::Run(absl::FunctionRef<void()> work) {
  // How often Ctrl-C is looked for.
  constexpr auto kTick = std::chrono::milliseconds(100);
  std::exception_ptr thrown;
  std::thread worker = StartQuietThread([&] {
    try {
      const HostState state;
      work();
    } catch (...) {
      thrown = std::current_exception();
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    done_ = true;
    changed_.notify_one();
  });
  std::exception_ptr raised;
  for (bool done = false; !done;) {
    std::deque<std::function<void()>> reports;
    {
      const nb::gil_scoped_release without_gil;
      std::unique_lock<std::mutex> lock(mutex_);
      changed_.wait_for(lock, kTick,
                        [&] { return done_ || !reports_.empty(); });
      reports.swap(reports_);
      done = done_;
    }
    try {
      if (PyErr_CheckSignals() != 0) throw nb::python_error();
      for (const auto& report : reports) {
        if (!raised) report();
      }
    } catch (...) {
      if (!raised) raised = std::current_exception();
      cancelled_ = true;
    }
    if (raised && on_cancel_) on_cancel_();
  }
  {
    const nb::gil_scoped_release without_gil;
    worker.join();
  }
  if (raised) std::rethrow_exception(raised);
  if (thrown) std::rethrow_exception(thrown);
}

}  // namespace attune::python
