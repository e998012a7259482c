#include "cli/live.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "view/number.h"
#include "view/safe.h"

#define LINE_EVERY_S 10 /* of progress, where no frame can be shown; later a tenth of the time gone */
#define SLOTS_MAX    64

/* An engine must outlive the reader of its progress. A handler, unlike SIG_IGN, is not inherited by trainers.
 */
static void survive(int signum) {
  (void)signum;
}

void cl_cli_live_init(struct cl_cli_live *l, struct cl_cli *cli) {
  struct sigaction action = {.sa_handler = survive, .sa_flags = SA_RESTART};
  *l = (struct cl_cli_live){.cli = cli, .next_line_s = LINE_EVERY_S};
  (void)sigemptyset(&action.sa_mask);
  (void)sigaction(SIGPIPE, &action, NULL);
}

void cl_cli_live_done(struct cl_cli_live *l) {
  clade_text_done(&l->lines);
  clade_text_done(&l->frame);
  clade_text_done(&l->note);
  clade_text_done(&l->metric);
  clade_text_done(&l->best_values);
  clade_free(l->x);
  clade_free(l->y);
  *l = (struct cl_cli_live){0};
}

static bool is_silent(const struct cl_cli_live *l) {
  return l->cli->quiet;
}

/* One write for everything: no flicker. */
static void write_out(struct clade_text *out) {
  if (out->length > 0) (void)fwrite(clade_text_get(out), 1, out->length, stderr);
  (void)fflush(stderr);
  clade_text_done(out);
}

/* Put the waiting lines above the frame, and the frame below them. */
static void show(struct cl_cli_live *l) {
  struct clade_text out = {0};
  if (is_silent(l)) return;
  if (l->lines.length > 0) {
    cl_view_screen_clear(&l->screen, &out);
    clade_text_add(&out, clade_text_get(&l->lines));
    clade_text_clear(&l->lines);
  }
  if (l->cli->live && l->frame.length > 0) cl_view_screen_draw(&l->screen, clade_text_get(&l->frame), &out);
  write_out(&out);
}

void cl_cli_live_end(struct cl_cli_live *l) {
  struct clade_text out = {0};
  if (is_silent(l)) return;
  cl_view_screen_clear(&l->screen, &out);
  clade_text_add(&out, clade_text_get(&l->lines));
  clade_text_clear(&l->lines);
  clade_text_clear(&l->frame);
  write_out(&out);
}

/* Lines. */

/* "lr=0.0013655192174681" as "lr=0.00136552": what is in a line is for the eye. Whole numbers stay. */
static void add_short_values(struct clade_text *t, const char *values) {
  char word[64], buffer[CL_VIEW_NUMBER_MAX];
  double x = 0;
  for (const char *at = values; at != NULL && *at != '\0';) {
    size_t n = strcspn(at, " "), name = strcspn(at, "=");
    bool long_value = name < n && n - name - 1 > 8 && n - name - 1 < sizeof word;
    if (long_value) {
      memcpy(word, at + name + 1, n - name - 1);
      word[n - name - 1] = '\0';
      long_value = strpbrk(word, ".e") != NULL && clade_text_to_number(word, &x);
    }
    clade_text_add_bytes(t, at, long_value ? name + 1 : n);
    if (long_value) clade_text_add(t, cl_view_short(x, 6, buffer));
    at += n;
    if (*at == ' ') clade_text_add_char(t, *at++);
  }
}

/* A line of plain words, made harmless; on a terminal cut at its width if `cut`. */
static void add_line(struct cl_cli_live *l, const char *text, enum cl_view_tone tone, bool cut) {
  const struct cl_view_style *style = &l->cli->err;
  struct clade_text *t = &l->lines;
  if (is_silent(l)) return;
  cl_view_tone_begin(t, style, tone);
  if (cut && style->width >= 4)
    (void)cl_view_add_cut(t, text, (size_t)style->width, style);
  else
    cl_view_add_safe(t, text, style);
  cl_view_tone_end(t, style, tone);
  clade_text_add_char(t, '\n');
}

static void add_lines(struct cl_cli_live *l, const char *prefix, const char *text, enum cl_view_tone tone) {
  struct clade_text line = {0};
  for (const char *end; *text != '\0'; text = *end == '\0' ? end : end + 1) {
    end = text + strcspn(text, "\n");
    clade_text_clear(&line);
    clade_text_add(&line, prefix);
    clade_text_add_bytes(&line, text, (size_t)(end - text));
    add_line(l, clade_text_get(&line), tone, false);
    prefix = "  ";
  }
  clade_text_done(&line);
}

static void on_begin(void *ctx, const char *study, int64_t trials, int slots, const char *space) {
  struct cl_cli_live *l = ctx;
  struct clade_text line = {0};
  l->begun = true;
  clade_text_add(&line, study);
  if (trials < CL_CLI_ENDLESS)
    clade_text_format(&line, ": %" PRId64 " trial%s", trials, trials == 1 ? "" : "s");
  else
    clade_text_add(&line, ": every point of the grid");
  if (slots > 1) clade_text_format(&line, ", %d at a time", slots);
  add_line(l, clade_text_get(&line), CL_TONE_STRONG, true);
  add_lines(l, "  ", space, CL_TONE_PLAIN);
  clade_text_add_char(&l->lines, '\n');
  clade_text_done(&line);
  show(l);
}

static int digits_of(int64_t n) {
  int digits = 1;
  for (; n >= 10; n /= 10) digits++;
  return digits;
}

struct part {
  enum cl_view_tone tone;
  struct clade_text text;
};

/* Parts of a line one after the other; on a terminal the whole is cut at its width. Takes the texts. */
static void add_parts(struct cl_cli_live *l, struct part *parts, size_t n) {
  const struct cl_view_style *style = &l->cli->err;
  size_t room = l->cli->live && style->width >= 4 ? (size_t)style->width : SIZE_MAX;
  for (size_t i = 0; i < n; i++) {
    const char *text = clade_text_get(&parts[i].text);
    if (room < 4 || is_silent(l)) text = "";
    cl_view_tone_begin(&l->lines, style, parts[i].tone);
    if (text[0] != '\0') room -= cl_view_add_cut(&l->lines, text, room, style);
    cl_view_tone_end(&l->lines, style, parts[i].tone);
    clade_text_done(&parts[i].text);
  }
  if (!is_silent(l)) clade_text_add_char(&l->lines, '\n');
}

/* " 8/50  trial 8     0.02911          11 s  best  lr=0.0029 momentum=0.88" */
static void add_result(struct cl_cli_live *l, const struct clade_result_news *r) {
  char buffer[CL_VIEW_NUMBER_MAX];
  bool complete = strcmp(r->state, "COMPLETE") == 0;
  enum cl_view_tone tone = r->is_best ? CL_TONE_GOOD
                           : complete ? CL_TONE_PLAIN
                                      : cl_view_state_tone(r->state);
  struct part parts[] = {
      {CL_TONE_PLAIN, {0}}, {tone, {0}}, {CL_TONE_DIM, {0}}, {tone, {0}}, {CL_TONE_PLAIN, {0}}};
  if (r->trials < CL_CLI_ENDLESS)
    clade_text_format(&parts[0].text, "%*" PRId64 "/%" PRId64, digits_of(r->trials), r->results, r->trials);
  else
    clade_text_format(&parts[0].text, "%4" PRId64, r->results);
  clade_text_format(&parts[0].text, "  trial %-4" PRId64 "  ", r->trial);
  clade_text_format(&parts[1].text, "%-11s", complete ? cl_view_short(r->value, 5, buffer) : r->state);
  if (!complete && isfinite(r->value))
    clade_text_format(&parts[1].text, "  %s", cl_view_short(r->value, 5, buffer));
  clade_text_format(&parts[2].text, "  %8s  ", cl_view_duration(r->elapsed_s, buffer));
  clade_text_add(&parts[3].text, r->is_best ? "best  " : "      ");
  add_short_values(&parts[4].text, r->values);
  add_parts(l, parts, sizeof parts / sizeof parts[0]);
}

static void remember_best(struct cl_cli_live *l, double value) {
  if (l->n + 1 >= l->capacity) { /* one more for the end of the curve */
    size_t capacity = l->capacity == 0 ? 64 : 2 * l->capacity;
    double *x = clade_resize(l->x, capacity * sizeof *x);
    if (x != NULL) l->x = x;
    double *y = x == NULL ? NULL : clade_resize(l->y, capacity * sizeof *y);
    if (y == NULL) return; /* the curve has a point less */
    l->y = y;
    l->capacity = capacity;
  }
  l->x[l->n] = l->is_population ? l->percent : (double)l->results;
  l->y[l->n++] = value;
}

static void on_result(void *ctx, const struct clade_result_news *r) {
  struct cl_cli_live *l = ctx;
  l->results = r->results;
  l->trials = r->trials;
  add_result(l, r);
  if (!r->is_best) return;
  remember_best(l, r->value);
  clade_text_clear(&l->best_values);
  clade_text_add(&l->best_values, r->values);
}

static void on_note(void *ctx, enum clade_note_kind kind, const char *sentence) {
  struct cl_cli_live *l = ctx;
  if (l->cli->live && l->begun && kind == CLADE_NOTE_INFO) { /* what Ctrl-C has done */
    clade_text_clear(&l->note);
    clade_text_add(&l->note, sentence);
    return;
  }
  if (kind == CLADE_NOTE_WARNING)
    add_lines(l, "warning: ", sentence, CL_TONE_STRONG);
  else
    add_lines(l, "", sentence, CL_TONE_DIM);
  show(l);
}

/* The frame. */

static void fill_slots(const struct clade_progress *p, struct cl_view_slot slots[SLOTS_MAX],
                       struct clade_text texts[SLOTS_MAX]) {
  for (int i = 0; i < p->n_slots && i < SLOTS_MAX; i++) {
    const struct clade_slot_progress *s = &p->slots[i];
    if (s->trial != 0 && strcmp(s->phase, "running") != 0) clade_text_format(&texts[i], "%s  ", s->phase);
    add_short_values(&texts[i], s->values);
    slots[i] = (struct cl_view_slot){.trial = s->trial,
                                     .step = s->step,
                                     .share = s->share,
                                     .value = s->value,
                                     .elapsed_s = s->elapsed_s,
                                     .text = clade_text_get(&texts[i])};
  }
}

static void draw_frame(struct cl_cli_live *l, const struct clade_progress *p) {
  struct cl_view_slot slots[SLOTS_MAX];
  struct clade_text texts[SLOTS_MAX] = {{0}};
  struct cl_view_style style = l->cli->err;
  if (style.height > 2) style.height--; /* the empty line above the frame */
  fill_slots(p, slots, texts);
  struct cl_view_progress view = {.study = p->study,
                                  .method = p->method,
                                  .schedule = p->schedule,
                                  .metric = p->metric,
                                  .goal = p->maximize ? "maximize" : "minimize",
                                  .step = p->step_unit != NULL ? p->step_unit : "step",
                                  .finished = p->results,
                                  .total = p->trials < CL_CLI_ENDLESS ? p->trials : 0,
                                  .share = p->share,
                                  .failed = p->failed,
                                  .running = p->running,
                                  .waiting = p->waiting,
                                  .paused = p->paused,
                                  .elapsed_s = p->elapsed_s,
                                  .left_s = p->trials < CL_CLI_ENDLESS ? p->eta_s : NAN,
                                  .best = p->best_trial > 0 ? p->best_value : NAN,
                                  .best_trial = p->best_trial,
                                  .note = l->note.length > 0 ? clade_text_get(&l->note) : NULL,
                                  .n_slots = (size_t)(p->n_slots < SLOTS_MAX ? p->n_slots : SLOTS_MAX),
                                  .slots = slots};
  struct clade_text best = {0};
  add_short_values(&best, p->best_values);
  if (p->best_values != NULL) view.best_text = clade_text_get(&best);
  clade_text_clear(&l->frame);
  clade_text_add_char(&l->frame, '\n');
  cl_view_progress_write(&view, &style, &l->frame);
  clade_text_done(&best);
  for (size_t i = 0; i < SLOTS_MAX; i++) clade_text_done(&texts[i]);
}

/* "12 of 50 done, 2 running, 1:02 gone, about 3:10 left, best 0.0312 (trial 7)" */
static void add_progress_line(struct cl_cli_live *l, const struct clade_progress *p) {
  struct clade_text line = {0};
  char buffer[CL_VIEW_NUMBER_MAX];
  if (l->study != NULL) clade_text_format(&line, "%s: ", l->study);
  if (p->schedule != NULL && p->trials < CL_CLI_ENDLESS)
    clade_text_format(&line, "%.0f %%, ", floor(p->share * 100));
  clade_text_format(&line, "%" PRId64, p->results);
  if (p->trials < CL_CLI_ENDLESS) clade_text_format(&line, " of %" PRId64, p->trials);
  clade_text_format(&line, " done, %" PRId64 " running, %s%s", p->running, p->paused ? "paused, " : "",
                    cl_view_duration(p->elapsed_s, buffer));
  if (isfinite(p->eta_s) && p->results < p->trials && p->trials < CL_CLI_ENDLESS)
    clade_text_format(&line, ", about %s left", cl_view_duration(p->eta_s, buffer));
  if (p->best_trial > 0)
    clade_text_format(&line, ", best %s (trial %" PRId64 ")", cl_view_short(p->best_value, 6, buffer),
                      p->best_trial);
  add_line(l, clade_text_get(&line), CL_TONE_DIM, false);
  clade_text_done(&line);
}

/* The best was found before this call, by another engine or an earlier run. */
static void learn_best(struct cl_cli_live *l, const struct clade_progress *p) {
  l->results = p->results;
  if (p->best_trial == 0 || !isfinite(p->best_value)) return;
  if (l->n == 0 || l->y[l->n - 1] != p->best_value) remember_best(l, p->best_value);
  clade_text_clear(&l->best_values);
  clade_text_add(&l->best_values, p->best_values);
}

static void on_progress(void *ctx, const struct clade_progress *p) {
  struct cl_cli_live *l = ctx;
  assert(p->n_slots == 0 || p->slots != NULL);
  l->elapsed_s = p->elapsed_s;
  l->trials = p->trials;
  l->maximize = p->maximize;
  l->is_population = p->schedule != NULL;
  l->percent = floor(1000 * p->share) / 10;
  if (l->metric.length == 0) clade_text_add(&l->metric, p->metric);
  learn_best(l, p);
  if (is_silent(l)) return;
  if (l->cli->live) {
    cl_cli_measure(l->cli);
    draw_frame(l, p);
  } else if (p->elapsed_s >= l->next_line_s) {
    l->next_line_s = p->elapsed_s + fmax(LINE_EVERY_S, p->elapsed_s / 10);
    add_progress_line(l, p);
  }
  show(l);
}

struct clade_run_callbacks cl_cli_live_callbacks(struct cl_cli_live *l) {
  return (struct clade_run_callbacks){
      .ctx = l, .begin = on_begin, .progress = on_progress, .result = on_result, .note = on_note};
}
