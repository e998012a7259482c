/* A study, its log, a loop and a worker for tests; and the trainer's end of conversations.
 *
 * Each world has its own directory under /tmp. Programs of trials are shell scripts that run in CLADE_DIR.
 * Nothing waits for a time to pass: everything waits for a condition, and gives up after WORLD_PATIENCE_US.
 */
#ifndef CL_TEST_WORLD_H
#define CL_TEST_WORLD_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "worker/keeper.h"
#include "worker/worker_impl.h"

#define WORLD_PATIENCE_US 120000000

struct world {
  char directory[64];
  char address[100]; /* of the store */
  uv_loop_t loop;
  struct cl_store *store;
  int64_t study;
  struct cl_log *log;
  const struct cl_study *s;
  struct cl_worker *worker;
  struct cl_worker_options options;
  struct cl_text said; /* what the worker said to people */
  double until;        /* of the next starts */
  bool loop_open;
  uv_timer_t tick; /* so that a round of the loop always comes back */
};

/* A study whose program runs `script` with sh; `more`: further settings (", \"limits\": …" or ""). Its store
 * is SQLite, so that a second process can open it. No worker yet. */
void world_begin(struct world *w, const char *script, const char *more);
void world_end(struct world *w);
/* As begin: another process, or the same one later, opens what is there. */
void world_open(struct world *w);
void world_close(struct world *w); /* the worker leaves, and the log is closed */

void world_work_off(struct world *w, int slots); /* the next, and until nothing waits or runs */
void world_work(struct world *w, int slots); /* create a worker (w->options may have been set) and recover */
int world_try_to_work(struct world *w, int slots, struct cl_err *e);
/* For w->options.way: along the lineage that stands in the log, as a session finds it. `ctx` is the world. */
int world_way(void *ctx, int64_t snapshot, struct cl_remake_way *ret, struct cl_err *e);

int64_t world_propose(struct world *w, double lr); /* the next trial; its number */
/* Append a decision about a trial, as a scheduler or a person would; its position. */
int64_t world_decide(struct world *w, int64_t trial, struct cl_event ev);

void world_turn(struct world *w);  /* turns and commits until nothing more is put */
void world_round(struct world *w); /* one round of the loop, and a turn */

#define WORLD_UNTIL(w, condition) \
  do { \
    int64_t world_limit = cl_clock_monotonic_us() + WORLD_PATIENCE_US; \
    bool world_met = (condition); \
    while (!world_met && cl_clock_monotonic_us() < world_limit) { \
      world_round(w); \
      world_met = (condition); \
    } \
    if (!world_met) world_show(w); \
    if (!world_met) fail_msg("never: %s", #condition); \
  } while (0)

const struct cl_trial *world_trial(const struct world *w, int64_t trial);
int world_state(const struct world *w, int64_t trial);
bool world_is_idle(const struct world *w); /* no attempt in hand */
void world_show(struct world *w);          /* the whole log, for a failing test */

/* Files of an attempt (0: of the trial). */
char *world_path(struct world *w, int64_t trial, int attempt, const char *name); /* free with cl_free */
void world_touch(struct world *w, int64_t trial, int attempt, const char *name, const char *text);
bool world_has(struct world *w, int64_t trial, int attempt, const char *name);
char *world_read(struct world *w, int64_t trial, int attempt, const char *name); /* free with cl_free */

/* The state of a process as /proc shows it: 'T' = stopped, 'Z' = a zombie. */
bool world_process_is(pid_t pid, char state);

/* All events of a trial as one text of lines "position kind …". Free with cl_free. */
char *world_story(struct world *w, int64_t trial);
/* The last event of a kind about a trial, as JSON; null when there is none. Decref. */
json_t *world_last(struct world *w, int64_t trial, enum cl_kind kind);
json_t *world_field(json_t *event, const char *name); /* of its data, or a common one; null = left out */
int world_count(struct world *w, int64_t trial, enum cl_kind kind);

/* The trainer's end. */
struct client {
  int fd;
  char line[70000];
  size_t n;
};
void client_open(struct world *w, struct client *c);
void client_close(struct client *c);
void client_send(struct client *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The next message of the worker, "" when it has closed the connection. Valid until the next call. */
const char *client_hear(struct world *w, struct client *c);
/* Is nothing there to hear after the worker has had its turns? */
bool client_is_silent(struct world *w, struct client *c);
/* Connect and say hello for an attempt whose process has come to be (the worker has heard so from its keeper,
 * and acts on decisions at once); the answer. `can`: words. */
const char *client_hello(struct world *w, struct client *c, int64_t trial, int attempt, const char *can);
/* The text behind "<key>":" in a message. */
void client_take_text(const char *line, const char *key, char ret[200]);
void world_token(struct world *w, int64_t trial, int attempt, char ret[CL_TOKEN_SIZE]);

/* A script that ends when a file `end` is made in its attempt's directory, with the status that stands there.
 */
extern const char world_patient[];

/* For main: run as a keeper when that is what this process is. */
#define WORLD_MAIN_BEGIN(argc, argv) \
  if ((argc) > 1 && strcmp((argv)[1], CL_KEEPER_WORD) == 0) return cl_keeper_main((argc), (argv))

#endif
