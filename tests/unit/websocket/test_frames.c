/* Frames in, whole and cut at every place; and out, read back. */
#include "frames.h"

#include "run.h"

#include <stdio.h>
#include <string.h>

#define MAX_MESSAGE 70000

static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};
static struct buf in;   /* what the peer sends */
static struct buf told; /* what the reader told, as text */

static void setup(void)
{
  buf_init(&in, 1 << 20);
  buf_init(&told, 1 << 20);
}

static void teardown(void)
{
  buf_clear(&in);
  buf_clear(&told);
}

/* A frame as a client sends it, with whatever first byte. */
static void frame(unsigned first, const char *payload)
{
  size_t at = in.len, n = strlen(payload);
  ck_assert_int_eq(websocket_write(&in, WEBSOCKET_BINARY, payload, n, mask), ERR_OK);
  in.data[at] = (uint8_t)first;
}

static void raw(const char *bytes, size_t n)
{
  ck_assert_int_eq(buf_append(&in, bytes, n), ERR_OK);
}

#define RAW(text) raw(text, sizeof(text) - 1)

static void note(enum websocket_event ev, const struct websocket_reader *r)
{
  enum err e = ERR_OK;
  if (ev == WEBSOCKET_MESSAGE)
    e = buf_printf(&told, "[%d %zu %.*s]", r->opcode, r->message.len,
                   r->message.len < 64 ? (int)r->message.len : 64, (const char *)r->message.data);
  else if (ev == WEBSOCKET_CONTROL)
    e = buf_printf(&told, "(%d %d %.*s)", r->opcode, r->opcode == WEBSOCKET_CLOSE ? r->close_code : 0,
                   (int)r->control_len, (const char *)r->control);
  else if (ev == WEBSOCKET_FAILED)
    e = buf_printf(&told, "!%d %s", r->close_code, r->why);
  ck_assert_int_eq(e, ERR_OK);
}

/* False: it failed. */
static bool read_on(struct websocket_reader *r, const uint8_t *data, size_t n)
{
  enum websocket_event ev;
  size_t at = 0;
  do {
    size_t used;
    ev = websocket_read(r, data + at, n - at, &used);
    at += used;
    note(ev, r);
  } while (ev != WEBSOCKET_NEED_MORE && ev != WEBSOCKET_FAILED);
  return ev != WEBSOCKET_FAILED;
}

static void read_in_two(enum websocket_role role, size_t cut)
{
  struct websocket_reader r;
  buf_reset(&told);
  websocket_reader_init(&r, role, MAX_MESSAGE);
  if (read_on(&r, in.data, cut)) read_on(&r, in.data + cut, in.len - cut);
  websocket_reader_clear(&r);
}

static void assert_told_to(enum websocket_role role, const char *want)
{
  size_t step = in.len > 1000 ? in.len / 100 : 1;
  for (size_t cut = 0; cut <= in.len; cut += step) {
    read_in_two(role, cut);
    ck_assert_msg(strcmp(buf_str(&told), want) == 0, "cut at %zu: wanted %s, got %s", cut, want,
                  buf_str(&told));
  }
}

static void assert_told(const char *want)
{
  assert_told_to(WEBSOCKET_SERVER, want);
}

/* -- messages -------------------------------------------------------------------------------------------- */

START_TEST(read_messages_in_order)
{
  frame(0x81, "text");
  frame(0x82, "bytes \xff");
  frame(0x81, "");
  assert_told("[1 4 text][2 7 bytes \xff][1 0 ]");
}
END_TEST

START_TEST(read_the_standards_examples)
{
  /* RFC 6455 5.7 */
  RAW("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
  RAW("\x89\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
  assert_told("[1 5 Hello](9 0 Hello)");
  buf_reset(&in);
  RAW("\x81\x05Hello\x01\x03Hel\x80\x02lo");
  assert_told_to(WEBSOCKET_CLIENT, "[1 5 Hello][1 5 Hello]");
}
END_TEST

START_TEST(read_fragments_with_a_ping_between_as_one_message)
{
  frame(0x01, "one ");
  frame(0x89, "ping");
  frame(0x00, "two ");
  frame(0x00, "");
  frame(0x8a, "");
  frame(0x80, "three");
  assert_told("(9 0 ping)(10 0 )[1 13 one two three]");
}
END_TEST

START_TEST(read_a_character_cut_by_fragments_is_text)
{
  frame(0x01, "\xe2\x82");
  frame(0x80, "\xac");
  assert_told("[1 3 \xe2\x82\xac]");
}
END_TEST

START_TEST(read_messages_of_all_length_forms)
{
  static char text[66001];
  static const size_t sizes[] = {125, 126, 65535, 65536, 66000};
  char want[1024] = "";
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    memset(text, 'x', sizes[i]);
    text[sizes[i]] = 0;
    frame(0x82, text);
    snprintf(want + strlen(want), sizeof want - strlen(want), "[2 %zu %.64s]", sizes[i], text);
  }
  assert_told(want);
}
END_TEST

/* -- closing --------------------------------------------------------------------------------------------- */

START_TEST(read_close_tells_code_and_reason)
{
  frame(0x88, "\x03\xe8 done");
  assert_told("(8 1000 \x03\xe8 done)");
}
END_TEST

START_TEST(read_close_without_a_code_says_so)
{
  frame(0x88, "");
  assert_told("(8 1005 )");
}
END_TEST

START_TEST(read_close_with_one_byte_is_an_error)
{
  frame(0x88, "\x03");
  assert_told("!1002 a close code of one byte");
}
END_TEST

START_TEST(read_close_with_a_code_that_may_not_be_sent_is_an_error)
{
  static const int codes[] = {1, 999, 1004, 1005, 1006, 1015, 1100, 2999, 5000, 65535};
  for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
    buf_reset(&in);
    ck_assert_int_eq(buf_append(&in, "\x88\x82\0\0\0\0", 6), ERR_OK);
    ck_assert_int_eq(buf_append(&in, (uint8_t[]){(uint8_t)(codes[i] >> 8), (uint8_t)codes[i]}, 2), ERR_OK);
    assert_told("!1002 a close code that may not be sent");
  }
}
END_TEST

START_TEST(read_close_with_a_reason_that_is_not_utf8_is_an_error)
{
  frame(0x88, "\x03\xe8\xff");
  assert_told("!1007 the reason of the close is not UTF-8");
}
END_TEST

/* -- refusals -------------------------------------------------------------------------------------------- */

START_TEST(read_unmasked_from_a_client_is_an_error)
{
  RAW("\x81\x05Hello");
  assert_told("!1002 an unmasked frame from a client");
}
END_TEST

START_TEST(read_masked_from_a_server_is_an_error)
{
  frame(0x81, "Hello");
  assert_told_to(WEBSOCKET_CLIENT, "!1002 a masked frame from a server");
}
END_TEST

START_TEST(read_reserved_bits_is_an_error)
{
  for (unsigned bit = 0x10; bit <= 0x40; bit <<= 1) {
    buf_reset(&in);
    frame(0x81 | bit, "x");
    assert_told("!1002 a reserved bit of no extension");
  }
}
END_TEST

START_TEST(read_reserved_opcode_is_an_error)
{
  static const unsigned opcodes[] = {3, 4, 5, 6, 7, 11, 12, 13, 14, 15};
  for (size_t i = 0; i < sizeof opcodes / sizeof *opcodes; i++) {
    buf_reset(&in);
    frame(0x80 | opcodes[i], "x");
    assert_told("!1002 a reserved opcode");
  }
}
END_TEST

START_TEST(read_control_frame_in_fragments_is_an_error)
{
  frame(0x09, "x");
  assert_told("!1002 a control frame in fragments");
}
END_TEST

START_TEST(read_control_frame_over_125_bytes_is_an_error)
{
  char text[127];
  memset(text, 'x', sizeof text - 1);
  text[sizeof text - 1] = 0;
  frame(0x89, text);
  assert_told("!1002 a control frame over 125 bytes");
}
END_TEST

START_TEST(read_continuation_of_nothing_is_an_error)
{
  frame(0x81, "whole");
  frame(0x80, "x");
  assert_told("[1 5 whole]!1002 a continuation of no message");
}
END_TEST

START_TEST(read_message_inside_another_is_an_error)
{
  frame(0x01, "begun");
  frame(0x81, "x");
  assert_told("!1002 a message inside another");
}
END_TEST

START_TEST(read_length_not_in_its_shortest_form_is_an_error)
{
  RAW("\x82\xfe\x00\x7d\0\0\0\0");
  assert_told("!1002 a length that is not in its shortest form");
  buf_reset(&in);
  RAW("\x82\xff\0\0\0\0\0\0\xff\xff\0\0\0\0");
  assert_told("!1002 a length that is not in its shortest form");
}
END_TEST

START_TEST(read_length_over_63_bits_is_an_error)
{
  RAW("\x82\xff\x80\0\0\0\0\0\0\0\0\0\0\0");
  assert_told("!1002 a length over 63 bits");
}
END_TEST

START_TEST(read_message_over_the_limit_is_refused_at_its_head)
{
  RAW("\x82\xff\x00\0\0\0\0\x01\x11\x71\0\0\0\0");
  assert_told("!1009 the message is larger than allowed");
}
END_TEST

START_TEST(read_fragments_over_the_limit_are_refused)
{
  static char text[40001];
  memset(text, 'x', sizeof text - 1);
  frame(0x02, text);
  frame(0x80, text);
  assert_told("!1009 the message is larger than allowed");
}
END_TEST

START_TEST(read_text_that_is_not_utf8_fails_at_its_first_bad_byte)
{
  frame(0x01, "good");
  frame(0x00, "bad \xff and more");
  in.len -= 9;
  assert_told("!1007 the text is not UTF-8");
}
END_TEST

START_TEST(read_text_that_ends_inside_of_a_character_is_an_error)
{
  frame(0x81, "\xe2\x82");
  assert_told("!1007 the text ends inside of a character");
}
END_TEST

/* -- writing --------------------------------------------------------------------------------------------- */

START_TEST(write_as_a_server_is_read_by_a_client)
{
  ck_assert_int_eq(websocket_write(&in, WEBSOCKET_TEXT, "hello", 5, NULL), ERR_OK);
  ck_assert_int_eq(websocket_write(&in, WEBSOCKET_PONG, "p", 1, NULL), ERR_OK);
  ck_assert_int_eq(websocket_write_close(&in, 1001, "bye", NULL), ERR_OK);
  assert_told_to(WEBSOCKET_CLIENT, "[1 5 hello](10 0 p)(8 1001 \x03\xe9"
                                   "bye)");
}
END_TEST

START_TEST(write_close_without_code_is_empty)
{
  ck_assert_int_eq(websocket_write_close(&in, WEBSOCKET_NO_CODE, "", NULL), ERR_OK);
  assert_told_to(WEBSOCKET_CLIENT, "(8 1005 )");
}
END_TEST

START_TEST(write_close_with_a_long_reason_cuts_it)
{
  char why[200];
  memset(why, 'w', sizeof why - 1);
  why[sizeof why - 1] = 0;
  ck_assert_int_eq(websocket_write_close(&in, 1002, why, NULL), ERR_OK);
  ck_assert_uint_eq(in.len, 2 + WEBSOCKET_CONTROL_MAX);
}
END_TEST

START_TEST(write_beyond_the_buffer_leaves_it_as_it_was)
{
  struct buf small;
  buf_init(&small, 10);
  ck_assert_int_eq(websocket_write(&small, WEBSOCKET_TEXT, "hello", 5, NULL), ERR_OK);
  ck_assert_int_eq(websocket_write(&small, WEBSOCKET_TEXT, "hello", 5, NULL), ERR_TOO_LARGE);
  ck_assert_uint_eq(small.len, 7);
  buf_clear(&small);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("frames");
  TCase *c = tcase_create("frames");
  tcase_add_checked_fixture(c, setup, teardown);
  tcase_add_test(c, read_messages_in_order);
  tcase_add_test(c, read_the_standards_examples);
  tcase_add_test(c, read_fragments_with_a_ping_between_as_one_message);
  tcase_add_test(c, read_a_character_cut_by_fragments_is_text);
  tcase_add_test(c, read_messages_of_all_length_forms);
  tcase_add_test(c, read_close_tells_code_and_reason);
  tcase_add_test(c, read_close_without_a_code_says_so);
  tcase_add_test(c, read_close_with_one_byte_is_an_error);
  tcase_add_test(c, read_close_with_a_code_that_may_not_be_sent_is_an_error);
  tcase_add_test(c, read_close_with_a_reason_that_is_not_utf8_is_an_error);
  tcase_add_test(c, read_unmasked_from_a_client_is_an_error);
  tcase_add_test(c, read_masked_from_a_server_is_an_error);
  tcase_add_test(c, read_reserved_bits_is_an_error);
  tcase_add_test(c, read_reserved_opcode_is_an_error);
  tcase_add_test(c, read_control_frame_in_fragments_is_an_error);
  tcase_add_test(c, read_control_frame_over_125_bytes_is_an_error);
  tcase_add_test(c, read_continuation_of_nothing_is_an_error);
  tcase_add_test(c, read_message_inside_another_is_an_error);
  tcase_add_test(c, read_length_not_in_its_shortest_form_is_an_error);
  tcase_add_test(c, read_length_over_63_bits_is_an_error);
  tcase_add_test(c, read_message_over_the_limit_is_refused_at_its_head);
  tcase_add_test(c, read_fragments_over_the_limit_are_refused);
  tcase_add_test(c, read_text_that_is_not_utf8_fails_at_its_first_bad_byte);
  tcase_add_test(c, read_text_that_ends_inside_of_a_character_is_an_error);
  tcase_add_test(c, write_as_a_server_is_read_by_a_client);
  tcase_add_test(c, write_close_without_code_is_empty);
  tcase_add_test(c, write_close_with_a_long_reason_cuts_it);
  tcase_add_test(c, write_beyond_the_buffer_leaves_it_as_it_was);
  suite_add_tcase(suite, c);
  return run(suite);
}
