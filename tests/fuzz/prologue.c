#include "prologue.h"

#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "query/tale.h"
#include "query/tales.h"

#include "require.h"

static struct told {
  char letter;
  void (*tell)(struct cl_store *);
  int n;
  struct cl_event events[PROLOGUE_MOST];
  struct cl_event *copies[PROLOGUE_MOST]; /* hold what they point to */
  struct cl_text text;
  size_t ends[PROLOGUE_MOST]; /* of each event's line in the text */
} tales[] = {{'m', tell_mnist}, {'p', tell_pbt}, {'r', tell_repeats}, {'z', tell_maze}, {'h', tell_hostile}};

static int keep(void *ctx, const struct cl_event *ev) {
  struct told *t = ctx;
  if (t->n == PROLOGUE_MOST || t->text.length > 1 << 16)
    return CLADE_STOP; /* one tale has a note of a megabyte */
  t->copies[t->n] = cl_event_copy(ev);
  require(t->copies[t->n] != NULL);
  t->events[t->n] = *t->copies[t->n];
  cl_event_write_json(ev, &t->text);
  cl_text_add_char(&t->text, '\n');
  require(!t->text.failed);
  t->ends[t->n++] = t->text.length;
  return 0;
}

static void tell_once(void) {
  if (tales[0].n > 0) return;
  for (size_t i = 0; i < sizeof tales / sizeof *tales; i++) {
    struct cl_store *s = tale_store("memory:");
    tales[i].tell(s);
    require(cl_store_read(s, 1, &(struct cl_read){0}, keep, &tales[i], NULL) >= 0);
    require(tales[i].n > 1);
    cl_store_close(s);
  }
}

size_t prologue_read(const uint8_t *data, size_t size, struct prologue *ret) {
  const uint8_t *end = size < 2 ? NULL : memchr(data, '\n', size < 6 ? size : 6);
  *ret = (struct prologue){0};
  if (end == NULL || end == data + 1) return 0;
  int n = 0;
  for (const uint8_t *p = data + 1; p < end; p++) {
    if (*p < '0' || *p > '9') return 0;
    n = 10 * n + *p - '0';
  }
  tell_once();
  for (size_t i = 0; i < sizeof tales / sizeof *tales; i++) {
    struct told *t = &tales[i];
    if (t->letter != (char)data[0]) continue;
    n = n % t->n + 1;
    *ret = (struct prologue){t->events, n, t->text.bytes, t->ends[n - 1]};
    return (size_t)(end - data) + 1;
  }
  return 0;
}
