#include "link.h"

#include "clock.h"

#include <stdlib.h>

struct link {
  struct net *net;
  enum tunnel_role role;
  const struct link_events *ev;
  const struct tunnel_events *tunnel_ev;
  void *arg;
  struct stream *stream;
  struct tunnel *tunnel;
  uv_timer_t beat;
  int64_t heard_ns;
  int64_t beat_ns;       /* the last one */
  uint64_t acknowledged; /* by then */
  bool finishing;
  struct failure failure;
};

enum err link_new(struct net *n, enum tunnel_role role, const struct link_events *ev,
                  const struct tunnel_events *tunnel_ev, void *arg, struct link **ret)
{
  struct link *l = calloc(1, sizeof *l);
  if (!l) return ERR_NOMEM;
  *l = (struct link){.net = n, .role = role, .ev = ev, .tunnel_ev = tunnel_ev, .arg = arg};
  uv_timer_init(net_loop(n), &l->beat);
  l->beat.data = l;
  *ret = l;
  return ERR_OK;
}

static void freed(uv_handle_t *handle)
{
  free(handle->data);
}

void link_discard(struct link *l)
{
  uv_close((uv_handle_t *)&l->beat, freed);
}

/* On a slow line our PING, and so the answer to it, waits behind what is on its way. Who acknowledges that
 * lives; but only while more is on its way, as a kernel acknowledges PINGs for a program that hangs. It may
 * have been right after the last beat. */
static void hear_acknowledgement(struct link *l)
{
  bool all;
  uint64_t n = stream_acknowledged(l->stream, &all);
  if (n != l->acknowledged && !all && l->heard_ns < l->beat_ns) l->heard_ns = l->beat_ns;
  l->acknowledged = n;
  l->beat_ns = clock_mono_ns();
}

static void beat(uv_timer_t *timer)
{
  struct link *l = timer->data;
  if (l->finishing)
    l->beat_ns = clock_mono_ns(); /* nobody is heard any more, who might take his time for ever */
  else
    hear_acknowledgement(l);
  int64_t silent_ms = (l->beat_ns - l->heard_ns) / 1000000, left_ms = LINK_DEAD_MS - silent_ms;
  if (left_ms <= 0) {
    failure_set(&l->failure, ERR_TIMEOUT, "nothing was heard from the other end for %d s",
                LINK_DEAD_MS / 1000);
    stream_abort(l->stream);
    return;
  }
  /* The last beat comes when the time is up: the answer to a PING came some time after a beat. */
  if (left_ms < LINK_PING_MS) uv_timer_start(timer, beat, (uint64_t)left_ms, LINK_PING_MS);
  if (silent_ms >= LINK_PING_MS - 500 && tunnel_ping(l->tunnel) == ERR_OK) link_flush(l);
}

static void on_open(struct stream *s, void *arg)
{
  struct link *l = arg;
  struct failure f = {0};
  l->stream = s;
  l->heard_ns = l->beat_ns = clock_mono_ns();
  if (tunnel_new(l->role, l->tunnel_ev, l->arg, &l->tunnel)) {
    failure_set(&f, ERR_NOMEM, "no memory for a tunnel");
    link_close(l, &f);
    return;
  }
  if (!l->ev->on_open(l, l->arg, &f)) {
    link_close(l, &f);
    return;
  }
  uv_timer_start(&l->beat, beat, LINK_PING_MS, LINK_PING_MS);
  link_flush(l);
}

static void on_data(struct stream *s, void *arg, const uint8_t *data, size_t n)
{
  struct link *l = arg;
  struct failure f;
  /* A GOAWAY that has come refuses requests that wait to be sent, but not those on their way (RFC 9113 6.8).
   */
  stream_fill(s);
  if (l->finishing || !stream_out(s)) return;
  l->heard_ns = clock_mono_ns();
  if (tunnel_receive(l->tunnel, data, n, &f)) {
    l->failure = f;
    l->finishing = true;
  }
  link_flush(l);
}

enum err link_fill(struct tunnel *t, struct stream *s)
{
  struct buf *out = stream_out(s);
  /* Beyond STREAM_HIGH of unsent bytes, so that on_drain() follows whenever the limit stopped us. */
  return tunnel_send(t, out, out->len - stream_queued(s) + STREAM_HIGH + 64 * 1024);
}

static void on_fill(struct stream *s, void *arg)
{
  struct link *l = arg;
  struct failure f;
  if (link_fill(l->tunnel, s)) {
    failure_set(&f, ERR_TUNNEL_PROTOCOL, "the tunnel could not write");
    link_close(l, &f);
    return;
  }
  if (!tunnel_done(l->tunnel) && (!l->finishing || tunnel_has_more(l->tunnel))) return;
  if (!l->failure.err) (void)tunnel_broken(l->tunnel, &l->failure);
  stream_finish(s);
}

static void on_drain(struct stream *s, void *arg)
{
  (void)s;
  link_flush(arg);
}

static void on_close(struct stream *s, void *arg, const struct failure *f)
{
  (void)s;
  struct link *l = arg;
  if (!l->failure.err && f->err) l->failure = *f;
  l->stream = NULL;
  struct failure lost;
  failure_set(&lost, l->role == TUNNEL_CLOUD ? ERR_CONNECTOR_LOST : ERR_CLOSED, "the tunnel ended: %s",
              l->failure.err ? l->failure.why : "closed");
  tunnel_free(l->tunnel, &lost);
  l->tunnel = NULL;
  uv_timer_stop(&l->beat);
  l->ev->on_close(l, l->arg, &l->failure);
  link_discard(l);
}

const struct stream_events link_stream_events = {
    .on_open = on_open,
    .on_data = on_data,
    .on_fill = on_fill,
    .on_drain = on_drain,
    .on_close = on_close,
};

struct tunnel *link_tunnel(struct link *l)
{
  return l->tunnel;
}

struct stream *link_stream(struct link *l)
{
  return l->stream;
}

void link_flush(struct link *l)
{
  if (l->stream) stream_ask_fill(l->stream);
}

void link_close(struct link *l, const struct failure *why)
{
  if (!l->stream) return;
  if (why && !l->failure.err) l->failure = *why;
  stream_close(l->stream, why);
}

void link_finish(struct link *l, const struct failure *why)
{
  if (!l->stream) return;
  if (why && !l->failure.err) l->failure = *why;
  l->finishing = true;
  link_flush(l);
}
