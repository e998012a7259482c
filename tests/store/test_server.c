/* What `clade store start | stop | status` do around PostgreSQL's programs, and what each of their failures
 * says. The programs are stand-ins that do what a case asks for; a server is a process that sleeps. The real
 * ones are called by private_server.c. */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <netinet/in.h>
#include <pwd.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/file.h"
#include "fault/alloc.h"
#include "fault/wrap.h"
#include "store/server.h"

/* Calls that fail on request, also in the processes that are forked: X(type, name, failed, cause, …). */
#define CALLS(X) \
  X(int, socket, -1, EMFILE, (int domain, int type, int protocol), (domain, type, protocol)) \
  X(int, bind, -1, EADDRINUSE, (int fd, const struct sockaddr *a, socklen_t n), (fd, a, n)) \
  X(ssize_t, getrandom, -1, ENOSYS, (void *bytes, size_t n, unsigned flags), (bytes, n, flags)) \
  X(ssize_t, write, -1, ENOSPC, (int fd, const void *bytes, size_t n), (fd, bytes, n)) \
  X(int, fchown, -1, EPERM, (int fd, uid_t uid, gid_t gid), (fd, uid, gid)) \
  X(int, chown, -1, EPERM, (const char *path, uid_t uid, gid_t gid), (path, uid, gid)) \
  X(int, chmod, -1, EPERM, (const char *path, mode_t mode), (path, mode)) \
  X(int, mkdir, -1, ENOSPC, (const char *path, mode_t mode), (path, mode)) \
  X(char *, getcwd, NULL, ENOENT, (char *ret, size_t size), (ret, size)) \
  X(pid_t, fork, -1, EAGAIN, (void), ()) \
  X(int, dup2, -1, EMFILE, (int from, int to), (from, to)) \
  X(int, chdir, -1, EACCES, (const char *path), (path)) \
  X(int, initgroups, -1, EPERM, (const char *user, gid_t gid), (user, gid)) \
  X(int, setgid, -1, EPERM, (gid_t gid), (gid)) \
  X(int, setuid, -1, EPERM, (uid_t uid), (uid)) \
  X(pid_t, waitpid, -1, EINTR, (pid_t pid, int *status, int how), (pid, status, how))

static struct faults {
  char name[24];
  unsigned long pending;
  bool happened, stays;
} * faults; /* shared with children */

static bool fails(const char *name, int cause) {
  if (faults == NULL || strcmp(faults->name, name) != 0) return false;
  bool now = faults->happened ? faults->stays : --faults->pending == 0;
  if (!now) return false;
  faults->happened = true;
  errno = cause;
  return true;
}

static void arm(const char *name, unsigned long nth, bool stays) {
  *faults = (struct faults){.pending = nth, .stays = stays};
  (void)snprintf(faults->name, sizeof faults->name, "%s", name == NULL ? "" : name);
}

CALLS(CL_FAULT_WRAP)
CL_FAULT_WRAP_OPEN(EACCES)

/* A free port, as it seems, that somebody else takes before the server does. */
static int taken;
int __real_getsockname(int fd, struct sockaddr *a, socklen_t *n);
int __wrap_getsockname(int fd, struct sockaddr *a, socklen_t *n);
int __wrap_getsockname(int fd, struct sockaddr *a, socklen_t *n) {
  if (fails("getsockname", ENOBUFS)) return -1;
  int status = __real_getsockname(fd, a, n);
  if (taken != 0) ((struct sockaddr_in *)a)->sin_port = htons((uint16_t)taken);
  taken = 0;
  return status;
}

int __real_kill(pid_t pid, int number);
int __wrap_kill(pid_t pid, int number);
int __wrap_kill(pid_t pid, int number) { /* somebody else's process */
  return fails("kill", EPERM) ? -1 : __real_kill(pid, number);
}

uid_t __real_geteuid(void);
uid_t __wrap_geteuid(void);
uid_t __wrap_geteuid(void) {
  return fails("geteuid", 0) ? 2385 : __real_geteuid();
}

/* There is no such user. */
int __real_getpwnam_r(const char *name, struct passwd *room, char *texts, size_t n, struct passwd **ret);
int __wrap_getpwnam_r(const char *name, struct passwd *room, char *texts, size_t n, struct passwd **ret);
int __wrap_getpwnam_r(const char *name, struct passwd *room, char *texts, size_t n, struct passwd **ret) {
  *ret = NULL;
  return fails("getpwnam_r", 0) ? 0 : __real_getpwnam_r(name, room, texts, n, ret);
}

/* What stands in /usr/lib/postgresql; null: as it is. */
static const char *const *installed;
int __real_glob64(const char *pattern, int flags, int (*error)(const char *, int), glob_t *ret);
int __wrap_glob64(const char *pattern, int flags, int (*error)(const char *, int), glob_t *ret);
int __wrap_glob64(const char *pattern, int flags, int (*error)(const char *, int), glob_t *ret) {
  if (installed == NULL) return __real_glob64(pattern, flags, error, ret);
  memset(ret, 0, sizeof *ret);
  while (installed[ret->gl_pathc] != NULL) ret->gl_pathc++;
  ret->gl_pathv = calloc(ret->gl_pathc + 1, sizeof *ret->gl_pathv);
  for (size_t i = 0; i < ret->gl_pathc; i++) ret->gl_pathv[i] = strdup(installed[i]);
  return ret->gl_pathc == 0 ? GLOB_NOMATCH : 0;
}

const char *__real_cl_path_network(const char *path);
const char *__wrap_cl_path_network(const char *path);
const char *__wrap_cl_path_network(const char *path) {
  return fails("cl_path_network", 0) ? "nfs" : __real_cl_path_network(path);
}

/* A process that does not become another one counts for the coverage as well. */
void __gcov_dump(void) __attribute__((weak));
void __real__exit(int status) __attribute__((noreturn));
void __wrap__exit(int status) __attribute__((noreturn));
void __wrap__exit(int status) {
  if (__gcov_dump != NULL) __gcov_dump();
  __real__exit(status);
}

/* The stand-ins. */

static const char initdb[] =
    "#!/bin/sh\n"
    "[ -z \"$SAY\" ] || printf \"$SAY\"\n"
    "[ -z \"$INITDB\" ] || eval \"$INITDB\"\n"
    "mkdir -p \"$2\" && echo 15 > \"$2/PG_VERSION\" && : > \"$2/postgresql.conf\" && : > \"$2/pg_hba.conf\"\n";
static const char pg_ctl[] = "#!/bin/sh\n"
                             "[ -z \"$PG_CTL\" ] || eval \"$PG_CTL\"\n"
                             "[ $1 = start ] || exec rm \"$3/postmaster.pid\"\n"
                             "port=$(sed -n 's/^port = //p' \"$3/clade.conf\")\n"
                             "printf '%s\\n%s\\n1\\n%s\\n' $SERVER \"$3\" $port > \"$3/postmaster.pid\"\n";
static const char createdb[] = "#!/bin/sh\n"
                               "[ -z \"$CREATEDB\" ] || eval \"$CREATEDB\"\n"
                               "printf '%s' \"$PGPASSWORD\" > given\n";

struct fixture {
  char base[64], bin[80], dir[80];
  char *path;   /* PATH, to be restored */
  pid_t server; /* a process that sleeps */
};

static void write_text(const char *dir, const char *name, const char *text) {
  char path[200];
  struct cl_err e = {0};
  (void)snprintf(path, sizeof path, "%s/%s", dir, name);
  if (cl_file_write(path, text, strlen(text), false, &e) < 0) fail_msg("%s", e.text);
  assert_int_equal(chmod(path, 0755), 0);
}

static pid_t start_sleeper(void) {
  pid_t owner = getpid(), pid = fork();
  assert_true(pid >= 0);
  if (pid != 0) return pid;
  (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
  while (getppid() == owner) (void)pause();
  __real__exit(0);
}

static void forget_cases(void) {
  static const char *const names[] = {"SAY", "INITDB", "PG_CTL", "CREATEDB"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) (void)unsetenv(names[i]);
}

static int set_up(void **state) {
  struct fixture *f = calloc(1, sizeof *f);
  char number[24];
  (void)snprintf(f->base, sizeof f->base, "/tmp/clade-server-XXXXXX");
  assert_non_null(mkdtemp(f->base));
  assert_int_equal(chmod(f->base, 0755), 0);
  (void)snprintf(f->bin, sizeof f->bin, "%s/bin", f->base);
  (void)snprintf(f->dir, sizeof f->dir, "%s/server", f->base);
  assert_int_equal(mkdir(f->bin, 0755), 0);
  assert_int_equal(chmod(f->bin, 0755), 0);
  write_text(f->bin, "initdb", initdb);
  write_text(f->bin, "pg_ctl", pg_ctl);
  write_text(f->bin, "createdb", createdb);
  f->server = start_sleeper();
  (void)snprintf(number, sizeof number, "%d", (int)f->server);
  (void)setenv("SERVER", number, 1);
  (void)setenv("CLADE_POSTGRES_BIN", f->bin, 1);
  f->path = strdup(getenv("PATH"));
  forget_cases();
  arm(NULL, 0, false);
  *state = f;
  return 0;
}

static int tear_down(void **state) {
  struct fixture *f = *state;
  arm(NULL, 0, false);
  installed = NULL;
  (void)setenv("PATH", f->path, 1);
  free(f->path);
  (void)kill(f->server, SIGKILL);
  (void)waitpid(f->server, NULL, 0);
  (void)cl_dir_remove(f->base, NULL);
  free(f);
  return 0;
}

static int start(const struct fixture *f, struct cl_server *ret, struct cl_err *e) {
  return cl_server_start(&(struct cl_server_options){.dir = f->dir, .settings = "fsync = off\n"}, ret, e);
}

static void remove_server(const struct fixture *f) {
  struct cl_err e = {0};
  if (cl_path_exists(f->dir) && cl_dir_remove(f->dir, &e) < 0) fail_msg("%s", e.text);
}

static void assert_says(const struct cl_err *e, int status, int expected, const char *part) {
  if (status != expected || strstr(e->text, part) == NULL)
    fail_msg("%d, '%s' where %d, '%s' was expected", status, e->text, expected, part);
}

static void assert_start_says(const struct fixture *f, int expected, const char *part) {
  struct cl_server s;
  struct cl_err e = {0};
  int status = start(f, &s, &e);
  assert_says(&e, status, expected, part);
}

static void assert_file_has(const struct fixture *f, const char *name, const char *part) {
  char path[200], *text = NULL;
  struct cl_err e = {0};
  (void)snprintf(path, sizeof path, "%s/%s", f->dir, name);
  if (cl_file_read(path, 65536, &text, NULL, &e) < 0) fail_msg("%s", e.text);
  if (strstr(text, part) == NULL) fail_msg("'%s' has no '%s': %s", name, part, text);
  cl_free(text);
}

/* What works. */

static void a_server_is_made_started_and_stopped(void **state) {
  struct fixture *f = *state;
  struct cl_server s, again;
  struct cl_err e = {0};
  assert_int_equal(cl_server_look(f->dir, &s, &e), 0);
  assert_false(s.made || s.running || cl_path_exists(f->dir));
  if (start(f, &s, &e) < 0) fail_msg("%s", e.text);
  assert_true(s.made && s.running && s.began);
  assert_int_equal(s.pid, f->server);
  assert_in_range(s.port, 1024, 65535);
  char password[40] = "";
  assert_int_equal(sscanf(s.address, "postgresql://clade:%39[a-z0-9]@127.0.0.1:", password), 1);
  assert_int_equal(strlen(password), 24);
  assert_file_has(f, "password", password);
  assert_file_has(f, "given", password);
  assert_file_has(f, "data/pg_hba.conf", "host all all all scram-sha-256\n");
  assert_file_has(f, "data/postgresql.conf", "include 'clade.conf'\nfsync = off\n");
  assert_file_has(f, "data/clade.conf", "listen_addresses = '127.0.0.1'\n");
  if (start(f, &again, &e) < 0) fail_msg("%s", e.text);
  assert_true(again.running && !again.began);
  assert_string_equal(again.address, s.address);
  assert_int_equal(cl_server_stop(f->dir, false, &e), 0);
  assert_int_equal(cl_server_look(f->dir, &again, &e), 0);
  assert_true(again.made && !again.running);
  assert_int_equal(again.port, s.port);
  assert_int_equal(cl_server_stop(f->dir, true, &e), 0); /* again: it is */
}

/* The stand-in refuses a port that is taken, as PostgreSQL does. */
static void a_port_that_was_taken_meanwhile_is_another(void **state) {
  struct fixture *f = *state;
  struct cl_server s;
  struct cl_err e = {0};
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t n = sizeof a;
  char script[100];
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&a, n) == 0);
  assert_int_equal(__real_getsockname(fd, (struct sockaddr *)&a, &n), 0);
  taken = ntohs(a.sin_port);
  (void)snprintf(script, sizeof script, "! grep -q 'port = %d$' \"$3/clade.conf\" || exit 1", taken);
  (void)setenv("PG_CTL", script, 1);
  int port = taken;
  if (start(f, &s, &e) < 0) fail_msg("%s", e.text);
  assert_true(s.running && s.port != port && taken == 0);
  (void)snprintf(script, sizeof script, "port = %d\n", s.port);
  assert_file_has(f, "data/clade.conf", script);
  assert_int_equal(close(fd), 0);
}

/* It failed for another reason. */
static void a_server_that_does_not_start_is_not_tried_elsewhere(void **state) {
  struct fixture *f = *state;
  struct cl_server s;
  struct cl_err e = {0};
  (void)setenv("PG_CTL", "echo tried >> tries; exit 1", 1);
  assert_true(start(f, &s, &e) < 0);
  assert_file_has(f, "tries", "tried\n");
  char path[120], *text = NULL;
  (void)snprintf(path, sizeof path, "%s/tries", f->dir);
  assert_int_equal(cl_file_read(path, 100, &text, NULL, NULL), 0);
  assert_string_equal(text, "tried\n");
  cl_free(text);
}

static void a_server_goes_on_as_it_was_or_as_one_says(void **state) {
  struct fixture *f = *state;
  struct cl_server s, again;
  struct cl_err e = {0};
  struct cl_server_options o = {.dir = f->dir, .port = 5433, .listen = "*"};
  if (cl_server_start(&o, &s, &e) < 0) fail_msg("%s", e.text);
  assert_int_equal(s.port, 5433);
  assert_file_has(f, "data/clade.conf", "listen_addresses = '*'\n");
  (void)setenv("INITDB", "exit 7", 1); /* is not made twice */
  assert_int_equal(cl_server_stop(f->dir, false, &e), 0);
  assert_int_equal(cl_server_start(&(struct cl_server_options){.dir = f->dir}, &again, &e), 0);
  assert_int_equal(again.port, 5433);
  assert_string_equal(again.address, s.address);
  assert_file_has(f, "data/clade.conf", "listen_addresses = '*'\n");
  assert_int_equal(cl_server_stop(f->dir, false, &e), 0);
  o.port = 5434;
  o.listen = NULL;
  assert_int_equal(cl_server_start(&o, &again, &e), 0);
  assert_int_equal(again.port, 5434);
  assert_int_equal(cl_server_stop(f->dir, false, &e), 0);
  o.listen = "10.0.0.7";
  assert_int_equal(cl_server_start(&o, &again, &e), 0);
  assert_file_has(f, "data/clade.conf", "listen_addresses = '10.0.0.7'\n");
}

static void an_address_to_listen_on_is_no_configuration(void **state) {
  struct fixture *f = *state;
  static const char *const bad[] = {"it's", "a\\b", "x\nport = 1"};
  for (size_t i = 0; i < 3; i++) {
    struct cl_server s;
    struct cl_err e = {0};
    int status = cl_server_start(&(struct cl_server_options){.dir = f->dir, .listen = bad[i]}, &s, &e);
    assert_says(&e, status, CLADE_EINVAL, "is no address to listen on");
    assert_false(cl_path_exists(f->dir));
  }
}

/* What is in the directory. */

static void a_pid_file_that_says_nothing_is_no_server(void **state) {
  struct fixture *f = *state;
  char data[120], text[200];
  struct cl_server s;
  struct cl_err e = {0};
  if (start(f, &s, &e) < 0) fail_msg("%s", e.text);
  (void)snprintf(data, sizeof data, "%s/data", f->dir);
  pid_t gone = fork();
  if (gone == 0) __real__exit(0);
  assert_int_equal(waitpid(gone, NULL, 0), gone);
  (void)snprintf(text, sizeof text, "%d\nx\n1\n5433\n", (int)gone);
  const char *const files[] = {"", "x\nx\n1\n5433\n", "0\nx\n1\n5433\n", "-1\nx\n1\n5433\n", "1\nx\n", text};
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    write_text(data, "postmaster.pid", files[i]);
    assert_int_equal(cl_server_look(f->dir, &s, &e), 0);
    assert_true(s.made && !s.running);
  }
  write_text(data, "postmaster.pid", "1\nx\n1\n5433\n"); /* another user's */
  arm("kill", 1, true);
  assert_int_equal(cl_server_look(f->dir, &s, &e), 0);
  assert_true(s.running);
  assert_int_equal(s.port, 5433);
}

static void a_directory_that_is_damaged_is_said(void **state) {
  struct fixture *f = *state;
  char path[200], data[120], long_text[1200];
  struct cl_server s;
  struct cl_err e = {0};
  if (start(f, &s, &e) < 0) fail_msg("%s", e.text);
  assert_int_equal(cl_server_stop(f->dir, false, &e), 0);
  (void)snprintf(data, sizeof data, "%s/data", f->dir);
  write_text(data, "clade.conf", "# nothing\n");
  assert_int_equal(cl_server_look(f->dir, &s, &e), 0);
  assert_int_equal(s.port, 0);
  (void)snprintf(path, sizeof path, "%s/clade.conf", data);
  assert_int_equal(unlink(path), 0);
  assert_int_equal(cl_server_look(f->dir, &s, &e), 0);
  assert_int_equal(s.port, 0);
  memset(long_text, 'x', sizeof long_text - 1);
  long_text[sizeof long_text - 1] = '\0';
  write_text(f->dir, "password", long_text);
  assert_true(cl_server_look(f->dir, &s, &e) < 0);
  assert_non_null(strstr(e.text, "password"));
  assert_start_says(f, CLADE_ELIMIT, "password");
  assert_int_equal(cl_server_stop(f->dir, false, &e), CLADE_ELIMIT);
  (void)snprintf(path, sizeof path, "%s/password", f->dir);
  assert_int_equal(unlink(path), 0);
  assert_int_equal(cl_server_look(f->dir, &s, &e), 0);
  assert_false(s.made);
  int status = cl_server_stop(f->dir, false, &e);
  assert_says(&e, status, CLADE_ENOTFOUND, "there is no server in");
}

static void a_place_that_cannot_be_used_is_said(void **state) {
  struct fixture *f = *state;
  struct cl_err e = {0};
  struct cl_server s;
  arm("getcwd", 1, false);
  int status = cl_server_look("nowhere", &s, &e);
  assert_says(&e, status, CLADE_EIO, "the working directory cannot be read");
  arm("getcwd", 1, false);
  status = cl_server_stop("nowhere", false, &e);
  assert_says(&e, status, CLADE_EIO, "the working directory cannot be read");
  arm("cl_path_network", 1, false);
  assert_start_says(f, CLADE_EUNSUPPORTED, "network file system (nfs)");
  arm(NULL, 0, false);
  write_text(f->base, "server", "a file\n");
  struct cl_server_options o = {.dir = f->dir};
  assert_true(cl_server_start(&o, &s, &e) < 0);
  assert_non_null(strstr(e.text, f->dir));
}

/* Programs. */

static void what_a_program_said_last_is_the_reason(void **state) {
  struct fixture *f = *state;
  struct cl_err e = {0};
  arm("geteuid", 1, true); /* another user could not write the coverage's files, and would say so */
  (void)setenv("INITDB", "exit 1", 1);
  assert_start_says(f, CLADE_EIO, "initdb failed: it said nothing; see ");
  remove_server(f);
  (void)setenv("SAY", "first\\nno space left on device\\r\\n\\n", 1);
  assert_start_says(f, CLADE_EIO, "initdb failed: no space left on device; see ");
  remove_server(f);
  (void)setenv("INITDB", "kill -9 $$", 1);
  assert_start_says(f, CLADE_EIO, "initdb failed: no space left");
  remove_server(f);
  (void)setenv("INITDB", "rm log; exit 1", 1);
  assert_start_says(f, CLADE_EIO, "initdb failed: it said nothing");
  remove_server(f);
  forget_cases();
  (void)setenv("CREATEDB", "echo no such role; exit 1", 1);
  assert_start_says(f, CLADE_EIO, "createdb failed: no such role");
  (void)setenv("PG_CTL", "echo it does not end; exit 1", 1);
  int status = cl_server_stop(f->dir, true, &e);
  assert_says(&e, status, CLADE_EIO, "pg_ctl failed: it does not end");
  (void)unsetenv("PG_CTL");
  assert_int_equal(cl_server_stop(f->dir, true, &e), 0);
  (void)setenv("PG_CTL", "echo port taken; exit 1", 1);
  assert_start_says(f, CLADE_EIO, "pg_ctl failed: port taken");
  (void)setenv("PG_CTL", "exit 0", 1);
  assert_start_says(f, CLADE_EIO, "has started and is not there any more");
}

static void programs_that_make_half_a_server_are_noticed(void **state) {
  struct fixture *f = *state;
  static const char *const cases[] = {"mkdir \"$2\"; exit 0", "mkdir \"$2\"; : > \"$2/pg_hba.conf\"; exit 0",
                                      "exit 0"};
  for (size_t i = 0; i < 3; i++) {
    (void)setenv("INITDB", cases[i], 1);
    assert_start_says(f, CLADE_EIO, "cannot");
    remove_server(f);
  }
}

static void programs_that_are_not_there_are_said(void **state) {
  struct fixture *f = *state;
  static const char *const none[] = {NULL};
  struct cl_server s;
  struct cl_err e = {0};
  arm("geteuid", 1, true); /* as above */
  if (start(f, &s, &e) < 0) fail_msg("%s", e.text);
  (void)setenv("CLADE_POSTGRES_BIN", "", 1);
  (void)setenv("PATH", "", 1);
  installed = none;
  int status = cl_server_stop(f->dir, false, &e);
  (void)unsetenv("PATH");
  struct cl_err again = {0};
  int without = cl_server_stop(f->dir, false, &again);
  (void)setenv("PATH", f->path, 1);
  assert_says(&e, status, CLADE_EUNSUPPORTED, "are not there any more");
  assert_says(&again, without, CLADE_EUNSUPPORTED, "are not there any more");
  (void)setenv("CLADE_POSTGRES_BIN", f->bin, 1);
  assert_int_equal(cl_server_stop(f->dir, false, &e), 0);
  (void)unsetenv("CLADE_POSTGRES_BIN");
  (void)setenv("PATH", "", 1);
  status = start(f, &s, &e);
  (void)setenv("PATH", f->path, 1);
  assert_says(&e, status, CLADE_EUNSUPPORTED, "PostgreSQL is not installed");
  (void)setenv("CLADE_POSTGRES_BIN", f->base, 1); /* no programs */
  remove_server(f);
  assert_start_says(f, CLADE_EIO, "initdb failed: it said nothing");
}

static void assert_programs(const char *expected) {
  char *found = cl_server_programs();
  if (expected == NULL)
    assert_null(found);
  else
    assert_string_equal(found, expected);
  cl_free(found);
}

static void programs_are_found_where_they_really_are(void **state) {
  struct fixture *f = *state;
  static const char *const none[] = {NULL}, *const several[] = {"/usr/lib/postgresql/9.6/bin",
                                                                "/usr/lib/postgresql/15/bin",
                                                                "/usr/lib/postgresql/13/bin", NULL};
  char links[120], lone[120], from[160], to[160], search[400];
  (void)snprintf(links, sizeof links, "%s/links", f->base);
  (void)snprintf(lone, sizeof lone, "%s/lone", f->base);
  assert_int_equal(mkdir(links, 0755), 0);
  assert_int_equal(mkdir(lone, 0755), 0);
  write_text(lone, "pg_ctl", pg_ctl); /* without its companions */
  (void)snprintf(from, sizeof from, "%s/pg_ctl", f->bin);
  (void)snprintf(to, sizeof to, "%s/pg_ctl", links);
  assert_int_equal(symlink(from, to), 0);
  (void)unsetenv("CLADE_POSTGRES_BIN");
  installed = none;
  (void)snprintf(search, sizeof search, "/nowhere::%s:%s", lone, links);
  (void)setenv("PATH", search, 1);
  assert_programs(f->bin);
  (void)setenv("PATH", lone, 1);
  assert_programs(NULL);
  installed = several;
  assert_programs("/usr/lib/postgresql/15/bin");
  (void)setenv("CLADE_POSTGRES_BIN", "/opt/pg", 1);
  assert_programs("/opt/pg");
}

/* Users. */

static void root_becomes_somebody_else(void **state) {
  struct fixture *f = *state;
  struct cl_server s;
  struct cl_err e = {0};
  struct stat st;
  if (geteuid() != 0) skip();
  arm("getpwnam_r", 1, true);
  assert_start_says(f, CLADE_EUNSUPPORTED, "there is no user 'postgres' or 'nobody'");
  arm("getpwnam_r", 1, false); /* no postgres, but nobody */
  if (start(f, &s, &e) < 0) fail_msg("%s", e.text);
  assert_string_equal(s.user, "nobody");
  arm(NULL, 0, false);
  assert_int_equal(stat(f->dir, &st), 0);
  assert_true(st.st_uid != 0);
  assert_int_equal(st.st_mode & 0777, 0700);
  static const char *const calls[] = {"initgroups", "setgid", "setuid", "chdir", "dup2", "open64"};
  for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
    remove_server(f);
    assert_int_equal(mkdir(f->dir, 0700), 0);                      /* one that is there keeps its rights */
    arm(calls[i], strcmp(calls[i], "open64") == 0 ? 2 : 1, false); /* the first one is the password */
    assert_start_says(f, CLADE_EIO, "initdb cannot be run as the user");
    assert_true(faults->happened);
    arm(NULL, 0, false);
  }
}

static void an_ordinary_user_is_whom_it_runs_as(void **state) {
  struct fixture *f = *state;
  struct cl_server s;
  struct cl_err e = {0};
  arm("geteuid", 1, true); /* of a number without a name */
  if (start(f, &s, &e) < 0) fail_msg("%s", e.text);
  assert_string_equal(s.user, "this user");
  assert_int_equal(cl_server_stop(f->dir, false, &e), 0);
}

/* Everything that can fail. */

static void each_call_can_fail(void **state) {
  struct fixture *f = *state;
#define X(type, name, failed, cause, parameters, arguments) #name,
  static const char *const calls[] = {CALLS(X) "getsockname", "open64"};
#undef X
  enum { CALLS_MAX = 60 };
  for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
    bool happened = true;
    unsigned long n = 1, failed = 0;
    for (; happened && n < CALLS_MAX; n++) {
      struct cl_server s;
      struct cl_err e = {0};
      arm(calls[i], n, false);
      int status = start(f, &s, &e);
      happened = faults->happened;
      arm(NULL, 0, false);
      if (status < 0 && !happened) fail_msg("%s %lu: %s", calls[i], n, e.text);
      if (status < 0) assert_true(e.text[0] != '\0' && status != CLADE_ENOMEM);
      failed += status < 0;
      if (status == 0) assert_true(s.running && s.began);
      if (cl_path_exists(f->dir)) (void)cl_server_stop(f->dir, true, NULL);
      remove_server(f);
    }
    assert_true(n < CALLS_MAX);
    print_message("# %s: %lu rounds, %lu failed\n", calls[i], n - 1, failed);
  }
}

/* A server that is half made, or without its database, is not taken for one that works. */
static void each_allocation_can_fail(void **state) {
  struct fixture *f = *state;
  unsigned long n = 1;
  for (bool happened = true; happened; n++) {
    struct cl_server s;
    struct cl_err e = {0};
    bool whole = n % 2 == 0; /* one that is there; else from nothing */
    if (whole && start(f, &s, &e) < 0) fail_msg("%s", e.text);
    if (whole && n % 4 == 0) assert_int_equal(cl_server_stop(f->dir, true, &e), 0);
    cl_fault_arm((n + 1) / 2, n % 3 == 0);
    int status = start(f, &s, &e);
    if (status == 0) status = cl_server_look(f->dir, &s, &e);
    if (status == 0) status = cl_server_stop(f->dir, false, &e);
    happened = cl_fault_happened();
    cl_fault_arm(0, false);
    if (status < 0 && !happened) fail_msg("%s", e.text);
    if (status < 0) assert_true(e.text[0] != '\0');
    (void)cl_server_stop(f->dir, true, NULL);
    remove_server(f);
  }
  assert_true(n > 20);
}

int main(void) {
  faults = mmap(NULL, sizeof *faults, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (faults == MAP_FAILED) return 1;
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {TEST(a_server_is_made_started_and_stopped),
                                     TEST(a_port_that_was_taken_meanwhile_is_another),
                                     TEST(a_server_that_does_not_start_is_not_tried_elsewhere),
                                     TEST(a_server_goes_on_as_it_was_or_as_one_says),
                                     TEST(an_address_to_listen_on_is_no_configuration),
                                     TEST(a_pid_file_that_says_nothing_is_no_server),
                                     TEST(a_directory_that_is_damaged_is_said),
                                     TEST(a_place_that_cannot_be_used_is_said),
                                     TEST(what_a_program_said_last_is_the_reason),
                                     TEST(programs_that_make_half_a_server_are_noticed),
                                     TEST(programs_that_are_not_there_are_said),
                                     TEST(programs_are_found_where_they_really_are),
                                     TEST(root_becomes_somebody_else),
                                     TEST(an_ordinary_user_is_whom_it_runs_as),
                                     TEST(each_call_can_fail),
                                     TEST(each_allocation_can_fail)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
