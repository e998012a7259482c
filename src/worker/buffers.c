#include "worker/buffers.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "worker/buffers_impl.h"

enum { TINY_BYTES = 1 << 20, LOOKED_AT = 64 };

static struct cl_buffers *all_of(const struct cl_worker *w) {
  return w->buffers;
}

const char *cl_buffer_path(const struct cl_buffer *b) {
  return b->path;
}

/* What holds of every buffer, whenever no function of this file runs. */
static void check(const struct cl_buffer *b) {
  (void)b;
  assert(b->readers >= 0 && b->bytes > 0 && b->path != NULL);
  assert(b->state == CL_BUFFER_KEPT || (b->snapshot == 0 && b->readers == 0));
  assert(b->state != CL_BUFFER_KEPT || (b->snapshot > 0 && b->trial > 0));
}

struct cl_buffers *cl_buffers_create(void) {
  return cl_alloc(sizeof(struct cl_buffers));
}

/* Adding and removing. */

struct cl_buffer *cl_buffers_add(struct cl_worker *w, char *path, int fd, int64_t bytes) {
  struct cl_buffers *all = all_of(w);
  struct cl_buffer *b = cl_alloc(sizeof *b);
  assert(path != NULL && bytes > 0);
  if (b == NULL || cl_grow(&all->items, &all->capacity, all->n + 1, sizeof(struct cl_buffer *)) < 0) {
    if (fd >= 0) (void)close(fd);
    if (fd < 0) (void)unlink(path);
    cl_free(path);
    cl_free(b);
    return NULL;
  }
  *b = (struct cl_buffer){.worker = w, .path = path, .fd = fd, .bytes = bytes};
  all->items[all->n++] = b;
  all->sum += bytes;
  return b;
}

static void free_buffer(struct cl_buffer *b) {
  if (b->fd >= 0) (void)close(b->fd);
  cl_free(b->path);
  cl_free(b);
}

void cl_buffers_destroy_one(struct cl_buffer *b) {
  struct cl_buffers *all = all_of(b->worker);
  size_t i = 0;
  while (i < all->n && all->items[i] != b) i++;
  assert(i < all->n);
  all->items[i] = all->items[--all->n];
  all->sum -= b->bytes;
  if (b->fd < 0) (void)unlink(b->path);
  free_buffer(b);
}

bool cl_buffers_rename(struct cl_buffer *b, const char *name) {
  struct cl_buffers *all = all_of(b->worker);
  if (b->fd >= 0 || all->directory == NULL) return true; /* it has no name */
  char *path = cl_path_join(all->directory, name);
  bool done = path != NULL && rename(b->path, path) == 0;
  if (done) {
    cl_free(b->path);
    b->path = path;
  } else {
    cl_free(path);
  }
  return done;
}

void cl_buffers_spare(struct cl_buffer *b) {
  struct cl_buffers *all = all_of(b->worker);
  char name[40];
  if (b->state == CL_BUFFER_KEPT && !b->copied) all->uncopied--;
  if (b->lost) {
    all->look = true;
    cl_buffers_destroy_one(b);
    return;
  }
  bool renamed = b->state != CL_BUFFER_KEPT;
  b->state = CL_BUFFER_SPARE;
  b->snapshot = b->trial = 0;
  b->newest = b->copied = b->deleted = false;
  (void)snprintf(name, sizeof name, "spare-%lld", (long long)++all->next);
  if (!renamed && !cl_buffers_rename(b, name))
    cl_buffers_destroy_one(b); /* else the next worker took it for kept */
}

/* How many there may be. */

static size_t count_members(const struct cl_worker *w) {
  const struct cl_buffers *all = all_of(w);
  size_t n = 0;
  for (size_t i = 0; i < all->n; i++) n += all->items[i]->state == CL_BUFFER_KEPT && all->items[i]->newest;
  return n;
}

/* Without thinking about who needs them. */
static bool may_be_many(const struct cl_buffers *all, int64_t bytes) {
  return all->sum + bytes <= (bytes <= TINY_BYTES ? CL_BUFFERS_MANY_BYTES : CL_BUFFERS_SMALL_BYTES);
}

bool cl_buffers_may_grow(const struct cl_worker *w, int64_t bytes) {
  const struct cl_buffers *all = all_of(w);
  return may_be_many(all, bytes) || all->n < count_members(w) + w->n_all + 2;
}

/* What a machine does not notice is not worth a line. */
static void tell_bill(struct cl_worker *w, int64_t bytes) {
  struct cl_buffers *all = all_of(w);
  bool small = bytes <= CL_BUFFERS_SMALL_BYTES / (w->slots + 2);
  if (all->told || small) return;
  all->told = true;
  cl_worker_say(w, 0,
                "states are handed over in memory: %.4g MiB for each member, %d times more for slots and "
                "spares; when memory is short, states go into directories",
                (double)bytes / 1048576, w->slots + 2);
}

void cl_buffers_expect(struct cl_worker *w, int64_t bytes) {
  struct cl_buffers *all = all_of(w);
  tell_bill(w, bytes);
  if (bytes > all->bytes) all->bytes = bytes;
  cl_worker_hurry(w);
}

/* Lending. */

static struct cl_buffer *find_spare(const struct cl_buffers *all, int64_t bytes) {
  struct cl_buffer *best = NULL;
  for (size_t i = 0; i < all->n; i++) {
    struct cl_buffer *b = all->items[i];
    if (b->state == CL_BUFFER_SPARE && b->bytes >= bytes && (best == NULL || b->bytes < best->bytes)) {
      best = b;
      if (b->bytes == bytes) break;
    }
  }
  return best;
}

/* When trainers are faster than the disk, most have no copy yet: of these nothing is looked up. */
static bool is_spent(const struct cl_buffer *b) {
  const struct cl_study *s = b->worker->study;
  if (b->state != CL_BUFFER_KEPT || b->readers > 0 || !b->copied) return false;
  const struct cl_snapshot *n = cl_study_snapshot(s, b->snapshot);
  const struct cl_trial *t = cl_study_trial(s, b->trial);
  assert(n != NULL && n->usable);
  return n->pins == 0 && (!b->newest || t == NULL || cl_state_is_final(t->head.state));
}

/* The oldest one that is needed no more. */
static struct cl_buffer *find_spent(const struct cl_buffers *all, int64_t bytes) {
  struct cl_buffer *oldest = NULL;
  for (size_t i = 0; i < all->n; i++) {
    struct cl_buffer *b = all->items[i];
    if (b->bytes < bytes || !is_spent(b)) continue;
    if (oldest == NULL || b->snapshot < oldest->snapshot) oldest = b;
  }
  return oldest;
}

struct cl_buffer *cl_buffers_lend(struct cl_worker *w, int64_t bytes) {
  struct cl_buffers *all = all_of(w);
  struct cl_buffer *b = find_spare(all, bytes);
  assert(bytes > 0);
  /* Looking for one that is spent takes as long as making a small one, when there are hundreds. */
  bool makes = all->n >= LOOKED_AT && bytes <= TINY_BYTES && may_be_many(all, bytes);
  if (b == NULL && !makes && (b = find_spent(all, bytes)) != NULL) {
    size_t before = all->n;
    cl_buffers_spare(b);
    if (all->n < before) b = NULL;
  }
  if (b == NULL && cl_buffers_may_grow(w, bytes) && bytes <= CL_BUFFERS_SMALL_BYTES / 2)
    b = cl_buffers_make(w, bytes);
  cl_worker_hurry(w); /* which makes the next one */
  if (b == NULL) return NULL;
  b->state = CL_BUFFER_LENT;
  check(b);
  return b;
}

void cl_buffer_return(struct cl_buffer *b) {
  if (b == NULL) return;
  assert(b->state == CL_BUFFER_LENT);
  cl_buffers_spare(b);
}

bool cl_buffer_is_lost(const struct cl_buffer *b) {
  return b->lost;
}

/* Somebody has removed the files, as the system does with those of a user who logs out (RemoveIPC of
 * logind). What programs have mapped they keep, but nobody else finds it. */
static void lose_files(struct cl_worker *w) {
  struct cl_buffers *all = all_of(w);
  cl_worker_say(w, 0, "'%s' was removed by somebody else: the states there that have no copy yet are lost",
                all->directory);
  (void)unlink(all->note);
  cl_free(all->directory);
  cl_free(all->note);
  all->directory = all->note = NULL;
  for (size_t i = all->n; i-- > 0;) {
    struct cl_buffer *b = all->items[i];
    b->lost |= b->fd < 0;
    if (b->lost && b->readers == 0 && b->state != CL_BUFFER_LENT) cl_buffers_spare(b);
  }
  all->look = true;
}

/* Keeping. */

void cl_buffer_keep(struct cl_buffer *b, const struct cl_event *saved) {
  struct cl_buffers *all = all_of(b->worker);
  const struct cl_snapshot *n = cl_study_snapshot(b->worker->study, saved->position);
  char name[200];
  assert(b->state == CL_BUFFER_LENT && saved->kind == CL_EVENT_SAVED && n != NULL);
  for (size_t i = 0; i < all->n; i++)
    if (all->items[i]->trial == saved->subject) all->items[i]->newest = false;
  b->state = CL_BUFFER_KEPT;
  b->snapshot = saved->position;
  b->trial = saved->subject;
  b->newest = true;
  all->uncopied++;
  if (b->lost) {
    cl_buffers_spare(b);
    return;
  }
  if (cl_buffers_name(n, name, sizeof name))
    (void)cl_buffers_rename(b, name); /* else the next worker cannot know it */
  check(b);
  cl_worker_hurry(b->worker);
}

void cl_buffer_hold(struct cl_buffer *b) {
  assert(b->state == CL_BUFFER_KEPT);
  b->readers++;
}

void cl_buffer_release(struct cl_buffer *b) {
  if (b == NULL) return;
  assert(b->readers > 0);
  b->readers--;
  if (b->readers == 0 && (b->lost || b->deleted)) cl_buffers_spare(b);
}

struct cl_buffer *cl_buffers_find(const struct cl_worker *w, const struct cl_snapshot *n) {
  const struct cl_buffers *all = all_of(w);
  for (size_t i = 0; i < all->n; i++)
    if (all->items[i]->snapshot == n->position) return all->items[i];
  return NULL;
}

/* Finding states. */

static int give_directory(const struct cl_worker *w, const struct cl_snapshot *n, char **ret,
                          struct cl_err *e) {
  *ret = cl_attempt_path(w->study, 0, 0, n->path);
  return *ret == NULL ? CL_FAIL_NOMEM(e) : 0;
}

int cl_buffers_locate(const struct cl_worker *w, const struct cl_snapshot *n, char **ret,
                      struct cl_buffer **ret_buffer, struct cl_err *e) {
  if (n->path == NULL) return CLADE_EMPTY;
  if (n->way != CL_WAY_REGION) return give_directory(w, n, ret, e);
  struct cl_buffer *b = cl_buffers_find(w, n);
  if (b != NULL) {
    *ret = cl_copy_text(b->path);
    if (*ret == NULL) return CL_FAIL_NOMEM(e);
    *ret_buffer = b;
    return 0;
  }
  const struct cl_snapshot *copy = cl_study_copy(w->study, n);
  return copy == NULL ? CLADE_EMPTY : give_directory(w, copy, ret, e);
}

/* Events. */

static struct cl_buffer *find_by_path(const struct cl_worker *w, int64_t trial, const char *path) {
  const struct cl_buffers *all = all_of(w);
  for (size_t i = 0; i < all->n; i++) {
    struct cl_buffer *b = all->items[i];
    const struct cl_snapshot *n = b->trial == trial ? cl_study_snapshot(w->study, b->snapshot) : NULL;
    if (n != NULL && n->path != NULL && strcmp(n->path, path) == 0) return b;
  }
  return NULL;
}

static void note_copy(struct cl_worker *w, const struct cl_event *ev) {
  struct cl_buffer *b = ev->u.saved.path == NULL ? NULL : find_by_path(w, ev->subject, ev->u.saved.path);
  if (b != NULL && !b->copied) {
    b->copied = true;
    all_of(w)->uncopied--;
  }
  for (size_t i = 0; i < w->n_all; i++) /* they may wait for it */
    if (cl_head_wants_load(&cl_attempt_trial(w->all[i])->head)) w->all[i]->attention = w->attention = true;
}

static void note_deleted(struct cl_worker *w, int64_t snapshot) {
  struct cl_buffers *all = all_of(w);
  for (size_t i = 0; i < all->n; i++) {
    struct cl_buffer *b = all->items[i];
    if (b->state != CL_BUFFER_KEPT || b->snapshot != snapshot) continue;
    b->deleted = true;
    if (b->readers == 0) cl_buffers_spare(b);
    return;
  }
}

void cl_buffers_note(struct cl_worker *w, const struct cl_event *ev) {
  struct cl_buffers *all = all_of(w);
  if (ev->kind == CL_EVENT_SAVED && ev->u.saved.way == CL_WAY_COPY) note_copy(w, ev);
  if (ev->kind == CL_EVENT_DELETED) note_deleted(w, ev->u.deleted.snapshot);
  all->look |= ev->kind == CL_EVENT_VOIDED || ev->kind == CL_EVENT_DELETED;
}

/* Turns. */

static size_t count_spares(const struct cl_buffers *all) {
  size_t n = 0;
  for (size_t i = 0; i < all->n; i++)
    n += all->items[i]->state == CL_BUFFER_SPARE && all->items[i]->bytes >= all->bytes;
  return n;
}

int cl_buffers_turn(struct cl_worker *w, struct cl_err *e) {
  struct cl_buffers *all = all_of(w);
  if (all->directory != NULL && !cl_path_exists(all->directory)) lose_files(w);
  bool big = all->bytes > CL_BUFFERS_SMALL_BYTES / 2; /* small ones are made when they are needed */
  if (big && all->making == NULL && count_spares(all) < 2 && cl_buffers_may_grow(w, all->bytes))
    cl_buffers_make_behind(w, all->bytes);
  if (all->uncopied > 0 && all->copying == NULL) CL_TRY(cl_buffers_copy_behind(w, e));
  if (!all->look) return 0;
  all->look = false;
  return cl_buffers_delete_lost(w, e);
}

bool cl_buffers_busy(const struct cl_worker *w) {
  return all_of(w)->uncopied > 0 || all_of(w)->copying != NULL;
}

/* Leaving. */

void cl_buffers_close(struct cl_worker *w, bool keep) {
  struct cl_buffers *all = all_of(w);
  if (all == NULL) return;
  if (all->copying != NULL) cl_buffers_forget_copying(all->copying);
  if (all->making != NULL) cl_buffers_forget_making(all->making);
  for (size_t i = 0; i < all->n; i++) {
    struct cl_buffer *b = all->items[i];
    bool stays = keep || (b->state == CL_BUFFER_KEPT && !b->copied);
    if (b->fd < 0 && !stays) (void)unlink(b->path);
    free_buffer(b);
  }
  cl_free(all->items);
  bool gone = all->directory != NULL && (rmdir(all->directory) == 0 || errno == ENOENT);
  if (gone && all->note != NULL) (void)unlink(all->note);
  cl_free(all->directory);
  cl_free(all->note);
  cl_free(all);
  w->buffers = NULL;
}
