/* Access tokens that wait for the identity provider's keys, which a little one of the test's own gives. */
#include "front_private.h"
#include "suites.h"

#include <stdio.h>
#include <string.h>

/* {"alg":"RS256","typ":"at+jwt","kid":"other"}, {"iss":"x"}: of a key that is not among these. */
#define TOKEN "eyJhbGciOiJSUzI1NiIsInR5cCI6ImF0K2p3dCIsImtpZCI6Im90aGVyIn0.eyJpc3MiOiJ4In0.eHh4"
#define N                                                                                                    \
  "szqK1BTNbr76IebRnSbD-CCm3_eylIYu3I0eHYCUd7eiZNZUqgoiMslCT1njdh5Yz0nxeJ8zO32IQFJT8mFee2dmhU"               \
  "WcV-cYjCyPzG37Ti1Oa8hb4nOmfLgFJE-Yze3RI4l1eNkrVNRI25y4T1u0YGR-Bbl2L9yKLprE43D2BPhvTEtntB3z"               \
  "zqdW4vC2u5CkgCwhkyRT0B1bEad6ya_zGdybrlPleW-7fXFoqGbXCRImjo-oTg1LyQdliSPdsGp7Dx-OQFIokjdMil"               \
  "LpGJqgPaZOC5Q85EHtjLlvs0sEA7-wUVVGDzcAmwiBXKF6Nw0il7uhSOMFX1QJEWr1jp105Q"
#define KEYS "{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"known\",\"e\":\"AQAB\",\"n\":\"" N "\"}]}"

static struct listener *provider;
static struct tls_ctx *provider_tls;

static void say(struct stream *s, const char *body)
{
  char text[2048];
  int n = snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
                   strlen(body), body);
  ck_assert_int_eq(stream_write(s, text, (size_t)n), ERR_OK);
  stream_finish(s);
}

static void provider_asked(struct stream *s, void *arg, const uint8_t *data, size_t n)
{
  static const char path[] = "GET /keys ";
  char metadata[1024];
  const char *i = front_lab_file->idp.issuer.text;
  (void)arg;
  snprintf(metadata, sizeof metadata,
           "{\"issuer\":\"%s\",\"authorization_endpoint\":\"%s/authorize\",\"token_endpoint\":\"%s/token\","
           "\"jwks_uri\":\"%s/keys\"}",
           i, i, i, i);
  say(s, n > strlen(path) && memcmp(data, path, strlen(path)) == 0 ? KEYS : metadata);
}

static const struct stream_events provider_events = {.on_data = provider_asked};

static void *accept_anybody(void *arg, struct stream *s)
{
  (void)s;
  return arg;
}

/* Until the cloud has its keys. */
static void open_provider(void)
{
  struct failure f;
  const struct lab_addr at = {.host = "127.0.0.1", .port = front_lab_file->idp.connect.port};
  ck_assert_int_eq(tls_server_ctx_new(front_path("pki/idp.crt"), front_path("pki/idp.key"), NULL, "http/1.1",
                                      &provider_tls, &f),
                   ERR_OK);
  ck_assert_int_eq(listener_new(cloud->net, &at, provider_tls, 5000, accept_anybody, cloud, &provider_events,
                                &provider, &f),
                   ERR_OK);
  run_until(atomic_load(&cloud->counters.keys_loaded));
}

static void close_provider(void)
{
  listener_close(provider);
  tls_ctx_free(provider_tls);
}

/* Its body must not become that of the request behind it, which takes its place at once. */
START_TEST(body_of_a_refused_token_is_nobody_elses)
{
  front_app("hello")->bearer_access = true;
  open_provider();
  inside_dial(&one, "connector-1");
  struct user *u = user_connect(NULL);
  user_send(u, "POST / HTTP/1.1\r\nAuthorization: Bearer " TOKEN "\r\nContent-Length: 5\r\n" TO_HELLO
               "\r\nfirst"
               "POST /second HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" TO_PUBLIC "\r\n");
  run_until(user_got(u, "</html>") && one.requests == 1);
  ck_assert(user_got(u, "HTTP/1.1 401 ") && user_got(u, "bearer_invalid"));
  ck_assert_str_eq(one.path, "/second");
  user_send(u, "6\r\nsecond\r\n0\r\n\r\n");
  run_until(one.ended);
  ck_assert_str_eq(buf_str(&one.body), "second");
  close_provider();
}
END_TEST

Suite *front_bearer_suite(void)
{
  Suite *s = suite_create("front_bearer");
  TCase *c = front_tests(s, "front_bearer");
  tcase_add_test(c, body_of_a_refused_token_is_nobody_elses);
  return s;
}
