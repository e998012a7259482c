#include "cli/asked.h"

#include <inttypes.h>
#include <string.h>

#include "clade/query.h"
#include "cli/rows.h"

static int look_up(const struct cl_cli *cli, const char *address, struct cl_cli_place *ret,
                   struct cl_err *e) {
  struct clade_store *store = NULL;
  struct clade_reader *reader = NULL;
  int status = clade_store_open(cl_cli_store(cli), &store, e);
  if (status >= 0) status = clade_reader_open(store, address, &reader, e);
  if (status >= 0) ret->names_trials = clade_reader_names_trials(reader);
  if (status >= 0 && ret->names_trials) status = clade_reader_trials(reader, &ret->trials, &ret->n, e);
  if (status >= 0) status = clade_study_open(cl_cli_store(cli), clade_reader_study(reader), &ret->study, e);
  clade_reader_close(reader);
  clade_store_close(store);
  return status;
}

int cl_cli_place_open(const struct cl_cli *cli, const char *address, struct cl_cli_place *ret) {
  struct cl_err e = {0};
  *ret = (struct cl_cli_place){0};
  return look_up(cli, address, ret, &e) < 0 ? cl_cli_fail(cli, &e) : 0;
}

void cl_cli_place_done(struct cl_cli_place *p) {
  clade_study_close(p->study);
  clade_free(p->trials);
  *p = (struct cl_cli_place){0};
}

void cl_cli_write_asked(struct cl_cli *cli, const struct cl_cli_asked *a) {
  struct clade_text *t = &cli->text, value = {0};
  if (cli->json) {
    clade_text_add(t, "{\"study\": ");
    clade_text_add_json(t, a->study);
    clade_text_format(
        t,
        ", \"trial\": %" PRId64 ", \"attempt\": %" PRId64 ", \"seed\": %" PRId64 ", \"values\": ", a->trial,
        a->attempt, a->seed);
    cl_cli_add_json_values(t, a->values, a->n_values);
    clade_text_add(t, "}\n");
    return;
  }
  cl_cli_add_word(t, a->study);
  clade_text_format(t, "/%" PRId64 " ", a->trial);
  for (size_t i = 0; i < a->n_values; i++) {
    clade_text_clear(&value);
    cl_cli_add_value(&value, a->values[i].value);
    clade_text_format(t, " %s=", a->values[i].name);
    cl_cli_add_word(t, clade_text_get(&value));
  }
  clade_text_add_char(t, '\n');
  if (value.failed) t->failed = true;
  clade_text_done(&value);
}

int cl_cli_cut_words(const struct cl_cli *cli, int n, const char **words, struct clade_given *ret,
                     char **ret_copy) {
  size_t size = 0;
  for (int i = 0; i < n; i++) size += strlen(words[i]) + 1;
  char *copy = clade_resize(NULL, size + 1);
  if (copy == NULL) return cl_cli_complain(cli, CL_EXIT_FAILED, "out of memory");
  *ret_copy = copy;
  for (int i = 0; i < n; i++) {
    size_t length = strlen(words[i]) + 1;
    memcpy(copy, words[i], length);
    char *equals = strchr(copy, '=');
    if (equals == NULL || equals == copy)
      return cl_cli_complain(cli, CL_EXIT_USAGE, "'%.80s' is no assignment; write NAME=VALUE, as lr=0.01",
                             words[i]);
    *equals = '\0';
    ret[i] = (struct clade_given){copy, equals + 1};
    copy += length;
  }
  return 0;
}
