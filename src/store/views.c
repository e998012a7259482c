#include "store/views.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

#include "model/trial.h"

void cl_view_add_quoted(struct cl_text *t, const char *text, char quote) {
  cl_text_add_char(t, quote);
  for (const char *c = text; *c != '\0'; c++) {
    if (*c == quote) cl_text_add_char(t, quote);
    cl_text_add_char(t, *c);
  }
  cl_text_add_char(t, quote);
}

size_t cl_view_cut(const char *text, size_t longest) {
  size_t n = strlen(text);
  if (longest == 0 || n <= longest) return n;
  n = longest;
  while (n > 0 && ((unsigned char)text[n] & 0xC0) == 0x80) n--;
  return n;
}

bool cl_view_is_like_table(const char *word) {
  size_t digits = strspn(word, "0123456789");
  return digits > 0 && (word[digits] == '\0' || strcasecmp(word + digits, "_trial") == 0);
}

static bool is_used(const struct cl_view_columns *c, const char *name) {
  size_t n = strlen(name);
  for (const char *at = c->own; *at != '\0'; at++)
    if (at[0] == ' ' && strncasecmp(at + 1, name, n) == 0 && at[n + 1] == ' ') return true;
  for (const char *at = cl_text_get(&c->all); *at != '\0'; at++)
    if (at[0] == '\n' && strncasecmp(at + 1, name, n) == 0 && at[n + 1] == '\n') return true;
  return false;
}

void cl_view_add_name(struct cl_view_columns *c, const char *name) {
  struct cl_text unique = {0};
  assert(c->longest == 0 || c->longest > 12);
  cl_text_add_bytes(&unique, name, cl_view_cut(name, c->longest));
  for (int i = 2; is_used(c, cl_text_get(&unique)) && !unique.failed; i++) {
    cl_text_clear(&unique);
    cl_text_add_bytes(&unique, name, cl_view_cut(name, c->longest == 0 ? 0 : c->longest - 12));
    cl_text_format(&unique, "_%d", i);
  }
  cl_text_format(&c->all, "\n%s\n", cl_text_get(&unique));
  cl_text_add(c->sql, " AS ");
  cl_view_add_quoted(c->sql, cl_text_get(&unique), '"');
  if (unique.failed || c->all.failed) c->sql->failed = true;
  cl_text_done(&unique);
}

void cl_view_add_states(struct cl_text *t, const char *column) {
  cl_text_format(t, "CASE %s", column);
#define CL_X(name, number) cl_text_format(t, " WHEN %d THEN '%s'", number, #name);
  CL_STATE_MAP(CL_X)
#undef CL_X
  cl_text_add(t, " END");
}

void cl_view_add_causes(struct cl_text *t, const char *column) {
  cl_text_format(t, "CASE %s", column);
#define CL_X(name, number, word) cl_text_format(t, " WHEN %d THEN '%s'", number, word);
  CL_CAUSE_MAP(CL_X)
#undef CL_X
  cl_text_add(t, " END");
}

void cl_view_add_roles(struct cl_text *t, const char *column) {
  cl_text_format(t, "CASE %s", column);
#define CL_X(name, number, word) cl_text_format(t, " WHEN %d THEN '%s'", number, word);
  CL_ROLE_MAP(CL_X)
#undef CL_X
  cl_text_add(t, " END");
}
