/* Ranks from C: links libattune.so, scores candidates.
 *
 *   rank DATABASE NOW_MS CALLS USER ITEM...
 *
 * First a call that is wrong, to show its error; then CALLS right ones, the
 * scores of the last and the median time of a call. The other languages are
 * measured against it. */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "../bridge.h"

static double now_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return 1e6 * (double)now.tv_sec + 1e-3 * (double)now.tv_nsec;
}

static int ascending(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static bridge_text text(const char *string) {
  bridge_text view = {string, strlen(string)};
  return view;
}

int main(int argc, char **argv) {
  char json[4352], message[512] = "";
  const size_t count = argc < 6 ? 0 : (size_t)argc - 5;
  const int calls = argc < 6 ? 0 : atoi(argv[3]);
  size_t *lengths = calloc(count + 1, sizeof *lengths), size = 0, i;
  float *scores = calloc(count + 1, sizeof *scores);
  double *times = calloc((size_t)calls + 1, sizeof *times);
  char *ids;
  attune_engine *engine = NULL;
  int c, code = 0;
  if (count == 0 || lengths == NULL || scores == NULL || times == NULL) {
    fprintf(stderr, "usage: %s DATABASE NOW_MS CALLS USER ITEM...\n", argv[0]);
    return 2;
  }
  for (i = 0; i < count; ++i) size += lengths[i] = strlen(argv[5 + i]);
  ids = malloc(size + 1);
  if (ids == NULL) return 1;
  for (i = 0, size = 0; i < count; size += lengths[i++]) {
    memcpy(ids + size, argv[5 + i], lengths[i]);
  }
  /* A path with quotes or backslashes would need them escaped. */
  snprintf(json, sizeof json, "{\"mode\": \"follower\", \"database\": \"%s\"}",
           argv[1]);
  if (bridge_open(text(json), &engine, message, sizeof message) != ATTUNE_OK) {
    fprintf(stderr, "%s\n", message);
    return 1;
  }
  bridge_rank_ids(engine, text(argv[4]), ids, lengths, count,
                  text("no such model"), atoll(argv[2]), scores, message,
                  sizeof message);
  printf("error %s\n", message);
  for (c = 0; c < calls && code == ATTUNE_OK; ++c) {
    const double start = now_us();
    code = bridge_rank_ids(engine, text(argv[4]), ids, lengths, count, text(""),
                           atoll(argv[2]), scores, message, sizeof message);
    times[c] = now_us() - start;
  }
  if (code == ATTUNE_OK) {
    qsort(times, (size_t)calls, sizeof *times, ascending);
    for (i = 0; i < count; ++i) {
      printf("score %s %.9g\n", argv[5 + i], scores[i]);
    }
    printf("p50_us %.3f\n", times[calls / 2]);
  } else {
    fprintf(stderr, "%s\n", message);
  }
  attune_close(engine, NULL);
  free(ids);
  free(lengths);
  free(scores);
  free(times);
  return code != ATTUNE_OK;
}
