/* What a trainer leaves in its checkpoints directory when it ends. A state that it saved by itself because no
 * worker was there (<step>.late) is published and recorded before the attempt's end is, so the next attempt
 * begins from it. Afterwards the states of the attempt that no event refers to are removed: unpublished ones,
 * and those that were published when the worker died before it could record them. Only names that the worker
 * itself has given are touched. */
#include <assert.h>
#include <ctype.h>
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "worker/worker_impl.h"

#define LATE      "late"
#define NAME_SIZE 100

struct cl_late {
  struct cl_attempt *attempt; /* null: it is not in hand any more */
  double step;
  char path[160]; /* below the study's directory */
};

/* Names. */

struct state_name {
  int32_t attempt; /* 0: a late state that is not published */
  double step;
  bool late, is_new;
};

static bool cut_end(char *text, const char *end) {
  size_t n = strlen(text), m = strlen(end);
  if (n < m || strcmp(text + n - m, end) != 0) return false;
  text[n - m] = '\0';
  return true;
}

static void cut_loads(char *text) {
  size_t n = strlen(text);
  while (n > 0 && isdigit((unsigned char)text[n - 1])) n--;
  if (n >= 5 && strncmp(text + n - 5, "-load", 5) == 0) text[n - 5] = '\0';
}

static bool is_number(const char *text, double *ret) {
  char *end = NULL;
  if (!isdigit((unsigned char)text[0]) && text[0] != '-') return false;
  *ret = strtod(text, &end);
  return *end == '\0' && isfinite(*ret);
}

/* <attempt>-<step>[-load<n> | -late][.new], or <step>.late[.part] */
static bool parse_name(const char *name, struct state_name *ret) {
  char text[NAME_SIZE];
  *ret = (struct state_name){0};
  if ((size_t)snprintf(text, sizeof text, "%s", name) >= sizeof text) return false;
  ret->is_new = cut_end(text, ".part") || cut_end(text, ".new");
  if (cut_end(text, "." LATE)) {
    ret->late = true;
    return is_number(text, &ret->step);
  }
  ret->late = cut_end(text, "-" LATE);
  if (!ret->late) cut_loads(text);
  char *end = NULL;
  long attempt = isdigit((unsigned char)text[0]) ? strtol(text, &end, 10) : 0;
  if (attempt < 1 || attempt > INT32_MAX || *end != '-') return false;
  ret->attempt = (int32_t)attempt;
  return is_number(end + 1, &ret->step);
}

/* Is it one of a snapshot that may still be begun from? */
static bool is_recorded(const struct cl_attempt *a, const char *name) {
  char path[400];
  (void)snprintf(path, sizeof path, "%lld/checkpoints/%s", (long long)a->trial, name);
  const struct cl_snapshot *n = cl_study_find_snapshot(a->worker->study, a->trial, path);
  return n != NULL && n->usable;
}

static DIR *open_states(const struct cl_attempt *a) {
  char *path = cl_attempt_path(a->worker->study, a->trial, 0, "checkpoints");
  DIR *dir = path == NULL ? NULL : opendir(path);
  cl_free(path);
  return dir;
}

/* Late states. */

/* One that is not recorded: first those that were published before a worker died, then what the trainer left.
 */
static bool find_late(const struct cl_attempt *a, struct state_name *ret, char ret_text[NAME_SIZE]) {
  DIR *dir = open_states(a);
  bool found = false;
  for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
    struct state_name name;
    if (!parse_name(entry->d_name, &name) || !name.late || name.is_new) continue;
    bool published = name.attempt == a->number && !is_recorded(a, entry->d_name);
    if (!published && (name.attempt != 0 || found)) continue;
    found = true;
    *ret = name;
    memcpy(ret_text, entry->d_name, strlen(entry->d_name) + 1); /* parse_name has looked at its length */
    if (published) break;
  }
  if (dir != NULL) (void)closedir(dir);
  return found;
}

static void told_late(void *ctx, const struct cl_event *ev, const struct cl_append *result) {
  struct cl_attempt *a = ctx;
  (void)ev;
  a->puts--;
  if (result->status < 0) a->late_done = true; /* not now: its directory stays, but for a later state */
  if (a->phase == CL_PHASE_DRAINING) cl_worker_hurry(a->worker);
}

static int put_late(struct cl_attempt *a, const struct cl_late *late, const struct cl_published *p,
                    struct cl_err *e) {
  struct cl_event ev = {.kind = CL_EVENT_SAVED};
  ev.u.saved.step = late->step;
  ev.u.saved.way = CL_WAY_DIRECTORY;
  ev.u.saved.bytes = p->bytes;
  ev.u.saved.hash = p->hash;
  ev.u.saved.path = late->path;
  ev.u.saved.host = a->worker->host;
  ev.u.saved.rollup = cl_trial_rollup(cl_attempt_trial(a));
  return cl_attempt_put(a, &ev, told_late, e);
}

static void on_published(void *ctx, const struct cl_published *p) {
  struct cl_late *late = ctx;
  struct cl_attempt *a = late->attempt;
  struct cl_err e;
  if (a != NULL) {
    a->late = NULL;
    if (p->status < 0) {
      cl_worker_say(a->worker, a->trial, "the state that it saved at step %g was left where it is: %s",
                    late->step, p->error.text);
      a->late_done = true;
    } else if (put_late(a, late, p, &e) < 0) {
      cl_worker_fail(a->worker, &e);
    }
    cl_worker_hurry(a->worker);
  }
  cl_free(late);
}

/* `text`: the name found, published or not. */
static int publish_late(struct cl_attempt *a, double step, const char *text, struct cl_err *e) {
  struct cl_worker *w = a->worker;
  char number[CL_NUMBER_TEXT], from[120];
  struct cl_late *late = cl_alloc(sizeof *late);
  if (late == NULL) return CL_FAIL_NOMEM(e);
  late->attempt = a;
  late->step = step;
  (void)snprintf(from, sizeof from, "checkpoints/%s", text);
  (void)snprintf(late->path, sizeof late->path, "%lld/checkpoints/%d-%s-" LATE, (long long)a->trial,
                 a->number, cl_number_text(step, number));
  char *source = cl_attempt_path(w->study, a->trial, 0, from);
  char *target = cl_attempt_path(w->study, 0, 0, late->path);
  int status = source == NULL || target == NULL ? CL_FAIL_NOMEM(e)
                                                : cl_publish(w->loop, source, target, on_published, late, e);
  if (status < 0)
    cl_free(late);
  else
    a->late = late;
  cl_free(source);
  cl_free(target);
  return status;
}

int cl_attempt_publish_late(struct cl_attempt *a, bool *ret_busy, struct cl_err *e) {
  const struct cl_trial *t = cl_attempt_trial(a);
  const unsigned mine = CL_ATTEMPT_OPEN | CL_CONNECTED_ONCE;
  struct state_name name;
  char text[NAME_SIZE];
  *ret_busy = a->late != NULL || a->puts > 0;
  if (*ret_busy || a->late_done) return 0;
  a->connects = t->head.attempt == a->number && (t->head.flags & mine) == mine;
  if (!a->connects || !find_late(a, &name, text)) {
    a->late_done = true;
    return 0;
  }
  *ret_busy = true;
  return publish_late(a, name.step, text, e);
}

void cl_attempt_forget_late(struct cl_attempt *a) {
  if (a->late != NULL) a->late->attempt = NULL;
  a->late = NULL;
}

/* Removing, in a thread: states may be big. */

struct removal {
  uv_work_t work;
  char *directory;
  struct cl_words names;
};

static void destroy_removal(struct removal *r) {
  cl_free(r->directory);
  cl_words_done(&r->names);
  cl_free(r);
}

/* What cannot be removed is tried again at the end of the next attempt. */
static void remove_names(uv_work_t *work) {
  struct removal *r = work->data;
  char path[4096];
  for (size_t i = 0; i < r->names.n; i++)
    if ((size_t)snprintf(path, sizeof path, "%s/%s", r->directory, r->names.items[i]) < sizeof path)
      (void)cl_dir_remove(path, NULL);
}

static void after_removal(uv_work_t *work, int status) {
  (void)status;
  destroy_removal(work->data);
}

static bool is_leftover(const struct cl_attempt *a, const char *text) {
  const struct cl_trial *t = cl_attempt_trial(a);
  struct state_name name;
  if (!parse_name(text, &name)) return false;
  bool current = t->head.attempt == a->number; /* then all before it have ended, too */
  if (name.attempt == 0) return current && name.is_new;
  bool ended = current ? name.attempt <= a->number : name.attempt == a->number;
  return ended && (name.is_new || !is_recorded(a, text));
}

static int list_leftovers(const struct cl_attempt *a, DIR *dir, struct cl_words *ret) {
  struct dirent *entry;
  while ((entry = readdir(dir)) != NULL) {
    if (!is_leftover(a, entry->d_name)) continue;
    char *name = cl_copy_text(entry->d_name);
    if (name == NULL || cl_grow(&ret->items, &ret->capacity, ret->n + 1, sizeof *ret->items) < 0) {
      cl_free(name);
      return -1;
    }
    ret->items[ret->n++] = name;
  }
  return 0;
}

/* Without memory it is left to the end of the next attempt. */
void cl_attempt_collect(struct cl_attempt *a) {
  if (!a->connects) return;
  DIR *dir = open_states(a);
  struct removal *r = dir == NULL ? NULL : cl_alloc(sizeof *r);
  if (r != NULL) {
    r->work.data = r;
    r->directory = cl_attempt_path(a->worker->study, a->trial, 0, "checkpoints");
    bool wanted = r->directory != NULL && list_leftovers(a, dir, &r->names) == 0 && r->names.n > 0;
    if (!wanted || uv_queue_work(a->worker->loop, &r->work, remove_names, after_removal) < 0)
      destroy_removal(r);
  }
  if (dir != NULL) (void)closedir(dir);
}
