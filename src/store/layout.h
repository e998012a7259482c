/* The columns of the tables that hold events, for every store that has tables (sqlite*.c, postgres*.c).
 *
 * Two tables are one per study, with a column per hyperparameter (trials) or metric (reports); four are
 * shared by all studies. A shared table begins with its key, which is each store's own; the columns behind it
 * are the same everywhere, and so is their order. Fields without a column stand in the last one, `more`, as
 * JSON.
 */
#ifndef CL_LAYOUT_H
#define CL_LAYOUT_H

#include "model/event.h"

enum cl_table { TRIALS, REPORTS, DECISIONS, ATTEMPTS, SNAPSHOTS, NOTES, TABLES };

/* Columns that all shared tables begin with, and those of each. */
enum { PLACE, KIND, TIME, BY, SUBJECT };
enum { D_SEEN = 5, D_AS_OF, D_CAUSE, D_ARGS, D_ATTEMPT, D_REF, D_N, D_UNTIL, D_MORE };
enum { A_ATTEMPT = 5, A_LATE, A_STATUS, A_SIGNAL, A_KNOWN, A_RECORD, A_VALUE, A_ARGS, A_MORE };
enum { S_STEP = 7, S_WAY, S_REF, S_BYTES, S_HASH, S_PATH, S_HOST, S_LAST, S_SNAPSHOT = S_LAST + 4, S_ERROR };
enum { S_MORE = S_ERROR + 1, N_N = 5, N_NAME, N_TEXT, N_MORE };
enum {
  T_TRIAL,
  T_POSITION,
  T_TIME,
  T_BY,
  T_AS_OF,
  T_CAUSE,
  T_ARGS,
  T_ROLE,
  T_OF,
  T_REPEAT,
  T_PARENT,
  T_SEED
};
enum { T_SPACE = T_SEED + 1, T_FLAGS, T_VALUES };
enum { IS_INFEASIBLE = 1, IS_IMPORTED = 2 };
enum { R_POSITION, R_TRIAL, R_ATTEMPT, R_ORDINAL, R_STEP, R_TIME, R_BY, R_LATE, R_METRICS };

/* Which columns of a shared table hold which fields of a kind; the others stand in `more`. */
struct cl_layout {
  enum cl_table table;
  int n;
  struct {
    const struct cl_field *field;
    int column;
  } items[8];
  uint32_t skip; /* fields that `more` does not hold, by index in cl_kind_fields */
};

void cl_lay_out(struct cl_layout layouts[CL_EVENT_KINDS]);

/* The fields that `more` of this event leaves out, as cl_event_write_data takes them: a single objective has
 * a column; where there are more, `more` holds the whole list. */
uint32_t cl_layout_skip(const struct cl_layout *l, const struct cl_event *ev);
uint32_t cl_layout_skip_values(enum cl_kind kind); /* only the list of values is left out */

/* Of a shared table: its name; its columns behind the key, separated by ", "; how many there are with the
 * key; the index of `more`. */
const char *cl_table_name(enum cl_table table);
const char *cl_table_columns(enum cl_table table);
int cl_table_n_columns(enum cl_table table);
int cl_table_more(enum cl_table table);

#endif
