/* Unlinking: what is deleted in the log goes from the disk of its host. In a thread, as states may be big; a
 * crash in between leaves files that the next worker of the host removes. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "worker/worker_impl.h"

struct removal {
  uv_work_t work;
  struct cl_worker *worker;
  int64_t bytes;
  struct cl_words paths;
};

static void destroy(struct removal *r) {
  cl_words_done(&r->paths);
  cl_free(r);
}

/* What cannot be removed now is tried again by the next worker. */
static void in_thread(uv_work_t *work) {
  struct removal *r = work->data;
  for (size_t i = 0; i < r->paths.n; i++) (void)cl_dir_remove(r->paths.items[i], NULL);
}

static void after(uv_work_t *work, int status) {
  struct removal *r = work->data;
  struct cl_worker *w = r->worker;
  (void)status;
  w->removing -= r->bytes;
  assert(r->bytes >= 0 && w->removing >= 0);
  destroy(r);
  cl_worker_let_go(w);
}

static bool is_here(const struct cl_worker *w, const struct cl_snapshot *n) {
  return n->path != NULL && (n->host == NULL || strcmp(n->host, w->host) == 0);
}

static int add(struct removal *r, const struct cl_worker *w, const struct cl_snapshot *n) {
  char *path = cl_attempt_path(w->study, 0, 0, n->path);
  if (path == NULL ||
      cl_grow(&r->paths.items, &r->paths.capacity, r->paths.n + 1, sizeof *r->paths.items) < 0) {
    cl_free(path);
    return CLADE_ENOMEM;
  }
  r->paths.items[r->paths.n++] = path;
  if (n->way != CL_WAY_FORK) r->bytes += n->bytes; /* of a twin there is a note only */
  return 0;
}

/* Takes it. */
static int begin(struct cl_worker *w, struct removal *r, int status) {
  r->work.data = r;
  r->worker = w;
  if (status == 0 && r->paths.n > 0 && uv_queue_work(w->loop, &r->work, in_thread, after) == 0) {
    w->removing += r->bytes;
    w->n_handles++;
    return 0;
  }
  destroy(r);
  return status;
}

/* Is one of the same path still there? A step that was saved again after its state was deleted. */
static bool is_saved_again(const struct cl_worker *w, const struct cl_snapshot *n) {
  const struct cl_snapshot *newest = cl_study_find_snapshot(w->study, n->trial, n->path);
  return newest != NULL && newest->usable;
}

int cl_worker_unlink(struct cl_worker *w, int64_t snapshot) {
  const struct cl_snapshot *n = cl_study_snapshot(w->study, snapshot);
  assert(n == NULL || !n->usable);
  if (n == NULL || !is_here(w, n) || is_saved_again(w, n)) return 0;
  cl_twins_end(w, n);
  if (n->way == CL_WAY_FORK && cl_twins_look(w, n->path) == 0) return 0; /* its note goes with it */
  struct removal *r = cl_alloc(sizeof *r);
  return r == NULL ? CLADE_ENOMEM : begin(w, r, add(r, w, n));
}

void cl_worker_discard(struct cl_worker *w, char *path, int64_t bytes) {
  struct removal *r = cl_alloc(sizeof *r);
  if (r == NULL || cl_grow(&r->paths.items, &r->paths.capacity, 1, sizeof *r->paths.items) < 0) {
    cl_free(r); /* the attempt's end removes what no event names */
    cl_free(path);
    return;
  }
  r->paths.items[r->paths.n++] = path;
  r->bytes = bytes;
  (void)begin(w, r, 0);
}

static int look(const struct cl_worker *w, const struct cl_snapshot *n, bool *ret_gone) {
  char *path = cl_attempt_path(w->study, 0, 0, n->path);
  if (path == NULL) return CLADE_ENOMEM;
  *ret_gone = !cl_path_exists(path);
  cl_free(path);
  return 0;
}

/* Of the same path, the newest counts; they are rare, so they are looked for among the few that are there. */
int cl_worker_unlink_all(struct cl_worker *w, struct cl_err *e) {
  struct removal *r = cl_alloc(sizeof *r);
  int status = r == NULL ? CLADE_ENOMEM : 0;
  for (size_t i = 0; i < cl_study_snapshots(w->study) && status == 0; i++) {
    const struct cl_snapshot *n = cl_study_nth_snapshot(w->study, i);
    bool gone = true;
    if (n->usable || !is_here(w, n)) continue;
    status = look(w, n, &gone);
    if (status == 0 && !gone && !is_saved_again(w, n)) status = add(r, w, n);
  }
  if (r != NULL) status = begin(w, r, status);
  return status == CLADE_ENOMEM ? CL_FAIL_NOMEM(e) : status;
}
