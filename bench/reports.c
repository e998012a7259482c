/* How fast reports are recorded and answered: sixteen trainers in a loop of report and answer.
 *
 *   reports [N]    N (default 10000) reports of each trainer
 *
 * - peer: to a server on the same kind of loop, which only answers.
 * - recorded: to the worker, which records each one before it answers. Trainers as of the peer.
 * - library: the same, of programs that use libclade-trainer (reports_trainer.c).
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "worker/keeper.h"
#include "worker_study.h"

enum { TRAINERS = 16 };

/* The trainer: raw, so that it costs as little as can be. It waits in poll, as libclade-trainer does: one
 * that sleeps in recv is woken in vain when its report is taken. */

static void send_line(int fd, const char *line, size_t n) {
  if (send(fd, line, n, MSG_NOSIGNAL) != (ssize_t)n) exit(1);
}

static void read_line(int fd) {
  char bytes[4096];
  ssize_t n;
  struct pollfd p = {.fd = fd, .events = POLLIN};
  do {
    (void)poll(&p, 1, -1);
    n = recv(fd, bytes, sizeof bytes, 0);
  } while (n > 0 && bytes[n - 1] != '\n');
  if (n <= 0) exit(1);
}

static int train(const char *path, const char *token, int n) {
  struct sockaddr_un at = {.sun_family = AF_UNIX};
  char line[300] = "";
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  (void)snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
  if (connect(fd, (struct sockaddr *)&at, sizeof at) < 0) return 1;
  int length = snprintf(line, sizeof line, "{\"type\":\"hello\",\"token\":\"%s\",\"protocol\":1}\n", token);
  send_line(fd, line, (size_t)length);
  read_line(fd);
  for (int i = 1; i <= n; i++) {
    length = snprintf(line, sizeof line,
                      "{\"type\":\"report\",\"ordinal\":%d,\"step\":%d,\"metrics\":{\"loss\":%.6f}}\n", i, i,
                      1.0 / i);
    send_line(fd, line, (size_t)length);
    read_line(fd);
  }
  return 0;
}

/* The peer: reads what is there, answers, keeps nothing. */

struct connection {
  uv_poll_t poll;
  int fd;
};

static int64_t answered;

static void on_line(uv_poll_t *poll, int status, int events) {
  struct connection *c = poll->data;
  char bytes[4096];
  (void)status, (void)events;
  ssize_t n = recv(c->fd, bytes, sizeof bytes, MSG_DONTWAIT);
  if (n <= 0) {
    (void)uv_poll_stop(poll);
    return;
  }
  answered++;
  send_line(c->fd, "{\"type\":\"go\"}\n", 14);
}

static double by_peer(int n) {
  uv_loop_t loop;
  struct connection c[TRAINERS];
  struct sockaddr_un at = {.sun_family = AF_UNIX};
  char directory[] = "/tmp/clade-bench-XXXXXX";
  int listener = socket(AF_UNIX, SOCK_STREAM, 0);
  if (mkdtemp(directory) == NULL || uv_loop_init(&loop) < 0) exit(1);
  (void)snprintf(at.sun_path, sizeof at.sun_path, "%s/s", directory);
  if (bind(listener, (struct sockaddr *)&at, sizeof at) < 0 || listen(listener, TRAINERS) < 0) exit(1);
  for (int i = 0; i < TRAINERS; i++)
    if (fork() == 0) _exit(train(at.sun_path, "x", n));
  double begin = worker_study_seconds();
  for (int i = 0; i < TRAINERS; i++) {
    c[i].fd = accept(listener, NULL, NULL);
    (void)uv_poll_init(&loop, &c[i].poll, c[i].fd);
    c[i].poll.data = &c[i];
    (void)uv_poll_start(&c[i].poll, UV_READABLE, on_line);
  }
  answered = 0;
  (void)uv_run(&loop, UV_RUN_DEFAULT);
  double rate = (double)answered / (worker_study_seconds() - begin);
  for (int i = 0; i < TRAINERS; i++) {
    uv_close((uv_handle_t *)&c[i].poll, NULL);
    (void)close(c[i].fd);
    (void)wait(NULL);
  }
  (void)uv_run(&loop, UV_RUN_DEFAULT);
  (void)uv_loop_close(&loop);
  (void)close(listener);
  (void)unlink(at.sun_path);
  (void)rmdir(directory);
  return rate;
}

/* The worker. */

static double by_worker(int n, bool library) {
  struct worker_study s;
  char program[300], self[200];
  ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
  if (length < 0) exit(1);
  (void)snprintf(program, sizeof program, "[\"%.*s%s\", \"__trainer\", \"%d\"]", (int)length, self,
                 library ? "_trainer" : "", n);
  worker_study_begin(&s, program, TRAINERS, TRAINERS);
  double begin = worker_study_seconds();
  worker_study_run(&s, TRAINERS);
  double seconds = worker_study_seconds() - begin;
  if (cl_study_count(cl_log_study(s.log), CL_COMPLETE) != TRAINERS) {
    fprintf(stderr, "a trainer failed\n");
    exit(1);
  }
  worker_study_end(&s);
  return TRAINERS * (double)n / seconds;
}

static void show(const char *name, double rate, double peer) {
  printf("%-30s %7.0f   %3.0f %%\n", name, rate, 100 * rate / peer);
}

int main(int argc, char **argv) {
  if (argc > 1 && strcmp(argv[1], CL_KEEPER_WORD) == 0) return cl_keeper_main(argc, argv);
  if (argc > 2 && strcmp(argv[1], "__trainer") == 0)
    return train(getenv("CLADE_SOCKET"), getenv("CLADE_TOKEN"), (int)strtol(argv[2], NULL, 10));
  int n = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 10000;
  if (n < 1) return 2;
  double before = by_peer(n), recorded = by_worker(n, false), library = by_worker(n, true),
         after = by_peer(n);
  double peer = (before + after) / 2;
  printf("%d trainers, %d reports each, answered per second (sync: normal)\n", TRAINERS, n);
  show("only answered", peer, peer);
  show("recorded, then answered", recorded, peer);
  show("the same, of libclade-trainer", library, peer);
  return 0;
}
