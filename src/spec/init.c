/* `clade init`: a first spec for a program. What is guessed says so, and stays close to the program's own
 * defaults. */
#include <assert.h>
#include <ctype.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "spec/init_python.h"
#include "spec/spec_impl.h"

enum { HYPERPARAMETERS_MAX = 40 };

/* Parts of names (between underscores) and what they mean for a range. */
static bool has_part(const char *name, const char *const *parts, size_t n) {
  for (const char *p = name; *p != '\0';) {
    size_t length = strcspn(p, "_");
    for (size_t i = 0; i < n; i++)
      if (strlen(parts[i]) == length && strncasecmp(p, parts[i], length) == 0) return true;
    p += length;
    if (*p == '_') p++;
  }
  return false;
}
#define HAS_PART(name, ...) \
  has_part((name), (const char *const[]){__VA_ARGS__}, \
           sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

/* Numbers that say how long, where or which, not how well. */
static bool is_no_hyperparameter(const char *name) {
  return HAS_PART(name, "epochs", "epoch", "steps", "iters", "iterations", "seed", "workers", "threads",
                  "procs", "port", "rank", "gpu", "gpus", "device", "devices", "log", "print", "save", "eval",
                  "test", "val", "verbose", "debug", "interval", "freq", "frequency", "every", "timeout",
                  "limit", "classes", "world", "nodes", "version", "max", "total", "num_runs", "checkpoint");
}

static void write_range(struct cl_text *t, double lo, double hi, bool whole) {
  assert(lo <= hi);
  cl_text_add(t, "    range: [");
  cl_yaml_write(t, whole ? cl_value_int((int64_t)lo) : cl_value_real(lo));
  cl_text_add(t, ", ");
  cl_yaml_write(t, whole ? cl_value_int((int64_t)hi) : cl_value_real(hi));
  cl_text_add(t, "]");
}

static void write_tuned(struct cl_text *t, struct cl_value v) {
  cl_text_add(t, "    tuned_value: ");
  cl_yaml_write(t, v);
  cl_text_add(t, "   # the program's default\n");
}

/* Two powers of ten around the default. */
static void write_decades(struct cl_text *t, double standard, double most) {
  assert(standard > 0);
  double k = floor(log10(standard)), hi = pow(10, k + 2);
  if (hi > most && standard <= most) hi = most;
  write_range(t, pow(10, k - 2), hi, false);
  cl_text_add(t, "   # guess\n    scale: log   # guess\n");
}

static void write_float(struct cl_text *t, const char *name, double standard) {
  bool tiny = HAS_PART(name, "lr", "rate", "decay", "wd", "eps", "epsilon", "alpha", "lambda", "reg", "l1",
                       "l2", "penalty");
  bool share = HAS_PART(name, "dropout", "drop", "momentum", "gamma", "beta", "beta1", "beta2", "p", "prob",
                        "probability", "ratio", "fraction", "smoothing");
  if (standard > 1e-290 && standard < 1e290 && ((tiny && !share) || HAS_PART(name, "lr")))
    write_decades(t, standard, 1);
  else if (standard >= 0 && standard <= 1) {
    write_range(t, 0, 1, false);
    cl_text_add(t, "   # guess\n");
  } else if (standard > 0 && standard < 1e290) {
    write_range(t, standard / 4, standard * 4, false);
    cl_text_add(t, "   # guess: a quarter to four times the default\n    scale: log   # guess\n");
  } else {
    write_range(t, standard - fabs(standard), standard + fabs(standard), false);
    cl_text_add(t, "   # guess\n");
  }
  write_tuned(t, cl_value_real(standard));
}

static void write_int(struct cl_text *t, const char *name, double standard) {
  assert(standard >= 1 && standard == floor(standard));
  double lo = standard >= 4 ? floor(standard / 4) : 1, hi = standard * 4;
  assert(lo >= 1 && lo <= standard);
  if (HAS_PART(name, "batch", "bs", "hidden", "units", "width", "dim", "channels")) {
    cl_text_add(t, "    values: [");
    for (int64_t x = (int64_t)lo; x <= (int64_t)hi; x *= 2)
      cl_text_format(t, "%s%lld", x == (int64_t)lo ? "" : ", ", (long long)x);
    cl_text_add(t, "]   # guess: from a quarter to four times the default\n");
    if (fmod(log2(standard / lo), 1) == 0) write_tuned(t, cl_value_int((int64_t)standard));
    return;
  }
  write_range(t, lo, hi, true);
  cl_text_add(t, "   # guess: a quarter to four times the default\n    type: int\n");
  if (standard >= 16) cl_text_add(t, "    scale: log   # guess\n");
  write_tuned(t, cl_value_int((int64_t)standard));
}

static struct cl_value choice_value(const struct cl_python_option *o, const char *text) {
  return o->choices_are_numbers ? cl_value_parse(text) : cl_value_text(text);
}

static bool write_choice(struct cl_text *t, const struct cl_python_option *o) {
  assert(o->type == CL_OPTION_CHOICE);
  bool listed = false;
  cl_text_add(t, "    values: [");
  for (size_t i = 0; i < o->n_choices; i++) {
    cl_text_add(t, i == 0 ? "" : ", ");
    cl_yaml_write(t, choice_value(o, o->choices[i]));
    listed = listed || (o->text != NULL && strcmp(o->text, o->choices[i]) == 0);
    for (size_t k = 0; k < i; k++)
      if (cl_value_same(choice_value(o, o->choices[i]), choice_value(o, o->choices[k]))) return false;
  }
  cl_text_add(t, "]\n");
  if (listed) write_tuned(t, choice_value(o, o->text));
  return true;
}

/* A hyperparameter of this option, or nothing. */
static bool write_option(struct cl_text *t, const struct cl_python_option *o) {
  size_t before = t->length;
  cl_text_format(t, "  - name: %s\n", o->name);
  bool good = false;
  if (o->type == CL_OPTION_CHOICE)
    good = !is_no_hyperparameter(o->name) && write_choice(t, o);
  else if (o->type != CL_OPTION_OTHER && o->has_standard && !is_no_hyperparameter(o->name)) {
    good = o->type == CL_OPTION_FLOAT ? isfinite(o->standard * 4) : o->standard >= 1 && o->standard <= 1e9;
    if (good && o->type == CL_OPTION_FLOAT) write_float(t, o->name, o->standard);
    if (good && o->type == CL_OPTION_INT) write_int(t, o->name, floor(o->standard));
  }
  if (!good) cl_text_cut(t, before);
  return good;
}

static bool is_taken(const struct cl_python_option *const *chosen, size_t n, const char *name) {
  if (strcmp(name, "spec") == 0) return true;
  for (size_t i = 0; i < n; i++)
    if (strcasecmp(chosen[i]->name, name) == 0) return true;
  return false;
}

static const struct {
  const char *name, *goal;
} metrics[] = {{"val_loss", "minimize"},        {"val_accuracy", "maximize"}, {"val_acc", "maximize"},
               {"validation_loss", "minimize"}, {"accuracy", "maximize"},     {"loss", "minimize"}};

static bool holds_word(const char *text, const char *word) {
  size_t n = strlen(word);
  for (const char *p = strstr(text, word); p != NULL; p = strstr(p + 1, word)) {
    bool begins = p == text || !(isalnum((unsigned char)p[-1]) || p[-1] == '_');
    if (begins && !isalnum((unsigned char)p[n]) && p[n] != '_') return true;
  }
  return false;
}

static void write_metric(struct cl_text *t, const char *text, const struct cl_python_option *const *chosen,
                         size_t n) {
  for (size_t i = 0; i < sizeof metrics / sizeof metrics[0]; i++) {
    if (!holds_word(text, metrics[i].name) || is_taken(chosen, n, metrics[i].name)) continue;
    cl_text_format(t, "metric: {name: %s, goal: %s}   # guess: this name stands in the program\n",
                   metrics[i].name, metrics[i].goal);
    return;
  }
  const char *name = is_taken(chosen, n, "loss") ? "score" : "loss";
  cl_text_format(t, "metric: {name: %s, goal: minimize}   # guess: what the program prints, as in `%s=0.3`\n",
                 name, name);
}

static const char *base_name(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash == NULL ? path : slash + 1;
}

static bool has_ending(const char *path, const char *ending) {
  size_t n = strlen(path), k = strlen(ending);
  return n > k && strcmp(path + n - k, ending) == 0;
}

/* The first words: an interpreter and the script, or the program itself (of a C source: what it is compiled
 * to). */
static int write_program(struct cl_text *t, const char *path, struct cl_err *e) {
  const char *interpreter = has_ending(path, ".py") ? "python3" : has_ending(path, ".sh") ? "sh" : NULL;
  bool source = has_ending(path, ".c");
  struct cl_text word = {0};
  if (interpreter == NULL && strchr(path, '/') == NULL) cl_text_add(&word, "./");
  for (const char *p = path; *p != '\0' && !(source && strcmp(p, ".c") == 0); p++) {
    cl_text_add_char(&word, *p);
    if (*p == '{' || *p == '}') cl_text_add_char(&word, *p);
  }
  cl_text_add(t, "program:\n");
  if (interpreter != NULL) cl_text_format(t, "  - %s\n", interpreter);
  cl_text_add(t, "  - ");
  cl_text_add_json(t, cl_text_get(&word));
  cl_text_add_char(t, '\n');
  bool failed = word.failed;
  cl_text_done(&word);
  return failed ? CL_FAIL_NOMEM(e) : 0;
}

static void write_options(struct cl_text *t, const struct cl_python_option *const *chosen, size_t n) {
  for (size_t i = 0; i < n; i++) cl_text_format(t, "  - \"%s={%s}\"\n", chosen[i]->option, chosen[i]->name);
  if (n == 0) cl_text_add(t, "  - \"--lr={lr}\"   # guess: change it to how the program takes its values\n");
}

static void write_left_out(struct cl_text *t, const struct cl_python_options *all,
                           const struct cl_python_option *const *chosen, size_t n) {
  bool any = false;
  for (size_t i = 0; i < all->n && t->length < CL_TREE_BYTES / 2; i++) {
    bool used = false;
    for (size_t k = 0; k < n; k++) used = used || chosen[k] == &all->items[i];
    if (used) continue;
    cl_text_format(t, "%s %s", any ? "" : "# left alone:", all->items[i].option);
    any = true;
  }
  if (any) cl_text_add_char(t, '\n');
}

static void write_tail(struct cl_text *t) {
  cl_text_add(t, "\nsearch: random   # how the next values are chosen\n"
                 "trials: 50       # how many trainings in all\n"
                 "parallel: 1      # how many at a time\n"
                 "seed: 1\n");
}

static int write_spec(const char *text, const char *path, const struct cl_python_options *all,
                      struct cl_text *t, struct cl_err *e) {
  const struct cl_python_option *chosen[HYPERPARAMETERS_MAX];
  size_t n = 0;
  struct cl_text list = {0};
  for (size_t i = 0; i < all->n && n < HYPERPARAMETERS_MAX; i++)
    if (!is_taken(chosen, n, all->items[i].name) && write_option(&list, &all->items[i]))
      chosen[n++] = &all->items[i];
  if (n == 0) /* nothing was found: an example to change */
    cl_text_add(&list,
                "  - name: lr   # an example: put the program's own in its place\n    range: [1.0e-5, 1.0]\n"
                "    scale: log\n    tuned_value: 0.01\n");
  assert(n <= HYPERPARAMETERS_MAX && n <= all->n);
  cl_text_add(t, "# A study of ");
  for (const char *p = base_name(path); *p != '\0'; p++)
    if ((unsigned char)*p >= 0x20 && *p != 0x7f) cl_text_add_char(t, *p);
  cl_text_add(t, ". Lines marked `guess` are guesses: look at them before `clade run`.\n");
  int status = write_program(t, path, e);
  write_options(t, chosen, n);
  write_left_out(t, all, chosen, n);
  cl_text_add_char(t, '\n');
  write_metric(t, text, chosen, n);
  cl_text_format(t, "\nhyperparameters:\n%s", cl_text_get(&list));
  write_tail(t);
  if (status == 0 && (t->failed || list.failed)) status = CL_FAIL_NOMEM(e);
  cl_text_done(&list);
  return status;
}

int cl_spec_init_text(const char *text, size_t n, const char *path, struct cl_text *ret, struct cl_err *e) {
  struct cl_arena arena = {0};
  struct cl_python_options all = {0};
  bool readable = cl_text_is_utf8(text, n);
  int status = 0;
  if (!cl_text_is_utf8(path, strlen(path)))
    status = CL_FAIL(e, CLADE_ESPEC, "the program's path is not UTF-8, so no spec can name it; rename it");
  if (status == 0 && readable && has_ending(path, ".py")) status = cl_python_find(&arena, text, &all, e);
  if (status == 0) status = write_spec(readable ? text : "", path, &all, ret, e);
  cl_free(all.items);
  cl_arena_done(&arena);
  return status;
}

int cl_spec_init(const char *program, struct cl_text *ret, struct cl_err *e) {
  char *text = NULL;
  size_t n = 0;
  int status = cl_file_read(program, CL_TREE_BYTES, &text, &n, e);
  if (status == CLADE_ELIMIT) /* a binary, or a very long text: nothing to find in it */
    return cl_spec_init_text("", 0, program, ret, e);
  if (status == 0) status = cl_spec_init_text(text, n, program, ret, e);
  cl_free(text);
  return status;
}
