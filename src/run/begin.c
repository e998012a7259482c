#include "run/begin.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "run/history.h"
#include "run/provenance.h"
#include "spec/words.h"

static int make_uuid(char ret[37], struct cl_err *e) {
  unsigned char b[16];
  if (getrandom(b, sizeof b, 0) != sizeof b)
    return CL_FAIL(e, CLADE_EIO, "the system gives no random numbers");
  b[6] = (unsigned char)((b[6] & 0x0F) | 0x40); /* version 4, variant 1 (RFC 9562) */
  b[8] = (unsigned char)((b[8] & 0x3F) | 0x80);
  char *p = ret;
  for (int i = 0; i < 16; i++) {
    if (i == 4 || i == 6 || i == 8 || i == 10) *p++ = '-';
    (void)snprintf(p, 3, "%02x", b[i]);
    p += 2;
  }
  assert(p == ret + 36);
  return 0;
}

/* A seed that a person can type again. */
static int64_t choose_seed(const struct cl_plan *p) {
  uint32_t seed = 0;
  if (p->result.has_seed) return p->result.seed;
  if (getrandom(&seed, sizeof seed, 0) != sizeof seed) seed = (uint32_t)cl_clock_wall_ms();
  return seed >> 1;
}

struct find_again {
  const char *spec;
  bool same;
};

static int look_at_namesake(void *ctx, const struct cl_event *ev) {
  struct find_again *f = ctx;
  if (ev->kind == CL_EVENT_CREATED)
    f->same = ev->u.created.spec != NULL && strcmp(ev->u.created.spec, f->spec) == 0;
  return 1; /* the first event is enough */
}

/* What a command needs to find the store: " --store X", or nothing. Gives; null without memory. */
static char *store_option(const struct cl_plan *p) {
  char *usual = cl_store_choose(NULL, NULL, p->here), *shown = cl_store_show(p->store);
  struct cl_text option = {0};
  if (usual != NULL && shown != NULL && strcmp(usual, p->store) != 0) {
    cl_text_add(&option, " --store ");
    cl_word_quote(&option, shown);
  }
  option.failed = option.failed || usual == NULL || shown == NULL;
  char *ret = option.failed ? NULL : cl_copy_text(cl_text_get(&option));
  cl_text_done(&option);
  cl_free(shown);
  cl_free(usual);
  return ret;
}

/* The name is taken: say which of the ways on fits. */
static int explain_taken(struct cl_store *store, const struct cl_plan *p, const char *name,
                         struct cl_err *e) {
  int64_t id = 0;
  struct cl_study_head head = {0};
  struct find_again f = {.spec = p->result.spec};
  if (cl_store_find(store, name, &id, NULL) < 0 || cl_store_head(store, id, &head, NULL) < 0)
    return CL_FAIL(e, CLADE_EEXISTS, "a study named '%s' exists already", name);
  (void)cl_store_read(store, id, &(struct cl_read){.until = 1}, look_at_namesake, &f, NULL);
  char *option = store_option(p);
  if (option == NULL) return CL_FAIL_NOMEM(e);
  int status =
      head.open && f.same
          ? CL_FAIL(
                e, CLADE_EEXISTS,
                "the study '%s' exists and is not finished: go on with it by `clade resume %s%s`, or start anew "
                "with --again or --name NAME",
                name, name, option)
          : CL_FAIL(
                e, CLADE_EEXISTS,
                "a study named '%s' exists already%s: choose another with --name NAME, let clade number it with "
                "--again (%s-2), or remove the old one with `clade delete %s%s`",
                name, head.open ? " (from another spec)" : "", name, name, option);
  cl_free(option);
  return status;
}

/* XT keeps the launched runspec beside its runs (A9). The log has it as well, so a failure is only said. */
static void keep_launched(const struct cl_plan *p, const char *directory, const char *name,
                          const struct cl_begin *how) {
  const struct clade_run_callbacks *callbacks = how->callbacks;
  struct cl_text path = {0}, sentence = {0};
  struct cl_err e = {0};
  if (p->settings->origin == NULL || strcmp(p->settings->origin, "runspec") != 0) return;
  cl_text_format(&path, "%s/%s", directory, name);
  int status = path.failed ? CL_FAIL_NOMEM(&e) : cl_dir_create(path.bytes, &e);
  cl_text_add(&path, "/launched_job_spec.yaml");
  if (status == 0)
    status = path.failed ? CL_FAIL_NOMEM(&e)
                         : cl_file_write(path.bytes, p->result.spec, strlen(p->result.spec), false, &e);
  if (status == 0)
    cl_text_format(&sentence, "------- Runspec (%s) copied to %s",
                   how->file == NULL ? "of this study" : how->file, path.bytes);
  else
    cl_text_format(&sentence, "the runspec was not copied to launched_job_spec.yaml: %s", e.text);
  if (callbacks != NULL && callbacks->note != NULL && !sentence.failed)
    callbacks->note(callbacks->ctx, status == 0 ? CLADE_NOTE_INFO : CLADE_NOTE_WARNING,
                    cl_text_get(&sentence));
  cl_text_done(&path);
  cl_text_done(&sentence);
}

static int create(struct cl_store *store, const struct cl_plan *p, const char *name, const char *provenance,
                  int64_t seed, const struct cl_begin *how, int64_t *ret_study, struct cl_err *e) {
  char uuid[37];
  assert(p->result.settings != NULL && p->result.spec != NULL && p->store != NULL);
  struct cl_text directory = {0};
  CL_TRY(make_uuid(uuid, e));
  if (p->settings->directory != NULL && p->settings->directory[0] != '\0')
    cl_text_add(&directory, p->settings->directory);
  else if (strstr(p->store, "://") != NULL) /* a server has no place beside it */
    cl_text_format(&directory, "%s/clade.d", p->here);
  else
    cl_text_format(&directory, "%s.d", p->store);
  struct cl_event ev = {.kind = CL_EVENT_CREATED, .cause = CL_CAUSE_HUMAN};
  ev.u.created.name = name;
  ev.u.created.uuid = uuid;
  ev.u.created.spec = p->result.spec;
  ev.u.created.settings = p->result.settings;
  ev.u.created.seed = seed;
  ev.u.created.directory = cl_text_get(&directory);
  ev.u.created.provenance = provenance;
  int status = directory.failed ? CL_FAIL_NOMEM(e) : cl_store_create(store, &ev, ret_study, e);
  if (status == 0) keep_launched(p, cl_text_get(&directory), name, how);
  cl_text_done(&directory);
  return status;
}

/* The name is taken, and another one is not wanted. */
static int find_taken(struct cl_store *store, const struct cl_plan *p, const char *name, bool reuse,
                      int64_t *ret_study, struct cl_err *e) {
  if (reuse) return cl_store_find(store, name, ret_study, e);
  return explain_taken(store, p, name, e);
}

/* Create under the plan's name, or with `again` under the first free NAME-2, NAME-3 … */
static int create_named(struct cl_store *store, const struct cl_plan *p, const struct cl_begin *how,
                        int64_t *ret_study, struct cl_err *e) {
  struct cl_text provenance = {0}, name = {0};
  int status =
      cl_provenance_write(p->settings->cwd, p->settings->n_program, p->settings->program, &provenance, e);
  int64_t seed = choose_seed(p);
  for (int number = 1; status == 0; number++) {
    cl_text_clear(&name);
    cl_text_add(&name, p->settings->study);
    if (number > 1) cl_text_format(&name, "-%d", number);
    if (name.failed || provenance.failed) {
      status = CL_FAIL_NOMEM(e);
      break;
    }
    status = create(store, p, cl_text_get(&name), cl_text_get(&provenance), seed, how, ret_study, e);
    if (status != CLADE_EEXISTS) break;
    status = how->again ? 0 : find_taken(store, p, p->settings->study, how->reuse, ret_study, e);
    if (!how->again) break;
  }
  cl_text_done(&provenance);
  cl_text_done(&name);
  return status;
}

int cl_study_begin(struct cl_store *store, const struct cl_plan *p, const struct cl_begin *how,
                   int64_t *ret_study, struct cl_err *e) {
  int64_t study = 0;
  assert(!(how->again && how->reuse)); /* clade_study_create has refused that */
  bool found = how->reuse && cl_store_find(store, p->settings->study, &study, NULL) == 0;
  if (!found) CL_TRY(cl_history_check(store, p->settings, e));
  if (!found) CL_TRY(create_named(store, p, how, &study, e));
  CL_TRY(cl_history_import(store, study, how->callbacks, e));
  assert(study != 0);
  *ret_study = study;
  return 0;
}
