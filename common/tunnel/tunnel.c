/* The session's life: its settings, what the peer may do and how much of it, its shutdown and its end. */
#include "tunnel_private.h"

#include <stdlib.h>

/* What the peer may make us do for nothing: at once, and a second. At the connector, where nobody ticks,
 * nghttp2 counts. */
static const struct nuisance {
  unsigned max, decay;
} nuisances[] = {
    [TUNNEL_CLOUD] = {NUISANCE_RESET * TUNNEL_RESETS, NUISANCE_RESET * TUNNEL_RESETS_A_SECOND},
    [TUNNEL_FRONT] = {1000, 100},
};

/* Of a client's ids, which are odd and end at INT32_MAX (RFC 9113 5.1.1): from where another connection is to
 * take over, and the last one for a request; a few are left for what the ends have to say to each other. */
#define WORN_ID (INT32_MAX / 2)
#define LAST_ID (INT32_MAX - 2 * 1000)

static int session_new(struct tunnel *t)
{
  nghttp2_session_callbacks *c = NULL;
  nghttp2_option *o = NULL;
  int r = nghttp2_session_callbacks_new(&c);
  if (!r) r = nghttp2_option_new(&o);
  if (!r) {
    tunnel_receiving(c);
    tunnel_sending(c);
    nghttp2_option_set_no_auto_window_update(o, 1);
    nghttp2_option_set_peer_max_concurrent_streams(o, TUNNEL_MAX_STREAMS);
    /* Users abort requests all the time, and here they all share one connection: the default limit against
     * rapid resets (CVE-2023-44487) would end it after 1,000. The cloud is authenticated, and limits its
     * users itself. */
    if (t->role != TUNNEL_FRONT)
      nghttp2_option_set_stream_reset_rate_limit(o, TUNNEL_RESETS, TUNNEL_RESETS_A_SECOND);
    /* nghttp2 counts 12 bytes a field more than we do, and drops a head beyond its default in silence: the
     * request would wait for its deadline. */
    nghttp2_option_set_max_send_header_block_length(o, 2 * TUNNEL_MAX_HEAD);
    r = t->role == TUNNEL_CLOUD ? nghttp2_session_client_new2(&t->h2, c, t, o)
                                : nghttp2_session_server_new2(&t->h2, c, t, o);
  }
  nghttp2_session_callbacks_del(c);
  nghttp2_option_del(o);
  return r;
}

enum err tunnel_new(enum tunnel_role role, const struct tunnel_events *ev, void *arg, struct tunnel **ret)
{
  struct tunnel *t = calloc(1, sizeof *t);
  if (!t) return ERR_NOMEM;
  *t = (struct tunnel){.role = role, .ev = ev, .arg = arg};
  buf_init(&t->lower, TUNNEL_MAX_HEAD);
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS,
       role == TUNNEL_FRONT ? TUNNEL_FRONT_STREAMS : TUNNEL_MAX_STREAMS},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, (uint32_t)tunnel_first_window(t)},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, TUNNEL_MAX_HEAD},
      /* Each end has one of its own: only a client may send ENABLE_PUSH (RFC 9113 6.5.2), only a server needs
       * to say that it takes extended CONNECT (RFC 8441 3). */
      role == TUNNEL_CLOUD ? (nghttp2_settings_entry){NGHTTP2_SETTINGS_ENABLE_PUSH, 0}
                           : (nghttp2_settings_entry){NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1},
  };
  const size_t n = sizeof settings / sizeof settings[0];
  if (session_new(t) != 0 || nghttp2_submit_settings(t->h2, NGHTTP2_FLAG_NONE, settings, n) != 0 ||
      nghttp2_session_set_local_window_size(t->h2, NGHTTP2_FLAG_NONE, 0, TUNNEL_CONNECTION_WINDOW) != 0) {
    tunnel_free(t, NULL);
    return ERR_NOMEM;
  }
  *ret = t;
  return ERR_OK;
}

void tunnel_free(struct tunnel *t, const struct failure *f)
{
  if (!t) return;
  struct failure closed;
  failure_set(&closed, ERR_CLOSED, "the tunnel was closed");
  while (t->streams) {
    struct tunnel_stream *s = t->streams;
    if (!s->detached) {
      s->detached = true;
      t->ev->on_close(s, s->owner, f ? f : &closed);
    }
    tunnel_stream_put(s);
  }
  nghttp2_session_del(t->h2);
  while (t->pool) {
    struct tunnel_stream *s = t->pool;
    t->pool = s->next;
    tunnel_stream_free(s);
  }
  buf_clear(&t->lower);
  free(t);
}

bool tunnel_has_more(const struct tunnel *t)
{
  return nghttp2_session_want_write(t->h2) != 0;
}

bool tunnel_done(const struct tunnel *t)
{
  return !tunnel_has_more(t) && nghttp2_session_want_read(t->h2) == 0;
}

bool tunnel_broken(const struct tunnel *t, struct failure *f)
{
  if (t->broken)
    failure_set(f, ERR_TUNNEL_PROTOCOL, "%s gave the tunnel up: %s",
                t->broken_by_peer ? "the other end" : "this end", nghttp2_http2_strerror(t->broken));
  return t->broken != 0;
}

enum err tunnel_allow_streams(struct tunnel *t, uint32_t n)
{
  const nghttp2_settings_entry most = {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, n};
  return nghttp2_submit_settings(t->h2, NGHTTP2_FLAG_NONE, &most, 1) == 0 ? ERR_OK : ERR_NOMEM;
}

size_t tunnel_streams(const struct tunnel *t)
{
  return t->n_streams;
}

bool tunnel_worn(const struct tunnel *t)
{
  uint32_t used = tunnel_is_server(t) ? (uint32_t)nghttp2_session_get_last_proc_stream_id(t->h2)
                                      : nghttp2_session_get_next_stream_id(t->h2);
  return used > WORN_ID;
}

size_t tunnel_room(const struct tunnel *t)
{
  if (t->goaway_seen || t->shutting_down || t->failed) return 0;
  if (nghttp2_session_get_next_stream_id(t->h2) > LAST_ID) return 0;
  size_t limit = nghttp2_session_get_remote_settings(t->h2, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
  return limit > t->n_streams ? limit - t->n_streams : 0;
}

enum err tunnel_ping(struct tunnel *t)
{
  return nghttp2_submit_ping(t->h2, NGHTTP2_FLAG_NONE, NULL) == 0 ? ERR_OK : ERR_NOMEM;
}

enum err tunnel_shutdown(struct tunnel *t)
{
  if (t->shutting_down) return ERR_OK;
  t->shutting_down = true;
  int r = tunnel_is_server(t) ? nghttp2_submit_shutdown_notice(t->h2)
                              : nghttp2_submit_goaway(t->h2, NGHTTP2_FLAG_NONE, 0, NGHTTP2_NO_ERROR, NULL, 0);
  if (!r && t->role == TUNNEL_FRONT) r = nghttp2_submit_ping(t->h2, NGHTTP2_FLAG_NONE, NULL);
  return r == 0 ? ERR_OK : ERR_NOMEM;
}

void tunnel_nuisance(struct tunnel *t, unsigned weight)
{
  if (t->role == TUNNEL_CONNECTOR) return;
  t->nuisance += weight;
  if (t->nuisance > nuisances[t->role].max)
    nghttp2_session_terminate_session(t->h2, NGHTTP2_ENHANCE_YOUR_CALM);
}

void tunnel_tick(struct tunnel *t)
{
  unsigned decay = nuisances[t->role].decay;
  t->nuisance -= t->nuisance < decay ? t->nuisance : decay;
}
