/* A trial from its values to its last report.
 *
 * The Clade part is what run_trial and its callees do with the handle `clade`: take values (now and at every
 * report), report metrics at a step, save and load when asked, stop when told to.
 */
#include "net/trial.h"

#include <clade/trainer.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"
#include "net/blas.h"
#include "net/teacher.h"
#include "net/training.h"

#define MAX_BATCH 1024
#define MAX_WIDTH 64
#define PATH_SIZE 4096
#define USAGE     2 /* exit status: the options are wrong */

static const struct net_option common_options[] = {
    {"lr", "0.01", "learning rate of SGD (live)"},
    {"gamma", "1", "the learning rate is multiplied by it after every epoch (live)"},
    {"momentum", "0.9", "of SGD (live)"},
    {"batch_size", "64", "images per update, 1 to 1024 (live)"},
    {"dropout", "0.5", "probability of dropping a plane or unit, in [0, 1) (live)"},
    {"loss", "likelihood", "what training follows: likelihood | taylor (live)"},
    {"loss_0", "0", "of loss=taylor (<clade/loss.h>): centre of the targets … (live)"},
    {"loss_1", "0", "… and of the probabilities; then the coefficients: (live)"},
    {"loss_2", "0", "of b (live)"},
    {"loss_3", "-2", "of b^2 / 2 (live)"},
    {"loss_4", "0", "of b^3 / 6 (live)"},
    {"loss_5", "2", "of a b; as given, the squared error (live)"},
    {"loss_6", "0", "of a b^2 / 2 (live)"},
    {"loss_7", "0", "of a^2 b / 2 (live)"},
    {"distil", "", "weight of the predictions of the last generation's best member in the targets (live)"},
    {"width", "8", "channels of the first layer, 1 to 64; the others grow with it"},
    {"epochs", "10", "passes over the training data"},
    {"reports_per_epoch", "1", "2 = a report every half epoch"},
    {"limit", "0", "training images per class, 0 = all"},
    {"label_noise", "0", "share of the training labels that are made wrong"},
    {"data_seed", "", "of what limit and label_noise choose [the same for all studies]"},
    {"data", "", "file or directory of the data"},
    {"final_train", "train", "train | all: with CLADE_FINAL=1, train on the validation part too"},
    {"test", "false", "measure the test part at the end; needs CLADE_FINAL=1, which implies it"},
    {"seed", "1", "of all that is random; a study sets it"},
    {"init_seed", "", "of the initial weights, if not seed"},
    {"order_seed", "", "of the order of the images, if not seed"},
    {"dropout_seed", "", "of the dropout masks, if not seed"},
    {"clone_seeds", "own", "own | state: with which a clone goes on; state: a replay comes to the same bits"},
    {0}};

struct trial {
  const struct net_example *example;
  clade_trainer *clade;
  struct net *net;
  struct net_parts data;
  struct net_training training;
  struct net_wish wish;
  size_t epochs, reports_per_epoch;
  bool teaches;           /* a value for distil is given: predictions are saved for others */
  double accuracy;        /* of the validation part, at the last report */
  real *teacher, *taught; /* of the best member; of one's own: [example][class] */
};

/* Exit status that says which kind of mistake it was: 77 tells the study that these values cannot be trained.
 */
struct failure {
  int exit_status;
  struct cl_err error;
};

/* --- where the program is ---------------------------------------------------------------------------- */

static bool find_program(char *ret) {
  ssize_t n = readlink("/proc/self/exe", ret, PATH_SIZE - 1);
  if (n < 0) return false;
  ret[n] = '\0';
  return true;
}

char *net_beside_program(const char *name) {
  char program[PATH_SIZE];
  if (!find_program(program)) return cl_copy_text(name); /* no /proc: the working directory must do */
  char *slash = strrchr(program, '/');
  if (slash != NULL) *slash = '\0';
  return cl_path_join(program, name);
}

/* --- options ----------------------------------------------------------------------------------------- */

static const struct net_option *find_option(const struct net_option *options, const char *name, size_t n) {
  for (; options->name != NULL; options++)
    if (strlen(options->name) == n && strncmp(options->name, name, n) == 0) return options;
  return NULL;
}

static void print_option(const struct net_option *o) {
  printf("  --%-18s %s", o->name, o->text);
  if (o->value[0] != '\0') printf(" [%s]", o->value);
  printf("\n");
}

static void print_help(const struct net_example *example) {
  printf("%s\n\nOptions, as --name=value; a study or CLADE_PARAM_<name> may give them too:\n",
         example->summary);
  for (const struct net_option *o = example->options; o->name != NULL; o++) print_option(o);
  for (const struct net_option *o = common_options; o->name != NULL; o++)
    if (find_option(example->options, o->name, strlen(o->name)) == NULL) print_option(o);
}

/* The library leaves unknown arguments alone; for a program without others they are slips of the pen. */
static int check_arguments(int argc, char **argv, const struct net_example *example, struct cl_err *e) {
  for (int i = 1; i < argc; i++) {
    const char *name = argv[i] + 2;
    if (strncmp(argv[i], "--", 2) != 0)
      return CL_FAIL(e, CLADE_EINVAL, "'%s' is no option: write --name=value, or see --help", argv[i]);
    size_t n = strcspn(name, "=");
    if (find_option(common_options, name, n) == NULL && find_option(example->options, name, n) == NULL)
      return CL_FAIL(e, CLADE_EINVAL, "there is no option '%s': see --help", argv[i]);
    if (name[n] == '\0' && i + 1 < argc && strncmp(argv[i + 1], "--", 2) != 0) i++; /* --name value */
  }
  return 0;
}

static void set_defaults(clade_trainer *clade, const struct net_example *example) {
  for (const struct net_option *o = common_options; o->name != NULL; o++)
    clade_trainer_default(clade, o->name, o->value);
  for (const struct net_option *o = example->options; o->name != NULL; o++)
    clade_trainer_default(clade, o->name, o->value);
}

/* --- values ------------------------------------------------------------------------------------------ */

static int take_number(clade_trainer *clade, const char *name, double low, double high, double *ret,
                       struct cl_err *e) {
  double x = clade_trainer_float(clade, name);
  if (x >= low && x <= high) {
    *ret = x;
    return 0;
  }
  const char *text = clade_trainer_text(clade, name);
  return CL_FAIL(e, CLADE_EINVAL, "%s is %s, but must be a number between %g and %g", name,
                 text == NULL ? "null" : text, low, high);
}

static int take_count(clade_trainer *clade, const char *name, double low, double high, size_t *ret,
                      struct cl_err *e) {
  double x = 0;
  CL_TRY(take_number(clade, name, low, high, &x, e));
  if (x != floor(x)) return CL_FAIL(e, CLADE_EINVAL, "%s is %g, but must be a whole number", name, x);
  *ret = (size_t)x;
  return 0;
}

/* The eight numbers are hyperparameters like any other. */
static int take_loss(clade_trainer *clade, size_t classes, struct net_values *v, struct cl_err *e) {
  const char *kind = clade_trainer_text(clade, "loss");
  double theta[CLADE_LOSS_PARAMETERS];
  v->evolves = kind != NULL && strcmp(kind, "taylor") == 0;
  if (!v->evolves && (kind == NULL || strcmp(kind, "likelihood") != 0))
    return CL_FAIL(e, CLADE_EINVAL, "loss is '%s', but must be likelihood or taylor",
                   kind == NULL ? "null" : kind);
  for (int i = 0; i < CLADE_LOSS_PARAMETERS && v->evolves; i++) {
    char name[] = "loss_0";
    name[5] = (char)('0' + i);
    CL_TRY(take_number(clade, name, -1e6, 1e6, &theta[i], e));
  }
  if (!v->evolves) return 0;
  if (!clade_loss_is_valid(theta, (int)classes))
    return CL_FAIL(e, CLADE_EINVAL,
                   "this loss breaks the invariant of TaylorGLO (<clade/loss.h>): it is not worth training");
  clade_loss_init(&v->loss, theta, (int)classes, CLADE_LOSS_CLIP | CLADE_LOSS_RESCALE);
  return 0;
}

static int take_values(const struct trial *t, struct net_values *ret, struct cl_err *e) {
  clade_trainer *clade = t->clade;
  struct net_values v = {0};
  double gamma = 1;
  CL_TRY(take_number(clade, "lr", 0, 1e6, &v.lr, e));
  CL_TRY(take_number(clade, "gamma", 0, 1, &gamma, e));
  v.lr *= pow(gamma, (double)t->training.place.epoch);
  CL_TRY(take_number(clade, "momentum", 0, 1e6, &v.momentum, e));
  CL_TRY(take_number(clade, "dropout", 0, 0.999, &v.dropout, e));
  CL_TRY(take_count(clade, "batch_size", 1, MAX_BATCH, &v.batch_size, e));
  CL_TRY(take_loss(clade, net_n_classes(t->net), &v, e));
  *ret = v;
  return 0;
}

static int take_seed(clade_trainer *clade, const char *name, uint64_t *ret, struct cl_err *e) {
  const char *text = clade_trainer_text(clade, name);
  int64_t seed = clade_trainer_seed(clade);
  if (text != NULL && text[0] != '\0' && !cl_text_to_int(text, &seed))
    return CL_FAIL(e, CLADE_EINVAL, "%s is '%s', but must be a whole number of 64 bits", name, text);
  *ret = (uint64_t)seed;
  return 0;
}

static int take_seeds(clade_trainer *clade, struct net_seeds *ret, struct cl_err *e) {
  CL_TRY(take_seed(clade, "init_seed", &ret->initial, e));
  CL_TRY(take_seed(clade, "order_seed", &ret->order, e));
  return take_seed(clade, "dropout_seed", &ret->dropout, e);
}

static int take_following(struct trial *t, struct cl_err *e) {
  const char *whose = clade_trainer_text(t->clade, "clone_seeds");
  t->training.follows = whose != NULL && strcmp(whose, "state") == 0;
  if (t->training.follows || (whose != NULL && strcmp(whose, "own") == 0)) return 0;
  return CL_FAIL(e, CLADE_EINVAL, "clone_seeds is '%s', but must be own or state",
                 whose == NULL ? "null" : whose);
}

/* --- data and network -------------------------------------------------------------------------------- */

static int take_wish(clade_trainer *clade, struct net_wish *ret, struct cl_err *e) {
  const char *how = clade_trainer_text(clade, "final_train");
  bool all = how != NULL && strcmp(how, "all") == 0, final = clade_trainer_is_final(clade);
  if (!all && (how == NULL || strcmp(how, "train") != 0))
    return CL_FAIL(e, CLADE_EINVAL, "final_train is '%s', but must be train or all",
                   how == NULL ? "null" : how);
  *ret = (struct net_wish){
      .join = all && final, .test = final || clade_trainer_bool(clade, "test"), .final = final};
  return 0;
}

static int spoil_training_part(struct trial *t, struct cl_err *e) {
  double noise = 0;
  size_t limit;
  uint64_t seed = NET_DATA_SEED;
  const char *given = clade_trainer_text(t->clade, "data_seed");
  CL_TRY(take_count(t->clade, "limit", 0, 1e9, &limit, e));
  CL_TRY(take_number(t->clade, "label_noise", 0, 1, &noise, e));
  if (given != NULL && given[0] != '\0') CL_TRY(take_seed(t->clade, "data_seed", &seed, e));
  if (limit > 0) CL_TRY(net_images_limit(&t->data.training, limit, seed, e));
  return net_images_add_label_noise(&t->data.training, noise, seed, e);
}

static int read_data(struct trial *t, struct cl_err *e) {
  CL_TRY(take_wish(t->clade, &t->wish, e));
  const char *given = clade_trainer_text(t->clade, "data");
  char *data = given != NULL && given[0] != '\0' ? cl_copy_text(given) : t->example->find_data();
  int status = data == NULL ? CL_FAIL_NOMEM(e) : t->example->read(data, t->wish, &t->data, e);
  cl_free(data);
  if (status < 0) return status;
  if (t->wish.join)
    fprintf(stderr, "note: with --final_train=all, val_loss and val_accuracy are of images trained on\n");
  return spoil_training_part(t, e);
}

static int build_network(struct trial *t, struct failure *f) {
  struct net_values values;
  size_t width;
  f->exit_status = CLADE_TRAINER_EXIT_INFEASIBLE;
  CL_TRY(take_count(t->clade, "width", 1, MAX_WIDTH, &width, &f->error));
  f->exit_status = 1;
  struct net_layer_spec layers[NET_MAX_LAYERS];
  size_t n = t->example->layers(width, layers);
  CL_TRY(
      net_create(layers, n, t->data.training.height, t->data.training.width, MAX_BATCH, &t->net, &f->error));
  f->exit_status = CLADE_TRAINER_EXIT_INFEASIBLE;
  return take_values(t, &values, &f->error);
}

/* --- the trial --------------------------------------------------------------------------------------- */

static double place_of(const struct trial *t) {
  const struct net_place *at = &t->training.place;
  return (double)at->epoch + (double)at->examples / (double)t->data.training.n;
}

/* Where members of a population leave their predictions for each other: beside the trials' directories. */
static char *find_teachers(const struct trial *t) {
  return cl_path_join(clade_trainer_directory(t->clade), "../teachers");
}

static int make_teachers(struct trial *t, struct cl_err *e) {
  size_t n = t->data.training.n * net_n_classes(t->net);
  const char *given = clade_trainer_text(t->clade, "distil");
  t->teaches = clade_trainer_in_study(t->clade) && given != NULL && given[0] != '\0';
  if (!t->teaches) return 0;
  t->teacher = cl_alloc_array(n, sizeof *t->teacher);
  t->taught = cl_alloc_array(n, sizeof *t->taught);
  return t->teacher == NULL || t->taught == NULL ? CL_FAIL_NOMEM(e) : 0;
}

static struct net_teacher describe_teacher(const struct trial *t) {
  return (struct net_teacher){.trial = clade_trainer_trial(t->clade),
                              .step = place_of(t),
                              .score = t->accuracy,
                              .n = t->data.training.n,
                              .classes = net_n_classes(t->net)};
}

/* A state is saved where generations meet; whoever becomes their best has left its predictions by then. */
static int teach(struct trial *t, struct cl_err *e) {
  if (!t->teaches || isnan(t->accuracy)) return 0;
  struct net_teacher teacher = describe_teacher(t);
  char *directory = find_teachers(t);
  net_training_predict(&t->training, t->taught);
  int status = directory == NULL ? CL_FAIL_NOMEM(e) : net_teacher_save(directory, &teacher, t->taught, e);
  cl_free(directory);
  return status;
}

/* No teacher before the first generation has ended. */
static int take_teacher(struct trial *t, struct net_values *v, struct cl_err *e) {
  if (!t->teaches) return 0;
  struct net_teacher teacher = describe_teacher(t);
  CL_TRY(take_number(t->clade, "distil", 0, 1, &v->distil, e));
  if (v->distil == 0) return 0;
  char *directory = find_teachers(t);
  int status = directory == NULL ? CL_FAIL_NOMEM(e) : net_teacher_find(directory, &teacher, t->teacher, e);
  cl_free(directory);
  if (status == 0) v->teacher = t->teacher;
  return status < 0 ? status : 0;
}

static int save_state(void *ctx, const char *directory) {
  struct trial *t = ctx;
  struct cl_err error;
  int status = net_training_save(&t->training, directory, &error);
  if (status == 0) status = teach(t, &error);
  if (status < 0) fprintf(stderr, "%s\n", error.text);
  return status;
}

static int load_state(void *ctx, const char *directory) {
  struct trial *t = ctx;
  struct cl_err error;
  int status = net_training_load(&t->training, directory, &error);
  if (status < 0) fprintf(stderr, "%s\n", error.text);
  return status;
}

/* The state as regions of memory: no file is written or read where it is handed over. A member that teaches
 * has more to do when its state is saved, so it goes the way of directories. */
static int register_state(struct trial *t) {
  struct net_training *training = &t->training;
  size_t array = net_n_parameters(t->net) * sizeof(real);
  if (t->teaches) return 0;
  CL_TRY(clade_trainer_state(t->clade, "parameters", net_parameters(t->net), array));
  CL_TRY(clade_trainer_state(t->clade, "velocities", net_velocities(t->net), array));
  if (training->follows)
    CL_TRY(clade_trainer_state(t->clade, "seeds", &training->seeds, sizeof training->seeds));
  CL_TRY(clade_trainer_state(t->clade, "place", &training->place, sizeof training->place));
  CL_TRY(clade_trainer_state(t->clade, "loss sum", &training->loss_sum, sizeof training->loss_sum));
  return clade_trainer_state(t->clade, "loss count", &training->loss_count, sizeof training->loss_count);
}

/* The counters of another network's state without its parameters would be a lie. */
static void check_loaded(struct trial *t) {
  if (!clade_trainer_loaded(t->clade, NULL) || clade_trainer_loaded(t->clade, "parameters")) return;
  t->training.place = (struct net_place){0};
  (void)net_training_take_loss(&t->training);
}

/* The library knows best with which status to exit: without a worker, for example, "run me again". */
static int library_failure(const struct trial *t, int status, struct failure *f) {
  f->exit_status = clade_trainer_exit_status(t->clade);
  return CL_FAIL(&f->error, status, "%s", clade_trainer_errmsg(t->clade));
}

static void measure(struct trial *t) {
  double loss, accuracy;
  clade_trainer_metric(t->clade, "train_loss", net_training_take_loss(&t->training));
  net_training_evaluate(&t->training, &t->data.validation, &loss, &accuracy);
  clade_trainer_metric(t->clade, "val_loss", loss);
  clade_trainer_metric(t->clade, "val_accuracy", accuracy);
  t->accuracy = accuracy;
  if (!t->wish.test || t->training.place.epoch < t->epochs) return;
  net_training_evaluate(&t->training, &t->data.test, &loss, &accuracy);
  clade_trainer_metric(t->clade, "test_loss", loss);
  clade_trainer_metric(t->clade, "test_accuracy", accuracy);
}

/* Train to the next of the reports_per_epoch equal parts of the epoch; returns the step that this reaches. */
static double train_part(struct trial *t, const struct net_values *values) {
  uint64_t parts = t->reports_per_epoch, n = t->data.training.n, epoch = t->training.place.epoch;
  uint64_t part = 1;
  while (n * part / parts <= t->training.place.examples) part++;
  net_training_advance(&t->training, n * part / parts, values);
  return (double)epoch + (double)part / (double)parts;
}

static int run_epochs(struct trial *t, struct failure *f) {
  while (t->training.place.epoch < t->epochs) {
    struct net_values values;
    f->exit_status = CLADE_TRAINER_EXIT_INFEASIBLE;
    CL_TRY(take_values(t, &values, &f->error));
    f->exit_status = 1;
    CL_TRY(take_teacher(t, &values, &f->error));
    double step = train_part(t, &values);
    measure(t);
    int status = clade_trainer_report(t->clade, step);
    if (status < 0) return library_failure(t, status, f);
    if (status == CLADE_TRAINER_STOP) return 0;
  }
  return 0;
}

static int run_trial(struct trial *t, struct failure *f) {
  struct net_seeds seeds;
  f->exit_status = USAGE;
  CL_TRY(take_seeds(t->clade, &seeds, &f->error));
  CL_TRY(take_count(t->clade, "epochs", 1, 1e6, &t->epochs, &f->error));
  CL_TRY(read_data(t, &f->error));
  CL_TRY(take_count(t->clade, "reports_per_epoch", 1, (double)t->data.training.n, &t->reports_per_epoch,
                    &f->error));
  CL_TRY(build_network(t, f));
  CL_TRY(net_training_init(&t->training, t->net, MAX_BATCH, &t->data.training, seeds, &f->error));
  CL_TRY(take_following(t, &f->error));
  f->exit_status = 1;
  CL_TRY(make_teachers(t, &f->error));
  int status = register_state(t);
  if (status == 0) status = clade_trainer_start(t->clade);
  if (status == 1) check_loaded(t);
  if (status == 0 || status == 1) CL_TRY(run_epochs(t, f));
  if (status >= 0) status = clade_trainer_done(t->clade);
  return status < 0 ? library_failure(t, status, f) : 0;
}

/* OpenBLAS starts its threads when it is loaded, before main. A trial has one core, and a process of one
 * thread can be cloned by fork, so begin again with none but the first where the environment does not say so.
 */
static void keep_to_one_thread(char **argv) {
  const char *threads = getenv("OPENBLAS_NUM_THREADS");
  if (threads != NULL && strcmp(threads, "1") == 0) return;
  char program[PATH_SIZE];
  if (find_program(program) && setenv("OPENBLAS_NUM_THREADS", "1", 1) == 0) (void)execv(program, argv);
  openblas_set_num_threads(1); /* no /proc: then at least none but this one works */
}

int net_trial_main(int argc, char **argv, const struct net_example *example) {
  struct failure failure = {.exit_status = USAGE};
  struct trial t = {.example = example, .accuracy = NAN};
  if (argc == 2 && strcmp(argv[1], "--help") == 0) {
    print_help(example);
    return 0;
  }
  keep_to_one_thread(argv);
  int status = check_arguments(argc, argv, example, &failure.error);
  if (status < 0) goto out;
  struct clade_trainer_options options = {.save = save_state, .load = load_state, .ctx = &t};
  status = clade_trainer_open(argc, argv, &options, &t.clade);
  if (status < 0) {
    (void)library_failure(&t, status, &failure);
    goto out;
  }
  set_defaults(t.clade, example);
  status = run_trial(&t, &failure);
out:
  if (status < 0) fprintf(stderr, "%s\n", failure.error.text);
  int exit_status = status < 0 ? failure.exit_status : clade_trainer_exit_status(t.clade);
  net_training_done(&t.training);
  cl_free(t.teacher);
  cl_free(t.taught);
  net_destroy(t.net);
  net_parts_done(&t.data);
  clade_trainer_close(t.clade);
  return exit_status;
}
