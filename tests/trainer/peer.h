/* The worker's end of the socket, as a thread with canned answers that allocates nothing. */
#ifndef CL_TEST_PEER_H
#define CL_TEST_PEER_H

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

struct peer_server {
  int listener;
  pthread_t thread;
  void (*take_line)(void *ctx, int fd, const char *line); /* answers what the trainer says */
  void *ctx;
};

__attribute__((format(printf, 2, 3))) static inline void peer_answer(int fd, const char *format, ...) {
  char line[1024];
  va_list args;
  va_start(args, format);
  int n = vsnprintf(line, sizeof line, format, args);
  va_end(args);
  (void)!send(fd, line, (size_t)n, MSG_NOSIGNAL);
}

/* Serve connections, one after the other, until the listener is shut down. */
static inline void *peer_serve(void *server) {
  static char line[70000];
  const struct peer_server *s = server;
  for (;;) {
    int fd = accept(s->listener, NULL, NULL);
    if (fd < 0) return NULL;
    size_t used = 0;
    for (ssize_t n; (n = recv(fd, line + used, sizeof line - 1 - used, 0)) > 0;) {
      used += (size_t)n;
      line[used] = '\0';
      if (line[used - 1] != '\n') continue;
      s->take_line(s->ctx, fd, line);
      used = 0;
    }
    close(fd);
  }
}

static inline void peer_start(struct peer_server *s, const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
  unlink(path);
  s->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_true(s->listener >= 0 && bind(s->listener, (struct sockaddr *)&address, sizeof address) == 0);
  assert_int_equal(listen(s->listener, 8), 0);
  assert_int_equal(pthread_create(&s->thread, NULL, peer_serve, s), 0);
}

static inline void peer_stop(struct peer_server *s) {
  shutdown(s->listener, SHUT_RDWR);
  assert_int_equal(pthread_join(s->thread, NULL), 0);
  close(s->listener);
}

#endif
