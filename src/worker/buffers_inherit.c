/* What dead workers of this machine have left in memory, and what cannot be had any more. A kept buffer's
 * file has its snapshot's name, so the log says what is in it; all other files are nobody's. */
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "worker/buffers_impl.h"

#define MIDDLE "/checkpoints/"
#define OWN    "/dev/shm/clade-"

bool cl_buffers_name(const struct cl_snapshot *n, char *ret, size_t size) {
  const char *middle = n->path == NULL ? NULL : strstr(n->path, MIDDLE);
  if (middle == NULL) return false;
  int length = snprintf(ret, size, "%.*s.%s", (int)(middle - n->path), n->path, middle + strlen(MIDDLE));
  return length > 0 && (size_t)length < size && strchr(ret, '/') == NULL;
}

static const struct cl_snapshot *find_named(const struct cl_study *s, const char *name) {
  char other[200];
  for (size_t i = cl_study_snapshots(s); i > 0; i--) {
    const struct cl_snapshot *n = cl_study_nth_snapshot(s, i - 1);
    if (n->way == CL_WAY_REGION && n->usable && cl_buffers_name(n, other, sizeof other) &&
        strcmp(other, name) == 0)
      return n;
  }
  return NULL;
}

/* The newest one of a trial counts, in whatever order the files come. */
static void mark_newest(struct cl_buffers *all, struct cl_buffer *b) {
  b->newest = true;
  for (size_t i = 0; i < all->n; i++) {
    struct cl_buffer *other = all->items[i];
    if (other == b || other->trial != b->trial) continue;
    if (other->snapshot < b->snapshot)
      other->newest = false;
    else
      b->newest = false;
  }
}

static void take_file(struct cl_worker *w, const char *directory, const char *name) {
  struct stat info;
  char *from = cl_path_join(directory, name);
  const struct cl_snapshot *n = find_named(w->study, name);
  bool wanted = n != NULL && cl_buffers_find(w, n) == NULL && cl_buffers_directory(w) == 0;
  char *to = wanted ? cl_path_join(w->buffers->directory, name) : NULL;
  struct cl_buffer *b = NULL;
  if (from != NULL && to != NULL && stat(from, &info) == 0 && info.st_size > 0 && rename(from, to) == 0) {
    b = cl_buffers_add(w, to, -1, (int64_t)info.st_size);
    to = NULL;
  } else if (from != NULL) {
    (void)unlink(from);
  }
  if (b != NULL) {
    b->state = CL_BUFFER_KEPT;
    b->snapshot = n->position;
    b->trial = n->trial;
    b->copied = cl_study_copy(w->study, n) != NULL;
    w->buffers->uncopied += !b->copied;
    mark_newest(w->buffers, b);
  }
  cl_free(from);
  cl_free(to);
}

static void take_directory(struct cl_worker *w, const char *directory) {
  DIR *dir = opendir(directory);
  for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;)
    if (entry->d_name[0] != '.') take_file(w, directory, entry->d_name);
  if (dir != NULL) (void)closedir(dir);
  (void)rmdir(directory);
}

/* The directory of a worker's buffers, null when it has none. Gives. */
static char *read_note(const struct cl_study *s, int number, char **ret_note) {
  char name[40], *line = NULL;
  (void)snprintf(name, sizeof name, "worker-%d.memory", number);
  char *note = cl_attempt_path(s, 0, 0, name);
  if (note != NULL && cl_file_read(note, 4096, &line, NULL, NULL) == 0) {
    line[strcspn(line, "\n")] = '\0';
    if (strncmp(line, OWN, strlen(OWN)) != 0 || strstr(line, "..") != NULL) {
      cl_free(line);
      line = NULL;
    }
  }
  if (ret_note != NULL)
    *ret_note = note;
  else
    cl_free(note);
  return line;
}

void cl_buffers_look(struct cl_worker *w) {
  w->buffers->look = true;
}

int cl_buffers_inherit(struct cl_worker *w, int number, struct cl_err *e) {
  char *note = NULL, *directory = read_note(w->study, number, &note);
  assert(number != w->number);
  if (directory != NULL) take_directory(w, directory);
  if (note != NULL) (void)unlink(note);
  bool failed = note == NULL;
  cl_free(directory);
  cl_free(note);
  return failed ? CL_FAIL_NOMEM(e) : 0;
}

void cl_worker_forget_memory(const struct cl_study *s) {
  for (int i = 1; i <= cl_study_workers(s); i++) {
    char *directory = read_note(s, i, NULL);
    if (directory != NULL) (void)cl_dir_remove(directory, NULL);
    cl_free(directory);
  }
}

static bool is_living(const struct cl_worker *w, int number) {
  const struct cl_worker_info *info = cl_study_worker(w->study, number);
  return number != w->number && info != NULL && info->slots > 0 && !cl_worker_is_dead(w, number);
}

/* One that lives may have inherited it from the one that has made it. */
static bool has_file(const struct cl_worker *w, int number, const char *name) {
  char *directory = read_note(w->study, number, NULL);
  char *path = directory == NULL ? NULL : cl_path_join(directory, name);
  bool has = path != NULL && cl_path_exists(path);
  cl_free(directory);
  cl_free(path);
  return has;
}

bool cl_buffers_may_come(const struct cl_worker *w, const struct cl_snapshot *n) {
  char name[200];
  if (n->way != CL_WAY_REGION || !n->usable) return false;
  if (n->by >= 1 && is_living(w, n->by)) return true;
  if (!cl_buffers_name(n, name, sizeof name)) return false;
  for (int i = 1; i <= cl_study_workers(w->study); i++)
    if (is_living(w, i) && has_file(w, i, name)) return true;
  return false;
}

/* Neither here, nor on disk, nor with another worker that lives. */
static bool is_lost(const struct cl_worker *w, const struct cl_snapshot *n) {
  if (n->way == CL_WAY_FORK && n->usable && n->pins == 0) {
    int status = cl_twins_find(w, n);
    bool returns = status == CLADE_BUSY && !is_living(w, n->by) && !cl_twins_is_gone(w, n);
    if (returns) w->buffers->look = true; /* until it is back */
    return status == CLADE_EMPTY;
  }
  if (n->way != CL_WAY_REGION || !n->usable || n->pins > 0) return false;
  return cl_buffers_find(w, n) == NULL && cl_study_copy(w->study, n) == NULL && !cl_buffers_may_come(w, n);
}

static void told_deleted(void *ctx, const struct cl_event *ev, const struct cl_append *result) {
  struct cl_worker *w = ctx;
  (void)ev;
  if (result->status == CLADE_ECONFLICT && w->buffers != NULL) w->buffers->look = true;
}

int cl_buffers_delete_lost(struct cl_worker *w, struct cl_err *e) {
  for (size_t i = 0; i < cl_study_snapshots(w->study); i++) {
    const struct cl_snapshot *n = cl_study_nth_snapshot(w->study, i);
    if (!is_lost(w, n)) continue;
    char args[60];
    (void)snprintf(args, sizeof args, "{\"snapshot\": %lld}", (long long)n->position);
    struct cl_event ev = {
        .kind = CL_EVENT_DELETED, .subject = n->trial, .cause = CL_CAUSE_MISSING, .args = args};
    ev.u.deleted.snapshot = n->position;
    CL_TRY(cl_worker_put(w, &ev, told_deleted, w, e));
  }
  return 0;
}
