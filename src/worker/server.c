/* The worker's socket: connections, lines in, messages out. What the lines mean is in talk.c. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "worker/worker_impl.h"

#define UNSENT_MAX (256 * 1024) /* of a trainer that asks and never reads */

/* Sessions. */

static void unlink_session(struct cl_session *s) {
  if (s->worker == NULL) return; /* which is gone */
  if (s->previous != NULL)
    s->previous->next = s->next;
  else
    s->worker->sessions = s->next;
  if (s->next != NULL) s->next->previous = s->previous;
}

static void destroy_session(struct cl_session *s) {
  assert(s->closed && s->holds == 0);
  unlink_session(s);
  cl_lines_done(&s->lines);
  cl_message_memory_done(&s->memory);
  cl_free(s->given);
  cl_free(s->twin);
  cl_text_done(&s->path);
  cl_text_done(&s->unsent);
  cl_free(s);
}

void cl_session_release(struct cl_session *s) {
  assert(s->holds > 0);
  s->holds--;
  if (s->closed && s->holds == 0) destroy_session(s);
}

static void forget(struct cl_session *s) {
  if (s->attempt != NULL && s->attempt->session == s) s->attempt->session = NULL;
  s->attempt = NULL;
}

static void on_closed(uv_handle_t *handle) {
  struct cl_session *s = handle->data;
  s->closed = true;
  if (s->holds == 0) destroy_session(s);
}

/* Its attempt is looked at again: a trainer that has gone away can no longer be asked to end. */
void cl_session_close(struct cl_session *s) {
  if (s->closing) return;
  s->closing = true;
  if (s->attempt != NULL) s->attempt->attention = s->worker->attention = true;
  if (s->attempt != NULL) cl_worker_hurry(s->worker);
  forget(s);
  if (s->twin != NULL) cl_twins_closed(s);
  if (s->remake != NULL) cl_remake_closed(s);
  uv_close((uv_handle_t *)&s->poll, on_closed);
  (void)close(s->fd);
}

/* Sending. Not by libuv's streams: they raise SIGPIPE, whose handling belongs to the host program. What does
 * not wait (MSG_DONTWAIT) is not interrupted either. */

static void on_ready(uv_poll_t *poll, int status, int events);

static void watch(struct cl_session *s) {
  int events = UV_READABLE | (s->unsent.length > 0 ? UV_WRITABLE : 0);
  if (!s->closing && uv_poll_start(&s->poll, events, on_ready) < 0) cl_session_close(s);
}

/* Bytes sent, 0 when the socket takes none now, -1 when the trainer is gone. */
static ssize_t send_some(const struct cl_session *s, const char *bytes, size_t n) {
  ssize_t sent = send(s->fd, bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT);
  return sent < 0 && (errno == EAGAIN || errno == ENOBUFS) ? 0 : sent;
}

static int keep_unsent(struct cl_session *s, const char *bytes, size_t n) {
  if (s->unsent.length + n > UNSENT_MAX) return -1;
  cl_text_add_bytes(&s->unsent, bytes, n);
  return s->unsent.failed ? -1 : 0;
}

static void send_unsent(struct cl_session *s) {
  assert(s->unsent.bytes != NULL);
  ssize_t n = send_some(s, s->unsent.bytes, s->unsent.length);
  if (n < 0) {
    cl_session_close(s);
    return;
  }
  s->unsent.length -= (size_t)n;
  memmove(s->unsent.bytes, s->unsent.bytes + n, s->unsent.length + 1); /* it stays a text that ends */
  if (s->unsent.length == 0) watch(s);
}

void cl_session_send(struct cl_session *s, const struct cl_message *m) {
  struct cl_worker *w = s->worker;
  struct cl_err e;
  if (s->closing) return;
  cl_text_clear(&w->text);
  if (cl_message_write(&w->text, m, &e) < 0) {
    cl_worker_say(w, s->trial, "an answer to its trainer could not be written: %s", e.text);
    cl_session_close(s);
    return;
  }
  size_t n = w->text.length;
  ssize_t sent = s->unsent.length > 0 ? 0 : send_some(s, w->text.bytes, n);
  if (sent < 0 || keep_unsent(s, w->text.bytes + sent, n - (size_t)sent) < 0)
    cl_session_close(s);
  else if (s->unsent.length > 0)
    watch(s);
}

/* The descriptor rides on the first byte. */
static ssize_t send_first(const struct cl_session *s, const char *bytes, size_t n, int fd) {
  union {
    struct cmsghdr head;
    char room[CMSG_SPACE(sizeof(int))];
  } control = {0};
  struct iovec part = {(void *)bytes, n};
  struct msghdr m = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  control.head.cmsg_level = SOL_SOCKET;
  control.head.cmsg_type = SCM_RIGHTS;
  control.head.cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(&control.head), &fd, sizeof(int));
  return sendmsg(s->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void cl_session_send_with(struct cl_session *s, const struct cl_message *m, int fd) {
  struct cl_worker *w = s->worker;
  assert(s->unsent.length == 0 && fd >= 0);
  if (s->closing) return;
  cl_text_clear(&w->text);
  bool written = cl_message_write(&w->text, m, NULL) == 0;
  if (!written || send_first(s, w->text.bytes, w->text.length, fd) != (ssize_t)w->text.length)
    cl_session_close(s); /* it comes again */
}

/* Receiving. */

static void take_lines(struct cl_session *s) {
  while (!s->closing) {
    const char *line = NULL;
    size_t n = 0;
    int status = cl_lines_next(&s->lines, CL_MESSAGE_MAX, &line, &n, NULL);
    if (status == CLADE_EMPTY) return;
    if (status < 0) {
      cl_talk_error(s, true, NULL, "at most 65536 bytes", "a message is too long");
      return;
    }
    cl_talk_line(s, line, n);
  }
}

static void receive(struct cl_session *s) {
  struct cl_worker *w = s->worker;
  ssize_t n = recv(s->fd, w->bytes, sizeof w->bytes, MSG_DONTWAIT);
  if (n < 0 && errno == EAGAIN) return;
  if (n <= 0 || cl_lines_add(&s->lines, w->bytes, (size_t)n, NULL) < 0)
    cl_session_close(s);
  else
    take_lines(s);
}

static void on_ready(uv_poll_t *poll, int status, int events) {
  struct cl_session *s = poll->data;
  s->holds++;
  if (status < 0) cl_session_close(s);
  if (!s->closing && (events & UV_WRITABLE)) send_unsent(s);
  if (!s->closing && (events & UV_READABLE)) receive(s);
  cl_session_release(s);
}

static void begin_session(struct cl_worker *w, int fd) {
  struct cl_session *s = cl_alloc(sizeof *s);
  if (s == NULL || uv_poll_init(w->loop, &s->poll, fd) < 0) {
    (void)close(fd);
    cl_free(s);
    return; /* the trainer comes again */
  }
  s->poll.data = s;
  s->fd = fd;
  s->worker = w;
  s->next = w->sessions;
  if (s->next != NULL) s->next->previous = s;
  w->sessions = s;
  watch(s);
}

/* When descriptors have run out, the spare one is given up to hang up on who waits: else the loop would spin.
 */
static void refuse_one(struct cl_worker *w) {
  if (w->spare < 0) return;
  (void)close(w->spare);
  int fd = accept4(w->listener, NULL, NULL, SOCK_CLOEXEC);
  if (fd >= 0) (void)close(fd);
  w->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void on_connection(uv_poll_t *poll, int status, int events) {
  struct cl_worker *w = poll->data;
  (void)status;
  (void)events;
  for (int i = 0; i < 64; i++) {
    int fd = accept4(w->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0 && (errno == EMFILE || errno == ENFILE)) refuse_one(w);
    if (fd < 0) return;
    begin_session(w, fd);
  }
}

/* The socket. */

static int listen_at(struct cl_worker *w, struct cl_err *e) {
  struct sockaddr_un at = {.sun_family = AF_UNIX};
  assert(strlen(w->socket) < sizeof at.sun_path);
  memcpy(at.sun_path, w->socket, strlen(w->socket));
  w->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  w->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (w->listener < 0 || bind(w->listener, (struct sockaddr *)&at, sizeof at) < 0 ||
      listen(w->listener, 1024) < 0)
    return CL_FAIL_CAUSE(e, CLADE_EIO, errno, "cannot listen on '%s': %s", w->socket, strerror(errno));
  return 0;
}

int cl_server_open(struct cl_worker *w, struct cl_err *e) {
  CL_TRY(cl_worker_choose_place(&w->socket_directory, e));
  w->socket = cl_path_join(w->socket_directory, "s");
  if (w->socket == NULL) return CL_FAIL_NOMEM(e);
  CL_TRY(listen_at(w, e));
  w->server = cl_alloc(sizeof *w->server);
  if (w->server == NULL || uv_poll_init(w->loop, w->server, w->listener) < 0) {
    cl_free(w->server);
    w->server = NULL;
    return CL_FAIL_NOMEM(e);
  }
  w->server->data = w;
  w->n_handles++;
  (void)uv_poll_start(w->server, UV_READABLE, on_connection);
  return 0;
}

/* The handle of the listener is closed with the worker's others. */
void cl_server_close(struct cl_worker *w) {
  for (struct cl_session *s = w->sessions, *next; s != NULL; s = next) {
    next = s->next;
    cl_session_close(s);
    s->worker = NULL;
    s->holds -= s->puts; /* nobody will be told any more */
    s->puts = 0;
    if (s->closed && s->holds == 0) destroy_session(s);
  }
  w->sessions = NULL;
  if (w->server != NULL) (void)uv_poll_stop(w->server);
  if (w->listener >= 0) (void)close(w->listener);
  if (w->spare >= 0) (void)close(w->spare);
  if (w->socket != NULL) (void)unlink(w->socket);
  if (w->socket_directory != NULL) (void)rmdir(w->socket_directory);
}
