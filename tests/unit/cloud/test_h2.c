/* The front as browsers meet it by HTTP/2. A browser here is the tunnel's own client end, or bytes. */
#include "front.h"

#include "clock.h"
#include "exchange.h"

#include <stdlib.h>
#include <string.h>

#define PUBLIC "public.apps.localhost"
#define HELLO  "hello.apps.localhost"

/* One answer, as it came. */
struct answer {
  struct tunnel_stream *at;
  int status, interim;
  bool ended, closed, deaf; /* deaf: gives no window back */
  bool accept;              /* of a WebSocket's key */
  struct failure failure;
  struct buf body;
  char trace[40], trailer[40], length[24];
};

static struct browser {
  struct link *link;
  bool goaway, opened;
} browser;

static struct answer answers[160];
static size_t n_answers;

static void keep(char *to, size_t n, const struct fields *f, const char *name)
{
  const char *value = fields_get(f, name);
  snprintf(to, n, "%s", value ? value : "");
}

static void on_response(struct tunnel_stream *s, void *owner, const struct tunnel_head *h)
{
  (void)s;
  struct answer *a = owner;
  if (h->status < 200) {
    a->interim = h->status;
    return;
  }
  a->status = h->status;
  keep(a->trace, sizeof a->trace, h->fields, "sevenstep-trace");
  keep(a->length, sizeof a->length, h->fields, "content-length");
  a->accept = fields_get(h->fields, "sec-websocket-accept") != NULL;
  ck_assert_ptr_null(fields_get(h->fields, "connection"));
  ck_assert_ptr_null(fields_get(h->fields, "transfer-encoding"));
}

static void on_data(struct tunnel_stream *s, void *owner, const uint8_t *data, size_t n)
{
  struct answer *a = owner;
  ck_assert_int_eq(buf_append(&a->body, data, n), ERR_OK);
  if (!a->deaf) tunnel_stream_consume(s, n);
}

static void on_end(struct tunnel_stream *s, void *owner, const struct fields *trailers)
{
  (void)s;
  struct answer *a = owner;
  a->ended = true;
  keep(a->trailer, sizeof a->trailer, trailers, "x-sum");
}

static void on_close(struct tunnel_stream *s, void *owner, const struct failure *f)
{
  (void)s;
  struct answer *a = owner;
  a->at = NULL;
  a->closed = true;
  a->failure = *f;
}

static void on_goaway(struct tunnel *t, void *arg)
{
  (void)t;
  ((struct browser *)arg)->goaway = true;
}

static const struct tunnel_events events = {.on_response = on_response,
                                            .on_data = on_data,
                                            .on_end = on_end,
                                            .on_close = on_close,
                                            .on_goaway = on_goaway};

static bool opened(struct link *l, void *arg, struct failure *f)
{
  (void)l;
  (void)f;
  ((struct browser *)arg)->opened = true;
  return true;
}

static void gone(struct link *l, void *arg, const struct failure *f)
{
  (void)l;
  (void)f;
  ((struct browser *)arg)->link = NULL;
}

static const struct link_events link_events = {opened, gone};

static void open_browser(const char *sni)
{
  browser = (struct browser){0};
  ck_assert_int_eq(link_new(cloud->net, TUNNEL_CLOUD, &link_events, &events, &browser, &browser.link),
                   ERR_OK);
  browser_dial(browser.link, sni);
  run_until(browser.opened);
}

static struct answer *ask_with(const char *method, const char *host, const char *path, const struct fields *f,
                               bool end)
{
  struct answer *a = &answers[n_answers++];
  *a = (struct answer){0};
  buf_init(&a->body, 64 * 1024 * 1024);
  ck_assert_int_eq(
      tunnel_request(link_tunnel(browser.link), method, host, path, strlen(path), f, end, a, &a->at), ERR_OK);
  link_flush(browser.link);
  return a;
}

/* With one field, or none. */
static struct answer *ask(const char *method, const char *host, const char *path, const char *name,
                          const char *value, bool end)
{
  struct fields f;
  fields_init(&f, 4, 128 * 1024);
  if (name) ck_assert_int_eq(fields_add(&f, name, value), ERR_OK);
  struct answer *a = ask_with(method, host, path, &f, end);
  fields_clear(&f);
  return a;
}

static struct answer *get(const char *host, const char *path)
{
  return ask("GET", host, path, NULL, NULL, true);
}

static void put(struct answer *a, const void *data, size_t n, bool end)
{
  ck_assert_int_eq(tunnel_stream_write(a->at, data, n), ERR_OK);
  if (end) ck_assert_int_eq(tunnel_stream_end(a->at, NULL), ERR_OK);
  link_flush(browser.link);
}

static void set_up(void)
{
  front_open();
  n_answers = 0;
}

static void tear_down(void)
{
  front_close();
  for (size_t i = 0; i < n_answers; i++)
    buf_clear(&answers[i].body);
}

/* -- requests and answers
 * --------------------------------------------------------------------------------------- */

START_TEST(request_reaches_the_application_and_its_answer_comes_back)
{
  inside_dial(&one, "connector-1");
  open_browser(PUBLIC);
  struct answer *a = ask("GET", PUBLIC, "/a?b", "x-own", "1", true);
  run_until(one.requests == 1);
  ck_assert_str_eq(one.path, "/a?b");
  ck_assert_str_eq(fields_get(&one.fields, "x-own"), "1");
  ck_assert_str_eq(fields_get(&one.fields, "via"), "2.0 sevenstep");
  ck_assert_str_eq(fields_get(&one.fields, "x-forwarded-proto"), "https");
  ck_assert_str_eq(fields_get(&one.fields, "x-forwarded-for"), "127.0.0.1");
  inside_answer(&one, 200, "content-length", "2", false);
  inside_write(&one, "ok", 2);
  inside_end(&one);
  run_until(a->closed);
  ck_assert_int_eq(a->failure.err, ERR_OK);
  ck_assert_int_eq(a->status, 200);
  ck_assert_str_eq(a->length, "2");
  ck_assert_str_eq(buf_str(&a->body), "ok");
  ck_assert_uint_eq(strlen(a->trace), 32);
}
END_TEST

START_TEST(upload_arrives_whole_and_trailers_come_back)
{
  struct fields trailers;
  inside_dial(&one, "connector-1");
  open_browser(PUBLIC);
  struct answer *a = ask("POST", PUBLIC, "/", "content-length", "10", false);
  put(a, "01234", 5, false);
  put(a, "56789", 5, true);
  run_until(one.ended);
  ck_assert_str_eq(buf_str(&one.body), "0123456789");
  inside_answer(&one, 200, NULL, NULL, false);
  inside_write(&one, "x", 1);
  fields_init(&trailers, 4, 256);
  ck_assert_int_eq(fields_add(&trailers, "x-sum", "7"), ERR_OK);
  ck_assert_int_eq(tunnel_stream_end(one.stream, &trailers), ERR_OK);
  link_flush(one.link);
  run_until(a->closed);
  ck_assert_str_eq(a->trailer, "7");
  fields_clear(&trailers);
}
END_TEST

START_TEST(expect_is_answered_and_interim_answers_pass)
{
  inside_dial(&one, "connector-1");
  open_browser(PUBLIC);
  struct answer *a = ask("POST", PUBLIC, "/", "expect", "100-continue", false);
  run_until(a->interim == 100);
  inside_answer(&one, 103, NULL, NULL, false);
  run_until(a->interim == 103);
  put(a, "x", 1, true);
  run_until(one.ended);
  inside_answer(&one, 204, NULL, NULL, true);
  run_until(a->closed);
  ck_assert_int_eq(a->status, 204);
}
END_TEST

static const struct {
  const char *method;
  int status;
  const char *length;
} bodiless[] = {{"HEAD", 200, "5"}, {"GET", 204, NULL}, {"GET", 304, NULL}};

START_TEST(answer_without_a_body_has_none)
{
  inside_dial(&one, "connector-1");
  open_browser(PUBLIC);
  struct answer *a = ask(bodiless[_i].method, PUBLIC, "/", NULL, NULL, true);
  run_until(one.requests == 1);
  inside_answer(&one, bodiless[_i].status, bodiless[_i].length ? "content-length" : NULL, bodiless[_i].length,
                true);
  run_until(a->closed);
  ck_assert_int_eq(a->failure.err, ERR_OK);
  ck_assert_int_eq(a->status, bodiless[_i].status);
  ck_assert_uint_eq(a->body.len, 0);
}
END_TEST

START_TEST(crumbs_of_cookies_are_joined_and_ours_stay_outside)
{
  struct fields f;
  inside_dial(&one, "connector-1");
  open_browser(PUBLIC);
  fields_init(&f, 200, 4096);
  for (int i = 0; i < 150; i++) { /* more than there may be fields */
    char crumb[32];
    snprintf(crumb, sizeof crumb, "c%d=%d", i, i);
    ck_assert_int_eq(fields_add(&f, "cookie", crumb), ERR_OK);
  }
  ask_with("GET", PUBLIC, "/", &f, true);
  run_until(one.requests == 1);
  ck_assert_uint_eq(fields_count_of(&one.fields, "cookie"), 1);
  ck_assert_ptr_nonnull(strstr(fields_get(&one.fields, "cookie"), "c0=0; c1=1; c2=2;"));
  fields_clear(&f);
}
END_TEST

START_TEST(streams_are_answered_in_any_order)
{
  inside_dial(&one, "connector-1");
  open_browser(PUBLIC);
  struct answer *slow = get(PUBLIC, "/slow");
  run_until(one.requests == 1);
  struct tunnel_stream *first = one.stream;
  struct answer *fast = get(PUBLIC, "/fast");
  run_until(one.requests == 2);
  inside_answer(&one, 200, NULL, NULL, true);
  run_until(fast->closed);
  ck_assert_int_eq(slow->status, 0);
  one.stream = first;
  inside_answer(&one, 200, NULL, NULL, true);
  run_until(slow->closed);
}
END_TEST

START_TEST(stream_that_is_not_read_stops_no_other)
{
  static uint8_t much[512 * 1024];
  inside_dial(&one, "connector-1");
  open_browser(PUBLIC);
  struct answer *deaf = get(PUBLIC, "/deaf");
  deaf->deaf = true;
  run_until(one.requests == 1);
  inside_answer(&one, 200, NULL, NULL, false);
  for (int i = 0; i < 16 && !tunnel_stream_congested(one.stream); i++) {
    inside_write(&one, much, sizeof much);
    pass(0);
  }
  ck_assert(tunnel_stream_congested(one.stream)); /* so nobody holds more than windows and queues */
  run_until(deaf->body.len == TUNNEL_STREAM_WINDOW);
  pass(0);
  ck_assert_uint_eq(deaf->body.len, TUNNEL_STREAM_WINDOW);
  struct answer *other = get(PUBLIC, "/other");
  run_until(one.requests == 2);
  inside_answer(&one, 200, NULL, NULL, false);
  inside_write(&one, "ok", 2);
  inside_end(&one);
  run_until(other->ended);
  pass(61);
  run_until(deaf->closed && one.lost == 1);
}
END_TEST

START_TEST(upload_that_the_application_does_not_read_waits_alone)
{
  static uint8_t much[1000 * 1024];
  inside_dial(&one, "connector-1");
  one.deaf = true;
  open_browser(PUBLIC);
  struct answer *a = ask("POST", PUBLIC, "/", NULL, NULL, false);
  put(a, much, sizeof much, false);
  run_until(one.body.len == TUNNEL_STREAM_WINDOW);
  pass(0);
  ck_assert_uint_gt(tunnel_stream_queued(a->at), 0);
  struct answer *other = get(HELLO, "/");
  run_until(other->ended);
  pass(61); /* it is the application that is slow */
  ck_assert(!a->closed);
}
END_TEST

START_TEST(answer_before_the_body_refuses_the_rest_without_an_error)
{
  open_browser(HELLO);
  struct answer *a = ask("POST", HELLO, "/", NULL, NULL, false);
  put(a, "begun", 5, false);
  run_until(a->ended);
  pass(0);
  ck_assert(!a->closed); /* what is sent meanwhile is thrown away */
  pass(6);
  run_until(a->closed);
  ck_assert_int_eq(a->status, 403);
  ck_assert(a->ended);
  struct answer *next = get(HELLO, "/");
  run_until(next->ended); /* and the connection lives on */
}
END_TEST

/* -- users who leave, deadlines
 * ------------------------------------------------------------------------------------ */

START_TEST(request_that_is_broken_off_ends_the_tunnel_stream_alone)
{
  inside_dial(&one, "connector-1");
  open_browser(PUBLIC);
  struct answer *a = get(PUBLIC, "/");
  run_until(one.requests == 1);
  tunnel_stream_reset(a->at, TUNNEL_CANCEL);
  link_flush(browser.link);
  run_until(one.lost == 1);
  struct answer *next = get(PUBLIC, "/next");
  run_until(one.requests == 2);
  inside_answer(&one, 200, NULL, NULL, true);
  run_until(next->ended);
}
END_TEST

START_TEST(connection_that_is_lost_ends_all_its_requests)
{
  inside_dial(&one, "connector-1");
  open_browser(PUBLIC);
  for (int i = 0; i < 5; i++)
    get(PUBLIC, "/");
  run_until(one.requests == 5);
  link_close(browser.link, NULL);
  run_until(one.lost == 5);
}
END_TEST

START_TEST(connector_that_dies_within_an_answer_resets_the_stream)
{
  inside_dial(&one, "connector-1");
  open_browser(PUBLIC);
  struct answer *a = get(PUBLIC, "/");
  run_until(one.requests == 1);
  inside_answer(&one, 200, NULL, NULL, false);
  inside_write(&one, "half", 4);
  run_until(a->body.len == 4);
  link_close(one.link, NULL);
  run_until(a->closed);
  ck_assert_int_ne(a->failure.err, ERR_OK);
  ck_assert(!a->ended);
}
END_TEST

START_TEST(connector_that_does_not_answer_is_a_timeout)
{
  inside_dial(&one, "connector-1");
  open_browser(PUBLIC);
  struct answer *a = get(PUBLIC, "/");
  run_until(one.requests == 1);
  pass(101);
  run_until(a->ended && one.lost == 1);
  ck_assert_int_eq(a->status, 504);
}
END_TEST

START_TEST(upload_that_stops_is_reset)
{
  inside_dial(&one, "connector-1");
  open_browser(PUBLIC);
  struct answer *a = ask("POST", PUBLIC, "/", NULL, NULL, false);
  put(a, "x", 1, false);
  run_until(one.body.len == 1);
  pass(61);
  run_until(a->closed && one.lost == 1);
}
END_TEST

START_TEST(connection_that_idles_is_told_and_closed)
{
  open_browser(HELLO);
  struct answer *a = get(HELLO, "/");
  run_until(a->closed);
  pass(74);
  ck_assert_ptr_nonnull(browser.link);
  pass(2);
  run_until(!browser.link);
  ck_assert(browser.goaway);
}
END_TEST

static bool drained;

static void on_drained(struct cloud *c)
{
  (void)c;
  drained = true;
}

START_TEST(shutdown_is_told_and_what_is_under_way_goes_on)
{
  drained = false;
  inside_dial(&one, "connector-1");
  open_browser(PUBLIC);
  struct answer *a = get(PUBLIC, "/");
  run_until(one.requests == 1);
  conn_shutdown(cloud, on_drained);
  run_until(browser.goaway);
  ck_assert(!drained);
  inside_answer(&one, 200, NULL, NULL, true);
  run_until(a->ended);
  ck_assert_int_eq(a->status, 200);
  run_until(!browser.link && drained);
}
END_TEST

START_TEST(shutdown_answers_what_was_on_its_way_and_ends_who_asks_for_nothing)
{
  drained = false;
  open_browser(PUBLIC);
  run_until(tunnel_room(link_tunnel(browser.link)) == TUNNEL_FRONT_STREAMS); /* it has been welcomed */
  conn_shutdown(cloud, on_drained);
  struct answer *a = get(PUBLIC, "/robots.txt");
  run_until(a->ended);
  ck_assert_int_eq(a->status, 200);
  run_until(!browser.link && drained);
}
END_TEST

START_TEST(shutdown_without_a_connection_is_over_at_once)
{
  drained = false;
  conn_shutdown(cloud, on_drained);
  ck_assert(drained);
}
END_TEST

/* -- what is refused
 * ------------------------------------------------------------------------------------------------- */

START_TEST(host_of_another_application_than_the_connection_is_misdirected)
{
  open_browser(HELLO);
  struct answer *a = get(PUBLIC, "/");
  run_until(a->ended);
  ck_assert_int_eq(a->status, 421);
}
END_TEST

static const struct {
  const char *method, *host, *path, *name, *value;
  int status;
} refused[] = {
    {"GET", HELLO, "/", "host", PUBLIC, 400},
    {"GET", "user@" HELLO, "/", NULL, NULL, 400},
    {"GET", HELLO ":99999", "/", NULL, NULL, 400},
    {"GET", HELLO, "/#a", NULL, NULL, 400},
    {"TRACE", HELLO, "/", NULL, NULL, 405},
    {"A-METHOD-WITH-A-NAME-OF-MORE-THAN-31-BYTES", HELLO, "/", NULL, NULL, 501},
};

START_TEST(request_that_breaks_a_rule_of_http_is_answered)
{
  open_browser(HELLO);
  struct answer *a =
      ask(refused[_i].method, refused[_i].host, refused[_i].path, refused[_i].name, refused[_i].value, true);
  run_until(a->closed);
  ck_assert_int_eq(a->status, refused[_i].status);
  struct answer *next = get(HELLO, "/robots.txt");
  run_until(next->closed);
  ck_assert_int_eq(next->status, 200);
}
END_TEST

static const struct {
  const char *name, *value;
} malformed[] = {
    {"connection", "close"},
    {"keep-alive", "1"},
    {"transfer-encoding", "chunked"},
    {"upgrade", "websocket"},
    {"te", "gzip"},
    {"proxy-connection", "close"},
    {"x-bad", "a\rb"},
    {"x bad", "1"},
    {"content-length", "5"},
    {"content-length", "banana"},
};

START_TEST(request_that_breaks_http2_is_reset)
{
  inside_dial(&one, "connector-1");
  open_browser(PUBLIC);
  struct answer *a = ask("GET", PUBLIC, "/", malformed[_i].name, malformed[_i].value, true);
  run_until(a->closed);
  ck_assert_int_eq(a->status, 0);
  ck_assert_int_eq(one.requests, 0);
  struct answer *next = get(PUBLIC, "/robots.txt");
  run_until(next->ended);
}
END_TEST

START_TEST(target_over_its_limit_is_told)
{
  static char path[9000];
  memset(path, 'a', sizeof path - 1);
  path[0] = '/';
  open_browser(HELLO);
  struct answer *a = get(HELLO, path);
  run_until(a->ended);
  ck_assert_int_eq(a->status, 414);
}
END_TEST

START_TEST(fields_over_their_number_are_told)
{
  struct fields f;
  open_browser(HELLO);
  fields_init(&f, 160, 4096);
  for (int i = 0; i < 129; i++)
    ck_assert_int_eq(fields_add(&f, "x", "1"), ERR_OK);
  struct answer *a = ask_with("GET", HELLO, "/", &f, true);
  run_until(a->ended);
  ck_assert_int_eq(a->status, 431);
  fields_clear(&f);
}
END_TEST

START_TEST(head_over_its_size_is_told)
{
  static char value[40000];
  struct fields f;
  memset(value, 'a', sizeof value - 1);
  open_browser(HELLO);
  fields_init(&f, 4, 128 * 1024);
  ck_assert_int_eq(fields_add(&f, "x-one", value), ERR_OK);
  ck_assert_int_eq(fields_add(&f, "x-two", value), ERR_OK);
  struct answer *a = ask_with("GET", HELLO, "/", &f, true);
  run_until(a->ended);
  ck_assert_int_eq(a->status, 431);
  fields_clear(&f);
}
END_TEST

/* -- floods
 * ----------------------------------------------------------------------------------------------------------
 */

#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

/* The code of the GOAWAY that came, or -1. */
static int goaway_code(const struct user *u)
{
  for (size_t at = 0; at + 9 <= u->got.len;) {
    const uint8_t *f = u->got.data + at;
    size_t n = (size_t)f[0] << 16 | (size_t)f[1] << 8 | f[2];
    if (f[3] == 7 && at + 17 <= u->got.len) return f[9 + 7];
    at += 9 + n;
  }
  return -1;
}

static struct user *raw(void)
{
  static const uint8_t settings[9] = {0, 0, 0, 4};
  struct user *u = user_connect_h2();
  user_send(u, PREFACE);
  user_send_bytes(u, settings, sizeof settings);
  return u;
}

/* HEADERS that end the stream: GET https://a/ by HPACK's static table. */
static size_t put_head(uint8_t *to, uint32_t id, uint8_t flags)
{
  const uint8_t frame[] = {0,           0,    6,    1,    flags, 0, 0,  (uint8_t)(id >> 8),
                           (uint8_t)id, 0x82, 0x87, 0x84, 0x41,  1, 'a'};
  memcpy(to, frame, sizeof frame);
  return sizeof frame;
}

static size_t put_frame(uint8_t *to, uint8_t type, uint8_t flags, uint32_t id, uint8_t n)
{
  memset(to, 0, 9 + (size_t)n);
  to[2] = n;
  to[3] = type;
  to[4] = flags;
  to[7] = (uint8_t)(id >> 8);
  to[8] = (uint8_t)id;
  return 9 + (size_t)n;
}

START_TEST(shutdown_ends_the_connection_a_round_trip_after_its_notice)
{
  uint8_t ack[17];
  struct user *u = raw();
  drained = false;
  run_until(u->got.len > 0);
  conn_shutdown(cloud, on_drained);
  run_until(goaway_code(u) >= 0);
  pass(1);
  ck_assert(!u->closed);
  user_send_bytes(u, ack, put_frame(ack, 6, 1, 0, 8));
  run_until(u->closed && drained);
  ck_assert_int_eq(goaway_code(u), 0); /* NO_ERROR */
}
END_TEST

enum flood { RAPID_RESET, PINGS, SETTINGS_FLOOD, EMPTY_DATA, PRIORITIES, FLOODS };

static size_t put_flood(uint8_t *to, enum flood kind, uint32_t i)
{
  uint32_t id = 2 * i + 1;
  size_t n;
  switch (kind) {
  case RAPID_RESET:
    n = put_head(to, id, 5);
    return n + put_frame(to + n, 3, 0, id, 4);
  case PINGS:
    return put_frame(to, 6, 0, 0, 8);
  case SETTINGS_FLOOD:
    return put_frame(to, 4, 0, 0, 0);
  case EMPTY_DATA:
    return i == 0 ? put_head(to, 1, 4) : put_frame(to, 0, 0, 1, 0);
  default:
    n = put_frame(to, 2, 0, 1, 5);
    to[9 + 3] = 3; /* depends on another */
    return n;
  }
}

START_TEST(flood_is_sent_away_calmly)
{
  static uint8_t bytes[2000 * 64];
  size_t n = 0;
  struct user *u = raw();
  for (uint32_t i = 0; i < 2000; i++)
    n += put_flood(bytes + n, (enum flood)_i, i);
  user_send_bytes(u, bytes, n);
  run_until(u->closed || goaway_code(u) >= 0);
  ck_assert_int_eq(goaway_code(u), 11); /* ENHANCE_YOUR_CALM */
}
END_TEST

START_TEST(continuations_without_end_are_cut_off)
{
  static uint8_t bytes[64 * 1024];
  struct user *u = raw();
  size_t n = put_head(bytes, 1, 0);
  while (n + 9 < sizeof bytes)
    n += put_frame(bytes + n, 9, 0, 1, 0);
  user_send_bytes(u, bytes, n);
  run_until(u->closed || goaway_code(u) >= 0);
}
END_TEST

START_TEST(head_that_comes_too_slowly_is_cut_off)
{
  uint8_t bytes[64];
  struct user *u = raw();
  user_send_bytes(u, bytes, put_head(bytes, 1, 0));
  pass(1);
  pass(19);
  ck_assert(!u->closed);
  pass(2);
  run_until(u->closed);
}
END_TEST

START_TEST(bytes_that_are_no_http2_are_refused)
{
  struct user *u = user_connect_h2();
  user_send(u, "GET / HTTP/1.1\r\nHost: " HELLO "\r\n\r\n");
  run_until(u->closed);
  ck_assert_int_eq(goaway_code(u), 1); /* PROTOCOL_ERROR */
}
END_TEST

/* -- WebSockets
 * ------------------------------------------------------------------------------------------------------ */

/* An extended CONNECT, as soon as the front has said that it takes them. */
static struct answer *ask_websocket(const char *protocol, const char *version, const char *name,
                                    const char *value)
{
  struct answer *a = &answers[n_answers++];
  struct fields f;
  *a = (struct answer){0};
  buf_init(&a->body, 64 * 1024 * 1024);
  fields_init(&f, 4, 1024);
  if (version) ck_assert_int_eq(fields_add(&f, "sec-websocket-version", version), ERR_OK);
  if (name) ck_assert_int_eq(fields_add(&f, name, value), ERR_OK);
  run_until(!tunnel_connect(link_tunnel(browser.link), protocol, PUBLIC, "/ws", 3, &f, a, &a->at));
  link_flush(browser.link);
  fields_clear(&f);
  return a;
}

static struct answer *request_websocket(void)
{
  inside_dial(&one, "connector-1");
  open_browser(PUBLIC);
  struct answer *a = ask_websocket("websocket", "13", "sec-websocket-protocol", "chat");
  run_until(one.requests == 1);
  return a;
}

static struct answer *open_websocket(void)
{
  struct answer *a = request_websocket();
  inside_answer(&one, 200, "sevenstep-switched", "websocket", false);
  run_until(a->status == 200);
  return a;
}

START_TEST(websocket_carries_bytes_both_ways_until_both_have_ended)
{
  struct answer *a = open_websocket();
  ck_assert_str_eq(one.method, "CONNECT");
  ck_assert_str_eq(one.path, "/ws");
  ck_assert_str_eq(fields_get(&one.fields, "sec-websocket-protocol"), "chat");
  ck_assert_uint_eq(cloud->counters.open_websockets, 1);
  put(a, "ping", 4, false);
  run_until(one.body.len == 4);
  inside_write(&one, "pong!", 5);
  run_until(a->body.len == 5);
  put(a, "x", 1, true);
  run_until(one.ended);
  inside_write(&one, "last", 4);
  inside_end(&one);
  run_until(a->closed && !one.stream);
  ck_assert_int_eq(a->failure.err, ERR_OK);
  ck_assert_str_eq(buf_str(&a->body), "pong!last");
  ck_assert_uint_eq(cloud->counters.open_websockets, 0);
}
END_TEST

START_TEST(websocket_has_neither_key_nor_accept)
{
  inside_dial(&one, "connector-1");
  open_browser(PUBLIC);
  struct answer *a = ask_websocket("websocket", "13", "sec-websocket-key", "not used");
  run_until(one.requests == 1);
  ck_assert_ptr_null(fields_get(&one.fields, "sec-websocket-key"));
  struct fields f;
  fields_init(&f, 4, 1024);
  ck_assert_int_eq(fields_add(&f, "sevenstep-switched", "websocket"), ERR_OK);
  ck_assert_int_eq(fields_add(&f, "sec-websocket-accept", "of the connector's key"), ERR_OK);
  ck_assert_int_eq(tunnel_respond(one.stream, 200, &f, false), ERR_OK);
  link_flush(one.link);
  run_until(a->status == 200);
  ck_assert(!a->accept);
  fields_clear(&f);
}
END_TEST

START_TEST(bytes_before_the_websocket_is_open_wait_for_it)
{
  struct answer *a = request_websocket();
  put(a, "early", 5, true);
  run_until(tunnel_stream_queued(a->at) == 0);
  struct answer *other = get(PUBLIC, "/robots.txt"); /* it comes behind */
  run_until(other->ended);
  ck_assert_uint_eq(one.body.len, 0);
  inside_answer(&one, 200, "sevenstep-switched", "websocket", false);
  run_until(one.ended);
  ck_assert_str_eq(buf_str(&one.body), "early");
}
END_TEST

static const struct {
  const char *protocol, *version, *name, *value;
  int status;
} no_websocket[] = {
    {"chat", "13", NULL, NULL, 501},
    {"websocket", "8", NULL, NULL, 426},
    {"websocket", NULL, NULL, NULL, 400},
    {"websocket", "13", "content-length", "1", 400},
};

START_TEST(extended_connect_that_is_no_websocket_is_refused)
{
  inside_dial(&one, "connector-1");
  open_browser(PUBLIC);
  struct answer *a = ask_websocket(no_websocket[_i].protocol, no_websocket[_i].version, no_websocket[_i].name,
                                   no_websocket[_i].value);
  run_until(a->ended);
  ck_assert_int_eq(a->status, no_websocket[_i].status);
  ck_assert_int_eq(one.requests, 0);
}
END_TEST

/* What the application says, and what the user is told: 2xx would say that a WebSocket is open. */
static const int unswitched[][2] = {{200, 501}, {204, 501}, {302, 302}, {403, 403}};

START_TEST(application_that_does_not_switch_opens_nothing)
{
  struct answer *a = request_websocket();
  put(a, "early", 5, false);
  inside_answer(&one, unswitched[_i][0], NULL, NULL, true);
  run_until(a->ended);
  ck_assert_int_eq(a->status, unswitched[_i][1]);
  ck_assert_uint_eq(cloud->counters.websockets, 0);
  pass(6);
  run_until(a->closed && !one.stream);
  ck_assert_uint_eq(one.body.len, 0);
}
END_TEST

START_TEST(websocket_that_is_broken_off_is_cancelled_at_the_other_end)
{
  struct answer *a = open_websocket();
  if (_i) {
    tunnel_stream_reset(a->at, TUNNEL_CANCEL);
    link_flush(browser.link);
    run_until(one.lost == 1);
  } else {
    tunnel_stream_reset(one.stream, TUNNEL_CANCEL);
    one.stream = NULL;
    link_flush(one.link);
    run_until(a->closed);
    ck_assert_int_eq(a->failure.err, ERR_CLOSED); /* CANCEL (RFC 8441 5) */
  }
  ck_assert_uint_eq(cloud->counters.open_websockets, 0);
}
END_TEST

static TCase *tests_of(Suite *suite, const char *name)
{
  TCase *c = tcase_create(name);
  tcase_set_timeout(c, 60);
  tcase_add_unchecked_fixture(c, front_pki, front_pki_remove);
  tcase_add_checked_fixture(c, set_up, tear_down);
  suite_add_tcase(suite, c);
  return c;
}

#define COUNT(a) (int)(sizeof(a) / sizeof *(a))

int main(void)
{
  Suite *suite = suite_create("h2");
  TCase *c = tests_of(suite, "life");
  tcase_add_test(c, request_reaches_the_application_and_its_answer_comes_back);
  tcase_add_test(c, upload_arrives_whole_and_trailers_come_back);
  tcase_add_test(c, expect_is_answered_and_interim_answers_pass);
  tcase_add_loop_test(c, answer_without_a_body_has_none, 0, COUNT(bodiless));
  tcase_add_test(c, crumbs_of_cookies_are_joined_and_ours_stay_outside);
  tcase_add_test(c, streams_are_answered_in_any_order);
  tcase_add_test(c, stream_that_is_not_read_stops_no_other);
  tcase_add_test(c, upload_that_the_application_does_not_read_waits_alone);
  tcase_add_test(c, answer_before_the_body_refuses_the_rest_without_an_error);
  tcase_add_test(c, request_that_is_broken_off_ends_the_tunnel_stream_alone);
  tcase_add_test(c, connection_that_is_lost_ends_all_its_requests);
  tcase_add_test(c, connector_that_dies_within_an_answer_resets_the_stream);
  tcase_add_test(c, connector_that_does_not_answer_is_a_timeout);
  tcase_add_test(c, upload_that_stops_is_reset);
  tcase_add_test(c, connection_that_idles_is_told_and_closed);
  tcase_add_test(c, shutdown_is_told_and_what_is_under_way_goes_on);
  tcase_add_test(c, shutdown_answers_what_was_on_its_way_and_ends_who_asks_for_nothing);
  tcase_add_test(c, shutdown_ends_the_connection_a_round_trip_after_its_notice);
  tcase_add_test(c, shutdown_without_a_connection_is_over_at_once);
  c = tests_of(suite, "rules");
  tcase_add_test(c, host_of_another_application_than_the_connection_is_misdirected);
  tcase_add_loop_test(c, request_that_breaks_a_rule_of_http_is_answered, 0, COUNT(refused));
  tcase_add_loop_test(c, request_that_breaks_http2_is_reset, 0, COUNT(malformed));
  tcase_add_test(c, target_over_its_limit_is_told);
  tcase_add_test(c, fields_over_their_number_are_told);
  tcase_add_test(c, head_over_its_size_is_told);
  tcase_add_loop_test(c, flood_is_sent_away_calmly, 0, FLOODS);
  tcase_add_test(c, continuations_without_end_are_cut_off);
  tcase_add_test(c, head_that_comes_too_slowly_is_cut_off);
  tcase_add_test(c, bytes_that_are_no_http2_are_refused);
  c = tests_of(suite, "websocket");
  tcase_add_test(c, websocket_carries_bytes_both_ways_until_both_have_ended);
  tcase_add_test(c, websocket_has_neither_key_nor_accept);
  tcase_add_test(c, bytes_before_the_websocket_is_open_wait_for_it);
  tcase_add_loop_test(c, extended_connect_that_is_no_websocket_is_refused, 0, COUNT(no_websocket));
  tcase_add_loop_test(c, application_that_does_not_switch_opens_nothing, 0, COUNT(unswitched));
  tcase_add_loop_test(c, websocket_that_is_broken_off_is_cancelled_at_the_other_end, 0, 2);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_ENV);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed ? 1 : 0;
}
