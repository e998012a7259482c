#include "schedule/lists.h"

#include <assert.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

#define NOTHING ((struct cl_play){NAN, 0})

static struct cl_exp3 bandit_of(const struct cl_lists *w, int k) {
  return cl_exp3_for(w->rewards->levels[k], w->batch, w->rounds);
}

static double *weights_of(const struct cl_lists *w, int k) {
  size_t from = 0;
  assert(k >= 0 && k < w->rewards->c);
  for (int i = 0; i < k; i++) from += (size_t)w->rewards->levels[i];
  return w->weights + from;
}

/* Other lists than before: all begins anew. */
static int take_space(struct cl_lists *w, struct cl_err *e) {
  const struct cl_rewards *x = w->rewards;
  size_t n = 0, most = 0, c = (size_t)x->c;
  for (int k = 0; k < x->c; k++) {
    n += (size_t)x->levels[k];
    most = (size_t)x->levels[k] > most ? (size_t)x->levels[k] : most;
  }
  if (cl_grow(&w->weights, &w->cap_weights, n + 1, sizeof *w->weights) < 0 ||
      cl_grow(&w->shares, &w->cap_shares, 2 * most + 1, sizeof *w->shares) < 0 ||
      cl_grow(&w->drawn, &w->cap_drawn, c + 1, sizeof *w->drawn) < 0)
    return CL_FAIL_NOMEM(e);
  for (size_t i = 0; i < n; i++) w->weights[i] = 1;
  w->space = x->space;
  w->n_plays = 0;
  cl_lists_begin(w);
  return 0;
}

static int make_plays(struct cl_lists *w, size_t members, struct cl_err *e) {
  size_t n = members * (size_t)w->rewards->c;
  if (cl_grow(&w->plays, &w->cap_plays, n + 1, sizeof *w->plays) < 0) return CL_FAIL_NOMEM(e);
  while (w->n_plays < n) w->plays[w->n_plays++] = NOTHING;
  return 0;
}

/* The share of the newest gains, itself left out, that the newest one exceeds; half of those that equal it.
 */
static double standing(const struct cl_rewards *x) {
  double gain = x->rows[x->n - 1].reward, below = 0;
  size_t n = x->n < CL_BANDIT_WINDOW ? x->n : CL_BANDIT_WINDOW;
  assert(x->n >= 1);
  for (size_t i = x->n - n; i + 1 < x->n; i++)
    below += x->rows[i].reward < gain ? 1 : x->rows[i].reward == gain ? 0.5 : 0;
  return n < 2 ? 0.5 : below / (double)(n - 1);
}

static void end_plays(struct cl_lists *w, struct cl_play *plays) {
  for (int k = 0; k < w->rewards->c; k++) {
    struct cl_play p = plays[k];
    plays[k] = NOTHING;
    if (!w->rewards->earned || isnan(p.share)) continue;
    const struct cl_exp3 x = bandit_of(w, k);
    cl_exp3_reward(&x, weights_of(w, k), p.level, p.share, standing(w->rewards));
  }
}

/* What the args of a ruling say was drawn, where the member really trains with it. */
static void begin_plays(const struct cl_lists *w, size_t member, const json_t *lists, struct cl_play *plays) {
  const struct cl_rewards *x = w->rewards;
  const struct cl_space *space = cl_study_space(x->env->study);
  assert(member < x->n_intervals);
  const double *at = x->at + member * (size_t)(x->d + x->c);
  for (int k = 0; k < x->c && x->intervals[member].open; k++) {
    char id[24];
    (void)snprintf(id, sizeof id, "%d", space->items[x->words[k]].id);
    const json_t *play = json_object_get(lists, id);
    double share = json_number_value(json_array_get(play, 1));
    int level = (int)json_integer_value(json_array_get(play, 0));
    if (share > 0 && share <= 1 && (double)level == at[x->d + k]) plays[k] = (struct cl_play){share, level};
  }
}

/* Who is told that it is not ready goes on within its interval. */
static bool ends_interval(const struct cl_event *ev) {
  return (ev->kind == CL_EVENT_CONTINUED && ev->cause != CL_CAUSE_LIMIT) || ev->kind == CL_EVENT_EXPLOITED ||
         ev->kind == CL_EVENT_SET || ev->kind == CL_EVENT_VOIDED || ev->kind == CL_EVENT_STOPPED;
}

int cl_lists_apply(struct cl_lists *w, const struct cl_members *m, const struct cl_event *ev,
                   struct cl_err *e) {
  if (w->rewards->space != w->space) CL_TRY(take_space(w, e));
  int member = cl_members_find(m, ev->subject);
  if (w->rewards->c == 0 || member < 0 || !ends_interval(ev)) return 0;
  CL_TRY(make_plays(w, m->n, e));
  struct cl_play *plays = w->plays + (size_t)member * (size_t)w->rewards->c;
  end_plays(w, plays);
  bool draws = ev->kind == CL_EVENT_EXPLOITED && cl_members_is_ruling(ev) && ev->args != NULL;
  json_t *args = draws ? json_loads(ev->args, 0, NULL) : NULL;
  begin_plays(w, (size_t)member, json_object_get(args, "lists"), plays);
  json_decref(args);
  return 0;
}

void cl_lists_begin(struct cl_lists *w) {
  for (int k = 0; k < w->rewards->c; k++) w->drawn[k] = NOTHING;
}

int cl_lists_draw(struct cl_lists *w, int k, struct cl_rng *r) {
  const struct cl_exp3 x = bandit_of(w, k);
  double *picked = w->shares + x.arms;
  assert(w->cap_shares >= 2 * (size_t)x.arms);
  int level = 0;
  assert(w->space == w->rewards->space);
  cl_exp3_shares(&x, weights_of(w, k), w->shares);
  memcpy(picked, w->shares, (size_t)x.arms * sizeof *picked);
  cl_exp3_round(picked, x.arms, r);
  while (level < x.arms - 1 && picked[level] == 0) level++;
  w->drawn[k] = (struct cl_play){w->shares[level], level};
  return level;
}

void cl_lists_describe(const struct cl_lists *w, struct cl_text *args) {
  const struct cl_space *space = cl_study_space(w->rewards->env->study);
  const char *separator = ", \"lists\": {";
  for (int k = 0; k < w->rewards->c; k++) {
    if (isnan(w->drawn[k].share)) continue;
    cl_text_format(args, "%s\"%d\": [%d, ", separator, space->items[w->rewards->words[k]].id,
                   w->drawn[k].level);
    cl_text_add_json_number(args, w->drawn[k].share);
    cl_text_add(args, "]");
    separator = ", ";
  }
  if (strcmp(separator, ", ") == 0) cl_text_add(args, "}");
}

void cl_lists_done(struct cl_lists *w) {
  cl_free(w->weights);
  cl_free(w->shares);
  cl_free(w->drawn);
  cl_free(w->plays);
}
