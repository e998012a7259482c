#include "worker/output.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"

#define CHUNK        65536
#define FAILURES_MAX 20
#define CHOICE_FILE  "reports-from"
enum { N_STREAMS = 2 };
static const char *const stream_names[N_STREAMS] = {"stdout", "stderr"};

struct stream {
  int fd; /* -1: not open yet */
  int failures;
  bool failed;
  bool too_long; /* the line has more than CL_OUTPUT_LINE_MAX bytes: skip to its end */
  bool returned; /* the last byte was a carriage return */
  size_t n, cap;
  char *line; /* as long as it had to be: most programs write little */
};

struct cl_output {
  const struct cl_output_rules *rules;
  struct cl_output_sink sink;
  char *directory;
  int64_t recorded, found;
  double last_step;
  int chosen; /* index of the stream that reports, -1 = none yet */
  bool noted_back;
  int turn_reports;
  struct cl_output_report report;
  struct stream streams[N_STREAMS];
};

static char *path_of(const struct cl_output *o, const char *name) {
  return cl_path_join(o->directory, name);
}

/* Which stream reported when an earlier engine followed it? */
static int read_choice(struct cl_output *o, struct cl_err *e) {
  char *path = path_of(o, CHOICE_FILE), *text = NULL;
  if (path == NULL) return CL_FAIL_NOMEM(e);
  if (cl_file_read(path, 100, &text, NULL, NULL) == 0)
    for (int i = 0; i < N_STREAMS; i++)
      if (strncmp(text, stream_names[i], strlen(stream_names[i])) == 0) o->chosen = i;
  cl_free(text);
  cl_free(path);
  return 0;
}

int cl_output_create(const struct cl_output_rules *rules, const char *directory, int64_t recorded,
                     const struct cl_output_sink *sink, struct cl_output **ret, struct cl_err *e) {
  struct cl_output *o = cl_alloc(sizeof *o);
  if (o == NULL) return CL_FAIL_NOMEM(e);
  o->rules = rules;
  o->sink = *sink;
  o->recorded = recorded;
  o->last_step = NAN;
  o->chosen = -1;
  o->streams[0].fd = o->streams[1].fd = -1;
  o->directory = cl_copy_text(directory);
  int status = o->directory == NULL ? CL_FAIL_NOMEM(e) : recorded > 0 ? read_choice(o, e) : 0;
  if (status < 0)
    cl_output_destroy(o);
  else
    *ret = o;
  return status;
}

void cl_output_destroy(struct cl_output *o) {
  if (o == NULL) return;
  for (int i = 0; i < N_STREAMS; i++) {
    if (o->streams[i].fd >= 0) (void)close(o->streams[i].fd);
    cl_free(o->streams[i].line);
  }
  cl_output_report_done(&o->report);
  cl_free(o->directory);
  cl_free(o);
}

void cl_output_use(struct cl_output *o, const struct cl_output_rules *rules) {
  o->rules = rules;
}

int64_t cl_output_reports(const struct cl_output *o) {
  return o->found;
}

/* Reports. */

static int choose(struct cl_output *o, int stream, struct cl_err *e) {
  char *path = path_of(o, CHOICE_FILE);
  if (path == NULL) return CL_FAIL_NOMEM(e);
  o->chosen = stream;
  int status = cl_file_write(path, stream_names[stream], strlen(stream_names[stream]), false, e);
  cl_free(path);
  if (status == CLADE_EIO) { /* a later engine chooses again: the same, unless both streams report */
    o->sink.note(o->sink.ctx, e == NULL ? "" : e->text);
    status = 0;
  }
  return status;
}

static void note_step_back(struct cl_output *o, double step) {
  char text[300];
  if (o->noted_back) return;
  o->noted_back = true;
  (void)snprintf(
      text, sizeof text,
      "a line of the output goes back from step %g to %g; such lines are no reports. If it counts within "
      "an epoch, name another unit with `step:`",
      o->last_step, step);
  o->sink.note(o->sink.ctx, text);
}

static int take_report(struct cl_output *o, int stream, struct cl_err *e) {
  double step = isnan(o->report.step) ? fmax((double)(o->found + 1), o->last_step) : o->report.step;
  if (step < o->last_step) {
    note_step_back(o, step);
    return 0;
  }
  if (o->chosen < 0) CL_TRY(choose(o, stream, e));
  o->last_step = step;
  o->found++;
  if (o->found <= o->recorded) return 0;
  o->turn_reports++;
  return o->sink.report(o->sink.ctx, o->found, step, o->report.metrics, o->report.n, e);
}

static int end_line(struct cl_output *o, int stream, struct cl_err *e) {
  struct stream *s = &o->streams[stream];
  size_t n = s->n;
  bool too_long = s->too_long;
  s->n = 0;
  s->too_long = s->returned = false;
  if (n == 0 || too_long || (o->chosen >= 0 && o->chosen != stream)) return 0;
  int status = cl_output_line_read(o->rules, s->line, n, &o->report, e);
  return status == 0 ? take_report(o, stream, e) : status < 0 ? status : 0;
}

/* Bytes. */

static int add_bytes(struct stream *s, const char *bytes, size_t n, struct cl_err *e) {
  assert(s->n <= CL_OUTPUT_LINE_MAX);
  if (s->n + n > CL_OUTPUT_LINE_MAX) {
    s->too_long = true;
    n = CL_OUTPUT_LINE_MAX - s->n;
  }
  if (n == 0) return 0;
  if (cl_grow(&s->line, &s->cap, s->n + n, 1) < 0) return CL_FAIL_NOMEM(e);
  memcpy(s->line + s->n, bytes, n);
  s->n += n;
  return 0;
}

static size_t plain_run(const char *bytes, size_t n) {
  const char *line = memchr(bytes, '\n', n);
  if (line != NULL) n = (size_t)(line - bytes);
  const char *back = memchr(bytes, '\r', n);
  return back != NULL ? (size_t)(back - bytes) : n;
}

/* *ret_used: bytes consumed; fewer than n only when the turn's reports are used up. */
static int take_bytes(struct cl_output *o, int stream, const char *bytes, size_t n, size_t *ret_used,
                      struct cl_err *e) {
  struct stream *s = &o->streams[stream];
  size_t i = 0;
  while (i < n && o->turn_reports < CL_OUTPUT_REPORTS_TURN) {
    if (bytes[i] == '\n') {
      CL_TRY(end_line(o, stream, e));
      i++;
    } else if (bytes[i] == '\r') {
      s->returned = true;
      i++;
    } else {
      if (s->returned) s->n = 0;
      if (s->returned) s->returned = s->too_long = false;
      size_t run = plain_run(bytes + i, n - i);
      CL_TRY(add_bytes(s, bytes + i, run, e));
      i += run;
    }
  }
  *ret_used = i;
  return 0;
}

static int fail_stream(struct cl_output *o, int stream, struct cl_err *e) {
  char text[400];
  if (errno == ENOMEM) return CL_FAIL_NOMEM(e);
  if (++o->streams[stream].failures < FAILURES_MAX)
    return CLADE_BUSY; /* tried again: what is lost is lost for good */
  o->streams[stream].failed = true;
  (void)snprintf(text, sizeof text,
                 "cannot read the %s of its program, so nothing it writes there is reported: %s",
                 stream_names[stream], strerror(errno));
  o->sink.note(o->sink.ctx, text);
  return 0;
}

static int open_stream(struct cl_output *o, int stream, struct cl_err *e) {
  struct stream *s = &o->streams[stream];
  struct stat st;
  char *path = path_of(o, stream_names[stream]);
  if (path == NULL) return CL_FAIL_NOMEM(e);
  bool empty = stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == 0;
  if (!empty) s->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  cl_free(path);
  if (empty || s->fd >= 0 || errno == ENOENT || errno == EMFILE || errno == ENFILE)
    return 0; /* tried again */
  return fail_stream(o, stream, e);
}

/* The program, or a person, may have cut the file: go on at its end. */
static void follow_truncation(struct stream *s) {
  struct stat st;
  off_t at = lseek(s->fd, 0, SEEK_CUR);
  if (fstat(s->fd, &st) < 0 || st.st_size >= at) return;
  (void)lseek(s->fd, 0, SEEK_END);
  s->n = 0;
}

static int read_stream(struct cl_output *o, int stream, struct cl_err *e) {
  struct stream *s = &o->streams[stream];
  char bytes[CHUNK];
  int opened = s->fd < 0 && !s->failed ? open_stream(o, stream, e) : 0;
  if (opened != 0 || s->fd < 0 || s->failed) return opened;
  for (size_t total = 0; total < CL_OUTPUT_TURN;) {
    ssize_t n = read(s->fd, bytes, sizeof bytes);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_stream(o, stream, e);
    if (n == 0) {
      follow_truncation(s);
      return 0;
    }
    size_t used = 0;
    CL_TRY(take_bytes(o, stream, bytes, (size_t)n, &used, e));
    total += used;
    if (used == (size_t)n) continue;
    (void)lseek(s->fd, -(off_t)((size_t)n - used), SEEK_CUR);
    return CLADE_BUSY;
  }
  return CLADE_BUSY;
}

int cl_output_read(struct cl_output *o, struct cl_err *e) {
  int result = 0;
  o->turn_reports = 0;
  for (int i = 0; i < N_STREAMS; i++) {
    int status = read_stream(o, i, e);
    if (status < 0) return status;
    if (status == CLADE_BUSY) result = CLADE_BUSY;
  }
  return result;
}

int cl_output_finish(struct cl_output *o, struct cl_err *e) {
  for (int i = 0; i < N_STREAMS; i++) CL_TRY(end_line(o, i, e));
  return 0;
}
