/* Policies of your own for a population, in a shared object: `schedule: {method: ./libmine.so, interval: 2}`.
 *
 * Clade does what all of its populations need: members take turns on the slots, are asked at every
 * `interval` (or when they are ready by time or metric, option `ready`), are compared at equal steps, hand
 * over exactly the state that was ranked, and are replaced when they fail. What becomes of a member that asks
 * is decided by four policies, each of which may be yours:
 *
 *   done     is its training finished? Then it is stopped.           (null: `stop` and `end` say so)
 *   ready    may it be judged now? Else it goes on until it is asked next.            (null: yes)
 *   exploit  whose state does it take over, if any?                  (null: `exploit`, `quantile`, …)
 *   explore  what becomes of the values that it took over?           (null: `explore`, `factors`, …)
 *
 *   #include <clade/policies.h>
 *
 *   static int exploit(const struct clade_policies_host *host, struct clade_policies_view *view,
 *                      size_t *ret_place, char *error) {
 *     if (host->place(view) > 2) *ret_place = 0;          // all but the three best follow the best
 *     return 0;
 *   }
 *   static const struct clade_policies policies = {
 *     .abi = sizeof(struct clade_policies), .version = CLADE_POLICIES_VERSION,
 *     .name = "follow", .summary = "all but the three best follow the best", .exploit = exploit};
 *   const struct clade_policies *clade_policies_entry(void) { return &policies; }
 *
 *   cc -shared -fPIC -o libmine.so mine.c `pkg-config --cflags clade`
 *
 * It links against nothing: the view is opaque, and what it may look at and do is a table of functions that
 * Clade hands to it (the host). The same object may hold a searcher too (<clade/plugin.h>).
 *
 * Policies are pure: functions of the view and the options. They keep nothing between calls, no file, clock
 * or generator of their own (host->uniform is a stream named by seed, trial and ruling). So a resumed study
 * decides the same without anything being saved, and `clade show S/3 --why --verify` asks them again for what
 * they once decided. What they have to say stands in the decision's args: the policy's name, place and table,
 * donor, what became of each value, and what host->note adds.
 *
 * The path must hold a slash; a relative one starts in the study's `cwd`. All options of `pbt` stand beside
 * `method` with their meaning; so do the policies' own, which `options` names. Whatever process decides for
 * the study loads the object: on every machine that runs an engine. An answer that is not allowed is refused
 * with a sentence, and the study goes no further until it is mended: nothing illegal is ever recorded. A
 * policy runs inside of Clade's process: load only what you would run as a program.
 */
#ifndef CLADE_POLICIES_H
#define CLADE_POLICIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clade/error.h"
#include "clade/export.h"
#include "clade/plugin.h"
#include "clade/value.h"

#ifdef __cplusplus
extern "C" {
#endif

#define CLADE_POLICIES_VERSION 1
#define CLADE_NOBODY           SIZE_MAX /* no place: the member keeps its state; it stands in no table */

/* Opaque, valid inside of the call that hands them out. */
struct clade_policies_view;   /* a population as one of its members is asked about */
struct clade_policies_change; /* the values that this member goes on with */

/* A state, and what it earned. */
struct clade_policies_member {
  int64_t trial;   /* its number */
  double step;     /* NaN: it never reported */
  double value;    /* of the objective; NaN: none, or not finite */
  double fitness;  /* the same, larger is better; -infinity for NaN */
  bool self;       /* it is the member that is asked about */
  bool gives;      /* the state is saved and may be taken over */
  size_t n_scores; /* its last ones, see `score` */
};

/* What Clade does for policies. Members are only appended. Hyperparameters are numbered 0 … parameters() - 1
 * in the order of the spec, parents before children. */
struct clade_policies_host {
  size_t abi; /* sizeof as Clade knows it */

  /* Of the study: in every call. */
  int (*parameters)(const struct clade_policies_view *view);
  struct clade_plugin_parameter (*parameter)(const struct clade_policies_view *view, int i);
  int64_t (*population)(const struct clade_policies_view *view); /* members that there are, or will be */
  /* An option that stands beside `method`: its text, null if it is not given; its number, false if none. */
  const char *(*option)(const struct clade_policies_view *view, const char *name);
  bool (*number_option)(const struct clade_policies_view *view, const char *name, double *ret);

  /* Of the member that is asked about, as it stands now (not in `check`, which asks about nobody). */
  struct clade_policies_member (*self)(const struct clade_policies_view *view);
  bool (*dead)(const struct clade_policies_view *view); /* it failed or diverged: it needs another's state */
  /* The values that it has: coordinate in [0, 1], NaN where it is inactive. */
  double (*own_unit)(const struct clade_policies_view *view, int i);
  struct clade_value (*own_value)(const struct clade_policies_view *view, int i);

  /* Of the table: the members where they stood at the last interval that at least half of the population,
   * this member among them, have come to; best first, ties by number. `members` is 0 where too few have; of a
   * dead one, the furthest interval at which anybody has a state to give. Places run from 0 to members() - 1.
   */
  size_t (*members)(const struct clade_policies_view *view);
  struct clade_policies_member (*member)(const struct clade_policies_view *view, size_t place);
  size_t (*place)(const struct clade_policies_view *view); /* of this member; CLADE_NOBODY: in no table */
  /* The last reports of a member up to that interval, k from 0 (oldest) to n_scores - 1, larger is better.
   * They run along the lineage; option `last` says how many. NaN: no such. */
  double (*score)(const struct clade_policies_view *view, size_t place, size_t k);
  /* The values that it had there. */
  double (*unit)(const struct clade_policies_view *view, size_t place, int i);
  struct clade_value (*value)(const struct clade_policies_view *view, size_t place, int i);

  /* The next number of this decision's stream, one for each policy: 0 <= x < 1; of the standard normal
   * distribution; 0 … n - 1 (n >= 1). */
  double (*uniform)(struct clade_policies_view *view);
  double (*normal)(struct clade_policies_view *view);
  size_t (*below)(struct clade_policies_view *view, size_t n);
  /* Say why, for `clade show --why`: a name of letters, digits and _, and a number; at most 32 a ruling. */
  void (*note)(struct clade_policies_view *view, const char *name, double x);

  /* In `explore`. The change begins with the values of the state that was taken over. What is constant, drawn
   * for every trial or `change: start` stays as it is; so does, in the end, what a person holds. */
  /* Its place; CLADE_NOBODY: the state is one of the archive, and stands in no table. */
  size_t (*donor)(const struct clade_policies_view *view);
  double (*new_unit)(const struct clade_policies_change *change, int i);
  struct clade_value (*new_value)(const struct clade_policies_change *change, int i);
  /* By coordinate: beyond 0 … 1 is the end of the range. NaN is ignored. */
  void (*set_unit)(struct clade_policies_change *change, int i, double u);
  /* A value of the domain: any other is refused. */
  void (*set_value)(struct clade_policies_change *change, int i, struct clade_value value);
  /* As PBT does: numbers times the factor (odds, on a logit scale) within their range, ordered lists one
   * place on (factor > 1) or back; words without order stay. factor > 0. */
  void (*multiply)(struct clade_policies_change *change, int i, double factor);
  /* What the options `explore`, `factors`, `resample_probability` and `each` say, to all values: whatever was
   * set before is forgotten. */
  void (*standard)(struct clade_policies_change *change);
};

/* The policies. `error` has room for CLADE_PLUGIN_ERROR bytes. A negative status of <clade/error.h> ends the
 * deciding with the sentence in `error`. All are called on one thread, and all may be null. */
struct clade_policies {
  size_t abi;       /* sizeof(struct clade_policies) */
  int version;      /* CLADE_POLICIES_VERSION */
  const char *name; /* what the log calls them: letters, digits and _, at most 40 */
  const char *summary;
  const char *const *options; /* names of options of its own, ended by null; null: none */
  /* Do the options suit the study? CLADE_ESPEC with a sentence if not; before anything runs. */
  int (*check)(const struct clade_policies_host *host, const struct clade_policies_view *view, char *error);
  /* *ret_done is false, *ret_ready true before the call. Dead members are not asked. */
  int (*done)(const struct clade_policies_host *host, struct clade_policies_view *view, bool *ret_done,
              char *error);
  int (*ready)(const struct clade_policies_host *host, struct clade_policies_view *view, bool *ret_ready,
               char *error);
  /* *ret_place is CLADE_NOBODY before the call. Its own place, and one that does not give, mean the same; a
   * dead member then takes whom the option `exploit` chooses. Not called where there is no table. */
  int (*exploit)(const struct clade_policies_host *host, struct clade_policies_view *view, size_t *ret_place,
                 char *error);
  /* After exploit has chosen. Values that break a constraint of the spec are taken back: all stay as the
   * donor had them. */
  int (*explore)(const struct clade_policies_host *host, struct clade_policies_view *view,
                 struct clade_policies_change *change, char *error);
};

/* What the shared object exports. Static. */
CLADE_API const struct clade_policies *clade_policies_entry(void);

#ifdef __cplusplus
}
#endif
#endif
