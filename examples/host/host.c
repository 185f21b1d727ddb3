/* A recommender service in small: loads libattune.so at run time, ranks from
 * several threads while events arrive and the model is reloaded, closes,
 * unloads, and starts again.
 *
 *   host LIBRARY DATABASE [MODEL]
 *
 * DATABASE gets a few items, users and events of the host's own. MODEL is a
 * directory to reload, the published one for the scores to stay as they are.
 * Exits with 0 if every score was finite and every repeated request got the
 * same scores, bit for bit. */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "bytes.h"

enum {
  READERS = 4,    /* threads, each with a user of its own */
  REQUESTS = 200, /* of each */
  ITEMS = 8,      /* candidates of each */
  WRITES = 100,   /* events that arrive meanwhile */
  RELOADS = 2
};

/* The requests' time: fixed, for equal requests to be equal. */
static const uint64_t now_ms = 1700000000000u;

static const char *const titles[ITEMS] = {
    "A voyage to the poles",   "The clockmaker's daughter",
    "Histoire d'une rivière",  "Letters from a lighthouse",
    "The garden in winter",    "Записки садовника",
    "A detective in the snow", "海边的图书馆"};

typedef struct host {
  api attune;
  attune_engine *engine;
  const char *model; /* NULL: no reload */
  char ids[ITEMS][32];
  const char *id_pointers[ITEMS];
  size_t id_lengths[ITEMS];
  char users[READERS][32];
  float expected[READERS][ITEMS];
} host;

/* A call's outcome: code, and room for the message. */
typedef struct outcome {
  attune_error error;
  char text[256];
} outcome;

static attune_error *fresh(outcome *result) {
  memset(result, 0, sizeof *result);
  result->error.struct_size = sizeof result->error;
  result->error.message = result->text;
  result->error.message_capacity = sizeof result->text;
  return &result->error;
}

/* 1 if the call went well; else prints what it was and why. */
static int good(int code, const char *what, const outcome *result) {
  if (code == ATTUNE_OK) return 1;
  fprintf(stderr, "host: %s: %s (code %d)\n", what, result->text, code);
  return 0;
}

static void on_log(void *user, int32_t level, const char *message,
                   size_t length) {
  (void)user;
  fprintf(stderr, "host: attune[%d]: %.*s\n", (int)level, (int)length, message);
}

/* `{"database": "…"}` with the path's quotes and backslashes escaped. */
static int open_engine(host *self, const char *database) {
  attune_open_options options = {.struct_size = sizeof options,
                                 .log_level = ATTUNE_LOG_WARNING,
                                 .log = on_log};
  outcome result;
  char json[8192] = "{\"database\": \"";
  size_t size = strlen(json);
  for (; *database != '\0' && size + 8 < sizeof json; ++database) {
    if (*database == '"' || *database == '\\') json[size++] = '\\';
    json[size++] = *database;
  }
  memcpy(json + size, "\"}", 3);
  return good(self->attune.open(json, size + 2, &options, &self->engine,
                                fresh(&result)),
              "open", &result);
}

static void add_event(bytes *request, const char *user, const char *item,
                      const char *event_id, uint64_t time_ms) {
  bytes event = {.size = 0};
  bytes_text(&event, 1, user);
  bytes_text(&event, 2, item);
  bytes_text(&event, 3, "click");
  bytes_number(&event, 4, time_ms);
  bytes_text(&event, 6, event_id);
  bytes_message(request, 1, &event);
}

/* The host's catalogue, and three clicks of each of its users. */
static int put_catalogue(host *self) {
  bytes items = {.size = 0}, events = {.size = 0};
  outcome result;
  int i, u;
  for (i = 0; i < ITEMS; ++i) {
    bytes item = {.size = 0};
    bytes_text(&item, 1, self->ids[i]);
    bytes_text(&item, 2, titles[i]);
    bytes_message(&items, 1, &item);
  }
  for (u = 0; u < READERS; ++u) {
    for (i = 0; i < 3; ++i) {
      char id[64];
      snprintf(id, sizeof id, "host-%d-%d", u, i);
      add_event(&events, self->users[u], self->ids[(u + i) % ITEMS], id,
                now_ms - 3600000u * (uint64_t)(10 - i));
    }
  }
  return !items.overflow && !events.overflow &&
         good(self->attune.put_items(self->engine, items.data, items.size, 0,
                                     fresh(&result)),
              "put_items", &result) &&
         good(self->attune.put_events(self->engine, events.data, events.size,
                                      ATTUNE_PUT_SYNC, fresh(&result)),
              "put_events", &result);
}

/* Scores of all items for a user, checked to be finite. */
static int rank_ids(const host *self, int user, float *scores) {
  attune_rank_ids_options options = {.struct_size = sizeof options,
                                     .now_ms = (int64_t)now_ms};
  outcome result;
  int i;
  if (!good(self->attune.rank_ids(self->engine, self->users[user],
                                  strlen(self->users[user]), self->id_pointers,
                                  self->id_lengths, ITEMS, scores, &options,
                                  fresh(&result)),
            "rank_ids", &result)) {
    return 0;
  }
  for (i = 0; i < ITEMS; ++i) {
    if (!isfinite(scores[i])) {
      fprintf(stderr, "host: score of %s is %g\n", self->ids[i], scores[i]);
      return 0;
    }
  }
  return 1;
}

/* The same request as protobuf bytes; the answer must not be empty. */
static int rank_bytes(const host *self, int user) {
  attune_buffer response = {.struct_size = sizeof response};
  bytes request = {.size = 0};
  outcome result;
  int i, fine;
  bytes_text(&request, 1, self->users[user]);
  for (i = 0; i < ITEMS; ++i) bytes_text(&request, 2, self->ids[i]);
  bytes_number(&request, 7, now_ms);
  bytes_number(&request, 8, 3);
  if (!good(self->attune.rank(self->engine, request.data, request.size, NULL,
                              &response, fresh(&result)),
            "rank", &result)) {
    return 0;
  }
  fine = response.size > 0;
  self->attune.buffer_free(&response);
  return fine;
}

static int same_scores(const host *self, int user) {
  float scores[ITEMS];
  if (!rank_ids(self, user, scores)) return 0;
  /* The same bits. NOLINTNEXTLINE(bugprone-suspicious-memory-comparison) */
  if (memcmp(scores, self->expected[user], sizeof scores) == 0) return 1;
  fprintf(stderr,
          "host: %s: other scores for the same request: %.9g, was %.9g\n",
          self->users[user], scores[0], self->expected[user][0]);
  return 0;
}

typedef struct worker {
  const host *self;
  int user;
  int calls;
  int fine;
} worker;

static void *run_reader(void *argument) {
  worker *self = argument;
  int i;
  self->fine = 1;
  for (i = 0; i < REQUESTS && self->fine; ++i) {
    self->fine = same_scores(self->self, self->user);
    ++self->calls;
    if (i % 5 == 0 && self->fine) {
      self->fine = rank_bytes(self->self, self->user);
      ++self->calls;
    }
  }
  return NULL;
}

/* Events of another user on another item, and reloads among them. */
static void *run_writer(void *argument) {
  worker *self = argument;
  const host *h = self->self;
  outcome result;
  int i;
  self->fine = 1;
  for (i = 0; i < WRITES && self->fine; ++i) {
    bytes events = {.size = 0};
    char id[64];
    snprintf(id, sizeof id, "host-writer-%d", i);
    add_event(&events, "host-writer", "host-other-item", id,
              now_ms - 1000u * (uint64_t)(WRITES - i));
    self->fine = good(h->attune.put_events(h->engine, events.data, events.size,
                                           0, fresh(&result)),
                      "put_events", &result);
    ++self->calls;
    if (h->model != NULL && self->fine && i % (WRITES / RELOADS) == 1) {
      self->fine =
          good(h->attune.reload_model(h->engine, h->model, strlen(h->model),
                                      fresh(&result)),
               "reload_model", &result);
      ++self->calls;
    }
  }
  return NULL;
}

/* Readers and the writer at the same time; calls made, or -1. */
static int run_threads(const host *self) {
  pthread_t threads[READERS + 1];
  worker workers[READERS + 1];
  int t, started = 0, calls = 0, fine = 1;
  memset(workers, 0, sizeof workers);
  for (t = 0; t <= READERS; ++t) {
    workers[t].self = self;
    workers[t].user = t;
    if (pthread_create(&threads[t], NULL, t < READERS ? run_reader : run_writer,
                       &workers[t]) != 0) {
      break;
    }
    ++started;
  }
  for (t = 0; t < started; ++t) {
    pthread_join(threads[t], NULL);
    calls += workers[t].calls;
    fine = fine && workers[t].fine;
  }
  return fine && started == READERS + 1 ? calls : -1;
}

/* From dlopen to dlclose. The second round must find the first one's scores. */
static int run_round(host *self, const char *library, const char *database,
                     int round) {
  attune_buffer stats = {.struct_size = sizeof stats};
  const char *failure = api_load(&self->attune, library);
  outcome result;
  int u, calls;
  if (failure != NULL) {
    fprintf(stderr, "host: %s\n", failure);
    return 0;
  }
  if (!open_engine(self, database) || !put_catalogue(self)) return 0;
  for (u = 0; u < READERS; ++u) {
    if (round == 0 ? !rank_ids(self, u, self->expected[u])
                   : !same_scores(self, u)) {
      return 0;
    }
  }
  calls = run_threads(self);
  if (calls < 0) return 0;
  if (!good(self->attune.stats(self->engine, ATTUNE_STATS_JSON, &stats,
                               fresh(&result)),
            "stats", &result) ||
      !good(self->attune.close(self->engine, fresh(&result)), "close",
            &result) ||
      !good(self->attune.shutdown(fresh(&result)), "shutdown", &result)) {
    return 0;
  }
  printf("round %d: attune %s, %d threads, %d calls, %lu bytes of stats\n",
         round + 1, self->attune.version(), READERS + 1, calls,
         (unsigned long)stats.size);
  self->attune.buffer_free(&stats); /* outlives the engine */
  api_unload(&self->attune);
  return 1;
}

int main(int argc, char **argv) {
  static host self;
  int i;
  if (argc < 3 || argc > 4) {
    fprintf(stderr, "usage: %s LIBRARY DATABASE [MODEL]\n", argv[0]);
    return 2;
  }
  self.model = argc > 3 ? argv[3] : NULL;
  for (i = 0; i < ITEMS; ++i) {
    snprintf(self.ids[i], sizeof self.ids[i], "host-item-%d", i);
    self.id_pointers[i] = self.ids[i];
    self.id_lengths[i] = strlen(self.ids[i]);
  }
  for (i = 0; i < READERS; ++i) {
    snprintf(self.users[i], sizeof self.users[i], "host-user-%d", i);
  }
  for (i = 0; i < 2; ++i) {
    if (!run_round(&self, argv[1], argv[2], i)) return 1;
  }
  puts("host: every score finite, every repeated request the same");
  return 0;
}
