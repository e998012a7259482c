/* What people type to pick rows, a line each: an address, a sort, a limit (its third character picks the
 * study that is asked, else the length of the text does); then filters (after "?"), columns to add (after
 * "+"), tags (after "@" any, "&" all), states (after "!"), a group (after "/"), and columns. It is refused
 * with a sentence or gives a table with as many cells as it should have.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "query/format.h"
#include "query/tale.h"
#include "query/tales.h"
#include "query/trials.h"

#include "require.h"

enum { WORDS = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Told once: reading changes nothing. */
enum { STUDIES = 3 };
static struct cl_reader *readers[STUDIES];

static void tell_once(void) {
  if (readers[0] != NULL) return;
  struct cl_store *s = tale_store("memory:");
  tell_hostile(s);
  tell_mnist(s);
  tell_maze(s);
  for (int i = 0; i < STUDIES; i++) require(cl_reader_open(s, i + 1, &readers[i], NULL) == 0);
}

/* Groups are all rows, one after the other; every format that was let through can be written. */
static void check_table(const struct cl_table *t) {
  size_t grouped = 0;
  for (size_t i = 0; i < t->n_groups; i++) {
    require(t->groups[i].first == grouped && t->groups[i].n > 0);
    grouped += t->groups[i].n;
  }
  require(t->group_column.name == NULL || grouped == t->n_rows);
  struct cl_text text = {0};
  for (size_t i = 0; i < t->n_rows * t->n_columns; i++) {
    const struct cl_column *c = &t->columns[i % t->n_columns];
    struct cl_format f;
    cl_text_clear(&text);
    if (c->format == NULL) continue;
    require(cl_format_parse(c->format, &f, NULL) == 0);
    bool written = cl_format_write(&f, c->type, t->cells[i], &text);
    require(written || text.length == 0);
    require(cl_text_is_utf8(cl_text_get(&text), text.length));
  }
  cl_text_done(&text);
}

static void read_rows(struct cl_reader *r, const struct cl_list_options *o) {
  struct cl_table t = {0};
  struct cl_err e = {0};
  int status = cl_trials_read(r, o, &t, &e);
  require((status < 0) == (e.text[0] != '\0'));
  require(status == 0 || status == CLADE_EINVAL || status == CLADE_ENOTFOUND);
  if (status == 0) check_table(&t);
  cl_table_done(&t);
}

static void find_rows(struct cl_reader *r, const struct cl_selection *selection) {
  int64_t *trials = NULL;
  size_t n = 0;
  struct cl_err e = {0};
  int status = cl_trials_find(r, selection, &trials, &n, &e);
  require((status < 0) == (e.text[0] != '\0'));
  for (size_t i = 1; i < n; i++) require(trials[i - 1] < trials[i]);
  cl_free(trials);
}

static void resolve(struct cl_reader *r, const char *address) {
  struct cl_selection selection = {0};
  struct cl_err e = {0};
  int64_t study = 0;
  int status = cl_address_resolve(cl_reader_store(r), address, &study, &selection, &e);
  require(status == 0 || e.text[0] != '\0');
  if (status == 0) cl_selection_done(&selection);
  (void)cl_address_matches(address, "we/ird");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const char *filters[WORDS], *columns[WORDS], *more[WORDS], *any[WORDS], *every[WORDS];
  struct cl_list_options o = {
      .filters = filters, .columns = columns, .more = more, .tags_any = any, .tags_all = every};
  struct cl_selection selection = {0};
  struct cl_err e = {0};
  char *text = cl_copy_bytes((const char *)data, size), *rest = text;
  tell_once();
  require(text != NULL);
  const char *address = strsep(&rest, "\n"), *sort = rest == NULL ? NULL : strsep(&rest, "\n");
  const char *limit = rest == NULL ? "" : strsep(&rest, "\n");
  if (sort != NULL && sort[0] != '\0') o.sort = sort;
  o.limit = (enum cl_limit)((unsigned char)limit[0] % 4);
  o.n = limit[0] == '\0' ? 0 : (unsigned char)limit[1];
  o.reverse = limit[0] > 'a';
  for (char *word; rest != NULL && (word = strsep(&rest, "\n")) != NULL;) {
    switch (word[0]) {
    case '?':
      if (o.n_filters < WORDS) filters[o.n_filters++] = word + 1;
      break;
    case '+':
      if (o.n_more < WORDS) more[o.n_more++] = word + 1;
      break;
    case '@':
      if (o.n_tags_any < WORDS) any[o.n_tags_any++] = word + 1;
      break;
    case '&':
      if (o.n_tags_all < WORDS) every[o.n_tags_all++] = word + 1;
      break;
    case '!': o.states = word + 1; break;
    case '/': o.group = word + 1; break;
    default:
      if (o.n_columns < WORDS) columns[o.n_columns++] = word;
    }
  }
  resolve(readers[0], address);
  int status = cl_selection_parse(address, &selection, &e);
  require((status < 0) == (e.text[0] != '\0'));
  bool picked = limit[0] != '\0' && limit[1] != '\0' && limit[2] != '\0';
  struct cl_reader *reader = readers[(picked ? (unsigned char)limit[2] : size) % STUDIES];
  read_rows(reader, &o);
  if (status == 0) {
    o.selection = &selection;
    read_rows(reader, &o);
    find_rows(reader, &selection);
    cl_selection_done(&selection);
  }
  cl_free(text);
  return 0;
}
