/* A trainer that lets itself be forked, and does what a fork does not go with. probe_fork.py prints the same.
 *
 *   probe_fork STEPS FILE [--late] [--thread | --shared | --private | --writes | --pipe]
 *
 * It reads a byte of FILE at each step, and prints it: nothing is printed before its end, or its buffer is
 * full. */
#include <clade/trainer.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static bool has_flag(int argc, char **argv, const char *flag) {
  for (int i = 3; i < argc; i++)
    if (strcmp(argv[i], flag) == 0) return true;
  return false;
}

static void *idle(void *ctx) {
  for (int i = 0; i < 60; i++) (void)sleep(1);
  return ctx;
}

static void offend(int argc, char **argv, const char *path) {
  pthread_t thread;
  int ends[2];
  if (has_flag(argc, argv, "--thread")) (void)pthread_create(&thread, NULL, idle, NULL);
  if (has_flag(argc, argv, "--shared"))
    (void)mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (has_flag(argc, argv, "--private")) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    (void)mmap(NULL, 1, PROT_READ, MAP_SHARED, fd, 0);
    (void)mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
  }
  if (has_flag(argc, argv, "--writes")) (void)open("written", O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
  if (has_flag(argc, argv, "--pipe")) (void)pipe(ends);
}

static int fail(clade_trainer *t, int status) {
  printf("error %s\n", clade_error_name(status));
  fprintf(stderr, "%s\n", clade_trainer_errmsg(t));
  return status;
}

static int train(clade_trainer *t, int argc, char **argv, int fd) {
  bool late = has_flag(argc, argv, "--late");
  if (!late) offend(argc, argv, argv[2]);
  int status = clade_trainer_fork(t);
  if (status < 0) return fail(t, status);
  status = clade_trainer_start(t);
  if (late) offend(argc, argv, argv[2]);
  for (int step = 1; status == 0 && step <= (int)strtol(argv[1], NULL, 10); step++) {
    char byte = '?';
    if (read(fd, &byte, 1) < 0) byte = '!';
    clade_trainer_metric(t, "accuracy", step / 16.0);
    status = clade_trainer_report(t, step);
    if (status < 0) return fail(t, status);
    printf("step %d %c lr=%g seed=%lld trial=%lld attempt=%lld%s\n", step, byte, clade_trainer_float(t, "lr"),
           (long long)clade_trainer_seed(t), (long long)clade_trainer_trial(t),
           (long long)clade_trainer_attempt(t), status == CLADE_TRAINER_STOP ? " stop" : "");
  }
  return clade_trainer_done(t);
}

int main(int argc, char **argv) {
  clade_trainer *t = NULL;
  if (argc < 3) return 2;
  int fd = open(argv[2], O_RDONLY | O_CLOEXEC);
  int status = clade_trainer_open(argc, argv, NULL, &t);
  if (status < 0)
    (void)fail(t, status);
  else
    (void)train(t, argc, argv, fd);
  status = clade_trainer_exit_status(t);
  clade_trainer_close(t);
  return status;
}
