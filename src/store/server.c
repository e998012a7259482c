/* A private server: PostgreSQL's own programs do the work (initdb, pg_ctl, createdb), run as a user who is
 * not root. */
#include "store/server.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"

extern char **environ;

/* Who runs it, where. */
struct place {
  char *dir, *data, *log, *password, *bin; /* password: the file */
  uid_t uid;
  gid_t gid;
  bool drops; /* root becomes somebody else */
  char user[64];
};

static void place_done(struct place *p) {
  cl_free(p->dir);
  cl_free(p->data);
  cl_free(p->log);
  cl_free(p->password);
  cl_free(p->bin);
}

/* The directory that a program in PATH really is in, if all that is needed is there. */
static char *find_in_path(const char *dir, size_t n) {
  char real[PATH_MAX];
  struct cl_text t = {0};
  cl_text_add_bytes(&t, dir, n);
  cl_text_add(&t, "/pg_ctl");
  bool found = access(cl_text_get(&t), X_OK) == 0 && realpath(cl_text_get(&t), real) != NULL;
  cl_text_done(&t);
  if (!found) return NULL;
  size_t length = (size_t)(strrchr(real, '/') - real);
  cl_text_add_bytes(&t, real, length);
  cl_text_add(&t, "/createdb");
  found = access(cl_text_get(&t), X_OK) == 0;
  cl_text_done(&t);
  return found ? cl_copy_bytes(real, length) : NULL;
}

char *cl_server_programs(void) {
  const char *named = getenv("CLADE_POSTGRES_BIN");
  if (named != NULL && named[0] != '\0') return cl_copy_text(named);
  const char *path = getenv("PATH");
  for (const char *at = path == NULL ? "" : path; *at != '\0'; at += strspn(at, ":")) {
    size_t n = strcspn(at, ":");
    char *dir = find_in_path(at, n);
    if (dir != NULL) return dir;
    at += n;
  }
  glob_t found = {0};
  char *best = NULL;
  int version = 0;
  if (glob("/usr/lib/postgresql/*/bin", 0, NULL, &found) == 0)
    for (size_t i = 0; i < found.gl_pathc; i++) {
      int this = (int)strtol(found.gl_pathv[i] + strlen("/usr/lib/postgresql/"), NULL, 10);
      if (this <= version) continue;
      version = this;
      cl_free(best);
      best = cl_copy_text(found.gl_pathv[i]);
    }
  globfree(&found);
  return best;
}

static int choose_user(struct place *p, struct cl_err *e) {
  struct passwd room, *user = NULL;
  char texts[16384];
  p->uid = geteuid();
  p->gid = getegid();
  p->drops = p->uid == 0;
  if (!p->drops) (void)getpwuid_r(p->uid, &room, texts, sizeof texts, &user);
  if (p->drops) (void)getpwnam_r("postgres", &room, texts, sizeof texts, &user);
  if (p->drops && user == NULL) (void)getpwnam_r("nobody", &room, texts, sizeof texts, &user);
  if (p->drops && user == NULL)
    return CL_FAIL(
        e, CLADE_EUNSUPPORTED,
        "PostgreSQL does not run as root, and there is no user 'postgres' or 'nobody' to run it as: start it as "
        "an ordinary user");
  if (user != NULL) {
    p->uid = user->pw_uid;
    p->gid = user->pw_gid;
  }
  (void)snprintf(p->user, sizeof p->user, "%s", user == NULL ? "this user" : user->pw_name);
  return 0;
}

static int find_place(struct place *p, const char *dir, struct cl_err *e) {
  char real[PATH_MAX], here[PATH_MAX];
  const char *whole = realpath(dir, real);
  if (whole == NULL && getcwd(here, sizeof here) == NULL)
    return CL_FAIL_CAUSE(e, CLADE_EIO, errno, "the working directory cannot be read: %s", strerror(errno));
  p->dir = whole != NULL ? cl_copy_text(whole) : cl_path_join(here, dir);
  if (p->dir == NULL) return CL_FAIL_NOMEM(e);
  p->data = cl_path_join(p->dir, "data");
  p->log = cl_path_join(p->dir, "log");
  p->password = cl_path_join(p->dir, "password");
  if (p->data == NULL || p->log == NULL || p->password == NULL) return CL_FAIL_NOMEM(e);
  return choose_user(p, e);
}

/* Running a program. */

static void become(const struct place *p, const char *program, const char *const *argv,
                   const char *password) {
  int null = open("/dev/null", O_RDONLY), log = open(p->log, O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (log >= 0 && p->drops && fchown(log, p->uid, p->gid) < 0) _exit(126);
  if (p->drops && (initgroups(p->user, p->gid) < 0 || setgid(p->gid) < 0 || setuid(p->uid) < 0)) _exit(126);
  if (null < 0 || log < 0 || dup2(null, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0) _exit(126);
  (void)setenv("LC_ALL", "C", 1);
  if (password != NULL) (void)setenv("PGPASSWORD", password, 1);
  (void)unsetenv("PGDATA");
  (void)unsetenv("PGPORT");
  (void)unsetenv("PGOPTIONS");
  if (chdir(p->dir) < 0) _exit(126);
  execv(program, (char *const *)argv);
  _exit(127);
}

/* The last line of the log, which says why a program failed. */
static void add_reason(const struct place *p, char *ret, size_t size) {
  char *text = NULL;
  size_t n = 0;
  ret[0] = '\0';
  if (cl_file_read(p->log, 64 << 20, &text, &n, NULL) < 0) return;
  while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r')) text[--n] = '\0';
  size_t from = n;
  while (from > 0 && text[from - 1] != '\n') from--;
  (void)snprintf(ret, size, "%s", text + from);
  cl_free(text);
}

/* argv[0] is the program's name. Its status; 0 or CLADE_EIO if `must`. */
static int run(const struct place *p, const char *const *argv, const char *password, bool must,
               struct cl_err *e) {
  char *program = cl_path_join(p->bin, argv[0]);
  if (program == NULL) return CL_FAIL_NOMEM(e);
  int status = 0;
  pid_t pid = fork();
  if (pid == 0) become(p, program, argv, password);
  cl_free(program);
  if (pid < 0)
    return CL_FAIL_CAUSE(e, CLADE_ESPAWN, errno, "%s cannot be started: %s", argv[0], strerror(errno));
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
  int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
  if (code == 0 || !must) return code;
  if (code == 126)
    return CL_FAIL(
        e, CLADE_EIO,
        "%s cannot be run as the user %s in '%s': choose a directory that this user can reach, such as "
        "/var/lib/clade",
        argv[0], p->user, p->dir);
  char reason[300];
  add_reason(p, reason, sizeof reason);
  return CL_FAIL(e, CLADE_EIO, "%s failed: %s; see %s", argv[0],
                 reason[0] == '\0' ? "it said nothing" : reason, p->log);
}

/* Looking. */

/* Lines of postmaster.pid: pid, directory, start, port, socket directory, address. */
static bool read_pid(const struct place *p, struct cl_server *ret) {
  char *path = cl_path_join(p->data, "postmaster.pid"), *text = NULL;
  bool running = false;
  if (path != NULL && cl_file_read(path, 65536, &text, NULL, NULL) == 0) {
    const char *line = text;
    long pid = strtol(text, NULL, 10);
    for (int i = 0; i < 3 && line != NULL; i++) {
      line = strchr(line, '\n');
      if (line != NULL) line++;
    }
    running = pid > 0 && line != NULL && (kill((pid_t)pid, 0) == 0 || errno == EPERM);
    if (running) {
      ret->pid = (pid_t)pid;
      ret->port = (int)strtol(line, NULL, 10);
    }
  }
  cl_free(text);
  cl_free(path);
  return running;
}

/* What this file has written into the configuration: "port = 5433". */
static int read_port(const struct place *p) {
  char *path = cl_path_join(p->data, "clade.conf"), *text = NULL;
  int port = 0;
  if (path != NULL && cl_file_read(path, 65536, &text, NULL, NULL) == 0) {
    const char *at = strstr(text, "port = ");
    if (at != NULL) port = (int)strtol(at + 7, NULL, 10);
  }
  cl_free(text);
  cl_free(path);
  return port;
}

static int read_password(const struct place *p, char *ret, size_t size, struct cl_err *e) {
  char *text = NULL;
  CL_TRY(cl_file_read(p->password, 1000, &text, NULL, e));
  text[strcspn(text, "\n")] = '\0';
  (void)snprintf(ret, size, "%s", text);
  cl_free(text);
  return 0;
}

static int look(const struct place *p, struct cl_server *ret, struct cl_err *e) {
  char *version = cl_path_join(p->data, "PG_VERSION"), password[80];
  if (version == NULL) return CL_FAIL_NOMEM(e);
  memset(ret, 0, sizeof *ret);
  ret->made = cl_path_exists(version) && cl_path_exists(p->password);
  cl_free(version);
  (void)snprintf(ret->user, sizeof ret->user, "%s", p->user);
  (void)snprintf(ret->log, sizeof ret->log, "%s", p->log);
  if (!ret->made) return 0;
  ret->port = read_port(p);
  ret->running = read_pid(p, ret);
  CL_TRY(read_password(p, password, sizeof password, e));
  (void)snprintf(ret->address, sizeof ret->address, "postgresql://clade:%s@127.0.0.1:%d/clade", password,
                 ret->port);
  return 0;
}

int cl_server_look(const char *dir, struct cl_server *ret, struct cl_err *e) {
  struct place p = {0};
  int status = find_place(&p, dir, e);
  if (status == 0) status = look(&p, ret, e);
  place_done(&p);
  return status;
}

/* Making. */

enum { PORTS_TRIED = 5 };

/* `port` if it is free; 0: any that is. */
static int free_port(int port, struct cl_err *e) {
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t n = sizeof a;
  a.sin_port = htons((uint16_t)port);
  port = -1;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd >= 0 && bind(fd, (struct sockaddr *)&a, n) == 0 && getsockname(fd, (struct sockaddr *)&a, &n) == 0)
    port = ntohs(a.sin_port);
  int cause = errno;
  if (fd >= 0) (void)close(fd);
  if (port < 0) return CL_FAIL_CAUSE(e, CLADE_EIO, cause, "no free port was found: %s", strerror(cause));
  return port;
}

static int write_password(const struct place *p, struct cl_err *e) {
  static const char digits[] = "abcdefghijkmnpqrstuvwxyz23456789";
  unsigned char random[24];
  char text[sizeof random + 2];
  if (getrandom(random, sizeof random, 0) != sizeof random)
    return CL_FAIL_CAUSE(e, CLADE_EIO, errno, "the system gives no random bytes: %s", strerror(errno));
  for (size_t i = 0; i < sizeof random; i++) text[i] = digits[random[i] % 32];
  text[sizeof random] = '\n';
  text[sizeof random + 1] = '\0';
  int fd = open(p->password, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0)
    return CL_FAIL_CAUSE(e, CLADE_EIO, errno, "cannot write '%s': %s", p->password, strerror(errno));
  int status = cl_file_write_all(fd, text, strlen(text), p->password, e);
  if (status == 0 && p->drops && fchown(fd, p->uid, p->gid) < 0)
    status = CL_FAIL_CAUSE(e, CLADE_EIO, errno, "cannot give '%s' to %s: %s", p->password, p->user,
                           strerror(errno));
  (void)close(fd);
  return status;
}

static int append_to(const struct place *p, const char *name, const char *text, struct cl_err *e) {
  char *path = cl_path_join(p->data, name);
  if (path == NULL) return CL_FAIL_NOMEM(e);
  int status = 0, fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
  if (fd < 0)
    status = CL_FAIL_CAUSE(e, CLADE_EIO, errno, "cannot write '%s': %s", path, strerror(errno));
  else
    status = cl_file_write_all(fd, text, strlen(text), path, e);
  if (fd >= 0) (void)close(fd);
  cl_free(path);
  return status;
}

/* What a server for studies needs beside PostgreSQL's own settings: the log writer does not sleep long, since
 * facts wait for it when nobody flushes. */
static int write_settings(const struct place *p, int port, const char *listen, struct cl_err *e) {
  struct cl_text t = {0};
  char *path = cl_path_join(p->data, "clade.conf");
  cl_text_format(
      &t,
      "# Written by `clade store start`; your own settings belong into postgresql.conf, behind the include.\n"
      "port = %d\nlisten_addresses = '%s'\nunix_socket_directories = ''\nmax_connections = 200\n"
      "wal_writer_delay = 10ms\ncluster_name = 'clade'\n",
      port, listen);
  int status =
      t.failed || path == NULL ? CL_FAIL_NOMEM(e) : cl_file_write(path, cl_text_get(&t), t.length, false, e);
  if (status == 0 && p->drops && chown(path, p->uid, p->gid) < 0)
    status = CL_FAIL_CAUSE(e, CLADE_EIO, errno, "cannot give '%s' to %s: %s", path, p->user, strerror(errno));
  cl_free(path);
  cl_text_done(&t);
  return status;
}

static int make_dir(const struct place *p, struct cl_err *e) {
  struct stat st;
  bool there = stat(p->dir, &st) == 0;
  CL_TRY(cl_dir_create(p->dir, e));
  if (!there && chmod(p->dir, 0700) < 0)
    return CL_FAIL_CAUSE(e, CLADE_EIO, errno, "cannot change the rights of '%s': %s", p->dir,
                         strerror(errno));
  if (p->drops && chown(p->dir, p->uid, p->gid) < 0)
    return CL_FAIL_CAUSE(e, CLADE_EIO, errno, "cannot give '%s' to %s: %s", p->dir, p->user, strerror(errno));
  return 0;
}

static int make(const struct place *p, const char *more, struct cl_err *e) {
  const char *network = cl_path_network(p->dir);
  if (network != NULL)
    return CL_FAIL(e, CLADE_EUNSUPPORTED,
                   "'%s' is on a network file system (%s): put the server on a local disk", p->dir, network);
  CL_TRY(make_dir(p, e));
  CL_TRY(write_password(p, e));
  struct cl_text pwfile = {0};
  cl_text_format(&pwfile, "--pwfile=%s", p->password);
  const char *const argv[] = {"initdb",
                              "-D",
                              p->data,
                              "-U",
                              "clade",
                              "-E",
                              "UTF8",
                              "--locale=C",
                              "-A",
                              "scram-sha-256",
                              cl_text_get(&pwfile),
                              NULL};
  int status = pwfile.failed ? CL_FAIL_NOMEM(e) : run(p, argv, NULL, true, e);
  cl_text_done(&pwfile);
  CL_TRY(status);
  CL_TRY(append_to(p, "pg_hba.conf", "host all all all scram-sha-256\n", e));
  CL_TRY(append_to(p, "postgresql.conf", "include 'clade.conf'\n", e));
  return more == NULL ? 0 : append_to(p, "postgresql.conf", more, e);
}

static int launch(const struct place *p, struct cl_err *e) {
  const char *const argv[] = {"pg_ctl", "start", "-D", p->data, "-l", p->log, "-w", "-t", "60", NULL};
  return run(p, argv, NULL, true, e);
}

/* A port that was free when it was chosen may be somebody's by the time the server listens. */
static int launch_at_free_port(const struct place *p, const char *listen, int *ret_port, struct cl_err *e) {
  for (int tries = 1;; tries++) {
    int port = free_port(0, e);
    CL_TRY(port);
    CL_TRY(write_settings(p, port, listen, e));
    *ret_port = port;
    int status = launch(p, e);
    if (status == 0 || tries == PORTS_TRIED || free_port(port, NULL) == port) return status;
  }
}

static int make_database(const struct place *p, int port, struct cl_err *e) {
  char password[80], number[12];
  CL_TRY(read_password(p, password, sizeof password, e));
  (void)snprintf(number, sizeof number, "%d", port);
  const char *const argv[] = {"createdb", "-h",    "127.0.0.1", "-p",    number,
                              "-U",       "clade", "-w",        "clade", NULL};
  return run(p, argv, password, true, e);
}

static int start(struct place *p, const struct cl_server_options *o, struct cl_server *ret,
                 struct cl_err *e) {
  CL_TRY(look(p, ret, e));
  if (ret->running) return 0;
  p->bin = cl_server_programs();
  if (p->bin == NULL)
    return CL_FAIL(
        e, CLADE_EUNSUPPORTED,
        "PostgreSQL is not installed: install the package postgresql, or name the directory of its programs in "
        "CLADE_POSTGRES_BIN");
  bool made = ret->made;
  int port = o->port > 0 ? o->port : ret->port;
  const char *listen = o->listen == NULL ? "127.0.0.1" : o->listen;
  if (strpbrk(listen, "'\\\n") != NULL)
    return CL_FAIL(e, CLADE_EINVAL, "'%s' is no address to listen on: use 127.0.0.1, a host's address, or *",
                   listen);
  if (!made) CL_TRY(make(p, o->settings, e));
  if (port <= 0) {
    CL_TRY(launch_at_free_port(p, listen, &port, e));
  } else {
    if (port != ret->port || o->listen != NULL) CL_TRY(write_settings(p, port, listen, e));
    CL_TRY(launch(p, e));
  }
  int status = made ? 0 : make_database(p, port, e);
  if (status == 0) status = look(p, ret, e);
  if (status == 0 && (!ret->running || ret->port != port))
    status = CL_FAIL(e, CLADE_EIO, "the server in '%s' has started and is not there any more; see %s", p->dir,
                     p->log);
  ret->began = status == 0;
  return status;
}

int cl_server_start(const struct cl_server_options *options, struct cl_server *ret, struct cl_err *e) {
  struct place p = {0};
  assert(options->dir != NULL);
  int status = find_place(&p, options->dir, e);
  if (status == 0) status = start(&p, options, ret, e);
  place_done(&p);
  return status;
}

static int stop(struct place *p, bool now, struct cl_err *e) {
  struct cl_server server;
  CL_TRY(look(p, &server, e));
  if (!server.made) return CL_FAIL(e, CLADE_ENOTFOUND, "there is no server in '%s'", p->dir);
  if (!server.running) return 0;
  p->bin = cl_server_programs();
  if (p->bin == NULL) return CL_FAIL(e, CLADE_EUNSUPPORTED, "PostgreSQL's programs are not there any more");
  const char *const argv[] = {"pg_ctl", "stop", "-D", p->data, "-m", now ? "immediate" : "fast",
                              "-w",     "-t",   "60", NULL};
  return run(p, argv, NULL, true, e);
}

int cl_server_stop(const char *dir, bool now, struct cl_err *e) {
  struct place p = {0};
  int status = find_place(&p, dir, e);
  if (status == 0) status = stop(&p, now, e);
  place_done(&p);
  return status;
}
