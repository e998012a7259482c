/* Every call goes on after EINTR; a peer that is gone is an answer (CLADE_ECLOSED), never a signal. */
#include "trainer/link.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"

int cl_trainer_link_init(struct cl_trainer_link *l, const char *socket, const char *directory,
                         struct cl_err *e) {
  *l = (struct cl_trainer_link){.fd = -1, .lock = -1, .socket = socket};
  cl_spin_init(&l->spin);
  if (directory == NULL) return 0;
  struct cl_text note = {0};
  cl_text_format(&note, "%s/socket", directory);
  l->note = cl_text_take(&note);
  return l->note == NULL ? CL_FAIL_NOMEM(e) : 0;
}

void cl_trainer_link_drop(struct cl_trainer_link *l) {
  if (l->fd >= 0) (void)close(l->fd);
  l->fd = -1;
  cl_lines_done(&l->lines);
}

void cl_trainer_link_done(struct cl_trainer_link *l) {
  cl_trainer_link_drop(l);
  if (l->lock >= 0) (void)close(l->lock);
  l->lock = -1;
  cl_message_memory_done(&l->memory);
  cl_free(l->note);
  l->note = NULL;
}

/* The first line of the note into `path`; false if there is none. */
static bool read_note(const char *note, char *path, size_t size) {
  int fd = note == NULL ? -1 : open(note, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  size_t used = 0;
  for (;;) {
    ssize_t n = read(fd, path + used, size - 1 - used);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    used += (size_t)n;
  }
  (void)close(fd);
  path[used] = '\0';
  path[strcspn(path, "\n")] = '\0';
  return path[0] != '\0';
}

/* One attempt at one path. */
static int connect_path(struct cl_trainer_link *l, const char *path, struct cl_err *e) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  size_t n = strlen(path);
  if (n >= sizeof address.sun_path)
    return CL_FAIL(e, CLADE_EINVAL,
                   "the path of the worker's socket has %zu bytes, but a socket's has at most %zu: %s", n,
                   sizeof address.sun_path - 1, path);
  memcpy(address.sun_path, path, n + 1);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return CL_FAIL_CAUSE(e, CLADE_EIO, errno, "cannot make a socket: %s", strerror(errno));
  while (connect(fd, (const struct sockaddr *)&address, sizeof address) < 0) {
    if (errno == EINTR) continue;
    int cause = errno;
    (void)close(fd);
    return CL_FAIL_CAUSE(e, CLADE_ECLOSED, cause, "no worker at %s: %s", path, strerror(cause));
  }
  l->fd = fd;
  return 0;
}

int cl_trainer_link_connect(struct cl_trainer_link *l, struct cl_err *e) {
  char path[sizeof(struct sockaddr_un)];
  cl_trainer_link_drop(l);
  if (read_note(l->note, path, sizeof path) && connect_path(l, path, NULL) == 0) return 0;
  return connect_path(l, l->socket, e);
}

int cl_trainer_link_send(struct cl_trainer_link *l, const char *bytes, size_t n, struct cl_err *e) {
  assert(l->fd >= 0);
  while (n > 0) {
    ssize_t sent = send(l->fd, bytes, n, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) {
      int cause = errno;
      cl_trainer_link_drop(l);
      return CL_FAIL_CAUSE(e, CLADE_ECLOSED, cause, "the worker has gone: %s", strerror(cause));
    }
    bytes += sent;
    n -= (size_t)sent;
  }
  return 0;
}

static void keep_descriptor(struct cl_trainer_link *l, struct msghdr *m) {
  for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
    if (l->lock >= 0) (void)close(l->lock);
    memcpy(&l->lock, CMSG_DATA(c), sizeof l->lock);
  }
}

/* A reader that sleeps in recv is woken in vain when its peer takes what was sent, since both use one queue;
 * one that sleeps in poll is woken by what comes only. */
static void wait_for_bytes(const struct cl_trainer_link *l) {
  struct pollfd p = {.fd = l->fd, .events = POLLIN};
  (void)poll(&p, 1, -1);
}

/* As recvmsg. The worker answers a report as soon as it is recorded, which is often before this processor
 * would have gone to sleep. */
static ssize_t receive_awake(struct cl_trainer_link *l, struct msghdr *m) {
  ssize_t n = -1;
  errno = EAGAIN;
  cl_spin_begin(&l->spin, cl_clock_monotonic_us());
  while (n < 0 && errno == EAGAIN && cl_spin_goes_on(&l->spin, cl_clock_monotonic_us()))
    n = recvmsg(l->fd, m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  if (n < 0 && errno == EAGAIN) {
    wait_for_bytes(l);
    n = recvmsg(l->fd, m, MSG_CMSG_CLOEXEC);
  }
  if (n > 0) cl_spin_end(&l->spin, cl_clock_monotonic_us());
  return n;
}

/* As recv; a descriptor that comes along is kept. */
static ssize_t receive_some(struct cl_trainer_link *l, char *bytes, size_t size) {
  union {
    struct cmsghdr head;
    char room[CMSG_SPACE(sizeof(int))];
  } control;
  struct iovec part = {bytes, size};
  struct msghdr m = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  ssize_t n = receive_awake(l, &m);
  if (n > 0) keep_descriptor(l, &m);
  return n;
}

/* Bytes until a line is whole. */
static int receive_line(struct cl_trainer_link *l, const char **ret, size_t *ret_n, struct cl_err *e) {
  for (;;) {
    int status = cl_lines_next(&l->lines, CL_MESSAGE_MAX, ret, ret_n, e);
    if (status != CLADE_EMPTY) return status;
    char bytes[4096];
    ssize_t n = receive_some(l, bytes, sizeof bytes);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return CL_FAIL_CAUSE(e, CLADE_ECLOSED, errno, "the worker has gone: %s", strerror(errno));
    if (n == 0) return CL_FAIL(e, CLADE_ECLOSED, "the worker has closed the connection");
    CL_TRY(cl_lines_add(&l->lines, bytes, (size_t)n, e));
  }
}

int cl_trainer_link_receive(struct cl_trainer_link *l, struct cl_message *ret, struct cl_err *e) {
  assert(l->fd >= 0);
  const char *line = NULL;
  size_t n = 0;
  int status = receive_line(l, &line, &n, e);
  if (status == 0) status = cl_message_parse(line, n, &l->memory, ret, e);
  if (status == CLADE_ELIMIT || status == CLADE_EPROTOCOL) {
    (void)cl_err_prefix(e, "what the worker sent is no message: ");
    status = CLADE_EPROTOCOL;
  }
  if (status < 0) cl_trainer_link_drop(l);
  return status;
}
