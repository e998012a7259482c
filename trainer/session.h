/* The conversation of one attempt with its worker: hello, questions, answers, and coming back after a worker
 * has died. Owns what both sides have agreed on (ordinal, announced snapshot, values); does not decide when
 * to report. */
#ifndef CL_TRAINER_SESSION_H
#define CL_TRAINER_SESSION_H

#include "trainer/environment.h"
#include "trainer/link.h"
#include "trainer/regions.h"
#include "trainer/trainer.h"
#include "trainer/twin.h"
#include "trainer/values.h"

struct cl_trainer_session {
  struct clade_trainer_options options;
  struct cl_trainer_values *values;   /* keeps */
  struct cl_trainer_environment *env; /* keeps; a clone reads it anew */
  struct cl_trainer_regions regions;
  bool forks; /* the program lets itself be forked */
  struct cl_trainer_twins twins;
  bool told; /* the worker knows the size of the regions, and whether it forks */
  struct cl_trainer_link link;
  const char *token;  /* keeps */
  double reconnect_s; /* how long to wait for a worker */
  int64_t seed;       /* of `start` */
  int64_t change;     /* of the newest assignment */
  int64_t reports;    /* ordinal of the last report that was answered */
  int64_t sent;       /* ordinal of the last report sent: reports or reports + 1 */
  bool loaded;        /* the last load worked */
  bool busy;          /* the save or load function of the program runs */
  char *load;         /* state that cl_trainer_session_load has to load, or null */
  bool announced;     /* a snapshot is due at the first report at or above announced_at */
  double announced_at;
  enum cl_message_way announced_way;
  char *announced_path;           /* null = none */
  int exit_status;                /* 75 or 76 once the study said pause or stop, or is gone; else 0 */
  bool over;                      /* nothing can be said any more: paused, stopped, refused, gone */
  struct cl_text question, hello; /* kept to be sent again */
};

/* `options` is copied, null = no save, no load; keeps env. Does not connect. CLADE_ENOMEM. */
int cl_trainer_session_init(struct cl_trainer_session *s, const struct clade_trainer_options *options,
                            struct cl_trainer_values *values, struct cl_trainer_environment *env,
                            struct cl_err *e);
void cl_trainer_session_done(struct cl_trainer_session *s);

/* Connect, say hello, learn seed and values. CLADE_ECLOSED after reconnect_s without a worker; CLADE_ESTALE;
 * CLADE_EPROTOCOL; CLADE_EINVAL (socket path); CLADE_EIO; CLADE_ENOMEM. */
int cl_trainer_session_open(struct cl_trainer_session *s, struct cl_err *e);

/* Where regions have been registered, or s->forks was set, since the last hello: say hello again, and so let
 * the worker know; s->load is then what is to be loaded. CLADE_STOP: it says pause or stop; errors as open.
 */
int cl_trainer_session_tell(struct cl_trainer_session *s, struct cl_err *e);

/* Load s->load, acknowledge it, take the answer. CLADE_EMPTY = go on, but neither it nor what
 * else was asked for could be loaded; CLADE_STOP; errors as report. */
int cl_trainer_session_load(struct cl_trainer_session *s, struct cl_err *e);

/* Send a report and do what its answers ask for, until one says go (0), pause or stop (CLADE_STOP). The
 * announced snapshot is taken first. A process that was forked here comes back, too, as another attempt, with
 * another environment and what its `start` says. CLADE_ECLOSED: gave up waiting for a worker; CLADE_EREFUSED:
 * this report only; CLADE_EINVAL, CLADE_ELIMIT: it cannot be sent; CLADE_EPROTOCOL, CLADE_ENOMEM. */
int cl_trainer_session_report(struct cl_trainer_session *s, double step, const struct cl_wire_metric *metrics,
                              size_t n_metrics, struct cl_err *e);

/* Say that training is finished. As report. */
int cl_trainer_session_finish(struct cl_trainer_session *s, struct cl_err *e);

/* Load the state of `path`: regions, or by the load function. CLADE_EUNSUPPORTED; CLADE_EIO, CLADE_ECORRUPT,
 * CLADE_ENOMEM. */
int cl_trainer_session_load_from(struct cl_trainer_session *s, const char *path, struct cl_err *e);
bool cl_trainer_session_can_load(const struct cl_trainer_session *s);

/* Write the regions, or run the save function into the directory, made if need be, and sync what is in it.
 * CLADE_EUNSUPPORTED without a save function; CLADE_EINVAL inside of one; CLADE_EIO. */
int cl_trainer_session_save_into(struct cl_trainer_session *s, const char *directory, struct cl_err *e);

/* Save into directory/<step>.late, whole and synced or not at all. 0 without a save function. */
int cl_trainer_session_save_late(struct cl_trainer_session *s, double step, const char *directory,
                                 struct cl_err *e);

#endif
