/* Which URLs in HTML and CSS are found, cut anywhere. */
#include "markup.h"

#include "run.h"

#include <string.h>

/* http://in/ becomes https://out/, and the path /in/ becomes /out/. */
static size_t map(void *arg, const char *url, const char **ret_with)
{
  (void)arg;
  if (strncmp(url, "http://in/", 10) == 0) {
    *ret_with = "https://out/";
    return 10;
  }
  *ret_with = "/out/";
  return strncmp(url, "/in/", 4) == 0 ? 4 : 0;
}

static const struct document {
  enum markup_language language;
  const char *in, *out; /* out NULL: it stays as it is */
} documents[] = {
    /* attributes, and how they may be written */
    {MARKUP_HTML, "<a href=\"http://in/x?a&amp;b\">", "<a href=\"https://out/x?a&amp;b\">"},
    {MARKUP_HTML, "<A\nHREF = 'http://in/x' >", "<A\nHREF = 'https://out/x' >"},
    {MARKUP_HTML, "<a href=http://in/x>http://in/", "<a href=https://out/x>http://in/"},
    {MARKUP_HTML, "<a href=http://in/x/>", "<a href=https://out/x/>"},
    {MARKUP_HTML, "<a x=1 href=http://in/ y>", "<a x=1 href=https://out/ y>"},
    {MARKUP_HTML, "<a/href=http://in/>", "<a/href=https://out/>"},
    {MARKUP_HTML, "<a href=\"  http://in/ \">", "<a href=\"  https://out/ \">"},
    {MARKUP_HTML, "<a href=\"ht\ntp://i\tn/x\">", "<a href=\"https://out/x\">"},
    {MARKUP_HTML, "<a href=\"/in/x\"><a href='in/x'>", "<a href=\"/out/x\"><a href='in/x'>"},
    {MARKUP_HTML, "<a href=\"http://other/?http://in/\">", NULL},
    {MARKUP_HTML, "<a title=\"http://in/\" data-href='http://in/'>", NULL},
    {MARKUP_HTML, "<a href><a href= ><a href=''><a =href='http://in/'>", NULL},
    {MARKUP_HTML, "</a href='http://in/'>", NULL},
    {MARKUP_HTML, "<abbr href='http://in/'><hrefhrefhrefhrefa href='http://in/'>", NULL},
    {MARKUP_HTML, "<a title='>' href='http://in/'>", "<a title='>' href='https://out/'>"},
    {MARKUP_HTML, "<a href='http://in/", "<a href='https://out/"},
    {MARKUP_HTML, "1 < 2 <> <1 a href='http://in/'>", NULL},
    {MARKUP_HTML, "<<a href='http://in/'>", "<<a href='https://out/'>"},
    /* character references */
    {MARKUP_HTML, "<a href='http&colon;&sol;/i&#110;&#x2f;x'>", "<a href='https://out/x'>"},
    {MARKUP_HTML, "<a href='http:&#47/in/x'>", "<a href='https://out/x'>"},
    {MARKUP_HTML, "<a href='http&colon//in/x&copy;&;&#;&#x;&#99999999999;&'>", NULL},
    {MARKUP_HTML, "<a href='http://in/?a&b=c&abcdefghijklmnopqrstuvwxyzabcdefghijklmnop'>",
     "<a href='https://out/?a&b=c&abcdefghijklmnopqrstuvwxyzabcdefghijklmnop'>"},
    /* elements */
    {MARKUP_HTML, "<form action='http://in/'><button formaction='http://in/'>",
     "<form action='https://out/'><button formaction='https://out/'>"},
    {MARKUP_HTML, "<div data-background='http://in/' data-src='http://in/'><p background=/in/>",
     "<div data-background='https://out/' data-src='https://out/'><p background=/out/>"},
    {MARKUP_HTML, "<base href=http://in/><object archive='http://in/a http://in/b' data=http://in/c>",
     "<base href=https://out/><object archive='https://out/a https://out/b' data=https://out/c>"},
    {MARKUP_HTML, "<svg><use xlink:href='http://in/#a'/>", "<svg><use xlink:href='https://out/#a'/>"},
    /* of a field's text, absolute ones only */
    {MARKUP_HTML, "<input value='http://in/x' src=/in/x>", "<input value='https://out/x' src=/out/x>"},
    {MARKUP_HTML, "<input value='/in/x'><input value='see http://in/x'>", NULL},
    /* lists */
    {MARKUP_HTML, "<img srcset='http://in/a 1x, /in/b 2x,http://in/c 3x'>",
     "<img srcset='https://out/a 1x, /out/b 2x,https://out/c 3x'>"},
    {MARKUP_HTML, "<source srcset=' , http://in/a,http://in/b, http://in/c'>",
     "<source srcset=' , https://out/a,http://in/b, https://out/c'>"},
    {MARKUP_HTML, "<img srcset='http://in/a 100w,\n http://in/b 2x'>",
     "<img srcset='https://out/a 100w,\n https://out/b 2x'>"},
    {MARKUP_HTML, "<img srcset='data:x,http://in/ 1x'>", NULL},
    /* meta */
    {MARKUP_HTML, "<meta http-equiv=refresh content='5; url=http://in/x'>",
     "<meta http-equiv=refresh content='5; url=https://out/x'>"},
    {MARKUP_HTML, "<meta content=\"0.5 ,URL = 'http://in/'x\">",
     "<meta content=\"0.5 ,URL = 'https://out/'x\">"},
    {MARKUP_HTML, "<meta content='0;/in/x'><meta content=\"0; '/in/x'\">",
     "<meta content='0;/out/x'><meta content=\"0; '/out/x'\">"},
    {MARKUP_HTML, "<meta content='http://in/x'>", "<meta content='https://out/x'>"},
    {MARKUP_HTML, "<meta content='/in/x'><meta content='2024-01-01; /in/'><meta content='5'>", NULL},
    {MARKUP_HTML, "<meta content='0; urls=/in/'><meta content='width=1, http://in/'>", NULL},
    /* style attributes and elements */
    {MARKUP_HTML, "<p style=\"background:url(http://in/x)\">", "<p style=\"background:url(https://out/x)\">"},
    {MARKUP_HTML, "<p style='a:url(&quot;http://in/x&quot;)'>",
     "<p style='a:url(&quot;https://out/x&quot;)'>"},
    {MARKUP_HTML, "<p style='a:url(http://in/x' title='url(http://in/)'>",
     "<p style='a:url(https://out/x' title='url(http://in/)'>"},
    {MARKUP_HTML, "<style>@import 'http://in/x';</style>url(http://in/)",
     "<style>@import 'https://out/x';</style>url(http://in/)"},
    {MARKUP_HTML, "<style>a{b:'</style><a href=http://in/>", "<style>a{b:'</style><a href=https://out/>"},
    {MARKUP_HTML, "<style>url(http://in/</STYLE ><a href=http://in/>",
     "<style>url(https://out/</STYLE ><a href=https://out/>"},
    /* what is no markup */
    {MARKUP_HTML, "<!-- <a href='http://in/'> -- > --><a href=/in/>",
     "<!-- <a href='http://in/'> -- > --><a href=/out/>"},
    {MARKUP_HTML, "<!--><a href=/in/><!---><a href=/in/>", "<!--><a href=/out/><!---><a href=/out/>"},
    {MARKUP_HTML, "<!--a--!><a href=/in/>", "<!--a--!><a href=/out/>"},
    {MARKUP_HTML, "<!----!><a href=/in/><!--!><a href=/in/>", "<!----!><a href=/out/><!--!><a href=/in/>"},
    {MARKUP_HTML, "<!DOCTYPE html SYSTEM \"http://in/\"><a href=/in/>",
     "<!DOCTYPE html SYSTEM \"http://in/\"><a href=/out/>"},
    {MARKUP_HTML, "<!><a href=/in/></><a href=/in/><!-x><a href=/in/>",
     "<!><a href=/out/></><a href=/out/><!-x><a href=/out/>"},
    {MARKUP_HTML, "<?a <a href='/in/' ?><a href=/in/></ a href=/in/>",
     "<?a <a href='/in/' ?><a href=/out/></ a href=/in/>"},
    {MARKUP_HTML, "<![CDATA[ <a href=/in/> ]]><a href=/in/><![CDAT><a href=/in/>",
     "<![CDATA[ <a href=/in/> ]]><a href=/out/><![CDAT><a href=/out/>"},
    {MARKUP_HTML, "<textarea><a href=/in/></textareas></textarea><a href=/in/>",
     "<textarea><a href=/in/></textareas></textarea><a href=/out/>"},
    {MARKUP_HTML, "<title><a href=/in/></title/><a href=/in/>",
     "<title><a href=/in/></title/><a href=/out/>"},
    {MARKUP_HTML, "<plaintext><a href=/in/></plaintext><a href=/in/>", NULL},
    /* scripts */
    {MARKUP_HTML, "<script src='http://in/x'>'<a href=/in/>'</script><a href=/in/>",
     "<script src='https://out/x'>'<a href=/in/>'</script><a href=/out/>"},
    {MARKUP_HTML, "<script>a<b;<!-- <script> </script> <a href=/in/> --></script><a href=/in/>",
     "<script>a<b;<!-- <script> </script> <a href=/in/> --></script><a href=/out/>"},
    {MARKUP_HTML, "<script><!-- </script><a href=/in/>", "<script><!-- </script><a href=/out/>"},
    {MARKUP_HTML, "<script><!--><script></script><a href=/in/>",
     "<script><!--><script></script><a href=/out/>"},
    {MARKUP_HTML, "<script><abcdefghijklmnopqrstuvw </script><a href=/in/>",
     "<script><abcdefghijklmnopqrstuvw </script><a href=/out/>"},
    {MARKUP_HTML, "<script/><a href=/in/>", NULL},
    {MARKUP_XHTML, "<script/><a href=/in/>", "<script/><a href=/out/>"},
    /* style sheets */
    {MARKUP_CSS, "a{b:url(http://in/x) url( 'http://in/y' ) URL(\"/in/z\")}",
     "a{b:url(https://out/x) url( 'https://out/y' ) URL(\"/out/z\")}"},
    {MARKUP_CSS, "@import 'http://in/a';@IMPORT/**/\"http://in/b\" print;@import url(/in/c);",
     "@import 'https://out/a';@IMPORT/**/\"https://out/b\" print;@import url(/out/c);"},
    {MARKUP_CSS, "/* url(/in/) **/ a:url(/in/)", "/* url(/in/) **/ a:url(/out/)"},
    {MARKUP_CSS, "a:'url(/in/)' \"\\\"url(/in/)\" url(/in/)", "a:'url(/in/)' \"\\\"url(/in/)\" url(/out/)"},
    {MARKUP_CSS, "my-url(/in/) url (/in/) curl(/in/) \\url(/in/) u/**/rl(/in/) url/**/(/in/) urlurlurl(/in/)",
     NULL},
    {MARKUP_CSS, "a:'b\n;c:url(/in/)", "a:'b\n;c:url(/out/)"},
    {MARKUP_CSS, "url(http\\3a //in/x) url('\\68 ttp:\\/\\2Fin/x') url(\\000068ttp://in/x)",
     "url(https://out/x) url('https://out/x') url(https://out/x)"},
    {MARKUP_CSS, "url() url('') url(\\) url(\\", NULL},
    {MARKUP_CSS, "@charset 'http://in/'; @namespace 'http://in/';", NULL},
    {MARKUP_CSS, "url(http://in/x", "url(https://out/x"},
};

static void feed(struct markup *m, const char *data, size_t n, struct buf *out)
{
  ck_assert_int_eq(markup_put(m, data, n, out), ERR_OK);
}

/* In pieces: the first of n bytes, the rest in pieces of step bytes. */
static void check_cut(const struct document *d, size_t n, size_t step)
{
  struct markup *m;
  struct buf out;
  size_t length = strlen(d->in);
  buf_init(&out, 64 * 1024);
  ck_assert_int_eq(markup_new(d->language, map, NULL, &m), ERR_OK);
  feed(m, d->in, n, &out);
  for (size_t at = n; at < length; at += step)
    feed(m, d->in + at, length - at < step ? length - at : step, &out);
  ck_assert_int_eq(markup_end(m, &out), ERR_OK);
  ck_assert_str_eq(buf_str(&out), d->out ? d->out : d->in);
  markup_free(m);
  buf_clear(&out);
}

START_TEST(markup_put_document_translates_where_urls_stand)
{
  check_cut(&documents[_i], 0, 1 << 20);
}
END_TEST

START_TEST(markup_put_cut_anywhere_does_the_same)
{
  const struct document *d = &documents[_i];
  check_cut(d, 0, 1);
  for (size_t n = 0; n <= strlen(d->in); n++)
    check_cut(d, n, 1 << 20);
}
END_TEST

START_TEST(markup_put_long_url_is_decided_by_its_beginning)
{
  static char in[40000], out[40000];
  strcpy(in, "<a href='http://in/");
  strcpy(out, "<a href='https://out/");
  memset(in + strlen(in), 'x', 20000);
  memset(out + strlen(out), 'x', 20000);
  strcat(in, "'><a href='/in/'>");
  strcat(out, "'><a href='/out/'>");
  const struct document d = {MARKUP_HTML, in, out};
  check_cut(&d, 0, 1 << 20);
  check_cut(&d, 3, 7);
}
END_TEST

START_TEST(markup_put_other_character_encoding_stays)
{
  static const char utf16[] = "<\0a\0 \0h\0r\0e\0f\0=\0'\0h\0t\0t\0p\0:\0/\0/\0i\0n\0/\0'\0>";
  struct markup *m;
  struct buf out;
  buf_init(&out, 1024);
  ck_assert_int_eq(markup_new(MARKUP_HTML, map, NULL, &m), ERR_OK);
  feed(m, utf16, sizeof utf16, &out);
  ck_assert_int_eq(markup_end(m, &out), ERR_OK);
  ck_assert_uint_eq(out.len, sizeof utf16);
  ck_assert_mem_eq(out.data, utf16, sizeof utf16);
  markup_free(m);
  buf_clear(&out);
}
END_TEST

START_TEST(markup_put_no_room_is_refused)
{
  struct markup *m;
  struct buf out;
  buf_init(&out, 4);
  ck_assert_int_eq(markup_new(MARKUP_HTML, map, NULL, &m), ERR_OK);
  ck_assert_int_eq(markup_put(m, "<a href='http://in/'>", 21, &out), ERR_TOO_LARGE);
  ck_assert_int_eq(markup_put(m, "x", 1, &out), ERR_TOO_LARGE);
  markup_free(m);
  buf_clear(&out);
}
END_TEST

int main(void)
{
  Suite *s = suite_create("markup");
  TCase *t = tcase_create("markup");
  tcase_set_timeout(t, 60);
  const int n = sizeof documents / sizeof *documents;
  tcase_add_loop_test(t, markup_put_document_translates_where_urls_stand, 0, n);
  tcase_add_loop_test(t, markup_put_cut_anywhere_does_the_same, 0, n);
  tcase_add_test(t, markup_put_long_url_is_decided_by_its_beginning);
  tcase_add_test(t, markup_put_other_character_encoding_stays);
  tcase_add_test(t, markup_put_no_room_is_refused);
  suite_add_tcase(s, t);
  return run(s);
}
