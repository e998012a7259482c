/* A file of any bytes is imported as a study: it is refused with a sentence, and then nothing of it is left
 * in the store; or the store agrees with its log, and what is exported again is what an import of that
 * exports (it is not imported twice where it is the same text). May begin with a prologue.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "store/transfer.h"

#include "prologue.h"
#include "require.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct source {
  const char *at;
  size_t left, piece;
};

/* Lines are cut anywhere. */
static int give(void *ctx, char *buffer, size_t n, struct cl_err *e) {
  struct source *s = ctx;
  (void)e;
  if (n > s->piece) n = s->piece;
  if (n > s->left) n = s->left;
  if (n > 0) memcpy(buffer, s->at, n);
  s->at += n;
  s->left -= n;
  return (int)n;
}

static int take(void *ctx, const char *text, size_t n, struct cl_err *e) {
  (void)e;
  cl_text_add_bytes(ctx, text, n);
  return 0;
}

static int count(void *ctx, const struct cl_study_row *row) {
  (void)row;
  ++*(int *)ctx;
  return 0;
}

/* The text of the study that `bytes` make; empty if they make none. */
static void pass_through(const char *bytes, size_t n, struct cl_text *ret) {
  struct cl_store *s = NULL;
  struct cl_err e = {0};
  struct source from = {bytes, n, n % 97 + 1};
  int64_t study = 0;
  int studies = 0;
  require(cl_store_open("memory:", &(struct cl_store_options){.mode = CL_STORE_CREATE}, &s, NULL) == 0);
  int status = cl_store_import(s, "fuzzed.jsonl", give, &from, &study, &e);
  require(cl_store_studies(s, count, &studies, NULL) == 0);
  require(studies == (status == 0));
  require(status == 0 ||
          (e.text[0] != '\0' && status != CLADE_ENOMEM && cl_text_is_utf8(e.text, strlen(e.text))));
  if (status == 0) {
    require(cl_store_check(s, study, NULL) == 0);
    require(cl_store_export(s, study, take, ret, NULL, NULL) == 0 && !ret->failed);
  }
  cl_store_close(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct cl_text once = {0}, twice = {0};
  struct prologue prologue;
  size_t begins = prologue_read(data, size, &prologue), n = prologue.length + size - begins;
  char *bytes = cl_alloc(n + 1);
  require(bytes != NULL);
  if (prologue.n > 0) memcpy(bytes, prologue.text, prologue.length);
  if (size > begins) memcpy(bytes + prologue.length, data + begins, size - begins);
  pass_through(bytes, n, &once);
  if (once.length > 0 && (once.length != n || memcmp(once.bytes, bytes, n) != 0)) {
    pass_through(cl_text_get(&once), once.length, &twice);
    require(once.length == twice.length && memcmp(once.bytes, twice.bytes, once.length) == 0);
  }
  cl_text_done(&once);
  cl_text_done(&twice);
  cl_free(bytes);
  return 0;
}
