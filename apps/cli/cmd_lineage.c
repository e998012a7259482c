/* clade lineage [STUDY[/TRIAL]] */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/rows.h"
#include "view/gnuplot.h"
#include "view/number.h"
#include "view/safe.h"

#define DEPTH_MAX  40 /* levels that are drawn one inside the other */
#define VALUES_MAX 6  /* of a branch, on its line */

struct options {
  bool best;
  const char *plot, *script;
};

/* For people: a tree. */

struct tree {
  struct cl_cli *cli;
  const struct clade_lineage *l;
  struct clade_text stem; /* what stands before a line */
  size_t *first, *next;   /* children by number: 0 = none */
};

/* Children in the order in which they began, which is that of their numbers. */
static bool tie(struct tree *t) {
  size_t n = t->l->n;
  t->first = clade_resize(NULL, (n + 1) * sizeof *t->first);
  t->next = clade_resize(NULL, (n + 1) * sizeof *t->next);
  if (t->first == NULL || t->next == NULL) return false;
  memset(t->first, 0, (n + 1) * sizeof *t->first);
  memset(t->next, 0, (n + 1) * sizeof *t->next);
  for (size_t i = n; i >= 1; i--) {
    size_t parent = (size_t)t->l->branches[i - 1].parent;
    t->next[i] = t->first[parent];
    t->first[parent] = i;
  }
  return true;
}

static void add_value(struct tree *t, const struct clade_named_value *v,
                      const struct clade_named_value *before) {
  struct clade_text word = {0};
  char number[CL_VIEW_NUMBER_MAX];
  const struct clade_named_value *parts[] = {before, v};
  clade_text_add(&word, v->name);
  for (size_t i = 0; i < 2; i++) {
    if (parts[i] == NULL) continue;
    if (i == 1 && before != NULL)
      clade_text_add(&word, t->cli->out.utf8 ? " → " : " -> ");
    else
      clade_text_add_char(&word, before == NULL ? '=' : ' ');
    if (parts[i]->value.kind == CLADE_REAL)
      clade_text_add(&word, cl_view_short(parts[i]->value.as.real, 4, number));
    else if (parts[i]->value.kind == CLADE_ABSENT)
      clade_text_add(&word, "none");
    else
      cl_cli_add_value(&word, parts[i]->value);
  }
  clade_text_add(&t->cli->text, "  ");
  cl_view_add_safe(&t->cli->text, clade_text_get(&word), &t->cli->out);
  clade_text_done(&word);
}

static void add_values(struct tree *t, const struct clade_branch *b) {
  bool root = b->parent == 0 && isnan(b->from);
  size_t n = root ? b->n_values : b->n_changed, shown = n < VALUES_MAX ? n : VALUES_MAX;
  for (size_t i = 0; i < shown; i++)
    add_value(t, root ? &b->values[i] : &b->changed[i], root ? NULL : &b->before[i]);
  if (n > shown) clade_text_format(&t->cli->text, "  and %zu more", n - shown);
}

static void add_branch(struct tree *t, const struct clade_branch *b) {
  struct clade_text *out = &t->cli->text;
  char from[CL_VIEW_NUMBER_MAX], to[CL_VIEW_NUMBER_MAX];
  if (b->best) cl_view_tone_begin(out, &t->cli->out, CL_TONE_STRONG);
  clade_text_format(out, "trial %" PRId64, b->trial);
  if (b->best) cl_view_tone_end(out, &t->cli->out, CL_TONE_STRONG);
  if (isnan(b->to))
    clade_text_add(out, "  nothing reported");
  else
    clade_text_format(out, "  %s to %s", isnan(b->from) ? "0" : cl_view_short(b->from, 6, from),
                      cl_view_short(b->to, 6, to));
  add_values(t, b);
  if (isfinite(b->value)) clade_text_format(out, "  = %s", cl_view_short(b->value, 6, to));
  if (b->present && b->trial == t->l->best_trial) clade_text_add(out, " best");
  clade_text_add_char(out, '\n');
}

static void write_below(struct tree *t, size_t parent, int depth);

static void write_one(struct tree *t, size_t branch, int depth) {
  bool utf8 = t->cli->out.utf8, last = t->next[branch] == 0, drawn = depth > 0 && depth <= DEPTH_MAX;
  size_t length = t->stem.length;
  clade_text_add(&t->cli->text, clade_text_get(&t->stem));
  if (drawn) clade_text_add(&t->cli->text, utf8 ? (last ? "└─ " : "├─ ") : last ? "`- " : "|- ");
  add_branch(t, &t->l->branches[branch - 1]);
  if (drawn) clade_text_add(&t->stem, last ? "   " : utf8 ? "│  " : "|  ");
  write_below(t, branch, depth + 1);
  t->stem.length = length;
  if (t->stem.bytes != NULL) t->stem.bytes[length] = '\0';
}

static void write_below(struct tree *t, size_t parent, int depth) {
  for (size_t i = t->first[parent]; i != 0; i = t->next[i]) {
    write_one(t, i, depth);
    if (cl_cli_flush(t->cli) != 0) return;
  }
}

static int write_text(struct cl_cli *cli, const struct clade_lineage *l) {
  struct tree t = {.cli = cli, .l = l};
  bool room = tie(&t);
  if (l->n == 0) clade_text_add(&cli->text, "no trial has been started yet\n");
  if (room) write_below(&t, 0, 0);
  clade_text_done(&t.stem);
  clade_free(t.first);
  clade_free(t.next);
  return room ? CL_EXIT_DONE : cl_cli_complain(cli, CL_EXIT_FAILED, "out of memory");
}

/* For programs. */

static void write_json(struct clade_text *t, const struct clade_lineage *l) {
  clade_text_add_char(t, '[');
  for (size_t i = 0; i < l->n; i++) {
    const struct clade_branch *b = &l->branches[i];
    clade_text_format(t, "%s{\"branch\": %zu, \"trial\": %" PRId64 ", \"parent\": ", i > 0 ? ",\n " : "",
                      i + 1, b->trial);
    if (b->parent == 0)
      clade_text_add(t, "null");
    else
      clade_text_format(t, "%" PRId64, b->parent);
    cl_cli_add_json_member(t, "from", b->from);
    cl_cli_add_json_member(t, "to", b->to);
    clade_text_add(t, ", \"cause\": ");
    clade_text_add_json(t, b->cause);
    clade_text_add(t, ", \"values\": ");
    cl_cli_add_json_values(t, b->values, b->n_values);
    clade_text_add(t, ", \"changed\": ");
    cl_cli_add_json_values(t, b->changed, b->n_changed);
    clade_text_format(t, ", \"present\": %s, \"best\": %s", b->present ? "true" : "false",
                      b->best ? "true" : "false");
    cl_cli_add_json_member(t, "value", b->value);
    clade_text_add_char(t, '}');
  }
  clade_text_add(t, "]\n");
}

/* As a picture: a line for each trial over its steps, a stroke where a state went from one to another. */

static void add_line(struct clade_text *t, double x0, double y0, double x1, double y1) {
  cl_view_gnuplot_add_number(t, x0);
  clade_text_format(t, " %.17g ", y0);
  cl_view_gnuplot_add_number(t, x1);
  clade_text_format(t, " %.17g\n", y1);
}

/* Where the way to the best one leaves a branch of it. */
static double leave_step(const struct clade_lineage *l, size_t branch) {
  for (size_t i = branch + 1; i < l->n; i++)
    if (l->branches[i].best && (size_t)l->branches[i].parent == branch + 1) return l->branches[i].from;
  return isnan(l->branches[branch].to) ? 0 : l->branches[branch].to;
}

/* The part of each trial's line that is, or is not, on the way to the best one. */
static void add_trained(struct clade_text *t, const struct clade_lineage *l, bool best) {
  for (size_t i = 0; i < l->n; i++) {
    const struct clade_branch *b = &l->branches[i];
    double from = isnan(b->from) ? 0 : b->from, to = isnan(b->to) ? from : b->to, y = (double)b->trial;
    double leaves = b->best ? leave_step(l, i) : from;
    if (best && b->best) add_line(t, from, y, leaves, y);
    if (!best && to > leaves) add_line(t, leaves, y, to, y);
  }
}

static void add_cloned(struct clade_text *t, const struct clade_lineage *l, bool best) {
  for (size_t i = 0; i < l->n; i++) {
    const struct clade_branch *b = &l->branches[i];
    if (b->best == best && b->parent != 0)
      add_line(t, b->from, (double)l->branches[b->parent - 1].trial, b->from, (double)b->trial);
  }
}

static void add_block(struct clade_text *t, const struct clade_lineage *l, const char *name, bool best,
                      void (*add)(struct clade_text *t, const struct clade_lineage *l, bool best)) {
  clade_text_format(t, "$%s << EOD\n", name);
  add(t, l, best);
  add_line(t, NAN, 0, NAN, 0); /* gnuplot wants one line at least */
  clade_text_add(t, "EOD\n");
}

static int draw(struct cl_cli *cli, const struct options *o, const struct clade_lineage *l,
                const char *study) {
  struct clade_text t = {0};
  struct cl_err e = {0};
  int64_t last = 1;
  for (size_t i = 0; i < l->n; i++) last = l->branches[i].trial > last ? l->branches[i].trial : last;
  add_block(&t, l, "others", false, add_trained);
  add_block(&t, l, "clones", false, add_cloned);
  add_block(&t, l, "best", true, add_trained);
  add_block(&t, l, "bestclones", true, add_cloned);
  clade_text_add(&t, "set title ");
  cl_view_gnuplot_add_text(&t, study);
  clade_text_add(&t, "\nset xlabel ");
  cl_view_gnuplot_add_text(&t, l->unit == NULL ? "step" : l->unit);
  clade_text_format(&t, "\nset ylabel 'trial'\nset yrange [0.5:%" PRId64 ".5]\nunset key\n", last);
  clade_text_add(&t, "v = 'using 1:2:($3-$1):($4-$2) with vectors nohead'\n"
                     "plot $clones @v lc rgb '#c8c8c8', $others @v lw 2 lc rgb '#8c8c8c', "
                     "$bestclones @v lw 2 lc rgb '#b070d0', $best @v lw 4 lc rgb '#8000a0'\n");
  struct cl_view_picture picture = {.path = o->plot, .script_path = o->script, .width = 900, .height = 600};
  int status = t.failed ? cl_cli_complain(cli, CL_EXIT_FAILED, "out of memory") : 0;
  if (status == 0 && cl_view_picture_draw(&picture, clade_text_get(&t), &e) < 0)
    status = cl_cli_fail(cli, &e);
  clade_text_done(&t);
  if (status == 0) cl_cli_note(cli, "drawn: %s", o->plot);
  return status;
}

/* The command. */

static int choose_trial(struct cl_cli *cli, const struct options *o, struct clade_reader *reader,
                        int64_t *ret) {
  struct clade_best *best = NULL;
  int64_t *trials = NULL;
  size_t n = 0;
  struct cl_err e = {0};
  int status = CL_EXIT_DONE;
  if (o->best) {
    if (clade_best_read(reader, &best, &e) < 0) return cl_cli_fail(cli, &e);
    *ret = best->trial;
    clade_best_free(best);
    return *ret != 0 ? CL_EXIT_DONE
                     : cl_cli_complain(cli, CL_EXIT_NOTHING,
                                       "%s has no best trial yet: none has finished with a finite value",
                                       clade_reader_study(reader));
  }
  if (!clade_reader_names_trials(reader)) return CL_EXIT_DONE;
  if (clade_reader_trials(reader, &trials, &n, &e) < 0) return cl_cli_fail(cli, &e);
  if (n == 1)
    *ret = trials[0];
  else
    status = cl_cli_complain(cli, n == 0 ? CL_EXIT_NOTHING : CL_EXIT_USAGE,
                             n == 0 ? "%s has no such trial" : "name one trial of %s, or none for all",
                             clade_reader_study(reader));
  clade_free(trials);
  return status;
}

static int show(struct cl_cli *cli, const struct options *o, struct clade_reader *reader, int64_t trial) {
  struct clade_lineage *l = NULL;
  struct cl_err e = {0};
  int status = CL_EXIT_DONE;
  if (clade_lineage_read(reader, trial, &l, &e) < 0) return cl_cli_fail(cli, &e);
  if (o->plot != NULL)
    status = draw(cli, o, l, clade_reader_study(reader));
  else if (cli->json)
    write_json(&cli->text, l);
  else
    status = write_text(cli, l);
  clade_lineage_free(l);
  return status;
}

static int run(struct cl_cli *cli, const void *options, int argc, const char **argv, int rest) {
  (void)rest;
  const struct options *o = options;
  struct clade_store *store = NULL;
  struct clade_reader *reader = NULL;
  struct cl_err e = {0};
  int64_t trial = 0;
  int noun = cl_cli_skip_noun(argc, argv, false);
  if (o->script != NULL && o->plot == NULL)
    return cl_cli_complain(cli, CL_EXIT_USAGE,
                           "--script keeps the script of a picture: name one with --plot");
  if (o->plot != NULL && cl_view_picture_check(o->plot, &e) < 0)
    return cl_cli_complain(cli, CL_EXIT_USAGE, "%s", e.text);
  int status = clade_store_open(cl_cli_store(cli), &store, &e);
  if (status == 0) status = clade_reader_open(store, argc > noun ? argv[noun] : NULL, &reader, &e);
  status = status < 0 ? cl_cli_fail(cli, &e) : choose_trial(cli, o, reader, &trial);
  if (status == 0) status = show(cli, o, reader, trial);
  clade_reader_close(reader);
  clade_store_close(store);
  return status;
}

static const struct cl_cli_option options[] = {
    {CL_OPTION_FLAG, '\0', "best", offsetof(struct options, best), NULL, "only the way to the best trial"},
    {CL_OPTION_TEXT, '\0', "plot", offsetof(struct options, plot), "FILE",
     "draw it: .svg, .png or .pdf (by gnuplot)"},
    {CL_OPTION_TEXT, '\0', "script", offsetof(struct options, script), "FILE",
     "with --plot: keep gnuplot's script"},
    {CL_OPTION_END}};

static const struct cl_cli_example examples[] = {
    {"clade lineage mnist-pbt", "Who came from whom, when, and with which changes."},
    {"clade lineage mnist-pbt --best", "Only how the best one came about."},
    {"clade lineage mnist-pbt --plot tree.svg", "As a picture; the best one's way is purple."},
    {0}};

extern const struct cl_cli_command cl_command_lineage;
const struct cl_cli_command cl_command_lineage = {
    .name = "lineage",
    .summary = "show which trial came from which, when, and with what",
    .usage = "[OPTION...] [STUDY[/TRIAL]]",
    .description =
        "A line is a branch: what one trial trained from a moment at which it took over a state, with the first and last step "
        "of it and the values that changed on the way over. Below it stand the branches that took over a state of its own. A "
        "trial that resumed from its own state went on with its branch. The score stands where a trial is now.\n\n"
        "STUDY/TRIAL and --best show one way alone; clade schedule has its values over the steps.\n\n"
        "Exit status: 0 done, 1 no gnuplot, 2 usage, 3 no such study or trial.",
    .options = options,
    .options_size = sizeof(struct options),
    .examples = examples,
    .n_most = 2,
    .run = run,
};
