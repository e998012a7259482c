#include "cli/idle.h"

#include <inttypes.h>

static void add_sentence(struct clade_text *t, const struct clade_idle *idle) {
  if (idle->pairs > 0)
    clade_text_format(
        t,
        "%s has never changed %s: %" PRId64
        " pairs of trials that differ in nothing else had equal scores. Does the program use it?",
        idle->name, idle->metric, idle->pairs);
  else
    clade_text_format(t,
                      "no effect of %s on %s was seen in %" PRId64
                      " trials (chance alone makes such differences with p = %.2f). Does the program use it?",
                      idle->name, idle->metric, idle->trials, idle->p);
}

void cl_cli_warn_of_idle(const struct cl_cli *cli, struct clade_reader *reader) {
  struct clade_idle *idle = NULL;
  size_t n = 0;
  if (cli->quiet) return;
  if (clade_idle_list(reader, &idle, &n, NULL) < 0) n = 0;
  for (size_t i = 0; i < n; i++) {
    struct clade_text sentence = {0};
    add_sentence(&sentence, &idle[i]);
    cl_cli_note(cli, "warning: %s", clade_text_get(&sentence));
    clade_text_done(&sentence);
  }
  clade_free(idle);
}

void cl_cli_add_json_idle(struct clade_text *t, struct clade_reader *reader) {
  struct clade_idle *idle = NULL;
  size_t n = 0;
  if (clade_idle_list(reader, &idle, &n, NULL) < 0) n = 0;
  clade_text_add(t, "[");
  for (size_t i = 0; i < n; i++) {
    clade_text_add(t, i > 0 ? ", " : "");
    clade_text_add_json(t, idle[i].name);
  }
  clade_text_add(t, "]");
  clade_free(idle);
}
