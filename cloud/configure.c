#include "registry_private.h"

#include "clock.h"
#include "lab_write.h"
#include "revocation.h"

#include <stdlib.h>
#include <string.h>

#define TEXT_MAX  (512 * 1024)
#define ANSWER_NS 5000000000LL /* to acknowledge, for a change in all; who does not is cut off */

/* -- one message to one connection
 * ------------------------------------------------------------------------------------- */

struct push {
  struct up up;
  struct connector *c;
  struct tunnel_stream *stream;
  unsigned version;
  int status;
  char why[300];
};

static void acknowledged(struct connector *c, unsigned version);
static void refused(struct connector *c, unsigned version, const char *why);

static void on_response(struct up *u, struct tunnel_stream *s, const struct tunnel_head *h)
{
  (void)s;
  struct push *p = (struct push *)u;
  const char *why = fields_get(h->fields, CONTROL_WHY);
  p->status = h->status;
  snprintf(p->why, sizeof p->why, "%s", why ? why : "it gave no reason");
}

static void on_data(struct up *u, struct tunnel_stream *s, const uint8_t *data, size_t n)
{
  (void)u;
  (void)data;
  tunnel_stream_consume(s, n);
}

static struct push take(struct up *u)
{
  struct push p = *(struct push *)u;
  free(u);
  p.c->push = NULL;
  return p;
}

/* Its answer is complete, and only that is one. */
static void on_end(struct up *u, const struct fields *trailers)
{
  (void)trailers;
  struct push p = take(u);
  tunnel_stream_detach(p.stream);
  if (p.status == 204)
    acknowledged(p.c, p.version);
  else
    refused(p.c, p.version, p.why);
}

/* Before its answer was complete, whatever that began with. Who is not leaving already either is being lost,
 * or does not want to know. */
static void on_close(struct up *u, const struct failure *f)
{
  struct push p = take(u);
  if (!p.c->leaving) link_close(p.c->link, f);
  p.c->leaving = true;
  configure_check(p.c->r);
}

static const struct up_ops push_ops = {on_response, on_data, on_end, NULL, on_close};

static enum err send_text(struct push *p, const struct buf *text)
{
  char version[16];
  struct fields f;
  fields_init(&f, 4, 256);
  snprintf(version, sizeof version, "%u", p->version);
  enum err e = fields_add(&f, "content-type", "application/yaml");
  if (!e) e = fields_add(&f, CONTROL_VERSION, version);
  if (!e) e = admit_request(p->c, "PUT", CONTROL_CONFIGURATION, &f, false, &p->up, &p->stream);
  fields_clear(&f);
  if (e) return e;
  if (tunnel_stream_write(p->stream, text->data, text->len) || tunnel_stream_end(p->stream, NULL)) {
    tunnel_stream_reset(p->stream, TUNNEL_FAILED);
    return ERR_TOO_LARGE;
  }
  p->c->push = p;
  link_flush(p->c->link);
  return ERR_OK;
}

static enum err push(struct connector *c, const char *group)
{
  struct buf text;
  struct registry *r = c->r;
  struct push *p = calloc(1, sizeof *p);
  if (!p) return ERR_NOMEM;
  *p = (struct push){.up = {&push_ops}, .c = c, .version = r->newest_version};
  c->pushed_ns = clock_mono_ns();
  buf_init(&text, TEXT_MAX);
  enum err e = lab_write_applications(r->newest, group, &text);
  if (!e) e = send_text(p, &text);
  if (e) free(p);
  buf_clear(&text);
  return e;
}

/* -- a change, from the first connection to the last
 * ------------------------------------------------------------------------ */

/* Who the newest lab does not have is told nothing. */
static bool is_told(const struct connector *c)
{
  return c->known && !c->leaving && !c->refused && lab_connector_by_name(c->r->newest, c->name);
}

/* Who has acknowledged a change that did not take place is told again what is in force, so that it never goes
 * by the other. */
static bool is_behind(const struct connector *c)
{
  return is_told(c) && c->acked != c->r->newest_version;
}

/* Does the change wait for it? It does for who serves users now, and serves its applications in another way
 * then, or holds a change that did not take place: whom it gives nothing new, and who gets no requests yet,
 * has no say in it. */
static bool is_awaited(const struct connector *c)
{
  return c->r->done && c->ready && (c->member->asked || c->acked > c->r->cloud->version) && is_behind(c);
}

static void cut_off(struct connector *c, enum err e, const char *why)
{
  struct failure f;
  failure_set(&f, e, "connector %s: %s", c->name, why);
  log_failure(LOG_WARN, NULL, &f);
  link_close(c->link, &f);
}

void configure_connector(struct connector *c)
{
  if (!is_behind(c) || c->push) return;
  enum err e = push(c, lab_connector_by_name(c->r->newest, c->name)->group);
  if (e == ERR_TOO_LARGE)
    refused(c, c->r->newest_version, "its applications are too many to be told");
  else if (e)
    cut_off(c, e, "its configuration could not be sent");
}

/* Who is not in the lab any more gets no more requests, and is refused at the sweep. */
static void adopt(struct registry *r)
{
  for (struct connector *c = r->list; c; c = c->next)
    if (c->ready && !lab_connector_by_name(r->newest, c->name)) connector_set_ready(c, false);
  const struct lab *before = r->cloud->lab;
  r->cloud->lab = lab_ref(r->newest);
  r->cloud->version = r->newest_version;
  roster_use(r->cloud->roster, r->newest);
  revoke_by_change(r->cloud, before);
  lab_free(before);
  registry_wake(r);
}

static void finish(struct registry *r, const struct failure *f)
{
  void (*done)(void *arg, const struct failure *f) = r->done;
  r->done = NULL;
  if (f->err) {
    lab_free(r->newest);
    r->newest = lab_ref(r->cloud->lab);
    r->newest_version = r->cloud->version;
  } else {
    adopt(r);
  }
  done(r->done_arg, f);
}

void configure_check(struct registry *r)
{
  static const struct failure none = {.err = ERR_OK};
  if (!r->done) return;
  for (const struct connector *c = r->list; c; c = c->next)
    if (is_awaited(c)) return;
  finish(r, &none);
}

static void acknowledged(struct connector *c, unsigned version)
{
  c->acked = version;
  log_info("connector %s acknowledged version %u", c->name, version);
  if (is_behind(c))
    configure_connector(c);
  else if (is_told(c) && !c->ready)
    admit_welcome(c);
  configure_check(c->r);
}

/* A change that is wanted of it does not take place, and it goes on with what it knows. What it has to serve
 * anyway it is to serve, or others do. */
static void refused(struct connector *c, unsigned version, const char *why)
{
  struct failure f;
  struct registry *r = c->r;
  failure_set(&f, ERR_CONFIG, "connector %s refused version %u: %s", c->name, version, why);
  log_failure(LOG_ERROR, NULL, &f);
  if (version != r->newest_version) {
    configure_connector(c);
  } else if (is_awaited(c) && !r->firm) {
    finish(r, &f);
  } else {
    admit_refuse(c, &f);
    configure_check(r);
  }
}

/* Will this group's connectors have to do other than now? Without memory to tell, they are asked. */
static bool changes_for(const struct registry *r, const struct member *m)
{
  struct buf now, next;
  const struct lab_connector *c = lab_connector_by_name(r->newest, m->name);
  if (!c || strcmp(c->group, m->group) != 0) return false; /* it is refused, when that is so */
  buf_init(&now, TEXT_MAX);
  buf_init(&next, TEXT_MAX);
  bool changes = lab_write_applications(r->cloud->lab, m->group, &now) ||
                 lab_write_applications(r->newest, m->group, &next) || now.len != next.len ||
                 memcmp(now.data, next.data, now.len) != 0;
  buf_clear(&now);
  buf_clear(&next);
  return changes;
}

void registry_configure(struct registry *r, const struct lab *lab, bool firm,
                        void (*done)(void *arg, const struct failure *f), void *arg)
{
  struct failure f;
  if (r->done) {
    lab_free(lab);
    failure_set(&f, ERR_EXISTS, "another change is under way");
    done(arg, &f);
    return;
  }
  lab_free(r->newest);
  r->newest = lab;
  r->newest_version = ++r->versions;
  r->firm = firm;
  r->begun_ns = clock_mono_ns();
  r->done = done;
  r->done_arg = arg;
  for (struct member *m = r->members; m; m = m->next)
    m->asked = changes_for(r, m);
  for (struct connector *c = r->list; c && r->done; c = c->next) /* a refusal ends it */
    configure_connector(c);
  configure_check(r);
}

void configure_look_at(struct connector *c, int64_t now_ns)
{
  bool late = c->push && now_ns - c->pushed_ns > ANSWER_NS;
  if (late || (is_awaited(c) && now_ns - c->r->begun_ns > ANSWER_NS))
    cut_off(c, ERR_TIMEOUT, "it did not acknowledge its configuration in time");
  else
    configure_connector(c); /* who came while a change was under way that did not take place */
}

/* -- what is so
 * -------------------------------------------------------------------------------------------------------------
 */

void registry_look(const struct registry *r, const struct lab_connector *connector,
                   struct connector_state *ret)
{
  *ret = (struct connector_state){0};
  for (const struct connector *c = r->list; c; c = c->next) {
    if (!c->ready || strcmp(c->name, connector->name) != 0) continue;
    ret->connections++;
    ret->requests = (unsigned)c->member->requests;
    if (ret->version == 0 || c->acked < ret->version) ret->version = c->acked;
  }
}
