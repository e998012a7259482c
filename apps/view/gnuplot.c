#include "view/gnuplot.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* A picture has no room for more of gnuplot's complaints than its first line. */
#define COMPLAINT_MAX 400

static int fail(struct cl_err *e, int code, int line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
static int fail(struct cl_err *e, int code, int line, const char *format, ...) {
  va_list args;
  if (e == NULL) return code;
  *e = (struct cl_err){.code = code, .file = __FILE__, .line = line};
  va_start(args, format);
  (void)vsnprintf(e->text, sizeof e->text, format, args);
  va_end(args);
  return code;
}
#define FAIL(e, code, ...) fail((e), (code), __LINE__, __VA_ARGS__)

enum form { FORM_NONE, FORM_SVG, FORM_PNG, FORM_PDF };

static enum form form_of(const char *path) {
  const char *dot = strrchr(path, '.');
  if (dot == NULL || strchr(dot, '/') != NULL) return FORM_NONE;
  if (strcasecmp(dot, ".svg") == 0) return FORM_SVG;
  if (strcasecmp(dot, ".png") == 0) return FORM_PNG;
  return strcasecmp(dot, ".pdf") == 0 ? FORM_PDF : FORM_NONE;
}

int cl_view_picture_check(const char *path, struct cl_err *e) {
  assert(path != NULL);
  if (form_of(path) != FORM_NONE) return CLADE_OK;
  return FAIL(e, CLADE_EINVAL, "'%.300s' has no ending that says how to draw it: use .svg, .png or .pdf",
              path);
}

void cl_view_gnuplot_add_text(struct clade_text *t, const char *text) {
  clade_text_add_char(t, '\'');
  for (const char *p = text; *p != '\0'; p++) {
    if (*p == '\'') clade_text_add_char(t, '\'');
    clade_text_add_char(t, (unsigned char)*p < 0x20 || *p == 0x7F ? ' ' : *p);
  }
  clade_text_add_char(t, '\'');
}

void cl_view_gnuplot_add_number(struct clade_text *t, double x) {
  if (isfinite(x))
    clade_text_add_number(t, x);
  else
    clade_text_add(t, "NaN");
}

static int fail_missing(struct cl_err *e) {
  return FAIL(
      e, CLADE_ESPAWN,
      "pictures are drawn by gnuplot, which is not installed: install the package gnuplot-nox (apt-get "
      "install gnuplot-nox), or keep the script and draw it elsewhere");
}

int cl_view_gnuplot_check(struct cl_err *e) {
  const char *at = getenv("PATH");
  struct clade_text path = {0};
  bool found = false;
  while (at != NULL && *at != '\0' && !found) {
    size_t n = strcspn(at, ":");
    clade_text_clear(&path);
    clade_text_format(&path, "%.*s/gnuplot", (int)n, at);
    found = access(clade_text_get(&path), X_OK) == 0;
    at += n + (at[n] == ':');
  }
  clade_text_done(&path);
  return found ? CLADE_OK : fail_missing(e);
}

/* --- the script -------------------------------------------------------------------------------------- */

/* Text is plain text: no markup, so that lr_decay is not written with a small d. */
static void add_terminal(struct clade_text *t, const struct cl_view_picture *p) {
  clade_text_add(t, "set encoding utf8\n");
  switch (form_of(p->path)) {
  case FORM_SVG:
    clade_text_format(t,
                      "set terminal svg size %d,%d dynamic noenhanced font 'DejaVu Sans,12' background rgb "
                      "'white'\n",
                      p->width, p->height);
    break;
  case FORM_PNG:
    clade_text_format(t,
                      "set terminal pngcairo size %d,%d noenhanced font 'DejaVu Sans,10' background rgb "
                      "'white'\n",
                      p->width, p->height);
    break;
  default:
    clade_text_format(t, "set terminal pdfcairo size %.4fin,%.4fin noenhanced font 'DejaVu Sans,9'\n",
                      p->width / 96.0, p->height / 96.0);
  }
}

static int write_file(int fd, const char *path, const struct clade_text *text, struct cl_err *e) {
  for (size_t at = 0; at < text->length;) {
    ssize_t n = write(fd, text->bytes + at, text->length - at);
    if (n < 0 && errno != EINTR)
      return FAIL(e, CLADE_EIO, "'%.300s' cannot be written: %s", path, strerror(errno));
    if (n > 0) at += (size_t)n;
  }
  return CLADE_OK;
}

static int keep_script(const struct cl_view_picture *p, const char *commands, struct cl_err *e) {
  struct clade_text script = {0};
  clade_text_add(&script, "# gnuplot: draws ");
  cl_view_gnuplot_add_text(&script, p->path);
  clade_text_add_char(&script, '\n');
  add_terminal(&script, p);
  clade_text_add(&script, "set output ");
  cl_view_gnuplot_add_text(&script, p->path);
  clade_text_add_char(&script, '\n');
  clade_text_add(&script, commands);
  int fd = open(p->script_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  int status = script.failed ? FAIL(e, CLADE_ENOMEM, "out of memory") : CLADE_OK;
  if (fd < 0) status = FAIL(e, CLADE_EIO, "'%.300s' cannot be written: %s", p->script_path, strerror(errno));
  if (status == CLADE_OK) status = write_file(fd, p->script_path, &script, e);
  if (fd >= 0) (void)close(fd);
  clade_text_done(&script);
  return status;
}

/* --- the program ------------------------------------------------------------------------------------- */

struct plotter {
  pid_t pid;
  int script; /* our end of its input */
  int words;  /* a file in memory that takes its complaints */
};

static int spawn(const int fds[3], pid_t *ret, struct cl_err *e) {
  static char name[] = "gnuplot", defaults[] = "-d"; /* -d: nobody's ~/.gnuplot changes a picture */
  char *const argv[] = {name, defaults, NULL};
  posix_spawn_file_actions_t actions;
  if (posix_spawn_file_actions_init(&actions) != 0) return FAIL(e, CLADE_ENOMEM, "out of memory");
  int cause = 0;
  for (int i = 0; i < 3 && cause == 0; i++)
    cause = posix_spawn_file_actions_adddup2(&actions, fds[i], i); /* and the flag close-on-exec is gone */
  if (cause == 0) cause = posix_spawnp(ret, name, &actions, NULL, argv, environ);
  (void)posix_spawn_file_actions_destroy(&actions);
  if (cause == 0) return CLADE_OK;
  if (cause == ENOENT) return fail_missing(e);
  return FAIL(e, CLADE_ESPAWN, "gnuplot could not be started: %s", strerror(cause));
}

/* The input is a socket, because a write to it can be told to raise no signal when gnuplot has gone. */
static int begin(int output, struct plotter *ret, struct cl_err *e) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    return FAIL(e, CLADE_EIO, "a pipe to gnuplot cannot be made: %s", strerror(errno));
  int words = memfd_create("gnuplot", MFD_CLOEXEC);
  int status = words < 0 ? FAIL(e, CLADE_EIO, "no file in memory can be made: %s", strerror(errno))
                         : spawn((const int[3]){ends[1], output, words}, &ret->pid, e);
  (void)close(ends[1]);
  if (status < 0) {
    (void)close(ends[0]);
    if (words >= 0) (void)close(words);
    return status;
  }
  ret->script = ends[0];
  ret->words = words;
  return CLADE_OK;
}

static void feed(int fd, const char *bytes, size_t n) {
  for (size_t at = 0; at < n;) {
    ssize_t sent = send(fd, bytes + at, n - at, MSG_NOSIGNAL);
    if (sent < 0 && errno != EINTR) return; /* it has ended; its status says why */
    if (sent > 0) at += (size_t)sent;
  }
}

/* The line of gnuplot's complaint that says what is wrong: the last one ("line 7: undefined variable: x"). */
static void read_complaint(int words, char *ret, size_t size) {
  char buffer[COMPLAINT_MAX + 1];
  off_t end = lseek(words, 0, SEEK_END);
  ssize_t n =
      end < 0 ? -1 : pread(words, buffer, COMPLAINT_MAX, end > COMPLAINT_MAX ? end - COMPLAINT_MAX : 0);
  if (n < 0) n = 0;
  while (n > 0 && strchr("\r\n \t", buffer[n - 1]) != NULL) n--;
  buffer[n] = '\0';
  const char *line = strrchr(buffer, '\n');
  line = line == NULL ? buffer : line + 1;
  while (*line == ' ' || *line == '\t') line++;
  (void)snprintf(ret, size, "%s", *line == '\0' ? "it did not say why" : line);
}

static int finish(struct plotter *g, struct cl_err *e) {
  char complaint[COMPLAINT_MAX + 1];
  int state = 0;
  (void)close(g->script);
  while (waitpid(g->pid, &state, 0) < 0 && errno == EINTR) {
  }
  read_complaint(g->words, complaint, sizeof complaint);
  (void)close(g->words);
  if (WIFEXITED(state) && WEXITSTATUS(state) == 0) return CLADE_OK;
  if (WIFSIGNALED(state))
    return FAIL(e, CLADE_EUNSUPPORTED, "gnuplot was killed by signal %d: %s", WTERMSIG(state), complaint);
  return FAIL(e, CLADE_EUNSUPPORTED, "gnuplot did not draw it: %s", complaint);
}

static int run(const struct cl_view_picture *p, const char *commands, int output, struct cl_err *e) {
  struct clade_text script = {0};
  struct plotter g = {0};
  add_terminal(&script, p);
  clade_text_add(&script, commands);
  int status = script.failed ? FAIL(e, CLADE_ENOMEM, "out of memory") : begin(output, &g, e);
  if (status == CLADE_OK) {
    feed(g.script, script.bytes, script.length);
    status = finish(&g, e);
  }
  clade_text_done(&script);
  return status;
}

/* An empty picture is a failure that gnuplot does not call one (nothing was plotted). */
static int check_output(const char *path, int fd, struct cl_err *e) {
  struct stat s;
  if (fstat(fd, &s) == 0 && s.st_size > 0) return CLADE_OK;
  return FAIL(e, CLADE_EUNSUPPORTED, "gnuplot drew nothing for '%.300s'", path);
}

int cl_view_picture_draw(const struct cl_view_picture *p, const char *commands, struct cl_err *e) {
  assert(p->path != NULL && commands != NULL);
  assert(p->width >= 100 && p->width <= 10000 && p->height >= 100 && p->height <= 10000);
  struct clade_text part = {0};
  int status = cl_view_picture_check(p->path, e);
  if (status == CLADE_OK && p->script_path != NULL) status = keep_script(p, commands, e);
  if (status < 0) return status;
  clade_text_format(&part, "%s.%d.part", p->path, (int)getpid());
  if (part.failed) return FAIL(e, CLADE_ENOMEM, "out of memory");
  const char *unfinished = clade_text_get(&part);
  int fd = open(unfinished, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd < 0) status = FAIL(e, CLADE_EIO, "'%.300s' cannot be written: %s", p->path, strerror(errno));
  if (status == CLADE_OK) status = run(p, commands, fd, e);
  if (status == CLADE_OK) status = check_output(p->path, fd, e);
  if (fd >= 0) (void)close(fd);
  if (status == CLADE_OK && rename(unfinished, p->path) != 0)
    status = FAIL(e, CLADE_EIO, "'%.300s' cannot be written: %s", p->path, strerror(errno));
  if (status < 0 && fd >= 0) (void)unlink(unfinished);
  clade_text_done(&part);
  return status;
}
