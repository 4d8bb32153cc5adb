#include "attributes.h"
#include "flow_lines.h"
#include "show.h"
#include "view_suites.h"

#include <stdlib.h>
#include <string.h>

static struct page p;
static struct story s;
static char *text;
static size_t size;

static void set_up(void)
{
  p = (struct page){.out = open_memstream(&text, &size)};
}

static void tear_down(void)
{
  fclose(p.out);
  free(text);
  story_clear(&s);
}

/* Whether the output holds a line that begins with label (after blanks) and ends with value. */
static bool has_row(const char *label, const char *value)
{
  fflush(p.out);
  for (const char *line = text; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
    const char *at = line + strspn(line, " ");
    size_t n = strcspn(line, "\n"), k = strlen(value);
    if (strncmp(at, label, strlen(label)) == 0 && n >= k && memcmp(line + n - k, value, k) == 0) return true;
  }
  return false;
}

START_TEST(show_story_flow_tells_all_seven_steps)
{
  story_tell(&s, FLOW_ID, flow_spans());
  show_story(&p, &s);
  ck_assert(has_row("1   cloud: redirect", ""));
  ck_assert(has_row("2   idp: logon", ""));
  ck_assert(has_row("3   cloud: dispatch", ""));
  ck_assert(has_row("4   connector: delegate", ""));
  ck_assert(has_row("5   kdc: issue", ""));
  ck_assert(has_row("6   backend: verify", ""));
  ck_assert(has_row("7   cloud: respond", ""));
}
END_TEST

START_TEST(show_story_flow_decodes_what_was_sent)
{
  story_tell(&s, FLOW_ID, flow_spans());
  show_story(&p, &s);
  ck_assert(has_row("HTTP", "GET https://hello.apps.localhost:8443/ -> 302"));
  ck_assert(has_row("upn", "alice@sevenstep.test"));
  ck_assert(has_row("exp", "1700003600  (2023-11-14T23:13:20Z)"));
  ck_assert(has_row("groups", "[\"staff\"]"));
  ck_assert(has_row("token: claims", "unchanged"));
  ck_assert(has_row("AS exchange", "0.420 ms"));
  ck_assert(has_row("evidence ticket", ""));
  ck_assert(has_row("flags", "forwardable, renewable, pre-authent, enc-pa-rep"));
  ck_assert(has_row("enctype", "aes256-cts-hmac-sha1-96 (18)"));
  ck_assert(has_row("valid until", "2023-11-15T08:13:20Z"));
  ck_assert(has_row("kdc.log", "TGS_REQ ISSUE"));
  ck_assert(has_row("service ticket", ""));
  ck_assert(has_row("key version", "2"));
  ck_assert(has_row("connector-1 (as client)", "took 2.0 ms"));
  ck_assert(has_row("unheard.of", "?[2Jboo"));
}
END_TEST

START_TEST(show_story_failure_has_name_why_and_fix)
{
  story_tell(&s, REFUSED_ID, refused_spans());
  show_story(&p, &s);
  ck_assert(has_row("ERROR", "token_signature"));
  ck_assert(has_row("what", "Wrong."));
  ck_assert(has_row("why", "key k-1"));
  ck_assert(has_row("fix", "Again."));
}
END_TEST

START_TEST(show_story_unreadable_claims_are_shown_raw)
{
  json_t *all = refused_spans();
  json_object_set_new(json_object_get(json_array_get(all, 0), "attributes"), "token.claims",
                      json_string("{cut"));
  story_tell(&s, REFUSED_ID, all);
  show_story(&p, &s);
  ck_assert(has_row("token: claims", "{cut"));
}
END_TEST

START_TEST(show_list_line_has_status_steps_and_user)
{
  story_tell(&s, FLOW_ID, flow_spans());
  show_list_line(&p, &s);
  ck_assert(has_row("20", "hello        alice@sevenstep.test"));
}
END_TEST

START_TEST(show_span_line_failed_names_the_error)
{
  story_tell(&s, REFUSED_ID, refused_spans());
  show_span_line(&p, json_array_get(s.spans, 0));
  ck_assert(has_row("22:13:20.900Z  4bf9aaaa  3  cloud", "token_signature"));
}
END_TEST

START_TEST(ticket_flags_text_small_buffer_is_not_overrun)
{
  char out[20];
  ticket_flags_text(0x7fffffff, out, sizeof out);
  ck_assert_str_eq(out, "0x7fffffff, forward");
}
END_TEST

Suite *show_suite(void)
{
  Suite *suite = suite_create("show");
  TCase *t = tcase_create("show");
  tcase_add_checked_fixture(t, set_up, tear_down);
  tcase_add_test(t, show_story_flow_tells_all_seven_steps);
  tcase_add_test(t, show_story_flow_decodes_what_was_sent);
  tcase_add_test(t, show_story_failure_has_name_why_and_fix);
  tcase_add_test(t, show_story_unreadable_claims_are_shown_raw);
  tcase_add_test(t, show_list_line_has_status_steps_and_user);
  tcase_add_test(t, show_span_line_failed_names_the_error);
  tcase_add_test(t, ticket_flags_text_small_buffer_is_not_overrun);
  suite_add_tcase(suite, t);
  return suite;
}
