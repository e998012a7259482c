#include "puppet.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

union control {
  struct cmsghdr header;
  char bytes[CMSG_SPACE(sizeof(int))];
};

static void send_descriptor(int to, int fd) {
  char byte = 'x';
  union control control = {.header = {.cmsg_len = CMSG_LEN(sizeof fd), .cmsg_level = SOL_SOCKET}};
  struct iovec bytes = {&byte, 1};
  struct msghdr m = {.msg_iov = &bytes,
                     .msg_iovlen = 1,
                     .msg_control = control.bytes,
                     .msg_controllen = sizeof control.bytes};
  control.header.cmsg_type = SCM_RIGHTS;
  memcpy(CMSG_DATA(&control.header), &fd, sizeof fd);
  (void)sendmsg(to, &m, MSG_NOSIGNAL);
}

/* Bytes of a message, and the descriptor that came with it, or -1. */
static ssize_t receive(int from, char *ret, size_t size, int flags, int *ret_fd) {
  union control control = {0};
  struct iovec bytes = {ret, size};
  struct msghdr m = {.msg_iov = &bytes,
                     .msg_iovlen = 1,
                     .msg_control = control.bytes,
                     .msg_controllen = sizeof control.bytes};
  ssize_t n = recvmsg(from, &m, flags | MSG_CMSG_CLOEXEC);
  const struct cmsghdr *header = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;
  *ret_fd = -1;
  if (header != NULL && header->cmsg_type == SCM_RIGHTS) memcpy(ret_fd, CMSG_DATA(header), sizeof *ret_fd);
  return n;
}

/* In the process: SO_PEERCRED names who has called connect. The worker's descriptors are not its. */
static void play(const struct world *w, int ends[2]) {
  struct sockaddr_un at = {.sun_family = AF_UNIX};
  (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
  (void)setpgid(0, 0);
  int to = dup2(ends[1], STDIN_FILENO);
  closefrom(3);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  (void)snprintf(at.sun_path, sizeof at.sun_path, "%s", cl_worker_socket(w->worker));
  if (connect(fd, (struct sockaddr *)&at, sizeof at) < 0) _exit(1);
  send_descriptor(to, fd);
  (void)close(fd);
  for (;;) (void)pause();
}

void puppet_open(struct world *w, struct puppet *p) {
  int ends[2];
  char byte;
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  *p = (struct puppet){.pid = fork()};
  assert_true(p->pid >= 0);
  if (p->pid == 0) play(w, ends);
  (void)close(ends[1]);
  assert_int_equal(receive(ends[0], &byte, 1, 0, &p->c.fd), 1);
  (void)close(ends[0]);
  assert_true(p->c.fd >= 0);
  assert_int_equal(fcntl(p->c.fd, F_SETFL, O_NONBLOCK), 0);
}

void puppet_hang_up(struct puppet *p) {
  client_close(&p->c);
}

void puppet_kill(struct puppet *p) {
  if (p->c.fd >= 0) client_close(&p->c);
  (void)kill(p->pid, SIGKILL);
  assert_true(waitpid(p->pid, NULL, 0) == p->pid);
  p->pid = 0;
}

void puppet_hello(struct puppet *p, const char *token) {
  client_send(&p->c, "{\"type\":\"hello\",\"token\":\"%s\",\"protocol\":1,\"can\":\"fork\"}", token);
}

const char *puppet_hear(struct world *w, struct puppet *p, int *ret_fd) {
  struct client *c = &p->c;
  ssize_t n = -1;
  WORLD_UNTIL(w, (n = receive(c->fd, c->line, sizeof c->line - 1, 0, ret_fd)) >= 0 || errno != EAGAIN);
  if (n <= 0) return "";
  assert_true(c->line[n - 1] == '\n');
  c->line[n - 1] = '\0';
  assert_null(strchr(c->line, '\n'));
  return c->line;
}
