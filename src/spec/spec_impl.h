/* What the files of this room share; nobody else includes this. */
#ifndef CL_SPEC_IMPL_H
#define CL_SPEC_IMPL_H

#include "spec/definition.h"
#include "spec/section.h"
#include "spec/spec.h"

struct cl_spec {
  enum cl_spec_kind kind;
  struct cl_arena arena;
  const struct cl_source *source; /* for a command line: an empty text */
  struct cl_node *root;           /* null for an empty text; of a runspec: with its section blanked out */
  struct cl_section section;      /* runspec */
  int n_words;                    /* command line */
  const char **words;
};

/* Parse what s->source says into s->kind, root and section. */
int cl_spec_read(struct cl_spec *s, struct cl_err *e);

/* --- edit.c: places by path, and changes of the text --- */

/* The deepest node that `path` leads to; *ret_rest is what is left of the path ("" when all was found). Never
 * null for a root that is not; entries of `hyperparameters` are found by name or index. */
const struct cl_node *cl_path_find(const struct cl_node *root, const char *path, const char **ret_rest);

/* Of a runspec's section: hyperparameters.NAME.KEY. Bytes of the value; false if there is no such key. */
bool cl_path_find_section(const struct cl_section *s, const char *path, size_t *ret_start, size_t *ret_end);

struct cl_change_text {
  size_t at, removed;
  char *added; /* from cl_alloc */
};
/* How the text changes when `path` gets the YAML text `value`. `shown`: the whole option, for messages; its
 * errors name no place. CLADE_ESPEC, CLADE_EUNSUPPORTED, CLADE_ENOMEM. */
int cl_change_make(const struct cl_spec *s, const char *path, const char *value, const char *shown,
                   struct cl_change_text *ret, struct cl_err *e);

/* A new spec with the assignments applied in order. It keeps `s`. */
int cl_spec_edit(const struct cl_spec *s, int n_set, const char *const *set, struct cl_spec **ret,
                 struct cl_err *e);

/* --- program.c --- */

struct cl_program_word {
  const char *text;
  const struct cl_source *source;
  size_t at;
  bool exact; /* byte i of text is byte at + i of the source */
};
struct cl_program {
  size_t n;
  struct cl_program_word *words; /* from the arena */
};

int cl_program_read(const struct cl_reader *r, const struct cl_node *node, struct cl_program *ret,
                    struct cl_err *e);
int cl_program_take(struct cl_arena *a, int n, const char *const *words, struct cl_program *ret,
                    struct cl_err *e);

/* Placeholders must be names of definitions (marked as referenced) or {spec}. */
int cl_program_check(const struct cl_program *p, struct cl_definitions *all, bool *ret_any, bool *ret_spec,
                     struct cl_err *e);
json_t *cl_program_json(const struct cl_program *p); /* new reference, null without memory */

/* --- draft.c: what a spec says, before overrides and defaults --- */

struct cl_draft {
  struct cl_reader r;
  const struct cl_spec *s;
  const struct cl_spec_overrides *o;
  struct cl_definitions definitions;
  struct cl_program program;
  const char *origin, *study, *cwd, *directory, *store, *target, *values_to, *computed, *metric_regex, *step;
  const struct cl_node *constraints, *enqueue, *trainer;   /* nodes of the file, or null */
  json_t *objectives, *search, *schedule, *gpus, *history; /* own references, or null */
  int64_t trials, parallel, lag, seed;                     /* 0 = not said (seed: has_seed) */
  bool has_seed, ordered, repeats, once, launched, tensorboard;
  double time_s, grace_s, reconnect_s;                     /* 0 = not said */
  int64_t memory_bytes, disk_bytes, retries, max_failures; /* 0, 0, -1, -1 = not said */
  const char *dump;                                        /* from the arena, or null */
};

int cl_draft_native(struct cl_draft *d, struct cl_err *e);  /* native.c; also for a command line */
int cl_draft_runspec(struct cl_draft *d, struct cl_err *e); /* runspec.c */
int cl_draft_inline(struct cl_draft *d, struct cl_err *e);  /* inline.c: words in brackets to definitions */

/* --- dump.c --- */

/* A scalar as YAML 1.1 and 1.2 readers read it back. */
void cl_yaml_write(struct cl_text *ret, struct cl_value v);

/* The part below `node` as block YAML; aliases to definitions stay aliases by the name of the hyperparameter,
 * others are written out. Marks definitions as referenced. */
int cl_dump_template(const struct cl_reader *r, const struct cl_node *node, struct cl_definitions *all,
                     struct cl_text *ret, struct cl_err *e);
/* Is the copy of a runspec, of which the launcher was cut out, or of a template, YAML? libfyaml takes more
 * than its users' readers do, and a section is read without. CLADE_ESPEC with a place in the copy,
 * CLADE_ENOMEM. */
int cl_dump_check(const char *text, bool runspec, struct cl_err *e);

/* --- init.c --- */

/* cl_spec_init for a program whose text (n bytes and a zero byte) is at hand. */
int cl_spec_init_text(const char *text, size_t n, const char *path, struct cl_text *ret, struct cl_err *e);

#endif
