/* The messages between a trainer (T) and its worker (W): JSON lines, one object of at most 64 KiB each.
 *
 * Used by the worker and compiled into libclade-trainer. Knows nothing of sockets, trials or files.
 *
 * The form, narrower than JSON, so that it is easy to write in any language and to read with bounds:
 *   - one object per line, ended by one '\n'; "type" is its first key; keys have _ for a blank;
 *   - values are null, true, false, integers (exact in 64 bits), other numbers, text (UTF-8, no zero
 *     byte); the only nested things are the one-level objects "values" (name: scalar) and "metrics"
 *     (name: number) and the array "missing" (of text);
 *   - a number that is not finite is "nan", "inf" or "-inf" in quotes (in "values" that is a text);
 *   - a float always has a point or an exponent: 3 is an integer, 3.0 a float;
 *   - unknown keys are skipped (up to 8 levels deep); unknown types and doubled keys are errors; null is
 *     the same as leaving a key out, where it may be left out.
 *
 * Who speaks: the trainer asks, the worker answers; THE WORKER NEVER SPEAKS UNASKED. One question is open
 * at a time. A trainer that lost its connection says hello, gets `start`, and repeats its open question as
 * it was (facts may be sent twice): a report with an ordinal that is recorded already adds nothing and is
 * answered (again). So the worker pushes nothing after `start`.
 *
 *   type    from  keys (? = may be left out)            answer
 *
 *   hello    T    token protocol can? reports? bytes?   start; stop if outdated; error
 *   start    W    values seed change? reports? load?
 *                 save_at? way? path?
 *   report   T    ordinal step metrics path? bytes?     save load fork go pause stop error
 *                 error?
 *   save     W    path way?                             (wants) saved
 *   saved    T    step path? bytes? error?              as report
 *   load     W    change path way? values?              (wants) loaded
 *   loaded   T    change missing? error?                as report
 *   fork     W    token path?                           (wants) hello with this token, of the process that
 *                                                       was forked; path: to a twin, whose clone is to be
 *                                                       the attempt of that directory
 *   go       W    change? values? save_at? way? path?
 *   pause    W    save?                                 (wants) saved if save, answered by go; the end
 *   stop     W    save?                                 (wants) saved if save, answered by go; the end
 *   done     T                                          go
 *   error    W    text field? limit? fatal?
 */
#ifndef CL_WIRE_MESSAGE_H
#define CL_WIRE_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"

enum {
  CL_MESSAGE_PROTOCOL = 1,    /* the version this build speaks */
  CL_MESSAGE_MAX = 65536,     /* bytes of a message, without its newline */
  CL_MESSAGE_NAME_MAX = 256,  /* bytes of a name in values, metrics and missing */
  CL_MESSAGE_ITEMS_MAX = 1024 /* values, metrics or missing names in one message */
};

/* X(id, text). A message type; the ids are not stored anywhere. */
#define CL_MESSAGE_TYPE_MAP(X) \
  X(HELLO, "hello") \
  X(START, "start") \
  X(REPORT, "report") \
  X(SAVE, "save") \
  X(SAVED, "saved") \
  X(LOAD, "load") \
  X(LOADED, "loaded") \
  X(FORK, "fork") \
  X(GO, "go") \
  X(PAUSE, "pause") \
  X(STOP, "stop") \
  X(DONE, "done") \
  X(ERROR, "error")

enum cl_message_type {
#define CL_X(id, text) CL_MESSAGE_##id,
  CL_MESSAGE_TYPE_MAP(CL_X)
#undef CL_X
      CL_MESSAGE_TYPES
};

/* X(id, bit, word). What a trainer can be asked for: flags of cl_message.can; words of "can", separated by
 * blanks. Unknown words are skipped. */
#define CL_MESSAGE_CAN_MAP(X) \
  X(SAVE, 0, "save") \
  X(LOAD, 1, "load") \
  X(REGIONS, 2, "regions") \
  X(FORK, 3, "fork")

enum {
#define CL_X(id, bit, text) CL_MESSAGE_CAN_##id = 1 << bit,
  CL_MESSAGE_CAN_MAP(CL_X)
#undef CL_X
};

/* X(id, text). How a state travels. With DIRECTORY a path is a directory, with REGION the name of a set of
 * regions, with FORK the token of a twin. */
#define CL_MESSAGE_WAY_MAP(X) \
  X(DIRECTORY, "directory") \
  X(REGION, "region") \
  X(FORK, "fork")

enum cl_message_way {
#define CL_X(id, text) CL_MESSAGE_WAY_##id,
  CL_MESSAGE_WAY_MAP(CL_X)
#undef CL_X
      CL_MESSAGE_WAYS
};

enum cl_wire_kind { CL_WIRE_NULL, CL_WIRE_BOOL, CL_WIRE_INT, CL_WIRE_FLOAT, CL_WIRE_TEXT };

/* The value of a hyperparameter. A float is finite. */
struct cl_wire_value {
  enum cl_wire_kind kind;
  union {
    bool boolean;
    int64_t integer;
    double number;
    const char *text; /* borrowed */
  };
};

struct cl_wire_pair {
  const char *name;
  struct cl_wire_value value;
};

struct cl_wire_metric {
  const char *name;
  double value; /* may be NaN or infinite */
};

/* One message of any type. Members that the type does not have, or that were left out, are 0. Pointers are
 * borrowed: those of a parsed message from its cl_message_memory, those of a message to write from the
 * writer. */
struct cl_message {
  enum cl_message_type type;

  /* hello: can = CL_MESSAGE_CAN_…, reports = ordinal of the last report sent. fork: the twin's token */
  const char *token;
  int64_t protocol; /* >= 1 */
  unsigned can;
  int64_t reports; /* start: ordinal of the last report recorded */

  int64_t seed; /* start */
  /* start load go: position of the last event that wrote the assignment. loaded: the change of the load, or
   * of the start, that it acknowledges */
  int64_t change;

  int64_t ordinal; /* report: dense from 1 within the attempt */
  double step;     /* report saved; finite */

  /* start go, if has_save_at: the first report at or above save_at is preceded by saving to `path`, and
   * carries that path, bytes and error. Every answer replaces the announcement before it. */
  bool has_save_at;
  double save_at;

  enum cl_message_way way; /* start save load go; DIRECTORY if left out */
  /* save load: where. start go: where to save at save_at. saved: the path asked for. report: the path
   * announced with save_at, null when no save was due. fork: of a twin: directory of the clone's attempt */
  const char *path;
  const char *load; /* start: state to load before training, or null; only for trainers that can load */
  const char *save; /* pause stop: save there first, or null */

  int64_t bytes; /* hello: of a buffer for its regions, 0 = it has none. report saved: of the state written */
  const char *error; /* report saved loaded: why it could not be saved or loaded, or null */

  const char *text;  /* error: the sentence */
  const char *field; /* error: the key that is wrong, or null */
  const char *limit; /* error: what it must be, or null */
  bool fatal;        /* error: the connection ends with it, and saying hello again will not help */

  /* start: all active ones. load go: those changed since the last answer (start and load are answers) */
  const struct cl_wire_pair *values;
  size_t n_values;
  const struct cl_wire_metric *metrics; /* report */
  size_t n_metrics;
  const char *const *missing; /* loaded: regions that were absent or of another size */
  size_t n_missing;
};

/* Where a parsed message keeps its texts and arrays. Zeroed before its first use; used again by each parse.
 */
struct cl_message_memory {
  char *bytes;
  size_t capacity, used;
  struct cl_wire_pair *values;
  size_t cap_values;
  struct cl_wire_metric *metrics;
  size_t cap_metrics;
  const char **missing;
  size_t cap_missing;
};

void cl_message_memory_done(struct cl_message_memory *m);

/* Read one message.
 *
 *   line, n  the bytes of the line without its newline; blanks around the object are allowed, also '\r'
 *   memory   what *ret points to is valid until the next parse with it, or its done
 *
 * Time and memory O(n). Never reads beyond n. CLADE_ELIMIT: longer than CL_MESSAGE_MAX, a name longer than
 * CL_MESSAGE_NAME_MAX, more than CL_MESSAGE_ITEMS_MAX items; CLADE_EPROTOCOL: not a message; the sentence
 * names the byte or the key; CLADE_ENOMEM. *ret is untouched on failure. */
int cl_message_parse(const char *line, size_t n, struct cl_message_memory *memory, struct cl_message *ret,
                     struct cl_err *e);

/* Append one message and its newline to t. What is written reads back equal; what may be left out is, when
 * it is null, 0, false or empty.
 *
 * CLADE_EINVAL: a text is not UTF-8, a name is empty or doubled, a member is missing or outside its range;
 * CLADE_ELIMIT as above; CLADE_ENOMEM. On failure t is as before. */
int cl_message_write(struct cl_text *t, const struct cl_message *m, struct cl_err *e);

const char *cl_message_type_text(enum cl_message_type type); /* "hello", …; static storage */

/* Are they equal as values? 3 and 3.0 are not. */
bool cl_wire_value_equal(const struct cl_wire_value *a, const struct cl_wire_value *b);

#endif
