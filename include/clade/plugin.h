/* A searcher of your own, in a shared object: `search: {method: ./libmine.so}`.
 *
 * A plugin is one table of functions. It sees the space and the trials through opaque views and a table of
 * accessors that Clade hands to it (the host), so it links against nothing and needs no structs of Clade.
 *
 *   #include <clade/plugin.h>
 *
 *   struct state { double best, u[CLADE_PLUGIN_PARAMETERS]; };       // zeroed before init
 *   static int next(void *state, const struct clade_plugin_host *host, struct clade_plugin_answer *answer,
 * char *error) { … host->set_unit(answer, i, u); … return 0; }
 *
 *   static const struct clade_plugin plugin = {
 *     .abi = sizeof(struct clade_plugin), .version = CLADE_PLUGIN_VERSION,
 *     .summary = "steps around the best", .state_size = sizeof(struct state), .apply = apply, .next = next};
 *   const struct clade_plugin *clade_plugin_entry(void) { return &plugin; }
 *
 *   cc -shared -fPIC -o libmine.so mine.c `pkg-config --cflags clade`
 *
 * A searcher is pure: a function of settings, seed, and the trials it was told. It keeps no file, clock or
 * generator of its own (host->uniform is a stream named by seed and trial), and is never saved: a resumed
 * study makes it anew and tells it everything again, and `clade show S/7 --why --verify` asks it again for
 * what it once proposed. The order is fixed: first every searched and enqueued trial as pending, by number;
 * then results as they came (in ordered mode by number); results of other studies (`history:`) as foreign
 * ones. When values of a running trial are changed, the searcher is made anew.
 *
 * The path must hold a slash; a relative one starts in the study's `cwd`. Its own options stand beside
 * `method` and reach it through host->option. Whatever process decides for the study loads it: on every
 * machine that runs an engine.
 *
 * A value that the space does not allow is refused with a sentence, and the study goes no further until the
 * plugin is mended: nothing illegal is ever recorded. A plugin runs inside of Clade's process: one that
 * crashes, hangs or writes where it should not takes that process with it (the log survives, and `clade
 * resume` goes on), so load only what you would run as a program.
 */
#ifndef CLADE_PLUGIN_H
#define CLADE_PLUGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clade/error.h"
#include "clade/export.h"
#include "clade/value.h"

#ifdef __cplusplus
extern "C" {
#endif

#define CLADE_PLUGIN_VERSION    1
#define CLADE_PLUGIN_ERROR      500  /* bytes of the sentence a plugin writes, with its end */
#define CLADE_PLUGIN_PARAMETERS 1000 /* hyperparameters of a study, at most */

/* Opaque views, valid inside of the call that hands them out. */
struct clade_plugin_study;
struct clade_plugin_trial;
struct clade_plugin_answer;

enum clade_plugin_kind {
  CLADE_PLUGIN_FLOAT = 1, /* lo … hi */
  CLADE_PLUGIN_INT,
  CLADE_PLUGIN_ORDERED,   /* a list whose neighbours are alike */
  CLADE_PLUGIN_UNORDERED, /* a list without order */
  CLADE_PLUGIN_CONSTANT,  /* nothing to choose: leave it out */
  CLADE_PLUGIN_DRAWN      /* a fresh draw for every trial (seeds): leave it out */
};

/* A hyperparameter. Each maps to a coordinate u in [0, 1], in which its scale (log, logit …) is linear: a
 * method that works on u never leaves the range. */
struct clade_plugin_parameter {
  const char *name; /* borrowed until `done` */
  enum clade_plugin_kind kind;
  double lo, hi;  /* of numbers; -inf, inf where unbounded; 0 for lists */
  int64_t levels; /* how many values there are to choose from; 0 = continuous */
  int parent;     /* index of the one it depends on, -1: always active */
};

enum clade_plugin_what {
  CLADE_PLUGIN_PENDING = 1, /* proposed; no result yet */
  CLADE_PLUGIN_RESULT
};

struct clade_plugin_told {
  int64_t number;
  enum clade_plugin_what what;
  const char *state; /* of a result: "COMPLETE", "PRUNED", "FAILED", "DIVERGED", "INFEASIBLE"; static */
  double
      value; /* first objective, smaller is better (maximised ones are negated); NaN = none, or not finite */
  bool foreign; /* of another study */
};

/* What Clade does for a plugin. Members are only appended. Indices run from 0 to parameters() - 1, in the
 * order of the spec, parents before children. */
struct clade_plugin_host {
  size_t abi; /* sizeof as Clade knows it */

  /* Of the study: in every call. */
  int (*parameters)(const struct clade_plugin_study *study);
  struct clade_plugin_parameter (*parameter)(const struct clade_plugin_study *study, int i);
  int64_t (*trials)(const struct clade_plugin_study *study); /* the budget */
  const char *(*option)(const struct clade_plugin_study *study,
                        const char *name); /* its text, null: not given */
  bool (*number_option)(const struct clade_plugin_study *study, const char *name,
                        double *ret); /* false: no number */

  /* Of a trial: in `apply`. Coordinates: NaN where it is inactive, or has a value that is not in this study's
   * space. */
  struct clade_plugin_told (*told)(const struct clade_plugin_trial *trial);
  double (*unit)(const struct clade_plugin_trial *trial, int i);
  struct clade_value (*value)(const struct clade_plugin_trial *trial, int i);

  /* The answer: in `next`. What is left out is drawn at random, what is inactive is dropped. */
  int64_t (*number)(const struct clade_plugin_answer *answer); /* of the trial that is proposed */
  /* 0 <= x < 1, the `stream`-th number of this trial: the same whenever it is asked for. stream: 0 … 65535.
   */
  double (*uniform)(const struct clade_plugin_answer *answer, uint32_t stream);
  void (*set_unit)(struct clade_plugin_answer *answer, int i, double u); /* NaN takes it back */
  void (*set_value)(struct clade_plugin_answer *answer, int i, struct clade_value value);
  /* Say why, for `clade show --why`: a name of letters, digits and _, and a number; at most 32 of them. */
  void (*note)(struct clade_plugin_answer *answer, const char *name, double x);
};

/* The plugin. `state` is state_size zeroed bytes; `error` has room for CLADE_PLUGIN_ERROR bytes. A negative
 * status of <clade/error.h> ends the deciding with the sentence in `error`. All are called on one thread. */
struct clade_plugin {
  size_t abi;  /* sizeof(struct clade_plugin) */
  int version; /* CLADE_PLUGIN_VERSION */
  const char *summary;
  size_t state_size;
  /* Null allowed. A study that does not suit: CLADE_ESPEC. `study` and `host` stay valid until `done`. */
  int (*init)(void *state, const struct clade_plugin_host *host, const struct clade_plugin_study *study,
              char *error);
  /* A trial was proposed, or has a result. Null: does not look. */
  int (*apply)(void *state, const struct clade_plugin_host *host, const struct clade_plugin_trial *trial,
               char *error);
  /* Propose. CLADE_EMPTY: the space is used up. Asking twice must give the same. */
  int (*next)(void *state, const struct clade_plugin_host *host, struct clade_plugin_answer *answer,
              char *error);
  void (*done)(void *state); /* null allowed; also after a failed init */
};

/* What the shared object exports. Static. */
CLADE_API const struct clade_plugin *clade_plugin_entry(void);

#ifdef __cplusplus
}
#endif
#endif
