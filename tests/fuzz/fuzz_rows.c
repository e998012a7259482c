/* What people type to pick rows, a line each: an address, a sort, a limit; then filters (after "?") and
 * columns. It is refused with a sentence or gives a table with as many cells as it should have.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "query/tale.h"
#include "query/tales.h"
#include "query/trials.h"

#include "require.h"

enum { WORDS = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Told once: reading changes nothing. */
static struct cl_reader *readers[2];

static void tell_once(void) {
  if (readers[0] != NULL) return;
  struct cl_store *s = tale_store("memory:");
  tell_hostile(s);
  tell_mnist(s);
  require(cl_reader_open(s, 1, &readers[0], NULL) == 0 && cl_reader_open(s, 2, &readers[1], NULL) == 0);
}

static void read_rows(struct cl_reader *r, const struct cl_list_options *o) {
  struct cl_table t = {0};
  struct cl_err e = {0};
  int status = cl_trials_read(r, o, &t, &e);
  require((status < 0) == (e.text[0] != '\0'));
  require(status == 0 || status == CLADE_EINVAL || status == CLADE_ENOTFOUND);
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
  const char *filters[WORDS], *columns[WORDS];
  struct cl_list_options o = {.filters = filters, .columns = columns, .sort = NULL};
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
    if (word[0] == '?' && o.n_filters < WORDS) filters[o.n_filters++] = word + 1;
    if (word[0] != '?' && o.n_columns < WORDS) columns[o.n_columns++] = word;
  }
  resolve(readers[0], address);
  int status = cl_selection_parse(address, &selection, &e);
  require((status < 0) == (e.text[0] != '\0'));
  for (int i = 0; i < 2; i++) {
    o.selection = NULL;
    read_rows(readers[i], &o);
    if (status < 0) continue;
    o.selection = &selection;
    read_rows(readers[i], &o);
    find_rows(readers[i], &selection);
  }
  if (status == 0) cl_selection_done(&selection);
  cl_free(text);
  return 0;
}
