/* The one table of the protocol: which keys there are, what they hold, which message has which. Private to
 * the reader (message.c) and the writer (message_write.c). */
#ifndef CL_WIRE_FIELD_H
#define CL_WIRE_FIELD_H

#include "wire/message.h"

enum cl_field_kind {
  CL_FIELD_TEXT,    /* const char * */
  CL_FIELD_INT,     /* int64_t, at least `least` */
  CL_FIELD_STEP,    /* double, finite */
  CL_FIELD_SAVE_AT, /* double with has_save_at; not NaN */
  CL_FIELD_BOOL,    /* bool */
  CL_FIELD_CAN,     /* flags, as words */
  CL_FIELD_WAY,     /* enum cl_message_way, as a word */
  CL_FIELD_VALUES,  /* an object of scalars */
  CL_FIELD_METRICS, /* an object of numbers */
  CL_FIELD_MISSING  /* an array of texts */
};

struct cl_field {
  const char *key;
  enum cl_field_kind kind;
  size_t offset; /* of the member of struct cl_message, for TEXT, INT, STEP, BOOL */
  int64_t least;
};

enum { CL_FIELDS = 22 };

extern const struct cl_field cl_field_table[CL_FIELDS]; /* in the order of writing */

bool cl_field_required(enum cl_message_type type, size_t field);
bool cl_field_allowed(enum cl_message_type type, size_t field);

/* Words of the enums; null outside of their ranges. Static storage. */
const char *cl_field_way_text(enum cl_message_way way);
const char *cl_field_can_text(unsigned bit);

#endif
