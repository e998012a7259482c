/* The pictures of `clade compare`: populations of one seed, a panel per method. */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/compare.h"
#include "view/gnuplot.h"
#include "view/number.h"
#include "view/population.h"

#define MEMBERS_MAX 2000 /* of a population: more cannot be told apart */

/* A population as it is gathered: what the view borrows from. */
struct gathered {
  struct cl_view_member *members;
  double *values; /* final ones, to rank by */
  size_t n;
  struct clade_text title;
};

struct plotting {
  const struct cl_cli_compare *c;
  const struct cl_cli_compared *d;
  const char *names[2]; /* of the two hyperparameters; null: none */
  char *names_copy;
  struct clade_text step; /* label */
  struct gathered *panels;
  size_t n;
};

static int out_of_memory(const struct plotting *p) {
  return cl_cli_complain(p->c->cli, CL_EXIT_FAILED, "out of memory");
}

/* --- which values ------------------------------------------------------------------------------------ */

static double number_of(struct clade_value v) {
  if (v.kind == CLADE_INT) return (double)v.as.integer;
  return v.kind == CLADE_REAL ? v.as.real : (double)NAN;
}

/* "lr,momentum", in one list or two. */
static int take_typed_names(struct plotting *p) {
  const struct cl_cli_list *typed = &p->c->options->hparams;
  struct clade_text all = {0};
  for (size_t i = 0; i < typed->n; i++) {
    if (i > 0) clade_text_add_char(&all, ',');
    clade_text_add(&all, typed->items[i]);
  }
  if (all.failed) return out_of_memory(p);
  size_t n = 0;
  p->names_copy = all.bytes; /* taken */
  for (char *name = p->names_copy, *comma; name != NULL; name = comma) {
    comma = strchr(name, ',');
    if (comma != NULL) *comma++ = '\0';
    if (n == 2 || name[0] == '\0')
      return cl_cli_complain(p->c->cli, CL_EXIT_USAGE, "--hparams wants two names, as lr,momentum");
    p->names[n++] = name;
  }
  return 0;
}

/* The first two that are numbers in the first trial of the first study. */
static int choose_names(struct plotting *p) {
  struct clade_trial_info *info = NULL;
  struct clade_text names = {0};
  size_t found = 0, at[2] = {0};
  if (clade_trial_read(p->d->studies[0].reader, 1, &info, NULL) < 0) return 0; /* nothing to draw */
  for (size_t i = 0; i < info->n_values && found < 2; i++) {
    if (isnan(number_of(info->values[i].value))) continue;
    at[found++] = names.length;
    clade_text_add_bytes(&names, info->values[i].name, strlen(info->values[i].name) + 1);
  }
  clade_trial_free(info);
  if (names.failed) return out_of_memory(p);
  p->names_copy = names.bytes; /* taken */
  for (size_t i = 0; i < found; i++) p->names[i] = p->names_copy + at[i];
  return 0;
}

/* What `name` was when the member trained to `step`; NaN where it is no number. */
static double value_at(const struct clade_trial_info *info, const char *name, double step) {
  struct clade_value v = {0};
  bool changed = false;
  for (size_t i = 0; name != NULL && i < info->n_values; i++)
    if (strcmp(info->values[i].name, name) == 0) v = info->values[i].value;
  for (size_t i = 0; name != NULL && i < info->n_changes; i++) {
    const struct clade_change *c = &info->changes[i];
    if (strcmp(c->name, name) != 0) continue;
    if (!changed) v = c->before;
    changed = true;
    if (!isnan(c->step) && c->step >= step) break; /* decided after this report */
    v = c->after;
  }
  return number_of(v);
}

/* --- gathering --------------------------------------------------------------------------------------- */

static double metric_of(const struct clade_report *r, const char *metric) {
  for (size_t i = 0; i < r->n_metrics; i++)
    if (strcmp(r->metrics[i].name, metric) == 0) return number_of(r->metrics[i].value);
  return NAN;
}

static int add_member(struct plotting *p, struct gathered *g, const struct clade_trial_info *info) {
  struct cl_view_point *points = clade_resize(NULL, (info->n_reports + 1) * sizeof *points);
  size_t n = 0;
  if (points == NULL) return out_of_memory(p);
  for (size_t i = 0; i < info->n_reports; i++) {
    const struct clade_report *r = &info->reports[i];
    double score = r->counts ? metric_of(r, info->metric) : (double)NAN;
    if (!r->counts) continue;
    points[n++] = (struct cl_view_point){.step = r->step,
                                         .score = score,
                                         .x = value_at(info, p->names[0], r->step),
                                         .y = value_at(info, p->names[1], r->step)};
  }
  g->members[g->n] = (struct cl_view_member){.points = points, .n = n};
  g->values[g->n++] = info->value;
  return 0;
}

/* Ranks by final value; ties and what is not finite by number, below the others; the best is the study's. */
static void rank_members(struct gathered *g, size_t best, bool maximize) {
  double sign = maximize ? 1 : -1;
  for (size_t i = 0; i < g->n; i++) {
    size_t rank = 0;
    for (size_t k = 0; k < g->n && i != best; k++) {
      double mine = sign * g->values[i], other = sign * g->values[k];
      bool above = isfinite(other) && (!isfinite(mine) || other > mine);
      bool tied = isfinite(mine) == isfinite(other) && (!isfinite(mine) || other == mine);
      rank += k != i && (k == best || above || (tied && k < i));
    }
    g->members[i].rank = rank;
  }
}

static bool is_searched(const struct clade_trial_info *info) {
  return strcmp(info->role, "search") == 0 || strcmp(info->role, "enqueued") == 0;
}

static void write_title(struct gathered *g, const struct plotting *p, size_t method,
                        const struct clade_compare_cell *cell) {
  char value[CL_VIEW_NUMBER_MAX];
  clade_text_add(&g->title, p->c->sides[method].name);
  if (cell->trial > 0)
    clade_text_format(&g->title, " (best %s: %s)", p->d->result->metric,
                      cl_view_short(cell->value, 5, value));
}

static int gather_trials(struct plotting *p, struct gathered *g, struct clade_reader *reader, int64_t best,
                         size_t *ret_best) {
  struct clade_study_info *study = NULL;
  struct cl_err e = {0};
  int status = clade_study_read(reader, &study, &e) < 0 ? cl_cli_fail(p->c->cli, &e) : 0;
  int64_t trials = status != 0 ? 0 : study->trials < MEMBERS_MAX ? study->trials : MEMBERS_MAX;
  if (status == 0 && p->step.length == 0)
    clade_text_add(&p->step, study->step != NULL ? study->step : "step");
  clade_study_free(study);
  g->members = clade_resize(NULL, ((size_t)trials + 1) * sizeof *g->members);
  g->values = clade_resize(NULL, ((size_t)trials + 1) * sizeof *g->values);
  if (g->members == NULL || g->values == NULL) return out_of_memory(p);
  for (int64_t trial = 1; trial <= trials && status == 0; trial++) {
    struct clade_trial_info *info = NULL;
    if (clade_trial_read(reader, trial, &info, &e) < 0) return cl_cli_fail(p->c->cli, &e);
    if (trial == best) *ret_best = g->n;
    if (is_searched(info)) status = add_member(p, g, info);
    clade_trial_free(info);
  }
  return status;
}

static int gather(struct plotting *p, size_t row) {
  const struct clade_comparison *r = p->d->result;
  for (size_t m = 0; m < r->n_methods; m++) {
    const struct clade_compare_cell *cell = &r->cells[row * r->n_methods + m];
    struct gathered *g = &p->panels[p->n++];
    size_t best = SIZE_MAX;
    *g = (struct gathered){0};
    write_title(g, p, m, cell);
    if (cell->state == CLADE_COMPARE_ABSENT) continue; /* an empty panel */
    int status = gather_trials(p, g, p->d->studies[cell->study].reader, cell->trial, &best);
    if (status != 0) return status;
    rank_members(g, best, strcmp(r->goal, "maximize") == 0);
  }
  return 0;
}

static void forget(struct plotting *p) {
  for (size_t i = 0; i < p->n; i++) {
    for (size_t k = 0; k < p->panels[i].n; k++) clade_free((void *)(uintptr_t)p->panels[i].members[k].points);
    clade_free(p->panels[i].members);
    clade_free(p->panels[i].values);
    clade_text_done(&p->panels[i].title);
  }
  p->n = 0;
}

/* --- drawing ----------------------------------------------------------------------------------------- */

/* DIR/members-s3.svg, and beside it the script if it is to be kept. */
static int draw_form(const struct plotting *p, const char *stem, const char *form, size_t form_length,
                     const char *commands) {
  struct clade_text path = {0}, script = {0};
  struct cl_view_picture picture = {0};
  struct cl_err e = {0};
  clade_text_format(&path, "%s.%.*s", stem, (int)form_length, form);
  clade_text_format(&script, "%s.gp", stem);
  picture.path = clade_text_get(&path);
  if (p->c->options->keep_scripts) picture.script_path = clade_text_get(&script);
  cl_view_populations_size(p->n, &picture.width, &picture.height);
  int status = 0;
  if (path.failed || script.failed)
    status = out_of_memory(p);
  else if (cl_view_picture_draw(&picture, commands, &e) < 0)
    status =
        cl_cli_complain(p->c->cli, e.code == CLADE_EINVAL ? CL_EXIT_USAGE : CL_EXIT_FAILED, "%s", e.text);
  else
    cl_cli_note(p->c->cli, "drawn: %s", picture.path);
  clade_text_done(&path);
  clade_text_done(&script);
  return status;
}

static int draw(const struct plotting *p, const char *what, int64_t seed, const struct clade_text *commands) {
  const char *forms = p->c->options->forms != NULL ? p->c->options->forms : "svg,png";
  struct clade_text stem = {0};
  int status = commands->failed ? out_of_memory(p) : 0;
  clade_text_format(&stem, "%s/%s-s%" PRId64, p->c->options->plot, what, seed);
  for (const char *form = forms; form != NULL && status == 0;) {
    size_t n = strcspn(form, ",");
    status = draw_form(p, clade_text_get(&stem), form, n, clade_text_get(commands));
    form = form[n] == ',' ? form + n + 1 : NULL;
  }
  clade_text_done(&stem);
  return status;
}

static int draw_both(struct plotting *p, int64_t seed) {
  struct cl_view_population *items = clade_resize(NULL, p->n * sizeof *items);
  struct clade_text scores = {0}, values = {0};
  if (items == NULL) return out_of_memory(p);
  for (size_t i = 0; i < p->n; i++)
    items[i] = (struct cl_view_population){
        .title = clade_text_get(&p->panels[i].title), .members = p->panels[i].members, .n = p->panels[i].n};
  struct cl_view_populations all = {.items = items,
                                    .n = p->n,
                                    .metric = p->d->result->metric,
                                    .step = clade_text_get(&p->step),
                                    .x = p->names[0],
                                    .y = p->names[1]};
  cl_view_populations_write_scores(&all, &scores);
  int status = draw(p, "members", seed, &scores);
  if (status == 0 && cl_view_populations_write_values(&all, &values))
    status = draw(p, "values", seed, &values);
  else if (status == 0)
    cl_cli_note(p->c->cli, "values were not drawn: %s has no numbers to draw",
                p->names[0] != NULL ? p->names[0] : "the space");
  clade_text_done(&scores);
  clade_text_done(&values);
  clade_free(items);
  return status;
}

static int draw_seeds(struct plotting *p) {
  const struct clade_comparison *r = p->d->result;
  struct cl_cli_seeds wanted = {0};
  const char *typed = p->c->options->plot_seeds;
  int status = typed == NULL ? 0 : cl_cli_seeds_parse(p->c->cli, "plot-seeds", typed, false, &wanted);
  for (size_t row = 0; row < r->n_seeds && status == 0; row++) {
    if (typed == NULL && row > 0) break;
    if (!cl_cli_seeds_have(&wanted, r->seeds[row])) continue;
    status = gather(p, row);
    if (status == 0) status = draw_both(p, r->seeds[row]);
    forget(p);
  }
  clade_free(wanted.items);
  return status;
}

int cl_cli_compare_plot(const struct cl_cli_compare *c, const struct cl_cli_compared *d) {
  struct plotting p = {.c = c, .d = d};
  assert(d->result != NULL && d->n > 0);
  p.panels = clade_resize(NULL, d->result->n_methods * sizeof *p.panels);
  if (p.panels == NULL) return out_of_memory(&p);
  int status = c->options->hparams.n > 0 ? take_typed_names(&p) : choose_names(&p);
  if (status == 0) status = draw_seeds(&p);
  clade_free(p.panels);
  clade_free(p.names_copy);
  clade_text_done(&p.step);
  return status;
}

/* Before anything runs: an unknown form, a missing gnuplot or a directory that cannot be made. */
int cl_cli_compare_check_plot(const struct cl_cli_compare *c) {
  const char *forms = c->options->forms != NULL ? c->options->forms : "svg,png",
             *directory = c->options->plot;
  struct clade_text name = {0};
  struct cl_err e = {0};
  int status = 0;
  if (directory == NULL) return 0;
  for (const char *form = forms; form != NULL && status == 0;) {
    size_t n = strcspn(form, ",");
    clade_text_clear(&name);
    clade_text_format(&name, "picture.%.*s", (int)n, form);
    if (cl_view_picture_check(clade_text_get(&name), &e) < 0)
      status =
          cl_cli_complain(c->cli, CL_EXIT_USAGE, "--forms knows svg, png and pdf, not '%.*s'", (int)n, form);
    form = form[n] == ',' ? form + n + 1 : NULL;
  }
  clade_text_done(&name);
  if (status == 0 && cl_view_gnuplot_check(&e) < 0)
    status = cl_cli_complain(c->cli, CL_EXIT_FAILED, "%s", e.text);
  if (status == 0 && mkdir(directory, 0777) != 0 && errno != EEXIST)
    status = cl_cli_complain(c->cli, CL_EXIT_FAILED, "the directory '%s' cannot be made: %s", directory,
                             strerror(errno));
  return status;
}
