"""Writes the example of trainer.h as a C program, with a model that fits into a line. Usage: manual.py trainer.h OUT"""
import re
import sys

MODEL = """
#include <stdint.h>
#include <string.h>
struct model { int epoch; long long layers; double weight; };
static int model_write(void *model, const char *directory) { (void)model; return strlen(directory) == 0; }
static int model_read(void *model, const char *directory) { ((struct model *)model)->epoch = 7; return directory[0] != '/'; }
static void model_init(struct model *m, int64_t layers, int64_t seed) { m->layers = layers; m->weight = (double)seed; }
static void model_train(struct model *m, double lr) { m->weight += lr * (double)m->layers; }
static double model_test(const struct model *m) { return m->weight; }
"""

with open(sys.argv[1], encoding="utf-8") as header:
    text = header.read()
example = text[text.index(" *   #include <clade/trainer.h>"):text.index(" * (The count of epochs")]
lines = [re.sub(r"^ \* {0,3}", "", line) for line in example.splitlines()]
with open(sys.argv[2], "w", encoding="utf-8") as out:
    out.write(lines[0] + "\n" + MODEL + "\n".join(lines[1:]) + "\n")
