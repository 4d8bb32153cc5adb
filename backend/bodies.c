#include "bodies.h"

#include "encode.h"
#include "form.h"
#include "pages.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

/* -- parameters ------------------------------------------------------------------------------------------ */

/* The decimal number of this name in the query: absent gives otherwise. */
static enum err number(const struct httpd_request *q, const char *name, uint64_t otherwise, uint64_t max,
                       uint64_t *ret, struct failure *f)
{
  struct fields list;
  const char *text;
  char *end = NULL;
  fields_init(&list, 16, 4096);
  enum err e = form_parse(&list, q->query, strlen(q->query));
  if (!e) e = form_get(&list, name, &text);
  if (e == ERR_NOT_FOUND) {
    *ret = otherwise;
    e = ERR_OK;
  } else if (!e) {
    errno = 0;
    unsigned long long n = strtoull(text, &end, 10);
    if (errno || *end || *text == '-' || *text == '+' || *text == ' ' || n > max)
      e = ERR_SYNTAX;
    else
      *ret = n;
  }
  fields_clear(&list);
  return e ? failure_set(f, ERR_SYNTAX, "%s must be a number from 0 to %" PRIu64, name, max) : ERR_OK;
}

static void answer_failure(struct httpd_response *r, const struct failure *f)
{
  if (page_failure(r, f, NULL)) r->status = 500;
}

static void answer_text(struct httpd_response *r, const char *text)
{
  if (httpd_text(r, 200, "text/plain; charset=utf-8", text)) r->status = 500;
}

#define SMALL_BODY 4096

/* -- downloads ------------------------------------------------------------------------------------------- */

static ssize_t produce_pattern(void *arg, uint64_t offset, uint8_t *out, size_t max)
{
  static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz";
  uint64_t size = *(const uint64_t *)arg;
  size_t n = size - offset < max ? (size_t)(size - offset) : max;
  /* The first copies by hand, then doubling. */
  size_t have = n < 26 ? n : 26;
  for (size_t i = 0; i < have; i++)
    out[i] = (uint8_t)alphabet[(offset + i) % 26];
  for (; have < n;) {
    size_t copy = have < n - have ? have : n - have;
    memcpy(out + have, out, copy);
    have += copy;
  }
  return (ssize_t)n;
}

/* A small body leaves in one piece with its head; a large one is made as it goes. */
static enum err whole_pattern(struct buf *body, uint64_t bytes)
{
  uint8_t *at;
  enum err e = buf_reserve(body, (size_t)bytes, &at);
  if (e) return e;
  body->len += (size_t)produce_pattern(&bytes, 0, at, (size_t)bytes);
  return ERR_OK;
}

void handle_download(const struct httpd_request *q, struct httpd_response *r)
{
  struct visit v;
  struct failure f;
  uint64_t bytes = 0;
  if (!visit_begin(&v, q->arg, q)) {
    uint64_t *size = malloc(sizeof *size);
    if (number(q, "bytes", 1024 * 1024, 1ULL << 40, &bytes, &f)) {
      answer_failure(r, &f);
      free(size);
    } else if (!size || fields_set(&r->fields, "Content-Type", "application/octet-stream")) {
      r->status = 500;
      free(size);
    } else if (bytes <= SMALL_BODY) {
      if (whole_pattern(&r->body, bytes)) r->status = 500;
      free(size);
    } else {
      *size = bytes;
      r->produce = produce_pattern;
      r->produce_arg = size;
      r->produce_free = free;
      r->produce_length = (int64_t)bytes;
    }
  }
  visit_end(&v, r);
}

void handle_slow(const struct httpd_request *q, struct httpd_response *r)
{
  struct visit v;
  struct failure f;
  uint64_t ms = 0;
  if (!visit_begin(&v, q->arg, q)) {
    if (number(q, "ms", 1000, 3600 * 1000, &ms, &f)) {
      answer_failure(r, &f);
    } else {
      answer_text(r, "This took a while.\n");
      r->delay_ms = (unsigned)ms;
    }
  }
  visit_end(&v, r);
}

/* -- streams --------------------------------------------------------------------------------------------- */

struct stream {
  uint64_t next, count;
  unsigned ms;
  bool waited;
};

static ssize_t produce_events(void *arg, uint64_t offset, uint8_t *out, size_t max)
{
  struct stream *s = arg;
  (void)offset;
  if (s->next == s->count) return 0;
  if (s->next && s->ms && !s->waited) {
    s->waited = true;
    return HTTPD_LATER(s->ms);
  }
  s->waited = false;
  char event[96];
  int n = snprintf(event, sizeof event, "id: %" PRIu64 "\ndata: event %" PRIu64 " of %" PRIu64 "\n\n",
                   s->next, s->next + 1, s->count);
  if (n < 0 || (size_t)n > max) return -1;
  memcpy(out, event, (size_t)n);
  s->next++;
  return n;
}

void handle_stream(const struct httpd_request *q, struct httpd_response *r)
{
  struct visit v;
  struct failure f;
  uint64_t count = 0, ms = 0;
  if (!visit_begin(&v, q->arg, q)) {
    struct stream *s = calloc(1, sizeof *s);
    if (number(q, "count", 10, 1000 * 1000, &count, &f) || number(q, "ms", 100, 3600 * 1000, &ms, &f)) {
      answer_failure(r, &f);
      free(s);
    } else if (!s || fields_set(&r->fields, "Content-Type", "text/event-stream")) {
      r->status = 500;
      free(s);
    } else {
      *s = (struct stream){.count = count, .ms = (unsigned)ms};
      r->produce = produce_events;
      r->produce_arg = s;
      r->produce_free = free;
    }
  }
  visit_end(&v, r);
}

/* -- uploads --------------------------------------------------------------------------------------------- */

struct upload {
  struct visit visit;
  EVP_MD_CTX *digest;
  uint64_t bytes;
  bool refused, answered;
};

static enum err upload_begin(const struct httpd_request *q, struct upload **ret)
{
  struct upload *u = calloc(1, sizeof *u);
  EVP_MD_CTX *digest = EVP_MD_CTX_new();
  if (!u || !digest || EVP_DigestInit_ex(digest, EVP_sha256(), NULL) != 1) {
    EVP_MD_CTX_free(digest);
    free(u);
    return ERR_NOMEM;
  }
  u->digest = digest;
  u->refused = visit_begin(&u->visit, q->arg, q) != ERR_OK;
  *ret = u;
  return ERR_OK;
}

enum err upload_piece(const struct httpd_request *q, void **state, const uint8_t *data, size_t n)
{
  struct upload *u = *state;
  if (!u) {
    enum err e = upload_begin(q, &u);
    if (e) return e;
    *state = u;
  }
  u->bytes += n;
  if (u->refused) return u->bytes > UPLOAD_UNSEEN_MAX ? u->visit.failure.err : ERR_OK;
  return EVP_DigestUpdate(u->digest, data, n) == 1 ? ERR_OK : ERR_INTERNAL;
}

static enum err write_digest(const struct upload *u, struct httpd_response *r)
{
  unsigned char sum[EVP_MAX_MD_SIZE];
  unsigned n = 0;
  char hex[2 * EVP_MAX_MD_SIZE + 1];
  if (EVP_DigestFinal_ex(u->digest, sum, &n) != 1) return ERR_INTERNAL;
  hex_encode(hex, sum, n);
  enum err e = buf_printf(&r->body, "{\"bytes\":%" PRIu64 ",\"sha256\":\"%s\"}\n", u->bytes, hex);
  return e ? e : fields_set(&r->fields, "Content-Type", "application/json");
}

/* state NULL: the body was empty. */
void upload_answer(const struct httpd_request *q, void *state, struct httpd_response *r)
{
  struct upload *u = state;
  if (!u && upload_begin(q, &u)) {
    r->status = 500;
    return;
  }
  u->visit.request = q;
  if (!u->refused && write_digest(u, r)) r->status = 500;
  visit_end(&u->visit, r);
  u->answered = true;
  if (!state) upload_free(u);
}

void upload_free(void *state)
{
  struct upload *u = state;
  if (!u) return;
  if (!u->answered) visit_abandon(&u->visit);
  EVP_MD_CTX_free(u->digest);
  free(u);
}
