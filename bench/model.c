/* The replica's speed and size: {proposed, started, ended} cycles of 10 floats, beside a memcpy of the same
 * bytes in the same run; the bytes of a finished trial; draws of 10 floats. One JSON object a line. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "measure.h"
#include "model/study.h"

enum { FLOATS = 10, CYCLES = 300000, DRAWS = 1000000, COPIES = 20 };

struct bench {
  struct cl_study *s;
  int64_t position;
};

static void apply(struct bench *b, struct cl_event *ev) {
  struct cl_err e;
  ev->position = ++b->position;
  need(cl_study_apply(b->s, ev, &e), &e);
}

static void create(struct bench *b) {
  struct cl_text t = {0};
  struct cl_err e;
  cl_text_add(&t,
              "{\"study\": \"b\", \"objectives\": [{\"name\": \"y\", \"goal\": \"minimize\"}], \"trials\": "
              "1000000000, \"hyperparameters\": [");
  for (int i = 1; i <= FLOATS; i++)
    cl_text_format(&t, "%s{\"id\": %d, \"name\": \"h%d\", \"domain\": \"float\", \"lo\": 1e-4, \"hi\": 1%s}",
                   i > 1 ? ", " : "", i, i, i % 2 == 0 ? ", \"scale\": \"log\"" : "");
  cl_text_add(&t, "]}");
  need(cl_study_create(&b->s, &e), &e);
  struct cl_event ev = {.kind = CL_EVENT_CREATED};
  ev.u.created.name = "b";
  ev.u.created.settings = cl_text_get(&t);
  apply(b, &ev);
  cl_text_done(&t);
}

static void cycle(struct bench *b, struct cl_event *proposed, struct cl_event *started,
                  struct cl_event *ended) {
  proposed->subject = started->subject = ended->subject = b->position / 3 + 1;
  apply(b, proposed);
  started->seen = b->position;
  apply(b, started);
  ended->u.ended.record = b->position;
  apply(b, ended);
}

/* Copies of as many bytes as the events of the cycles have, from a block to another, both touched before. */
static double copy_rate(size_t bytes) {
  size_t n = (size_t)CYCLES * bytes;
  char *from = cl_alloc(n), *to = cl_alloc(n);
  if (from == NULL || to == NULL) exit(1);
  memset(from, 1, n);
  memset(to, 2, n);
  double best = 1e9;
  for (int i = 0; i < COPIES; i++) {
    double t = now();
    memcpy(to, from, n);
    t = now() - t;
    if (t < best) best = t;
    from[i] = to[n - 1 - (size_t)i];
  }
  cl_free(from);
  cl_free(to);
  return CYCLES / best;
}

static void bench_cycles(void) {
  struct bench b = {0};
  struct cl_assigned values[FLOATS];
  const double objective = 0.25;
  create(&b);
  for (int i = 0; i < FLOATS; i++) values[i] = (struct cl_assigned){i + 1, cl_value_real(0.01 * (i + 1))};
  struct cl_event proposed = {.kind = CL_EVENT_PROPOSED, .cause = CL_CAUSE_SEARCH},
                  started = {.kind = CL_EVENT_STARTED};
  struct cl_event ended = {.kind = CL_EVENT_ENDED, .attempt = 1};
  proposed.u.proposed.role = CL_ROLE_SEARCH;
  proposed.u.proposed.space_version = 1;
  proposed.u.proposed.values = (struct cl_assigned_list){FLOATS, values};
  started.attempt = 1;
  started.u.started.until = CL_NO_STEP;
  ended.u.ended.known = true;
  ended.u.ended.objectives = (struct cl_number_list){1, &objective};
  size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
  double t = now();
  for (int i = 0; i < CYCLES; i++) cycle(&b, &proposed, &started, &ended);
  t = now() - t;
  size_t after = mallinfo2().uordblks + mallinfo2().hblkhd;
  size_t bytes = 3 * sizeof(struct cl_event) + sizeof values + sizeof objective;
  printf(
      "{\"bench\": \"model\", \"what\": \"apply proposed, started, ended\", \"floats\": %d, \"cycles_per_s\": %.0f, "
      "\"memcpy_limit_per_s\": %.0f}\n",
      FLOATS, CYCLES / t, copy_rate(bytes));
  printf("{\"bench\": \"model\", \"what\": \"memory of a finished trial\", \"floats\": %d, \"bytes\": %.1f, "
         "\"struct_bytes\": %zu}\n",
         FLOATS, (double)(after - before) / CYCLES, sizeof(struct cl_trial));
  cl_study_destroy(b.s);
}

static void bench_draws(void) {
  struct bench b = {0};
  struct cl_value values[FLOATS];
  double sum = 0;
  create(&b);
  double t = now();
  for (int i = 0; i < DRAWS; i++) {
    (void)cl_space_draw(cl_study_space(b.s), 2385, CL_RNG_USER, (uint64_t)i, NULL, values, NULL);
    sum += values[FLOATS - 1].as.real;
  }
  t = now() - t;
  static struct cl_value from[1024 * FLOATS], to[1024 * FLOATS];
  memset(from, 1, sizeof from);
  double copy = now();
  for (int i = 0; i < DRAWS / 1024; i++) {
    memcpy(to, from, sizeof to);
    from[i % 1024].as.real = to[0].as.real;
  }
  copy = now() - copy;
  printf(
      "{\"bench\": \"model\", \"what\": \"draw\", \"floats\": %d, \"draws_per_s\": %.0f, \"memcpy_limit_per_s\": "
      "%.0f, \"mean\": %.4f}\n",
      FLOATS, DRAWS / t, DRAWS / copy, sum / DRAWS);
  cl_study_destroy(b.s);
}

int main(void) {
  bench_cycles();
  bench_draws();
  return 0;
}
