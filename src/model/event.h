/* Every event of a study's log, in its version-1 shape (docs: ARCHITECTURE.md, "The log").
 *
 * An event in memory borrows all its texts and arrays from whoever made it; cl_event_copy makes one that owns
 * them. One table in event.c describes the fields of every kind; copying, comparing, JSON and the stores use
 * that table, so a field is declared once.
 *
 * Kinds, causes, roles and ways are numbers of the file format: never reused, never renumbered.
 */
#ifndef CL_EVENT_H
#define CL_EVENT_H

#include "model/value.h"

#define CL_NO_STEP (__builtin_nan("")) /* a step or `until` that is null: run freely */

/* X(name, number, flags, word): F fact, D decision, V raises the version of its subject, T subject is a
 * trial. */
enum { CL_F = 1, CL_D = 2, CL_V = 4, CL_T = 8 };
#define CL_EVENT_MAP(X) \
  X(CREATED, 1, CL_D | CL_V, "created") \
  X(UPDATED, 2, CL_D | CL_V, "updated") \
  X(FINISHED, 3, CL_D | CL_V, "finished") \
  X(REOPENED, 4, CL_D | CL_V, "reopened") \
  X(CLOCK, 5, CL_D | CL_V, "clock") \
  X(CHOSEN, 6, CL_D | CL_V, "chosen") \
  X(WORKER, 7, CL_F, "worker") \
  X(NOTE, 8, CL_F, "note") \
  X(PROPOSED, 10, CL_D | CL_V | CL_T, "proposed") \
  X(IMPORTED, 11, CL_F | CL_V | CL_T, "imported") \
  X(STARTED, 12, CL_D | CL_V | CL_T, "started") \
  X(CONTINUED, 13, CL_D | CL_V | CL_T, "continued") \
  X(PAUSED, 14, CL_D | CL_V | CL_T, "paused") \
  X(STOPPED, 15, CL_D | CL_V | CL_T, "stopped") \
  X(PREEMPTING, 16, CL_D | CL_V | CL_T, "preempting") \
  X(LOST, 17, CL_D | CL_V | CL_T, "lost") \
  X(RETRIED, 18, CL_D | CL_V | CL_T, "retried") \
  X(GIVEN_UP, 19, CL_D | CL_V | CL_T, "given up") \
  X(EXPLOITED, 20, CL_D | CL_V | CL_T, "exploited") \
  X(SET, 21, CL_D | CL_V | CL_T, "set") \
  X(HELD, 22, CL_D | CL_V | CL_T, "held") \
  X(VOIDED, 23, CL_D | CL_V | CL_T, "voided") \
  X(CHECKPOINT_ASKED, 24, CL_D | CL_V | CL_T, "checkpoint asked") \
  X(DELETED, 25, CL_D | CL_V | CL_T, "deleted") \
  X(ADOPTED, 31, CL_F | CL_T, "adopted") \
  X(CONNECTED, 32, CL_F | CL_T, "connected") \
  X(REPORTED, 33, CL_F | CL_T, "reported") \
  X(SAVED, 34, CL_F | CL_T, "saved") \
  X(LOADED, 35, CL_F | CL_T, "loaded") \
  X(DONE, 36, CL_F | CL_V | CL_T, "done") \
  X(ENDED, 37, CL_F | CL_V | CL_T, "ended")

enum cl_kind {
  CL_EVENT_NONE = 0,
#define CL_X(name, number, flags, word) CL_EVENT_##name = number,
  CL_EVENT_MAP(CL_X)
#undef CL_X
      CL_EVENT_KINDS = 38
};

#define CL_CAUSE_MAP(X) \
  X(SEARCH, 1, "search") \
  X(STARTUP, 2, "startup") \
  X(ENQUEUE, 3, "enqueue") \
  X(EXPLOIT, 4, "exploit") \
  X(EXPLORE, 5, "explore") \
  X(GENERATION, 6, "generation") \
  X(RUNG, 7, "rung") \
  X(STOP_RULE, 8, "stop rule") \
  X(DIVERGED, 9, "diverged") \
  X(HUMAN, 10, "human") \
  X(UNDO, 11, "undo") \
  X(REPLAY, 12, "replay") \
  X(RESUME, 13, "resume") \
  X(LIMIT, 14, "limit") \
  X(SIGNAL, 15, "signal") \
  X(BUDGET, 16, "budget") \
  X(CONFIRM, 17, "confirm") \
  X(FORK, 18, "fork") \
  X(CLAIM, 19, "claim") \
  X(MISSING, 20, "missing")
enum cl_cause {
  CL_CAUSE_NONE = 0,
#define CL_X(name, number, word) CL_CAUSE_##name = number,
  CL_CAUSE_MAP(CL_X)
#undef CL_X
};

#define CL_ROLE_MAP(X) \
  X(SEARCH, 1, "search") \
  X(ENQUEUED, 2, "enqueued") \
  X(CONFIRM, 3, "confirm") \
  X(ASSESS, 4, "assess") \
  X(FORKED, 5, "forked") \
  X(FOREIGN, 6, "foreign") \
  X(REPLAY, 7, "replay")
enum cl_role {
  CL_ROLE_NONE = 0,
#define CL_X(name, number, word) CL_ROLE_##name = number,
  CL_ROLE_MAP(CL_X)
#undef CL_X
};
/* A trial of the search, which counts against the budget. */
static inline bool cl_role_is_searched(int role) {
  return role == CL_ROLE_SEARCH || role == CL_ROLE_ENQUEUED;
}

/* Why a study is finished. */
#define CL_REASON_MAP(X) \
  X(BUDGET, 1, "budget") \
  X(EXHAUSTED, 2, "exhausted") \
  X(TARGET, 3, "target") \
  X(FAILURES, 4, "failures") \
  X(HUMAN, 5, "human")
enum cl_reason {
#define CL_X(name, number, word) CL_REASON_##name = number,
  CL_REASON_MAP(CL_X)
#undef CL_X
};
enum cl_way { CL_WAY_DIRECTORY = 1, CL_WAY_REGION, CL_WAY_FORK, CL_WAY_COPY };
enum cl_how { CL_STOP_ASK = 1, CL_STOP_KILL };
enum cl_worker_state { CL_WORKER_JOINED = 1, CL_WORKER_CHANGED, CL_WORKER_GONE };
enum cl_note { CL_NOTE_TEXT = 1, CL_NOTE_TAG, CL_NOTE_UNTAG };
/* Name of a worker's note: a state that was asked for cannot be had. */
#define CL_NOTE_NOT_SAVED "state not saved"

struct cl_metric {
  int id; /* 1…; objectives first, in the order of the settings. 0 when appending: the store finds it by name
           */
  const char *name; /* never null when appending; null when a reader did not ask for names */
  double value;     /* may be NaN or infinite */
};

struct cl_assigned_list {
  int n;
  const struct cl_assigned *items;
};
struct cl_metric_list {
  int n;
  const struct cl_metric *items;
};
struct cl_number_list {
  int n;
  const double *items;
};
struct cl_name_list {
  int n;
  const char *const *items;
};

/* What the reports of a segment add up to, for the first objective; count 0 = nothing yet (then the rest is
 * 0). */
struct cl_rollup {
  double last, best, sum;
  int64_t count;
};

#define CL_SEEN_BATCH \
  (-1) /* `seen` of a decision that follows another one on the same subject in the same append */

struct cl_head;

struct cl_event {
  int64_t position; /* 1…; 0 before it is appended */
  int64_t time_ms;  /* since the study was created, by the writer's clock; information only */
  int32_t by;       /* worker number; 0 = a person's command */
  enum cl_kind kind;
  int64_t subject;     /* trial, or 0 for the study */
  int32_t attempt;     /* facts about an attempt, `started`, `lost` */
  bool late;           /* facts: stored, counts for nothing but its attempt's own row */
  int64_t seen, as_of; /* decisions */
  enum cl_cause cause; /* decisions */
  const char *args;    /* decisions: JSON object of the cause, or null */
  /* Only from a reader that leaves the reports of a finished trial out: on its `stopped`, `done` and `ended`,
   * the trial's head at the end of the log. Never stored, copied or compared. */
  const struct cl_head *summary;
  union {
    struct {
      const char *name;                                            /* the study's name: unique in the store */
      const char *uuid, *spec, *settings, *directory, *provenance; /* provenance: JSON object */
      int64_t seed;
    } created;
    struct {
      const char *settings;   /* JSON of the changed keys only */
      const char *provenance; /* JSON, null if unchanged */
      int space_version;
    } updated;
    struct {
      enum cl_reason reason;
    } finished;
    struct {
      double seconds;
    } clock;
    struct {
      const char *method, *what; /* what: JSON */
    } chosen;
    struct {
      int worker; /* = number of the last one + 1 when joining */
      const char *host, *boot;
      int slots;
      const char *labels;     /* JSON, or null */
      const char *provenance; /* JSON, null if unchanged */
      enum cl_worker_state state;
    } worker;
    struct {
      enum cl_note what;
      const char *name, *text;
    } note;
    struct {
      enum cl_role role;
      int64_t of;     /* trial it repeats or comes from, 0 = none */
      int repeat;     /* 0 = first run of its configuration */
      int64_t parent; /* snapshot (position) to start from, 0 = none */
      bool has_seed;  /* a seed other than the derived one */
      int64_t seed;
      int space_version;
      struct cl_assigned_list values;
      bool infeasible;
    } proposed;
    struct {
      const char *origin; /* uuid of the study, or a file */
      int64_t trial;      /* its number there */
      struct cl_assigned_list values;
      int state; /* enum cl_state */
      struct cl_number_list objectives;
      double last_step;
    } imported;
    struct {
      int worker;
      int64_t from; /* snapshot (position), 0 = from the beginning */
      double until;
    } started;
    struct {
      double until;
      int64_t report; /* position of the report it answers, 0 = none */
    } continued;
    struct {
      int64_t at; /* report, 0 = none */
    } paused;
    struct {
      int64_t at;
      enum cl_how how;
    } stopped;
    struct {
      int worker;
    } preempting;
    struct {
      int count; /* retries since the last progress, with this one */
    } retried;
    struct {
      int64_t snapshot, with;         /* with: second donor (trial), 0 = none */
      struct cl_assigned_list values; /* all active ones */
      double until;
      bool infeasible;
    } exploited;
    struct {
      struct cl_assigned_list values; /* the changed ones */
      double until;
    } set;
    struct {
      struct cl_number_list ids;
      bool on;
    } held;
    struct {
      int64_t change;
    } voided;
    struct {
      int64_t snapshot;
    } deleted;
    struct {
      int worker;
    } adopted;
    struct {
      int protocol;
      const char *capabilities; /* words joined by spaces: save load regions fork */
    } connected;
    struct {
      int64_t ordinal; /* dense from 1 in its attempt */
      double step;
      struct cl_metric_list metrics;
    } reported;
    struct {
      double step;
      enum cl_way way;
      int64_t report, bytes;
      const char *hash, *path, *host; /* path relative to the study's directory */
      struct cl_rollup rollup;
    } saved;
    struct {
      int64_t change; /* the exploit, or the start */
      int64_t snapshot;
      struct cl_name_list missing;
      const char *error; /* null = loaded */
    } loaded;
    struct {
      int status, signal;               /* exit status, or the signal that killed it */
      bool known;                       /* somebody saw the status */
      const char *usage;                /* JSON: seconds, max_rss…, limit that ended it; or null */
      int64_t record;                   /* position of the report that listings show, 0 = none */
      struct cl_number_list objectives; /* reduced values; empty if none was reported */
    } ended;
  } u;
};

const char *cl_kind_name(enum cl_kind k); /* "given up"; "?" for an unknown one */
const char *cl_cause_name(enum cl_cause c);
const char *cl_role_name(enum cl_role r);
const char *cl_reason_name(int reason); /* null while it is not finished (0), and for an unknown one */
int cl_kind_flags(enum cl_kind k);      /* CL_F …; 0 for an unknown kind (written by a newer clade) */

/* The fields of a kind, for code that treats all kinds alike (stores, JSON, tests). */
enum cl_field_type {
  CL_FIELD_INT32 = 1, /* int, enums */
  CL_FIELD_INT64,
  CL_FIELD_BOOL,
  CL_FIELD_REAL,     /* NaN = null */
  CL_FIELD_TEXT,     /* null allowed */
  CL_FIELD_JSON,     /* a text that holds JSON; null allowed */
  CL_FIELD_ASSIGNED, /* struct cl_assigned_list */
  CL_FIELD_METRICS,  /* struct cl_metric_list */
  CL_FIELD_NUMBERS,  /* struct cl_number_list */
  CL_FIELD_NAMES,    /* struct cl_name_list */
  CL_FIELD_ROLLUP    /* struct cl_rollup */
};
struct cl_field {
  const char *name;
  enum cl_field_type type;
  size_t offset; /* in struct cl_event */
};
/* The fields of `k` beyond the common ones, ended by a null name. Static. Never null. */
const struct cl_field *cl_kind_fields(enum cl_kind k);

bool cl_event_equal(const struct cl_event *a, const struct cl_event *b); /* all fields; NaN equals NaN */

/* A copy in one block that owns all it points to; -0.0 becomes 0.0, as in every store. Gives; free with
 * cl_free. Null without memory. */
struct cl_event *cl_event_copy(const struct cl_event *ev);

/* One JSON object per event, keys in the order of the tables; zero, null and false fields are left out. */
void cl_event_write_json(const struct cl_event *ev, struct cl_text *ret);
/* Back again: `ret` borrows from `node` and from *ret_memory, which the caller frees with cl_free after use.
 * CLADE_ECORRUPT naming the field whose type or range is wrong, CLADE_ENEWER for an unknown kind;
 * CLADE_ENOMEM. Fields of others than this clade knows are passed by. */
int cl_event_from_json(const json_t *node, struct cl_event *ret, void **ret_memory, struct cl_err *e);

/* The fields beyond the common ones as one JSON object ("{…}"), or nothing when all are zero, null or false;
 * bit i of `skip` leaves field i of cl_kind_fields out. And back: ev->kind is set, fields that are absent
 * stay as they are; memory as in cl_event_from_json. For stores. */
void cl_event_write_data(const struct cl_event *ev, uint32_t skip, struct cl_text *ret);
int cl_event_read_data(const json_t *data, struct cl_event *ev, void **ret_memory, struct cl_err *e);

/* Legal in itself: kind known, texts UTF-8 within their limits, numbers of the right kind.
 * CLADE_EINVAL or CLADE_ELIMIT naming the field. Called by every store before it appends. */
int cl_event_check(const struct cl_event *ev, struct cl_err *e);

#define CL_METRICS_MAX    200        /* metrics of a study, and of a report */
#define CL_NAME_MAX       200        /* bytes of a study's, hyperparameter's or metric's name */
#define CL_EVENT_TEXT_MAX (16 << 20) /* bytes of any text of an event */

#endif
