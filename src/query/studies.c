#include "query/studies.h"

#include <assert.h>
#include <math.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "query/best.h"
#include "query/notes.h"
#include "query/origins.h"
#include "query/tags.h"

/* X(NUMBER, name, type, rank, what it needs) */
#define STUDY_COLUMN_MAP(X) \
  X(STUDY, "study", PLAIN, 0, NOTHING) \
  X(STATE, "state", STATE, 0, NOTHING) \
  X(TRIALS, "trials", PLAIN, 0, NOTHING) \
  X(OF, "of", PLAIN, 0, NOTHING) \
  X(GOAL, "goal", PLAIN, 2, SETTINGS) \
  X(METRIC, "metric", PLAIN, 1, SETTINGS) \
  X(METHOD, "method", PLAIN, 1, SETTINGS) \
  X(CREATED, "created", TIME, 3, NOTHING) \
  X(BEST, "best", PLAIN, 1, ALL_TRIALS) \
  X(BEST_TRIAL, "best_trial", PLAIN, 1, ALL_TRIALS) \
  X(WAITING, "waiting", PLAIN, 1, ALL_TRIALS) \
  X(RUNNING, "running", PLAIN, 1, ALL_TRIALS) \
  X(COMPLETE, "complete", PLAIN, 1, ALL_TRIALS) \
  X(FAILED, "failed", PLAIN, 1, ALL_TRIALS) \
  X(WORKERS, "workers", PLAIN, 1, SETTINGS) \
  X(SEED, "seed", PLAIN, 1, SETTINGS) \
  X(DIRECTORY, "directory", PLAIN, 1, SETTINGS) \
  X(UUID, "uuid", PLAIN, 1, SETTINGS) \
  X(NUMBER, "number", PLAIN, 1, NOTHING) \
  X(PARALLEL, "parallel", PLAIN, 1, SETTINGS) \
  X(REPEAT, "repeat", PLAIN, 1, SETTINGS) \
  X(SCHEDULE, "schedule", PLAIN, 1, SETTINGS) \
  X(SEARCH_STYLE, "search_style", PLAIN, 1, SETTINGS) \
  X(FINISHED, "finished", PLAIN, 1, ALL_TRIALS) \
  X(NOTE, "note", PLAIN, 2, NOTES) \
  X(SCRIPT, "script", PLAIN, 1, SETTINGS) \
  X(PATH, "path", PLAIN, 2, SETTINGS) \
  X(USERNAME, "username", PLAIN, 1, SETTINGS) \
  X(FROM_HOST, "from_host", PLAIN, 1, SETTINGS) \
  X(VERSION, "version", PLAIN, 1, SETTINGS) \
  X(COMMIT, "commit", PLAIN, 2, SETTINGS) \
  X(STORE, "store", PLAIN, 1, SETTINGS)
enum need { NOTHING = 0, SETTINGS, ALL_TRIALS, NOTES };
enum {
  COLUMN_NONE = 0,
#define CL_X(id, name, type, rank, need) COLUMN_##id,
  STUDY_COLUMN_MAP(CL_X)
#undef CL_X
      COLUMNS
};
enum { USUAL_COLUMNS = COLUMN_CREATED };

static const struct {
  const char *name;
  enum cl_column_type type;
  int rank;
  enum need need;
} standard[] = {
#define CL_X(id, name, type, rank, need) [COLUMN_##id] = {name, CL_COLUMN_##type, rank, need},
    STUDY_COLUMN_MAP(CL_X)
#undef CL_X
};

static const struct cl_column_alias aliases[] = {{"name", COLUMN_STUDY},
                                                 {"job", COLUMN_STUDY},
                                                 {"status", COLUMN_STATE},
                                                 {"runs", COLUMN_TRIALS},
                                                 {"started", COLUMN_CREATED},
                                                 {"job_num", COLUMN_NUMBER, true},
                                                 {"job_status", COLUMN_STATE, true},
                                                 {"search", COLUMN_METHOD, true},
                                                 {"primary_metric", COLUMN_METRIC, true},
                                                 {"nodes", COLUMN_PARALLEL, true},
                                                 {"running_nodes", COLUMN_WORKERS, true},
                                                 {"running_runs", COLUMN_RUNNING, true},
                                                 {"error_runs", COLUMN_FAILED, true},
                                                 {"completed_runs", COLUMN_FINISHED, true},
                                                 {"description", COLUMN_NOTE, true},
                                                 {"guid", COLUMN_UUID, true},
                                                 {"workspace", COLUMN_STORE, true}};

struct row {
  int64_t id, created_ms;
  const char *name;
  struct cl_study_head head;
  enum need has;
  bool has_note;
  struct cl_value cells[COLUMNS]; /* of SETTINGS and ALL_TRIALS; texts are of the arena */
};

struct studies {
  struct cl_listing listing;
  struct cl_store *store;
  const char *patterns;
  struct row *rows;
  size_t n, capacity;
  struct cl_tags *tags; /* by row, or null */
  size_t n_tags;
  struct cl_arena arena;
  struct cl_err *e;
};

static void studies_done(struct studies *s) {
  cl_listing_done(&s->listing);
  for (size_t i = 0; i < s->n_tags; i++) cl_tags_done(&s->tags[i]);
  cl_free(s->tags);
  cl_free(s->rows);
  cl_arena_done(&s->arena);
}

static int find_state(const char *typed, const char **ret, struct cl_err *e) {
  static const struct {
    const char *word, *state;
  } words[] = {{"open", "open"},          {"running", "open"},     {"created", "open"},
               {"queued", "open"},        {"submitted", "open"},   {"finished", "finished"},
               {"completed", "finished"}, {"complete", "finished"}};
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
    if (strcasecmp(typed, words[i].word) != 0) continue;
    *ret = words[i].state;
    return 0;
  }
  return CL_FAIL(e, CLADE_EINVAL, "'%.40s' is no state of a study: it is open or finished", typed);
}

/* One of the patterns, which are joined by commas; a name that has a comma matches as a whole. */
static bool matches(const char *patterns, const char *name, struct cl_text *room) {
  if (patterns == NULL || cl_address_matches(patterns, name)) return true;
  for (const char *p = patterns; *p != '\0';) {
    size_t n = strcspn(p, ",");
    const char *first = p;
    while (*first == ' ' && first < p + n) first++;
    cl_text_clear(room);
    cl_text_add_bytes(room, first, (size_t)(p + n - first));
    if (room->failed) return false;
    if (cl_address_matches(cl_text_get(room), name)) return true;
    p += n + (p[n] == ',');
  }
  return false;
}

static int take_row(void *ctx, const struct cl_study_row *found) {
  struct studies *s = ctx;
  assert(found->id > 0 && found->name != NULL);
  struct cl_text room = {0};
  bool taken = matches(s->patterns, found->name, &room);
  bool failed = room.failed;
  cl_text_done(&room);
  if (failed) return CL_FAIL_NOMEM(s->e);
  if (!taken) return 0;
  if (cl_grow(&s->rows, &s->capacity, s->n + 1, sizeof *s->rows) < 0) return CL_FAIL_NOMEM(s->e);
  struct row row = {.id = found->id, .created_ms = found->created_ms, .head = found->head};
  row.name = cl_arena_text(&s->arena, found->name);
  if (row.name == NULL) return CL_FAIL_NOMEM(s->e);
  s->rows[s->n++] = row;
  return 0;
}

/* What cells need. */

static int keep(struct studies *s, struct row *row, int column, const char *text, struct cl_err *e) {
  assert(column > COLUMN_NONE && column < COLUMNS);
  if (text == NULL) return 0;
  text = cl_arena_text(&s->arena, text);
  if (text == NULL) return CL_FAIL_NOMEM(e);
  row->cells[column] = cl_value_text(text);
  return 0;
}

static int fill_origins(struct studies *s, struct row *row, const struct cl_study *study, struct cl_err *e) {
  struct cl_origins o;
  CL_TRY(cl_origins_read(s->store, study, &s->arena, &o, e));
  const struct {
    int column;
    const char *text;
  } texts[] = {{COLUMN_SEARCH_STYLE, o.style}, {COLUMN_SCRIPT, o.script},  {COLUMN_PATH, o.path},
               {COLUMN_USERNAME, o.username},  {COLUMN_FROM_HOST, o.host}, {COLUMN_VERSION, o.version},
               {COLUMN_COMMIT, o.commit},      {COLUMN_STORE, o.store}};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
    CL_TRY(keep(s, row, texts[i].column, texts[i].text, e));
  return 0;
}

static int fill_note(struct studies *s, struct row *row, struct cl_err *e) {
  struct cl_last_notes notes = {0};
  if (row->has_note) return 0;
  CL_TRY(cl_last_notes_read(s->store, row->id, CL_NO_TRIALS, CL_NO_TRIALS, &notes, e));
  int status = keep(s, row, COLUMN_NOTE, cl_last_notes_find(&notes, 0), e);
  cl_last_notes_done(&notes);
  row->has_note = status == 0;
  return status;
}

static int fill_settings(struct studies *s, struct row *row, const struct cl_study *study, struct cl_err *e) {
  const struct cl_settings *settings = cl_study_settings(study);
  assert(settings->n_objectives > 0);
  bool maximize = settings->objectives[0].goal == CL_MAXIMIZE;
  int workers = 0;
  for (int i = 1; i <= cl_study_workers(study); i++) workers += cl_study_worker(study, i)->slots > 0;
  row->cells[COLUMN_GOAL] = cl_value_text(maximize ? "maximize" : "minimize");
  row->cells[COLUMN_WORKERS] = cl_value_int(workers);
  row->cells[COLUMN_SEED] = cl_value_int(cl_study_seed(study));
  CL_TRY(keep(s, row, COLUMN_METRIC, settings->objectives[0].name, e));
  CL_TRY(keep(s, row, COLUMN_METHOD, settings->method, e));
  CL_TRY(keep(s, row, COLUMN_DIRECTORY, cl_study_directory(study), e));
  CL_TRY(keep(s, row, COLUMN_UUID, cl_study_uuid(study), e));
  row->cells[COLUMN_PARALLEL] = cl_value_int(settings->parallel);
  row->cells[COLUMN_REPEAT] = cl_value_int(settings->repeats ? settings->trials : 1);
  if (settings->schedule != NULL) CL_TRY(keep(s, row, COLUMN_SCHEDULE, cl_settings_scheduler(settings), e));
  return fill_origins(s, row, study, e);
}

static int fill_trials(struct row *row, const struct cl_study *study, struct cl_err *e) {
  static const struct {
    int column;
    enum cl_state state;
  } counts[] = {{COLUMN_WAITING, CL_WAITING},
                {COLUMN_RUNNING, CL_RUNNING},
                {COLUMN_COMPLETE, CL_COMPLETE},
                {COLUMN_FAILED, CL_FAILED}};
  struct cl_best best;
  int64_t ended = 0;
  for (int state = CL_WAITING; state <= CL_INFEASIBLE; state++)
    if (!cl_state_is_pending(state) && state != CL_LOST) ended += cl_study_count(study, state);
  row->cells[COLUMN_FINISHED] = cl_value_int(ended);
  for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
    row->cells[counts[i].column] = cl_value_int(cl_study_count(study, (int)counts[i].state));
  CL_TRY(cl_best_find(study, &best, e));
  if (best.trial == 0) return 0;
  row->cells[COLUMN_BEST_TRIAL] = cl_value_int(best.trial);
  row->cells[COLUMN_BEST] = cl_value_real(best.value);
  return 0;
}

static int fill_row(struct studies *s, struct row *row, enum need need, struct cl_err *e) {
  struct cl_reader *r = NULL;
  const struct cl_study *study = NULL;
  int64_t range = need == ALL_TRIALS ? 0 : CL_NO_TRIALS;
  assert(need == SETTINGS || need == ALL_TRIALS);
  CL_TRY(cl_reader_open(s->store, row->id, &r, e));
  int status = cl_reader_need(r, range, range, &study, e);
  if (status >= 0 && row->has < SETTINGS) status = fill_settings(s, row, study, e);
  if (status >= 0 && need == ALL_TRIALS) status = fill_trials(row, study, e);
  if (status >= 0) row->has = need;
  cl_reader_close(r);
  return status;
}

static int need(void *source, const struct cl_column *c, struct cl_err *e) {
  struct studies *s = source;
  if (c->kind != CL_COLUMN_STANDARD) return 0;
  assert(c->index > COLUMN_NONE && c->index < COLUMNS);
  enum need wanted = standard[c->index].need;
  for (size_t i = 0; i < s->listing.n; i++) {
    struct row *row = &s->rows[s->listing.rows[i]];
    if (wanted == NOTES)
      CL_TRY(fill_note(s, row, e));
    else if (row->has < wanted)
      CL_TRY(fill_row(s, row, wanted, e));
  }
  return 0;
}

static struct cl_value cell(void *source, size_t index, const struct cl_column *c) {
  const struct studies *s = source;
  const struct row *row = &s->rows[index];
  assert(index < s->n);
  if (c->kind == CL_COLUMN_TAG)
    return index < s->n_tags ? cl_tag_cell(cl_tags_find(&s->tags[index], 0, c->name)) : (struct cl_value){0};
  assert(c->kind == CL_COLUMN_STANDARD && c->index < COLUMNS);
  switch (c->index) {
  case COLUMN_STUDY: return cl_value_text(row->name);
  case COLUMN_STATE: return cl_value_text(row->head.open ? "open" : "finished");
  case COLUMN_TRIALS: return cl_value_int(row->head.counted);
  case COLUMN_NUMBER: return cl_value_int(row->id);
  case COLUMN_OF:
    return row->head.budget < CL_TRIALS_MAX ? cl_value_int(row->head.budget) : (struct cl_value){0};
  case COLUMN_CREATED: return row->created_ms > 0 ? cl_value_int(row->created_ms) : (struct cl_value){0};
  default: return row->cells[c->index];
  }
}

static bool tagged(void *source, size_t row, const char *name, const char *text) {
  const struct studies *s = source;
  return row < s->n_tags && cl_tags_hold(&s->tags[row], 0, name, text);
}

static int usual(void *source, struct cl_table *t, struct cl_err *e) {
  const struct studies *s = source;
  for (int i = 0; i < USUAL_COLUMNS; i++) CL_TRY(cl_table_add_column(t, &s->listing.catalogue.items[i], e));
  return 0;
}

static const struct cl_rows_ops study_ops = {need, cell, tagged, usual};

static int read_tags(struct studies *s, struct cl_err *e) {
  s->tags = cl_alloc_array(s->n, sizeof *s->tags);
  if (s->tags == NULL) return CL_FAIL_NOMEM(e);
  for (; s->n_tags < s->n; s->n_tags++)
    CL_TRY(cl_tags_read(s->store, s->rows[s->n_tags].id, CL_NO_TRIALS, CL_NO_TRIALS, &s->tags[s->n_tags], e));
  return 0;
}

static bool has_tag(const struct cl_catalogue *c, const char *name) {
  for (size_t i = COLUMNS - 1; i < c->n; i++)
    if (strcmp(c->items[i].name, name) == 0) return true;
  return false;
}

static int make_catalogue(struct studies *s, struct cl_err *e) {
  struct cl_catalogue *c = &s->listing.catalogue;
  c->aliases = aliases;
  c->n_aliases = sizeof aliases / sizeof aliases[0];
  c->find_state = find_state;
  for (int i = 1; i < COLUMNS; i++) {
    struct cl_column column = {.kind = CL_COLUMN_STANDARD,
                               .type = standard[i].type,
                               .name = standard[i].name,
                               .index = i,
                               .rank = standard[i].rank,
                               .yields = i >= COLUMN_NUMBER};
    CL_TRY(cl_catalogue_add(c, &column, e));
  }
  for (size_t i = 0; i < s->n_tags; i++)
    for (size_t k = 0; k < s->tags[i].n; k++) {
      struct cl_column tag = {
          .kind = CL_COLUMN_TAG, .name = s->tags[i].items[k].name, .index = (int)c->n, .rank = 4};
      if (!has_tag(c, tag.name)) CL_TRY(cl_catalogue_add(c, &tag, e));
    }
  return 0;
}

static int open_studies(struct studies *s, struct cl_store *store, const char *patterns, bool tags,
                        struct cl_err *e) {
  s->store = store;
  s->patterns = patterns;
  s->e = e;
  s->listing.ops = &study_ops;
  s->listing.source = s;
  s->listing.noun = "studies";
  int status = cl_store_studies(store, take_row, s, e);
  if (status >= 0 && tags) status = read_tags(s, e);
  if (status >= 0) status = make_catalogue(s, e);
  return status < 0 ? status : cl_listing_begin(&s->listing, s->n, e);
}

int cl_studies_read(struct cl_store *store, const char *patterns, const struct cl_list_options *options,
                    struct cl_table *ret, struct cl_err *e) {
  struct studies s = {0};
  int status = open_studies(&s, store, patterns, cl_list_names_tags(options), e);
  if (status >= 0) status = cl_listing_choose(&s.listing, options, false, 0, e);
  if (status >= 0) status = cl_listing_fill(&s.listing, options, ret, e);
  studies_done(&s);
  return status < 0 ? status : 0;
}

int cl_studies_columns(struct cl_store *store, struct cl_text *ret, struct cl_err *e) {
  struct studies s = {0};
  int status = open_studies(&s, store, NULL, true, e);
  if (status >= 0) cl_catalogue_describe(&s.listing.catalogue, ret);
  studies_done(&s);
  return status < 0 ? status : 0;
}
