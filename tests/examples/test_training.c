/* Training: three seeds that change one thing each, a state that can be saved, batches cut exactly at
 * reports. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/rng.h"
#include "net/models.h"
#include "net/teacher.h"
#include "net/training.h"

#define N         97 /* images: a prime, so that no batch size divides it */
#define SIZE      64
#define MAX_BATCH 40

static const struct net_values usual = {.lr = 0.0385, .momentum = 0.85, .dropout = 0.3, .batch_size = 8};
static const struct net_seeds base = {.initial = 5, .order = 6, .dropout = 7};

struct fixture {
  struct net_images data;
  struct net *net;
  struct net_training t;
  char directory[64];
};

/* Ten classes that can be told apart: a bright row or column, and noise. */
static void make_data(struct net_images *data) {
  struct cl_err e;
  *data = (struct net_images){.n_classes = 10, .mean = 60, .scale = 0.0125};
  assert_int_equal(net_images_init(data, N, 8, 8, &e), 0);
  struct cl_rng r = cl_rng_stream(31, CL_RNG_USER, 0, 0);
  for (size_t i = 0; i < N; i++) {
    uint8_t label = (uint8_t)(i % 10);
    data->labels[i] = label;
    for (size_t j = 0; j < SIZE; j++) {
      size_t line = label < 5 ? j / 8 : j % 8;
      data->pixels[i * SIZE + j] = (uint8_t)(cl_rng_below(&r, 100) + (line == label % 5u ? 150 : 0));
    }
  }
}

static void open_fixture(struct fixture *f, struct net_seeds seeds) {
  struct cl_err e;
  struct net_layer_spec layers[NET_MAX_LAYERS];
  *f = (struct fixture){.directory = "/tmp/clade-training-XXXXXX"};
  assert_non_null(mkdtemp(f->directory));
  make_data(&f->data);
  size_t n = net_model_digits(4, layers);
  assert_int_equal(net_create(layers, n, 8, 8, MAX_BATCH, &f->net, &e), 0);
  assert_int_equal(net_training_init(&f->t, f->net, MAX_BATCH, &f->data, seeds, &e), 0);
}

static void close_fixture(struct fixture *f) {
  struct cl_err e;
  assert_int_equal(cl_dir_remove(f->directory, &e), 0);
  net_training_done(&f->t);
  net_destroy(f->net);
  net_images_done(&f->data);
}

static bool equal_parameters(struct fixture *a, struct fixture *b) {
  size_t n = net_n_parameters(a->net);
  assert_true(n == net_n_parameters(b->net) && n > 100);
  return memcmp(net_parameters(a->net), net_parameters(b->net), n * sizeof(real)) == 0;
}

static bool equal_order(const struct fixture *a, const struct fixture *b) {
  return memcmp(a->t.order, b->t.order, N * sizeof *a->t.order) == 0;
}

/* What differs between two trainings of equal values: initial weights, order, and (same weights, same order)
 * the result of the dropout masks. */
static void compare(struct net_seeds one, struct net_seeds two, bool same_weights, bool same_order,
                    bool same_result) {
  struct fixture a, b;
  open_fixture(&a, one);
  open_fixture(&b, two);
  assert_int_equal(equal_parameters(&a, &b), same_weights);
  net_training_advance(&a.t, 40, &usual);
  net_training_advance(&b.t, 40, &usual);
  assert_int_equal(equal_order(&a, &b), same_order);
  assert_int_equal(equal_parameters(&a, &b), same_result);
  close_fixture(&a);
  close_fixture(&b);
}

static void equal_seeds_give_equal_bits(void **state) {
  (void)state;
  compare(base, base, true, true, true);
}

static void the_initial_seed_changes_the_weights_only(void **state) {
  (void)state;
  struct net_seeds other = base;
  other.initial = 50;
  compare(base, other, false, true, false);
  /* With the weights made equal again nothing else is different: order and masks are those of base. */
  struct fixture a, b;
  open_fixture(&a, base);
  open_fixture(&b, other);
  memcpy(net_parameters(b.net), net_parameters(a.net), net_n_parameters(a.net) * sizeof(real));
  net_training_advance(&a.t, N, &usual);
  net_training_advance(&b.t, N, &usual);
  assert_true(equal_parameters(&a, &b));
  close_fixture(&a);
  close_fixture(&b);
}

static void the_order_seed_changes_the_order_only(void **state) {
  (void)state;
  struct net_seeds other = base;
  other.order = 60;
  compare(base, other, true, false, false);
  struct fixture a, b;
  open_fixture(&a, base);
  open_fixture(&b, other);
  net_training_advance(&a.t, 8, &usual); /* makes the order of the epoch */
  b.t.order_epoch = 0;
  b.t.order_seed = other.order;
  memcpy(b.t.order, a.t.order, N * sizeof *a.t.order);
  net_training_advance(&b.t, 8, &usual);
  assert_true(equal_parameters(&a, &b));
  close_fixture(&a);
  close_fixture(&b);
}

static void the_dropout_seed_changes_the_masks_only(void **state) {
  (void)state;
  struct net_seeds other = base;
  other.dropout = 70;
  compare(base, other, true, true, false);
  struct net_values without = usual;
  without.dropout = 0;
  struct fixture a, b;
  open_fixture(&a, base);
  open_fixture(&b, other);
  net_training_advance(&a.t, N, &without);
  net_training_advance(&b.t, N, &without);
  assert_true(equal_parameters(&a, &b));
  close_fixture(&a);
  close_fixture(&b);
}

static void every_epoch_sees_each_image_once_in_another_order(void **state) {
  (void)state;
  struct fixture f;
  uint32_t first[N];
  open_fixture(&f, base);
  for (int epoch = 0; epoch < 2; epoch++) {
    unsigned seen[N] = {0};
    net_training_advance(&f.t, N, &usual);
    assert_int_equal(f.t.place.epoch, epoch + 1);
    assert_int_equal(f.t.place.examples, 0);
    for (size_t i = 0; i < N; i++) seen[f.t.order[i]]++;
    for (size_t i = 0; i < N; i++) assert_int_equal(seen[i], 1);
    if (epoch == 0) memcpy(first, f.t.order, sizeof first);
  }
  assert_true(memcmp(first, f.t.order, sizeof first) != 0);
  close_fixture(&f);
}

static void a_part_of_an_epoch_ends_exactly_where_it_should(void **state) {
  (void)state;
  struct fixture f;
  open_fixture(&f, base);
  net_training_advance(&f.t, 48, &usual);
  assert_int_equal(f.t.place.updates, 6);
  net_training_advance(&f.t, 49, &usual);
  assert_int_equal(f.t.place.updates, 7);
  assert_int_equal(f.t.place.examples, 49);
  struct net_values larger = usual;
  larger.batch_size = MAX_BATCH;
  net_training_advance(&f.t, N, &larger); /* 40 + 8 */
  assert_int_equal(f.t.place.updates, 9);
  assert_int_equal(f.t.place.epoch, 1);
  close_fixture(&f);
}

/* Train on for 2.4 epochs with values that change on the way. */
static void train_on(struct fixture *f) {
  struct net_values other = {.lr = 0.0123, .momentum = 0.6, .dropout = 0.1, .batch_size = 13};
  net_training_advance(&f->t, N, &usual);
  net_training_advance(&f->t, 50, &other);
  net_training_advance(&f->t, N, &usual);
  net_training_advance(&f->t, 39, &other);
}

static void a_loaded_state_goes_on_bit_for_bit(void **state) {
  (void)state;
  struct fixture a, b;
  struct cl_err e;
  open_fixture(&a, base);
  net_training_advance(&a.t, N, &usual);
  net_training_advance(&a.t, 51, &usual);
  assert_int_equal(net_training_save(&a.t, a.directory, &e), 0);
  train_on(&a);
  struct net_seeds elsewhere = base;
  elsewhere.initial = 999; /* the weights come from the file */
  open_fixture(&b, elsewhere);
  net_training_advance(&b.t, 17, &usual); /* a training that has gone elsewhere is taken back */
  assert_int_equal(net_training_load(&b.t, a.directory, &e), 0);
  assert_int_equal(b.t.place.epoch, 1);
  assert_int_equal(b.t.place.examples, 51);
  train_on(&b);
  assert_true(equal_parameters(&a, &b));
  size_t n = net_n_parameters(a.net);
  assert_memory_equal(net_velocities(a.net), net_velocities(b.net), n * sizeof(real));
  assert_true(net_training_take_loss(&a.t) == net_training_take_loss(&b.t));
  close_fixture(&a);
  close_fixture(&b);
}

static void who_follows_goes_on_with_the_seeds_of_the_state(void **state) {
  (void)state;
  const struct net_seeds others = {.initial = 995, .order = 996, .dropout = 997};
  struct fixture a, own, follower;
  struct cl_err e;
  open_fixture(&a, base);
  net_training_advance(&a.t, 51, &usual);
  assert_int_equal(net_training_save(&a.t, a.directory, &e), 0);
  net_training_advance(&a.t, N, &usual);
  open_fixture(&own, others);
  open_fixture(&follower, others);
  follower.t.follows = true;
  net_training_advance(&follower.t, 17, &usual); /* an order of the same epoch by the other seed */
  assert_int_equal(net_training_load(&own.t, a.directory, &e), 0);
  assert_int_equal(net_training_load(&follower.t, a.directory, &e), 0);
  net_training_advance(&own.t, N, &usual);
  net_training_advance(&follower.t, N, &usual);
  assert_true(equal_parameters(&a, &follower));
  assert_false(equal_parameters(&a, &own));
  assert_int_equal(follower.t.seeds.dropout, base.dropout);
  close_fixture(&a);
  close_fixture(&own);
  close_fixture(&follower);
}

static void expect_load_failure(struct fixture *f, int code, const char *words) {
  struct cl_err e = {0};
  assert_int_equal(net_training_load(&f->t, f->directory, &e), code);
  if (strstr(e.text, words) == NULL) fail_msg("'%s' does not say '%s'", e.text, words);
}

static void a_state_that_cannot_be_loaded_changes_nothing(void **state) {
  (void)state;
  struct fixture f, untouched;
  struct cl_err e;
  char *path, *bytes = NULL;
  size_t size = 0;
  open_fixture(&f, base);
  open_fixture(&untouched, base);
  path = cl_path_join(f.directory, "state.net");
  expect_load_failure(&f, CLADE_ENOTFOUND, "state.net");
  assert_int_equal(net_training_save(&f.t, f.directory, &e), 0);
  assert_int_equal(cl_file_read(path, 1 << 20, &bytes, &size, &e), 0);
  bytes[size / 2] ^= 4;
  assert_int_equal(cl_file_write(path, bytes, size, false, &e), 0);
  expect_load_failure(&f, CLADE_ECORRUPT, "checksum");
  assert_int_equal(cl_file_write(path, bytes, size / 3, false, &e), 0);
  expect_load_failure(&f, CLADE_ECORRUPT, "checksum");
  assert_int_equal(cl_file_write(path, bytes, 20, false, &e), 0);
  expect_load_failure(&f, CLADE_ECORRUPT, "no saved state");
  f.t.place.examples = N + 3; /* what no training reaches */
  assert_int_equal(net_training_save(&f.t, f.directory, &e), 0);
  f.t.place.examples = 0;
  expect_load_failure(&f, CLADE_ECORRUPT, "contradicts itself");
  assert_true(equal_parameters(&f, &untouched));
  cl_free(bytes);
  cl_free(path);
  close_fixture(&f);
  close_fixture(&untouched);
}

static void a_state_of_another_network_or_data_set_is_refused(void **state) {
  (void)state;
  struct fixture f;
  struct cl_err e;
  struct net_layer_spec layers[NET_MAX_LAYERS];
  struct net *wider = NULL;
  struct net_training t;
  open_fixture(&f, base);
  assert_int_equal(net_training_save(&f.t, f.directory, &e), 0);
  assert_int_equal(net_create(layers, net_model_digits(5, layers), 8, 8, MAX_BATCH, &wider, &e), 0);
  assert_int_equal(net_training_init(&t, wider, MAX_BATCH, &f.data, base, &e), 0);
  assert_int_equal(net_training_load(&t, f.directory, &e), CLADE_EINVAL);
  assert_non_null(strstr(e.text, "load a state of an equal network"));
  net_training_done(&t);
  net_destroy(wider);
  assert_int_equal(net_images_limit(&f.data, 3, NET_DATA_SEED, &e), 0);
  expect_load_failure(&f, CLADE_EINVAL, "97 examples, but here there are 30");
  close_fixture(&f);
}

static void the_loss_falls_and_accuracy_rises(void **state) {
  (void)state;
  struct fixture f;
  double loss, accuracy, loss_after, accuracy_after;
  open_fixture(&f, base);
  assert_true(isnan(net_training_take_loss(&f.t)));
  net_training_evaluate(&f.t, &f.data, &loss, &accuracy);
  struct net_values values = {.lr = 0.05, .momentum = 0.9, .batch_size = 10};
  for (int i = 0; i < 25; i++) net_training_advance(&f.t, N, &values);
  net_training_evaluate(&f.t, &f.data, &loss_after, &accuracy_after);
  assert_true(loss > 2 && accuracy < 0.4);
  assert_true(loss_after < 0.1 && accuracy_after > 0.95);
  double train_loss = net_training_take_loss(&f.t);
  assert_true(train_loss > loss_after && train_loss < loss);
  close_fixture(&f);
}

static void a_training_that_explodes_says_nan(void **state) {
  (void)state;
  struct fixture f;
  double loss, accuracy;
  open_fixture(&f, base);
  struct net_values values = {.lr = 1, .momentum = 1e6, .batch_size = 10};
  for (int i = 0; i < 10; i++) net_training_advance(&f.t, N, &values);
  net_training_evaluate(&f.t, &f.data, &loss, &accuracy);
  assert_true(isnan(loss) && isnan(accuracy));
  assert_true(isnan(net_training_take_loss(&f.t)));
  close_fixture(&f);
}

static void label_noise_changes_the_wanted_number_of_labels_and_nests(void **state) {
  (void)state;
  struct net_images clean, some, more;
  struct cl_err e;
  size_t changed = 0, changed_more = 0;
  make_data(&clean);
  make_data(&some);
  make_data(&more);
  assert_int_equal(net_images_add_label_noise(&some, 0.2, NET_DATA_SEED, &e), 0);
  assert_int_equal(net_images_add_label_noise(&more, 0.4, NET_DATA_SEED, &e), 0);
  for (size_t i = 0; i < N; i++) {
    changed += some.labels[i] != clean.labels[i];
    changed_more += more.labels[i] != clean.labels[i];
    if (some.labels[i] != clean.labels[i]) assert_int_equal(more.labels[i], some.labels[i]);
    assert_true(some.labels[i] < 10);
  }
  assert_int_equal(changed, 19);      /* 0.2 * 97 = 19.4 */
  assert_int_equal(changed_more, 39); /* 38.8 */
  net_images_done(&clean);
  net_images_done(&some);
  net_images_done(&more);
}

static void a_limit_keeps_that_many_of_each_class(void **state) {
  (void)state;
  struct net_images data;
  struct cl_err e;
  make_data(&data);
  assert_int_equal(net_images_limit(&data, 4, NET_DATA_SEED, &e), 0);
  assert_int_equal(data.n, 40);
  unsigned count[10] = {0};
  for (size_t i = 0; i < data.n; i++) count[data.labels[i]]++;
  for (int c = 0; c < 10; c++) assert_int_equal(count[c], 4);
  net_images_done(&data);
}

/* A teacher that is sure of itself is a label; at weight 0 it is not heard. */
static void a_teacher_is_mixed_into_the_targets(void **state) {
  (void)state;
  struct fixture plain, taught;
  static real teacher[N * 10];
  struct net_values values = usual;
  open_fixture(&plain, base);
  open_fixture(&taught, base);
  for (size_t i = 0; i < N; i++) teacher[i * 10 + (plain.data.labels[i] + 1u) % 10] = 1;
  values.teacher = teacher;
  net_training_advance(&plain.t, N, &usual);
  net_training_advance(&taught.t, N, &values); /* weight 0 */
  assert_true(equal_parameters(&plain, &taught));
  values.distil = 1;
  for (size_t i = 0; i < N; i++) plain.data.labels[i] = (uint8_t)((plain.data.labels[i] + 1) % 10);
  net_training_advance(&plain.t, N, &usual);
  net_training_advance(&taught.t, N, &values);
  assert_true(equal_parameters(&plain, &taught));
  values.distil = 0.4;
  net_training_advance(&plain.t, N, &usual);
  net_training_advance(&taught.t, N, &values);
  assert_false(equal_parameters(&plain, &taught));
  close_fixture(&plain);
  close_fixture(&taught);
}

static void predictions_are_probabilities_in_the_order_of_the_data(void **state) {
  (void)state;
  struct fixture f;
  static real p[N * 10];
  open_fixture(&f, base);
  for (int i = 0; i < 12; i++) net_training_advance(&f.t, N, &usual);
  net_training_predict(&f.t, p);
  size_t right = 0, right_there;
  for (size_t i = 0; i < N; i++) {
    double sum = 0;
    size_t best = 0;
    for (size_t c = 0; c < 10; c++) sum += (double)p[i * 10 + c];
    for (size_t c = 1; c < 10; c++)
      if (p[i * 10 + c] > p[i * 10 + best]) best = c;
    right += best == f.data.labels[i];
    assert_true(fabs(sum - 1) < 1e-5);
  }
  double loss, accuracy;
  net_training_evaluate(&f.t, &f.data, &loss, &accuracy);
  right_there = (size_t)lround(accuracy * N);
  assert_int_equal(right, right_there);
  assert_true(right > N / 2);
  close_fixture(&f);
}

static void the_best_teacher_of_the_last_step_is_found(void **state) {
  (void)state;
  struct cl_err e;
  char directory[] = "/tmp/clade-teachers-XXXXXX";
  assert_non_null(mkdtemp(directory));
  char *teachers = cl_path_join(directory, "none/yet");
  real p[6] = {0}, found[6];
  struct net_teacher pupil = {.step = 2.5, .n = 2, .classes = 3};
  static const struct {
    int64_t trial;
    double step, score;
  } files[] = {{4, 1, 0.99}, {7, 2.25, 0.385}, {12, 2.25, 0.75}, {5, 2.25, 0.75}, {6, 3, 1}};
  assert_int_equal(net_teacher_find(teachers, &pupil, found, &e), CLADE_EMPTY);
  for (size_t i = 0; i < 5; i++) {
    struct net_teacher t = {files[i].trial, files[i].step, files[i].score, 2, 3};
    p[4] = (real)files[i].trial;
    assert_int_equal(net_teacher_save(teachers, &t, p, &e), 0);
  }
  assert_int_equal(net_teacher_find(teachers, &pupil, found, &e), 0);
  assert_true((double)found[4] == 5);
  pupil.step = 0.5;
  assert_int_equal(net_teacher_find(teachers, &pupil, found, &e), CLADE_EMPTY);
  pupil.step = 1;
  assert_int_equal(net_teacher_find(teachers, &pupil, found, &e), 0);
  assert_true((double)found[4] == 4);
  pupil.n = 3;
  assert_int_equal(net_teacher_find(teachers, &pupil, found, &e), CLADE_EINVAL);
  pupil.n = 2;
  char *path = cl_path_join(teachers, "1-4.soft");
  assert_int_equal(
      cl_file_write(path, "cladsoft and nothing else, but long enough to hold a header", 59, false, &e), 0);
  assert_int_equal(net_teacher_find(teachers, &pupil, found, &e), CLADE_ECORRUPT);
  assert_int_equal(cl_dir_remove(directory, &e), 0);
  cl_free(path);
  cl_free(teachers);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(equal_seeds_give_equal_bits),
      cmocka_unit_test(the_initial_seed_changes_the_weights_only),
      cmocka_unit_test(the_order_seed_changes_the_order_only),
      cmocka_unit_test(the_dropout_seed_changes_the_masks_only),
      cmocka_unit_test(every_epoch_sees_each_image_once_in_another_order),
      cmocka_unit_test(a_part_of_an_epoch_ends_exactly_where_it_should),
      cmocka_unit_test(a_loaded_state_goes_on_bit_for_bit),
      cmocka_unit_test(who_follows_goes_on_with_the_seeds_of_the_state),
      cmocka_unit_test(a_state_that_cannot_be_loaded_changes_nothing),
      cmocka_unit_test(a_state_of_another_network_or_data_set_is_refused),
      cmocka_unit_test(the_loss_falls_and_accuracy_rises),
      cmocka_unit_test(a_training_that_explodes_says_nan),
      cmocka_unit_test(label_noise_changes_the_wanted_number_of_labels_and_nests),
      cmocka_unit_test(a_limit_keeps_that_many_of_each_class),
      cmocka_unit_test(a_teacher_is_mixed_into_the_targets),
      cmocka_unit_test(predictions_are_probabilities_in_the_order_of_the_data),
      cmocka_unit_test(the_best_teacher_of_the_last_step_is_found),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
