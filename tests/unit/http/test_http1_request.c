#include "codec.h"

#include <stdlib.h>

#define BAD    "http_bad_request"
#define GET    "GET / HTTP/1.1\r\nHost: a\r\n"
#define POST   "POST / HTTP/1.1\r\nHost: a\r\n"
#define CHUNKS POST "Transfer-Encoding: chunked\r\n\r\n"
#define A64    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* X(case, error, reason, input): every way in which a request is refused. docs/http.md lists them. */
#define REFUSALS(X)                                                                                          \
  /* start line */                                                                                           \
  X(first_byte_control, BAD, "the first byte cannot begin a method", "\x16\x03\x01\x02")                     \
  X(first_byte_space, BAD, "the first byte cannot begin a method", " " GET "\r\n")                           \
  X(empty_lines_many, BAD, "too many empty lines before the request", "\r\n\r\n\r\n\r\n\r\n" GET "\r\n")     \
  X(empty_line_bare_cr, BAD, "CR without LF before the request line", "\r" GET "\r\n")                       \
  X(empty_line_bare_lf, BAD, "the first byte cannot begin a method", "\n" GET "\r\n")                        \
  X(method_not_token, BAD, "the method is not a token", "GE(T / HTTP/1.1\r\nHost: a\r\n\r\n")                \
  X(method_too_long, "http_not_implemented", "the method's name is too long",                                \
    A64 " / HTTP/1.1\r\nHost: a\r\n\r\n")                                                                    \
  X(method_connect, "http_method_refused", "CONNECT", "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n")       \
  X(line_tab, BAD, "the method is not a token", "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n")                        \
  X(line_two_spaces, BAD, "more than one space, or no target, in the request line",                          \
    "GET  / HTTP/1.1\r\nHost: a\r\n\r\n")                                                                    \
  X(line_two_spaces_behind_target, BAD, "no HTTP version behind the target",                                 \
    "GET /  HTTP/1.1\r\nHost: a\r\n\r\n")                                                                    \
  X(line_trailing_space, BAD, "the HTTP version is malformed", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n")         \
  X(line_without_version, BAD, "no HTTP version behind the target", "GET /\r\nHost: a\r\n\r\n")              \
  X(line_bare_lf, BAD, "LF without CR in the header block", "GET / HTTP/1.1\nHost: a\r\n\r\n")               \
  X(version_lower_case, BAD, "no HTTP version behind the target", "GET / http/1.1\r\nHost: a\r\n\r\n")       \
  X(version_three_parts, BAD, "the HTTP version is malformed", "GET / HTTP/1.1.1\r\nHost: a\r\n\r\n")        \
  X(version_two_digits, BAD, "the HTTP version is malformed", "GET / HTTP/1.10\r\nHost: a\r\n\r\n")          \
  X(version_not_number, BAD, "the HTTP version is malformed", "GET / HTTP/x.y\r\nHost: a\r\n\r\n")           \
  X(version_0_9, BAD, "neither HTTP/1.0 nor HTTP/1.1", "GET / HTTP/0.9\r\nHost: a\r\n\r\n")                  \
  X(version_1_2, "http_version", "neither HTTP/1.0 nor HTTP/1.1", "GET / HTTP/1.2\r\nHost: a\r\n\r\n")       \
  X(version_2_0, "http_version", "neither HTTP/1.0 nor HTTP/1.1", "GET / HTTP/2.0\r\nHost: a\r\n\r\n")       \
  X(version_http2_preface, BAD, "the target * belongs to OPTIONS", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")       \
  /* target */                                                                                               \
  X(target_control, BAD, "a character in the target that is not allowed",                                    \
    "GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n")                                                                 \
  X(target_nul, BAD, "a character in the target that is not allowed", "GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n") \
  X(target_bare_cr, BAD, "a character in the target that is not allowed",                                    \
    "GET /\r/ HTTP/1.1\r\nHost: a\r\n\r\n")                                                                  \
  X(target_not_ascii, BAD, "a character in the target that is not allowed",                                  \
    "GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n")                                                             \
  X(target_fragment, BAD, "a character in the target that is not allowed",                                   \
    "GET /#a HTTP/1.1\r\nHost: a\r\n\r\n")                                                                   \
  X(target_relative, BAD, "the target is neither a path nor an http or https URL",                           \
    "GET a HTTP/1.1\r\nHost: a\r\n\r\n")                                                                     \
  X(target_other_scheme, BAD, "the target is neither a path nor an http or https URL",                       \
    "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n")                                                              \
  X(target_asterisk_get, BAD, "the target * belongs to OPTIONS", "GET * HTTP/1.1\r\nHost: a\r\n\r\n")        \
  X(target_userinfo, BAD, "the target's host or port is malformed",                                          \
    "GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n")                                                           \
  X(target_without_host, BAD, "the target's host or port is malformed",                                      \
    "GET http:/// HTTP/1.1\r\nHost: a\r\n\r\n")                                                              \
  X(target_port_too_large, BAD, "the target's host or port is malformed",                                    \
    "GET http://a:65536/ HTTP/1.1\r\nHost: a\r\n\r\n")                                                       \
  /* Host */                                                                                                 \
  X(host_missing, BAD, "no Host in an HTTP/1.1 request", "GET / HTTP/1.1\r\n\r\n")                           \
  X(host_twice, BAD, "more than one Host", GET "Host: a\r\n\r\n")                                            \
  X(host_twice_http10, BAD, "more than one Host", "GET / HTTP/1.0\r\nHost: a\r\nhost: b\r\n\r\n")            \
  X(host_empty, BAD, "Host is malformed", "GET / HTTP/1.1\r\nHost:\r\n\r\n")                                 \
  X(host_with_path, BAD, "Host is malformed", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n")                         \
  X(host_with_userinfo, BAD, "Host is malformed", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n")                     \
  X(host_list, BAD, "Host is malformed", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n")                             \
  X(host_with_space, BAD, "Host is malformed", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n")                        \
  X(host_port_not_number, BAD, "Host is malformed", "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n")                   \
  X(host_port_empty, BAD, "Host is malformed", "GET / HTTP/1.1\r\nHost: a:\r\n\r\n")                         \
  X(host_port_too_large, BAD, "Host is malformed", "GET / HTTP/1.1\r\nHost: a:99999\r\n\r\n")                \
  X(host_open_bracket, BAD, "Host is malformed", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n")                     \
  X(host_bad_with_absolute_target, BAD, "Host is malformed", "GET http://a/ HTTP/1.1\r\nHost: a/b\r\n\r\n")  \
  /* field lines */                                                                                          \
  X(field_bare_lf, BAD, "LF without CR in the header block", GET "X: 1\n\r\n")                               \
  X(field_end_bare_lf, BAD, "LF without CR in the header block", GET "X: 1\r\n\n")                           \
  X(field_bare_cr, BAD, "a control character in a field value", GET "X: 1\r2\r\n\r\n")                       \
  X(field_cr_cr_lf, BAD, "a control character in a field value", GET "X: 1\r\r\n\r\n")                       \
  X(field_nul, BAD, "a control character in a field value", GET "X: a\0b\r\n\r\n")                           \
  X(field_control, BAD, "a control character in a field value",                                              \
    GET "X: long enough for a word \x0b\r\n\r\n")                                                            \
  X(field_del, BAD, "a control character in a field value", GET "X: long enough for a word \x7f\r\n\r\n")    \
  X(field_folded, BAD, "a folded header line (obs-fold)", GET "X: 1\r\n 2\r\n\r\n")                          \
  X(field_folded_tab, BAD, "a folded header line (obs-fold)", GET "X: 1\r\n\t2\r\n\r\n")                     \
  X(field_folded_first, BAD, "a folded header line (obs-fold)", "GET / HTTP/1.1\r\n Host: a\r\n\r\n")        \
  X(field_space_before_colon, BAD, "white space between field name and colon", GET "X : 1\r\n\r\n")          \
  X(field_tab_before_colon, BAD, "white space between field name and colon", GET "X\t: 1\r\n\r\n")           \
  X(field_name_with_space, BAD, "white space between field name and colon", GET "X Y: 1\r\n\r\n")            \
  X(field_name_empty, BAD, "an empty field name", GET ": 1\r\n\r\n")                                         \
  X(field_name_control, BAD, "a character in a field name that is not allowed", GET "X\x01: 1\r\n\r\n")      \
  X(field_name_nul, BAD, "a character in a field name that is not allowed", GET "X\0: 1\r\n\r\n")            \
  X(field_name_delimiter, BAD, "a character in a field name that is not allowed", GET "X(: 1\r\n\r\n")       \
  X(field_name_not_ascii, BAD, "a character in a field name that is not allowed", GET "\xc3: 1\r\n\r\n")     \
  X(field_without_colon, BAD, "a header line without a colon", GET "X\r\n\r\n")                              \
  X(authorization_twice, BAD, "more than one Authorization",                                                 \
    GET "Authorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n")                                        \
  /* Content-Length */                                                                                       \
  X(length_and_coding, BAD, "both Content-Length and Transfer-Encoding",                                     \
    POST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")                                 \
  X(coding_and_length, BAD, "both Content-Length and Transfer-Encoding",                                     \
    POST "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n")                                 \
  X(length_twice_same, BAD, "more than one Content-Length",                                                  \
    POST "Content-Length: 1\r\nContent-Length: 1\r\n\r\na")                                                  \
  X(length_twice_differing, BAD, "more than one Content-Length",                                             \
    POST "Content-Length: 1\r\nContent-Length: 2\r\n\r\na")                                                  \
  X(length_list, BAD, "Content-Length is not a decimal number", POST "Content-Length: 1, 1\r\n\r\na")        \
  X(length_empty, BAD, "Content-Length is not a decimal number", POST "Content-Length:\r\n\r\n")             \
  X(length_plus, BAD, "Content-Length is not a decimal number", POST "Content-Length: +1\r\n\r\na")          \
  X(length_minus, BAD, "Content-Length is not a decimal number", POST "Content-Length: -1\r\n\r\na")         \
  X(length_hex, BAD, "Content-Length is not a decimal number", POST "Content-Length: 0x1\r\n\r\na")          \
  X(length_inner_space, BAD, "Content-Length is not a decimal number", POST "Content-Length: 1 2\r\n\r\na")  \
  X(length_fraction, BAD, "Content-Length is not a decimal number", POST "Content-Length: 1.0\r\n\r\na")     \
  X(length_over_63_bits, BAD, "Content-Length is not a decimal number",                                      \
    POST "Content-Length: 9223372036854775808\r\n\r\n")                                                      \
  X(length_over_64_bits, BAD, "Content-Length is not a decimal number",                                      \
    POST "Content-Length: 18446744073709551617\r\n\r\n")                                                     \
  /* Transfer-Encoding */                                                                                    \
  X(coding_unknown, "http_not_implemented", "a transfer coding other than chunked",                          \
    POST "Transfer-Encoding: gzip\r\n\r\n")                                                                  \
  X(coding_unknown_then_chunked, "http_not_implemented", "a transfer coding other than chunked",             \
    POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n")                                                \
  X(coding_identity, "http_not_implemented", "a transfer coding other than chunked",                         \
    POST "Transfer-Encoding: identity\r\n\r\n")                                                              \
  X(coding_like_chunked, "http_not_implemented", "a transfer coding other than chunked",                     \
    POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n")                                                     \
  X(coding_with_parameter, "http_not_implemented", "a transfer coding other than chunked",                   \
    POST "Transfer-Encoding: chunked;a=b\r\n\r\n0\r\n\r\n")                                                  \
  X(coding_chunked_not_last, BAD, "Transfer-Encoding: chunked must come last, and once",                     \
    POST "Transfer-Encoding: chunked, gzip\r\n\r\n")                                                         \
  X(coding_chunked_twice, BAD, "Transfer-Encoding: chunked must come last, and once",                        \
    POST "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n")                                             \
  X(coding_empty_member, BAD, "Transfer-Encoding: chunked must come last, and once",                         \
    POST "Transfer-Encoding: chunked,\r\n\r\n0\r\n\r\n")                                                     \
  X(coding_empty, BAD, "Transfer-Encoding: chunked must come last, and once",                                \
    POST "Transfer-Encoding:\r\n\r\n")                                                                       \
  X(coding_two_fields, BAD, "more than one Transfer-Encoding",                                               \
    POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")                        \
  X(coding_vertical_tab, BAD, "a control character in a field value",                                        \
    POST "Transfer-Encoding: \x0b"                                                                           \
         "chunked\r\n\r\n0\r\n\r\n")                                                                         \
  X(coding_http10, BAD, "Transfer-Encoding in an HTTP/1.0 message",                                          \
    "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")                             \
  /* chunks */                                                                                               \
  X(chunk_size_not_hex, BAD, "the chunk size is not a hexadecimal number", CHUNKS "x\r\n")                   \
  X(chunk_size_empty, BAD, "the chunk size is not a hexadecimal number", CHUNKS "\r\n")                      \
  X(chunk_size_minus, BAD, "the chunk size is not a hexadecimal number", CHUNKS "-1\r\n")                    \
  X(chunk_size_0x, BAD, "junk behind the chunk size", CHUNKS "0x1\r\na\r\n0\r\n\r\n")                        \
  X(chunk_size_leading_space, BAD, "the chunk size is not a hexadecimal number", CHUNKS " 1\r\na\r\n")       \
  X(chunk_size_trailing_space, BAD, "junk behind the chunk size", CHUNKS "1 \r\na\r\n0\r\n\r\n")             \
  X(chunk_size_underscore, BAD, "junk behind the chunk size", CHUNKS "1_0\r\n")                              \
  X(chunk_size_overflow, BAD, "the chunk size is too large", CHUNKS "ffffffffffffffff\r\n")                  \
  X(chunk_size_overflow_by_zeros, BAD, "the chunk size has too many digits", CHUNKS "00000000000000001\r\n") \
  X(chunk_size_bare_lf, BAD, "junk behind the chunk size", CHUNKS "1\na\r\n0\r\n\r\n")                       \
  X(chunk_size_bare_cr, BAD, "CR without LF behind the chunk size", CHUNKS "1\ra\r\n0\r\n\r\n")              \
  X(chunk_ext_bare_lf, BAD, "a control character in a chunk extension", CHUNKS "1;a\na\r\n0\r\n\r\n")        \
  X(chunk_ext_nul, BAD, "a control character in a chunk extension", CHUNKS "1;a\0\r\na\r\n0\r\n\r\n")        \
  X(chunk_data_too_long, BAD, "the chunk is longer than its size", CHUNKS "1\r\nab\r\n0\r\n\r\n")            \
  X(chunk_data_bare_lf, BAD, "the chunk is longer than its size", CHUNKS "1\r\na\n0\r\n\r\n")                \
  X(chunk_data_bare_cr, BAD, "CR without LF behind the chunk", CHUNKS "1\r\na\r0\r\n\r\n")                   \
  /* trailers */                                                                                             \
  X(trailer_content_length, BAD, "a field that is not allowed in trailers",                                  \
    CHUNKS "0\r\nContent-Length: 5\r\n\r\n")                                                                 \
  X(trailer_transfer_encoding, BAD, "a field that is not allowed in trailers",                               \
    CHUNKS "0\r\ntransfer-encoding: chunked\r\n\r\n")                                                        \
  X(trailer_host, BAD, "a field that is not allowed in trailers", CHUNKS "0\r\nHost: b\r\n\r\n")             \
  X(trailer_authorization, BAD, "a field that is not allowed in trailers",                                   \
    CHUNKS "0\r\nAuthorization: Bearer a\r\n\r\n")                                                           \
  X(trailer_cookie, BAD, "a field that is not allowed in trailers", CHUNKS "0\r\nCookie: a=b\r\n\r\n")       \
  X(trailer_forwarded, BAD, "a field that is not allowed in trailers",                                       \
    CHUNKS "0\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n")                                                          \
  X(trailer_folded, BAD, "a folded header line (obs-fold)", CHUNKS "0\r\nX: 1\r\n 2\r\n\r\n")                \
  X(trailer_space_before_colon, BAD, "white space between field name and colon",                             \
    CHUNKS "0\r\nContent-Length : 5\r\n\r\n")                                                                \
  X(trailer_bare_lf, BAD, "LF without CR in the trailers", CHUNKS "0\r\nX: 1\n\r\n")                         \
  X(trailer_end_bare_lf, BAD, "LF without CR in the trailers", CHUNKS "0\r\n\n")                             \
  X(trailer_control, BAD, "a control character in a field value", CHUNKS "0\r\nX: \x01\r\n\r\n")             \
  /* the end */                                                                                              \
  X(truncated_head, BAD, "the connection was closed in the middle of the message", GET)                      \
  X(truncated_body, BAD, "the connection was closed in the middle of the message",                           \
    POST "Content-Length: 3\r\n\r\nab")                                                                      \
  X(truncated_chunk, BAD, "the connection was closed in the middle of the message", CHUNKS "3\r\nab")        \
  X(truncated_trailer, BAD, "the connection was closed in the middle of the message", CHUNKS "0\r\nX: 1\r\n")

#define AS_TEST(name, error, why, text)                                                                      \
  START_TEST(parse_##name##_refused)                                                                         \
  {                                                                                                          \
    assert_refused(&(struct input){HTTP1_REQUEST, NULL, false, text, sizeof(text) - 1}, error, why);         \
  }                                                                                                          \
  END_TEST
REFUSALS(AS_TEST)

/* -- limits ---------------------------------------------------------------------------------------------- */

static const struct http1_limits small = {.target = 20, .head = 400, .fields = 3, .chunk_ext = 20};

static void refused_small(const char *text, const char *error, const char *why)
{
  assert_refused(&(struct input){HTTP1_REQUEST, &small, false, text, strlen(text)}, error, why);
}

START_TEST(parse_target_over_limit_refused)
{
  refused_small("GET /aaaaaaaaaaaaaaaaaaaa HTTP/1.1\r\nHost: a\r\n\r\n", "http_uri_too_long",
                "the request target is longer than allowed");
}
END_TEST

START_TEST(parse_url_over_limit_refused)
{
  refused_small("GET http://aaaaaaaaaaaaaa/ HTTP/1.1\r\nHost: a\r\n\r\n", "http_uri_too_long",
                "the request target is longer than allowed");
}
END_TEST

START_TEST(parse_request_line_without_end_refused)
{
  refused_small("GET /" A64 A64, "http_uri_too_long", "the request line is longer than allowed");
}
END_TEST

START_TEST(parse_head_over_limit_refused)
{
  refused_small(GET "X: " A64 A64 A64 A64 A64 A64 "\r\n\r\n", "http_headers_too_large",
                "the header block is larger than allowed");
}
END_TEST

START_TEST(parse_head_without_end_refused)
{
  refused_small(GET "X: " A64 A64 A64 A64 A64 A64 A64, "http_headers_too_large",
                "the header block is larger than allowed");
}
END_TEST

START_TEST(parse_fields_over_limit_refused)
{
  refused_small(GET "A: 1\r\nB: 2\r\nC: 3\r\n\r\n", "http_headers_too_large", "more fields than allowed");
}
END_TEST

START_TEST(parse_chunk_ext_over_limit_refused)
{
  refused_small(CHUNKS "1;aaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\na\r\n0\r\n\r\n", BAD,
                "the chunk extensions are larger than allowed");
}
END_TEST

START_TEST(parse_chunk_ext_over_limit_in_sum_refused)
{
  refused_small(CHUNKS "1;aaaaaaaaa\r\na\r\n1;aaaaaaaaa\r\na\r\n1;a\r\na\r\n0\r\n\r\n", BAD,
                "the chunk extensions are larger than allowed");
}
END_TEST

START_TEST(parse_chunk_white_space_over_limit_refused)
{
  refused_small(CHUNKS "1                         ;a\r\na\r\n0\r\n\r\n", BAD,
                "the chunk extensions are larger than allowed");
}
END_TEST

START_TEST(parse_trailers_over_limit_refused)
{
  refused_small(CHUNKS "0\r\nA: 1\r\nB: 2\r\nC: 345678901\r\n\r\n", BAD,
                "the trailers are larger than allowed");
}
END_TEST

START_TEST(parse_at_the_limits_accepted)
{
  const char *data = "GET /aaaaaaaaaaaaaaaaaaa HTTP/1.1\r\nHost: a\r\nB: 2\r\nC: 3\r\n\r\n";
  char *text = story(&(struct input){HTTP1_REQUEST, &small, false, data, strlen(data)});
  ck_assert_ptr_nonnull(strstr(text, "\nend\nidle"));
  free(text);
}
END_TEST

/* -- what is accepted ------------------------------------------------------------------------------------ */

static void accepted(const char *text, const char *want)
{
  assert_story(&(struct input){HTTP1_REQUEST, NULL, false, text, strlen(text)}, want);
}

START_TEST(parse_get_accepted)
{
  accepted(
      "GET /a/../b?c=%41|d HTTP/1.1\r\nHost: Ex.Test:8443\r\nX:  two words\t \r\nEmpty:\r\nHigh: "
      "\xc3\xa4\r\n\r\n",
      "\nhead 1.1 GET /a/../b?c=%41|d @ex.test:8443 0  body=0:0 keep=1 upgrade=0 expect=0 abs=00"
      "\nfield Host=Ex.Test:8443\nfield X=two words\nfield Empty=\nfield High=\xc3\xa4\ndata \nend\nidle");
}
END_TEST

START_TEST(parse_leading_crlf_accepted)
{
  accepted("\r\n\r\n" GET "\r\n", "\nhead 1.1 GET / @a 0  body=0:0 keep=1 upgrade=0 expect=0 abs=00"
                                  "\nfield Host=a\ndata \nend\nidle");
}
END_TEST

START_TEST(parse_only_crlf_idle)
{
  accepted("\r\n", "\nidle");
}
END_TEST

START_TEST(parse_pipelined_in_order)
{
  accepted(
      POST "Content-Length: 2\r\n\r\nab"
           "HEAD /2 HTTP/1.1\r\nHost: b\r\n\r\n",
      "\nhead 1.1 POST / @a 0  body=1:2 keep=1 upgrade=0 expect=0 abs=00\nfield Host=a\nfield "
      "Content-Length=2"
      "\ndata ab\nend\nhead 1.1 HEAD /2 @b 0  body=0:0 keep=1 upgrade=0 expect=0 abs=00\nfield Host=b\ndata "
      "\nend\nidle");
}
END_TEST

START_TEST(parse_chunked_with_extensions_and_trailers_accepted)
{
  accepted(
      "POST / HTTP/1.1\r\nHost: a\r\ntransfer-encoding: CHUNKED\r\n\r\n"
      "5;a=b;c=\"d;e\"\r\nhello\r\n0A \t;f\r\n, world...\r\n000\r\nX-Sum: 1\r\nY:2\r\n\r\n",
      "\nhead 1.1 POST / @a 0  body=2:0 keep=1 upgrade=0 expect=0 abs=00\nfield Host=a"
      "\nfield transfer-encoding=CHUNKED\ndata hello, world...\ntrailer X-Sum=1\ntrailer Y=2\nend\nidle");
}
END_TEST

START_TEST(parse_absolute_form_overrides_host)
{
  accepted("GET HTTPS://B.test:1/p?q HTTP/1.1\r\nHost: a\r\n\r\n",
           "\nhead 1.1 GET /p?q @b.test:1 0  body=0:0 keep=1 upgrade=0 expect=0 abs=01\nfield Host=a\ndata "
           "\nend\nidle");
}
END_TEST

START_TEST(parse_absolute_form_without_path_is_root)
{
  accepted(
      "GET http://b?q HTTP/1.1\r\nHost: a\r\n\r\n",
      "\nhead 1.1 GET /?q @b 0  body=0:0 keep=1 upgrade=0 expect=0 abs=10\nfield Host=a\ndata \nend\nidle");
}
END_TEST

START_TEST(parse_options_absolute_without_path_is_asterisk)
{
  accepted(
      "OPTIONS http://b HTTP/1.1\r\nHost: a\r\n\r\n",
      "\nhead 1.1 OPTIONS * @b 0  body=0:0 keep=1 upgrade=0 expect=0 abs=10\nfield Host=a\ndata \nend\nidle");
}
END_TEST

START_TEST(parse_ipv6_host_accepted)
{
  accepted(
      "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
      "\nhead 1.1 GET / @[::1]:80 0  body=0:0 keep=1 upgrade=0 expect=0 abs=00\nfield Host=[::1]:80\ndata "
      "\nend\nidle");
}
END_TEST

START_TEST(parse_http10_without_host_closes)
{
  accepted("GET / HTTP/1.0\r\n\r\n",
           "\nhead 1.0 GET / @ 0  body=0:0 keep=0 upgrade=0 expect=0 abs=00\ndata \nend");
}
END_TEST

START_TEST(parse_http10_keep_alive_persists)
{
  accepted(
      "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n",
      "\nhead 1.0 GET / @ 0  body=0:0 keep=1 upgrade=0 expect=0 abs=00\nfield Connection=Keep-Alive\ndata "
      "\nend\nidle");
}
END_TEST

START_TEST(parse_connection_close_in_list_closes)
{
  accepted(GET "Connection: foo, CLOSE\r\n\r\nrest",
           "\nhead 1.1 GET / @a 0  body=0:0 keep=0 upgrade=0 expect=0 abs=00\nfield Host=a"
           "\nfield Connection=foo, CLOSE\ndata \nend");
}
END_TEST

START_TEST(parse_expect_with_body_noted)
{
  accepted(POST "Expect: 100-Continue\r\nContent-Length: 1\r\n\r\na",
           "\nhead 1.1 POST / @a 0  body=1:1 keep=1 upgrade=0 expect=1 abs=00\nfield Host=a"
           "\nfield Expect=100-Continue\nfield Content-Length=1\ndata a\nend\nidle");
}
END_TEST

START_TEST(parse_expect_without_body_ignored)
{
  accepted(GET "Expect: 100-continue\r\nContent-Length: 0\r\n\r\n",
           "\nhead 1.1 GET / @a 0  body=0:0 keep=1 upgrade=0 expect=0 abs=00\nfield Host=a"
           "\nfield Expect=100-continue\nfield Content-Length=0\ndata \nend\nidle");
}
END_TEST

START_TEST(parse_upgrade_noted)
{
  accepted(GET "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n\x81",
           "\nhead 1.1 GET / @a 0  body=0:0 keep=1 upgrade=1 expect=0 abs=00\nfield Host=a"
           "\nfield Connection=keep-alive, Upgrade\nfield Upgrade=websocket\ndata \nend");
}
END_TEST

START_TEST(parse_upgrade_without_connection_not_noted)
{
  accepted(GET "Upgrade: websocket\r\n\r\n",
           "\nhead 1.1 GET / @a 0  body=0:0 keep=1 upgrade=0 expect=0 abs=00\nfield Host=a"
           "\nfield Upgrade=websocket\ndata \nend\nidle");
}
END_TEST

/* -- the parser itself ----------------------------------------------------------------------------------- */

START_TEST(next_keeps_memory)
{
  struct http1_parser p;
  const char *text = POST "Content-Length: 0\r\n\r\n";
  const uint8_t *at;
  size_t used, n;
  http1_parser_init(&p, HTTP1_REQUEST, NULL);
  const void *store = NULL, *target = NULL;
  for (int i = 0; i < 3; i++) {
    ck_assert_int_eq(http1_parse(&p, (const uint8_t *)text, strlen(text), &used, &at, &n), HTTP1_HEAD);
    ck_assert_uint_eq(used, strlen(text));
    if (i > 0) ck_assert(p.head.fields.store.data == store && p.head.target.data == target);
    store = p.head.fields.store.data;
    target = p.head.target.data;
    ck_assert(http1_parser_started(&p));
    ck_assert_int_eq(http1_parse(&p, NULL, 0, &used, &at, &n), HTTP1_END);
    ck_assert_int_eq(http1_parse(&p, NULL, 0, &used, &at, &n), HTTP1_END);
    http1_parser_next(&p);
    ck_assert(!http1_parser_started(&p));
  }
  http1_parser_clear(&p);
}
END_TEST

START_TEST(next_large_head_gives_memory_back)
{
  struct http1_parser p;
  struct buf text;
  const uint8_t *at;
  size_t used, n;
  buf_init(&text, 1 << 20);
  ck_assert_int_eq(buf_puts(&text, GET "X: "), 0);
  for (int i = 0; i < 40000; i++)
    ck_assert_int_eq(buf_putc(&text, 'x'), 0);
  ck_assert_int_eq(buf_puts(&text, "\r\n\r\n"), 0);
  http1_parser_init(&p, HTTP1_REQUEST, NULL);
  ck_assert_int_eq(http1_parse(&p, text.data, 100, &used, &at, &n), HTTP1_NEED_MORE);
  ck_assert_int_eq(http1_parse(&p, text.data + 100, text.len - 100, &used, &at, &n), HTTP1_HEAD);
  ck_assert_int_eq(http1_parse(&p, NULL, 0, &used, &at, &n), HTTP1_END);
  http1_parser_next(&p);
  ck_assert_uint_lt(p.line.cap + p.head.fields.store.cap, 32768);
  http1_parser_clear(&p);
  buf_clear(&text);
}
END_TEST

START_TEST(parse_after_error_stays_error)
{
  struct http1_parser p;
  const uint8_t *at;
  size_t used, n;
  http1_parser_init(&p, HTTP1_REQUEST, NULL);
  ck_assert_int_eq(http1_parse(&p, (const uint8_t *)"\n", 1, &used, &at, &n), HTTP1_ERROR);
  ck_assert_int_eq(http1_parse(&p, (const uint8_t *)GET "\r\n", 27, &used, &at, &n), HTTP1_ERROR);
  ck_assert_int_eq(http1_parse_eof(&p), HTTP1_ERROR);
  http1_parser_clear(&p);
}
END_TEST

#define ADD(name, error, why, text) tcase_add_test(refusals, parse_##name##_refused);

int main(void)
{
  Suite *s = suite_create("http1_request");
  TCase *refusals = tcase_create("refusals"), *limits = tcase_create("limits"),
        *good = tcase_create("accepted");
  REFUSALS(ADD)
  tcase_add_test(limits, parse_target_over_limit_refused);
  tcase_add_test(limits, parse_url_over_limit_refused);
  tcase_add_test(limits, parse_request_line_without_end_refused);
  tcase_add_test(limits, parse_head_over_limit_refused);
  tcase_add_test(limits, parse_head_without_end_refused);
  tcase_add_test(limits, parse_fields_over_limit_refused);
  tcase_add_test(limits, parse_chunk_ext_over_limit_refused);
  tcase_add_test(limits, parse_chunk_ext_over_limit_in_sum_refused);
  tcase_add_test(limits, parse_chunk_white_space_over_limit_refused);
  tcase_add_test(limits, parse_trailers_over_limit_refused);
  tcase_add_test(limits, parse_at_the_limits_accepted);
  tcase_add_test(good, parse_get_accepted);
  tcase_add_test(good, parse_leading_crlf_accepted);
  tcase_add_test(good, parse_only_crlf_idle);
  tcase_add_test(good, parse_pipelined_in_order);
  tcase_add_test(good, parse_chunked_with_extensions_and_trailers_accepted);
  tcase_add_test(good, parse_absolute_form_overrides_host);
  tcase_add_test(good, parse_absolute_form_without_path_is_root);
  tcase_add_test(good, parse_options_absolute_without_path_is_asterisk);
  tcase_add_test(good, parse_ipv6_host_accepted);
  tcase_add_test(good, parse_http10_without_host_closes);
  tcase_add_test(good, parse_http10_keep_alive_persists);
  tcase_add_test(good, parse_connection_close_in_list_closes);
  tcase_add_test(good, parse_expect_with_body_noted);
  tcase_add_test(good, parse_expect_without_body_ignored);
  tcase_add_test(good, parse_upgrade_noted);
  tcase_add_test(good, parse_upgrade_without_connection_not_noted);
  tcase_add_test(good, next_keeps_memory);
  tcase_add_test(good, next_large_head_gives_memory_back);
  tcase_add_test(good, parse_after_error_stays_error);
  suite_add_tcase(s, refusals);
  suite_add_tcase(s, limits);
  suite_add_tcase(s, good);
  return run(s);
}
