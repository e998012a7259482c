/* YAML as a tree whose every node knows its bytes in the text. Built from libfyaml's events, because its own
 * documents merge duplicate keys' positions away and recurse as deep as the input wants.
 *
 * Scalars are text and style; what type a text has is decided by whoever reads it (value.h, "typed as XT
 * types a scalar"). An alias node stays one; its target is the anchored node above it, or null if no such
 * anchor is known (hyperparameters of a runspec are anchors outside of the YAML).
 */
#ifndef CL_TREE_H
#define CL_TREE_H

#include "model/value.h"
#include "spec/source.h"

#define CL_TREE_BYTES 1000000 /* of a text */
#define CL_TREE_DEPTH 60
#define CL_TREE_NODES 300000

enum cl_node_kind { CL_SCALAR = 1, CL_SEQUENCE, CL_MAPPING, CL_ALIAS };

struct cl_node {
  enum cl_node_kind kind;
  bool quoted; /* scalar in quotes, or a block scalar, or tagged !!str: it is text whatever it looks like */
  bool flow;   /* sequence or mapping in brackets */
  const char *text;                /* scalar: its content; alias: the anchor's name; else null */
  const char *anchor, *tag;        /* null if none; the tag in its long form */
  size_t start, end;               /* with quotes; a block collection ends with its last part */
  size_t anchor_start, anchor_end; /* with the &; both 0 if none */
  int n;                           /* sequence: items; mapping: pairs */
  struct cl_node *first, *next; /* children: items, or key and value in turn; next one of the same parent */
  struct cl_node *parent;
  struct cl_node *target; /* alias */
};

/* Parse s->text (UTF-8, at most CL_TREE_BYTES) into *ret, the root; null for an empty text. Nodes live in
 * `a`, names borrow from it. Errors are complaints about a place (CLADE_ESPEC) or CLADE_ELIMIT, CLADE_ENOMEM:
 * not UTF-8, not YAML, several documents, an anchor used before it is defined when `anchors_known`, nested
 * deeper than CL_TREE_DEPTH, more than CL_TREE_NODES nodes, keys that are no scalars. */
int cl_tree_parse(const struct cl_source *s, struct cl_arena *a, bool anchors_known, struct cl_node **ret,
                  struct cl_err *e);

/* Where the key at `at` begins with its anchor and tag, which stand before it on its line. */
size_t cl_key_start(const struct cl_source *s, size_t at);

/* Report the second of two equal keys in a mapping, anywhere below `root` (may be null). */
int cl_tree_check_keys(const struct cl_source *s, const struct cl_node *root, struct cl_err *e);
/* What is said of the second of two equal keys: CLADE_ESPEC. */
int cl_tree_blame_second(const struct cl_source *s, const struct cl_node *first, const struct cl_node *second,
                         struct cl_err *e);

/* The value of `key` in a mapping (the last one if there are several), or null; also for null and other
 * kinds. */
struct cl_node *cl_node_find(const struct cl_node *mapping, const char *key);
struct cl_node *cl_node_key(const struct cl_node *mapping, const char *key); /* the key itself */

/* Follow aliases; null when one leads nowhere known. */
const struct cl_node *cl_node_resolve(const struct cl_node *node);

/* An empty value, `null` or `~`, written plain. */
bool cl_node_is_null(const struct cl_node *node);

/* A scalar as the value its text and style mean; absent for other kinds. The text borrows from the node. */
struct cl_value cl_node_value(const struct cl_node *node);

/* For sentences: "a list", "a mapping", "the text 'abc'", "the number 3", "nothing", "an alias". Into buffer.
 */
const char *cl_node_describe(const struct cl_node *node, char *buffer, size_t size);

/* Next node in document order below `root`, null at the end; start with node = root. */
const struct cl_node *cl_node_walk(const struct cl_node *root, const struct cl_node *node);

#endif
