/* MNIST: idx files, good and damaged, and the guard of the test part. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <zlib.h>

#include "base/alloc.h"
#include "base/file.h"
#include "mnist/idx.h"
#include "mnist/mnist_data.h"

/* Two files in memory that a test damages: 7 images of 3x2, label = 9 - number. */
struct pair {
  unsigned char images[16 + 42], labels[8 + 7];
  size_t images_size, labels_size;
};

static void put(unsigned char *to, uint32_t x) {
  for (int i = 0; i < 4; i++) to[i] = (unsigned char)(x >> (24 - 8 * i));
}

static struct pair good_pair(void) {
  struct pair p = {.images_size = sizeof p.images, .labels_size = sizeof p.labels};
  put(p.images, 2051);
  put(p.images + 4, 7);
  put(p.images + 8, 3);
  put(p.images + 12, 2);
  for (unsigned i = 0; i < 42; i++) p.images[16 + i] = (unsigned char)(200 + i);
  put(p.labels, 2049);
  put(p.labels + 4, 7);
  for (unsigned i = 0; i < 7; i++) p.labels[8 + i] = (unsigned char)(9 - i);
  return p;
}

static void write_gz(const char *path, const unsigned char *bytes, size_t n) {
  gzFile file = gzopen(path, "wb");
  assert_non_null(file);
  if (n > 0) assert_int_equal(gzwrite(file, bytes, (unsigned)n), n);
  assert_int_equal(gzclose(file), Z_OK);
}

static int read_pair(const struct pair *p, bool compressed, struct net_images *ret, struct cl_err *e) {
  char directory[] = "/tmp/clade-mnist-XXXXXX";
  assert_non_null(mkdtemp(directory));
  char *images = cl_path_join(directory, "images"), *labels = cl_path_join(directory, "labels");
  if (compressed) {
    write_gz(images, p->images, p->images_size);
    write_gz(labels, p->labels, p->labels_size);
  } else {
    assert_int_equal(cl_file_write(images, (const char *)p->images, p->images_size, false, e), 0);
    assert_int_equal(cl_file_write(labels, (const char *)p->labels, p->labels_size, false, e), 0);
  }
  int status = mnist_idx_read(images, labels, ret, e);
  struct cl_err ignored;
  assert_int_equal(cl_dir_remove(directory, &ignored), 0);
  cl_free(images);
  cl_free(labels);
  return status;
}

static void a_pair_of_files_is_read_compressed_or_not(void **state) {
  (void)state;
  struct pair p = good_pair();
  for (int compressed = 0; compressed < 2; compressed++) {
    struct net_images images = {0};
    struct cl_err e;
    assert_int_equal(read_pair(&p, compressed, &images, &e), 0);
    assert_int_equal(images.n, 7);
    assert_int_equal(images.height, 3);
    assert_int_equal(images.width, 2);
    assert_memory_equal(images.pixels, p.images + 16, 42);
    assert_memory_equal(images.labels, p.labels + 8, 7);
    net_images_done(&images);
  }
}

static void expect_refusal(const struct pair *p, const char *words) {
  struct net_images images = {0};
  struct cl_err e = {0};
  assert_int_equal(read_pair(p, true, &images, &e), CLADE_ECORRUPT);
  if (strstr(e.text, words) == NULL) fail_msg("'%s' does not say '%s'", e.text, words);
  assert_null(images.pixels);
}

static void a_wrong_magic_number_is_named(void **state) {
  (void)state;
  struct pair p = good_pair();
  put(p.images, 2049);
  expect_refusal(&p, "begins with the number 2049, but an idx file of images begins with 2051");
  p = good_pair();
  put(p.labels, 0x1f8b0808);
  expect_refusal(&p, "an idx file of labels begins with 2049");
}

static void a_file_shorter_or_longer_than_its_header_says_is_named(void **state) {
  (void)state;
  struct pair p = good_pair();
  p.images_size -= 5;
  expect_refusal(&p, "has 37 bytes after its header, which promises 42");
  p = good_pair();
  put(p.images + 4, 6);
  expect_refusal(&p, "has 42 bytes after its header, which promises 36");
  p.images_size = 11;
  expect_refusal(&p, "has 11 bytes, less than the 16 of an idx header");
  p = good_pair();
  p.labels_size = 0;
  expect_refusal(&p, "has 0 bytes, less than the 8 of an idx header");
}

static void absurd_sizes_are_named_and_not_allocated(void **state) {
  (void)state;
  struct pair p = good_pair();
  put(p.images + 4, 0xffffffff);
  expect_refusal(&p, "claims 4294967295 entries, but 1 to 1000000 are possible");
  p = good_pair();
  put(p.images + 8, 100000);
  expect_refusal(&p, "claims 100000 rows");
  p = good_pair();
  put(p.images + 12, 0);
  expect_refusal(&p, "claims 0 columns");
}

static void labels_above_9_or_too_few_are_named(void **state) {
  (void)state;
  struct pair p = good_pair();
  p.labels[8 + 4] = 10;
  expect_refusal(&p, "label 5 is 10, but must be 0 to 9");
  p = good_pair();
  p.labels[8] = 255;
  expect_refusal(&p, "label 1 is 255");
  p = good_pair();
  put(p.labels + 4, 6);
  p.labels_size--;
  expect_refusal(&p, "has 6 labels, but there are 7 images");
}

static void the_test_files_are_refused_outside_of_the_final_training(void **state) {
  (void)state;
  struct net_parts parts = {0};
  struct cl_err e;
  assert_int_equal(mnist_read("/nowhere", (struct net_wish){.test = true}, &parts, &e), CLADE_EREFUSED);
  assert_non_null(strstr(e.text, "is opened by the one final training only"));
  assert_int_equal(mnist_read("/nowhere", (struct net_wish){0}, &parts, &e), CLADE_ENOTFOUND);
  assert_non_null(strstr(e.text, "examples/mnist/download.sh"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_pair_of_files_is_read_compressed_or_not),
      cmocka_unit_test(a_wrong_magic_number_is_named),
      cmocka_unit_test(a_file_shorter_or_longer_than_its_header_says_is_named),
      cmocka_unit_test(absurd_sizes_are_named_and_not_allocated),
      cmocka_unit_test(labels_above_9_or_too_few_are_named),
      cmocka_unit_test(the_test_files_are_refused_outside_of_the_final_training),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
