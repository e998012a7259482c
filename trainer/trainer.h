/* clade/trainer.h: the trainer's side of Clade, for C and C++.
 *
 * A trainer is any program that trains one model with one assignment of hyperparameters. With this library it
 * learns its values, reports its metrics, takes changed values while it runs (live), and can be cloned,
 * paused and resumed, because it hands its state over: as a directory, as regions of its memory, or by being
 * forked. Without Clade around it, the same program just runs: see "Outside of a study" below.
 *
 * A complete trainer (of a struct model; model_… are the program's own):
 *
 *   #include <clade/trainer.h>
 *   #include <stdio.h>
 *
 *   static int save(void *model, const char *directory) { return model_write(model, directory); }
 *   static int load(void *model, const char *directory) { return model_read(model, directory); }
 *
 *   static int train(clade_trainer *t, struct model *model) {
 *     clade_trainer_default(t, "lr", "0.01");
 *     clade_trainer_default(t, "layers", "2");
 *     model_init(model, clade_trainer_int(t, "layers"), clade_trainer_seed(t));
 *     int status = clade_trainer_start(t);                   // loads a state when the study wants it
 *     while (status >= 0 && status != CLADE_TRAINER_STOP && model->epoch < 10) {
 *       model_train(model, clade_trainer_float(t, "lr"));    // as of now: a report may change it
 *       clade_trainer_metric(t, "accuracy", model_test(model));
 *       status = clade_trainer_report(t, ++model->epoch);
 *     }
 *     return status < 0 ? status : clade_trainer_done(t);    // does nothing after CLADE_TRAINER_STOP
 *   }
 *
 *   int main(int argc, char **argv) {
 *     struct model model = {0};
 *     struct clade_trainer_options options = {save, load, &model};
 *     clade_trainer *t = NULL;
 *     int status = clade_trainer_open(argc, argv, &options, &t);
 *     if (status == 0) status = train(t, &model);
 *     if (status < 0) fprintf(stderr, "%s\n", clade_trainer_errmsg(t));
 *     status = clade_trainer_exit_status(t);
 *     clade_trainer_close(t);
 *     return status;
 *   }
 *
 * (The count of epochs is part of the saved state: a load sets it forward or back.)
 *
 * Where a value comes from, the first that has it:
 *   1. the study, over the connection named by CLADE_SOCKET and CLADE_TOKEN;
 *   2. the command line, `--name=value` or `--name value`; the last one wins, `--name` alone is "true";
 *      nothing after a bare `--` is looked at; other arguments are left alone;
 *   3. the environment, CLADE_PARAM_<name> (other characters than A-Z a-z 0-9 _ become _);
 *   4. clade_trainer_default.
 *
 * Outside of a study (no CLADE_SOCKET) there is no 1, and clade_trainer_report prints each report to
 * standard output as `step 3  accuracy 0.93`.
 *
 * Rules for all functions: a status is an int, 0 = done, < 0 = error of <clade/error.h> (its sentence:
 * clade_trainer_errmsg), > 0 = news. The library never exits, aborts, prints (but for the line above),
 * installs signal handlers, starts threads or changes the locale. It has no global state: a handle is used
 * by one thread at a time, different handles by different threads. Blocking calls go on after EINTR;
 * SIGPIPE is never raised. Getters cannot return an error: they give a neutral value, and the next
 * clade_trainer_start, _report or _done returns the error. Of a training with several processes one speaks
 * to the study; the others must not open a trainer.
 *
 * When Clade dies the trainer trains on to its next report and waits there until a worker is back (`clade
 * resume`), CLADE_RECONNECT seconds (default 600). Then it calls save, if there is one, for
 * CLADE_CKPT_DIR/<step>.late and returns CLADE_TRAINER_STOP with exit status 75.
 */
#ifndef CLADE_TRAINER_H
#define CLADE_TRAINER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <clade/error.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
  CLADE_TRAINER_STOP = CLADE_STOP /* news: finish now, exit with clade_trainer_exit_status */
};

/* Exit statuses that a study understands; 0 = training finished, all others = failed. */
enum {
  CLADE_TRAINER_EXIT_PREEMPTED = 75, /* paused or preempted: run me again */
  CLADE_TRAINER_EXIT_STOPPED = 76,   /* stopped on request */
  CLADE_TRAINER_EXIT_INFEASIBLE = 77 /* these values cannot be trained; the program decides that itself */
};

#define CLADE_TRAINER_NAME_MAX    256 /* bytes of a hyperparameter's or metric's name, without its end */
#define CLADE_TRAINER_METRICS_MAX 200 /* metrics in one report */

/* How the program hands over its state. All members may be null; with both functions a trial can be cloned by
 * population based training, paused, and resumed after a crash; without them it starts again at step 0.
 *
 *   save  write the whole state (weights, optimiser, generator, counters) into files of `directory`, which
 *         exists. Called only inside clade_trainer_report. Need not sync: the worker does, and publishes the
 *         directory under its final name.
 *   load  replace the whole state by that of `directory`, which another trial may have written and which
 *         must not be changed. Called only inside clade_trainer_start and clade_trainer_report. The new
 *         values are in force already; the step goes on from the loaded state's.
 *   ctx   handed to both
 *
 * Neither may call clade_trainer_metric, _start, _report, _done or _close. Both return 0, or any other number
 * for failure. That is told to the study, which decides what happens: the trial goes on, or another state is
 * tried. So a failed load must leave a state that can be trained. */
struct clade_trainer_options {
  int (*save)(void *ctx, const char *directory);
  int (*load)(void *ctx, const char *directory);
  void *ctx;
};

typedef struct clade_trainer clade_trainer;

/* Open the trainer's side. In a study it connects and learns the values; it waits up to CLADE_RECONNECT
 * seconds for a worker.
 *
 *   argc, argv  those of main (keeps until clade_trainer_close); 0 and null are allowed
 *   options     copied; null = no save, no load
 *   ret         the handle; gives, free with clade_trainer_close. Set on failure too, for
 *               clade_trainer_errmsg and clade_trainer_exit_status; null only without memory
 *
 * 0; CLADE_ENOMEM; CLADE_EINVAL: CLADE_SOCKET without CLADE_TOKEN, a path too long for a socket, or a --seed
 * that is no integer; CLADE_ECLOSED: no worker came; CLADE_ESTALE: the trial has a newer attempt;
 * CLADE_EPROTOCOL: the worker refused, or speaks another protocol. */
CLADE_API int clade_trainer_open(int argc, char **argv, const struct clade_trainer_options *options,
                                 clade_trainer **ret);

/* Free everything and close the connection. Null is allowed. Does not say that training is finished. */
CLADE_API void clade_trainer_close(clade_trainer *t);

/* The value of hyperparameter `name` where no study, argument or environment gives one. `text` is read like
 * an argument: true, false, null, an integer, a number, else text. Both are copied; a second call
 * replaces. */
CLADE_API void clade_trainer_default(clade_trainer *t, const char *name, const char *text);

/* The value of a hyperparameter as of now. It changes only inside clade_trainer_start and
 * clade_trainer_report.
 *
 *   float  any number. NaN for null, no number, or an unknown name.
 *   int    an integer, or a float without fraction. 0 otherwise.
 *   bool   true, false, 1, 0, "true", "false". False otherwise.
 *   text   any value as text (0.01 as "0.01"); null for the value null and for an unknown name. Borrowed:
 *          valid until the next start, report, default of that name, or close.
 *
 * An unknown name or another type is an error (CLADE_EINVAL) of the next start, report or done. The value
 * null is an error for int and bool, none for float and text. Cost: a search by name. */
CLADE_API double clade_trainer_float(clade_trainer *t, const char *name);
CLADE_API int64_t clade_trainer_int(clade_trainer *t, const char *name);
CLADE_API bool clade_trainer_bool(clade_trainer *t, const char *name);
CLADE_API const char *clade_trainer_text(clade_trainer *t, const char *name);

/* Is there a value of that name? Never an error. An inactive hyperparameter (its parent has another value)
 * has none, or the one from before it became inactive. */
CLADE_API bool clade_trainer_has(clade_trainer *t, const char *name);

/* Did the last start or report change that value? For programs that must rebuild something. */
CLADE_API bool clade_trainer_changed(const clade_trainer *t, const char *name);

/* Name of the i-th value (0…) known so far, null behind the last one. Valid until close. */
CLADE_API const char *clade_trainer_name(const clade_trainer *t, size_t i);

/* Register a region of memory that is part of the program's state: parameters, what the optimiser keeps, the
 * state of a generator, counters. All of them together are the state: with regions the functions `save` and
 * `load` of the options are not needed, and no file is written or read where a state is handed over. At a
 * report the library copies the regions into memory that the worker owns, or, when the trial is to go on from
 * another one's state, from there: at the speed of memcpy, in the same process. The copy outlives the process
 * that made it; the worker writes it behind into a directory, which is used after a crash or on another host.
 *
 *   name    1…CLADE_TRAINER_NAME_MAX bytes of UTF-8 without control characters; each only once
 *   memory  the program's own (keeps; it must stay where it is until clade_trainer_close)
 *   bytes   at least 1
 *
 * Between two trials regions match by name and size; one that is absent there, or of another size, stays as
 * this program initialised it (clade_trainer_loaded tells). What is derived from the regions must be derived
 * anew after a load. A state that `save` has written is still loaded by `load`, if there is one.
 *
 * Before clade_trainer_start, which must then be called. 0; CLADE_EINVAL: a name that is unusable or there
 * already, no memory, after start; CLADE_ELIMIT: more than 1024 regions; CLADE_ENOMEM. */
CLADE_API int clade_trainer_state(clade_trainer *t, const char *name, void *memory, size_t bytes);

/* Let the study clone this process by fork: for small states, and for programs whose state cannot be taken
 * apart. No save, load or region is needed then. At a report whose state is wanted the library forks a frozen
 * copy, the twin, before the report is sent; when another trial is to go on from that state, the twin forks
 * again, and that clone returns from the report as the other trial: its values, seed, numbers, directory and
 * environment (CLADE_…) are that one's, and so are its standard output and error. The rest is as it was.
 *
 * A fork costs the page tables (some 10 ms per GiB), then a copy of every page that is written while a twin
 * is there, and the memory for it. What a clone would share with its twin must not be there: at a report with
 * a second thread, an open device of a GPU, memory that is shared with others and can be written, a file open
 * for writing, a pipe or a socket, no twin is made, and the study is told why. Files that are only read have
 * an offset of their own in each process; stdio is written out before. A twin runs nothing of the program and
 * ends without exit functions. It ends with the study, and when no worker comes back for CLADE_RECONNECT
 * seconds. A state that is gone is made again, by running the program from step 0 with the same seeds and
 * values; when it then scores something else, the state is given to nobody any more.
 *
 * Hyperparameters of change class `restart` change in a clone, too: look at clade_trainer_changed.
 *
 * Before clade_trainer_start, which must then be called. 0; CLADE_EUNSUPPORTED: one of these things is in the
 * way already; CLADE_EINVAL: after start, or regions were registered; CLADE_EIO: no /proc. Outside of a study
 * it does nothing. */
CLADE_API int clade_trainer_fork(clade_trainer *t);

/* Did the last clade_trainer_start or _report fill that region with another state's? Name null: any region?
 */
CLADE_API bool clade_trainer_loaded(const clade_trainer *t, const char *name);

/* To be called once, when the program can train: the model exists, nothing is trained yet. Where the study
 * wants the trial to go on from a saved state, it fills the regions or calls load, and acknowledges it.
 * Outside of a study it loads CLADE_RESUME_FROM if that is set. A program without regions and `load` may
 * leave this call out.
 *
 * 1 = loaded; 0 = fresh (also when load failed and the study says to go on without); CLADE_TRAINER_STOP;
 * CLADE_ENOMEM; CLADE_EINVAL: the error of a getter; CLADE_EPROTOCOL; CLADE_EIO: outside of a study, load
 * failed. */
CLADE_API int clade_trainer_start(clade_trainer *t);

/* Set a metric of the next report: accuracy, loss… NaN and infinity are values: they mark the trial as
 * diverged when it is the objective. The same name again replaces. An unusable name (empty, not UTF-8, over
 * CLADE_TRAINER_NAME_MAX bytes) or too many metrics are errors (CLADE_EINVAL, CLADE_ELIMIT) of the next
 * report. */
CLADE_API void clade_trainer_metric(clade_trainer *t, const char *name, double value);

/* Send all metrics set since the last report and wait for the answer. This is the only place where values
 * change and where the state is saved, loaded, paused. It may take as long as the study needs to decide.
 * Where answers come at once, the processor stays awake for the next one, 70 us at most; else the wait is a
 * sleep.
 *
 *   step  progress in the program's own unit (epochs, iterations, hours); finite; not below that of the
 *         previous report, unless a load in between took the trial back
 *
 * A report without metrics tells the step alone. 0 = go on. CLADE_TRAINER_STOP = finish now; the state has
 * been saved if the study wanted it; from then on every report returns it at once, without sending. Errors,
 * after which the metrics are cleared and the program may go on: CLADE_EREFUSED: the worker refused this
 * report and recorded nothing (a step that goes back…); CLADE_EINVAL: the step is not finite, a state waits
 * for clade_trainer_start, or the error of a getter or metric; CLADE_ELIMIT: more than 64 KiB;
 * CLADE_ENOMEM. And CLADE_EPROTOCOL: the conversation is over for good; every later call returns it. */
CLADE_API int clade_trainer_report(clade_trainer *t, double step);

/* Tag the trial, as `clade tag` does: `name`, or `name=text`. It arrives when the attempt ends, by the file
 * CLADE_DIR/tags, a line per tag, which any program may append to. Outside of a study nothing is written.
 *
 *   name  1…CLADE_TRAINER_NAME_MAX bytes of UTF-8 without `=` and control characters
 *   text  null = none; up to 1000 bytes of UTF-8 without control characters
 *
 * 0; CLADE_EINVAL: an unusable name or text; CLADE_EIO: the file; CLADE_ENOMEM. */
CLADE_API int clade_trainer_tag(clade_trainer *t, const char *name, const char *text);

/* Training is finished: the trial is complete as soon as this returns. 0; CLADE_TRAINER_STOP, without telling
 * it, after a report that returned it, or when no worker came back; errors as of clade_trainer_report. */
CLADE_API int clade_trainer_done(clade_trainer *t);

/* What main should return: 0 after done, 75 or 76 after CLADE_TRAINER_STOP, 75 when no worker came, 76 for an
 * outdated attempt; else 1 in a study, and outside of one 0, or 1 after an error. 1 for null. */
CLADE_API int clade_trainer_exit_status(const clade_trainer *t);

/* The seed of this trial: the study's; outside of a study `--seed` or CLADE_SEED, else 1. */
CLADE_API int64_t clade_trainer_seed(const clade_trainer *t);

/* The trial's own directory (CLADE_DIR), "." outside of a study. Never null; valid until close. */
CLADE_API const char *clade_trainer_directory(const clade_trainer *t);

/* Number of the trial and of its attempt (CLADE_TRIAL, CLADE_ATTEMPT), from 1; 0 outside of a study. */
CLADE_API int64_t clade_trainer_trial(const clade_trainer *t);
CLADE_API int64_t clade_trainer_attempt(const clade_trainer *t);

/* Is this the one final training that may look at test data (CLADE_FINAL=1)? */
CLADE_API bool clade_trainer_is_final(const clade_trainer *t);

/* Does this program run with a connection to a study? */
CLADE_API bool clade_trainer_in_study(const clade_trainer *t);

/* The sentence of the last error, "" if there was none, "out of memory" for null. Valid until the next
 * call. */
CLADE_API const char *clade_trainer_errmsg(const clade_trainer *t);

#ifdef __cplusplus
}
#endif
#endif
