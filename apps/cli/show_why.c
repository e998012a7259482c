/* clade show STUDY/TRIAL --why */
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "cli/pairs.h"
#include "cli/show.h"
#include "view/safe.h"

/* Lines of a text, each harmless and indented. */
static void add_lines(struct cl_cli *cli, const char *lines) {
  struct clade_text line = {0};
  while (*lines != '\0') {
    size_t n = strcspn(lines, "\n");
    clade_text_clear(&line);
    clade_text_add_bytes(&line, lines, n);
    clade_text_add(&cli->text, "  ");
    cl_view_add_safe(&cli->text, clade_text_get(&line), &cli->out);
    clade_text_add_char(&cli->text, '\n');
    lines += n + (lines[n] == '\n');
  }
  clade_text_done(&line);
}

/* One ruling: "at step 6: takes over …", and indented below why. */
static void write_ruling(struct cl_cli *cli, const struct clade_ruling *r, bool verify) {
  clade_text_add(&cli->text, "\n");
  if (isnan(r->step))
    clade_text_add(&cli->text, "before its first report: ");
  else
    clade_text_format(&cli->text, "at step %g: ", r->step);
  cl_view_add_safe(&cli->text, r->what, &cli->out);
  clade_text_format(&cli->text, "\n  event %" PRId64 ", knowing the log up to event %" PRId64 "\n",
                    r->position, r->as_of);
  add_lines(cli, r->explanation);
  if (!verify) return;
  if (r->verified)
    clade_text_add(&cli->text, "  verified\n");
  else
    add_lines(cli, r->difference);
}

/* Answers to reports that were not judged are many, and alike: their number, and those that cannot be
 * recomputed. */
static void write_answers(struct cl_cli *cli, size_t n, size_t different, bool verify) {
  if (n == 0) return;
  clade_text_format(&cli->text,
                    "\n%zu report%s answered without a judgement: not ready, or its state was wanted first",
                    n, n == 1 ? " was" : "s were");
  if (verify && different == 0) clade_text_add(&cli->text, "; verified");
  if (verify && different > 0) clade_text_format(&cli->text, "; %zu of them not verified", different);
  clade_text_add_char(&cli->text, '\n');
}

static void write_rulings(struct cl_cli *cli, const struct clade_reason *r, bool verify) {
  size_t answers = 0, different = 0;
  if (r->n_rulings == 0) return;
  clade_text_add_char(&cli->text, '\n');
  cl_view_tone_begin(&cli->text, &cli->out, CL_TONE_STRONG);
  clade_text_add(&cli->text, "rulings of the scheduler");
  cl_view_tone_end(&cli->text, &cli->out, CL_TONE_STRONG);
  clade_text_add_char(&cli->text, '\n');
  for (size_t i = 0; i < r->n_rulings; i++) {
    bool differs = verify && !r->rulings[i].verified;
    answers += r->rulings[i].answer;
    different += r->rulings[i].answer && differs;
    if (!r->rulings[i].answer || differs) write_ruling(cli, &r->rulings[i], verify);
  }
  write_answers(cli, answers, different, verify);
}

static void write_text(struct cl_cli *cli, const struct clade_reason *r, const char *study, int64_t trial,
                       bool verify) {
  struct cl_cli_pairs p;
  cl_view_tone_begin(&cli->text, &cli->out, CL_TONE_STRONG);
  clade_text_add(&cli->text, "why ");
  cl_view_add_safe(&cli->text, study, &cli->out);
  clade_text_format(&cli->text, "/%" PRId64, trial);
  cl_view_tone_end(&cli->text, &cli->out, CL_TONE_STRONG);
  clade_text_add(&cli->text, "\n\n");
  cl_cli_pairs_init(&p);
  cl_cli_pairs_add(&p, "values", "%s", r->values);
  cl_cli_pairs_add(&p, "decided by", "%s", r->cause);
  cl_cli_pairs_add(&p, "as event", "%" PRId64 ", knowing the log up to event %" PRId64, r->position,
                   r->as_of);
  if (r->by > 0) cl_cli_pairs_add(&p, "on worker", "%d", r->by);
  cl_cli_pairs_write(cli, &p);
  if (r->explanation[0] != '\0') {
    clade_text_add_char(&cli->text, '\n');
    add_lines(cli, r->explanation);
  }
  if (verify) {
    clade_text_add_char(&cli->text, '\n');
    if (r->verified)
      clade_text_add(&cli->text, "verified: asked again with the same log, the method gives the same\n");
    else
      add_lines(cli, r->difference);
  }
  write_rulings(cli, r, verify);
}

static void add_verified(struct clade_text *t, bool verify, bool verified, const char *difference) {
  const char *word = !verify ? "null" : verified ? "true" : "false";
  clade_text_format(t, ", \"verified\": %s, \"difference\": ", word);
  clade_text_add_json(t, difference);
}

static void add_rulings(struct clade_text *t, const struct clade_reason *r, bool verify) {
  clade_text_add(t, ", \"rulings\": [");
  for (size_t i = 0; i < r->n_rulings; i++) {
    const struct clade_ruling *u = &r->rulings[i];
    clade_text_format(t,
                      "%s{\"position\": %" PRId64 ", \"as_of\": %" PRId64 ", \"step\": ", i > 0 ? ", " : "",
                      u->position, u->as_of);
    if (isnan(u->step))
      clade_text_add(t, "null");
    else
      clade_text_add_json_number(t, u->step);
    clade_text_add(t, ", \"what\": ");
    clade_text_add_json(t, u->what);
    clade_text_format(t, ", \"numbers\": %s, \"explanation\": ", u->args == NULL ? "null" : u->args);
    clade_text_add_json(t, u->explanation);
    add_verified(t, verify, u->verified, u->difference);
    clade_text_format(t, ", \"answer\": %s}", u->answer ? "true" : "false");
  }
  clade_text_add(t, "]");
}

static void write_json(struct clade_text *t, const struct clade_reason *r, int64_t trial, bool verify) {
  clade_text_format(t, "{\"trial\": %" PRId64 ", \"cause\": ", trial);
  clade_text_add_json(t, r->cause);
  clade_text_format(t, ", \"position\": %" PRId64 ", \"as_of\": %" PRId64 ", \"by\": %d, \"values\": ",
                    r->position, r->as_of, r->by);
  clade_text_add_json(t, r->values);
  clade_text_format(t, ", \"numbers\": %s, \"explanation\": ", r->args == NULL ? "null" : r->args);
  clade_text_add_json(t, r->explanation);
  add_verified(t, verify, r->verified, r->difference);
  add_rulings(t, r, verify);
  clade_text_add(t, "}");
}

int cl_cli_show_reason(struct cl_cli *cli, const struct cl_cli_show_options *o, struct clade_reader *reader,
                       int64_t trial) {
  struct clade_reason *r = NULL;
  struct cl_err e = {0};
  if (clade_reason_read(reader, trial, o->verify, &r, &e) < 0) return cl_cli_fail(cli, &e);
  if (cli->json)
    write_json(&cli->text, r, trial, o->verify);
  else
    write_text(cli, r, clade_reader_study(reader), trial, o->verify);
  bool same = r->verified;
  for (size_t i = 0; i < r->n_rulings; i++) same = same && r->rulings[i].verified;
  int status = o->verify && !same ? CL_EXIT_FAILED : CL_EXIT_DONE;
  clade_reason_free(r);
  return status;
}
