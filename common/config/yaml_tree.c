#include "yaml_tree.h"

#include <libfyaml.h>
#include <string.h>

struct parse {
  struct arena *arena;
  const char *name; /* the arena's */
  struct failure *f;
  struct fy_parser *parser;
  struct fy_diag *diag;
  size_t nodes;
};

static enum err fail_at(struct parse *p, struct yaml_place at, const char *why)
{
  return failure_set(p->f, ERR_CONFIG, "%s:%u:%u: %s", p->name, at.line, at.column, why);
}

static struct yaml_place start_of(const struct parse *p)
{
  return (struct yaml_place){p->name, 1, 1};
}

static struct yaml_place event_place(const struct parse *p, struct fy_event *e)
{
  /* A flow collection's start event has the bracket's mark; a block collection's that of its first key. */
  const struct fy_mark *m = fy_event_start_mark(e);
  if (!m) return start_of(p);
  /* An alias' mark is behind its "*". */
  unsigned before = e->type == FYET_ALIAS && m->column > 0;
  return (struct yaml_place){p->name, (unsigned)m->line + 1, (unsigned)m->column + 1 - before};
}

/* What libfyaml itself found wrong. Nothing is returned, so that its caller's result shows compilers that no
 * event came. */
static void fail_syntax(struct parse *p)
{
  void *iterator = NULL;
  const struct fy_diag_error *d = fy_diag_errors_iterate(p->diag, &iterator);
  struct yaml_place at = start_of(p);
  if (d && d->line > 0) at.line = (unsigned)d->line;
  if (d && d->column > 0) at.column = (unsigned)d->column;
  fail_at(p, at, d && d->msg ? d->msg : "this is not YAML");
}

static enum err next_event(struct parse *p, struct fy_event **ret)
{
  struct fy_event *e = fy_parser_parse(p->parser);
  if (!e) {
    fail_syntax(p);
    return ERR_CONFIG;
  }
  *ret = e;
  return ERR_OK;
}

static enum err new_node(struct parse *p, enum yaml_kind kind, struct yaml_place at, struct yaml_node **ret)
{
  if (++p->nodes > YAML_MAX_NODES) return fail_at(p, at, "the file has too many values");
  struct yaml_node *node = arena_alloc(p->arena, sizeof *node);
  if (!node) return failure_set(p->f, ERR_NOMEM, "%s", p->name);
  node->kind = kind;
  node->at = at;
  *ret = node;
  return ERR_OK;
}

static enum err scalar_text(struct parse *p, struct fy_event *e, const char **ret)
{
  size_t n = 0;
  const char *text = fy_token_get_text(e->scalar.value, &n);
  if (!text) n = 0;
  if (n && memchr(text, 0, n)) return fail_at(p, event_place(p, e), "a NUL character");
  const char *copy = arena_strndup(p->arena, text, n);
  if (!copy) return failure_set(p->f, ERR_NOMEM, "%s", p->name);
  *ret = copy;
  return ERR_OK;
}

static enum err scalar_node(struct parse *p, struct fy_event *e, struct yaml_node **ret)
{
  struct yaml_node *node;
  const char *text;
  enum err err = scalar_text(p, e, &text);
  if (!err) err = new_node(p, YAML_SCALAR, event_place(p, e), &node);
  if (err) return err;
  node->text = text;
  enum fy_scalar_style style = e->scalar.value ? fy_token_scalar_style(e->scalar.value) : FYSS_PLAIN;
  node->quoted = style != FYSS_PLAIN;
  /* libfyaml's mark is behind the quote. */
  if ((style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED) && node->at.column > 1) node->at.column--;
  *ret = node;
  return ERR_OK;
}

static enum err refuse_extras(struct parse *p, struct fy_event *e)
{
  if (e->type == FYET_ALIAS)
    return fail_at(p, event_place(p, e), "aliases (*name) are not used here; write the value out");
  if (fy_event_get_anchor_token(e))
    return fail_at(p, event_place(p, e),
                   "anchors (&name) are not used here; write the value out where it is needed");
  if (fy_event_get_tag_token(e)) return fail_at(p, event_place(p, e), "tags (!name) are not used here");
  return ERR_OK;
}

static enum err build(struct parse *p, struct fy_event *e, unsigned depth, struct yaml_node **ret);

static void append(struct yaml_node *parent, struct yaml_node **last, struct yaml_node *child)
{
  if (*last)
    (*last)->next = child;
  else
    parent->first = child;
  *last = child;
  parent->n++;
}

static enum err build_key(struct parse *p, struct fy_event *e, const struct yaml_node *map, const char **ret)
{
  struct yaml_place at = event_place(p, e);
  enum err err = refuse_extras(p, e);
  if (err) return err;
  if (e->type != FYET_SCALAR) return fail_at(p, at, "a key must be a word");
  const char *key;
  err = scalar_text(p, e, &key);
  if (err) return err;
  const struct yaml_node *before = yaml_get(map, key);
  if (before)
    return failure_set(p->f, ERR_CONFIG, "%s:%u:%u: \"%s\" is given twice; the first is in line %u", p->name,
                       at.line, at.column, key, before->key_at.line);
  *ret = key;
  return ERR_OK;
}

/* Reads events up to the collection's end and hangs what they build below node. */
static enum err build_members(struct parse *p, struct yaml_node *node, enum fy_event_type end, unsigned depth)
{
  struct yaml_node *last = NULL;
  for (;;) {
    struct fy_event *e;
    enum err err = next_event(p, &e);
    if (err) return err;
    if (e->type == end) {
      fy_parser_event_free(p->parser, e);
      return ERR_OK;
    }
    const char *key = NULL;
    struct yaml_place key_at = event_place(p, e);
    if (node->kind == YAML_MAP) {
      err = build_key(p, e, node, &key);
      fy_parser_event_free(p->parser, e);
      if (!err) err = next_event(p, &e);
      if (err) return err;
    }
    struct yaml_node *child;
    err = build(p, e, depth + 1, &child);
    fy_parser_event_free(p->parser, e);
    if (err) return err;
    child->key = key;
    child->key_at = key ? key_at : child->at;
    if (key && child->kind == YAML_SCALAR && !*child->text && !child->quoted)
      child->at = key_at; /* what is not written has no place */
    append(node, &last, child);
  }
}

static enum err build(struct parse *p, struct fy_event *e, unsigned depth, struct yaml_node **ret)
{
  enum err err = refuse_extras(p, e);
  if (err) return err;
  if (depth > YAML_MAX_DEPTH) return fail_at(p, event_place(p, e), "nested too deeply");
  if (e->type == FYET_SCALAR) return scalar_node(p, e, ret);

  bool map = e->type == FYET_MAPPING_START;
  if (!map && e->type != FYET_SEQUENCE_START) return fail_at(p, event_place(p, e), "a value was expected");
  struct yaml_node *node;
  err = new_node(p, map ? YAML_MAP : YAML_LIST, event_place(p, e), &node);
  if (!err) err = build_members(p, node, map ? FYET_MAPPING_END : FYET_SEQUENCE_END, depth);
  if (!err) *ret = node;
  return err;
}

/* Skips the events of type `skip` (start of stream and document), builds the one value, and wants the end
 * after it. */
static enum err build_document(struct parse *p, struct yaml_node **ret)
{
  struct yaml_node *root = NULL;
  for (;;) {
    struct fy_event *e;
    enum err err = next_event(p, &e);
    if (err) return err;
    enum fy_event_type type = e->type;
    bool frame = type == FYET_STREAM_START || type == FYET_DOCUMENT_START || type == FYET_DOCUMENT_END ||
                 type == FYET_STREAM_END;
    if (!frame && root) err = fail_at(p, event_place(p, e), "a second document; a lab file is one document");
    if (!frame && !root) err = build(p, e, 0, &root);
    fy_parser_event_free(p->parser, e);
    if (err) return err;
    if (type == FYET_STREAM_END) break;
  }
  if (!root) return fail_at(p, start_of(p), "the file is empty");
  *ret = root;
  return ERR_OK;
}

/* The length of the UTF-8 sequence at text (RFC 3629), 0 if it is none. */
static size_t utf8_length(const unsigned char *text, size_t n)
{
  unsigned char c = text[0];
  if (c < 0x80) return 1;
  size_t len = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
  if (c < 0xc2 || c > 0xf4 || n < len) return 0;
  for (size_t i = 1; i < len; i++)
    if ((text[i] & 0xc0) != 0x80) return 0;
  bool overlong = (c == 0xe0 && text[1] < 0xa0) || (c == 0xf0 && text[1] < 0x90);
  bool surrogate = c == 0xed && text[1] > 0x9f, beyond = c == 0xf4 && text[1] > 0x8f;
  return overlong || surrogate || beyond ? 0 : len;
}

/* What libfyaml does not survive is refused before it sees it: 0.7 takes a NUL for the end, and loops for
 * ever on a malformed character in a directive. No lab file has a directive. */
static enum err refuse_bytes(struct parse *p, const char *text, size_t n)
{
  struct yaml_place at = start_of(p);
  for (size_t i = 0, len; i < n; i += len) {
    unsigned char c = (unsigned char)text[i];
    len = utf8_length((const unsigned char *)text + i, n - i);
    if (len == 0) return fail_at(p, at, "this is not UTF-8");
    if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f)
      return fail_at(p, at, "a control character");
    if (c == '%' && at.column == 1) return fail_at(p, at, "directives (%NAME) are not used here");
    at.column++;
    if (c == '\n') at = (struct yaml_place){p->name, at.line + 1, 1};
  }
  return ERR_OK;
}

enum err yaml_parse(struct arena *arena, const char *name, const char *text, size_t n, struct yaml_node **ret,
                    struct failure *f)
{
  struct parse p = {.arena = arena, .name = arena_strndup(arena, name, strlen(name)), .f = f};
  if (!p.name) return failure_set(f, ERR_NOMEM, "%s", name);
  if (n > YAML_MAX_BYTES) return failure_set(f, ERR_CONFIG, "%s:1:1: the file is larger than 1 MiB", name);

  enum err err = refuse_bytes(&p, text, n);
  if (err) return err;
  err = ERR_NOMEM;
  struct fy_diag_cfg diag_cfg;
  fy_diag_cfg_default(&diag_cfg);
  diag_cfg.fp = NULL;
  p.diag = fy_diag_create(&diag_cfg);
  if (!p.diag) goto out;
  fy_diag_set_collect_errors(p.diag, true);
  struct fy_parse_cfg cfg = {.search_path = "", .flags = FYPCF_QUIET, .diag = p.diag};
  p.parser = fy_parser_create(&cfg);
  if (!p.parser || fy_parser_set_string(p.parser, text, n) != 0) goto out;
  err = build_document(&p, ret);

out:
  if (p.parser) fy_parser_destroy(p.parser);
  if (p.diag) fy_diag_destroy(p.diag);
  if (err == ERR_NOMEM) failure_set(f, err, "%s", name);
  return err;
}

const struct yaml_node *yaml_get(const struct yaml_node *node, const char *key)
{
  if (!node || node->kind != YAML_MAP) return NULL;
  for (const struct yaml_node *m = node->first; m; m = m->next)
    if (strcmp(m->key, key) == 0) return m;
  return NULL;
}

const char *yaml_kind_name(const struct yaml_node *node)
{
  if (node->kind == YAML_MAP) return "a mapping";
  if (node->kind == YAML_LIST) return "a list";
  return *node->text || node->quoted ? "text" : "nothing";
}
