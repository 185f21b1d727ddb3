#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// Early return on error, the one control-flow macro of the project:
//   ATTUNE_RETURN_IF_ERROR(DoIt());
//   ATTUNE_ASSIGN_OR_RETURN(Row row, ReadRow());
#define ATTUNE_CONCAT_INNER_(a, b) a##b
#define ATTUNE_CONCAT_(a, b) ATTUNE_CONCAT_INNER_(a, b)

#define ATTUNE_RETURN_IF_ERROR(expr) \
  ATTUNE_RETURN_IF_ERROR_IMPL_(ATTUNE_CONCAT_(attune_status_, __LINE__), expr)
#define ATTUNE_RETURN_IF_ERROR_IMPL_(tmp, expr) \
  do {                                          \
    absl::Status tmp = (expr);                  \
    if (!tmp.ok()) return tmp;                  \
  } while (false)

#define ATTUNE_ASSIGN_OR_RETURN(lhs, expr)                                  \
  ATTUNE_ASSIGN_OR_RETURN_IMPL_(ATTUNE_CONCAT_(attune_statusor_, __LINE__), \
                                lhs, expr)
#define ATTUNE_ASSIGN_OR_RETURN_IMPL_(tmp, lhs, expr) \
  auto tmp = (expr);                                  \
  if (!tmp.ok()) return std::move(tmp).status();      \
  lhs = std::move(tmp).value()
