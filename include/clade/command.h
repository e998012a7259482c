/* Change studies by command: the same verbs for the command line, the terminal and the web.
 *
 * A command opens the store for writing by itself and returns when its decision is durable. All functions
 * return 0 or an error of <clade/error.h> with a sentence in *e (null is allowed).
 */
#ifndef CLADE_COMMAND_H
#define CLADE_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clade/error.h"
#include "clade/export.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a deletion would remove. */
struct clade_deletion {
  char study[256];
  char directory[4096]; /* of its trials; "" if there is none */
  int64_t trials, events;
};

/* Remove a study: its rows, and its directory with everything in it. Nothing else ever removes events.
 *
 *   dry  remove nothing, only fill in *ret
 *   ret  may be null
 *
 * CLADE_ENOTFOUND (the nearest study is named), CLADE_EBUSY when it runs, CLADE_EIO: the rows are gone and
 * the directory is not, or not all of it. */
CLADE_API int clade_delete(const char *store, const char *study, bool dry, struct clade_deletion *ret,
                           struct cl_err *e);

/* Write again what the store keeps beside the log of a study, the heads of its trials, as a replay of the log
 * gives it: they are a cache, and may have been lost or changed by other programs. Nothing of the log
 * changes, and engines may work on the study meanwhile. CLADE_ENOTFOUND (the nearest study is named);
 * CLADE_ECORRUPT: the log itself is damaged; CLADE_EBUSY when engines leave no pause. Cost O(events). */
CLADE_API int clade_repair(const char *store, const char *study, struct cl_err *e);

/* Write a note on a study or on the trials that the address names: up to 1 MiB of UTF-8. */
CLADE_API int clade_note(const char *store, const char *address, const char *text, struct cl_err *e);

/* Tags: names with a text or none, on a study or on trials. A name has up to 200 bytes of UTF-8 without
 * control characters, `=` and comma; a text up to 64 KiB. Tagging again replaces the text. They are
 * annotations: no version rises, and nothing that decides looks at them. */
struct clade_tag {
  const char *name, *text; /* text null: none */
};
/* All tags on all that the address names. ret_subjects (may be null): how many those are. CLADE_ENOTFOUND;
 * CLADE_EINVAL names the tag. */
CLADE_API int clade_tag(const char *store, const char *address, const struct clade_tag *tags, size_t n,
                        int64_t *ret_subjects, struct cl_err *e);
/* `names`: may be patterns (* and ?). ret_removed (may be null): tags that were there. */
CLADE_API int clade_untag(const char *store, const char *address, const char *const *names, size_t n,
                          int64_t *ret_removed, struct cl_err *e);

/* Run trials again: a new trial for each that the address names, with its values, and with its seed unless
 * `new_seed`. They have the role `forked`, count neither against the budget nor for the search, and are
 * started on a finished study too, by an engine that works on it (clade_resume). Gives *ret (ret_n of them);
 * free with clade_free. CLADE_EINVAL: the address names no trials, or the space has changed so that the
 * values are none of it (the sentence names the hyperparameter); CLADE_ENOTFOUND. */
struct clade_rerun {
  int64_t trial, of; /* the new one, and what it repeats */
};
CLADE_API int clade_rerun(const char *store, const char *address, bool new_seed, struct clade_rerun **ret,
                          size_t *ret_n, struct cl_err *e);

/* Steering studies that run. A decision is a person's event in the log: the engines that run the study obey
 * it, also ones on other machines, and one that starts later. None needs to run. */

struct clade_trial_steered {
  int64_t trial;
  const char *before, *after; /* its state ("RUNNING"); the same when nothing was done */
  bool done;
  const char *text; /* what happens next, or why nothing was done */
};

struct clade_steered {
  const char *study;
  bool whole;         /* the address named the study itself … */
  bool study_changed; /* … and it was changed: finished, opened again, paused, or its pause lifted */
  const char *text;   /* what became of the study; null if the address named trials */
  int engines;        /* that work on it; those of other hosts are taken for alive */
  size_t n_trials, n_done;
  const struct clade_trial_steered *trials; /* those named by number or `best`, and all others that were
                                               changed or could not be */
};
CLADE_API void clade_steered_free(struct clade_steered *s); /* null is allowed */

struct clade_stop_options {
  bool now;   /* programs get SIGTERM at once, and SIGKILL after the grace */
  bool drain; /* of a whole study: let the trials end that run */
};

/* Stop trials: they are PRUNED with their last value, for good. A connected trainer is told at its next
 * report; the program of another one gets SIGTERM after the study's grace, and SIGKILL after it once more.
 *
 * The address of a whole study ends the study (finished, reason "human"): nothing more is proposed or
 * started, and what runs is stopped too. clade_continue opens it again.
 *
 *   options  may be null
 *   ret      gives; free with clade_steered_free
 *
 * CLADE_ENOTFOUND, CLADE_EINVAL (not an address), CLADE_EREFUSED: the study is finished and nothing of it
 * runs; CLADE_ECONFLICT: it changed faster than could be decided. What could not be done with single trials
 * is told in *ret. */
CLADE_API int clade_stop(const char *store, const char *address, const struct clade_stop_options *options,
                         struct clade_steered **ret, struct cl_err *e);

struct clade_pause_options {
  bool from_start; /* also trials that cannot save their state: they begin again when they are continued */
};

/* Pause trials that run or wait. A connected trainer that can save does so at its next report, and ends; what
 * it has learned is kept. A trial that cannot save is refused without `from_start`.
 *
 * The address of a whole study pauses the study: nothing is proposed or started until clade_continue, and
 * what runs is paused; trials that cannot save run to their end. Errors as above. */
CLADE_API int clade_pause(const char *store, const char *address, const struct clade_pause_options *options,
                          struct clade_steered **ret, struct cl_err *e);

/* Let paused trials go on from their last snapshot, when a slot is free. The address of a whole study lifts
 * its pause, continues the trials that were paused with it, and opens a study again that a person has ended.
 * `address` null: the latest study that is not finished. Starts no engine: clade_resume does. Errors as
 * above; a whole study that is neither paused nor ended by a person is no error: nothing is done. */
CLADE_API int clade_continue(const char *store, const char *address, struct clade_steered **ret,
                             struct cl_err *e);

struct clade_update_options {
  int64_t trials;    /* 0: as it is */
  int parallel;      /* 0: as it is */
  const char *space; /* path of a spec whose hyperparameters and constraints (and program, if it names one)
                        replace the study's; null: as they are */
};

struct clade_names {
  size_t n;
  const char *const *items;
};

struct clade_updated {
  const char *study;
  int64_t trials, trials_before;
  int parallel, parallel_before;
  int space_version;
  bool reopened;                              /* the study was finished, and has trials to run again */
  struct clade_names added, removed, changed; /* hyperparameters */
  bool program_changed;
  int engines;
};
CLADE_API void clade_updated_free(struct clade_updated *u); /* null is allowed */

/* Change a study while it runs: how many trials, how many at the same time (by engines without slots of their
 * own), what is searched. Trials that were proposed keep their values; a new hyperparameter has none in them,
 * and methods that learn look at what all trials have. A study that was finished is opened again when it has
 * trials to run.
 *
 * Gives *ret; free with clade_updated_free. CLADE_EINVAL: nothing to change, or out of range; CLADE_EREFUSED:
 * fewer trials than have been proposed (the number is named); CLADE_ESPEC: a complaint about the file, or the
 * search method cannot use the new space; CLADE_ENOTFOUND; CLADE_ECONFLICT. */
CLADE_API int clade_update(const char *store, const char *study, const struct clade_update_options *options,
                           struct clade_updated **ret, struct cl_err *e);

#ifdef __cplusplus
}
#endif
#endif
