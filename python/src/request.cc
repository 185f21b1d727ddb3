#include "python/src/request.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>

#include "base/strings.h"
#include "python/src/errors.h"
#include "python/src/records.h"
#include "python/src/text.h"

namespace attune::python {

namespace nb = nanobind;

namespace {

int64_t IntegerOf(nb::handle value, std::string_view name, int64_t most) {
  // Takes NumPy's integers; a bool is most likely a mistake.
  const nb::object index = PyBool_Check(value.ptr())
                               ? nb::object()
                               : nb::steal(PyNumber_Index(value.ptr()));
  if (!index.is_valid()) {
    PyErr_Clear();
    RaiseInvalid(StrCat(name, ": must be a whole number, not ",
                        Py_TYPE(value.ptr())->tp_name));
  }
  int overflow = 0;
  const int64_t number = PyLong_AsLongLongAndOverflow(index.ptr(), &overflow);
  if (overflow != 0 || number < 0 || number > most) {
    RaiseInvalid(StrCat(name, ": must be from 0 to ", most, ", not ",
                        TextOf(nb::str(index), name)));
  }
  return number;
}

bool FlagOf(nb::handle value, std::string_view name) {
  if (!PyBool_Check(value.ptr())) {
    RaiseInvalid(StrCat(name, ": must be True or False, not ",
                        Py_TYPE(value.ptr())->tp_name));
  }
  return value.ptr() == Py_True;
}

float NumberOf(nb::handle value, std::string_view name) {
  const double number = PyFloat_AsDouble(value.ptr());
  if (PyErr_Occurred() != nullptr) {
    PyErr_Clear();
    RaiseInvalid(StrCat(name, ": must be a number, not ",
                        Py_TYPE(value.ptr())->tp_name));
  }
  return static_cast<float>(number);
}

template <typename Strings>
void AddTexts(nb::handle values, std::string_view name, Strings* out) {
  const Texts texts = TextsOf(values, name);
  for (const std::string_view text : texts.views) {
    out->Add(std::string(text));
  }
}

template <typename Items>
void AddItems(nb::handle rows, std::string_view name,
              const features::Schema& schema, Items* out) {
  int64_t row = 0;
  for (const nb::handle dict : rows) {
    ParseItemDict(dict, name, ++row, schema, out->Add());
  }
}

void SetHistory(nb::handle rows, const features::Schema& schema,
                v1::History* history) {
  int64_t row = 0;
  for (const nb::handle dict : rows) {
    v1::HistoryEvent event;
    if (ParseHistoryDict(dict, "history", ++row, schema, &event)) {
      *history->add_events() = std::move(event);
    }
  }
  history->set_count(history->events_size());
}

/// Whether `key` is one of the policy's.
bool SetPolicy(std::string_view key, nb::handle value, v1::RankRequest* out) {
  if (key == "exclude_seen") {
    out->mutable_policy()->set_exclude_seen(FlagOf(value, key));
  } else if (key == "include_unavailable") {
    out->mutable_policy()->set_include_unavailable(FlagOf(value, key));
  } else if (key == "require_categories") {
    AddTexts(value, key, out->mutable_policy()->mutable_require_categories());
  } else if (key == "exclude_categories") {
    AddTexts(value, key, out->mutable_policy()->mutable_exclude_categories());
  } else if (key == "exclude_ids") {
    AddTexts(value, key, out->mutable_policy()->mutable_exclude_ids());
  } else if (key == "diversity") {
    out->mutable_policy()->set_diversity(NumberOf(value, key));
  } else if (key == "value_formula") {
    out->mutable_policy()->set_value_formula(std::string(TextOf(value, key)));
  } else {
    return false;
  }
  return true;
}

}  // namespace

v1::RankRequest MakeRequest(const nb::dict& arguments,
                            const features::Schema& schema) {
  constexpr int64_t kMostInt64 = std::numeric_limits<int64_t>::max();
  v1::RankRequest request;
  for (const auto [key_object, value] : arguments) {
    const std::string_view key = TextOf(key_object, "a key");
    if (value.is_none() || SetPolicy(key, value, &request)) continue;
    if (key == "user") {
      request.set_user_id(std::string(TextOf(value, key)));
    } else if (key == "candidates") {
      AddTexts(value, key, request.mutable_candidate_ids());
    } else if (key == "items") {
      AddItems(value, key, schema, request.mutable_candidates());
    } else if (key == "history") {
      SetHistory(value, schema, request.mutable_inline_history());
    } else if (key == "history_items") {
      AddItems(value, key, schema, request.mutable_history_items());
    } else if (key == "user_features") {
      ParseUserDict(value, key, 1, schema, request.mutable_inline_user());
    } else if (key == "context") {
      ParseContextDict(value, key, schema, request.mutable_context());
    } else if (key == "k") {
      request.set_k(static_cast<uint32_t>(
          IntegerOf(value, key, std::numeric_limits<uint32_t>::max())));
    } else if (key == "now_ms") {
      request.set_now_ms(IntegerOf(value, key, kMostInt64));
    } else if (key == "deadline_ms") {
      request.set_deadline_ms(IntegerOf(value, key, kMostInt64));
    } else if (key == "explain") {
      request.set_explain(FlagOf(value, key));
    } else if (key == "without_state") {
      request.set_without_state(FlagOf(value, key));
    } else if (key == "model") {
      request.set_model(std::string(TextOf(value, key)));
    } else {
      RaiseInvalid(StrCat("there is no argument \"", key, "\""));
    }
  }
  return request;
}

}  // namespace attune::python
