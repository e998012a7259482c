#include "cli/failures.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "view/safe.h"

#define STDERR_LINES 20
#define STDERR_BYTES 16384

bool cl_cli_trial_open(const struct clade_run_result *r, int64_t number, struct cl_cli_trial *ret) {
  *ret = (struct cl_cli_trial){0};
  return clade_store_open(r->store, &ret->store, NULL) == 0 &&
         clade_reader_open(ret->store, r->study, &ret->reader, NULL) == 0 &&
         clade_trial_read(ret->reader, number, &ret->info, NULL) == 0;
}

void cl_cli_trial_close(struct cl_cli_trial *t) {
  clade_trial_free(t->info);
  clade_reader_close(t->reader);
  clade_store_close(t->store);
}

/* The last lines of a file as they are; nothing if it cannot be read. */
static void add_tail(struct clade_text *t, const char *path, const struct cl_view_style *style) {
  char bytes[STDERR_BYTES + 1];
  FILE *file = path[0] == '\0' ? NULL : fopen(path, "rbe");
  if (file == NULL) return;
  if (fseek(file, -STDERR_BYTES, SEEK_END) != 0) rewind(file);
  size_t n = fread(bytes, 1, STDERR_BYTES, file), lines = 0;
  (void)fclose(file);
  while (n > 0 && (bytes[n - 1] == '\n' || bytes[n - 1] == '\r')) n--;
  size_t begin = n;
  for (; begin > 0; begin--)
    if (bytes[begin - 1] == '\n' && ++lines == STDERR_LINES) break;
  bytes[n] = '\0';
  for (char *line = bytes + begin, *end; n > begin && line != NULL; line = end) {
    end = strchr(line, '\n');
    if (end != NULL) *end++ = '\0';
    clade_text_add(t, "  | ");
    cl_view_add_safe(t, line, style);
    clade_text_add_char(t, '\n');
  }
}

/* "status 1", "signal 9" …; it may not be known. */
static const char *end_of(const struct cl_cli_trial *t) {
  size_t n = t->info == NULL ? 0 : t->info->n_attempt_list;
  return n == 0 ? "an unknown end" : t->info->attempt_list[n - 1].end;
}

static const char *reason_of(const struct cl_cli_trial *t) {
  size_t n = t->info == NULL ? 0 : t->info->n_attempt_list;
  return n == 0 ? NULL : t->info->attempt_list[n - 1].reason;
}

/* What the trial left: the end of its stderr, or that it never said what counts. */
static void add_reason(struct clade_text *t, const struct clade_run_result *r,
                       const struct cl_view_style *style) {
  struct cl_cli_trial trial;
  struct clade_text tail = {0}, plain = {0};
  bool found = cl_cli_trial_open(r, r->failed_trial, &trial);
  const char *end = end_of(&trial), *why = reason_of(&trial);
  add_tail(&tail, r->failed_stderr, style);
  clade_text_format(&plain, "Trial %" PRId64 " ended with %s", r->failed_trial, end);
  if (found && strcmp(end, "status 0") == 0)
    clade_text_format(&plain, ", and never reported '%s' (from its output %s=0.5 and %s: 0.5 would be read)",
                      trial.info->metric, trial.info->metric, trial.info->metric);
  else if (why != NULL)
    clade_text_format(&plain, ": %s", why);
  clade_text_add(&plain,
                 tail.length > 0 ? ". The last lines of its stderr:" : ". It wrote nothing to stderr.");
  cl_view_add_safe(t, clade_text_get(&plain), style);
  clade_text_add_char(t, '\n');
  clade_text_add(t, clade_text_get(&tail));
  clade_text_clear(&plain);
  if (found) clade_text_format(&plain, "All its output is in %s", trial.info->directory);
  cl_view_add_safe(t, clade_text_get(&plain), style);
  if (found) clade_text_add_char(t, '\n');
  clade_text_done(&tail);
  clade_text_done(&plain);
  cl_cli_trial_close(&trial);
}

void cl_cli_explain_failures(const struct cl_cli_live *l, const struct clade_run_result *r) {
  struct clade_text reason = {0};
  bool given_up = strcmp(r->reason, "failures") == 0;
  if (r->failed_trial == 0) return;
  add_reason(&reason, r, &l->cli->err);
  (void)cl_cli_complain(l->cli, 0,
                        given_up          ? "the first %" PRId64 " trials failed, so the study was given up"
                        : r->results == 1 ? "the %" PRId64 " trial that there was came to no result"
                                          : "none of the %" PRId64 " trials came to a result",
                        r->results);
  (void)fwrite(clade_text_get(&reason), 1, reason.length, stderr);
  if (given_up)
    cl_cli_note(l->cli,
                "Repair the program, then start anew with --again (--max-failures N waits for more).");
  clade_text_done(&reason);
}
