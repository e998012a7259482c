/* The progress of the stages as lines of words:
 *
 *   clade-stages 1
 *   stage 1 2500 0 9.25           index, iterations in it, iterations before it, seconds in it
 *   best 0.002                    only if there is one
 *   metric 12.5 1 0 2500          sum, greatest, least, number of the values; one line per metric
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "trainer/stages_impl.h"

#define FILE_NAME "clade-stages"

static int give_path(const char *directory, struct cl_text *ret) {
  cl_text_format(ret, "%s/" FILE_NAME, directory);
  return ret->failed ? ENOMEM : 0;
}

static void add_words(struct cl_text *t, const char *word, const double *numbers, size_t n) {
  cl_text_add(t, word);
  for (size_t i = 0; i < n; i++) {
    cl_text_add_char(t, ' ');
    cl_text_add_number(t, numbers[i]);
  }
  cl_text_add_char(t, '\n');
}

static void add_progress(const clade_stages *s, struct cl_text *t) {
  const double where[] = {(double)s->p.stage, (double)s->p.iters, (double)s->p.base, cl_stages_seconds(s)};
  cl_text_add(t, FILE_NAME " 1\n");
  add_words(t, "stage", where, 4);
  if (s->p.has_best) add_words(t, "best", &s->p.best, 1);
  for (size_t i = 0; i < cl_stages_stage(s)->n_metrics; i++) {
    const struct cl_stage_tally *tally = &s->metrics[i].stage;
    const double numbers[] = {tally->sum, tally->most, tally->least, (double)tally->count};
    add_words(t, "metric", numbers, 4);
  }
}

static int write_file(const char *path, const struct cl_text *t) {
  FILE *file = fopen(path, "we");
  if (file == NULL) return errno;
  bool whole = fwrite(t->bytes, 1, t->length, file) == t->length;
  int cause = whole ? 0 : errno;
  if (fclose(file) != 0 && cause == 0) cause = errno;
  return cause;
}

int cl_stages_write(const clade_stages *s, const char *directory) {
  struct cl_text path = {0}, text = {0};
  int outcome = give_path(directory, &path);
  add_progress(s, &text);
  if (outcome == 0) outcome = text.failed ? ENOMEM : write_file(path.bytes, &text);
  cl_text_done(&path);
  cl_text_done(&text);
  return outcome;
}

/* The numbers of a line that begins with `word`; false when it is another line. */
static bool read_words(char *line, const char *word, double *ret, size_t n) {
  char *rest = line;
  const char *first = strsep(&rest, " \n");
  if (first == NULL || strcmp(first, word) != 0) return false;
  for (size_t i = 0; i < n; i++) {
    const char *number = strsep(&rest, " \n");
    if (number == NULL || !cl_text_to_number(number, &ret[i])) return false;
  }
  return rest == NULL || rest[0] == '\0';
}

static bool next_line(FILE *file, char line[256]) {
  return fgets(line, 256, file) != NULL;
}

/* A whole number from 0 that a double keeps exactly. */
static bool is_count(double x, double most) {
  return x >= 0 && x <= most && x == (double)(int64_t)x;
}

/* `stage 1 2500 0 9.25` */
static bool read_where(char *line, size_t n_stages, struct cl_stage_progress *ret) {
  const double far = 1e15;
  double where[4];
  if (!read_words(line, "stage", where, 4)) return false;
  if (!is_count(where[0], (double)n_stages - 1) || !is_count(where[1], far) || !is_count(where[2], far))
    return false;
  ret->stage = (size_t)where[0];
  ret->iters = (int64_t)where[1];
  ret->base = (int64_t)where[2];
  ret->seconds = where[3];
  return ret->seconds >= 0 && ret->seconds <= far;
}

static bool read_metrics(FILE *file, char line[256], size_t n, struct cl_stage_values *ret) {
  for (size_t i = 0; i < n; i++) {
    double numbers[4];
    if (i > 0 && !next_line(file, line)) return false;
    if (!read_words(line, "metric", numbers, 4) || !is_count(numbers[3], 1e15)) return false;
    ret[i] = (struct cl_stage_values){.stage = {numbers[0], numbers[1], numbers[2], (int64_t)numbers[3]}};
  }
  return !next_line(file, line);
}

static bool read_progress(const clade_stages *s, FILE *file, struct cl_stage_progress *ret) {
  char line[256];
  double version;
  if (!next_line(file, line) || !read_words(line, FILE_NAME, &version, 1) || version != 1) return false;
  if (!next_line(file, line) || !read_where(line, s->o.n_stages, ret) || !next_line(file, line)) return false;
  ret->has_best = strncmp(line, "best ", 5) == 0;
  if (ret->has_best && (!read_words(line, "best", &ret->best, 1) || !next_line(file, line))) return false;
  return read_metrics(file, line, s->o.stages[ret->stage].n_metrics, s->spare);
}

int cl_stages_read(clade_stages *s, const char *directory, struct cl_stage_progress *ret) {
  struct cl_text path = {0};
  int outcome = give_path(directory, &path);
  FILE *file = outcome == 0 ? fopen(path.bytes, "re") : NULL;
  if (file == NULL && outcome == 0) outcome = errno;
  if (file != NULL) {
    if (!read_progress(s, file, ret)) outcome = -1;
    (void)fclose(file);
  }
  cl_text_done(&path);
  return outcome;
}
