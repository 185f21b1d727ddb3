#include "engine/catalogue_index.h"

#include <algorithm>
#include <new>
#include <utility>

#include "base/status_macros.h"
#include "features/hash.h"

namespace attune {
namespace {

using Clock = std::chrono::steady_clock;

/// Items that are read and embedded between two looks at the clock.
constexpr size_t kChunk = 256;
/// Rests this many times as long as a build took.
constexpr int kRest = 3;
/// How late a cancel flag may be seen.
constexpr std::chrono::milliseconds kLook{5};

uint64_t RecordHash(const v1::Item& record) {
  return features::HashBytes(record.SerializeAsString());
}

/// What `body` returns. Where memory ends in it, a table may be half changed,
/// and nobody above knows that.
template <typename Body>
absl::Status WithinMemory(Body body) {
  try {
    return body();
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("no memory for the retrieval index");
  }
}

}  // namespace

CatalogueIndex::CatalogueIndex(storage::Database& database,
                               std::shared_ptr<const Model> model,
                               ModelItems& items, Memory memory)
    : database_(database),
      model_(std::move(model)),
      items_(items),
      memory_(std::move(memory)),
      table_(model_->config().width) {}

std::shared_ptr<const CatalogueView> CatalogueIndex::view() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return view_;
}

bool CatalogueIndex::in_use() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return view_ != nullptr || building_;
}

int64_t CatalogueIndex::builds_begun() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return builds_begun_;
}

int64_t CatalogueIndex::builds_ended() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return builds_ended_;
}

bool CatalogueIndex::IsDue() const {
  if (!stale_) return false;
  std::lock_guard<std::mutex> lock(mutex_);
  return view_ != nullptr && !building_ && Clock::now() >= next_build_;
}

absl::Status CatalogueIndex::Wait(const ExecutionContext& context,
                                  int64_t moment, bool fresh) const {
  std::unique_lock<std::mutex> lock(mutex_);
  while (true) {
    const bool built = builds_ended_ > moment;
    if (built && !last_build_.ok()) return last_build_;
    if (built || (view_ != nullptr && !fresh)) return absl::OkStatus();
    absl::Status status = context.CheckProgress();
    if (absl::IsDeadlineExceeded(status)) {
      return absl::DeadlineExceededError(
          "request deadline exceeded while the retrieval index is built");
    }
    ATTUNE_RETURN_IF_ERROR(status);
    if (context.cancelled.CanBeSet()) {
      ended_.wait_until(lock, std::min(context.deadline, Clock::now() + kLook));
    } else if (context.deadline != Clock::time_point::max()) {
      ended_.wait_until(lock, context.deadline);
    } else {
      ended_.wait(lock);
    }
  }
}

void CatalogueIndex::Update(ExecutionContext& context,
                            std::span<const std::string_view> item_ids) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (building_) {
      written_.insert(written_.end(), item_ids.begin(), item_ids.end());
      return;
    }
    if (view_ == nullptr) return;  // the first build will see the write
  }
  std::lock_guard<std::mutex> table_lock(table_mutex_);
  std::shared_ptr<const CatalogueView> view;
  const absl::Status status = WithinMemory([&]() -> absl::Status {
    ATTUNE_RETURN_IF_ERROR(Apply(context, item_ids));
    view = table_.View();
    return absl::OkStatus();
  });
  if (!status.ok()) table_.Clear();
  CountSize();
  {
    std::lock_guard<std::mutex> lock(mutex_);
    view_ = std::move(view);
    if (status.ok()) return;
    // Whoever has just asked for a build may have been told that none is
    // needed: they look again.
    builds_ended_ = ++builds_begun_;
    last_build_ = absl::OkStatus();
  }
  ended_.notify_all();
}

absl::Status CatalogueIndex::Build(ExecutionContext& context) {
  const Clock::time_point begin = Clock::now();
  std::lock_guard<std::mutex> table_lock(table_mutex_);
  stale_ = false;
  int64_t number;
  bool first;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    building_ = true;
    written_.clear();
    number = ++builds_begun_;
    first = view_ == nullptr;
  }
  absl::Status status = WithinMemory([&]() -> absl::Status {
    if (first) ATTUNE_RETURN_IF_ERROR(AdmitCatalogue());
    ATTUNE_RETURN_IF_ERROR(ReadCatalogue(context));
    return EndBuild(context);
  });
  if (absl::IsCancelled(status)) {
    status = absl::CancelledError("the engine is being closed");
  }
  if (!status.ok()) {
    stale_ = true;
    // What is newer than the view stays, but nothing that misses a write.
    std::lock_guard<std::mutex> lock(mutex_);
    if (!written_.empty()) view_ = nullptr;
    if (view_ == nullptr) table_.Clear();
    building_ = false;
  }
  CountSize();
  const Clock::time_point end = Clock::now();
  {
    std::lock_guard<std::mutex> lock(mutex_);
    builds_ended_ = number;
    last_build_ = status;
    next_build_ = end + kRest * (end - begin);
  }
  ended_.notify_all();
  return status;
}

void CatalogueIndex::Fail(const absl::Status& status) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    builds_ended_ = ++builds_begun_;
    last_build_ = status;
  }
  ended_.notify_all();
}

absl::Status CatalogueIndex::ReadCatalogue(ExecutionContext& context) {
  std::vector<bool> found(table_.rows());
  const auto mark = [&](int64_t place) {
    if (place >= static_cast<int64_t>(found.size())) found.resize(place + 1);
    found[place] = true;
  };
  std::vector<std::shared_ptr<const storage::ItemRow>> rows;
  const auto put = [&]() -> absl::Status {
    std::vector<std::string_view> ids;
    ids.reserve(rows.size());
    for (const auto& row : rows) ids.push_back(row->item->item_id());
    ATTUNE_RETURN_IF_ERROR(PutRows(context, ids, rows));
    for (const std::string_view id : ids) mark(table_.Find(id));
    rows.clear();
    return absl::OkStatus();
  };
  size_t read = 0;
  ATTUNE_RETURN_IF_ERROR(
      database_.ForEachItem([&](const v1::Item& item) -> absl::Status {
        if (++read % kChunk == 0) {
          ATTUNE_RETURN_IF_ERROR(context.CheckProgress());
        }
        const int64_t place = table_.Find(item.item_id());
        if (place >= 0 && table_.Row(place).record_hash == RecordHash(item)) {
          mark(place);
          return absl::OkStatus();
        }
        auto row = std::make_shared<storage::ItemRow>();
        row->item = std::make_shared<const v1::Item>(item);
        rows.push_back(std::move(row));
        return rows.size() < kChunk ? absl::OkStatus() : put();
      }));
  ATTUNE_RETURN_IF_ERROR(put());
  // From the end, so that the row that fills a gap is one that was found.
  for (int64_t place = table_.rows() - 1; place >= 0; --place) {
    if (!found[place]) table_.RemoveAt(place);
  }
  return absl::OkStatus();
}

absl::Status CatalogueIndex::EndBuild(ExecutionContext& context) {
  while (true) {
    std::vector<std::string> written;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      if (written_.empty()) {
        view_ = table_.View();
        building_ = false;
        return absl::OkStatus();
      }
      written.swap(written_);
    }
    const std::vector<std::string_view> ids(written.begin(), written.end());
    const absl::Status status = Apply(context, ids);
    if (!status.ok()) {
      std::lock_guard<std::mutex> lock(mutex_);
      written_.push_back(std::move(written.front()));  // not taken over
      return status;
    }
  }
}

absl::Status CatalogueIndex::Apply(ExecutionContext& context,
                                   std::span<const std::string_view> item_ids) {
  for (size_t begin = 0; begin < item_ids.size(); begin += kChunk) {
    const auto ids =
        item_ids.subspan(begin, std::min(kChunk, item_ids.size() - begin));
    std::vector<std::shared_ptr<const storage::ItemRow>> rows(ids.size());
    ATTUNE_RETURN_IF_ERROR(database_.MultiGetItems(ids, rows));
    ATTUNE_RETURN_IF_ERROR(PutRows(context, ids, rows));
  }
  return absl::OkStatus();
}

absl::Status CatalogueIndex::PutRows(
    ExecutionContext& context, std::span<const std::string_view> item_ids,
    std::span<const std::shared_ptr<const storage::ItemRow>> rows) {
  std::vector<std::shared_ptr<const ModelItem>> items(rows.size());
  {
    Workspace::Scope scope(context.workspace);
    ATTUNE_RETURN_IF_ERROR(items_.Resolve(context, item_ids, items));
  }
  std::vector<uint64_t> categories;
  for (size_t i = 0; i < rows.size(); ++i) {
    const v1::Item* record = rows[i]->item.get();
    if (record == nullptr) {
      table_.Remove(item_ids[i]);
      continue;
    }
    ATTUNE_RETURN_IF_ERROR(AdmitRow());
    categories.clear();
    for (const std::string& category : record->categories()) {
      categories.push_back(CatalogueHash(category));
    }
    table_.Put({record->item_id(), items[i]->x, categories, RecordHash(*record),
                record->unavailable()});
  }
  return absl::OkStatus();
}

absl::Status CatalogueIndex::AdmitCatalogue() {
  ATTUNE_ASSIGN_OR_RETURN(const storage::Statistics statistics,
                          database_.Stats());
  const size_t blocks = statistics.items / CatalogueBlock::kRows + 1;
  const size_t bytes = blocks * table_.block_bytes();
  if (memory_.admit) ATTUNE_RETURN_IF_ERROR(memory_.admit(bytes));
  SetSize(bytes);
  return absl::OkStatus();
}

absl::Status CatalogueIndex::AdmitRow() {
  const size_t block = table_.block_bytes();
  const size_t counted = size_bytes_.load();
  if (table_.size_bytes() + block <= counted) return absl::OkStatus();
  const size_t more = table_.size_bytes() + 2 * block - counted;
  if (memory_.admit) ATTUNE_RETURN_IF_ERROR(memory_.admit(more));
  SetSize(counted + more);
  return absl::OkStatus();
}

void CatalogueIndex::CountSize() {
  const size_t bytes = table_.size_bytes();
  if (size_bytes_.load() > bytes + 4 * table_.block_bytes() || bytes == 0) {
    SetSize(bytes);
  }
}

void CatalogueIndex::SetSize(size_t bytes) {
  if (size_bytes_.exchange(bytes) != bytes && memory_.resized) {
    memory_.resized();
  }
}

}  // namespace attune
