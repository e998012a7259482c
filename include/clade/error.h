/* Status codes of every Clade function, and the record that carries the sentence of a failure.
 *
 * A status is an int: 0 done, negative an error from the list below, positive "not an error, but news".
 * Test with `< 0`. The sentence of an error stands in a struct cl_err that the caller hands in as last
 * argument; it names the value, the limit and the remedy. A null cl_err is allowed: then only the code comes
 * back.
 */
#ifndef CLADE_ERROR_H
#define CLADE_ERROR_H

#include "clade/export.h"

#ifdef __cplusplus
extern "C" {
#endif

/* X(name, code, sentence): the one list from which enum, names and documents are made. Codes are never
 * reused. */
#define CLADE_ERROR_MAP(X) \
  X(EINVAL, -1, "an argument is outside its documented range") \
  X(ENOMEM, -2, "memory ran out") \
  X(EIO, -3, "a file, socket or device failed") \
  X(ESPEC, -4, "the spec or an expression in it is not valid") \
  X(ENOTFOUND, -5, "an address names nothing that exists") \
  X(EEXISTS, -6, "a thing of that name exists already") \
  X(ECONFLICT, -7, "the subject has changed since the version the decision was based on") \
  X(EBUDGET, -8, "the study's number of trials is used up") \
  X(EREFUSED, -9, "the state of the subject does not allow this event") \
  X(ECORRUPT, -10, "stored data contradict themselves") \
  X(ENEWER, -11, "written by a newer clade; this one can read but not decide") \
  X(EBUSY, -12, "another process holds what is needed") \
  X(ELIMIT, -13, "an input is larger than its limit") \
  X(EPROTOCOL, -14, "a message breaks the trainer protocol") \
  X(ESPAWN, -15, "a process could not be started") \
  X(ECLOSED, -16, "the peer has closed the connection") \
  X(EUNSUPPORTED, -17, "not possible here: the sentence says what is") \
  X(ESTALE, -18, "the attempt is no longer the trial's current one")

enum {
  CLADE_OK = 0,
#define CLADE_X(name, code, text) CLADE_##name = code,
  CLADE_ERROR_MAP(CLADE_X)
#undef CLADE_X
      CLADE_EMPTY = 1, /* nothing (more) to give */
  CLADE_BUSY = 2,      /* not now: ask again after the next event */
  CLADE_REPEATED = 3,  /* this fact was recorded before; nothing was added */
  CLADE_STOP = 4       /* the caller is asked to stop */
};

#define CLADE_ERR_TEXT 1000 /* bytes of a sentence, with its end; longer ones are cut at a character */

struct cl_err {
  int code;         /* CLADE_E…, 0 when there was no error */
  int cause;        /* errno, SQLite or libpq code behind it, 0 if none */
  const char *file; /* where the error was made (static storage) */
  int line;
  char text[CLADE_ERR_TEXT]; /* one or several lines, no newline at the end */
};

/* The name of a status, e.g. "ECONFLICT"; "OK" for 0, "news" for a positive one, "?" for an unknown one.
 * Static. */
CLADE_API const char *clade_error_name(int status);

/* The general sentence of a status. Static storage, never null. */
CLADE_API const char *clade_error_text(int status);

#ifdef __cplusplus
}
#endif
#endif
