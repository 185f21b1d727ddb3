#pragma once

#include "absl/status/status.h"
#include "storage/bulk_rows.h"
#include "storage/store.h"

namespace attune::storage {

/// Writes the rows into sorted table files beside the database and makes them
/// part of it in one atomic, durable step. On error nothing changed, and no
/// file is left.
absl::Status IngestRows(const Store& store, const View& view, BulkRows& rows);

/// Removes what a killed bulk load left behind.
void RemoveBulkLeftovers(const Store& store);

}  // namespace attune::storage
