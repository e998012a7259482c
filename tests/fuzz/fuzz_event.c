/* Events as JSON Lines, any bytes: what is read is written and read back the same; what a store admits, every
 * replica takes, and the store's tables agree with a replay of the log. May begin with a prologue.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/alloc.h"
#include "store/store.h"

#include "prologue.h"
#include "require.h"

enum { EVENTS = 200 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_copy(const struct cl_event *ev) {
  struct cl_text once = {0}, twice = {0};
  struct cl_event again = {0};
  void *memory = NULL;
  struct cl_err e = {0};
  struct cl_event *copy = cl_event_copy(ev);
  require(copy != NULL);
  cl_event_write_json(copy, &once);
  json_t *node = json_loadb(once.bytes, once.length, 0, NULL);
  require(node != NULL);
  require(cl_event_from_json(node, &again, &memory, &e) == 0);
  require(cl_event_equal(copy, &again));
  cl_event_write_json(&again, &twice);
  require(strcmp(once.bytes, twice.bytes) == 0);
  json_decref(node);
  cl_free(memory);
  cl_free(copy);
  cl_text_done(&once);
  cl_text_done(&twice);
}

/* Metrics get their ids in place, so their list is copied where it can be written. */
static void append(struct cl_store *s, int64_t *study, struct cl_event *ev) {
  struct cl_append result = {0};
  struct cl_err e = {0};
  struct cl_event *copy = cl_event_copy(ev);
  require(copy != NULL);
  if (copy->kind == CL_EVENT_CREATED) {
    int64_t created = 0;
    int status = cl_store_create(s, copy, &created, &e);
    require(status == 0 || e.text[0] != '\0');
    if (status == 0 && *study == 0) *study = created;
  } else if (*study != 0) {
    int status = cl_store_append(s, *study, copy, 1, &result, &e);
    require(status == 0 || e.text[0] != '\0');
    require(status != CLADE_ECORRUPT);
  }
  cl_free(copy);
}

/* All at once, as history is imported. */
static void begin(struct cl_store *s, const struct prologue *p, int64_t *ret_study) {
  static struct cl_append results[PROLOGUE_MOST];
  if (p->n == 0) return;
  require(cl_store_create(s, &p->events[0], ret_study, NULL) == 0);
  if (p->n > 1) require(cl_store_append(s, *ret_study, p->events + 1, p->n - 1, results, NULL) == 0);
  for (int i = 0; i < p->n - 1; i++) require(results[i].status == 0);
}

static void hear(struct cl_store *s, int64_t *study, const char *line, size_t n) {
  struct cl_event ev = {0};
  void *memory = NULL;
  struct cl_err e = {0};
  json_t *node = json_loadb(line, n, JSON_ALLOW_NUL, NULL);
  int status = node == NULL ? CLADE_ECORRUPT : cl_event_from_json(node, &ev, &memory, &e);
  require(status == 0 || node == NULL || e.text[0] != '\0');
  if (status == 0 && cl_event_check(&ev, &e) == 0) {
    check_copy(&ev);
    append(s, study, &ev);
  }
  cl_free(memory);
  json_decref(node);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct cl_store *s = NULL;
  struct cl_err e = {0};
  int64_t study = 0;
  struct prologue prologue;
  const char *text = (const char *)data, *end = text + size;
  text += prologue_read(data, size, &prologue);
  require(cl_store_open("memory:", &(struct cl_store_options){.mode = CL_STORE_CREATE}, &s, &e) == 0);
  begin(s, &prologue, &study);
  for (int i = 0; i < EVENTS && text < end; i++) {
    const char *stop = memchr(text, '\n', (size_t)(end - text));
    if (stop == NULL) stop = end;
    hear(s, &study, text, (size_t)(stop - text));
    text = stop + 1;
  }
  if (study != 0) require(cl_store_check(s, study, &e) == 0);
  cl_store_close(s);
  return 0;
}
