/* Messages out: requests, extended CONNECT, answers and trailers, as lists of fields for nghttp2. */
#include "tunnel_private.h"

#include <string.h>

#define PSEUDO_FIELDS 5                        /* of an extended CONNECT, which has the most */
#define SEND_FIELDS   (TUNNEL_MAX_FIELDS + 40) /* with what the sender adds to those that came through */

static nghttp2_nv pair(const char *name, size_t nn, const char *value, size_t nv)
{
  /* nghttp2's structure is not const, but it only copies. */
  return (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name,
                      .value = (uint8_t *)(uintptr_t)value,
                      .namelen = nn,
                      .valuelen = nv};
}

/* Values that never come again would only push the others out of HPACK's table (RFC 7541 6.2.2). */
static uint8_t index_flag(const char *name, size_t n)
{
  static const struct {
    size_t n;
    const char *name;
  } unique[] = {{11, "traceparent"}, {14, "content-length"}, {13, "authorization"}, {4, "etag"}};
  for (size_t i = 0; i < sizeof unique / sizeof unique[0]; i++)
    if (n == unique[i].n && memcmp(name, unique[i].name, n) == 0) return NGHTTP2_NV_FLAG_NO_INDEX;
  return NGHTTP2_NV_FLAG_NONE;
}

/* Appends f behind nv[n], names in lower case (RFC 9113 8.2.1), in memory of t->lower. */
static enum err append_fields(struct tunnel *t, const struct fields *f, nghttp2_nv *nv, size_t *n)
{
  size_t count = f ? fields_count(f) : 0, bytes = 0;
  if (*n + count > SEND_FIELDS + PSEUDO_FIELDS) return ERR_TOO_LARGE;
  for (size_t i = 0; i < count; i++)
    bytes += fields_at(f, i).name_len;
  uint8_t *at;
  buf_reset(&t->lower);
  enum err e = buf_reserve(&t->lower, bytes, &at);
  if (e) return e;
  for (size_t i = 0; i < count; i++) {
    struct field field = fields_at(f, i);
    for (size_t k = 0; k < field.name_len; k++) {
      uint8_t c = (uint8_t)field.name[k];
      at[k] = c >= 'A' && c <= 'Z' ? c | 0x20 : c;
    }
    nv[*n] = pair((const char *)at, field.name_len, field.value, field.value_len);
    nv[(*n)++].flags = index_flag((const char *)at, field.name_len);
    at += field.name_len;
  }
  return ERR_OK;
}

/* The request's own pseudo fields are in nv[0..n) already. */
static enum err open_stream(struct tunnel *t, nghttp2_nv *nv, size_t n, const struct fields *f, bool end,
                            void *owner, struct tunnel_stream **ret)
{
  enum err e = append_fields(t, f, nv, &n);
  if (e) return e;
  struct tunnel_stream *s = tunnel_stream_get(t);
  if (!s) return ERR_NOMEM;
  s->owner = owner;
  s->local_end = end;
  const nghttp2_data_provider source = tunnel_source(s);
  int32_t id = nghttp2_submit_request(t->h2, NULL, nv, n, end ? NULL : &source, s);
  if (id < 0) {
    tunnel_stream_put(s);
    return id == NGHTTP2_ERR_NOMEM ? ERR_NOMEM : ERR_TUNNEL_PROTOCOL;
  }
  s->id = id;
  *ret = s;
  return ERR_OK;
}

enum err tunnel_request(struct tunnel *t, const char *method, const char *authority, const char *path,
                        size_t path_len, const struct fields *f, bool end, void *owner,
                        struct tunnel_stream **ret)
{
  nghttp2_nv nv[SEND_FIELDS + PSEUDO_FIELDS];
  size_t n = 0;
  nv[n++] = pair(":method", 7, method, strlen(method));
  nv[n++] = pair(":scheme", 7, "https", 5);
  nv[n++] = pair(":authority", 10, authority, strlen(authority));
  nv[n++] = pair(":path", 5, path, path_len);
  return open_stream(t, nv, n, f, end, owner, ret);
}

enum err tunnel_connect(struct tunnel *t, const char *protocol, const char *authority, const char *path,
                        size_t path_len, const struct fields *f, void *owner, struct tunnel_stream **ret)
{
  nghttp2_nv nv[SEND_FIELDS + PSEUDO_FIELDS];
  size_t n = 0;
  if (!nghttp2_session_get_remote_settings(t->h2, NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL))
    return ERR_TUNNEL_PROTOCOL;
  nv[n++] = pair(":method", 7, "CONNECT", 7);
  nv[n++] = pair(":protocol", 9, protocol, strlen(protocol));
  nv[n++] = pair(":scheme", 7, "https", 5);
  nv[n++] = pair(":authority", 10, authority, strlen(authority));
  nv[n++] = pair(":path", 5, path, path_len);
  return open_stream(t, nv, n, f, false, owner, ret);
}

enum err tunnel_respond(struct tunnel_stream *s, int status, const struct fields *f, bool end)
{
  nghttp2_nv nv[SEND_FIELDS + PSEUDO_FIELDS];
  char digits[3] = {(char)('0' + status / 100), (char)('0' + status / 10 % 10), (char)('0' + status % 10)};
  size_t n = 0;
  nv[n++] = pair(":status", 7, digits, 3);
  enum err e = append_fields(s->t, f, nv, &n);
  if (e) return e;
  int r;
  if (status < 200) {
    r = nghttp2_submit_headers(s->t->h2, NGHTTP2_FLAG_NONE, s->id, NULL, nv, n, NULL);
  } else {
    s->local_end = end;
    const nghttp2_data_provider source = tunnel_source(s);
    r = nghttp2_submit_response(s->t->h2, s->id, nv, n, end ? NULL : &source);
  }
  return r == 0 ? ERR_OK : r == NGHTTP2_ERR_NOMEM ? ERR_NOMEM : ERR_TUNNEL_PROTOCOL;
}

int tunnel_submit_trailers(struct tunnel_stream *s)
{
  nghttp2_nv nv[TUNNEL_MAX_FIELDS];
  size_t n = fields_count(&s->out_trailers);
  for (size_t i = 0; i < n; i++) {
    struct field f = fields_at(&s->out_trailers, i);
    nv[i] = pair(f.name, f.name_len, f.value, f.value_len);
  }
  return nghttp2_submit_trailer(s->t->h2, s->id, nv, n);
}
