/* Finding the studies that `clade compare` is about, and saying what they say. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/compare.h"
#include "cli/rows.h"
#include "view/number.h"
#include "view/safe.h"
#include "view/table.h"

/* --- the studies ------------------------------------------------------------------------------------ */

/* A study of the side, if its seed is asked for. *ret_added: it is. */
static int add_study(struct cl_cli_compare *c, struct cl_cli_compared *d, const char *address, int method) {
  struct clade_reader *reader = NULL;
  struct clade_study_info *info = NULL;
  struct cl_err e = {0};
  if (clade_reader_open(d->store, address, &reader, &e) < 0) return cl_cli_fail(c->cli, &e);
  int status = 0;
  if (clade_reader_names_trials(reader))
    status = cl_cli_complain(c->cli, CL_EXIT_USAGE, "whole studies are compared, not trials: '%s'", address);
  else if (clade_study_read(reader, &info, &e) < 0)
    status = cl_cli_fail(c->cli, &e);
  bool wanted = status == 0 && info != NULL && cl_cli_seeds_have(&c->seeds, info->seed);
  clade_study_free(info);
  if (wanted && d->n == d->capacity) {
    size_t capacity = d->capacity == 0 ? 16 : 2 * d->capacity;
    struct clade_compare_study *studies = clade_resize(d->studies, capacity * sizeof *studies);
    if (studies == NULL) status = cl_cli_complain(c->cli, CL_EXIT_FAILED, "out of memory");
    if (studies != NULL) d->studies = studies;
    if (studies != NULL) d->capacity = capacity;
  }
  if (wanted && status == 0)
    d->studies[d->n++] = (struct clade_compare_study){.reader = reader, .method = method};
  else
    clade_reader_close(reader);
  return status;
}

/* Those that a command like this one has made of a spec. */
static int add_made(struct cl_cli_compare *c, struct cl_cli_compared *d, int method) {
  struct clade_text name = {0};
  int status = 0;
  for (size_t i = 0; i < c->seeds.n && status == 0; i++) {
    struct clade_reader *reader = NULL;
    cl_cli_compare_study(&c->sides[method], c->seeds.items[i], &name);
    if (clade_reader_open(d->store, clade_text_get(&name), &reader, NULL) < 0) continue; /* not run yet */
    clade_reader_close(reader);
    status = add_study(c, d, clade_text_get(&name), method);
  }
  clade_text_done(&name);
  return status;
}

static bool ends_in_seed(const char *name) {
  const char *dash = strrchr(name, '-');
  return dash != NULL && dash[1] == 's' && dash[2] != '\0' &&
         strspn(dash + 2, "0123456789") == strlen(dash + 2);
}

/* NAME-s1, NAME-s2 …: how many were added. */
static int add_family(struct cl_cli_compare *c, struct cl_cli_compared *d, const char *typed, int method) {
  struct clade_text pattern = {0};
  char **addresses = NULL;
  size_t n = 0, before = d->n;
  int status = 0;
  clade_text_format(&pattern, "%s-s*", typed);
  if (clade_addresses_list(d->store, clade_text_get(&pattern), &addresses, &n, NULL) < 0) n = 0;
  for (size_t i = 0; i < n && status == 0; i++)
    if (ends_in_seed(addresses[i])) status = add_study(c, d, addresses[i], method);
  clade_addresses_free(addresses, n);
  clade_text_done(&pattern);
  return status != 0 ? -status : (int)(d->n - before);
}

static int add_typed(struct cl_cli_compare *c, struct cl_cli_compared *d, const char *typed, int method) {
  char **addresses = NULL;
  size_t n = 0;
  struct cl_err e = {0};
  if (clade_addresses_list(d->store, typed, &addresses, &n, &e) < 0) {
    int added = strpbrk(typed, "*,/") == NULL ? add_family(c, d, typed, method) : 0;
    return added > 0 ? 0 : added < 0 ? -added : cl_cli_fail(c->cli, &e);
  }
  int status = 0;
  for (size_t i = 0; i < n && status == 0; i++) status = add_study(c, d, addresses[i], method);
  clade_addresses_free(addresses, n);
  return status;
}

static int add_side(struct cl_cli_compare *c, struct cl_cli_compared *d, int method) {
  const struct cl_cli_side *side = &c->sides[method];
  size_t before = d->n;
  int status = side->is_spec ? add_made(c, d, method) : add_typed(c, d, side->typed, method);
  if (status != 0 || d->n > before) return status;
  if (side->is_spec)
    return cl_cli_complain(c->cli, CL_EXIT_NOTHING,
                           "nothing of '%s' has been run yet for these seeds: without --dry-run it will be",
                           side->typed);
  return cl_cli_complain(c->cli, CL_EXIT_NOTHING, "no study of '%s' has one of these seeds", side->typed);
}

int cl_cli_compared_read(struct cl_cli_compare *c, struct cl_cli_compared *ret) {
  struct cl_err e = {0};
  int status = 0;
  if (clade_store_open(c->store, &ret->store, &e) < 0) return cl_cli_fail(c->cli, &e);
  for (size_t i = 0; i < c->n_sides && status == 0; i++) status = add_side(c, ret, (int)i);
  if (status == 0 && clade_comparison_read(ret->studies, ret->n, &ret->result, &e) < 0)
    status = cl_cli_fail(c->cli, &e);
  return status;
}

void cl_cli_compared_done(struct cl_cli_compared *d) {
  for (size_t i = 0; i < d->n; i++) clade_reader_close(d->studies[i].reader);
  clade_comparison_free(d->result);
  clade_free(d->studies);
  clade_store_close(d->store);
  *d = (struct cl_cli_compared){0};
}

/* --- for people ------------------------------------------------------------------------------------- */

/* Enough that differences show two digits. */
static int decimals_of(const struct clade_comparison *r) {
  struct cl_view_range range = {0};
  double least = INFINITY;
  for (size_t i = 0; i < r->n_seeds * r->n_methods; i++)
    if (isfinite(r->cells[i].value)) cl_view_range_add(&range, r->cells[i].value);
  for (size_t m = 0; m < r->n_methods; m++)
    for (int k = 0; k < 2; k++) {
      double sd = k == 0 ? r->methods[m].sd : sqrt(r->methods[m].paired.variance);
      if (sd > 0) least = fmin(least, sd);
    }
  for (size_t i = 0; i < r->n_seeds * r->n_methods && !isfinite(least); i++) {
    double apart = fabs(r->cells[i].value - r->cells[i - i % r->n_methods].value);
    if (apart > 0) least = fmin(least, apart); /* of a single pair */
  }
  if (isfinite(least)) cl_view_range_add(&range, least);
  return cl_view_decimals(&range);
}

static const struct clade_compare_cell *cell_at(const struct clade_comparison *r, size_t seed,
                                                size_t method) {
  return &r->cells[seed * r->n_methods + method];
}

static double finished_value(const struct clade_compare_cell *cell) {
  return cell->state == CLADE_COMPARE_FINISHED ? cell->value : (double)NAN;
}

static void add_seed_row(struct cl_view_table *t, const struct clade_comparison *r, size_t row,
                         int decimals) {
  char text[32];
  (void)snprintf(text, sizeof text, "%" PRId64, r->seeds[row]);
  cl_view_table_add_right(t, text);
  for (size_t m = 0; m < r->n_methods; m++) {
    const struct clade_compare_cell *cell = cell_at(r, row, m);
    if (cell->state == CLADE_COMPARE_OPEN)
      cl_view_table_add_right(t, "(open)");
    else
      cl_view_table_add_fixed(t, finished_value(cell), decimals);
  }
  if (r->n_methods == 2)
    cl_view_table_add_fixed(t, finished_value(cell_at(r, row, 0)) - finished_value(cell_at(r, row, 1)),
                            decimals);
}

static void add_table(struct cl_cli *cli, const struct cl_cli_compare *c, const struct clade_comparison *r) {
  struct cl_view_table t = {0};
  int decimals = decimals_of(r);
  cl_view_table_add_column(&t, "seed", 0, CL_VIEW_AUTO);
  for (size_t m = 0; m < r->n_methods; m++) cl_view_table_add_column(&t, c->sides[m].name, 0, CL_VIEW_AUTO);
  if (r->n_methods == 2) cl_view_table_add_column(&t, "difference", 0, CL_VIEW_AUTO);
  for (size_t i = 0; i < r->n_seeds; i++) add_seed_row(&t, r, i, decimals);
  for (int sd = 0; sd < 2; sd++) {
    cl_view_table_add_right(&t, sd == 0 ? "mean" : "sd");
    for (size_t m = 0; m < r->n_methods; m++)
      cl_view_table_add_fixed(&t, sd == 0 ? r->methods[m].mean : r->methods[m].sd, decimals);
    const struct clade_paired *p = &r->methods[r->n_methods - 1].paired;
    if (r->n_methods == 2) cl_view_table_add_fixed(&t, sd == 0 ? p->mean : sqrt(p->variance), decimals);
  }
  cl_view_table_write(&t, &cli->out, &cli->text);
  cl_view_table_done(&t);
}

static void add_p(struct clade_text *t, const char *name, double p) {
  char buffer[CL_VIEW_NUMBER_MAX];
  if (isfinite(p)) clade_text_format(t, "%s p = %s", name, cl_view_short(p, 2, buffer));
}

static void add_tests(struct clade_text *t, const struct clade_comparison *r, const struct clade_paired *p) {
  char buffer[CL_VIEW_NUMBER_MAX];
  clade_text_add(t, "  ");
  if (isfinite(p->p_t)) {
    clade_text_format(t, "paired t-test: t = %s with %" PRId64 " degree%s of freedom,",
                      cl_view_short(p->t, 3, buffer), p->pairs - 1, p->pairs == 2 ? "" : "s");
    add_p(t, "", p->p_t);
    if (r->n_methods > 2) add_p(t, " (Holm:", p->p_holm);
    clade_text_add(t, r->n_methods > 2 ? "); " : "; ");
  }
  add_p(t, p->exact ? "permutation of signs, all of them:" : "permutation of signs, 100 000 draws:",
        p->p_permutation);
  clade_text_add_char(t, '\n');
}

/* What the interval says of the two. */
static void add_verdict(struct cl_cli *cli, const struct cl_cli_compare *c, const struct clade_comparison *r,
                        size_t m) {
  const struct clade_paired *p = &r->methods[m].paired;
  bool up = strcmp(r->goal, "maximize") == 0, better = up ? p->lo > 0 : p->hi < 0,
       worse = up ? p->hi < 0 : p->lo > 0;
  struct clade_text *t = &cli->text;
  cl_view_add_safe(t, c->sides[0].name, &cli->out);
  clade_text_add(t, better ? " is better than " : worse ? " is worse than " : " and ");
  cl_view_add_safe(t, c->sides[m].name, &cli->out);
  clade_text_add(t, better || worse ? ": the interval of the mean difference excludes 0"
                                    : " are not told apart: the interval of the mean difference holds 0");
}

static void add_difference(struct cl_cli *cli, const struct cl_cli_compare *c,
                           const struct clade_comparison *r, size_t m, bool apart) {
  const struct clade_paired *p = &r->methods[m].paired;
  struct clade_text *t = &cli->text;
  char a[CL_VIEW_NUMBER_MAX], lo[CL_VIEW_NUMBER_MAX], hi[CL_VIEW_NUMBER_MAX];
  bool up = strcmp(r->goal, "maximize") == 0;
  if (apart) clade_text_add_char(t, '\n');
  cl_view_tone_begin(t, &cli->out, CL_TONE_STRONG);
  if (p->pairs >= 2)
    add_verdict(cli, c, r, m);
  else {
    cl_view_add_safe(t, c->sides[0].name, &cli->out);
    clade_text_add(t, " and ");
    cl_view_add_safe(t, c->sides[m].name, &cli->out);
    clade_text_format(t, ": %s finished, too few to tell them apart",
                      p->pairs == 0 ? "no pair is" : "one pair is");
  }
  cl_view_tone_end(t, &cli->out, CL_TONE_STRONG);
  clade_text_add_char(t, '\n');
  if (p->pairs == 0) return;
  clade_text_format(t, "  mean difference %s", cl_view_short(p->mean, 4, a));
  if (p->pairs >= 2) {
    clade_text_format(t, ", 95 %% interval %s to %s", cl_view_short(p->lo, 4, lo),
                      cl_view_short(p->hi, 4, hi));
    clade_text_format(t, ", variance %s", cl_view_short(p->variance, 3, a));
  }
  clade_text_format(t, "; %" PRId64 " pair%s: better %" PRId64 ", equal %" PRId64 ", worse %" PRId64 "\n",
                    p->pairs, p->pairs == 1 ? "" : "s", up ? p->above : p->below, p->equal,
                    up ? p->below : p->above);
  add_tests(t, r, p);
}

static void add_circumstances(struct cl_cli *cli, const struct cl_cli_compare *c,
                              const struct clade_comparison *r) {
  struct clade_text *t = &cli->text;
  clade_text_add_char(t, '\n');
  if (r->starts > 0 && r->unequal == 0)
    clade_text_format(t, "initial populations are identical: %" PRId64 " trial%s compared, values and seed\n",
                      r->starts, r->starts == 1 ? "" : "s");
  else if (r->starts > 0)
    clade_text_format(t,
                      "initial populations differ: %" PRId64 " of %" PRId64
                      " trials, the first is trial %" PRId64 " of seed %" PRId64 "\n",
                      r->unequal, r->starts, r->unequal_trial, r->unequal_seed);
  for (size_t m = 1; m < r->n_methods; m++)
    if (r->methods[m].budget != r->methods[0].budget) {
      clade_text_format(t, "budgets differ: %" PRId64 " trials of ", r->methods[0].budget);
      cl_view_add_safe(t, c->sides[0].name, &cli->out);
      clade_text_format(t, ", %" PRId64 " of ", r->methods[m].budget);
      cl_view_add_safe(t, c->sides[m].name, &cli->out);
      clade_text_add_char(t, '\n');
    }
  clade_text_add(t, "test set seen ");
  for (size_t m = 0; m < r->n_methods; m++) {
    clade_text_format(t, "%s%" PRId64 " time%s (", m > 0 ? ", " : "", r->methods[m].assessments,
                      r->methods[m].assessments == 1 ? "" : "s");
    cl_view_add_safe(t, c->sides[m].name, &cli->out);
    clade_text_add_char(t, ')');
  }
  clade_text_add_char(t, '\n');
}

static void write_text(const struct cl_cli_compare *c, const struct clade_comparison *r) {
  struct cl_cli *cli = c->cli;
  clade_text_add(&cli->text, "best ");
  cl_view_add_safe(&cli->text, r->metric, &cli->out);
  clade_text_format(&cli->text, " (%s) of each study\n\n", r->goal);
  add_table(cli, c, r);
  for (size_t m = 1; m < r->n_methods; m++) add_difference(cli, c, r, m, m > 1);
  add_circumstances(cli, c, r);
}

/* --- for programs ----------------------------------------------------------------------------------- */

static void add_json_cell(const struct cl_cli_compared *d, const struct clade_compare_cell *cell,
                          struct clade_text *t) {
  if (cell->state == CLADE_COMPARE_ABSENT) {
    clade_text_add(t, "null");
    return;
  }
  clade_text_add(t, "{\"study\": ");
  clade_text_add_json(t, clade_reader_study(d->studies[cell->study].reader));
  clade_text_format(
      t, ", \"state\": \"%s\", \"trial\": ", cell->state == CLADE_COMPARE_OPEN ? "open" : "finished");
  if (cell->trial > 0)
    clade_text_format(t, "%" PRId64, cell->trial);
  else
    clade_text_add(t, "null");
  cl_cli_add_json_member(t, "value", cell->value);
  clade_text_add_char(t, '}');
}

static void add_json_difference(const struct cl_cli_compare *c, const struct clade_paired *p, size_t m,
                                struct clade_text *t) {
  clade_text_add(t, "{\"method\": ");
  clade_text_add_json(t, c->sides[0].name);
  clade_text_add(t, ", \"less\": ");
  clade_text_add_json(t, c->sides[m].name);
  clade_text_format(t, ", \"pairs\": %" PRId64, p->pairs);
  cl_cli_add_json_member(t, "mean", p->mean);
  cl_cli_add_json_member(t, "variance", p->variance);
  cl_cli_add_json_interval(t, p->lo, p->hi);
  cl_cli_add_json_member(t, "t", p->t);
  cl_cli_add_json_member(t, "p_t", p->p_t);
  cl_cli_add_json_member(t, "p_holm", p->p_holm);
  cl_cli_add_json_member(t, "p_permutation", p->p_permutation);
  clade_text_format(
      t, ", \"permutation\": \"%s\", \"above\": %" PRId64 ", \"equal\": %" PRId64 ", \"below\": %" PRId64 "}",
      p->exact ? "exact" : "sampled", p->above, p->equal, p->below);
}

static void add_json_methods(const struct cl_cli_compare *c, const struct clade_comparison *r,
                             struct clade_text *t) {
  for (size_t m = 0; m < r->n_methods; m++) {
    const struct clade_compare_method *method = &r->methods[m];
    clade_text_add(t, m > 0 ? ",\n  {\"name\": " : "\n  {\"name\": ");
    clade_text_add_json(t, c->sides[m].name);
    clade_text_format(t, ", \"studies\": %" PRId64 ", \"scores\": %" PRId64, method->studies, method->scores);
    cl_cli_add_json_member(t, "mean", method->mean);
    cl_cli_add_json_member(t, "sd", method->sd);
    clade_text_format(t, ", \"budget\": %" PRId64 ", \"assessments\": %" PRId64 "}", method->budget,
                      method->assessments);
  }
}

static void write_json(const struct cl_cli_compare *c, const struct cl_cli_compared *d,
                       struct clade_text *t) {
  const struct clade_comparison *r = d->result;
  clade_text_add(t, "{\"metric\": ");
  clade_text_add_json(t, r->metric);
  clade_text_format(t, ", \"goal\": \"%s\",\n \"methods\": [", r->goal);
  add_json_methods(c, r, t);
  clade_text_add(t, "],\n \"seeds\": [");
  for (size_t i = 0; i < r->n_seeds; i++) {
    clade_text_format(t, "%s\n  {\"seed\": %" PRId64 ", \"studies\": [", i > 0 ? "," : "", r->seeds[i]);
    for (size_t m = 0; m < r->n_methods; m++) {
      clade_text_add(t, m > 0 ? ", " : "");
      add_json_cell(d, cell_at(r, i, m), t);
    }
    clade_text_add(t, "]}");
  }
  clade_text_add(t, "],\n \"differences\": [");
  for (size_t m = 1; m < r->n_methods; m++) {
    clade_text_add(t, m > 1 ? ",\n  " : "\n  ");
    add_json_difference(c, &r->methods[m].paired, m, t);
  }
  clade_text_format(
      t, "],\n \"initial_populations\": {\"compared\": %" PRId64 ", \"different\": %" PRId64 "}}\n",
      r->starts, r->unequal);
}

void cl_cli_compare_write(const struct cl_cli_compare *c, const struct cl_cli_compared *d) {
  if (c->cli->json)
    write_json(c, d, &c->cli->text);
  else
    write_text(c, d->result);
}
