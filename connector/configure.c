#include "configure.h"

#include "hello.h"

#include "lab_value.h"
#include "lab_write.h"
#include "rules.h"

#include <stdlib.h>
#include <string.h>

/* One being received. */
struct intake {
  struct stream_owner owner;
  struct configurations *into; /* its tunnel's, whose streams end before it */
  struct link *link;
  unsigned version;
  struct buf text;
};

/* -- those that are held --------------------------------------------------------------------------------- */

void configurations_put(struct configurations *c, unsigned version, const struct lab *lab)
{
  if (c->n == CONFIGURATIONS_MAX) lab_free(c->v[--c->n].lab);
  memmove(c->v + 1, c->v, c->n * sizeof c->v[0]);
  c->v[0] = (struct configuration){version, lab};
  c->n++;
}

const struct lab *configurations_find(const struct configurations *c, unsigned version)
{
  for (size_t i = 0; i < c->n; i++)
    if (c->v[i].version == version) return c->v[i].lab;
  return c->n ? c->v[0].lab : NULL;
}

void configurations_clear(struct configurations *c)
{
  while (c->n)
    lab_free(c->v[--c->n].lab);
}

/* -- one that comes -------------------------------------------------------------------------------------- */

static void intake_free(struct intake *i)
{
  buf_clear(&i->text);
  free(i);
}

static enum err answer(struct tunnel_stream *s, const struct intake *i, const struct failure *f)
{
  char version[16];
  struct fields fields;
  fields_init(&fields, 4, 1024);
  snprintf(version, sizeof version, "%u", i->version);
  enum err e = fields_add(&fields, CONTROL_VERSION, version);
  if (!e && f->err && http_is_field_value(f->why, strlen(f->why)))
    e = fields_add(&fields, CONTROL_WHY, f->why);
  if (!e) e = tunnel_respond(s, f->err ? 422 : 204, &fields, true);
  fields_clear(&fields);
  return e;
}

static void finish(struct tunnel_stream *s, struct intake *i, const struct failure *f)
{
  struct link *link = i->link;
  if (f->err) log_failure(LOG_ERROR, NULL, f);
  if (answer(s, i, f))
    tunnel_stream_reset(s, TUNNEL_FAILED);
  else
    tunnel_stream_detach(s);
  intake_free(i);
  link_flush(link);
}

static void on_data(struct tunnel_stream *s, void *owner, const uint8_t *data, size_t n)
{
  struct intake *i = owner;
  struct failure f;
  tunnel_stream_consume(s, n);
  if (buf_append(&i->text, data, n) == ERR_OK) return;
  failure_set(&f, ERR_TOO_LARGE, "the configuration is larger than 1 MiB");
  finish(s, i, &f);
}

static void on_end(struct tunnel_stream *s, void *owner, const struct fields *trailers)
{
  (void)trailers;
  struct intake *i = owner;
  struct failure f = {0};
  struct lab *lab;
  if (lab_read_applications("configuration", buf_str(&i->text), i->text.len, &lab, &f) == ERR_OK) {
    log_info("configuration version %u: %zu applications", i->version, lab->n_apps);
    configurations_put(i->into, i->version, lab);
  }
  finish(s, i, &f);
}

static void on_writable(struct tunnel_stream *s, void *owner)
{
  (void)s;
  (void)owner;
}

static void on_close(struct tunnel_stream *s, void *owner, const struct failure *f)
{
  (void)s;
  (void)f;
  intake_free(owner);
}

static const struct stream_owner_ops ops = {on_data, on_end, on_writable, on_close};

void configure_begin(struct configurations *c, struct link *l, struct tunnel_stream *s,
                     const struct tunnel_head *h)
{
  const char *version = fields_get(h->fields, CONTROL_VERSION);
  struct intake *i = calloc(1, sizeof *i);
  if (!i) {
    tunnel_stream_reset(s, TUNNEL_REFUSED);
    return;
  }
  i->owner.ops = &ops;
  i->into = c;
  i->link = l;
  buf_init(&i->text, CONFIGURATION_BYTES_MAX);
  if (version && lab_parse_count(version, 1, UINT32_MAX, &i->version)) {
    tunnel_stream_set_owner(s, i);
    if (tunnel_stream_remote_ended(s)) on_end(s, i, NULL);
    return;
  }
  struct failure f;
  failure_set(&f, ERR_TUNNEL_PROTOCOL, "sevenstep-version is missing or no number");
  finish(s, i, &f);
}
