#include "engine/batch/batch.h"

#include <xxhash.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/status/status.h"
#include "base/clock.h"
#include "base/parallel.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/batch/batch_journal.h"
#include "engine/batch/batch_line.h"
#include "engine/batch/batch_output.h"
#include "engine/batch/gzip_member.h"
#include "engine/io/excerpt.h"
#include "engine/io/file_format.h"

namespace attune {
namespace {

// Hash of a sequence of ids, one after the other.
class IdHash {
 public:
  void Add(std::string_view id) {
    hash_ = XXH3_64bits_withSeed(id.data(), id.size(), hash_);
  }
  std::string ToString() const {
    constexpr char kDigits[] = "0123456789abcdef";
    std::string text;
    for (int shift = 60; shift >= 0; shift -= 4) {
      text.push_back(kDigits[(hash_ >> shift) & 15]);
    }
    return text;
  }

 private:
  uint64_t hash_ = 0;
};

std::string HashOf(const std::vector<std::string>& ids) {
  if (ids.empty()) return "";
  IdHash hash;
  for (const std::string& id : ids) hash.Add(id);
  return hash.ToString();
}

// A run of consecutive users with their lines.
struct Chunk {
  struct User {
    std::string id;
    std::string where;  // for messages
    std::string line;
    int64_t items = 0;
    bool without_history = false;
    absl::Status status;
  };
  std::vector<User> users;  // the first `count` of them
  int64_t count = 0;
};

class BatchJob {
 public:
  BatchJob(Engine& engine, IdSource& users, const BatchOptions& options,
           const BatchProgressFunction& progress)
      : engine_(engine),
        users_(users),
        options_(options),
        progress_(progress),
        start_ns_(MonotonicNs()) {}

  absl::StatusOr<BatchSummary> Run();

 private:
  absl::Status CheckOptions();
  // Fills journal_ from the options or, resuming, from the earlier call. True
  // when that call had finished but for the renaming.
  absl::StatusOr<bool> OpenJournal();
  absl::Status SkipWrittenUsers();
  absl::Status PinModel();
  absl::Status RankAll(BatchOutput& output);
  absl::Status ReadChunk(Chunk& chunk);
  // Ranks `current` on the pool and meanwhile writes `previous`.
  absl::Status RankAndWrite(ThreadPool& pool, Chunk& current, Chunk& previous,
                            BatchOutput& output);
  void RankUser(Chunk::User& user);
  absl::Status WriteChunk(Chunk& chunk, BatchOutput& output);
  absl::Status CommitIfDue(BatchOutput& output);
  absl::Status WithUser(const Chunk::User& user,
                        const absl::Status& status) const;
  bool Cancelled() const {
    return options_.cancelled != nullptr &&
           options_.cancelled->load(std::memory_order_relaxed);
  }
  void ReportProgress() const;
  double Seconds() const {
    return static_cast<double>(MonotonicNs() - start_ns_) * 1e-9;
  }
  BatchSummary Summarise() const;

  Engine& engine_;
  IdSource& users_;
  const BatchOptions& options_;
  const BatchProgressFunction& progress_;
  const int64_t start_ns_;

  FileFormat format_;
  BatchJournal journal_;  // of what is in the part
  IdHash users_hash_;     // of journal_.users users
  int64_t users_resumed_ = 0;
  int64_t last_commit_ns_ = 0;
  v1::RankRequest request_;  // every user's, but for the id
  Chunk first_;              // holds the user whom PinModel() read
  LatencyHistogram latency_;
};

absl::Status BatchJob::CheckOptions() {
  ATTUNE_ASSIGN_OR_RETURN(format_, FormatOfPath(options_.output_path));
  if (options_.explain && format_.kind == FileFormat::Kind::kTsv) {
    return absl::InvalidArgumentError(
        StrCat(options_.output_path,
               ": TSV has no place for reasons; write JSON lines (.jsonl)"));
  }
  if (options_.chunk_users < 1 || options_.threads < 1) {
    return absl::InvalidArgumentError(
        StrCat("chunk_users ", options_.chunk_users, " and threads ",
               options_.threads, " must be at least 1"));
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> BatchJob::OpenJournal() {
  journal_.format =
      StrCat(format_.kind == FileFormat::Kind::kTsv ? "tsv" : "jsonl",
             format_.gzip ? ".gz" : "");
  journal_.k = options_.k;
  journal_.explain = options_.explain;
  journal_.candidates = HashOf(options_.candidate_ids);
  std::string policy = options_.policy.SerializeAsString();
  for (const v1::Feature& feature : options_.context) {
    policy += feature.SerializeAsString();
  }
  if (!policy.empty()) journal_.policy = HashOf({policy});
  journal_.model = options_.model;
  journal_.now_ms = options_.now_ms != 0 ? options_.now_ms : WallClockMs();
  journal_.chunk_users = options_.chunk_users;
  journal_.use_kept_states = options_.use_kept_states;
  journal_.users_hash = users_hash_.ToString();
  if (!options_.resume) return false;

  absl::StatusOr<BatchJournal> before =
      ReadBatchJournal(BatchOutput::JournalPath(options_.output_path));
  if (absl::IsNotFound(before.status())) return false;
  ATTUNE_RETURN_IF_ERROR(before.status());
  ATTUNE_RETURN_IF_ERROR(CheckSameJob(*before, journal_));
  if (!options_.model.empty() && options_.model != before->model) {
    return absl::FailedPreconditionError(StrCat(
        "cannot resume: the batch was begun with model ",
        Excerpt(before->model), ", now it is ", Excerpt(options_.model)));
  }
  if (options_.now_ms != 0 && options_.now_ms != before->now_ms) {
    return absl::FailedPreconditionError(StrCat(
        "cannot resume: the batch was begun with now_ms = ", before->now_ms,
        ", now it is ", options_.now_ms));
  }
  journal_ = *std::move(before);
  return journal_.complete;
}

absl::Status BatchJob::SkipWrittenUsers() {
  std::string id;
  for (int64_t n = 0; n < journal_.users; ++n) {
    ATTUNE_ASSIGN_OR_RETURN(const bool has_user, users_.Next(&id));
    if (!has_user) {
      return absl::FailedPreconditionError(
          StrCat("cannot resume: ", journal_.users,
                 " users are written, but there are only ", n, " now"));
    }
    users_hash_.Add(id);
  }
  if (users_hash_.ToString() != journal_.users_hash) {
    return absl::FailedPreconditionError(
        StrCat("cannot resume: the first ", journal_.users,
               " users are not those whose lines are written"));
  }
  users_resumed_ = journal_.users;
  return absl::OkStatus();
}

// Asks for the first user's list only to learn which model answers.
absl::Status BatchJob::PinModel() {
  request_.mutable_candidate_ids()->Assign(options_.candidate_ids.begin(),
                                           options_.candidate_ids.end());
  *request_.mutable_policy() = options_.policy;
  request_.mutable_context()->Assign(options_.context.begin(),
                                     options_.context.end());
  request_.set_k(options_.k);
  request_.set_explain(options_.explain);
  request_.set_now_ms(journal_.now_ms);
  request_.set_without_state(!options_.use_kept_states);
  request_.set_model(journal_.model);
  if (!journal_.model.empty()) return absl::OkStatus();

  Chunk::User user;
  ATTUNE_ASSIGN_OR_RETURN(const bool has_user, users_.Next(&user.id));
  if (!has_user) return absl::OkStatus();
  user.where = users_.where();
  v1::RankRequest request = request_;
  request.set_user_id(user.id);
  absl::StatusOr<v1::RankResponse> response =
      engine_.Rank(request, {.cancelled = options_.cancelled});
  if (!response.ok()) return WithUser(user, response.status());
  journal_.model = response->model();
  request_.set_model(journal_.model);
  first_.users.push_back(std::move(user));
  first_.count = 1;
  return absl::OkStatus();
}

absl::Status BatchJob::ReadChunk(Chunk& chunk) {
  chunk.users.resize(static_cast<size_t>(journal_.chunk_users));
  chunk.count = 0;
  if (first_.count > 0) {
    chunk.users[0] = std::move(first_.users[0]);
    chunk.count = 1;
    first_.count = 0;
  }
  while (chunk.count < journal_.chunk_users) {
    Chunk::User& user = chunk.users[static_cast<size_t>(chunk.count)];
    ATTUNE_ASSIGN_OR_RETURN(const bool has_user, users_.Next(&user.id));
    if (!has_user) break;
    user.where = users_.where();
    ++chunk.count;
  }
  return absl::OkStatus();
}

void BatchJob::RankUser(Chunk::User& user) {
  user.line.clear();
  user.items = 0;
  user.without_history = false;
  v1::RankRequest request = request_;
  request.set_user_id(user.id);
  const int64_t begin_ns = MonotonicNs();
  const absl::StatusOr<v1::RankResponse> response =
      engine_.Rank(request, {.cancelled = options_.cancelled});
  user.status = response.status();
  if (!response.ok()) return;
  latency_.Record(MonotonicNs() - begin_ns);
  if (response->model() != request_.model()) {
    user.status = absl::InternalError(
        StrCat("model ", Excerpt(response->model()), " answered, ",
               Excerpt(request_.model()), " was asked"));
    return;
  }
  user.items = response->items_size();
  user.without_history = response->history_length() == 0;
  AppendBatchLine(format_.kind, user.id, *response, options_.explain,
                  &user.line);
}

absl::Status BatchJob::RankAndWrite(ThreadPool& pool, Chunk& current,
                                    Chunk& previous, BatchOutput& output) {
  // Users behind the first failure are not ranked, those before it are: the
  // error that is reported does not depend on the threads' timing.
  std::atomic<int64_t> stop_at{std::numeric_limits<int64_t>::max()};
  absl::Status written;
  pool.ParallelFor(current.count + 1, [&](int64_t task) {
    if (task == 0) {
      written = WriteChunk(previous, output);
      if (!written.ok()) stop_at.store(0, std::memory_order_relaxed);
      return;
    }
    const int64_t n = task - 1;
    Chunk::User& user = current.users[static_cast<size_t>(n)];
    if (n > stop_at.load(std::memory_order_relaxed)) return;
    if (Cancelled()) {
      user.status = absl::CancelledError("stopped by the caller");
    } else {
      RankUser(user);
    }
    if (user.status.ok()) return;
    int64_t seen = stop_at.load(std::memory_order_relaxed);
    while (n < seen &&
           !stop_at.compare_exchange_weak(seen, n, std::memory_order_relaxed)) {
    }
  });
  ATTUNE_RETURN_IF_ERROR(written);
  const int64_t failed = stop_at.load(std::memory_order_relaxed);
  if (failed >= current.count) return absl::OkStatus();
  const Chunk::User& user = current.users[static_cast<size_t>(failed)];
  if (absl::IsCancelled(user.status)) {
    return absl::CancelledError(StrCat("stopped by the caller after ",
                                       journal_.users,
                                       " users; the job can be resumed"));
  }
  return WithUser(user, user.status);
}

absl::Status BatchJob::WriteChunk(Chunk& chunk, BatchOutput& output) {
  if (chunk.count == 0) return absl::OkStatus();
  std::string text;
  for (int64_t n = 0; n < chunk.count; ++n) {
    text.append(chunk.users[static_cast<size_t>(n)].line);
  }
  if (format_.gzip) {
    ATTUNE_ASSIGN_OR_RETURN(text, GzipMember(text));
  }
  ATTUNE_RETURN_IF_ERROR(output.Append(text, &journal_));
  for (int64_t n = 0; n < chunk.count; ++n) {
    const Chunk::User& user = chunk.users[static_cast<size_t>(n)];
    users_hash_.Add(user.id);
    journal_.items += user.items;
    journal_.users_without_history += user.without_history ? 1 : 0;
  }
  journal_.users += chunk.count;
  journal_.users_hash = users_hash_.ToString();
  chunk.count = 0;
  return CommitIfDue(output);
}

absl::Status BatchJob::CommitIfDue(BatchOutput& output) {
  const int64_t now_ns = MonotonicNs();
  if (now_ns - last_commit_ns_ < options_.commit_interval_ms * 1'000'000) {
    return absl::OkStatus();
  }
  ATTUNE_RETURN_IF_ERROR(output.Commit(journal_));
  last_commit_ns_ = MonotonicNs();
  return absl::OkStatus();
}

absl::Status BatchJob::RankAll(BatchOutput& output) {
  ThreadPool pool(options_.threads);
  Chunk chunks[2];  // one is ranked while the other is written
  for (int turn = 0;; turn = 1 - turn) {
    Chunk& current = chunks[turn];
    Chunk& previous = chunks[1 - turn];
    ATTUNE_RETURN_IF_ERROR(ReadChunk(current));
    ATTUNE_RETURN_IF_ERROR(RankAndWrite(pool, current, previous, output));
    ReportProgress();
    if (current.count == 0) break;
  }
  if (journal_.bytes == 0 && format_.gzip) {
    // No user at all: an empty file would not be gzip.
    ATTUNE_ASSIGN_OR_RETURN(const std::string empty, GzipMember(""));
    ATTUNE_RETURN_IF_ERROR(output.Append(empty, &journal_));
  }
  return absl::OkStatus();
}

absl::StatusOr<BatchSummary> BatchJob::Run() {
  ATTUNE_RETURN_IF_ERROR(CheckOptions());
  ATTUNE_ASSIGN_OR_RETURN(const bool complete, OpenJournal());
  const std::string& path = options_.output_path;
  if (complete) {
    users_resumed_ = journal_.users;
    ATTUNE_RETURN_IF_ERROR(BatchOutput::FinishInterrupted(path, journal_));
    return Summarise();
  }
  const bool continued = journal_.users > 0;
  ATTUNE_RETURN_IF_ERROR(SkipWrittenUsers());
  ATTUNE_RETURN_IF_ERROR(PinModel());
  ATTUNE_ASSIGN_OR_RETURN(BatchOutput output,
                          continued ? BatchOutput::Continue(path, journal_)
                                    : BatchOutput::Begin(path));
  // The time and the model are part of the result: safe before any line.
  ATTUNE_RETURN_IF_ERROR(output.Commit(journal_));
  last_commit_ns_ = MonotonicNs();
  absl::Status ranked = RankAll(output);
  if (!ranked.ok()) {
    // What is written stays good; the job's own error is the one that counts.
    output.Commit(journal_).IgnoreError();
    return ranked;
  }
  ATTUNE_RETURN_IF_ERROR(output.Finish(&journal_));
  return Summarise();
}

absl::Status BatchJob::WithUser(const Chunk::User& user,
                                const absl::Status& status) const {
  return absl::Status(status.code(),
                      StrCat("user ", Excerpt(user.id), " (", user.where,
                             "): ", ToStd(status.message())));
}

void BatchJob::ReportProgress() const {
  if (!progress_) return;
  progress_({.users = journal_.users,
             .users_resumed = users_resumed_,
             .users_total = users_.total(),
             .seconds = Seconds()});
}

BatchSummary BatchJob::Summarise() const {
  return {.users = journal_.users,
          .users_resumed = users_resumed_,
          .users_without_history = journal_.users_without_history,
          .items = journal_.items,
          .bytes = journal_.bytes,
          .model = journal_.model,
          .now_ms = journal_.now_ms,
          .seconds = Seconds(),
          .latency = latency_.Summarise()};
}

}  // namespace

absl::StatusOr<BatchSummary> RunBatch(Engine& engine, IdSource& users,
                                      const BatchOptions& options,
                                      const BatchProgressFunction& progress) {
  return BatchJob(engine, users, options, progress).Run();
}

}  // namespace attune
