/* Publishing a state: everything in it synced, then its name changed, then that synced; so a name without
 * ".new" means whole and durable. Measured and hashed on the way. */
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/rng.h"
#include "worker/state.h"
#include "worker/worker_impl.h"

#define DEPTH_MAX 32

/* Four lanes of 64 bits, one word each in turn: names and contents, stable between machines. */
struct hash {
  uint64_t lanes[4];
  unsigned next;
  uint64_t bytes;
};

static void hash_words(struct hash *h, const char *bytes, size_t n) {
  for (size_t at = 0; at < n; at += 8) {
    uint64_t word = 0;
    for (size_t i = 0; i < 8 && at + i < n; i++) word |= (uint64_t)(unsigned char)bytes[at + i] << (8 * i);
    uint64_t *lane = &h->lanes[h->next++ & 3];
    *lane = cl_mix64(*lane ^ word) + UINT64_C(0x9E3779B97F4A7C15);
  }
  h->bytes += n;
}

static void hash_text(struct hash *h, const char *text) {
  hash_words(h, text, strlen(text) + 1);
}

static void hash_end(struct hash *h, char ret[33]) {
  uint64_t a = cl_mix64(h->lanes[0] + 3 * h->lanes[1] + h->bytes);
  uint64_t b = cl_mix64(h->lanes[2] + 5 * h->lanes[3] + h->bytes);
  (void)snprintf(ret, 33, "%016llx%016llx", (unsigned long long)cl_mix64(a ^ (b << 1)),
                 (unsigned long long)cl_mix64(b ^ (a << 1)));
}

struct walk {
  struct hash hash;
  int64_t bytes;
};

static int fail(const char *name, struct cl_err *e) {
  return CL_FAIL_CAUSE(e, errno == ENOMEM ? CLADE_ENOMEM : CLADE_EIO, errno, "cannot read or sync '%s': %s",
                       name, strerror(errno));
}

static int take_file(struct walk *k, int parent, const char *name, struct cl_err *e) {
  char bytes[65536];
  int fd = openat(parent, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0) return fail(name, e);
  ssize_t n = 0;
  int status = 0;
  while (status == 0 && (n = read(fd, bytes, sizeof bytes)) != 0) {
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) status = fail(name, e);
    if (n > 0) hash_words(&k->hash, bytes, (size_t)n);
    if (n > 0) k->bytes += n;
  }
  if (status == 0 && fsync(fd) < 0) status = fail(name, e);
  (void)close(fd);
  return status;
}

static int take_directory(struct walk *k, int parent, const char *name, int depth, struct cl_err *e);

static int take_entry(struct walk *k, int parent, const char *name, int depth, struct cl_err *e) {
  struct stat st;
  char target[4096];
  hash_text(&k->hash, name);
  if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0) return fail(name, e);
  if (S_ISDIR(st.st_mode)) return take_directory(k, parent, name, depth + 1, e);
  if (S_ISREG(st.st_mode)) return take_file(k, parent, name, e);
  if (!S_ISLNK(st.st_mode)) return 0;
  ssize_t n = readlinkat(parent, name, target, sizeof target);
  if (n < 0) return fail(name, e);
  hash_words(&k->hash, target, (size_t)n);
  return 0;
}

struct names {
  char **items;
  size_t n, capacity;
};

static int compare_names(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

static int read_names(int fd, struct names *ret, struct cl_err *e) {
  int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *dir = own < 0 ? NULL : fdopendir(own);
  if (dir == NULL) {
    int status = fail(".", e);
    if (own >= 0) (void)close(own);
    return status;
  }
  int status = 0;
  for (struct dirent *entry; status == 0 && (entry = readdir(dir)) != NULL;) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    char *name = cl_copy_text(entry->d_name);
    if (name == NULL || cl_grow(&ret->items, &ret->capacity, ret->n + 1, sizeof *ret->items) < 0) {
      cl_free(name);
      status = CL_FAIL_NOMEM(e);
    } else {
      ret->items[ret->n++] = name;
    }
  }
  (void)closedir(dir);
  return status;
}

/* Sorted, so that the hash does not depend on the order of the file system. */
static int take_directory(struct walk *k, int parent, const char *name, int depth, struct cl_err *e) {
  struct names names = {0};
  if (depth > DEPTH_MAX)
    return CL_FAIL(e, CLADE_ELIMIT, "the directories of a state are nested deeper than %d", DEPTH_MAX);
  int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return fail(name, e);
  int status = read_names(fd, &names, e);
  if (names.n > 0) qsort(names.items, names.n, sizeof *names.items, compare_names);
  for (size_t i = 0; i < names.n; i++) {
    if (status == 0) status = take_entry(k, fd, names.items[i], depth, e);
    cl_free(names.items[i]);
  }
  cl_free(names.items);
  if (status == 0 && fsync(fd) < 0) status = fail(name, e);
  (void)close(fd);
  return status;
}

static int sync_parent(const char *path, struct cl_err *e) {
  char parent[4096];
  const char *slash = strrchr(path, '/');
  assert(slash != NULL);
  (void)snprintf(parent, sizeof parent, "%.*s", (int)(slash - path), path);
  return cl_dir_sync(parent, e);
}

int cl_state_measure(const char *directory, int64_t *ret_bytes, char ret_hash[33], struct cl_err *e) {
  struct walk k = {.hash = {.lanes = {1, 2, 3, 4}}};
  CL_TRY(take_directory(&k, AT_FDCWD, directory, 0, e));
  *ret_bytes = k.bytes;
  hash_end(&k.hash, ret_hash);
  return 0;
}

static int publish(const char *from, const char *to, struct cl_published *p) {
  bool was_done = !cl_path_exists(from) && cl_path_exists(to);
  CL_TRY(cl_state_measure(was_done ? to : from, &p->bytes, p->hash, &p->error));
  if (!was_done && rename(from, to) < 0)
    return CL_FAIL_CAUSE(&p->error, CLADE_EIO, errno, "cannot rename '%s' to '%s': %s", from, to,
                         strerror(errno));
  return sync_parent(to, &p->error);
}

void cl_publish_now(const char *from, const char *to, struct cl_published *ret) {
  memset(ret, 0, sizeof *ret);
  ret->status = publish(from, to, ret);
}

struct publishing {
  uv_work_t work;
  char *from, *to;
  struct cl_published result;
  void (*done)(void *ctx, const struct cl_published *p);
  void *ctx;
};

static void destroy(struct publishing *p) {
  cl_free(p->from);
  cl_free(p->to);
  cl_free(p);
}

static void in_thread(uv_work_t *work) {
  struct publishing *p = work->data;
  cl_publish_now(p->from, p->to, &p->result);
}

static void after(uv_work_t *work, int status) {
  struct publishing *p = work->data;
  if (status < 0) p->result.status = CL_FAIL(&p->result.error, CLADE_EIO, "%s", uv_strerror(status));
  p->done(p->ctx, &p->result);
  destroy(p);
}

int cl_publish(uv_loop_t *loop, const char *from, const char *to,
               void (*done)(void *ctx, const struct cl_published *p), void *ctx, struct cl_err *e) {
  struct publishing *p = cl_alloc(sizeof *p);
  if (p == NULL) return CL_FAIL_NOMEM(e);
  p->from = cl_copy_text(from);
  p->to = cl_copy_text(to);
  p->done = done;
  p->ctx = ctx;
  p->work.data = p;
  if (p->from == NULL || p->to == NULL || uv_queue_work(loop, &p->work, in_thread, after) < 0) {
    destroy(p);
    return CL_FAIL_NOMEM(e);
  }
  return 0;
}
