/* The keeper's loop: requests from the engine, ends of children. Allocates only what a request needs; a
 * request it cannot serve is answered as failed, never dropped. */
#include "worker/keeper.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "worker/keeper_child.h"
#include "worker/process.h"

#define REMAINS_MS 1000 /* what a trainer leaves behind in its process group may finish for this long */

struct child {
  int64_t id;
  pid_t pid;
  int lock; /* kept until `exit` is written: a free lock means that the exit is known, or that this keeper
               died */
  int64_t started_us;
  char *directory;
};

struct remains {
  pid_t group;
  int64_t deadline_us;
};

struct keeper {
  int socket, signals;
  bool engine_gone;
  int32_t pid;
  int64_t start;
  struct rlimit files; /* limit of descriptors that trainers get */
  struct child *children;
  size_t n_children, cap_children;
  struct remains *remains;
  size_t n_remains, cap_remains;
  char *in, *out; /* bytes not yet understood, not yet sent */
  size_t n_in, cap_in, n_out, cap_out;
  int *locks; /* received, not yet used: one per request, in order */
  size_t n_locks, cap_locks;
};

static void forget_engine(struct keeper *k) {
  if (k->engine_gone) return;
  k->engine_gone = true;
  k->n_out = 0;
  (void)close(k->socket);
  k->socket = -1;
}

static void flush_answers(struct keeper *k) {
  size_t sent = 0;
  while (!k->engine_gone && sent < k->n_out) {
    ssize_t n = send(k->socket, k->out + sent, k->n_out - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN) break;
    if (n < 0) {
      forget_engine(k);
      return;
    }
    sent += (size_t)n;
  }
  assert(sent <= k->n_out);
  k->n_out -= sent;
  if (k->n_out > 0) memmove(k->out, k->out + sent, k->n_out);
}

/* Without memory the engine is not told; it learns the end from the `exit` file when it looks. */
static void answer(struct keeper *k, const struct cl_keeper_answer *a) {
  if (k->engine_gone) return;
  if (cl_grow(&k->out, &k->cap_out, k->n_out + sizeof *a, 1) < 0) {
    forget_engine(k);
    return;
  }
  memcpy(k->out + k->n_out, a, sizeof *a);
  k->n_out += sizeof *a;
}

static void answer_failed(struct keeper *k, int64_t id, int cause, const char *what) {
  struct cl_keeper_answer a = {.kind = CL_KEEPER_FAILED, .id = id, .cause = cause};
  memcpy(a.what, what, strnlen(what, sizeof a.what - 1));
  answer(k, &a);
}

/* Children. */

static double seconds_of(struct timeval t) {
  return (double)t.tv_sec + (double)t.tv_usec * 1e-6;
}

static struct cl_exit exit_of(const struct child *c, int status, const struct rusage *usage) {
  return (struct cl_exit){.status = WIFEXITED(status) ? WEXITSTATUS(status) : 0,
                          .signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0,
                          .seconds = (double)(cl_clock_monotonic_us() - c->started_us) * 1e-6,
                          .user_s = seconds_of(usage->ru_utime),
                          .system_s = seconds_of(usage->ru_stime),
                          .max_rss_bytes = (int64_t)usage->ru_maxrss * 1024};
}

static void note_remains(struct keeper *k, pid_t group) {
  if (kill(-group, 0) < 0) return;
  if (cl_grow(&k->remains, &k->cap_remains, k->n_remains + 1, sizeof *k->remains) < 0) {
    (void)kill(-group, SIGKILL);
    return;
  }
  k->remains[k->n_remains++] = (struct remains){group, cl_clock_monotonic_us() + REMAINS_MS * 1000};
}

static void end_child(struct keeper *k, size_t at, int status, const struct rusage *usage) {
  assert(at < k->n_children);
  struct child c = k->children[at];
  assert(c.pid > 1 && c.lock >= 0 && c.directory != NULL);
  k->children[at] = k->children[--k->n_children];
  struct cl_exit x = exit_of(&c, status, usage);
  (void)cl_exit_write(c.directory, c.lock, &x,
                      NULL); /* the directory may be gone, the disk full: the engine is told */
  (void)close(c.lock);
  struct cl_keeper_answer a = {.kind = CL_KEEPER_EXITED, .id = c.id, .pid = c.pid, .exit = x};
  answer(k, &a);
  note_remains(k, c.pid);
  cl_free(c.directory);
}

static void end_remains(struct keeper *k) {
  int64_t now = cl_clock_monotonic_us();
  for (size_t i = 0; i < k->n_remains;) {
    bool gone = kill(-k->remains[i].group, 0) < 0;
    if (!gone && now < k->remains[i].deadline_us) {
      i++;
      continue;
    }
    if (!gone) (void)kill(-k->remains[i].group, SIGKILL);
    k->remains[i] = k->remains[--k->n_remains];
  }
}

/* Requests. They come from this program's other half (keeper_link.c), so they are well formed. */

struct texts {
  char *at, *end;
};

static char *next_text(struct texts *t) {
  assert(t->at < t->end);
  char *text = t->at;
  t->at += strnlen(text, (size_t)(t->end - text)) + 1;
  assert(t->at <= t->end);
  return text;
}

static void next_texts(struct texts *t, uint32_t n, char **ret) {
  for (uint32_t i = 0; i < n; i++) ret[i] = next_text(t);
  ret[n] = NULL;
}

static void keep_child(struct keeper *k, const struct cl_keeper_request *r, const struct cl_child_plan *plan,
                       char *directory) {
  int cause = 0;
  const char *what = "";
  int64_t start = 0, now = cl_clock_monotonic_us();
  assert(k->n_children < k->cap_children); /* a child that has come to be is kept */
  pid_t pid = cl_child_start(plan, &start, &cause, &what);
  if (pid < 0) {
    answer_failed(k, r->id, cause, what);
    (void)close(plan->lock);
    cl_free(directory);
    return;
  }
  k->children[k->n_children++] = (struct child){r->id, pid, plan->lock, now, directory};
  struct cl_keeper_answer a = {.kind = CL_KEEPER_SPAWNED, .id = r->id, .pid = pid, .start = start};
  answer(k, &a);
}

/* A process that has come to be without this keeper, and is its child all the same: an orphan of one of its
 * trainers. One that is somebody else's is named as its own keeper, as nobody will write its `exit`. */
static void adopt(struct keeper *k, const struct cl_keeper_request *r, int lock, char *directory) {
  siginfo_t info;
  assert(r->pid > 1 && k->n_children < k->cap_children);
  bool mine = waitid(P_PID, (id_t)r->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
  (void)cl_child_name_holder(lock, r->pid, r->start, mine ? k->pid : r->pid, mine ? k->start : r->start);
  if (!mine) {
    answer_failed(k, r->id, ECHILD, "become the parent of a clone");
    (void)close(lock);
    cl_free(directory);
    return;
  }
  k->children[k->n_children++] = (struct child){r->id, r->pid, lock, cl_clock_monotonic_us(), directory};
  struct cl_keeper_answer a = {.kind = CL_KEEPER_SPAWNED, .id = r->id, .pid = r->pid, .start = r->start};
  answer(k, &a);
}

/* The request is whole: `bytes` has r->size bytes. The lock is this function's from here. */
static void spawn(struct keeper *k, char *bytes, int lock) {
  struct cl_keeper_request r;
  memcpy(&r, bytes, sizeof r);
  assert(lock >= 0 && r.size <= CL_KEEPER_REQUEST_MAX && r.n_limits <= CL_KEEPER_LIMITS_MAX);
  struct cl_keeper_limit limits[CL_KEEPER_LIMITS_MAX];
  char **words = cl_alloc_array((size_t)r.n_argv + r.n_env + 2, sizeof *words), *directory = NULL;
  size_t limits_size = r.n_limits * sizeof *limits;
  struct texts t = {bytes + sizeof r + limits_size, bytes + r.size};
  struct cl_child_plan plan = {.nice = r.nice,
                               .limits = limits,
                               .n_limits = r.n_limits,
                               .lock = lock,
                               .files = k->files,
                               .keeper = k->pid,
                               .keeper_start = k->start};
  if (words == NULL || cl_grow(&k->children, &k->cap_children, k->n_children + 1, sizeof *k->children) < 0)
    goto fail;
  memcpy(limits, bytes + sizeof r, limits_size);
  plan.directory = next_text(&t);
  plan.cwd = next_text(&t);
  plan.out = next_text(&t);
  plan.err = next_text(&t);
  plan.argv = words;
  plan.env = words + r.n_argv + 1;
  next_texts(&t, r.n_argv, words);
  next_texts(&t, r.n_env, words + r.n_argv + 1);
  if ((directory = cl_copy_text(plan.directory)) == NULL) goto fail;
  if (r.pid != 0)
    adopt(k, &r, lock, directory);
  else
    keep_child(k, &r, &plan, directory);
  cl_free(words);
  return;
fail:
  answer_failed(k, r.id, ENOMEM, "keep the request");
  (void)close(lock);
  cl_free(words);
}

static void take_lock(struct keeper *k, int fd) {
  if (cl_grow(&k->locks, &k->cap_locks, k->n_locks + 1, sizeof *k->locks) < 0) {
    if (fd >= 0) (void)close(fd);
    forget_engine(k); /* locks and requests would no longer match */
    return;
  }
  k->locks[k->n_locks++] = fd;
}

static void serve_requests(struct keeper *k) {
  size_t at = 0;
  while (k->n_in - at >= sizeof(struct cl_keeper_request)) {
    struct cl_keeper_request r;
    memcpy(&r, k->in + at, sizeof r);
    assert(r.size >= sizeof r);
    if (k->n_in - at < r.size) break;
    assert(k->n_locks > 0);
    int lock = k->locks[0];
    memmove(k->locks, k->locks + 1, --k->n_locks * sizeof *k->locks);
    if (lock < 0)
      answer_failed(k, r.id, EMFILE, "receive the attempt's lock");
    else
      spawn(k, k->in + at, lock);
    at += r.size;
  }
  k->n_in -= at;
  if (at > 0 && k->n_in > 0) memmove(k->in, k->in + at, k->n_in);
}

/* Read what is there: false when that is nothing. One read takes at most one descriptor: the kernel does not
 * join bytes across them. */
static bool receive(struct keeper *k) {
  if (cl_grow(&k->in, &k->cap_in, k->n_in + 65536, 1) < 0) {
    forget_engine(k);
    return false;
  }
  union {
    struct cmsghdr head;
    char room[CMSG_SPACE(sizeof(int))];
  } control;
  struct iovec bytes = {k->in + k->n_in, k->cap_in - k->n_in};
  struct msghdr m = {
      .msg_iov = &bytes, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  ssize_t n = recvmsg(k->socket, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  if (n < 0 && errno == EAGAIN) return false;
  if (n <= 0) {
    forget_engine(k);
    return false;
  }
  if (m.msg_flags & MSG_CTRUNC) take_lock(k, -1); /* no descriptor was free for it */
  for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c != NULL; c = CMSG_NXTHDR(&m, c)) {
    int fd;
    assert(c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS); /* nothing else comes unasked */
    memcpy(&fd, CMSG_DATA(c), sizeof fd);
    take_lock(k, fd);
  }
  k->n_in += (size_t)n;
  if (!k->engine_gone) serve_requests(k);
  return !k->engine_gone;
}

/* Ends. */

static size_t find_child(const struct keeper *k, pid_t pid) {
  size_t at = 0;
  while (at < k->n_children && k->children[at].pid != pid) at++;
  return at;
}

/* The next one that has ended, 0 = none. It may be an orphan whose adoption was asked for while it lived, so
 * before it is waited for, which is possible once, all that has been asked for is done. */
static pid_t find_ended(struct keeper *k) {
  siginfo_t ended = {0};
  if (waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) < 0) return 0;
  bool known = ended.si_pid == 0 || find_child(k, ended.si_pid) < k->n_children;
  while (!known && !k->engine_gone && receive(k)) continue;
  return ended.si_pid;
}

static void reap(struct keeper *k) {
  struct signalfd_siginfo info[2]; /* pending signals of one kind are one */
  ssize_t ignored = read(k->signals, info, sizeof info);
  (void)ignored;
  for (pid_t pid; (pid = find_ended(k)) > 0;) {
    int status;
    struct rusage usage;
    if (wait4(pid, &status, WNOHANG, &usage) != pid) return;
    size_t at = find_child(k, pid);
    if (at < k->n_children) end_child(k, at, status, &usage);
  }
}

/* The loop. */

static int wait_ms(const struct keeper *k) {
  int64_t now = cl_clock_monotonic_us();
  int ms = -1;
  for (size_t i = 0; i < k->n_remains; i++) {
    int64_t left = (k->remains[i].deadline_us - now) / 1000 + 1;
    if (ms < 0 || left < ms) ms = left < 0 ? 0 : (int)left;
  }
  return ms;
}

static void run(struct keeper *k) {
  while (!k->engine_gone || k->n_children > 0 || k->n_remains > 0) {
    struct pollfd fds[2] = {{k->signals, POLLIN, 0},
                            {k->socket, (short)(k->n_out > 0 ? POLLIN | POLLOUT : POLLIN), 0}};
    if (poll(fds, k->engine_gone ? 1 : 2, wait_ms(k)) < 0 && errno != EINTR) return;
    if (fds[0].revents != 0) reap(k);
    if (!k->engine_gone && (fds[1].revents & (POLLIN | POLLHUP | POLLERR))) (void)receive(k);
    end_remains(k);
    flush_answers(k);
  }
}

/* Nothing of the engine's is held open but the socket: not its terminal, pipes or store. */
static int leave_the_engine(int socket) {
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0) return -1;
  for (int fd = 0; fd < 3; fd++)
    if (dup2(null, fd) < 0) return -1;
  if (socket != 3 && dup2(socket, 3) < 0) return -1;
  closefrom(4);
  if (fcntl(3, F_SETFD, FD_CLOEXEC) < 0 || fcntl(3, F_SETFL, O_NONBLOCK) < 0) return -1;
  return chdir("/");
}

static void ignore(int signum) {
  (void)signum;
}

/* Signals are ignored by a handler: exec resets those for the trainer, while SIG_IGN would be inherited, also
 * one that the engine was started with. */
static int block_signals(void) {
  const struct sigaction standard = {.sa_handler = SIG_DFL};
  const struct sigaction ignored = {.sa_handler = ignore, .sa_flags = SA_RESTART};
  for (int s = 1; s < NSIG; s++) {
    bool mine = s == SIGINT || s == SIGTERM || s == SIGHUP || s == SIGQUIT || s == SIGPIPE || s == SIGTSTP ||
                s == SIGXFSZ;
    if (s != SIGKILL && s != SIGSTOP) (void)sigaction(s, mine ? &ignored : &standard, NULL);
  }
  sigset_t child;
  (void)sigemptyset(&child);
  (void)sigaddset(&child, SIGCHLD);
  if (sigprocmask(SIG_SETMASK, &child, NULL) < 0) return -1;
  return signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* A session is a group of its own to the scheduler: it takes over what the engine's session was given by
 * /proc/self/autogroup, as it takes over its nice value. Where that may not be, it stays as it is. */
static void take_priority(pid_t engine) {
  char path[40], line[80] = "", *word;
  int fd, nice = 0;
  (void)snprintf(path, sizeof path, "/proc/%d/autogroup", (int)engine);
  if ((fd = open(path, O_RDONLY | O_CLOEXEC)) < 0) return;
  ssize_t n = read(fd, line, sizeof line - 1);
  (void)close(fd);
  word = n > 0 ? strstr(line, " nice ") : NULL;
  if (word == NULL || (nice = (int)strtol(word + 6, NULL, 10)) == 0) return;
  if ((fd = open("/proc/self/autogroup", O_WRONLY | O_CLOEXEC)) < 0) return;
  int length = snprintf(line, sizeof line, "%d", nice);
  ssize_t ignored = write(fd, line, (size_t)length);
  (void)ignored;
  (void)close(fd);
}

static void say_hello(struct keeper *k) {
  k->pid = (int32_t)getpid();
  k->start = cl_process_start(k->pid);
  struct cl_keeper_answer hello = {.kind = CL_KEEPER_HELLO, .pid = k->pid, .start = k->start};
  answer(k, &hello);
  flush_answers(k);
}

/* A descriptor per child: as many as may be had. Trainers get the limit that the engine was started with. */
static struct rlimit raise_files(void) {
  struct rlimit before = {0}, r;
  if (getrlimit(RLIMIT_NOFILE, &before) < 0) return before;
  r = (struct rlimit){.rlim_cur = before.rlim_max, .rlim_max = before.rlim_max};
  (void)setrlimit(RLIMIT_NOFILE, &r);
  return before;
}

int cl_keeper_main(int argc, char **argv) {
  char *end = NULL;
  long socket = argc == 3 ? strtol(argv[2], &end, 10) : -1;
  if (socket < 3 || socket > INT_MAX || *end != '\0' ||
      getsockopt((int)socket, SOL_SOCKET, SO_TYPE, &(int){0}, &(socklen_t){sizeof(int)}) < 0)
    return 2;
  take_priority(getppid());
  if (leave_the_engine((int)socket) < 0) return 2;
  pid_t pid = fork(); /* the engine waits for the first process only, and never for the keeper */
  if (pid != 0) return pid < 0 ? 2 : 0;
  (void)prctl(PR_SET_CHILD_SUBREAPER, 1); /* what its trainers fork and leave behind becomes its own */
  struct keeper k = {.socket = 3, .signals = block_signals(), .files = raise_files()};
  if (k.signals < 0) return 2;
  say_hello(&k);
  run(&k);
  assert(k.n_children == 0);
  cl_free(k.children);
  cl_free(k.remains);
  cl_free(k.in);
  cl_free(k.out);
  cl_free(k.locks);
  return 0;
}
