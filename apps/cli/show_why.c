/* clade show STUDY/TRIAL --why */
#include <inttypes.h>
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
  if (!verify) return;
  clade_text_add_char(&cli->text, '\n');
  if (r->verified)
    clade_text_add(&cli->text, "verified: asked again with the same log, the method gives the same\n");
  else
    add_lines(cli, r->difference);
}

static void write_json(struct clade_text *t, const struct clade_reason *r, int64_t trial, bool verify) {
  clade_text_format(t, "{\"trial\": %" PRId64 ", \"cause\": ", trial);
  clade_text_add_json(t, r->cause);
  clade_text_format(t, ", \"position\": %" PRId64 ", \"as_of\": %" PRId64 ", \"by\": %d, \"values\": ",
                    r->position, r->as_of, r->by);
  clade_text_add_json(t, r->values);
  clade_text_format(t, ", \"numbers\": %s, \"explanation\": ", r->args == NULL ? "null" : r->args);
  clade_text_add_json(t, r->explanation);
  clade_text_format(t, ", \"verified\": %s, \"difference\": ",
                    !verify       ? "null"
                    : r->verified ? "true"
                                  : "false");
  clade_text_add_json(t, r->difference);
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
  int status = o->verify && !r->verified ? CL_EXIT_FAILED : CL_EXIT_DONE;
  clade_reason_free(r);
  return status;
}
