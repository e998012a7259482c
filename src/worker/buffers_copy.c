/* Durable copies: a thread writes the regions of a kept state as files of a directory, which is published
 * like one that a trainer has written; then `saved` (durable copy) is recorded. One at a time, the oldest
 * first. A worker that dies in between leaves a directory <name>.copy, which the next one writes anew, or a
 * published one that no event names, which it records. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "wire/regions.h"
#include "worker/buffers_impl.h"

#define TRIES_MAX 5
#define RETRY_US  1000000

struct cl_copying {
  uv_work_t work;
  struct cl_worker *worker; /* null: it has left */
  int64_t snapshot;
  char *source, *draft, *target; /* the buffer; the directory while it is written; and then */
  struct cl_published result;
};

static int fail(const char *what, const char *path, struct cl_err *e) {
  return CL_FAIL_CAUSE(e, CLADE_EIO, errno, "cannot %s '%s': %s", what, path, strerror(errno));
}

/* In the thread. */

static int write_file(int parent, const char *name, const char *bytes, size_t n, struct cl_err *e) {
  int fd = openat(parent, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
  if (fd < 0) return fail("write", name, e);
  int status = cl_file_write_all(fd, bytes, n, name, e);
  if (close(fd) < 0 && status == 0) status = fail("write", name, e);
  return status;
}

static int write_regions(int parent, const char *memory, size_t size, struct cl_err *e) {
  struct cl_regions r = {0};
  struct cl_text text = {0};
  CL_TRY(cl_regions_read(memory, size, true, (int64_t)size, &r, e));
  cl_regions_name(r.items, r.n);
  int status = cl_regions_write(&text, r.items, r.n, false, e);
  for (size_t i = 0; i < r.n && status == 0; i++)
    status = write_file(parent, r.items[i].file, memory + r.items[i].offset, (size_t)r.items[i].bytes, e);
  if (status == 0) status = write_file(parent, CL_REGIONS_FILE, text.bytes, text.length, e);
  cl_text_done(&text);
  cl_regions_done(&r);
  return status;
}

static int write_draft(const struct cl_copying *c, const char *memory, size_t size, struct cl_err *e) {
  CL_TRY(cl_dir_remove(c->draft, e));
  CL_TRY(cl_dir_create(c->draft, e));
  int fd = open(c->draft, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return fail("open", c->draft, e);
  int status = write_regions(fd, memory, size, e);
  (void)close(fd);
  return status;
}

static int copy(const struct cl_copying *c, struct cl_err *e) {
  struct stat info;
  int fd = open(c->source, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return fail("open", c->source, e);
  void *memory = MAP_FAILED;
  int status = fstat(fd, &info) < 0 ? fail("open", c->source, e) : 0;
  if (status == 0) memory = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_SHARED, fd, 0);
  if (status == 0 && memory == MAP_FAILED) status = fail("map", c->source, e);
  (void)close(fd);
  if (status < 0) return status;
  status = write_draft(c, memory, (size_t)info.st_size, e);
  (void)munmap(memory, (size_t)info.st_size);
  return status;
}

static void copy_in_thread(uv_work_t *work) {
  struct cl_copying *c = work->data;
  bool published = cl_path_exists(c->target); /* by a worker that could not record it any more */
  c->result = (struct cl_published){0};
  if (!published) c->result.status = copy(c, &c->result.error);
  if (c->result.status == 0) cl_publish_now(c->draft, c->target, &c->result);
}

/* On the loop. */

static void destroy(struct cl_copying *c) {
  cl_free(c->source);
  cl_free(c->draft);
  cl_free(c->target);
  cl_free(c);
}

void cl_buffers_forget_copying(struct cl_copying *c) {
  c->worker = NULL;
}

static void told_copy(void *ctx, const struct cl_event *ev, const struct cl_append *result) {
  struct cl_worker *w = ctx;
  if (result->status >= 0 || w->buffers == NULL) return;
  cl_worker_say(w, ev->subject, "the copy of its state at step %g was written, but not recorded",
                ev->u.saved.step);
}

static int put_copy(struct cl_worker *w, const struct cl_copying *c, struct cl_err *e) {
  const struct cl_snapshot *n = cl_study_snapshot(w->study, c->snapshot);
  struct cl_event ev = {.kind = CL_EVENT_SAVED};
  if (n == NULL || !n->usable) { /* deleted while it was being written */
    (void)cl_dir_remove(c->target, NULL);
    return 0;
  }
  ev.subject = n->trial;
  ev.attempt = n->attempt;
  ev.u.saved.step = n->step;
  ev.u.saved.way = CL_WAY_COPY;
  ev.u.saved.bytes = c->result.bytes;
  ev.u.saved.hash = c->result.hash;
  ev.u.saved.path = n->path;
  ev.u.saved.host = w->host;
  ev.u.saved.rollup = n->rollup;
  return cl_worker_put(w, &ev, told_copy, w, e);
}

static struct cl_buffer *find_kept(const struct cl_buffers *all, int64_t snapshot) {
  for (size_t i = 0; i < all->n; i++)
    if (all->items[i]->snapshot == snapshot) return all->items[i];
  return NULL;
}

static void settle(struct cl_buffers *all, struct cl_buffer *b) {
  if (b == NULL || b->copied) return;
  b->copied = true;
  all->uncopied--;
}

static void after(uv_work_t *work, int status) {
  struct cl_copying *c = work->data;
  struct cl_worker *w = c->worker;
  struct cl_err e;
  (void)status;
  if (w != NULL) {
    struct cl_buffers *all = w->buffers;
    struct cl_buffer *b = find_kept(all, c->snapshot);
    all->copying = NULL;
    if (c->result.status == 0) {
      settle(all, b);
      all->failures = 0;
      if (put_copy(w, c, &e) < 0) cl_worker_fail(w, &e);
    } else if (b != NULL) { /* else it was deleted, and its memory may hold another one by now */
      cl_worker_say(w, b->trial, "a state in memory could not be written to disk: %s", c->result.error.text);
      all->retry_us = cl_clock_monotonic_us() + RETRY_US;
      if (++all->failures >= TRIES_MAX) settle(all, b);
    }
    cl_worker_hurry(w);
  }
  destroy(c);
}

static struct cl_buffer *oldest_uncopied(const struct cl_buffers *all) {
  struct cl_buffer *oldest = NULL;
  for (size_t i = 0; i < all->n; i++) {
    struct cl_buffer *b = all->items[i];
    if (b->state != CL_BUFFER_KEPT || b->copied) continue;
    if (oldest == NULL || b->snapshot < oldest->snapshot) oldest = b;
  }
  return oldest;
}

static int make_paths(const struct cl_worker *w, const struct cl_snapshot *n, const struct cl_buffer *b,
                      struct cl_copying *c, struct cl_err *e) {
  char draft[400];
  assert(n->path != NULL);
  (void)snprintf(draft, sizeof draft, "%s.copy", n->path);
  c->source = cl_copy_text(b->path);
  c->draft = cl_attempt_path(w->study, 0, 0, draft);
  c->target = cl_attempt_path(w->study, 0, 0, n->path);
  return c->source == NULL || c->draft == NULL || c->target == NULL ? CL_FAIL_NOMEM(e) : 0;
}

int cl_buffers_copy_behind(struct cl_worker *w, struct cl_err *e) {
  struct cl_buffers *all = w->buffers;
  struct cl_buffer *b = oldest_uncopied(all);
  assert(b != NULL && all->copying == NULL);
  if (cl_clock_monotonic_us() < all->retry_us) return 0;
  const struct cl_snapshot *n = cl_study_snapshot(w->study, b->snapshot);
  struct cl_copying *c = cl_alloc(sizeof *c);
  if (c == NULL) return CL_FAIL_NOMEM(e);
  c->worker = w;
  c->snapshot = b->snapshot;
  c->work.data = c;
  int status = make_paths(w, n, b, c, e);
  if (status == 0 && uv_queue_work(w->loop, &c->work, copy_in_thread, after) < 0) status = CL_FAIL_NOMEM(e);
  if (status < 0)
    destroy(c);
  else
    all->copying = c;
  return status;
}
