/* Making a buffer means making its pages: so that none is met for the first time while a trainer waits, and
 * so that memory which is not there is missed here, with a status, and not in the middle of a copy. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "worker/buffers_impl.h"

#define SHARED_MEMORY "/dev/shm"

/* Bytes that the machine can still give, by /proc/meminfo; INT64_MAX when that cannot be read. */
static int64_t available_bytes(void) {
  char *text = NULL;
  int64_t ret = INT64_MAX;
  if (cl_file_read("/proc/meminfo", 65536, &text, NULL, NULL) < 0) return ret;
  const char *line = strstr(text, "MemAvailable:");
  if (line != NULL) ret = strtoll(line + strlen("MemAvailable:"), NULL, 10) * 1024;
  cl_free(text);
  return ret;
}

/* A tenth of what is left stays with the trainers. */
static bool has_memory(int64_t bytes) {
  int64_t available = available_bytes();
  return bytes < available - available / 10;
}

int cl_buffers_directory(struct cl_worker *w) {
  struct cl_buffers *all = w->buffers;
  char user[30], name[40], line[200];
  if (all->directory != NULL) return 0;
  if (all->unnamed) return -1;
  (void)snprintf(user, sizeof user, "%u-", (unsigned)getuid());
  (void)snprintf(name, sizeof name, "worker-%d.memory", w->number);
  all->note = cl_attempt_path(w->study, 0, 0, name);
  all->unnamed = all->note == NULL || cl_worker_make_directory(SHARED_MEMORY, user, &all->directory) < 0;
  if (all->unnamed) return -1;
  (void)snprintf(line, sizeof line, "%s\n", all->directory);
  if (cl_file_write(all->note, line, strlen(line), false, NULL) == 0) return 0;
  (void)rmdir(all->directory); /* nobody would find it */
  cl_free(all->directory);
  all->directory = NULL;
  all->unnamed = true;
  return -1;
}

/* Reserved pages are zeroed only when they are met, so that they are met here. */
bool cl_buffers_make_pages(int fd, int64_t bytes) {
  int status;
  do status = posix_fallocate(fd, 0, (off_t)bytes);
  while (status == EINTR);
  if (status != 0) return false;
  void *memory = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
  if (memory == MAP_FAILED) return false;
  (void)munmap(memory, (size_t)bytes);
  return true;
}

static int make_named(const char *path, int64_t bytes) {
  int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return -1;
  bool made = cl_buffers_make_pages(fd, bytes);
  (void)close(fd);
  if (!made) (void)unlink(path);
  return made ? 0 : -1;
}

/* /dev/shm is often small in containers; such memory is bounded by the machine's only. */
static int make_unnamed(int64_t bytes) {
  int fd = memfd_create("clade-regions", MFD_CLOEXEC);
  if (fd < 0) return -1;
  if (cl_buffers_make_pages(fd, bytes)) return fd;
  (void)close(fd);
  return -1;
}

/* What a thread may work on. */
struct made {
  char *path; /* null: without a name */
  int64_t bytes;
  int fd; /* of one without a name; -1 */
  bool done;
};

static char *next_path(struct cl_worker *w) {
  char name[40];
  (void)snprintf(name, sizeof name, "spare-%lld", (long long)++w->buffers->next);
  return cl_buffers_directory(w) < 0 ? NULL : cl_path_join(w->buffers->directory, name);
}

static void make(struct made *m) {
  assert(m->bytes > 0);
  m->fd = -1;
  if (!has_memory(m->bytes)) return;
  m->done = m->path != NULL && make_named(m->path, m->bytes) == 0;
  if (m->done) return;
  m->fd = make_unnamed(m->bytes);
  m->done = m->fd >= 0;
}

static struct cl_buffer *add(struct cl_worker *w, struct made *m) {
  char path[60];
  if (m->done && m->fd >= 0) {
    (void)snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)getpid(), m->fd);
    cl_free(m->path);
    m->path = cl_copy_text(path);
  }
  bool lost = m->done && m->fd < 0 && !cl_path_exists(m->path); /* its directory was removed meanwhile */
  if (m->done && !lost && m->path != NULL) return cl_buffers_add(w, m->path, m->fd, m->bytes);
  if (m->fd >= 0) (void)close(m->fd);
  cl_free(m->path);
  return NULL;
}

struct cl_buffer *cl_buffers_make(struct cl_worker *w, int64_t bytes) {
  struct made m = {.path = next_path(w), .bytes = bytes};
  make(&m);
  return add(w, &m);
}

struct cl_making {
  uv_work_t work;
  struct cl_worker *worker; /* null: it has left */
  struct made made;
};

static void make_in_thread(uv_work_t *work) {
  struct cl_making *m = work->data;
  make(&m->made);
}

static void after(uv_work_t *work, int status) {
  struct cl_making *m = work->data;
  struct cl_worker *w = m->worker;
  (void)status;
  if (w != NULL) {
    w->buffers->making = NULL;
    if (!m->made.done) w->buffers->bytes = 0; /* until the next one connects */
    (void)add(w, &m->made);
    cl_worker_hurry(w);
  } else {
    if (m->made.fd >= 0) (void)close(m->made.fd);
    if (m->made.path != NULL) (void)unlink(m->made.path);
    cl_free(m->made.path);
  }
  cl_free(m);
}

void cl_buffers_make_behind(struct cl_worker *w, int64_t bytes) {
  struct cl_making *m = cl_alloc(sizeof *m);
  if (m == NULL) return;
  *m = (struct cl_making){.worker = w, .made = {.path = next_path(w), .bytes = bytes, .fd = -1}};
  m->work.data = m;
  if (uv_queue_work(w->loop, &m->work, make_in_thread, after) < 0) {
    cl_free(m->made.path);
    cl_free(m);
    return;
  }
  w->buffers->making = m;
}

void cl_buffers_forget_making(struct cl_making *m) {
  m->worker = NULL;
}
