#include "cli/engine_options.h"

#include <string.h>

bool cl_cli_sync_full(const struct cl_cli_engine_options *typed) {
  return typed->sync != NULL && strcmp(typed->sync, "full") == 0;
}

int cl_cli_gpus_make(const struct cl_cli *cli, const struct cl_cli_list *typed, struct cl_cli_gpus *ret) {
  struct clade_text all = {0};
  size_t n = 1;
  *ret = (struct cl_cli_gpus){0};
  if (typed->n == 0) return 0;
  for (size_t i = 0; i < typed->n; i++) {
    if (i > 0) clade_text_add_char(&all, ',');
    clade_text_add(&all, typed->items[i]);
  }
  for (size_t i = 0; i < all.length; i++) n += all.bytes[i] == ',';
  const char **names = clade_resize(NULL, n * sizeof *names);
  if (all.failed || names == NULL) {
    clade_text_done(&all);
    clade_free(names);
    return cl_cli_complain(cli, CL_EXIT_FAILED, "out of memory");
  }
  ret->names = names;
  ret->text = all.bytes; /* taken */
  for (char *name = ret->text, *comma; name != NULL; name = comma) {
    comma = strchr(name, ',');
    if (comma != NULL) *comma++ = '\0';
    if (name[0] != '\0') ret->names[ret->n++] = name;
  }
  return 0;
}

void cl_cli_gpus_done(struct cl_cli_gpus *g) {
  clade_free(g->names);
  clade_free(g->text);
  *g = (struct cl_cli_gpus){0};
}
