/* Reading typed values out of nodes; each complaint says what the key expects. */
#ifndef CL_READ_H
#define CL_READ_H

#include "spec/spec.h"
#include "spec/tree.h"

/* Aliases can repeat a long part many times, so what comes out is limited, too. */
#define CL_SPEC_TEXT   10000    /* bytes of one name, path, line */
#define CL_SPEC_VALUE  1000     /* bytes of one value in a list */
#define CL_SPEC_VALUES 1000000  /* values of all lists together */
#define CL_SPEC_WORDS  10000    /* of a program */
#define CL_SPEC_JSON   10000000 /* bytes of one part that is taken over as it is */

struct cl_key {
  const char *name;    /* null ends a table */
  const char *expects; /* "a whole number from 1, as in `trials: 50`" */
};

/* What reading needs everywhere: the text, memory for results, where notes go. */
struct cl_reader {
  const struct cl_source *source;
  struct cl_arena *arena;
  struct cl_notes *notes;
  size_t *n_values; /* of all lists so far */
};

struct cl_notes {
  size_t n, cap;
  struct cl_spec_note *items; /* texts from cl_alloc */
};

int cl_note_add(const struct cl_reader *r, enum cl_spec_note_kind kind, size_t at, struct cl_err *e,
                const char *format, ...) __attribute__((format(printf, 5, 6)));
void cl_notes_done(struct cl_notes *n);

/* Every key of `mapping` must be in the table; an unknown one is an error that names the nearest. `what`
 * names the kind of mapping: "a spec", "a hyperparameter". */
int cl_read_keys(const struct cl_reader *r, const struct cl_node *mapping, const struct cl_key *table,
                 const char *what, struct cl_err *e);
const char *cl_read_expects(const struct cl_key *table, const char *name);

/* Count the values of one more list. CLADE_ESPEC above CL_SPEC_VALUES. */
int cl_read_count(const struct cl_reader *r, size_t at, size_t n, struct cl_err *e);

/* The nearest of the names, null if none is near. */
const char *cl_nearest(const char *name, const char *const *names, size_t n);

/* A complaint at `node`: "`trials` is 'many'" + what is expected. Returns CLADE_ESPEC. */
int cl_read_wrong(const struct cl_reader *r, const struct cl_node *node, const char *key, const char *expects,
                  struct cl_err *e);

/* node may be an alias. Texts borrow from the tree. */
int cl_read_text(const struct cl_reader *r, const struct cl_node *node, const char *key, const char *expects,
                 const char **ret, struct cl_err *e); /* not empty */
int cl_read_int(const struct cl_reader *r, const struct cl_node *node, const char *key, const char *expects,
                int64_t lo, int64_t hi, int64_t *ret, struct cl_err *e);
int cl_read_number(const struct cl_reader *r, const struct cl_node *node, const char *key,
                   const char *expects, double *ret, struct cl_err *e); /* finite */
bool cl_read_is_bool(const struct cl_node *node, bool *ret);            /* where other kinds are right, too */
int cl_read_bool(const struct cl_reader *r, const struct cl_node *node, const char *key, const char *expects,
                 bool *ret, struct cl_err *e);
/* One of the words "a|b|c"; *ret_index counts from 0. */
int cl_read_word(const struct cl_reader *r, const struct cl_node *node, const char *key, const char *words,
                 int *ret_index, struct cl_err *e);

/* "4G", "512MiB", a bare number of bytes; units are powers of 1024. */
bool cl_read_size(const char *text, int64_t *ret_bytes);

/* A node as JSON (aliases followed). CLADE_ESPEC at an alias that leads nowhere or a result of more than
 * CL_SPEC_JSON bytes. Gives a new reference. */
int cl_read_json(const struct cl_reader *r, const struct cl_node *node, json_t **ret, struct cl_err *e);
json_t *cl_json_value(struct cl_value v); /* new reference, null without memory */

#endif
