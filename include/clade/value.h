/* Values of hyperparameters, as all public headers hand them out. */
#ifndef CLADE_VALUE_H
#define CLADE_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum clade_value_kind {
  CLADE_ABSENT = 0, /* no value: an inactive hyperparameter, a blank cell */
  CLADE_NULL,
  CLADE_BOOL,
  CLADE_INT,
  CLADE_REAL,
  CLADE_TEXT
};
struct clade_value {
  enum clade_value_kind kind;
  union {
    bool truth;
    int64_t integer;
    double real;
    const char *text; /* borrowed from whoever handed the value out */
  } as;
};

struct clade_named_value {
  const char *name;
  struct clade_value value;
  bool held; /* a person holds it: schedulers may not change it */
};

#ifdef __cplusplus
}
#endif
#endif
