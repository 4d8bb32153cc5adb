/* Sealed cookies: sessions and logons under way. */
#include "session.h"

#include "run.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64], key_path[96];
static struct seal *seal;
static const struct lab_app hello = {.name = "hello", .external_url = {.host = "hello.test"}},
                            other = {.name = "other", .external_url = {.host = "hello.test"}};
static struct buf cookie;
static struct session session = {
    .upn = "alice@sevenstep.test", .spn = "HTTP/hello", .name = "Alice", .issued_s = 1000, .expires_s = 2000};

static void setup(void)
{
  struct failure f;
  strcpy(folder, "/tmp/sevenstep-session-XXXXXX");
  ck_assert_ptr_nonnull(mkdtemp(folder));
  snprintf(key_path, sizeof key_path, "%s/session.key", folder);
  ck_assert_int_eq(seal_new(key_path, &seal, &f), ERR_OK);
  buf_init(&cookie, 8192);
  ck_assert_int_eq(session_seal(seal, &hello, "hello.test", &session, &cookie), ERR_OK);
}

static void teardown(void)
{
  seal_free(seal);
  buf_clear(&cookie);
  unlink(key_path);
  rmdir(folder);
}

static enum err open_at(const struct lab_app *app, int64_t now_s, struct session *ret)
{
  return session_open(seal, app, "hello.test", buf_str(&cookie), cookie.len, now_s, ret);
}

START_TEST(session_open_gives_back_what_was_sealed)
{
  struct session s;
  ck_assert_int_eq(open_at(&hello, 1500, &s), ERR_OK);
  ck_assert_str_eq(s.upn, session.upn);
  ck_assert_str_eq(s.spn, session.spn);
  ck_assert_str_eq(s.name, session.name);
  ck_assert_int_eq(s.expires_s, 2000);
}
END_TEST

/* Only an application that is told of them costs its cookie their length. */
START_TEST(session_of_claims_keeps_what_headers_need)
{
  static struct lab_header headers[] = {{"X-Groups", CLAIM_GROUPS}};
  const struct lab_app app = {.name = "hello", .headers = headers, .n_headers = 1};
  struct token_claims c = {
      .subject = "alice", .upn = "alice@sevenstep.test", .name = "A\nB", .groups = "a,b"};
  struct session s;
  session_of_claims(&s, &app, &c);
  ck_assert_str_eq(s.groups, "a,b");
  ck_assert_str_eq(s.sub, "");
  ck_assert_str_eq(s.name, "A B");
  session_of_claims(&s, &hello, &c);
  ck_assert_str_eq(s.groups, "");
}
END_TEST

/* Browsers take 4096 bytes of name and value (RFC 6265bis 5.6). */
START_TEST(session_seal_of_the_longest_fits_a_cookie)
{
  struct session s = {.issued_s = 1795727195, .expires_s = 1795730795}, got;
  memset(s.upn, 'u', sizeof s.upn - 1);
  memset(s.name, 'n', sizeof s.name - 1);
  memset(s.sub, 's', sizeof s.sub - 1);
  memset(s.groups, 'g', sizeof s.groups - 1);
  buf_reset(&cookie);
  ck_assert_int_eq(session_seal(seal, &hello, "hello.test", &s, &cookie), ERR_OK);
  ck_assert_uint_lt(cookie.len + COOKIE_NAME_MAX, 4096);
  ck_assert_int_eq(open_at(&hello, 1795727195, &got), ERR_OK);
  ck_assert_str_eq(got.groups, s.groups);
  ck_assert_str_eq(got.sub, s.sub);
}
END_TEST

START_TEST(session_claim_is_one_line_of_printable_ascii)
{
  struct session s = {.name = "B\xc3\xb8\r\nX-Admin: 1\t100%\x7f"};
  struct buf out;
  buf_init(&out, 256);
  ck_assert_int_eq(session_claim(&s, CLAIM_NAME, &out), ERR_OK);
  ck_assert_str_eq(buf_str(&out), "B%C3%B8%0D%0AX-Admin: 1%09100%25%7F");
  buf_clear(&out);
}
END_TEST

START_TEST(session_may_use_while_its_user_is_active_and_assigned)
{
  static struct lab_user users[] = {{.name = "alice", .upn = "alice@sevenstep.test", .enabled = true},
                                    {.name = "bob", .upn = "bob@sevenstep.test", .enabled = true},
                                    {.name = "carol", .upn = "carol@sevenstep.test"}};
  static const char *assigned[] = {"alice", "carol"};
  const struct lab lab = {.users = users, .n_users = 3, .upn_suffix = "sevenstep.test"};
  const struct lab_app app = {.name = "hello", .assigned_users = {assigned, 2}, .assignment_required = true};
  const struct lab_app open = {.name = "open"};
  const struct session alice = {.upn = "Alice@sevenstep.test"}, bob = {.upn = "bob@sevenstep.test"},
                       carol = {.upn = "carol@sevenstep.test"}, removed = {.upn = "x@Sevenstep.test"},
                       foreign = {.upn = "x@elsewhere.test"};
  ck_assert(session_may_use(&lab, &app, &alice, 1000));
  ck_assert(!session_may_use(&lab, &app, &bob, 1000));
  ck_assert(session_may_use(&lab, &open, &bob, 1000));
  ck_assert(!session_may_use(&lab, &open, &carol, 1000));
  ck_assert(!session_may_use(&lab, &open, &removed, 1000));
  ck_assert(session_may_use(&lab, &app, &foreign, 1000));
  users[0].expires_s = 1000;
  ck_assert(!session_may_use(&lab, &app, &alice, 1000));
}
END_TEST

START_TEST(session_open_at_its_end_is_expired)
{
  struct session s;
  ck_assert_int_eq(open_at(&hello, 2000, &s), ERR_SESSION_EXPIRED);
}
END_TEST

START_TEST(session_open_from_the_future_is_refused)
{
  struct session s;
  ck_assert_int_eq(open_at(&hello, 900, &s), ERR_SESSION_EXPIRED);
}
END_TEST

START_TEST(session_open_of_another_application_is_invalid)
{
  struct session s;
  ck_assert_int_eq(open_at(&other, 1500, &s), ERR_SESSION_INVALID);
}
END_TEST

static bool is_refused(enum err e)
{
  return e == ERR_SESSION_MALFORMED || e == ERR_SESSION_INVALID;
}

START_TEST(session_open_with_any_character_changed_is_refused)
{
  struct session s;
  for (size_t i = 0; i < cookie.len; i++) {
    uint8_t was = cookie.data[i];
    cookie.data[i] = was == 'A' ? 'B' : 'A';
    ck_assert(is_refused(open_at(&hello, 1500, &s)));
    cookie.data[i] = was;
  }
}
END_TEST

/* What was opened once is opened by comparing. */
START_TEST(session_that_is_known_is_given_back_only_for_the_same)
{
  struct session s;
  ck_assert_int_eq(open_at(&hello, 1500, &s), ERR_OK);
  for (size_t i = 0; i < cookie.len; i++) {
    uint8_t was = cookie.data[i];
    cookie.data[i] = was == 'A' ? 'B' : 'A';
    ck_assert(is_refused(open_at(&hello, 1500, &s)));
    cookie.data[i] = was;
  }
  ck_assert_int_eq(open_at(&other, 1500, &s), ERR_SESSION_INVALID);
  ck_assert_int_eq(session_open(seal, &hello, "hallo.test", buf_str(&cookie), cookie.len, 1500, &s),
                   ERR_SESSION_INVALID);
  ck_assert_int_eq(open_at(&hello, 2000, &s), ERR_SESSION_EXPIRED);
  memset(&s, 0xff, sizeof s);
  ck_assert_int_eq(open_at(&hello, 1500, &s), ERR_OK);
  ck_assert_str_eq(s.upn, session.upn);
  ck_assert_str_eq(s.groups, "");
  ck_assert_int_eq(s.expires_s, 2000);
}
END_TEST

/* Many more than can be known. */
START_TEST(session_opens_among_many)
{
  struct session s, mine = session;
  static struct buf cookies[2000];
  for (size_t i = 0; i < 2000; i++) {
    buf_init(&cookies[i], 4096);
    snprintf(mine.upn, sizeof mine.upn, "user%zu@sevenstep.test", i);
    ck_assert_int_eq(session_seal(seal, &hello, "hello.test", &mine, &cookies[i]), ERR_OK);
  }
  for (size_t i = 0; i < 4000; i++) {
    const struct buf *c = &cookies[i % 2000];
    snprintf(mine.upn, sizeof mine.upn, "user%zu@sevenstep.test", i % 2000);
    ck_assert_int_eq(session_open(seal, &hello, "hello.test", buf_str(c), c->len, 1500, &s), ERR_OK);
    ck_assert_str_eq(s.upn, mine.upn);
  }
  for (size_t i = 0; i < 2000; i++)
    buf_clear(&cookies[i]);
}
END_TEST

START_TEST(session_open_with_its_content_changed_is_invalid)
{
  struct session s;
  cookie.data[cookie.len / 2] = cookie.data[cookie.len / 2] == 'A' ? 'B' : 'A';
  ck_assert_int_eq(open_at(&hello, 1500, &s), ERR_SESSION_INVALID);
}
END_TEST

START_TEST(session_open_without_the_form_is_malformed)
{
  static const char *const values[] = {"", "forged", "not base64!", "=", "AAAA"};
  struct session s;
  for (size_t i = 0; i < sizeof values / sizeof *values; i++)
    ck_assert_int_eq(session_open(seal, &hello, "hello.test", values[i], strlen(values[i]), 1500, &s),
                     ERR_SESSION_MALFORMED);
}
END_TEST

START_TEST(session_open_cut_is_refused)
{
  struct session s;
  for (size_t n = 0; n < cookie.len; n++)
    ck_assert(is_refused(session_open(seal, &hello, "hello.test", buf_str(&cookie), n, 1500, &s)));
}
END_TEST

START_TEST(seal_of_another_key_is_invalid)
{
  struct session s;
  struct failure f;
  seal_free(seal);
  unlink(key_path);
  ck_assert_int_eq(seal_new(key_path, &seal, &f), ERR_OK);
  ck_assert_int_eq(open_at(&hello, 1500, &s), ERR_SESSION_INVALID);
}
END_TEST

START_TEST(seal_new_again_reads_the_same_key)
{
  struct session s;
  struct failure f;
  struct stat st;
  seal_free(seal);
  ck_assert_int_eq(seal_new(key_path, &seal, &f), ERR_OK);
  ck_assert_int_eq(open_at(&hello, 1500, &s), ERR_OK);
  ck_assert_int_eq(stat(key_path, &st), 0);
  ck_assert_int_eq(st.st_mode & 0777, 0600);
}
END_TEST

START_TEST(seal_new_with_a_cut_key_file_is_refused)
{
  struct failure f;
  struct seal *cut;
  ck_assert_int_eq(truncate(key_path, 31), 0);
  ck_assert_int_eq(seal_new(key_path, &cut, &f), ERR_IO);
  ck_assert_ptr_nonnull(strstr(f.why, key_path));
}
END_TEST

START_TEST(seal_close_twice_gives_different_values)
{
  struct buf again;
  buf_init(&again, 8192);
  ck_assert_int_eq(session_seal(seal, &hello, "hello.test", &session, &again), ERR_OK);
  ck_assert_str_ne(buf_str(&again), buf_str(&cookie));
  buf_clear(&again);
}
END_TEST

/* -- logons
 * ------------------------------------------------------------------------------------------------------- */

static const struct trace_ctx ctx = {.trace_id = {1}, .span_id = {2}, .sampled = true};

static struct logon begin(struct buf *out)
{
  struct logon l;
  ck_assert_int_eq(logon_begin(&l, &ctx, true, "/a?b", 4, 1000), ERR_OK);
  buf_init(out, 8192);
  ck_assert_int_eq(logon_seal(seal, &hello, "hello.test", &l, out), ERR_OK);
  return l;
}

START_TEST(logon_open_gives_back_what_was_sealed)
{
  struct buf text;
  struct logon l = begin(&text), back;
  ck_assert_int_eq(logon_open(seal, &hello, "hello.test", buf_str(&text), text.len, l.state, 1100, &back),
                   ERR_OK);
  ck_assert_str_eq(back.nonce, l.nonce);
  ck_assert_str_eq(back.verifier, l.verifier);
  ck_assert_str_eq(back.return_to, "/a?b");
  ck_assert_int_eq(strncmp(l.state, "00-01", 5), 0);
  buf_clear(&text);
}
END_TEST

START_TEST(logon_open_with_another_state_is_a_mismatch)
{
  struct buf text;
  struct logon l = begin(&text), back;
  char *last = l.state + strlen(l.state) - 1;
  *last = *last == 'A' ? 'B' : 'A';
  ck_assert_int_eq(logon_open(seal, &hello, "hello.test", buf_str(&text), text.len, l.state, 1100, &back),
                   ERR_STATE_MISMATCH);
  buf_clear(&text);
}
END_TEST

START_TEST(logon_open_too_late_is_a_mismatch)
{
  struct buf text;
  struct logon l = begin(&text), back;
  ck_assert_int_eq(logon_open(seal, &hello, "hello.test", buf_str(&text), text.len, l.state,
                              1000 + LOGON_LIFETIME_S + 1, &back),
                   ERR_STATE_MISMATCH);
  buf_clear(&text);
}
END_TEST

START_TEST(session_open_at_another_host_is_invalid)
{
  struct session s;
  ck_assert_int_eq(session_open(seal, &hello, "other.test", buf_str(&cookie), cookie.len, 1500, &s),
                   ERR_SESSION_INVALID);
}
END_TEST

static const struct lab_app elsewhere = {.name = "hello", .external_url = {.host = "other.test"}};

START_TEST(ticket_open_is_for_one_host_state_and_minute)
{
  struct buf ticket;
  struct session s;
  buf_init(&ticket, 8192);
  ck_assert_int_eq(ticket_seal(seal, &hello, "state", 1500, &session, &ticket), ERR_OK);
  ck_assert_int_eq(ticket_open(seal, &hello, "state", buf_str(&ticket), 1560, 60, &s), ERR_OK);
  ck_assert_str_eq(s.upn, session.upn);
  ck_assert_mem_eq(s.id, session.id, sizeof s.id);
  ck_assert_int_eq(ticket_open(seal, &hello, "state", buf_str(&ticket), 1561, 60, &s), ERR_STATE_MISMATCH);
  ck_assert_int_eq(ticket_open(seal, &hello, "state", buf_str(&ticket), 1400, 60, &s), ERR_STATE_MISMATCH);
  ck_assert_int_eq(ticket_open(seal, &hello, "other", buf_str(&ticket), 1510, 60, &s), ERR_STATE_MISMATCH);
  ck_assert_int_eq(ticket_open(seal, &other, "state", buf_str(&ticket), 1510, 60, &s), ERR_STATE_MISMATCH);
  ck_assert_int_eq(ticket_open(seal, &elsewhere, "state", buf_str(&ticket), 1510, 60, &s),
                   ERR_STATE_MISMATCH);
  ck_assert_int_eq(ticket_open(seal, &hello, "state", buf_str(&cookie), 1510, 60, &s), ERR_STATE_MISMATCH);
  ck_assert_int_eq(ticket_open(seal, &hello, "state", "", 1510, 60, &s), ERR_STATE_MISMATCH);
  buf_reset(&ticket);
  ck_assert_int_eq(ticket_seal(seal, &hello, "state", 1990, &session, &ticket), ERR_OK);
  ck_assert_int_eq(ticket_open(seal, &hello, "state", buf_str(&ticket), 2000, 60, &s), ERR_SESSION_EXPIRED);
  buf_clear(&ticket);
}
END_TEST

START_TEST(handover_open_is_for_one_application_and_state)
{
  const struct handover to = {.segment = "api", .label = "red", .issued_s = 1000};
  struct handover back;
  struct buf text;
  buf_init(&text, 1024);
  ck_assert_int_eq(handover_seal(seal, &hello, "state", &to, &text), ERR_OK);
  ck_assert_int_eq(handover_open(seal, &hello, "state", buf_str(&text), 1000 + LOGON_LIFETIME_S, &back),
                   ERR_OK);
  ck_assert_str_eq(back.segment, "api");
  ck_assert_str_eq(back.label, "red");
  ck_assert_int_eq(handover_open(seal, &hello, "state", buf_str(&text), 1001 + LOGON_LIFETIME_S, &back),
                   ERR_STATE_MISMATCH);
  ck_assert_int_eq(handover_open(seal, &hello, "other", buf_str(&text), 1000, &back), ERR_STATE_MISMATCH);
  ck_assert_int_eq(handover_open(seal, &other, "state", buf_str(&text), 1000, &back), ERR_STATE_MISMATCH);
  ck_assert_int_eq(handover_open(seal, &hello, "state", buf_str(&cookie), 1000, &back), ERR_STATE_MISMATCH);
  buf_clear(&text);
}
END_TEST

START_TEST(logon_open_of_a_session_cookie_is_a_mismatch)
{
  struct buf text;
  struct logon l = begin(&text), back;
  ck_assert_int_eq(logon_open(seal, &hello, "hello.test", buf_str(&cookie), cookie.len, l.state, 1100, &back),
                   ERR_STATE_MISMATCH);
  buf_clear(&text);
}
END_TEST

START_TEST(logon_begin_with_a_return_path_too_long_is_refused)
{
  static char path[RETURN_MAX + 1];
  struct logon l;
  memset(path, 'a', sizeof path);
  ck_assert_int_eq(logon_begin(&l, &ctx, false, path, sizeof path, 1000), ERR_TOO_LARGE);
}
END_TEST

START_TEST(logon_cookie_name_of_a_foreign_state_is_refused)
{
  char name[64];
  ck_assert_int_eq(logon_cookie_name("", name), ERR_STATE_MISMATCH);
  ck_assert_int_eq(logon_cookie_name("short", name), ERR_STATE_MISMATCH);
}
END_TEST

START_TEST(cookie_set_writes_the_attributes_a_host_cookie_needs)
{
  struct fields f;
  fields_init(&f, 4, 1024);
  ck_assert_int_eq(cookie_set(&f, COOKIE_SESSION, "v", -1, "Lax"), ERR_OK);
  ck_assert_str_eq(fields_get(&f, "set-cookie"),
                   "__Host-sevenstep=v; Path=/; Secure; HttpOnly; SameSite=Lax");
  fields_reset(&f);
  ck_assert_int_eq(cookie_set(&f, COOKIE_TRACE, "", 0, "Lax"), ERR_OK);
  ck_assert_ptr_nonnull(strstr(fields_get(&f, "set-cookie"), "; Max-Age=0"));
  fields_clear(&f);
}
END_TEST

static const struct cookie_case {
  bool http_only, persistent;
  const char *path;
  unsigned lifetime_s;
  const char *line;
} session_cookies[] = {
    {true, false, "/", 600, "__Host-sevenstep=v; Path=/; Secure; HttpOnly; SameSite=Lax"},
    {false, false, "/", 600, "__Host-sevenstep=v; Path=/; Secure; SameSite=Lax"},
    {true, true, "/", 600, "__Host-sevenstep=v; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=600"},
    {true, false, "/a/", 600, "__Host-sevenstep-app-x=v; Path=/; Secure; HttpOnly; SameSite=Lax"},
    {true, false, "/", 0, "__Host-sevenstep=v; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0"},
};

START_TEST(session_cookie_set_follows_the_application_s_options)
{
  const struct cookie_case *k = &session_cookies[_i];
  const struct lab_app app = {.name = "x",
                              .external_url = {.path = k->path},
                              .http_only_cookie = k->http_only,
                              .persistent_cookie = k->persistent};
  struct fields f;
  fields_init(&f, 4, 1024);
  ck_assert_int_eq(session_cookie_set(&f, &app, "v", k->lifetime_s), ERR_OK);
  ck_assert_str_eq(fields_get(&f, "set-cookie"), k->line);
  fields_clear(&f);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("session");
  TCase *c = tcase_create("session");
  tcase_add_checked_fixture(c, setup, teardown);
  tcase_add_test(c, session_open_gives_back_what_was_sealed);
  tcase_add_test(c, session_of_claims_keeps_what_headers_need);
  tcase_add_test(c, session_seal_of_the_longest_fits_a_cookie);
  tcase_add_test(c, session_claim_is_one_line_of_printable_ascii);
  tcase_add_test(c, session_may_use_while_its_user_is_active_and_assigned);
  tcase_add_test(c, session_open_at_its_end_is_expired);
  tcase_add_test(c, session_open_from_the_future_is_refused);
  tcase_add_test(c, session_open_of_another_application_is_invalid);
  tcase_add_test(c, session_open_at_another_host_is_invalid);
  tcase_add_test(c, ticket_open_is_for_one_host_state_and_minute);
  tcase_add_test(c, handover_open_is_for_one_application_and_state);
  tcase_add_test(c, session_open_with_any_character_changed_is_refused);
  tcase_add_test(c, session_that_is_known_is_given_back_only_for_the_same);
  tcase_add_test(c, session_opens_among_many);
  tcase_add_test(c, session_open_with_its_content_changed_is_invalid);
  tcase_add_test(c, session_open_without_the_form_is_malformed);
  tcase_add_test(c, session_open_cut_is_refused);
  tcase_add_test(c, seal_of_another_key_is_invalid);
  tcase_add_test(c, seal_new_again_reads_the_same_key);
  tcase_add_test(c, seal_new_with_a_cut_key_file_is_refused);
  tcase_add_test(c, seal_close_twice_gives_different_values);
  tcase_add_test(c, logon_open_gives_back_what_was_sealed);
  tcase_add_test(c, logon_open_with_another_state_is_a_mismatch);
  tcase_add_test(c, logon_open_too_late_is_a_mismatch);
  tcase_add_test(c, logon_open_of_a_session_cookie_is_a_mismatch);
  tcase_add_test(c, logon_begin_with_a_return_path_too_long_is_refused);
  tcase_add_test(c, logon_cookie_name_of_a_foreign_state_is_refused);
  tcase_add_test(c, cookie_set_writes_the_attributes_a_host_cookie_needs);
  tcase_add_loop_test(c, session_cookie_set_follows_the_application_s_options, 0,
                      sizeof session_cookies / sizeof *session_cookies);
  suite_add_tcase(suite, c);
  return run(suite);
}
