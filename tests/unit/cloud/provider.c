#include "provider.h"

#include "../token/mint.h"
#include "front_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct provider provider;
static struct listener *listener;
static struct tls_ctx *tls;

void provider_prepare(void)
{
  const char *i = front_lab_file->idp.issuer.text;
  char *keys = mint_set(mint_jwk(mint_key(), "k1"), NULL);
  provider = (struct provider){.token = "{}"};
  snprintf(provider.metadata, sizeof provider.metadata,
           "{\"issuer\":\"%s\",\"authorization_endpoint\":\"%s/authorize\",\"token_endpoint\":\"%s/token\","
           "\"jwks_uri\":\"%s/keys\"}",
           i, i, i, i);
  ck_assert_uint_lt(strlen(keys), sizeof provider.keys);
  strcpy(provider.keys, keys);
  free(keys);
}

/* Whom it has not answered yet. */
static struct stream *held[64];
static size_t n_held;

static void say(struct stream *s, const char *body)
{
  char text[sizeof provider.token + 128];
  int len = snprintf(text, sizeof text,
                     "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s", strlen(body), body);
  ck_assert_int_eq(stream_write(s, text, (size_t)len), ERR_OK);
  stream_finish(s);
}

static bool asks_for(const uint8_t *data, size_t n, const char *start)
{
  return n > strlen(start) && memcmp(data, start, strlen(start)) == 0;
}

static void on_asked(struct stream *s, void *arg, const uint8_t *data, size_t n)
{
  const char *body = provider.metadata;
  unsigned *asked = &provider.metadata_asked;
  (void)arg;
  if (asks_for(data, n, "GET /keys ")) {
    body = provider.keys;
    asked = &provider.keys_asked;
  } else if (asks_for(data, n, "POST /token ")) {
    body = provider.token;
    asked = &provider.token_asked;
  }
  ++*asked;
  if (body != provider.token || !provider.holds) {
    say(s, body);
    return;
  }
  ck_assert_uint_lt(n_held, sizeof held / sizeof *held);
  held[n_held++] = s;
}

static void on_gone(struct stream *s, void *arg, const struct failure *f)
{
  (void)arg;
  (void)f;
  for (size_t i = 0; i < n_held; i++)
    if (held[i] == s) held[i--] = held[--n_held];
}

static const struct stream_events events = {.on_data = on_asked, .on_close = on_gone};

static void *accept_anybody(void *arg, struct stream *s)
{
  (void)s;
  return arg;
}

void provider_listen(void)
{
  struct failure f;
  const struct lab_addr at = {.host = "127.0.0.1", .port = front_lab_file->idp.connect.port};
  ck_assert_int_eq(
      tls_server_ctx_new(front_path("pki/idp.crt"), front_path("pki/idp.key"), NULL, "http/1.1", &tls, &f),
      ERR_OK);
  ck_assert_int_eq(
      listener_new(cloud->net, &at, tls, 5000, accept_anybody, cloud, &events, &listener, &f), ERR_OK);
}

void provider_open(void)
{
  provider_prepare();
  provider_listen();
  run_until(atomic_load(&cloud->counters.keys_loaded));
}

void provider_answers(void)
{
  provider.holds = false;
  for (size_t i = 0; i < n_held; i++)
    say(held[i], provider.token);
  n_held = 0;
}

void provider_close(void)
{
  listener_close(listener);
  tls_ctx_free(tls);
}
