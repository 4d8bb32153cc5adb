/* The front as users and connectors meet it. */
#include "front.h"

#include "exchange.h"

#include <string.h>

#define PUBLIC "Host: public.apps.localhost\r\n"
#define HELLO  "Host: hello.apps.localhost\r\n"
#define NOBODY "Host: nobody.apps.localhost\r\n"

static size_t count(const struct user *u, const char *text)
{
  size_t n = 0;
  for (const char *at = buf_str(&u->got); (at = strstr(at, text)); at++)
    n++;
  return n;
}

/* -- one connection, many requests
 * -------------------------------------------------------------------------------------- */

START_TEST(pipelined_requests_that_are_refused_are_answered_in_order)
{
  struct user *u = user_connect(NULL);
  user_send(u, "GET /1 HTTP/1.1\r\n" NOBODY "\r\nGET /2 HTTP/1.1\r\n" HELLO "\r\nGET /3 HTTP/1.1\r\n" NOBODY
               "\r\n");
  run_until(count(u, "HTTP/1.1 ") == 3 || u->closed);
  ck_assert(!u->closed);
  ck_assert(!user_got(u, "Connection: close"));
  ck_assert_uint_eq(count(u, "HTTP/1.1 404 "), 2);
  ck_assert_uint_eq(count(u, "HTTP/1.1 502 "), 1); /* no identity provider */
}
END_TEST

START_TEST(pipelined_requests_that_pass_are_answered_in_order)
{
  inside_dial(&one, "connector-1");
  struct user *u = user_connect(NULL);
  user_send(u, "GET /1 HTTP/1.1\r\n" PUBLIC "\r\nGET /2 HTTP/1.1\r\n" PUBLIC "\r\n");
  for (int i = 1; i <= 2; i++) {
    run_until(one.requests == i);
    ck_assert_str_eq(one.path, i == 1 ? "/1" : "/2");
    inside_answer(&one, 200, "content-length", "2", false);
    inside_write(&one, "ok", 2);
    inside_end(&one);
  }
  run_until(count(u, "\r\n\r\nok") == 2);
}
END_TEST

START_TEST(answer_before_the_body_says_that_the_connection_ends)
{
  struct user *u = user_connect(NULL);
  user_send(u, "POST / HTTP/1.1\r\nContent-Length: 5\r\n" HELLO "\r\n");
  run_until(u->closed);
  ck_assert(user_got(u, "HTTP/1.1 403 "));
  ck_assert(user_got(u, "Connection: close"));
}
END_TEST

START_TEST(connection_goes_on_after_a_body_that_nobody_took)
{
  static uint8_t body[TUNNEL_STREAM_WINDOW + TUNNEL_WRITE_HIGH + 1024];
  char head[128];
  inside_dial(&one, "connector-1");
  one.deaf = true;
  struct user *u = user_connect(NULL);
  snprintf(head, sizeof head, "POST / HTTP/1.1\r\nContent-Length: %zu\r\n" PUBLIC "\r\n", sizeof body);
  user_send(u, head);
  user_send_bytes(u, body, sizeof body);
  run_until(one.body.len == TUNNEL_STREAM_WINDOW && stream_queued(u->stream) == 0);
  pass(0);
  inside_answer(&one, 413, NULL, NULL, true);
  run_until(user_got(u, "HTTP/1.1 413 "));
  pass(0);
  if (u->closed) return; /* the last kilobyte had not been read: then nothing can follow */
  user_send(u, "GET /next HTTP/1.1\r\n" PUBLIC "\r\n");
  run_until(one.requests == 2);
}
END_TEST

/* -- bodies and responses that take their time
 * ---------------------------------------------------------------------------- */

START_TEST(upload_whose_body_comes_late_is_not_cut_off)
{
  inside_dial(&one, "connector-1");
  struct user *u = user_connect(NULL);
  user_send(u, "POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n" PUBLIC "\r\n");
  run_until(user_got(u, "100 Continue") && one.requests == 1);
  pass(1);
  ck_assert(!u->closed);
  user_send(u, "hello");
  run_until(one.ended);
  ck_assert_str_eq(buf_str(&one.body), "hello");
}
END_TEST

START_TEST(upload_that_moves_is_not_timed_out)
{
  inside_dial(&one, "connector-1");
  struct user *u = user_connect(NULL);
  user_send(u, "POST / HTTP/1.1\r\nContent-Length: 5\r\n" PUBLIC "\r\n");
  for (size_t i = 0; i < 5; i++) {
    user_send(u, "x");
    run_until(one.body.len == i + 1);
    pass(50);
    ck_assert_uint_eq(u->got.len, 0);
    ck_assert(!u->closed);
  }
}
END_TEST

START_TEST(upload_that_stops_is_cut_off)
{
  inside_dial(&one, "connector-1");
  struct user *u = user_connect(NULL);
  user_send(u, "POST / HTTP/1.1\r\nContent-Length: 5\r\n" PUBLIC "\r\nx");
  run_until(one.body.len == 1);
  pass(61);
  run_until(u->closed && one.lost == 1);
}
END_TEST

START_TEST(connector_that_does_not_answer_is_a_timeout)
{
  inside_dial(&one, "connector-1");
  struct user *u = user_connect(NULL);
  user_send(u, "GET / HTTP/1.1\r\n" PUBLIC "\r\n");
  run_until(one.requests == 1);
  pass(99);
  ck_assert_uint_eq(u->got.len, 0);
  pass(2);
  run_until(user_got(u, "HTTP/1.1 504 ") && one.lost == 1);
  ck_assert(user_got(u, "backend_timeout"));
}
END_TEST

/* Silent for long, then much at once, to a user who reads slowly: that moves, and is not cut; one who reads
 * nothing more is. */
START_TEST(stream_that_was_silent_may_burst)
{
  static uint8_t burst[512 * 1024];
  inside_dial(&one, "connector-1");
  struct user *u = user_connect(NULL);
  user_send(u, "GET / HTTP/1.1\r\n" PUBLIC "\r\n");
  run_until(one.requests == 1);
  inside_answer(&one, 200, NULL, NULL, false);
  run_until(user_got(u, "200 OK"));
  pass(300);
  stream_pause(u->stream, true);
  for (int i = 0; i < 16; i++) {
    inside_write(&one, burst, sizeof burst);
    pass(0);
    if (tunnel_stream_congested(one.stream)) break;
  }
  pass(1);
  pass(1);
  ck_assert_uint_eq(conn_count(cloud), 1);
  pass(61);
  run_until(one.lost == 1);
}
END_TEST

START_TEST(head_that_comes_too_slowly_is_refused)
{
  struct user *u = user_connect(NULL);
  user_send(u, "HEAD / HTTP/1.1\r\n" NOBODY "\r\nGET / HT");
  run_until(user_got(u, "404 Not Found"));
  pass(76);
  run_until(u->closed);
  ck_assert(user_got(u, "HTTP/1.1 408 "));
  ck_assert(user_got(u, "http_request_timeout</code>")); /* with its page, though HEAD came before */
}
END_TEST

START_TEST(connection_that_idles_is_closed_without_a_word)
{
  struct user *u = user_connect(NULL);
  pass(21);
  run_until(u->closed);
  ck_assert_uint_eq(u->got.len, 0);
}
END_TEST

/* -- users who leave, or break off
 * ------------------------------------------------------------------------------------------ */

START_TEST(malformed_body_behind_a_begun_response_ends_the_tunnel_stream)
{
  inside_dial(&one, "connector-1");
  struct user *u = user_connect(NULL);
  user_send(u, "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" PUBLIC "\r\n1\r\nx\r\n");
  run_until(one.body.len == 1);
  inside_answer(&one, 200, NULL, NULL, false);
  run_until(user_got(u, "200 OK"));
  user_send(u, "junk\r\n");
  run_until(u->closed && one.lost == 1);
}
END_TEST

START_TEST(malformed_body_before_the_response_is_a_bad_request)
{
  inside_dial(&one, "connector-1");
  struct user *u = user_connect(NULL);
  user_send(u, "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" PUBLIC "\r\n1\r\nx\r\n");
  run_until(one.body.len == 1);
  user_send(u, "junk\r\n");
  run_until(u->closed && one.lost == 1);
  ck_assert(user_got(u, "HTTP/1.1 400 "));
}
END_TEST

/* What has happened when the user leaves. */
enum { AT_HEAD, AT_BODY, AT_BODY_END, AT_RESPONSE, AT_RESPONSE_BODY, MOMENTS };

static void leave_at(int moment, bool reset)
{
  struct user *u = user_connect(NULL);
  int before = one.requests;
  user_send(u, "POST / HTTP/1.1\r\nContent-Length: 2\r\n" PUBLIC "\r\n");
  run_until(one.requests == before + 1);
  if (moment >= AT_BODY) {
    user_send(u, "x");
    run_until(one.body.len == 1);
  }
  if (moment >= AT_BODY_END) {
    user_send(u, "y");
    run_until(one.ended);
  }
  if (moment >= AT_RESPONSE) {
    inside_answer(&one, 200, NULL, NULL, false);
    run_until(user_got(u, "200 OK"));
  }
  if (moment >= AT_RESPONSE_BODY) {
    inside_write(&one, "z", 1);
    run_until(user_got(u, "1\r\nz"));
  }
  if (reset)
    stream_abort(u->stream);
  else
    stream_close(u->stream, NULL);
  run_until(!one.stream && conn_count(cloud) == 0);
}

START_TEST(user_who_leaves_ends_the_tunnel_stream)
{
  inside_dial(&one, "connector-1");
  leave_at(_i / 2, _i % 2);
  ck_assert_int_eq(one.lost, 1);
  ck_assert_uint_eq(tunnel_streams(link_tunnel(one.link)), 0);
}
END_TEST

START_TEST(users_who_leave_slow_downloads_leave_the_tunnel_its_window)
{
  static uint8_t piece[256 * 1024];
  inside_dial(&one, "connector-1");
  for (int i = 0; i < 6; i++) {
    struct user *u = user_connect(NULL);
    user_send(u, "GET / HTTP/1.1\r\n" PUBLIC "\r\n");
    run_until(one.requests == i + 1);
    inside_answer(&one, 200, NULL, NULL, false);
    run_until(user_got(u, "200 OK"));
    stream_pause(u->stream, true);
    /* the sockets' buffers, then the cloud's, then the stream's window are full */
    for (int k = 0; k < 200 && !tunnel_stream_congested(one.stream); k++) {
      inside_write(&one, piece, sizeof piece);
      pass(0);
    }
    ck_assert(tunnel_stream_congested(one.stream));
    stream_abort(u->stream);
    run_until(!one.stream);
  }
}
END_TEST

/* -- connectors that die
 * ---------------------------------------------------------------------------------------------------- */

START_TEST(request_without_a_body_goes_to_another_connector_when_one_dies)
{
  inside_dial(&one, "connector-1");
  struct user *u = user_connect(NULL);
  user_send(u, "GET /again HTTP/1.1\r\n" PUBLIC "\r\n");
  run_until(one.requests == 1);
  inside_dial(&two, "connector-2");
  link_close(one.link, NULL);
  run_until(two.requests == 1);
  ck_assert_str_eq(two.path, "/again");
  inside_answer(&two, 200, NULL, NULL, true);
  run_until(user_got(u, "200 OK"));
}
END_TEST

START_TEST(request_with_a_body_is_not_risked_twice)
{
  inside_dial(&one, "connector-1");
  inside_dial(&two, "connector-2");
  struct user *u = user_connect(NULL);
  user_send(u, "POST / HTTP/1.1\r\nContent-Length: 2\r\n" PUBLIC "\r\nxy");
  run_until(one.ended || two.ended);
  link_close(one.ended ? one.link : two.link, NULL);
  run_until(user_got(u, "HTTP/1.1 502 "));
  ck_assert(user_got(u, "connector_lost"));
  ck_assert_int_eq(one.requests + two.requests, 1);
}
END_TEST

/* The pipelined requests behind it are answered while the tunnel is taken down. */
START_TEST(last_connector_that_dies_fails_what_it_had_and_what_follows)
{
  inside_dial(&one, "connector-1");
  struct user *u = user_connect(NULL);
  user_send(u, "GET /1 HTTP/1.1\r\n" PUBLIC "\r\nGET /2 HTTP/1.1\r\n" PUBLIC "\r\n");
  run_until(one.requests == 1);
  link_close(one.link, NULL);
  run_until(count(u, "HTTP/1.1 50") == 2);
}
END_TEST

START_TEST(connector_that_dies_within_a_response_makes_its_end_visible)
{
  inside_dial(&one, "connector-1");
  struct user *u = user_connect(NULL);
  user_send(u, "GET / HTTP/1.1\r\n" PUBLIC "\r\n");
  run_until(one.requests == 1);
  inside_answer(&one, 200, NULL, NULL, false);
  inside_write(&one, "half", 4);
  run_until(user_got(u, "half"));
  link_close(one.link, NULL);
  run_until(u->closed);
  ck_assert_int_ne(u->failure.err, ERR_OK);
  ck_assert(!user_got(u, "\r\n0\r\n"));
}
END_TEST

/* A response that breaks HTTP/2 is reset by our own library, from inside of sending; what follows then must
 * not send again. */
START_TEST(connector_that_breaks_the_protocol_fails_the_request_and_serves_the_next)
{
  inside_dial(&one, "connector-1");
  struct user *u = user_connect(NULL);
  user_send(u, "GET /1 HTTP/1.1\r\n" PUBLIC "\r\nGET /2 HTTP/1.1\r\n" PUBLIC "\r\n");
  run_until(one.requests == 1);
  inside_answer(&one, 304, "content-length", "junk", true);
  run_until(one.requests == 2);
  ck_assert_str_eq(one.path, "/2");
  inside_answer(&one, 200, NULL, NULL, true);
  run_until(user_got(u, "200 OK"));
  ck_assert(user_got(u, "HTTP/1.1 50"));
}
END_TEST

/* -- what is let through
 * ---------------------------------------------------------------------------------------------------- */

START_TEST(fields_of_this_hop_and_claims_of_identity_stay_outside)
{
  inside_dial(&one, "connector-1");
  struct user *u = user_connect(NULL);
  user_send(u,
            "GET /?a=%2f HTTP/1.1\r\n" PUBLIC
            "Connection: X-Forwarded-For, sevenstep-app, x-own, traceparent\r\nX-Own: 1\r\nTE: trailers\r\n"
            "X-Forwarded-For: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\nX_MS_Proxy: 1\r\nSevenstep-Upn: "
            "eve@sevenstep.test\r\n"
            "sevenstep_app: vault\r\nCookie: a=1; __Host-sevenstep=stolen; b=2\r\nCookie: "
            "__Host-sevenstep-trace=x\r\n"
            "Authorization: Basic dTpw\r\nVia: 1.0 fred\r\n\r\n");
  run_until(one.requests == 1);
  const struct fields *f = &one.fields;
  ck_assert_str_eq(one.path, "/?a=%2f");
  ck_assert_str_eq(one.authority, "public.apps.localhost");
  ck_assert_str_eq(fields_get(f, "sevenstep-app"), "public");
  ck_assert_uint_eq(fields_count_of(f, "sevenstep-app"), 1);
  ck_assert_ptr_null(fields_get(f, "sevenstep-upn"));
  ck_assert_ptr_null(fields_get(f, "x-own"));
  ck_assert_ptr_null(fields_get(f, "te"));
  ck_assert_ptr_null(fields_get(f, "x_ms_proxy"));
  ck_assert_ptr_null(fields_get(f, "sevenstep_app"));
  ck_assert_str_eq(fields_get(f, "x-forwarded-for"), "127.0.0.1");
  ck_assert_ptr_null(strstr(fields_get(f, "forwarded"), "6.6.6.6"));
  ck_assert_str_eq(fields_get(f, "cookie"), "a=1; b=2");
  ck_assert_uint_eq(fields_count_of(f, "cookie"), 1);
  ck_assert_str_eq(fields_get(f, "authorization"), "Basic dTpw"); /* pass-through: the application's own */
  ck_assert_uint_eq(fields_count_of(f, "via"), 2);
  ck_assert_ptr_nonnull(fields_get(f, "traceparent"));
}
END_TEST

START_TEST(forwarded_host_is_the_published_one)
{
  static const char *const hosts[] = {"public.apps.localhost", "public.apps.localhost:1",
                                      "PUBLIC.apps.localhost:8443"};
  char text[128];
  inside_dial(&one, "connector-1");
  struct user *u = user_connect(NULL);
  snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: %s\r\nX-Forwarded-Host: evil.example\r\n\r\n",
           hosts[_i]);
  user_send(u, text);
  run_until(one.requests == 1);
  ck_assert_str_eq(fields_get(&one.fields, "x-forwarded-host"), "public.apps.localhost:8443");
  ck_assert_uint_eq(fields_count_of(&one.fields, "x-forwarded-host"), 1);
  ck_assert_ptr_nonnull(strstr(fields_get(&one.fields, "forwarded"), "host=\"public.apps.localhost:8443\""));
}
END_TEST

/* HT-25, HT-27: what belongs to both ends is theirs. */
START_TEST(what_is_end_to_end_passes_unchanged)
{
  inside_dial(&one, "connector-1");
  struct user *u = user_connect(NULL);
  user_send(
      u, "GET /a//b/%7e?x=%2F HTTP/1.1\r\n" PUBLIC
         "Range: bytes=0-1\r\nIf-None-Match: \"e\"\r\nAccept-Encoding: br\r\nEmpty:\r\nX: 1\r\nX: 2\r\n\r\n");
  run_until(one.requests == 1);
  ck_assert_str_eq(one.path, "/a//b/%7e?x=%2F");
  ck_assert_str_eq(fields_get(&one.fields, "range"), "bytes=0-1");
  ck_assert_str_eq(fields_get(&one.fields, "if-none-match"), "\"e\"");
  ck_assert_str_eq(fields_get(&one.fields, "accept-encoding"), "br");
  ck_assert_str_eq(fields_get(&one.fields, "empty"), "");
  ck_assert_uint_eq(fields_count_of(&one.fields, "x"), 2);
  inside_answer(&one, 206, "content-range", "bytes 0-1/9", true);
  run_until(user_got(u, "\r\n\r\n"));
  ck_assert(user_got(u, "HTTP/1.1 206 ") && user_got(u, "content-range: bytes 0-1/9\r\n"));
  ck_assert_uint_eq(count(u, "Date: "), 1);
}
END_TEST

START_TEST(date_of_the_application_stays)
{
  inside_dial(&one, "connector-1");
  struct user *u = user_connect(NULL);
  user_send(u, "GET / HTTP/1.1\r\n" PUBLIC "\r\n");
  run_until(one.requests == 1);
  inside_answer(&one, 200, "date", "Thu, 01 Oct 2015 00:00:00 GMT", true);
  run_until(user_got(u, "\r\n\r\n"));
  ck_assert(user_got(u, "date: Thu, 01 Oct 2015 00:00:00 GMT\r\n") && !user_got(u, "Date: "));
}
END_TEST

/* HT-09 */
START_TEST(absolute_form_decides_against_host)
{
  inside_dial(&one, "connector-1");
  struct user *u = user_connect(NULL);
  user_send(u, "GET https://public.apps.localhost/x?y HTTP/1.1\r\n" NOBODY "\r\n");
  run_until(one.requests == 1);
  ck_assert_str_eq(one.authority, "public.apps.localhost");
  ck_assert_str_eq(one.path, "/x?y");
}
END_TEST

/* As many fields as the real service lets through, and a head of 32 KB. */
START_TEST(large_head_passes)
{
  static char request[40000];
  size_t n = (size_t)snprintf(request, sizeof request, "GET / HTTP/1.1\r\n" PUBLIC);
  for (int i = 0; i < 60; i++)
    n += (size_t)snprintf(request + n, sizeof request - n, "X-%d: %0540d\r\n", i, i);
  memcpy(request + n, "\r\n", 3);
  ck_assert_uint_gt(n, 32 * 1024);
  inside_dial(&one, "connector-1");
  struct user *u = user_connect(NULL);
  user_send(u, request);
  run_until(one.requests == 1);
  ck_assert_uint_eq(strlen(fields_get(&one.fields, "x-59")), 540);
}
END_TEST

/* HT-32 */
START_TEST(piece_of_an_answer_does_not_wait_for_the_next)
{
  inside_dial(&one, "connector-1");
  struct user *u = user_connect(NULL);
  user_send(u, "GET /events HTTP/1.1\r\n" PUBLIC "\r\n");
  run_until(one.requests == 1);
  inside_answer(&one, 200, "content-type", "text/event-stream", false);
  inside_write(&one, "data: 1\n\n", 9);
  run_until(user_got(u, "data: 1\n\n"));
  inside_write(&one, "data: 2\n\n", 9);
  run_until(user_got(u, "data: 2\n\n"));
  inside_end(&one);
  run_until(user_got(u, "\r\n0\r\n\r\n"));
}
END_TEST

START_TEST(response_without_a_body_has_none)
{
  static const struct {
    const char *method;
    int status;
    const char *length;
  } cases[] = {{"HEAD", 200, "5"}, {"HEAD", 200, NULL}, {"GET", 204, NULL}, {"GET", 304, NULL}};
  char request[128];
  inside_dial(&one, "connector-1");
  struct user *u = user_connect(NULL);
  for (int i = 0; i < 4; i++) {
    snprintf(request, sizeof request, "%s / HTTP/1.1\r\n" PUBLIC "\r\n", cases[i].method);
    user_send(u, request);
    run_until(one.requests == i + 1);
    inside_answer(&one, cases[i].status, cases[i].length ? "content-length" : NULL, cases[i].length, true);
    run_until(count(u, "\r\n\r\n") == (size_t)i + 1);
  }
  ck_assert(!user_got(u, "Transfer-Encoding"));
  ck_assert(!user_got(u, "\r\n\r\n0"));
  ck_assert_uint_eq(count(u, "Content-Length: 5\r\n"), 1);
}
END_TEST

START_TEST(interim_responses_reach_http11_only)
{
  inside_dial(&one, "connector-1");
  for (int minor = 0; minor <= 1; minor++) {
    char request[128];
    struct user *u = user_connect(NULL);
    snprintf(request, sizeof request, "GET / HTTP/1.%d\r\n" PUBLIC "\r\n", minor);
    user_send(u, request);
    run_until(one.requests == minor + 1);
    inside_answer(&one, 103, "link", "</a>", false);
    inside_answer(&one, 200, NULL, NULL, true);
    run_until(user_got(u, "200 OK"));
    ck_assert_int_eq(user_got(u, "HTTP/1.1 103 "), minor);
  }
}
END_TEST

START_TEST(failure_of_a_connector_is_shown_as_its_own)
{
  inside_dial(&one, "connector-1");
  struct user *u = user_connect(NULL);
  user_send(u, "GET / HTTP/1.1\r\n" PUBLIC "\r\n");
  run_until(one.requests == 1);
  inside_answer(&one, 502, "sevenstep-error", "backend_unreachable", true);
  run_until(user_got(u, "</html>"));
  ck_assert(user_got(u, "Sevenstep-Error: backend_unreachable"));
}
END_TEST

START_TEST(error_that_is_not_a_connectors_is_a_broken_peer)
{
  inside_dial(&one, "connector-1");
  struct user *u = user_connect(NULL);
  user_send(u, "GET / HTTP/1.1\r\n" PUBLIC "\r\n");
  run_until(one.requests == 1);
  inside_answer(&one, 200, "sevenstep-error", "token_signature", true);
  run_until(user_got(u, "</html>"));
  ck_assert(user_got(u, "Sevenstep-Error: tunnel_protocol"));
}
END_TEST

/* -- hosts and methods
 * ------------------------------------------------------------------------------------------------------ */

START_TEST(host_of_another_application_than_the_connection_is_misdirected)
{
  struct user *u = user_connect("hello.apps.localhost");
  user_send(u, "GET / HTTP/1.1\r\n" PUBLIC "\r\n");
  run_until(user_got(u, "</html>"));
  ck_assert(user_got(u, "HTTP/1.1 421 "));
}
END_TEST

START_TEST(host_of_the_connection_passes)
{
  inside_dial(&one, "connector-1");
  struct user *u = user_connect("public.apps.localhost");
  user_send(u, "GET http://PUBLIC.apps.localhost/x HTTP/1.1\r\n" HELLO
               "\r\n"); /* absolute-form overrides Host */
  run_until(one.requests == 1);
  ck_assert_str_eq(one.path, "/x");
}
END_TEST

START_TEST(method_that_tunnels_or_reflects_is_refused)
{
  static const char *const requests[] = {"CONNECT public.apps.localhost:443 HTTP/1.1\r\n" PUBLIC "\r\n",
                                         "TRACE / HTTP/1.1\r\n" PUBLIC "\r\n"};
  struct user *u = user_connect(NULL);
  user_send(u, requests[_i]);
  run_until(user_got(u, "</html>"));
  ck_assert(user_got(u, "HTTP/1.1 405 "));
}
END_TEST

/* HT-05 */
START_TEST(options_that_goes_no_further_is_answered_here)
{
  inside_dial(&one, "connector-1");
  struct user *u = user_connect(NULL);
  user_send(u, "OPTIONS /a HTTP/1.1\r\nMax-Forwards: 0\r\n" HELLO "\r\n");
  run_until(user_got(u, "HTTP/1.1 200 ") && user_got(u, "\r\n\r\n"));
  ck_assert(user_got(u, "Allow: GET, HEAD") && user_got(u, "Sevenstep-Actor: cloud"));
  ck_assert_int_eq(one.requests, 0);
}
END_TEST

START_TEST(options_that_goes_on_is_counted)
{
  inside_dial(&one, "connector-1");
  struct user *u = user_connect(NULL);
  user_send(u, "OPTIONS /a HTTP/1.1\r\nMax-Forwards: 7\r\n" PUBLIC "\r\n"
               "GET /b HTTP/1.1\r\nMax-Forwards: 7\r\n" PUBLIC "\r\n");
  run_until(one.requests == 1);
  ck_assert_str_eq(fields_get(&one.fields, "max-forwards"), "6");
  inside_answer(&one, 204, NULL, NULL, true);
  run_until(one.requests == 2); /* it means nothing to GET */
  ck_assert_str_eq(fields_get(&one.fields, "max-forwards"), "7");
}
END_TEST

START_TEST(user_with_too_many_requests_at_once_waits)
{
  ((struct lab *)(uintptr_t)cloud->lab)->cloud.limits.user_at_once = 1;
  inside_dial(&one, "connector-1");
  struct user *a = user_connect(NULL), *b = user_connect(NULL);
  user_send(a, "GET /1 HTTP/1.1\r\n" PUBLIC "\r\n");
  run_until(one.requests == 1);
  user_send(b, "GET /2 HTTP/1.1\r\n" PUBLIC "\r\n");
  run_until(user_got(b, "</html>"));
  ck_assert(user_got(b, "HTTP/1.1 429 ") && user_got(b, "Retry-After: 1") &&
            user_got(b, "Sevenstep-Error: too_many_at_once"));
  ck_assert_int_eq(one.requests, 1);
  inside_answer(&one, 200, NULL, NULL, true);
  run_until(user_got(a, "HTTP/1.1 200 "));
  user_send(b, "GET /3 HTTP/1.1\r\n" PUBLIC "\r\n");
  run_until(one.requests == 2);
  stream_abort(b->stream); /* who leaves is counted no more */
  run_until(one.lost == 1);
  user_send(a, "GET /4 HTTP/1.1\r\n" PUBLIC "\r\n");
  run_until(one.requests == 3);
}
END_TEST

START_TEST(robots_are_sent_away_from_every_host)
{
  static const char *const hosts[] = {PUBLIC, HELLO, NOBODY};
  char text[128];
  struct user *u = user_connect(NULL);
  snprintf(text, sizeof text, "GET /robots.txt?x HTTP/1.1\r\n%s\r\n", hosts[_i]);
  user_send(u, text);
  run_until(user_got(u, "\r\n\r\nUser-agent: *\nDisallow: /\n"));
  ck_assert(user_got(u, "HTTP/1.1 200 "));
}
END_TEST

START_TEST(robots_is_a_name_of_the_host_alone)
{
  static const char *const others[] = {"GET /robots.txtx", "GET /a/robots.txt", "POST /robots.txt"};
  char text[128];
  struct user *u = user_connect(NULL);
  snprintf(text, sizeof text, "%s HTTP/1.1\r\n" PUBLIC "\r\n", others[_i]);
  user_send(u, text);
  run_until(user_got(u, "no_connector"));
}
END_TEST

START_TEST(application_in_maintenance_is_closed)
{
  static const char *const targets[] = {"/", "/.sevenstep/callback", "/.sevenstep/logout"};
  char text[128];
  inside_dial(&one, "connector-1");
  const struct lab_app *app = lab_published(cloud->lab, "public", NULL);
  ((struct lab_app *)(uintptr_t)app)->maintenance = true;
  struct user *u = user_connect(NULL);
  snprintf(text, sizeof text, "GET %s HTTP/1.1\r\n" PUBLIC "\r\n", targets[_i]);
  user_send(u, text);
  run_until(user_got(u, "maintenance</code>"));
  ck_assert(user_got(u, "HTTP/1.1 503 ") && user_got(u, "Retry-After: "));
  ck_assert_int_eq(one.requests, 0);
}
END_TEST

/* TK-12, TK-13: without a token no error code; in the query it is none. */
START_TEST(request_of_an_api_client_without_a_token_is_challenged)
{
  static const struct {
    const char *request, *status, *error;
  } cases[] = {
      {"POST / HTTP/1.1\r\nContent-Length: 0\r\n", "401", NULL},
      {"GET / HTTP/1.1\r\nAccept: application/json\r\n", "401", NULL},
      {"GET / HTTP/1.1\r\nAccept: */*\r\nSec-Fetch-Mode: cors\r\n", "401", NULL},
      {"GET / HTTP/1.1\r\nX-Requested-With: XMLHttpRequest\r\n", "401", NULL},
      {"GET /?a=b&access_token=x HTTP/1.1\r\n", "400", "error=\"invalid_request\""},
      {"GET /?xaccess_token=x HTTP/1.1\r\n", "502", NULL}, /* step 1, without an identity provider */
      {"GET / HTTP/1.1\r\nAccept: text/html\r\n", "502", NULL},
      {"GET / HTTP/1.1\r\nAuthorization: Basic eDp5\r\n", "502", NULL},
      {"GET / HTTP/1.1\r\nAuthorization: bearer x\r\n", "502", NULL}, /* its keys are not there */
  };
  char text[256];
  ((struct lab_app *)(uintptr_t)lab_published(cloud->lab, "hello", NULL))->bearer_access = true;
  inside_dial(&one, "connector-1");
  struct user *u = user_connect(NULL);
  snprintf(text, sizeof text, "%s" HELLO "\r\n", cases[_i].request);
  user_send(u, text);
  run_until(user_got(u, "</html>"));
  snprintf(text, sizeof text, "HTTP/1.1 %s ", cases[_i].status);
  ck_assert_msg(user_got(u, text), "%s", buf_str(&u->got));
  bool challenged = strcmp(cases[_i].status, "502") != 0;
  ck_assert(user_got(u, "WWW-Authenticate: Bearer realm=\"hello\", authorization_uri=\"") == challenged);
  ck_assert(user_got(u, ", error=\"") == (cases[_i].error != NULL));
  if (cases[_i].error) ck_assert(user_got(u, cases[_i].error));
  ck_assert_int_eq(one.requests, 0);
}
END_TEST

START_TEST(request_for_which_no_connector_is_there_says_so)
{
  struct user *u = user_connect(NULL);
  user_send(u, "GET / HTTP/1.1\r\n" PUBLIC "\r\n");
  run_until(user_got(u, "</html>"));
  ck_assert(user_got(u, "HTTP/1.1 504 "));
  ck_assert(user_got(u, "no_connector"));
}
END_TEST

/* front_close() stops everything in the middle. */
START_TEST(shutdown_in_the_middle_of_requests_leaves_nothing)
{
  inside_dial(&one, "connector-1");
  inside_dial(&two, "connector-2");
  struct user *u = user_connect(NULL), *v = user_connect(NULL);
  user_send(u, "GET /1 HTTP/1.1\r\n" PUBLIC "\r\nGET /2 HTTP/1.1\r\n" PUBLIC "\r\n");
  user_send(v, "POST / HTTP/1.1\r\nContent-Length: 9\r\n" PUBLIC "\r\nxy");
  run_until(one.requests + two.requests == 2);
}
END_TEST

/* -- the end
 * ----------------------------------------------------------------------------------------------------------
 */

static bool drained;

static void on_drained(struct cloud *c)
{
  (void)c;
  drained = true;
}

START_TEST(shutdown_lets_requests_end_and_closes_who_asks_for_nothing)
{
  drained = false;
  inside_dial(&one, "connector-1");
  struct user *idle = user_connect(NULL), *waiting = user_connect(NULL), *reading = user_connect(NULL);
  user_send(idle, "GET /robots.txt HTTP/1.1\r\n" PUBLIC "\r\n");
  run_until(user_got(idle, "Disallow"));
  user_send(reading, "GET /reading HTTP/1.1\r\n" PUBLIC "\r\n");
  run_until(one.requests == 1);
  struct tunnel_stream *begun = one.stream;
  inside_answer(&one, 200, "content-length", "2", false);
  run_until(user_got(reading, "\r\n\r\n"));
  user_send(waiting, "GET /waiting HTTP/1.1\r\n" PUBLIC "\r\n");
  run_until(one.requests == 2);
  conn_shutdown(cloud, on_drained);
  run_until(idle->closed);
  ck_assert(!drained && !waiting->closed && !reading->closed);
  inside_answer(&one, 200, "content-length", "0", true);
  run_until(waiting->closed);
  ck_assert(user_got(waiting, "Connection: close\r\n"));
  one.stream = begun;
  inside_write(&one, "ok", 2);
  inside_end(&one);
  run_until(reading->closed && drained);
  ck_assert(user_got(reading, "\r\n\r\nok"));
}
END_TEST

static TCase *tests_of(Suite *suite, const char *name)
{
  TCase *c = tcase_create(name);
  tcase_set_timeout(c, 60);
  tcase_add_unchecked_fixture(c, front_pki, front_pki_remove);
  tcase_add_checked_fixture(c, front_open, front_close);
  suite_add_tcase(suite, c);
  return c;
}

static void add_life(TCase *c)
{
  tcase_add_test(c, pipelined_requests_that_are_refused_are_answered_in_order);
  tcase_add_test(c, pipelined_requests_that_pass_are_answered_in_order);
  tcase_add_test(c, answer_before_the_body_says_that_the_connection_ends);
  tcase_add_test(c, connection_goes_on_after_a_body_that_nobody_took);
  tcase_add_test(c, upload_whose_body_comes_late_is_not_cut_off);
  tcase_add_test(c, upload_that_moves_is_not_timed_out);
  tcase_add_test(c, upload_that_stops_is_cut_off);
  tcase_add_test(c, connector_that_does_not_answer_is_a_timeout);
  tcase_add_test(c, stream_that_was_silent_may_burst);
  tcase_add_test(c, head_that_comes_too_slowly_is_refused);
  tcase_add_test(c, connection_that_idles_is_closed_without_a_word);
  tcase_add_test(c, malformed_body_behind_a_begun_response_ends_the_tunnel_stream);
  tcase_add_test(c, malformed_body_before_the_response_is_a_bad_request);
  tcase_add_loop_test(c, user_who_leaves_ends_the_tunnel_stream, 0, 2 * MOMENTS);
  tcase_add_test(c, users_who_leave_slow_downloads_leave_the_tunnel_its_window);
  tcase_add_test(c, request_without_a_body_goes_to_another_connector_when_one_dies);
  tcase_add_test(c, request_with_a_body_is_not_risked_twice);
  tcase_add_test(c, last_connector_that_dies_fails_what_it_had_and_what_follows);
  tcase_add_test(c, connector_that_dies_within_a_response_makes_its_end_visible);
  tcase_add_test(c, connector_that_breaks_the_protocol_fails_the_request_and_serves_the_next);
  tcase_add_test(c, shutdown_in_the_middle_of_requests_leaves_nothing);
  tcase_add_test(c, shutdown_lets_requests_end_and_closes_who_asks_for_nothing);
}

static void add_rules(TCase *c)
{
  tcase_add_test(c, fields_of_this_hop_and_claims_of_identity_stay_outside);
  tcase_add_loop_test(c, forwarded_host_is_the_published_one, 0, 3);
  tcase_add_test(c, what_is_end_to_end_passes_unchanged);
  tcase_add_test(c, date_of_the_application_stays);
  tcase_add_test(c, absolute_form_decides_against_host);
  tcase_add_test(c, large_head_passes);
  tcase_add_test(c, piece_of_an_answer_does_not_wait_for_the_next);
  tcase_add_test(c, response_without_a_body_has_none);
  tcase_add_test(c, interim_responses_reach_http11_only);
  tcase_add_test(c, failure_of_a_connector_is_shown_as_its_own);
  tcase_add_test(c, error_that_is_not_a_connectors_is_a_broken_peer);
  tcase_add_test(c, host_of_another_application_than_the_connection_is_misdirected);
  tcase_add_test(c, host_of_the_connection_passes);
  tcase_add_loop_test(c, method_that_tunnels_or_reflects_is_refused, 0, 2);
  tcase_add_test(c, options_that_goes_no_further_is_answered_here);
  tcase_add_test(c, options_that_goes_on_is_counted);
  tcase_add_test(c, user_with_too_many_requests_at_once_waits);
  tcase_add_loop_test(c, robots_are_sent_away_from_every_host, 0, 3);
  tcase_add_loop_test(c, robots_is_a_name_of_the_host_alone, 0, 3);
  tcase_add_loop_test(c, application_in_maintenance_is_closed, 0, 3);
  tcase_add_loop_test(c, request_of_an_api_client_without_a_token_is_challenged, 0, 9);
  tcase_add_test(c, request_for_which_no_connector_is_there_says_so);
}

int main(void)
{
  Suite *suite = suite_create("front");
  add_life(tests_of(suite, "life"));
  add_rules(tests_of(suite, "rules"));
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_ENV);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed ? 1 : 0;
}
