/* Attune's C interface: load libattune.so, open a database, rank.
 *
 * C99; needs <stddef.h> and <stdint.h> only. docs/abi.md has the page to read.
 * The conventions below hold for every function and are tested.
 *
 * Versions. attune_version() is the release ("0.1.0"). attune_abi_version() is
 *   major << 16 | minor. Another major is another interface and another SONAME
 *   (libattune.so.<major>); a minor only adds functions, codes and fields at
 *   the end of structs. Check that the major equals ATTUNE_ABI_MAJOR and that
 *   the minor is at least ATTUNE_ABI_MINOR.
 * Structs. Each starts with uint32_t struct_size, which the caller sets to
 *   sizeof of the struct it was compiled with; the rest starts as zero:
 *       attune_error error = {.struct_size = sizeof error};
 *   A smaller size comes from an older caller: the missing fields count as
 *   zero. A larger one comes from a newer caller: the bytes that this library
 *   does not know must be zero, or the call is refused.
 * Strings. A pointer and a length in bytes, UTF-8 (other bytes are refused,
 *   but in paths); no NUL is needed or counted. NULL with length 0 is the empty
 *   string.
 * Errors. Every function that can fail returns an attune_code (0 = ok) and
 *   takes an attune_error, which may be NULL. The message goes into the
 *   caller's buffer: always NUL-terminated if message_capacity > 0, cut at a
 *   character's boundary if it is too long. After a success it is empty. On an
 *   error the other out-parameters hold nothing to be freed.
 * Results. An attune_buffer must be empty (zeroed) when passed in; free it with
 *   attune_buffer_free, from any thread. It belongs to the caller and outlives
 *   the engine's handle. Inputs are read during the call only, never kept.
 * Handles. An attune_engine* is a number to this library, never dereferenced:
 *   NULL, garbage, or a handle after attune_close gives ATTUNE_INVALID_HANDLE.
 * Threads. Any function, any handle, any thread. Calls block; a rank call runs
 *   on its caller's thread (which needs 256 KiB of stack), waiting never spins.
 *   attune_close waits for the calls that run on its handle (reloads, and those
 *   that wait for a retrieval index, it ends); later ones get
 *   ATTUNE_INVALID_HANDLE.
 * fork(). In a child of a process that had an engine open since its start or
 *   its last attune_shutdown, every function returns ATTUNE_FORKED and touches
 *   nothing (attune_buffer_free and the version functions work). A server that
 *   forks workers opens in the workers.
 * The host's world. No exception, abort, signal, or output crosses this
 *   interface. On return the thread's floating-point mode and flags, locale,
 *   signal mask, cancellation state and errno are as they were; the process's
 *   environment, signal handlers and directory are never touched. Scores do not
 *   depend on the host's floating-point mode (FTZ, DAZ, rounding) or locale.
 *   Threads of the library have all signals blocked.
 * Unloading. dlclose is allowed once all engines are closed; the code stays
 *   mapped (-z nodelete). attune_shutdown ends the library's threads before.
 */
#ifndef ATTUNE_H_
#define ATTUNE_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define ATTUNE_API __attribute__((visibility("default")))
#else
#define ATTUNE_API
#endif

#define ATTUNE_ABI_MAJOR 0
#define ATTUNE_ABI_MINOR 3
#define ATTUNE_ABI_VERSION ((ATTUNE_ABI_MAJOR << 16) | ATTUNE_ABI_MINOR)

/* 1 to 16 mean what they mean in gRPC. */
enum attune_code {
  ATTUNE_OK = 0,
  ATTUNE_CANCELLED = 1, /* the cancel flag was set */
  ATTUNE_UNKNOWN = 2,
  ATTUNE_INVALID_ARGUMENT = 3, /* the message names what is wrong */
  ATTUNE_DEADLINE_EXCEEDED = 4,
  ATTUNE_NOT_FOUND = 5,
  ATTUNE_ALREADY_EXISTS = 6,
  ATTUNE_PERMISSION_DENIED = 7,
  ATTUNE_RESOURCE_EXHAUSTED = 8,  /* memory, threads, disk */
  ATTUNE_FAILED_PRECONDITION = 9, /* not now: no model, not the owner */
  ATTUNE_ABORTED = 10,
  ATTUNE_OUT_OF_RANGE = 11,
  ATTUNE_UNIMPLEMENTED = 12,
  ATTUNE_INTERNAL = 13, /* a bug of the library */
  ATTUNE_UNAVAILABLE = 14,
  ATTUNE_DATA_LOSS = 15, /* a file is corrupt */
  ATTUNE_UNAUTHENTICATED = 16,
  ATTUNE_INVALID_HANDLE = 100, /* not an open engine's handle */
  ATTUNE_FORKED = 101          /* this process was forked off the user */
};

/* An open database with its models. */
typedef struct attune_engine attune_engine;

typedef struct attune_error {
  uint32_t struct_size;
  int32_t code;            /* out: what the function returned */
  char *message;           /* in: the caller's buffer; NULL if capacity is 0 */
  size_t message_capacity; /* in: bytes of it, the final NUL included */
  size_t message_length;   /* out: bytes of the whole message without NUL;
                              it was cut if this is >= message_capacity */
} attune_error;

typedef struct attune_buffer {
  uint32_t struct_size;
  uint32_t reserved; /* 0 */
  void *data;        /* out */
  size_t size;       /* out: bytes */
} attune_buffer;

/* Frees what a call has put into *buffer and empties it. NULL or an empty
 * buffer: nothing happens. */
ATTUNE_API void attune_buffer_free(attune_buffer *buffer);

/* NUL-terminated; never freed. */
ATTUNE_API const char *attune_version(void);
ATTUNE_API uint32_t attune_abi_version(void);

/* ---- open and close ---------------------------------------------------- */

enum attune_log_level {
  ATTUNE_LOG_DEFAULT = 0, /* ATTUNE_LOG_INFO */
  ATTUNE_LOG_DEBUG = 1,
  ATTUNE_LOG_INFO = 2,
  ATTUNE_LOG_WARNING = 3,
  ATTUNE_LOG_ERROR = 4
};

/* Called from any thread, also at the same time from several, until
 * attune_close has returned. `message` (no NUL) lives during the call. Must not
 * leave by longjmp; attune functions called in it that can fail return
 * ATTUNE_FAILED_PRECONDITION. The thread's locale is "C" meanwhile. */
typedef void (*attune_log_callback)(void *user, int32_t level,
                                    const char *message, size_t length);

typedef struct attune_open_options {
  uint32_t struct_size;
  int32_t log_level;       /* enum attune_log_level: this and above */
  attune_log_callback log; /* NULL: nothing is logged */
  void *log_user;          /* handed to the callback */
} attune_open_options;

/* Opens a database. `json` is an object; unknown or repeated keys are errors:
 *   "database"         directory, or (follower) a snapshot's file (required)
 *   "mode"             "owner" (default: the one process that writes) or
 *                      "follower" (reads beside the owner)
 *   "model"            directory of a model to serve instead of the database's
 *                      current one
 *   "threads"          threads that one call may use, the caller's included,
 *                      1 (default) to 1024: attune_rank_batch runs so many
 *                      requests side by side, and thousands of candidates are
 *                      spread over them
 *   "memory_limit_mb"  one ceiling for all caches, user states and models
 *                      (default 1024)
 *   "precision"        "f32" or "bf16" (default: the model's own)
 *   "backend"          "onednn" or "reference" (default: the best one)
 *   "create"           true: make the database if there is none
 *   "publish_items_per_second"  rate of attune_reload_model, default 2000; 0:
 *                      as fast as it goes
 *   "fill_item_cache"  true (default): from the opening on, and after a reload,
 *                      a thread reads the catalogue into the share of the
 *                      memory that is for items, beside the calls, a quarter
 *                      of the time at most
 *   "refresh_ms"       follower: a call that ranks so long after the last look
 *                      at what the owner wrote looks again first, default 200,
 *                      0 to 3600000; since minor 3
 * `options` may be NULL. *engine is set to NULL on an error. */
ATTUNE_API int attune_open(const char *json, size_t json_length,
                           const attune_open_options *options,
                           attune_engine **engine, attune_error *error);

/* Ends running attune_reload_model calls, waits for the others that run on the
 * handle, then closes: nothing acknowledged is lost, the database's lock is
 * given back, the library's threads are gone unless another engine is open. */
ATTUNE_API int attune_close(attune_engine *engine, attune_error *error);

/* Says that the process is done with the library: all engines must be closed
 * (ATTUNE_FAILED_PRECONDITION otherwise), and with the last one its threads
 * have ended. A child forked later may use it. attune_open works again after
 * it. */
ATTUNE_API int attune_shutdown(attune_error *error);

/* ---- rank -------------------------------------------------------------- */

typedef struct attune_call_options {
  uint32_t struct_size;
  uint32_t flags; /* 0 */
  /* NULL, or a flag that another thread sets (atomically) from 0 to 1 to give
   * up: the call then returns ATTUNE_CANCELLED soon. Other values are not
   * allowed. It must live until the call returns. */
  const volatile int32_t *cancel;
} attune_call_options;

/* attune.v1.RankRequest bytes in, attune.v1.RankResponse bytes out
 * (proto/attune.proto). Unknown users and items are served, not refused. At
 * most 64 MiB of request, whose deadline_ms begins with the call. `options` may
 * be NULL. */
ATTUNE_API int attune_rank(attune_engine *engine, const void *request,
                           size_t request_size,
                           const attune_call_options *options,
                           attune_buffer *response, attune_error *error);

/* Many requests in one call, at most 10,000: attune.v1.RankBatchRequest in,
 * attune.v1.RankBatchResponse out. A request that fails has its code and
 * message in its result; the call then is ok all the same. A cancel fails the
 * requests that are not done yet, each with ATTUNE_CANCELLED. The answers have
 * at most 64 MiB together: from the first that would pass that on, results are
 * ATTUNE_RESOURCE_EXHAUSTED. A request's deadline_ms begins when it is its
 * turn. */
ATTUNE_API int attune_rank_batch(attune_engine *engine, const void *request,
                                 size_t request_size,
                                 const attune_call_options *options,
                                 attune_buffer *response, attune_error *error);

enum attune_rank_ids_flags {
  ATTUNE_RANK_WITHOUT_STATE = 1 /* neither use nor keep the user's state */
};

/* What a call did less of to meet its deadline_ms. */
enum attune_degraded {
  ATTUNE_DEGRADED_CANDIDATES = 1, /* the best by the match term went through
                                     the fusion network, the others stand
                                     behind them by their match */
  ATTUNE_DEGRADED_HISTORY = 2,    /* the newest events only */
  ATTUNE_DEGRADED_TO_MATCH = 4    /* the match term alone */
};

typedef struct attune_rank_ids_options {
  uint32_t struct_size;
  uint32_t flags;      /* enum attune_rank_ids_flags, or-ed */
  int64_t now_ms;      /* the request's time, Unix ms; 0: the clock */
  int64_t deadline_ms; /* budget of this call in ms; 0: none */
  const char *model;   /* version name; empty: the current one */
  size_t model_length;
  const volatile int32_t *cancel; /* as in attune_call_options */
  uint32_t *degraded;             /* NULL, or out: enum attune_degraded, or-ed;
                                     since minor 2 */
} attune_rank_ids_options;

/* Scores `count` candidates for a user without protobuf: scores[i] belongs to
 * ids[i] (id_lengths[i] bytes) and equals the `score` that attune_rank gives;
 * NaN where the item is not available. `scores` has room for `count` floats;
 * its content is unspecified after an error. At most 100,000 candidates; with 0
 * the arguments and the model's name are checked all the same.
 * `options` may be NULL. */
ATTUNE_API int attune_rank_ids(attune_engine *engine, const char *user_id,
                               size_t user_id_length, const char *const *ids,
                               const size_t *id_lengths, size_t count,
                               float *scores,
                               const attune_rank_ids_options *options,
                               attune_error *error);

/* ---- write: mode "owner" only ------------------------------------------ */

enum attune_put_flags {
  ATTUNE_PUT_SYNC = 1 /* return when it survives a power cut (fsync) */
};

/* attune.v1.PutItemsRequest, PutUsersRequest, PutEventsRequest bytes, at most
 * 64 MiB each. All or nothing per call; ok means that it survives the process's
 * death. `flags`: enum attune_put_flags. */
ATTUNE_API int attune_put_items(attune_engine *engine, const void *request,
                                size_t request_size, uint32_t flags,
                                attune_error *error);
ATTUNE_API int attune_put_users(attune_engine *engine, const void *request,
                                size_t request_size, uint32_t flags,
                                attune_error *error);
ATTUNE_API int attune_put_events(attune_engine *engine, const void *request,
                                 size_t request_size, uint32_t flags,
                                 attune_error *error);

ATTUNE_API int attune_delete_item(attune_engine *engine, const char *item_id,
                                  size_t item_id_length, attune_error *error);
/* The user's record, events, history and state. */
ATTUNE_API int attune_delete_user(attune_engine *engine, const char *user_id,
                                  size_t user_id_length, attune_error *error);
/* All events of a user; with an item_id those with that item only. */
ATTUNE_API int attune_delete_user_events(
    attune_engine *engine, const char *user_id, size_t user_id_length,
    const char *item_id, size_t item_id_length, attune_error *error);

/* ---- run --------------------------------------------------------------- */

/* Encodes the user's history now, so that the next rank call is warm. An empty
 * `model` is the current one. */
ATTUNE_API int attune_prefetch_user(attune_engine *engine, const char *user_id,
                                    size_t user_id_length, const char *model,
                                    size_t model_length, attune_error *error);

/* Checks and publishes a model directory: embeds the catalogue at the rate of
 * "publish_items_per_second", then switches atomically; until then the old
 * model answers. Returns when it has switched: call it from a thread that has
 * time. A second call waits for the first. The old model is kept for
 * attune_rollback_model. attune_close ends it with ATTUNE_CANCELLED; what was
 * embedded by then is kept for the next try. */
ATTUNE_API int attune_reload_model(attune_engine *engine, const char *directory,
                                   size_t directory_length,
                                   attune_error *error);
/* The same with item vectors that a job made before: `vectors` is a directory
 * of its parts, or one of them. Those that belong to this model and to records
 * as they are stored are loaded, what is missing is embedded. A file that is no
 * part, is damaged or of another model is refused, and the old model stays.
 * Since minor 3. */
ATTUNE_API int attune_reload_model_with_vectors(
    attune_engine *engine, const char *directory, size_t directory_length,
    const char *vectors, size_t vectors_length, attune_error *error);
/* ATTUNE_FAILED_PRECONDITION while a model is published. */
ATTUNE_API int attune_rollback_model(attune_engine *engine,
                                     attune_error *error);
/* Ends attune_reload_model calls that run now with ATTUNE_CANCELLED. Since
 * minor 2. */
ATTUNE_API int attune_cancel_reload(attune_engine *engine, attune_error *error);

/* Follower: see what the owner has written so far, without waiting for
 * "refresh_ms". */
ATTUNE_API int attune_refresh(attune_engine *engine, attune_error *error);

enum attune_stats_format { ATTUNE_STATS_JSON = 0, ATTUNE_STATS_PROMETHEUS = 1 };

/* Counts, latencies, sizes as text; `format`: enum attune_stats_format. */
ATTUNE_API int attune_stats(attune_engine *engine, int32_t format,
                            attune_buffer *text, attune_error *error);

#ifdef __cplusplus
}
#endif

#endif /* ATTUNE_H_ */
