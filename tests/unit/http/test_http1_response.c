#include "codec.h"

#include <stdlib.h>

#define OK     "HTTP/1.1 200 OK\r\n"
#define CHUNKS OK "Transfer-Encoding: chunked\r\n\r\n"
#define EARLY  "the connection was closed in the middle of the message"

/* X(case, reason, answer): all of them are backend_protocol, a 502 to the user. */
#define REFUSALS(X)                                                                                          \
  X(other_protocol, "the answer does not begin with HTTP/1.", "SSH-2.0-x\r\n")                               \
  X(leading_crlf, "the answer does not begin with HTTP/1.", "\r\n" OK "\r\n")                                \
  X(version_2, "the answer does not begin with HTTP/1.", "HTTP/2 200 OK\r\n\r\n")                            \
  X(version_1_2, "neither HTTP/1.0 nor HTTP/1.1", "HTTP/1.2 200 OK\r\n\r\n")                                 \
  X(version_two_digits, "neither HTTP/1.0 nor HTTP/1.1", "HTTP/1.10 200 OK\r\n\r\n")                         \
  X(status_two_digits, "the status is not three digits", "HTTP/1.1 20\r\n\r\n")                              \
  X(status_four_digits, "the status is not between 100 and 599", "HTTP/1.1 2000 OK\r\n\r\n")                 \
  X(status_not_number, "the status is not three digits", "HTTP/1.1 2x0 OK\r\n\r\n")                          \
  X(status_099, "the status is not between 100 and 599", "HTTP/1.1 099 OK\r\n\r\n")                          \
  X(status_600, "the status is not between 100 and 599", "HTTP/1.1 600 OK\r\n\r\n")                          \
  X(reason_control, "a control character in the reason", "HTTP/1.1 200 O\x01K\r\n\r\n")                      \
  X(reason_bare_cr, "a control character in the reason", "HTTP/1.1 200 O\rK\r\n\r\n")                        \
  X(line_bare_lf, "LF without CR in the header block", "HTTP/1.1 200 OK\n\r\n")                              \
  X(field_bare_lf, "LF without CR in the header block", OK "X: 1\n\r\n")                                     \
  X(field_bare_cr, "a control character in a field value", OK "X: 1\rSet-Cookie: a=b\r\n\r\n")               \
  X(field_nul, "a control character in a field value", OK "X: \0\r\n\r\n")                                   \
  X(field_folded, "a folded header line (obs-fold)", OK "X: 1\r\n 2\r\n\r\n")                                \
  X(field_space_before_colon, "white space between field name and colon", OK "X : 1\r\n\r\n")                \
  X(field_name_empty, "an empty field name", OK ": 1\r\n\r\n")                                               \
  X(field_without_colon, "a header line without a colon", OK "X\r\n\r\n")                                    \
  X(length_and_coding, "both Content-Length and Transfer-Encoding",                                          \
    OK "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")                                   \
  X(length_twice_differing, "Content-Length is malformed, or two of them differ",                            \
    OK "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab")                                                   \
  X(length_list_differing, "Content-Length is malformed, or two of them differ",                             \
    OK "Content-Length: 1, 2\r\n\r\nab")                                                                     \
  X(length_list_empty_member, "Content-Length is malformed, or two of them differ",                          \
    OK "Content-Length: 1,\r\n\r\na")                                                                        \
  X(length_minus, "Content-Length is malformed, or two of them differ", OK "Content-Length: -1\r\n\r\n")     \
  X(length_overflow, "Content-Length is malformed, or two of them differ",                                   \
    OK "Content-Length: 18446744073709551617\r\n\r\n")                                                       \
  X(coding_unknown, "a transfer coding other than chunked", OK "Transfer-Encoding: gzip, chunked\r\n\r\n")   \
  X(coding_twice, "more than one Transfer-Encoding",                                                         \
    OK "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")                          \
  X(coding_http10, "Transfer-Encoding in an HTTP/1.0 message",                                               \
    "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")                                        \
  X(chunk_size_junk, "junk behind the chunk size", CHUNKS "1x\r\na\r\n0\r\n\r\n")                            \
  X(chunk_data_too_long, "the chunk is longer than its size", CHUNKS "1\r\nab\r\n0\r\n\r\n")                 \
  X(trailer_set_cookie, "a field that is not allowed in trailers", CHUNKS "0\r\nSet-Cookie: a=b\r\n\r\n")    \
  X(trailer_authenticate, "a field that is not allowed in trailers",                                         \
    CHUNKS "0\r\nWWW-Authenticate: Negotiate\r\n\r\n")                                                       \
  X(truncated_head, EARLY, OK "X: 1\r\n")                                                                    \
  X(truncated_length, EARLY, OK "Content-Length: 5\r\n\r\nhell")                                             \
  X(truncated_chunk, EARLY, CHUNKS "5\r\nhell")                                                              \
  X(truncated_between_chunks, EARLY, CHUNKS "5\r\nhello\r\n")                                                \
  X(truncated_last_chunk, EARLY, CHUNKS "5\r\nhello\r\n0\r\n")                                               \
  X(truncated_behind_interim, EARLY, "HTTP/1.1 100 Continue\r\n\r\n")

#define AS_TEST(name, why, text)                                                                             \
  START_TEST(parse_##name##_refused)                                                                         \
  {                                                                                                          \
    assert_refused(&(struct input){HTTP1_RESPONSE, NULL, false, text, sizeof(text) - 1}, "backend_protocol", \
                   why);                                                                                     \
  }                                                                                                          \
  END_TEST
REFUSALS(AS_TEST)

START_TEST(parse_interim_without_end_refused)
{
  struct buf text;
  buf_init(&text, 1 << 16);
  for (int i = 0; i < 33; i++)
    ck_assert_int_eq(buf_puts(&text, "HTTP/1.1 103 Early Hints\r\n\r\n"), 0);
  assert_refused(&(struct input){HTTP1_RESPONSE, NULL, false, (char *)text.data, text.len},
                 "backend_protocol", "too many 1xx answers");
  buf_clear(&text);
}
END_TEST

START_TEST(parse_head_over_limit_refused)
{
  const struct http1_limits small = {.target = 8, .head = 64, .fields = 9, .chunk_ext = 9};
  const char *text = OK "X: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n\r\n";
  assert_refused(&(struct input){HTTP1_RESPONSE, &small, false, text, strlen(text)}, "backend_protocol",
                 "the header block is larger than allowed");
}
END_TEST

/* -- what is accepted ------------------------------------------------------------------------------------ */

static void accepted(const char *text, const char *want)
{
  assert_story(&(struct input){HTTP1_RESPONSE, NULL, false, text, strlen(text)}, want);
}

START_TEST(parse_length_accepted)
{
  accepted(OK "Content-Length: 5\r\nX: \r\n\r\nhello",
           "\nhead 1.1   @ 200 OK body=1:5 keep=1 upgrade=0 expect=0 abs=00\nfield Content-Length=5\nfield X="
           "\ndata hello\nend\nidle");
}
END_TEST

START_TEST(parse_length_zero_ends)
{
  accepted(OK "Content-Length: 0\r\n\r\n", "\nhead 1.1   @ 200 OK body=1:0 keep=1 upgrade=0 expect=0 abs=00"
                                           "\nfield Content-Length=0\ndata \nend\nidle");
}
END_TEST

START_TEST(parse_length_repeated_same_becomes_one)
{
  accepted(
      OK "Content-Length: 2, 2\r\nContent-Length: 2\r\nX: 1\r\n\r\nab",
      "\nhead 1.1   @ 200 OK body=1:2 keep=1 upgrade=0 expect=0 abs=00\nfield X=1\nfield Content-Length=2"
      "\ndata ab\nend\nidle");
}
END_TEST

START_TEST(parse_chunked_with_trailer_accepted)
{
  accepted(CHUNKS "3;x\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n",
           "\nhead 1.1   @ 200 OK body=2:0 keep=1 upgrade=0 expect=0 abs=00\nfield Transfer-Encoding=chunked"
           "\ndata abc\ntrailer X-Sum=1\nend\nidle");
}
END_TEST

START_TEST(parse_until_close_ends_by_close)
{
  accepted(OK "\r\nrest of it",
           "\nhead 1.1   @ 200 OK body=3:0 keep=0 upgrade=0 expect=0 abs=00\ndata rest of it\nend");
}
END_TEST

START_TEST(parse_http10_until_close_accepted)
{
  accepted("HTTP/1.0 200\r\n\r\nx",
           "\nhead 1.0   @ 200  body=3:0 keep=0 upgrade=0 expect=0 abs=00\ndata x\nend");
}
END_TEST

START_TEST(parse_connection_close_noted)
{
  accepted(OK "Content-Length: 1\r\nConnection: close\r\n\r\na",
           "\nhead 1.1   @ 200 OK body=1:1 keep=0 upgrade=0 expect=0 abs=00\nfield Content-Length=1"
           "\nfield Connection=close\ndata a\nend");
}
END_TEST

START_TEST(parse_interim_then_final_accepted)
{
  accepted("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" OK
           "Content-Length: 1\r\n\r\na",
           "\nhead 1.1   @ 100 Continue body=0:0 keep=1 upgrade=0 expect=0 abs=00\ndata "
           "\nhead 1.1   @ 103 Early Hints body=0:0 keep=1 upgrade=0 expect=0 abs=00\nfield Link=a\ndata "
           "\nhead 1.1   @ 200 OK body=1:1 keep=1 upgrade=0 expect=0 abs=00\nfield Content-Length=1\ndata "
           "a\nend\nidle");
}
END_TEST

START_TEST(parse_204_has_no_body_and_no_length)
{
  accepted("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\nX: 1\r\n\r\n" OK "Content-Length: 1\r\n\r\na",
           "\nhead 1.1   @ 204 No Content body=0:0 keep=1 upgrade=0 expect=0 abs=00\nfield X=1\ndata \nend"
           "\nhead 1.1   @ 200 OK body=1:1 keep=1 upgrade=0 expect=0 abs=00\nfield Content-Length=1\ndata "
           "a\nend\nidle");
}
END_TEST

START_TEST(parse_204_chunked_has_no_body)
{
  /* What follows is surplus: the next bytes are not an answer. */
  accepted("HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
           "\nhead 1.1   @ 204 No Content body=0:0 keep=1 upgrade=0 expect=0 abs=00\ndata \nend"
           "\nerror backend_protocol the answer does not begin with HTTP/1.");
}
END_TEST

START_TEST(parse_304_has_no_body_and_keeps_length)
{
  accepted("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
           "\nhead 1.1   @ 304 Not Modified body=0:0 keep=1 upgrade=0 expect=0 abs=00\nfield "
           "Content-Length=5\ndata "
           "\nend\nidle");
}
END_TEST

START_TEST(parse_101_ends_with_the_rest_unconsumed)
{
  accepted("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\x81\x01x",
           "\nhead 1.1   @ 101 Switching Protocols body=0:0 keep=1 upgrade=1 expect=0 abs=00\nfield "
           "Upgrade=websocket"
           "\nfield Connection=Upgrade\ndata \nend");
}
END_TEST

static void accepted_head(const char *text, const char *want)
{
  assert_story(&(struct input){HTTP1_RESPONSE, NULL, true, text, strlen(text)}, want);
}

START_TEST(parse_answer_to_head_has_no_body)
{
  accepted_head(
      OK "Content-Length: 5\r\n\r\n" CHUNKS,
      "\nhead 1.1   @ 200 OK body=0:0 keep=1 upgrade=0 expect=0 abs=00\nfield Content-Length=5\ndata \nend"
      "\nhead 1.1   @ 200 OK body=0:0 keep=1 upgrade=0 expect=0 abs=00\nfield Transfer-Encoding=chunked"
      "\ndata \nend\nidle");
}
END_TEST

START_TEST(parse_answer_to_head_without_framing_keeps_connection)
{
  accepted_head(OK "\r\n",
                "\nhead 1.1   @ 200 OK body=0:0 keep=1 upgrade=0 expect=0 abs=00\ndata \nend\nidle");
}
END_TEST

START_TEST(parse_surplus_bytes_left_unconsumed)
{
  struct http1_parser p;
  const char *text = OK "Content-Length: 2\r\n\r\nabSURPLUS";
  const uint8_t *data = (const uint8_t *)text, *at;
  size_t n = strlen(text), used, piece;
  http1_parser_init(&p, HTTP1_RESPONSE, NULL);
  ck_assert_int_eq(http1_parse(&p, data, n, &used, &at, &piece), HTTP1_HEAD);
  data += used, n -= used;
  ck_assert_int_eq(http1_parse(&p, data, n, &used, &at, &piece), HTTP1_DATA);
  ck_assert_uint_eq(piece, 2);
  data += used, n -= used;
  ck_assert_int_eq(http1_parse(&p, data, n, &used, &at, &piece), HTTP1_END);
  ck_assert_uint_eq(used, 0);
  ck_assert_uint_eq(n, 7);
  http1_parser_clear(&p);
}
END_TEST

START_TEST(parse_eof_before_any_byte_is_no_error)
{
  struct http1_parser p;
  http1_parser_init(&p, HTTP1_RESPONSE, NULL);
  ck_assert(!http1_parser_started(&p));
  ck_assert_int_eq(http1_parse_eof(&p), HTTP1_NEED_MORE);
  http1_parser_clear(&p);
}
END_TEST

START_TEST(parse_eof_with_end_pending_is_end)
{
  struct http1_parser p;
  const uint8_t *at;
  size_t used, n;
  http1_parser_init(&p, HTTP1_RESPONSE, NULL);
  const char *text = OK "Content-Length: 0\r\n\r\n";
  ck_assert_int_eq(http1_parse(&p, (const uint8_t *)text, strlen(text), &used, &at, &n), HTTP1_HEAD);
  ck_assert_int_eq(http1_parse_eof(&p), HTTP1_END);
  http1_parser_clear(&p);
}
END_TEST

#define ADD(name, why, text) tcase_add_test(refusals, parse_##name##_refused);

int main(void)
{
  Suite *s = suite_create("http1_response");
  TCase *refusals = tcase_create("refusals"), *good = tcase_create("accepted");
  REFUSALS(ADD)
  tcase_add_test(refusals, parse_interim_without_end_refused);
  tcase_add_test(refusals, parse_head_over_limit_refused);
  tcase_add_test(good, parse_length_accepted);
  tcase_add_test(good, parse_length_zero_ends);
  tcase_add_test(good, parse_length_repeated_same_becomes_one);
  tcase_add_test(good, parse_chunked_with_trailer_accepted);
  tcase_add_test(good, parse_until_close_ends_by_close);
  tcase_add_test(good, parse_http10_until_close_accepted);
  tcase_add_test(good, parse_connection_close_noted);
  tcase_add_test(good, parse_interim_then_final_accepted);
  tcase_add_test(good, parse_204_has_no_body_and_no_length);
  tcase_add_test(good, parse_204_chunked_has_no_body);
  tcase_add_test(good, parse_304_has_no_body_and_keeps_length);
  tcase_add_test(good, parse_101_ends_with_the_rest_unconsumed);
  tcase_add_test(good, parse_answer_to_head_has_no_body);
  tcase_add_test(good, parse_answer_to_head_without_framing_keeps_connection);
  tcase_add_test(good, parse_surplus_bytes_left_unconsumed);
  tcase_add_test(good, parse_eof_before_any_byte_is_no_error);
  tcase_add_test(good, parse_eof_with_end_pending_is_end);
  suite_add_tcase(s, refusals);
  suite_add_tcase(s, good);
  return run(s);
}
