/* Specs: what a person wrote (a YAML file, an XT/rl_nexus runspec, a command line with search expressions)
 * turned into the settings of a study (model/settings.h), with errors that teach.
 *
 * A file with a `job_launcher` mapping is a *runspec*: its `hyperparameters:` section is found as text,
 * before anything is read as YAML, and the rest is the trainer's. Every other file is *native*: its keys are
 * closed.
 *
 * Native keys
 *   study        name; default: the file's name without its ending
 *   program      list of words, or one string that is split as a shell would (no shell runs); {name} is
 * replaced by a value, {spec} by the path of the resolved copy, {{ and }} are braces args placeholders
 * (default) | after-script: insert --name=value after the script cwd, dir     directories; relative ones
 * start where clade was started metric       {name, goal: minimize|maximize, reduce: last|best|mean, regex},
 * or a list of up to 16 of them step         name of the unit in which the trainer counts hyperparameters see
 * below constraints  list of relations (model/constraint.h) search, schedule  a method's name, or a mapping
 * with `method` and its options, which are free here enqueue      list of {name: value}: tried first trials,
 * parallel, seed, store, target, gpus history list of studies of the same store, whose results are known
 * ordered      true, or the lag: decisions do not depend on timing limits {time: 2h, memory: 4G, retries,
 * max_failures, grace, reconnect} trainer      the trainer's own part; aliases to hyperparameters are filled
 * in the resolved copy
 *
 * Hyperparameters stand in a list, `- name: lr` and its keys below, on the same level or deeper; `- name:
 * &lr` names it by the anchor. Or in a mapping, `lr: {range: …}`, where `lr: [0.1, 0.01]` and `lr: log(1e-5,
 * 1e-1)` are short for a list of values and a search expression. Keys: type         float | int | bool |
 * string range        [lower, upper]; whole numbers when both bounds are written without point and exponent
 * and differ by at least 2; `type:` decides otherwise scale        linear | log | logit;  step: number > 0;
 * zero: true (0.1) or the share of exact zeros values       list of numbers, texts, bools, null: ordered when
 * they are numbers that only rise or only fall ordered_tuning_values, unordered_tuning_values   lists whose
 * order is said tuned_value  used in runs that are no search, and to start from when         {parent: value
 * or list}: exists only then change       live | restart | start; default: live for ranges, restart for lists
 *   key, increment, title   for the live display
 *
 * Search expressions (XT's; in brackets on the command line, bare in a file; one value = a constant)
 *   [a, b, c]  $choice(a, b)  $randint()  $randint(n)  $uniform(lo, hi)  $normal(mean, sd)
 *   $loguniform(a, b) (from e^a to e^b)  $lognormal(mean, sd)  $quniform $qnormal $qloguniform $qlognormal
 * (…, step) $linspace(a, b, n)  log(lo, hi)  int(lo, hi)  lo:hi  lo:hi:step  lo:hi:mean:sd  files by *;
 * @name(…) = $name(…)
 * `$randint()` is a fresh seed for each trial and no part of the configuration; `$randint(n)` is searched in
 * 0 … n-1. `$choice` has no order, lists as `values`. Ranges are whole numbers by the rule of `range`, also
 * those of uniform, when written so. [[a]] on the command line is the argument [a].
 *
 * Everything is a function of its arguments: no clock, no environment. Files read: the spec, --hp-config, and
 * what a file expression names. Not thread-safe on one object; no globals.
 */
#ifndef CL_SPEC_H
#define CL_SPEC_H

#include "model/settings.h"

struct cl_spec; /* a parsed file or command line; immutable */

enum cl_spec_kind { CL_SPEC_NATIVE = 1, CL_SPEC_RUNSPEC, CL_SPEC_INLINE };

/* What the command line adds. Zero means "not said"; all texts are borrowed. Each wins over the file. */
struct cl_spec_overrides {
  const char *here; /* absolute directory the command was started in; required */
  int cores;        /* of this machine, the cap of a runspec's slots; 0 = no cap */

  const char *study, *store, *target, *directory, *cwd;
  int64_t trials;
  int parallel;
  bool has_seed;
  int64_t seed;
  int n_objectives; /* --minimize, --maximize; they replace the file's */
  const struct cl_objective *objectives;
  const char *metric_regex, *step;
  const char *method;    /* of the search; drops the options of another one */
  const char *scheduler; /* likewise; "none" removes the schedule */
  const char *hp_config; /* XT's file of distributions; replaces the spec's hyperparameters */
  const char *values_to; /* "placeholders" or "after-script" */
  bool once;             /* one run with the tuned values (pre-flight) */
  bool in_process;       /* no program is needed */
  const char *history;   /* names of studies, joined by commas */
  bool ordered;
  int lag;                   /* of ordered mode; 0 = parallel */
  const char *time, *memory; /* as in limits: "2h", "4G" */
  int retries, max_failures; /* -1 … not said is has_… = false */
  bool has_retries, has_max_failures;
  const char *grace;
  int n_set;
  const char *const
      *set; /* "search.gamma=0.3", "hyperparameters.lr.tuned_value=0.01", "max_iterations=5000" */
  int n_program;
  const char *const *program; /* the words after --; replaces the file's program */
};

/* Read a file. Gives *ret, free with cl_spec_destroy. CLADE_ENOTFOUND, CLADE_EIO, CLADE_ELIMIT above 1 MB, or
 * what cl_spec_parse says. Only the YAML is looked at; meaning is cl_spec_resolve's. */
int cl_spec_load(const char *path, struct cl_spec **ret, struct cl_err *e);

/* The same from memory (copied); `name` stands in messages and gives the study's name. CLADE_ESPEC,
 * CLADE_ELIMIT, CLADE_ENOMEM. Cost O(n log n). */
int cl_spec_parse(const char *text, size_t n, const char *name, struct cl_spec **ret, struct cl_err *e);

/* A command line, the words after `--` (copied): an empty file whose program they are. Words whose value
 * stands in brackets become hyperparameters and are replaced by placeholders. CLADE_EINVAL without any word,
 * CLADE_ENOMEM. */
int cl_spec_inline(int n, const char *const *words, struct cl_spec **ret, struct cl_err *e);
void cl_spec_destroy(struct cl_spec *s); /* null is allowed */

enum cl_spec_kind cl_spec_kind(const struct cl_spec *s);
bool cl_spec_has(const struct cl_spec *s, const char *key); /* is this a top-level key of it? */
const char *cl_spec_text(const struct cl_spec *s); /* of a command line: its words quoted for a shell */

enum cl_spec_note_kind {
  CL_SPEC_NOTE = 1, /* what was assumed or has no effect */
  CL_SPEC_WARNING,  /* likely a mistake */
  CL_SPEC_QUESTION  /* ask before starting (on a terminal; else it is a warning) */
};
struct cl_spec_note {
  enum cl_spec_note_kind kind;
  char *text; /* "spec.yaml:7:5: …" */
};

/* Everything that `clade run` needs to create a study. */
struct cl_spec_result {
  char *settings; /* JSON: cl_settings_parse accepts it */
  char *spec;     /* text for the log: the file as it was used, with --set applied */
  char *store;    /* null = not said */
  char *target;   /* null = local */
  bool has_seed;
  int64_t seed;
  bool once;     /* run in the foreground: --once, or a runspec with `enabled: 0` */
  bool launched; /* a runspec whose launcher is enabled */
  int n_notes;
  struct cl_spec_note *notes;
};

/* Settle everything: overrides, defaults, checks. Fills *ret (done with cl_spec_result_done); on failure it
 * is untouched. CLADE_ESPEC with a complaint about a place, CLADE_ENOTFOUND for --hp-config, CLADE_ENOMEM.
 * Whether `search:` and `schedule:` name known methods and options is not checked here (cl_search_check). */
int cl_spec_resolve(const struct cl_spec *s, const struct cl_spec_overrides *o, struct cl_spec_result *ret,
                    struct cl_err *e);
void cl_spec_result_done(struct cl_spec_result *r);

/* The hyperparameters that a file defines, whatever else it says: a spec, a runspec, or XT's file of
 * distributions. Gives *ret (its space is what counts); free with cl_settings_destroy. CLADE_ESPEC, also for
 * a file without hyperparameters; else what cl_spec_load says. */
int cl_spec_definitions(const char *path, struct cl_settings **ret, struct cl_err *e);

/* Where a key stands: "search.gamma", "hyperparameters.lr.range", "hyperparameters[0]". A path that the file
 * does not have gives the nearest part above it that it has. Line and column from 1; false (and 0) without
 * any place. */
bool cl_spec_locate(const struct cl_spec *s, const char *path, int *ret_line, int *ret_column);

/* Put file, line, column and the source line of `path` around the sentence in *e; returns e->code. For
 * complaints of others: if (cl_search_check(settings, e) < 0) return cl_spec_blame(spec, "search", e); */
int cl_spec_blame(const struct cl_spec *s, const char *path, struct cl_err *e);

/* The resolved copy ({spec}, CLADE_SPEC) for one trial's values (space->n of them), YAML: a runspec with its
 * section replaced so that every anchor carries its value, or the `trainer:` part of a native file with
 * aliases filled in. Inactive ones are null. CLADE_EMPTY, nothing added, for a study that has none. Floats
 * are written so that YAML 1.1 readers see floats, texts quoted where they would be taken for something else.
 */
int cl_spec_dump(const struct cl_settings *s, const struct cl_value *values, struct cl_text *ret,
                 struct cl_err *e);

/* The words that start one trial. An argument that names an inactive hyperparameter is left out; if it is
 * `{name}` alone, an option without `=` before it too. Gives an array of *ret_n texts ended by null; free
 * with cl_spec_command_free. `spec_path` may be null if no word names {spec}. CLADE_ENOMEM. */
int cl_spec_command(const struct cl_settings *s, const struct cl_value *values, const char *spec_path,
                    int *ret_n, char ***ret, struct cl_err *e);
void cl_spec_command_free(char **words); /* null is allowed */

/* Index of the script in a command (python -u train.py: 2), 0 if the program itself is it. n >= 1. */
size_t cl_spec_script(size_t n, const char *const *words);

/* The spec's text with these values (of `space`, by name; absent ones are left alone) as its tuned_value
 * scalars: only those bytes change that hold another value, so `0.90` stays for 0.9, and comments stay; a
 * missing tuned_value is put in. *ret is empty before, and holds the text; *ret_changed (may be null): how
 * many values did change. CLADE_EUNSUPPORTED naming a hyperparameter that is not in the file, or is written
 * in short form, and where the text could not be read again; CLADE_ENOMEM. */
int cl_spec_splice(const struct cl_spec *s, const struct cl_space *space, const struct cl_value *values,
                   struct cl_text *ret, int *ret_changed, struct cl_err *e);

/* `clade init PROGRAM`: a commented native spec for a program. Options of argparse with numbers or choices
 * become hyperparameters with guessed ranges, marked as guesses. The text loads and resolves without errors.
 * Fails as cl_file_read. */
int cl_spec_init(const char *program, struct cl_text *ret, struct cl_err *e);

#endif
