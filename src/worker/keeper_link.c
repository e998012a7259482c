#include "worker/keeper_link.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "worker/keeper.h"

#define HELLO_MS 10000

extern char **environ;

struct request { /* one that the socket has not taken completely */
  struct request *next;
  int lock; /* -1 once sent */
  size_t size, sent;
  char bytes[];
};

struct cl_keeper {
  uv_poll_t poll;
  int socket, wanted; /* events the loop watches for */
  bool lost;
  struct cl_keeper_events events;
  void *ctx;
  pid_t pid;
  int64_t start;
  struct request *first, *last;
  char in[16 * sizeof(struct cl_keeper_answer)]; /* the last one may be a beginning */
  size_t n_in;
};

/* Starting. */

static int start_process(const char *executable, int socket, struct cl_err *e) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  sigset_t none;
  pid_t pid = 0;
  char word[] = CL_KEEPER_WORD, number[] = "3";
  const char *path = executable == NULL ? "/proc/self/exe" : executable;
  char name[] = "clade";
  char *argv[] = {name, word, number, NULL};
  if (posix_spawn_file_actions_init(&actions) != 0) return CL_FAIL_NOMEM(e);
  if (posix_spawnattr_init(&attributes) != 0) {
    (void)posix_spawn_file_actions_destroy(&actions);
    return CL_FAIL_NOMEM(e);
  }
  (void)sigemptyset(&none);
  (void)posix_spawnattr_setsigmask(&attributes, &none);
  (void)posix_spawnattr_setflags(&attributes, (short)(POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK));
  int cause = posix_spawn_file_actions_adddup2(&actions, socket, 3);
  if (cause == 0) cause = posix_spawn(&pid, path, &actions, &attributes, argv, environ);
  (void)posix_spawn_file_actions_destroy(&actions);
  (void)posix_spawnattr_destroy(&attributes);
  if (cause != 0)
    return CL_FAIL_CAUSE(e, CLADE_ESPAWN, cause, "cannot start the keeper '%s': %s", path, strerror(cause));
  while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
  }
  return 0;
}

static int read_hello(int socket, const char *executable, struct cl_keeper_answer *ret, struct cl_err *e) {
  char *bytes = (char *)ret;
  for (size_t got = 0; got < sizeof *ret;) {
    struct pollfd p = {socket, POLLIN, 0};
    int ready = poll(&p, 1, HELLO_MS);
    if (ready < 0 && errno == EINTR) continue;
    ssize_t n = ready <= 0 ? 0 : recv(socket, bytes + got, sizeof *ret - got, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN) continue;
    if (n <= 0)
      return CL_FAIL(e, CLADE_ESPAWN,
                     "'%s' did not become a keeper: its main must call cl_keeper_main for '%s'",
                     executable == NULL ? "/proc/self/exe" : executable, CL_KEEPER_WORD);
    got += (size_t)n;
  }
  if (ret->kind != CL_KEEPER_HELLO) return CL_FAIL(e, CLADE_ESPAWN, "the keeper is of another version");
  return 0;
}

/* Events. */

static void drop_requests(struct cl_keeper *k) {
  while (k->first != NULL) {
    struct request *r = k->first;
    k->first = r->next;
    if (r->lock >= 0) (void)close(r->lock);
    cl_free(r);
  }
  k->last = NULL;
}

static void lose(struct cl_keeper *k) {
  assert(!k->lost);
  k->lost = true;
  (void)uv_poll_stop(&k->poll);
  drop_requests(k);
  k->events.lost(k->ctx);
}

static void hear(struct cl_keeper *k, const struct cl_keeper_answer *a) {
  switch (a->kind) {
  case CL_KEEPER_SPAWNED: k->events.spawned(k->ctx, a->id, a->pid, a->start); break;
  case CL_KEEPER_FAILED: k->events.failed(k->ctx, a->id, a->cause, a->what); break;
  default: assert(a->kind == CL_KEEPER_EXITED); k->events.exited(k->ctx, a->id, &a->exit);
  }
}

/* An event may close the keeper: then k stays valid until the loop's close callback, with k->lost set. */
static void receive(struct cl_keeper *k) {
  ssize_t n = recv(k->socket, k->in + k->n_in, sizeof k->in - k->n_in, MSG_DONTWAIT);
  if (n < 0 && errno == EAGAIN) return;
  if (n <= 0) {
    lose(k);
    return;
  }
  k->n_in += (size_t)n;
  size_t at = 0;
  for (struct cl_keeper_answer a; !k->lost && k->n_in - at >= sizeof a; at += sizeof a) {
    memcpy(&a, k->in + at, sizeof a);
    hear(k, &a);
  }
  k->n_in -= at;
  if (k->n_in > 0) memmove(k->in, k->in + at, k->n_in);
}

static void on_ready(uv_poll_t *poll, int status, int events);

static void want(struct cl_keeper *k) {
  int events = UV_READABLE | (k->first != NULL ? UV_WRITABLE : 0);
  if (!k->lost && events != k->wanted && uv_poll_start(&k->poll, events, on_ready) == 0) k->wanted = events;
}

/* One send; the descriptor goes with the first byte. 1 = sent some, 0 = not now, -1 = the keeper is gone. */
static int send_some(struct cl_keeper *k, struct request *r) {
  union {
    struct cmsghdr head;
    char room[CMSG_SPACE(sizeof(int))];
  } control = {0};
  struct iovec bytes = {r->bytes + r->sent, r->size - r->sent};
  struct msghdr m = {.msg_iov = &bytes, .msg_iovlen = 1};
  if (r->lock >= 0) {
    m.msg_control = &control;
    m.msg_controllen = sizeof control;
    control.head.cmsg_level = SOL_SOCKET;
    control.head.cmsg_type = SCM_RIGHTS;
    control.head.cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(&control.head), &r->lock, sizeof(int));
  }
  ssize_t n = sendmsg(k->socket, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (n < 0) return errno == EAGAIN || errno == ENOBUFS || errno == ETOOMANYREFS ? 0 : -1;
  if (r->lock >= 0) (void)close(r->lock);
  r->lock = -1;
  r->sent += (size_t)n;
  return 1;
}

static int flush_requests(struct cl_keeper *k) {
  while (k->first != NULL) {
    struct request *r = k->first;
    int status = send_some(k, r);
    if (status <= 0) return status;
    if (r->sent < r->size) continue;
    k->first = r->next;
    if (k->first == NULL) k->last = NULL;
    cl_free(r);
  }
  return 0;
}

static void on_ready(uv_poll_t *poll, int status, int events) {
  struct cl_keeper *k = poll->data;
  if (status < 0) {
    lose(k);
    return;
  }
  if (events & UV_READABLE) receive(k);
  if (!k->lost && (events & UV_WRITABLE) && flush_requests(k) < 0) lose(k);
  want(k);
}

/* The link. */

int cl_keeper_open(uv_loop_t *loop, const char *executable, const struct cl_keeper_events *events, void *ctx,
                   struct cl_keeper **ret, struct cl_err *e) {
  int ends[2] = {-1, -1}, status;
  struct cl_keeper_answer hello;
  struct cl_keeper *k = cl_alloc(sizeof *k);
  if (k == NULL) return CL_FAIL_NOMEM(e);
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
    status = CL_FAIL_CAUSE(e, CLADE_EIO, errno, "cannot make a socketpair: %s", strerror(errno));
    goto fail;
  }
  if ((status = start_process(executable, ends[1], e)) < 0) goto fail;
  (void)close(ends[1]);
  ends[1] = -1;
  if ((status = read_hello(ends[0], executable, &hello, e)) < 0) goto fail;
  int bad = uv_poll_init(loop, &k->poll, ends[0]);
  if (bad < 0) {
    status = CL_FAIL_CAUSE(e, CLADE_EIO, -bad, "cannot watch the keeper: %s", uv_strerror(bad));
    goto fail;
  }
  k->poll.data = k;
  k->socket = ends[0];
  k->events = *events;
  k->ctx = ctx;
  k->pid = hello.pid;
  k->start = hello.start;
  want(k);
  *ret = k;
  return 0;
fail:
  if (ends[0] >= 0) (void)close(ends[0]);
  if (ends[1] >= 0) (void)close(ends[1]);
  cl_free(k);
  return status;
}

static size_t texts_size(const char *const *texts, uint32_t *ret_n) {
  size_t size = 0;
  for (*ret_n = 0; texts[*ret_n] != NULL; (*ret_n)++) size += strlen(texts[*ret_n]) + 1;
  return size;
}

static char *put_texts(char *at, const char *const *texts) {
  for (; *texts != NULL; texts++) {
    size_t n = strlen(*texts) + 1;
    memcpy(at, *texts, n);
    at += n;
  }
  return at;
}

static struct request *make_request(const struct cl_spawn *s, pid_t pid, int64_t start, int lock,
                                    struct cl_err *e) {
  struct cl_keeper_request head = {
      .n_limits = (uint32_t)s->n_limits, .nice = s->nice, .id = s->id, .pid = pid, .start = start};
  const char *paths[] = {s->directory, s->cwd, s->out, s->err, NULL};
  uint32_t n_paths;
  size_t limits = (size_t)s->n_limits * sizeof *s->limits;
  size_t size = sizeof head + limits + texts_size(paths, &n_paths) + texts_size(s->argv, &head.n_argv) +
                texts_size(s->env, &head.n_env);
  if (size > CL_KEEPER_REQUEST_MAX) {
    (void)CL_FAIL(e, CLADE_ELIMIT, "arguments and environment have %zu bytes, the limit is %u", size,
                  CL_KEEPER_REQUEST_MAX);
    return NULL;
  }
  struct request *r = cl_alloc(sizeof *r + size);
  if (r == NULL) {
    (void)CL_FAIL_NOMEM(e);
    return NULL;
  }
  head.size = (uint32_t)size;
  r->size = size;
  r->lock = lock;
  memcpy(r->bytes, &head, sizeof head);
  if (limits > 0) memcpy(r->bytes + sizeof head, s->limits, limits);
  char *at = r->bytes + sizeof head + limits;
  at = put_texts(put_texts(put_texts(at, paths), s->argv), s->env);
  assert(at == r->bytes + size);
  return r;
}

static int send_request(struct cl_keeper *k, const struct cl_spawn *s, pid_t pid, int64_t start, int lock,
                        struct cl_err *e) {
  struct cl_err own;
  struct request *r = k->lost ? NULL : make_request(s, pid, start, lock, &own);
  if (r == NULL) {
    (void)close(lock);
    if (k->lost) return CL_FAIL(e, CLADE_ECLOSED, "the keeper is gone");
    return CL_FAIL(e, own.code, "%s", own.text);
  }
  if (k->last == NULL)
    k->first = r;
  else
    k->last->next = r;
  k->last = r;
  (void)flush_requests(k); /* a dead keeper is noticed by reading: `lost` must not come from here */
  want(k);
  return 0;
}

int cl_keeper_spawn(struct cl_keeper *k, const struct cl_spawn *s, int lock, struct cl_err *e) {
  assert(lock >= 0 && s->argv[0] != NULL && s->n_limits <= CL_KEEPER_LIMITS_MAX);
  return send_request(k, s, 0, 0, lock, e);
}

int cl_keeper_adopt(struct cl_keeper *k, int64_t id, const char *directory, pid_t pid, int64_t start,
                    int lock, struct cl_err *e) {
  static const char *const none[] = {NULL};
  struct cl_spawn s = {
      .id = id, .directory = directory, .cwd = "", .out = "", .err = "", .argv = none, .env = none};
  assert(lock >= 0 && pid > 1 && start > 0);
  return send_request(k, &s, pid, start, lock, e);
}

pid_t cl_keeper_pid(const struct cl_keeper *k) {
  return k->pid;
}

int64_t cl_keeper_start(const struct cl_keeper *k) {
  return k->start;
}

static void free_link(uv_handle_t *handle) {
  cl_free(handle->data);
}

void cl_keeper_close(struct cl_keeper *k) {
  if (k == NULL) return;
  k->lost = true;
  drop_requests(k);
  uv_close((uv_handle_t *)&k->poll, free_link);
  (void)close(k->socket);
}
