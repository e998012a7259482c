#include "worker/command.h"

#include <assert.h>
#include <sched.h>
#include <string.h>

#include "base/alloc.h"

void cl_words_done(struct cl_words *w) {
  for (size_t i = 0; i < w->n; i++) cl_free(w->items[i]);
  cl_free(w->items);
  *w = (struct cl_words){0};
}

/* Takes the text's memory; the text is empty afterwards. */
static int add_word(struct cl_words *w, struct cl_text *t, struct cl_err *e) {
  if (t->bytes == NULL) cl_text_add_bytes(t, "", 0);
  char *word = t->failed ? NULL : t->length == 0 ? cl_copy_text("") : cl_text_take(t);
  cl_text_done(t);
  if (word == NULL || cl_grow(&w->items, &w->capacity, w->n + 2, sizeof *w->items) < 0) {
    cl_free(word);
    return CL_FAIL_NOMEM(e);
  }
  w->items[w->n++] = word;
  w->items[w->n] = NULL;
  return 0;
}

/* Environment. */

static bool starts_with(const char *text, const char *head) {
  return strncmp(text, head, strlen(head)) == 0;
}

static bool is_set(char *const *base, const char *name) {
  size_t n = strlen(name);
  for (; *base != NULL; base++)
    if (strncmp(*base, name, n) == 0 && (*base)[n] == '=') return true;
  return false;
}

static int add_variable(struct cl_words *w, const char *name, const char *value, struct cl_err *e) {
  if (value == NULL) return 0;
  struct cl_text t = {0};
  cl_text_format(&t, "%s=%s", name, value);
  return add_word(w, &t, e);
}

static int add_integer(struct cl_words *w, const char *name, long long value, struct cl_err *e) {
  struct cl_text t = {0};
  cl_text_format(&t, "%s=%lld", name, value);
  return add_word(w, &t, e);
}

static int add_base(char *const *base, bool has_gpu, struct cl_words *ret, struct cl_err *e) {
  for (; *base != NULL; base++) {
    if (starts_with(*base, "CLADE_") || (has_gpu && starts_with(*base, "CUDA_VISIBLE_DEVICES="))) continue;
    struct cl_text t = {0};
    cl_text_add(&t, *base);
    CL_TRY(add_word(ret, &t, e));
  }
  return 0;
}

static void add_variable_name(struct cl_text *t, const char *name) {
  cl_text_add(t, "CLADE_PARAM_");
  for (; *name != '\0'; name++) {
    bool plain =
        (*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z') || (*name >= '0' && *name <= '9');
    cl_text_add_char(t, plain ? *name : '_');
  }
  cl_text_add_char(t, '=');
}

/* Names of one variable each; inactive ones take theirs, too, so that a collision does not depend on values.
 */
static int add_params(const struct cl_settings *s, const struct cl_value *values, struct cl_words *ret,
                      struct cl_err *e) {
  struct cl_words names = {0};
  int status = 0;
  for (int i = 0; i < s->space.n && status == 0; i++) {
    struct cl_text name = {0}, t = {0};
    add_variable_name(&name, s->space.items[i].name);
    cl_text_add(&t, cl_text_get(&name));
    cl_value_write(&t, values[i]);
    for (size_t j = 0; j < names.n; j++)
      if (strcmp(names.items[j], cl_text_get(&name)) == 0)
        status =
            CL_FAIL(e, CLADE_ESPEC,
                    "the hyperparameters '%s' and '%s' would share the environment variable %.*s: rename one",
                    s->space.items[j].name, s->space.items[i].name, (int)name.length - 1, name.bytes);
    if (status == 0) status = add_word(&names, &name, e);
    if (status == 0 && values[i].kind != CL_ABSENT) status = add_word(ret, &t, e);
    cl_text_done(&name);
    cl_text_done(&t);
  }
  cl_words_done(&names);
  return status;
}

static int cores(void) {
  cpu_set_t set;
  return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

static int add_threads(const struct cl_command_place *p, char *const *base, struct cl_words *ret,
                       struct cl_err *e) {
  static const char *const names[] = {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"};
  int threads = cores() / (p->slots > 0 ? p->slots : 1);
  for (size_t i = 0; i < 2; i++)
    if (!is_set(base, names[i])) CL_TRY(add_integer(ret, names[i], threads > 0 ? threads : 1, e));
  return 0;
}

/* Python keeps what it writes to a file until 8 KiB have come together: reports would come late, or never. */
static int add_unbuffered(char *const *base, struct cl_words *ret, struct cl_err *e) {
  return is_set(base, "PYTHONUNBUFFERED") ? 0 : add_variable(ret, "PYTHONUNBUFFERED", "1", e);
}

int cl_command_environment(const struct cl_settings *s, const struct cl_value *values,
                           const struct cl_command_place *p, char *const *base, struct cl_words *ret,
                           struct cl_err *e) {
  char number[CL_NUMBER_TEXT];
  CL_TRY(add_base(base, p->gpu != NULL, ret, e));
  CL_TRY(add_variable(ret, "CLADE_STUDY", p->study, e));
  CL_TRY(add_integer(ret, "CLADE_TRIAL", p->trial, e));
  CL_TRY(add_integer(ret, "CLADE_ATTEMPT", p->attempt, e));
  CL_TRY(add_variable(ret, "CLADE_DIR", p->directory, e));
  CL_TRY(add_variable(ret, "CLADE_CKPT_DIR", p->checkpoints, e));
  CL_TRY(add_variable(ret, "CLADE_RESUME_FROM", p->resume_from, e));
  CL_TRY(add_integer(ret, "CLADE_SEED", (long long)p->seed, e));
  CL_TRY(add_variable(ret, "CLADE_STORE", p->store, e));
  CL_TRY(add_variable(ret, "CLADE_SOCKET", p->socket, e));
  CL_TRY(add_variable(ret, "CLADE_TOKEN", p->token, e));
  CL_TRY(add_variable(ret, "CLADE_SPEC", p->spec, e));
  CL_TRY(add_variable(ret, "CLADE_SEARCH", p->search, e));
  CL_TRY(add_integer(ret, "CLADE_SLOT", p->slot, e));
  CL_TRY(add_variable(ret, "CLADE_GPU", p->gpu, e));
  CL_TRY(add_variable(ret, "CUDA_VISIBLE_DEVICES", p->gpu, e));
  CL_TRY(add_variable(ret, "CLADE_RECONNECT", cl_number_text(p->reconnect_s, number), e));
  CL_TRY(add_integer(ret, "CLADE_FINAL", p->final, e));
  CL_TRY(add_threads(p, base, ret, e));
  CL_TRY(add_unbuffered(base, ret, e));
  return add_params(s, values, ret, e);
}

void cl_command_params(const struct cl_settings *s, const struct cl_value *values, struct cl_text *ret) {
  const char *separator = "{";
  for (int i = 0; i < s->space.n; i++) {
    if (values[i].kind == CL_ABSENT) continue;
    cl_text_add(ret, separator);
    cl_text_add_json(ret, s->space.items[i].name);
    cl_text_add(ret, ": ");
    cl_value_write_json(ret, values[i]);
    separator = ", ";
  }
  cl_text_add(ret, separator[0] == '{' ? "{}\n" : "}\n");
}
