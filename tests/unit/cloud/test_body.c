/* Which bodies are translated, what becomes of their fields, and the way through decoding and encoding. */
#include "body.h"

#include "coding.h"
#include "run.h"

#include <string.h>

static struct lab_app apps[] = {
    {.name = "plain",
     .external_url = {"https://plain.test:8443/", "https", "plain.test", 8443, "/"},
     .internal_url = {"http://plain.corp.test/", "http", "plain.corp.test", 80, "/"}},
    {.name = "files",
     .external_url = {"https://site.test/files/", "https", "site.test", 443, "/files/"},
     .internal_url = {"http://files.corp.test:8080/share/", "http", "files.corp.test", 8080, "/share/"},
     .by_path = true},
};
static const struct lab lab = {.published = apps, .n_published = sizeof apps / sizeof *apps};
enum { PLAIN, FILES };

static struct http1_head request;
static struct fields fields;

static void setup(void)
{
  request = (struct http1_head){.method = "GET"};
  fields_init(&request.fields, 8, 4096);
  fields_init(&fields, 16, 4096);
}

static void teardown(void)
{
  fields_clear(&request.fields);
  fields_clear(&fields);
}

static void add(struct fields *f, const char *name, const char *value)
{
  ck_assert_int_eq(fields_add(f, name, value), ERR_OK);
}

static struct body *begin(int app, int status, const char *why)
{
  struct body *b = NULL;
  const char *what = NULL;
  ck_assert_int_eq(body_begin(&lab, &apps[app], &request, status, &fields, &what, &b), ERR_OK);
  ck_assert_str_eq(what, why);
  return b;
}

/* -- inwards ------------------------------------------------------------------------------------------- */

static const struct accept {
  const char *sent, *becomes;
} accepts[] = {
    {"gzip, deflate, br, zstd", "gzip, deflate"},
    {"br;q=1.0, gzip;q=0.8, *;q=0.1", "gzip;q=0.8"},
    {"GZIP ;q=0.5 , x-gzip", "GZIP ;q=0.5, x-gzip"},
    {"identity;q=0, gzip", "identity;q=0, gzip"},
    {"br", "identity"},
    {"*", "identity"},
    {"", "identity"},
    {NULL, "identity"},
};

START_TEST(body_accept_keeps_what_can_be_decoded)
{
  if (accepts[_i].sent) add(&fields, "Accept-Encoding", accepts[_i].sent);
  ck_assert_int_eq(body_accept(&fields), ERR_OK);
  ck_assert_uint_eq(fields_count_of(&fields, "Accept-Encoding"), 1);
  ck_assert_str_eq(fields_get(&fields, "Accept-Encoding"), accepts[_i].becomes);
}
END_TEST

START_TEST(body_accept_no_transform_stays)
{
  add(&fields, "Accept-Encoding", "br");
  add(&fields, "Cache-Control", "no-cache, no-transform");
  ck_assert_int_eq(body_accept(&fields), ERR_OK);
  ck_assert_str_eq(fields_get(&fields, "Accept-Encoding"), "br");
}
END_TEST

/* -- which ones ---------------------------------------------------------------------------------------- */

static const struct choice {
  int status;
  const char *type, *name, *value, *why;
} choices[] = {
    {200, "text/html", NULL, NULL, "translated"},
    {404, "Text/HTML ;charset=UTF-8", NULL, NULL, "translated"},
    {200, "application/xhtml+xml", "Content-Encoding", "x-gzip", "translated"},
    {200, "text/css; charset=\"iso-8859-1\"", "Content-Encoding", "deflate", "translated"},
    {200, "text/html; a=b; charset=windows-1252", "Content-Encoding", "identity", "translated"},
    {200, "text/html; charset=utf-16", NULL, NULL, "character encoding"},
    {200, "text/html; charset=iso-2022-jp", NULL, NULL, "character encoding"},
    {200, "text/html; charset=", NULL, NULL, "character encoding"},
    {200, "text/html", "Content-Type", "text/plain", "character encoding"},
    {200, "text/html", "Content-Encoding", "br", "content coding"},
    {200, "text/html", "Content-Encoding", "gzip, gzip", "content coding"},
    {200, "text/html", "Cache-Control", "max-age=1, no-transform", "no-transform"},
    {206, "text/html", "Content-Range", "bytes 0-1/2", "a range"},
    {204, "text/html", NULL, NULL, "no content"},
    {205, NULL, NULL, NULL, "no content"},
    {200, NULL, NULL, NULL, "neither HTML nor CSS"},
    {200, "text/htmlx", NULL, NULL, "neither HTML nor CSS"},
    {200, "application/javascript", NULL, NULL, "neither HTML nor CSS"},
};

START_TEST(body_begin_chooses)
{
  const struct choice *c = &choices[_i];
  if (c->type) add(&fields, "Content-Type", c->type);
  if (c->name) add(&fields, c->name, c->value);
  add(&fields, "ETag", "\"a\"");
  struct body *b = begin(PLAIN, c->status, c->why);
  bool translated = strcmp(c->why, "translated") == 0;
  ck_assert(translated == (b != NULL));
  ck_assert_str_eq(fields_get(&fields, "ETag"), translated ? "W/\"a\"" : "\"a\"");
  body_free(b);
}
END_TEST

START_TEST(body_begin_request_forbids_it)
{
  add(&fields, "Content-Type", "text/html");
  add(&request.fields, "Cache-Control", "no-transform");
  ck_assert_ptr_null(begin(PLAIN, 200, "no-transform"));
}
END_TEST

START_TEST(body_begin_disowns_what_is_of_other_bytes)
{
  static const char *const gone[] = {"Content-Length", "Content-MD5", "Digest", "Content-Digest",
                                     "Repr-Digest"};
  add(&fields, "Content-Type", "text/html");
  for (size_t i = 0; i < sizeof gone / sizeof *gone; i++)
    add(&fields, gone[i], "5");
  add(&fields, "ETag", "W/\"a\"");
  add(&fields, "Accept-Ranges", "bytes");
  body_free(begin(PLAIN, 200, "translated"));
  ck_assert_uint_eq(fields_count(&fields), 3);
  ck_assert_str_eq(fields_get(&fields, "ETag"), "W/\"a\"");
  ck_assert_str_eq(fields_get(&fields, "Accept-Ranges"), "none");
}
END_TEST

START_TEST(body_begin_head_gets_the_fields_only)
{

  strcpy(request.method, "HEAD");
  add(&fields, "Content-Type", "text/html");
  add(&fields, "Content-Length", "5");
  ck_assert_ptr_null(begin(PLAIN, 200, "translated"));
  ck_assert_uint_eq(fields_count(&fields), 1);
}
END_TEST

START_TEST(body_begin_not_modified_weakens)
{
  add(&fields, "ETag", "\"a\"");
  ck_assert_ptr_null(begin(PLAIN, 304, "not modified"));
  ck_assert_str_eq(fields_get(&fields, "ETag"), "W/\"a\"");
}
END_TEST

/* -- the bytes ----------------------------------------------------------------------------------------- */

static const char page[] =
    "<a href=\"http://plain.corp.test/x?y&amp;z\"><a href='http://files.corp.test:8080/share/d'>"
    "<a href=//plain.corp.test/><a href=/share/x><a href='http://plain.corp.test.evil.test/'>"
    "<a href='https://plain.corp.test/'><script>'http://plain.corp.test/'</script>";
static const char plain_page[] =
    "<a href=\"https://plain.test:8443/x?y&amp;z\"><a href='https://site.test/files/d'>"
    "<a href=https://plain.test:8443/><a href=/share/x><a href='http://plain.corp.test.evil.test/'>"
    "<a href='https://plain.corp.test/'><script>'http://plain.corp.test/'</script>";
static const char files_page[] =
    "<a href=\"https://plain.test:8443/x?y&amp;z\"><a href='https://site.test/files/d'>"
    "<a href=https://plain.test:8443/><a href=/files/x><a href='http://plain.corp.test.evil.test/'>"
    "<a href='https://plain.corp.test/'><script>'http://plain.corp.test/'</script>";

static enum err append(void *arg, const uint8_t *piece, size_t n)
{
  return buf_append(arg, piece, n);
}

static void encode(enum coding coding, const void *data, size_t n, struct buf *out)
{
  struct encoder *e;
  ck_assert_int_eq(encoder_new(coding, &e), ERR_OK);
  ck_assert_int_eq(encoder_put(e, data, n, out), ERR_OK);
  ck_assert_int_eq(encoder_end(e, out), ERR_OK);
  encoder_free(e);
}

static void decode(enum coding coding, const struct buf *in, struct buf *out)
{
  struct decoder *d;
  struct failure f;
  ck_assert_int_eq(decoder_new(coding, &d), ERR_OK);
  ck_assert_int_eq(decoder_put(d, in->data, in->len, append, out, &f), ERR_OK);
  ck_assert_int_eq(decoder_end(d, &f), ERR_OK);
  decoder_free(d);
}

START_TEST(body_put_translates_in_every_coding)
{
  static const char *const names[] = {
      [CODING_IDENTITY] = "identity", [CODING_GZIP] = "gzip", [CODING_DEFLATE] = "deflate"};
  enum coding coding = (enum coding)_i;
  for (int app = PLAIN; app <= FILES; app++)
    for (size_t step = 1; step < 400; step *= 3) {
      struct buf in, out, text;
      struct failure f;
      buf_init(&in, 4096), buf_init(&out, 64 * 1024), buf_init(&text, 4096);
      encode(coding, page, strlen(page), &in);
      fields_reset(&fields);
      add(&fields, "Content-Type", "text/html");
      add(&fields, "Content-Encoding", names[coding]);
      struct body *b = begin(app, 200, "translated");
      for (size_t at = 0; at < in.len; at += step)
        ck_assert_int_eq(body_put(b, in.data + at, in.len - at < step ? in.len - at : step, &out, &f),
                         ERR_OK);
      ck_assert_int_eq(body_end(b, &out, &f), ERR_OK);
      decode(coding, &out, &text);
      ck_assert_str_eq(buf_str(&text), app == PLAIN ? plain_page : files_page);
      body_free(b);
      buf_clear(&in), buf_clear(&out), buf_clear(&text);
    }
}
END_TEST

START_TEST(body_put_broken_coding_is_refused)
{
  struct buf out;
  struct failure f;
  buf_init(&out, 4096);
  add(&fields, "Content-Type", "text/html");
  add(&fields, "Content-Encoding", "gzip");
  struct body *b = begin(PLAIN, 200, "translated");
  ck_assert_int_eq(body_put(b, (const uint8_t *)page, 10, &out, &f), ERR_SYNTAX);
  ck_assert_str_eq(f.why, "incorrect header check");
  body_free(b);
  buf_clear(&out);
}
END_TEST

START_TEST(body_end_cut_short_is_refused)
{
  struct buf in, out;
  struct failure f;
  buf_init(&in, 4096), buf_init(&out, 4096);
  encode(CODING_GZIP, page, strlen(page), &in);
  add(&fields, "Content-Type", "text/html");
  add(&fields, "Content-Encoding", "gzip");
  struct body *b = begin(PLAIN, 200, "translated");
  ck_assert_int_eq(body_put(b, in.data, in.len - 1, &out, &f), ERR_OK);
  ck_assert_int_eq(body_end(b, &out, &f), ERR_SYNTAX);
  body_free(b);
  buf_clear(&in), buf_clear(&out);
}
END_TEST

int main(void)
{
  Suite *s = suite_create("body");
  TCase *t = tcase_create("body");
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_add_loop_test(t, body_accept_keeps_what_can_be_decoded, 0, sizeof accepts / sizeof *accepts);
  tcase_add_test(t, body_accept_no_transform_stays);
  tcase_add_loop_test(t, body_begin_chooses, 0, sizeof choices / sizeof *choices);
  tcase_add_test(t, body_begin_request_forbids_it);
  tcase_add_test(t, body_begin_disowns_what_is_of_other_bytes);
  tcase_add_test(t, body_begin_head_gets_the_fields_only);
  tcase_add_test(t, body_begin_not_modified_weakens);
  tcase_add_loop_test(t, body_put_translates_in_every_coding, CODING_IDENTITY, CODING_DEFLATE + 1);
  tcase_add_test(t, body_put_broken_coding_is_refused);
  tcase_add_test(t, body_end_cut_short_is_refused);
  suite_add_tcase(s, t);
  return run(s);
}
