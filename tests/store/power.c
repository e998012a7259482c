#include "store/power.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/rng.h"
#include "store/disk.h"

enum { FILES_MAX = 8, SECTOR = 512 };
enum step_kind { NOTHING, WRITE, CUT, SYNC, REMOVE, CREATE, ACKNOWLEDGE };

struct step {
  enum step_kind kind;
  int file;
  int64_t offset, n; /* CUT: n is the new size; ACKNOWLEDGE: study and value */
  char *bytes;
  bool synced; /* REMOVE: with its directory */
};

static struct {
  bool on;
  char dir[200];
  char names[FILES_MAX][100];
  int n_files;
  struct step *steps;
  size_t n, cap;
} recording;

/* Recording. */

static int file_of(const char *path) {
  size_t n = strlen(recording.dir);
  if (!recording.on || path == NULL || strncmp(path, recording.dir, n) != 0) return -1;
  for (int i = 0; i < recording.n_files; i++)
    if (strcmp(recording.names[i], path + n) == 0) return i;
  if (recording.n_files == FILES_MAX) abort();
  (void)snprintf(recording.names[recording.n_files], sizeof recording.names[0], "%s", path + n);
  return recording.n_files++;
}

static void add_step(struct step step, const void *bytes) {
  if (!recording.on || step.file < 0) return;
  if (cl_grow(&recording.steps, &recording.cap, recording.n + 1, sizeof step) < 0) abort();
  if (bytes != NULL) {
    step.bytes = cl_copy_bytes(bytes, (size_t)step.n);
    if (step.bytes == NULL) abort();
  }
  recording.steps[recording.n++] = step;
}

void power_acknowledge(int64_t study, int64_t value) {
  add_step((struct step){.kind = ACKNOWLEDGE, .offset = study, .n = value}, NULL);
}

/* The watcher. A file that could not be opened after all is not there in the recording either: it is empty.
 */
static int record(const struct disk_event *ev) {
  static const enum step_kind kinds[DISK_CALLS] = {[DISK_OPEN] = CREATE,
                                                   [DISK_DELETE] = REMOVE,
                                                   [DISK_WRITE] = WRITE,
                                                   [DISK_TRUNCATE] = CUT,
                                                   [DISK_SYNC] = SYNC};
  struct step step = {kinds[ev->call], file_of(ev->path), ev->offset, ev->n, NULL, ev->synced};
  if (ev->call == DISK_OPEN && !ev->changed) return SQLITE_OK;
  if (step.kind != NOTHING) add_step(step, ev->bytes);
  return SQLITE_OK;
}

static const struct disk_watcher watcher = {.judge = record, .skip_syncs = true};

void power_record(const char *dir) {
  disk_watch(&watcher);
  (void)snprintf(recording.dir, sizeof recording.dir, "%s/", dir);
  recording.on = true;
}

void power_stop(void) {
  recording.on = false;
  disk_watch(NULL);
}

void power_forget(void) {
  for (size_t i = 0; i < recording.n; i++) cl_free(recording.steps[i].bytes);
  cl_free(recording.steps);
  memset(&recording, 0, sizeof recording);
}

/* Looking. */

size_t power_moments(void) {
  return recording.n;
}

bool power_is_sync(size_t moment) {
  return recording.steps[moment].kind == SYNC;
}

bool power_is_acknowledgement(size_t moment) {
  return recording.steps[moment].kind == ACKNOWLEDGE;
}

size_t power_checkpoint_writes(void) {
  size_t n = 0;
  for (size_t i = 0; i < recording.n; i++)
    n += recording.steps[i].kind == WRITE && strchr(recording.names[recording.steps[i].file], '-') == NULL;
  return n;
}

int64_t power_acknowledged(size_t moment, int64_t study) {
  for (size_t i = moment; i > 0; i--)
    if (recording.steps[i - 1].kind == ACKNOWLEDGE && recording.steps[i - 1].offset == study)
      return recording.steps[i - 1].n;
  return 0;
}

/* Cutting. */

struct image { /* of a file */
  bool exists;
  char *bytes;
  size_t n, cap;
};

static void resize(struct image *f, size_t n) {
  if (cl_grow(&f->bytes, &f->cap, n, 1) < 0) abort();
  if (n > f->n) memset(f->bytes + f->n, 0, n - f->n);
  f->n = n;
}

static void put(struct image *f, const struct step *s, size_t from, size_t to) {
  size_t at = (size_t)s->offset;
  assert(s->bytes != NULL && from < to);
  if (at + to > f->n) resize(f, at + to);
  assert(f->bytes != NULL);
  memcpy(f->bytes + at + from, s->bytes + from, to - from);
}

/* Do to a file what a step has done; `rng` not null: to some of its sectors. */
static void apply(struct image *f, const struct step *s, struct cl_rng *rng) {
  if (s->kind == CUT && (rng == NULL || cl_rng_below(rng, 2) == 0)) resize(f, (size_t)s->n);
  if (s->kind != WRITE) return;
  for (size_t from = 0; from < (size_t)s->n;) {
    size_t to = from + SECTOR - ((size_t)s->offset + from) % SECTOR;
    if (to > (size_t)s->n) to = (size_t)s->n;
    if (rng == NULL || cl_rng_below(rng, 2) == 0) put(f, s, from, to);
    from = to;
  }
}

/* The steps on `file` in [from, to) reach the disk. */
static void flush(struct image *f, int file, size_t from, size_t to, struct cl_rng *rng) {
  for (size_t i = from; i < to; i++)
    if (recording.steps[i].file == file && recording.steps[i].kind != ACKNOWLEDGE)
      apply(f, &recording.steps[i], rng);
}

/* As of `moment`. A file is begun anew where it is made; its removal reaches the disk with the next sync of
 * anything, if not at once. */
static void make_image(struct image *f, int file, size_t moment, enum power_rule rule, struct cl_rng *rng) {
  size_t flushed = 0;
  bool leaving = false;
  for (size_t i = 0; i < moment; i++) {
    const struct step *s = &recording.steps[i];
    if (s->kind == ACKNOWLEDGE) continue;
    if (s->kind == SYNC && leaving) {
      f->exists = leaving = false;
      f->n = 0;
    }
    if (s->file != file) continue;
    if (s->kind == CREATE) {
      f->exists = true;
      leaving = false;
      f->n = 0;
      flushed = i + 1;
    } else if (s->kind == SYNC) {
      flush(f, file, flushed, i, NULL);
      flushed = i + 1;
    } else if (s->kind == REMOVE) {
      leaving = !s->synced;
      f->exists = leaving;
    }
  }
  if (leaving && (rule == POWER_ALL || (rule == POWER_SOME && cl_rng_below(rng, 2) == 0))) f->exists = false;
  if (rule != POWER_NONE) flush(f, file, flushed, moment, rule == POWER_SOME ? rng : NULL);
}

void power_cut(size_t moment, enum power_rule rule, uint64_t seed, const char *dir) {
  struct cl_rng rng = cl_rng_stream(seed, CL_RNG_USER, moment, 0);
  assert(!recording.on && moment <= recording.n);
  for (int i = 0; i < recording.n_files; i++) {
    struct image f = {0};
    char path[400];
    make_image(&f, i, moment, rule, &rng);
    (void)snprintf(path, sizeof path, "%s/%s", dir, recording.names[i]);
    if (f.exists && cl_file_write(path, f.bytes == NULL ? "" : f.bytes, f.n, false, NULL) < 0) abort();
    cl_free(f.bytes);
  }
}
