#include "dial.h"

#include "backoff.h"
#include "clock.h"
#include "request.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define DIAL_TIMEOUT_MS 5000
#define STEADY_NS       10000000000LL /* a tunnel that lived so long was a success: the back-off begins anew */

struct dialer {
  struct connector *c;
  struct link *link; /* NULL while waiting */
  uv_timer_t again;
  unsigned failures;
  bool open, stopped;
  int64_t opened_ns;
  void (*drained)(struct connector *c);
};

static void dial(struct dialer *d);

/* -- hello: the cloud asks first who this is
 * ------------------------------------------------------------------------ */

static void hello(struct connector *c, struct tunnel_stream *s)
{
  struct fields f;
  json_t *doc = json_pack("{s:s,s:s,s:s}", "name", c->me->name, "group", c->me->group, "version", "1");
  char *text = doc ? json_dumps(doc, JSON_COMPACT) : NULL;
  fields_init(&f, 4, 256);
  enum err e = text ? fields_add(&f, "content-type", "application/json") : ERR_NOMEM;
  if (!e) e = tunnel_respond(s, 200, &f, false);
  if (!e) e = tunnel_stream_write(s, text, strlen(text));
  if (!e) e = tunnel_stream_end(s, NULL);
  if (e)
    tunnel_stream_reset(s, TUNNEL_FAILED);
  else
    tunnel_stream_detach(s);
  fields_clear(&f);
  free(text);
  json_decref(doc);
}

static void on_request(struct tunnel *t, void *arg, struct tunnel_stream *s, const struct tunnel_head *h)
{
  (void)t;
  struct dialer *d = arg;
  if (strcmp(h->path, "/.sevenstep/hello") == 0 && !fields_get(h->fields, "sevenstep-app")) {
    hello(d->c, s);
    actor_ready(d->c->actor);
  } else {
    request_begin(d->c, d->link, s, h);
  }
}

static const struct tunnel_events tunnel_events = {
    .on_request = on_request,
    .on_data = request_on_data,
    .on_end = request_on_end,
    .on_writable = request_on_writable,
    .on_close = request_on_close,
};

/* -- the link
 * ---------------------------------------------------------------------------------------------------------
 */

static bool on_open(struct link *l, void *arg, struct failure *f)
{
  (void)l;
  (void)f;
  struct dialer *d = arg;
  d->open = true;
  d->opened_ns = clock_mono_ns();
  atomic_store(&d->c->counters.links, 1);
  log_info("connected to the cloud at %s port %u", d->c->lab->cloud.tunnel_connect.host,
           d->c->lab->cloud.tunnel_connect.port);
  return true;
}

static void dial_again(uv_timer_t *timer)
{
  dial(timer->data);
}

static void schedule(struct dialer *d)
{
  uint32_t dice;
  random_bytes(&dice, sizeof dice);
  if (d->failures < 1000) d->failures++;
  uv_timer_start(&d->again, dial_again, backoff_ms(d->failures, dice), 0);
}

static void on_close(struct link *l, void *arg, const struct failure *f)
{
  (void)l;
  struct dialer *d = arg;
  bool was_open = d->open;
  d->link = NULL;
  d->open = false;
  atomic_store(&d->c->counters.links, 0);
  if (d->drained) {
    d->drained(d->c);
    return;
  }
  if (d->stopped) return;
  if (was_open && clock_mono_ns() - d->opened_ns > STEADY_NS) d->failures = 0;
  /* Said once per outage, and again each minute or so, not at every try. */
  if (was_open || d->failures % 10 == 3)
    log_warn("%s the cloud at %s port %u: %s", was_open ? "lost" : "cannot reach",
             d->c->lab->cloud.tunnel_connect.host, d->c->lab->cloud.tunnel_connect.port,
             f->err ? f->why : "closed");
  schedule(d);
}

static const struct link_events link_events = {on_open, on_close};

static void dial(struct dialer *d)
{
  struct stream *s;
  const struct lab *lab = d->c->lab;
  if (link_new(d->c->net, TUNNEL_CONNECTOR, &link_events, &tunnel_events, d, &d->link)) {
    schedule(d);
  } else if (stream_connect(d->c->net, &lab->cloud.tunnel_connect, d->c->tunnel_tls, lab->cloud.tunnel_name,
                            DIAL_TIMEOUT_MS, &link_stream_events, d->link, &s)) {
    link_discard(d->link);
    d->link = NULL;
    schedule(d);
  }
}

enum err dialer_new(struct connector *c, struct dialer **ret, struct failure *f)
{
  struct dialer *d = calloc(1, sizeof *d);
  if (!d) return failure_set(f, ERR_NOMEM, "no memory");
  d->c = c;
  uv_timer_init(net_loop(c->net), &d->again);
  d->again.data = d;
  *ret = d;
  dial(d);
  return ERR_OK;
}

void dialer_drain(struct dialer *d, void (*done)(struct connector *c))
{
  d->drained = done;
  uv_timer_stop(&d->again);
  if (!d->open) {
    done(d->c);
  } else if (tunnel_shutdown(link_tunnel(d->link)) == ERR_OK) {
    link_flush(d->link);
  }
}

void dialer_stop(struct dialer *d)
{
  if (!d || d->stopped) return;
  d->stopped = true;
  d->drained = NULL;
  uv_close((uv_handle_t *)&d->again, NULL);
  if (d->link) link_close(d->link, NULL);
}

void dialer_free(struct dialer *d)
{
  free(d);
}
