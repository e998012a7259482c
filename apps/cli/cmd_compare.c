/* clade compare A B...: methods from identical initial populations, over several seeds */
#include <assert.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/compare.h"

#define SEEDS_MAX 100000

/* --- seeds ------------------------------------------------------------------------------------------ */

static int add_seed(struct cl_cli_seeds *s, int64_t seed) {
  size_t at = s->n;
  while (at > 0 && s->items[at - 1] > seed) at--;
  if (at > 0 && s->items[at - 1] == seed) return 0;
  int64_t *items = clade_resize(s->items, (s->n + 1) * sizeof *items);
  if (items == NULL) return -1;
  memmove(items + at + 1, items + at, (s->n - at) * sizeof *items);
  items[at] = seed;
  s->items = items;
  s->n++;
  return 0;
}

/* "3" or "3-5". */
static bool parse_span(const char *text, size_t n, int64_t *ret_lo, int64_t *ret_hi) {
  char part[64];
  if (n == 0 || n >= sizeof part) return false;
  memcpy(part, text, n);
  part[n] = '\0';
  char *dash = strchr(part + 1, '-');
  if (dash != NULL) *dash = '\0';
  if (!clade_text_to_int(part, ret_lo) || *ret_lo < 0) return false;
  *ret_hi = *ret_lo;
  return dash == NULL || (clade_text_to_int(dash + 1, ret_hi) && *ret_hi >= *ret_lo);
}

int cl_cli_seeds_parse(const struct cl_cli *cli, const char *option, const char *text, bool counts,
                       struct cl_cli_seeds *ret) {
  int64_t lo = 0, hi = 0;
  bool is_count = counts && strpbrk(text, ",-") == NULL;
  for (const char *at = text; at != NULL;) {
    size_t n = strcspn(at, ",");
    if (!parse_span(at, n, &lo, &hi) || hi - lo >= SEEDS_MAX || (is_count && (hi < 1 || hi > SEEDS_MAX)))
      return cl_cli_complain(cli, CL_EXIT_USAGE,
                             counts ? "--%s wants how many seeds (8 = 1 to 8) or which (1-4,9), not '%.60s'"
                                    : "--%s wants seeds, as 3 or 1-4,9, not '%.60s'",
                             option, text);
    for (int64_t seed = is_count ? 1 : lo; seed <= hi; seed++)
      if (add_seed(ret, seed) != 0) return cl_cli_complain(cli, CL_EXIT_FAILED, "out of memory");
    at = at[n] == ',' ? at + n + 1 : NULL;
  }
  return 0;
}

bool cl_cli_seeds_have(const struct cl_cli_seeds *s, int64_t seed) {
  if (s->n == 0) return true;
  for (size_t i = 0; i < s->n; i++)
    if (s->items[i] == seed) return true;
  return false;
}

/* --- sides ------------------------------------------------------------------------------------------ */

static char *copy_text(const char *text) {
  size_t n = strlen(text) + 1;
  char *copy = clade_resize(NULL, n);
  if (copy != NULL) memcpy(copy, text, n);
  return copy;
}

/* A file is a spec; so is what only looks like one, so that a slip of the pen is called a missing file. */
static bool is_spec(const char *typed) {
  const char *dot = strrchr(typed, '.');
  struct stat file;
  bool looks = dot != NULL && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0);
  return looks || (stat(typed, &file) == 0 && S_ISREG(file.st_mode));
}

/* Name, settings and store of a spec. */
static int read_spec(struct cl_cli_compare *c, struct cl_cli_side *side) {
  const struct cl_cli_compare_options *o = c->options;
  struct clade_run_options options = {.store = c->cli->store_typed,
                                      .spec = side->typed,
                                      .trials = o->trials.value,
                                      .n_set = (int)o->set.n,
                                      .set = o->set.items};
  struct clade_plan *plan = NULL;
  struct cl_err e = {0};
  if (clade_run_plan(&options, NULL, &plan, &e) < 0) return cl_cli_fail(c->cli, &e);
  int status = 0;
  if (plan->once)
    status = cl_cli_complain(c->cli, CL_EXIT_USAGE, "'%s' is one run with tuned values: nothing to compare",
                             side->typed);
  else if (c->store_copy != NULL && strcmp(c->store_copy, plan->store) != 0)
    status = cl_cli_complain(c->cli, CL_EXIT_USAGE,
                             "the specs name two stores, %s and %s: say by --store which one to use",
                             c->store_copy, plan->store);
  else if (c->store_copy == NULL)
    c->store_copy = copy_text(plan->store);
  side->name = copy_text(plan->study);
  side->settings = copy_text(plan->settings);
  clade_plan_free(plan);
  if (status == 0 && (side->name == NULL || side->settings == NULL || c->store_copy == NULL))
    status = cl_cli_complain(c->cli, CL_EXIT_FAILED, "out of memory");
  return status;
}

static int check_names(const struct cl_cli_compare *c) {
  for (size_t i = 0; i < c->n_sides; i++)
    for (size_t k = i + 1; k < c->n_sides; k++)
      if (strcmp(c->sides[i].name, c->sides[k].name) == 0)
        return cl_cli_complain(c->cli, CL_EXIT_USAGE,
                               "'%s' and '%s' are both called '%s': give each spec a `study:` of its own",
                               c->sides[i].typed, c->sides[k].typed, c->sides[i].name);
  return 0;
}

static int find_sides(struct cl_cli_compare *c, int argc, const char **argv) {
  assert(c->sides != NULL || argc == 0);
  for (int i = 0; i < argc; i++) {
    struct cl_cli_side *side = &c->sides[c->n_sides++];
    *side = (struct cl_cli_side){.typed = argv[i], .is_spec = is_spec(argv[i])};
    if (!side->is_spec && (side->name = copy_text(argv[i])) == NULL)
      return cl_cli_complain(c->cli, CL_EXIT_FAILED, "out of memory");
    int status = side->is_spec ? read_spec(c, side) : 0;
    if (status != 0) return status;
  }
  c->store = c->store_copy != NULL ? c->store_copy : cl_cli_store(c->cli);
  return check_names(c);
}

static bool has_spec(const struct cl_cli_compare *c) {
  bool found = false;
  for (size_t i = 0; i < c->n_sides; i++) found = found || c->sides[i].is_spec;
  return found;
}

/* --- the command ------------------------------------------------------------------------------------ */

/* Mistakes are found before the hours, not after them. */
static int check_options(const struct cl_cli_compare *c) {
  const struct cl_cli_compare_options *o = c->options;
  if (!has_spec(c) && (o->set.n > 0 || o->trials.given))
    return cl_cli_complain(c->cli, CL_EXIT_USAGE,
                           "--set and --trials change specs, but only studies that exist are compared");
  if (o->plot == NULL && (o->plot_seeds != NULL || o->forms != NULL || o->hparams.n > 0 || o->keep_scripts))
    return cl_cli_complain(c->cli, CL_EXIT_USAGE, "name the directory of the pictures: --plot DIR");
  return cl_cli_compare_check_plot(c);
}

static int work(struct cl_cli_compare *c) {
  struct cl_cli_compared d = {0};
  int failed = 0, ran = has_spec(c) && !c->options->dry_run ? cl_cli_compare_run(c, &failed) : 0;
  if (ran != 0 && ran < 128) return ran;
  int status = cl_cli_compared_read(c, &d);
  if (status == 0) cl_cli_compare_write(c, &d);
  if (status == 0) status = cl_cli_flush(c->cli);
  if (status == 0 && c->options->plot != NULL) status = cl_cli_compare_plot(c, &d);
  cl_cli_compared_done(&d);
  if (ran >= 128) return ran; /* interrupted; what there is was shown */
  return status == 0 && failed > 0 ? CL_EXIT_FAILED : status;
}

static int run(struct cl_cli *cli, const void *options, int argc, const char **argv, int rest) {
  const struct cl_cli_compare_options *typed = options;
  struct cl_cli_compare c = {.cli = cli, .options = typed};
  (void)rest;
  c.sides = clade_resize(NULL, (size_t)argc * sizeof *c.sides);
  int status = c.sides == NULL ? cl_cli_complain(cli, CL_EXIT_FAILED, "out of memory") : 0;
  if (status == 0) status = find_sides(&c, argc, argv);
  if (status == 0) status = check_options(&c);
  if (status == 0 && (typed->seeds != NULL || has_spec(&c)))
    status = cl_cli_seeds_parse(cli, "seeds", typed->seeds != NULL ? typed->seeds : "5", true, &c.seeds);
  if (status == 0) status = work(&c);
  for (size_t i = 0; i < c.n_sides; i++) {
    clade_free(c.sides[i].name);
    clade_free(c.sides[i].settings);
  }
  clade_free(c.sides);
  clade_free(c.seeds.items);
  clade_free(c.store_copy);
  return status;
}

#define AT(member) offsetof(struct cl_cli_compare_options, member)
static const struct cl_cli_option options[] = {
    {CL_OPTION_TEXT, '\0', "seeds", AT(seeds), "N|LIST",
     "how many seeds (8 = 1 to 8), or which: 1-4,9 (5 for specs; every one there is for studies)"},
    {CL_OPTION_INTEGER, 'p', "parallel", AT(engine.slots), "N", "how many trials of a study at the same time",
     NULL, 1, CL_CLI_SLOTS_MAX},
    {CL_OPTION_INTEGER, 'n', "trials", AT(trials), "N", "trials of each study (the specs')", NULL, 1, 1e12},
    {CL_OPTION_LIST, '\0', "set", AT(set), "KEY=VALUE", "change a key of every spec; may be repeated"},
    {CL_OPTION_FLAG, '\0', "dry-run", AT(dry_run), NULL, "run nothing, show what is there"},
    {CL_OPTION_TEXT, '\0', "plot", AT(plot), "DIR",
     "draw into this directory: members-sSEED, the metric of every member over time, and values-sSEED, two "
     "hyperparameters; the best in purple"},
    {CL_OPTION_TEXT, '\0', "plot-seeds", AT(plot_seeds), "LIST", "of these seeds (the first): 3, or 1-4,9"},
    {CL_OPTION_LIST, '\0', "hparams", AT(hparams), "X,Y",
     "the two hyperparameters to draw (the first two that are numbers)"},
    {CL_OPTION_TEXT, '\0', "forms", AT(forms), "LIST", "svg, png, pdf, joined by commas (svg,png)"},
    {CL_OPTION_FLAG, '\0', "keep-scripts", AT(keep_scripts), NULL,
     "keep the gnuplot script of each picture beside it (.gp)"},
    CL_CLI_ENGINE_OPTIONS(struct cl_cli_compare_options, engine),
    {CL_OPTION_END}};

static const struct cl_cli_example examples[] = {
    {"clade compare pbt.yaml random.yaml --seeds 8 -p 2",
     "Two methods, eight seeds each; interrupted, the same command goes on."},
    {"clade compare mnist-pbt mnist-random", "Studies that exist, paired by their seed."},
    {"clade compare mnist-pbt mnist-random --plot pictures --hparams lr,momentum", "With pictures."},
    {"clade compare 'pbt-*' 'random-*,old-random-7' --json", "Lists and wildcards, for a program."},
    {0}};

extern const struct cl_cli_command cl_command_compare;
const struct cl_cli_command cl_command_compare = {
    .name = "compare",
    .summary = "compare methods from identical beginnings, over several seeds",
    .usage = "[OPTION...] A B [C...]",
    .description =
        "Each of A, B, … is a spec file or studies that exist. A spec is run once per seed, as the study NAME-sSEED; those that "
        "are finished are not run again, one that was interrupted goes on, so the same command ends what an earlier one began. "
        "Studies are named as anywhere (also by lists and wildcards); a bare NAME stands for NAME-s1, NAME-s2 … too. Nothing "
        "of theirs is run.\n\n"
        "Studies are paired by their seed: values and seeds of the first trials come from it alone, so the methods begin with "
        "identical populations (this is checked, and said). Shown are the best score of each study, and of A less each other "
        "method the mean difference, its variance, its 95 % interval (Student's t), a paired t-test, and a permutation test of "
        "the signs, which assumes less but needs six pairs to reach 0.05. With more than two methods, Holm's correction stands "
        "beside. How often a test set was seen is counted.\n\n"
        "Exit status: 0 done, 1 a study was given up, 2 usage or spec, 3 no such study, 130 or 143 interrupted.",
    .options = options,
    .options_size = sizeof(struct cl_cli_compare_options),
    .examples = examples,
    .n_least = 2,
    .n_most = 32,
    .run = run,
};
