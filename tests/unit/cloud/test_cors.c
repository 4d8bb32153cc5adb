/* Preflights and scripts, on the real front. */
#include "front.h"

#include <stdio.h>
#include <string.h>

static const char *origins[] = {"https://spa.example"}, *methods[] = {"PUT"}, *headers[] = {"X-Custom"};
static struct lab_cors rules[] = {
    {.origins = {origins, 1}, .methods = {methods, 1}, .headers = {headers, 1}, .max_age_s = 60}};

static void publish_rules(void)
{
  struct lab_app *app = front_app("public");
  app->cors = rules;
  app->n_cors = 1;
}

static const struct preflight_case {
  const char *fields;
  bool allowed;
} preflights[] = {
    {"Origin: https://spa.example\r\nAccess-Control-Request-Method: PUT\r\n", true},
    {"Origin: https://spa.example\r\nAccess-Control-Request-Method: GET\r\n", true},
    {"Origin: https://spa.example\r\nAccess-Control-Request-Method: PUT\r\n"
     "Access-Control-Request-Headers: , x-custom,X-CUSTOM ,\r\n",
     true},
    {"Origin: https://spa.example\r\nAccess-Control-Request-Method: PUT\r\n"
     "Access-Control-Request-Headers: x-custom, x-custom2\r\n",
     false},
    {"Origin: https://spa.example\r\nAccess-Control-Request-Method: PUTT\r\n", false},
    {"Origin: https://spa.example\r\nAccess-Control-Request-Method: put\r\n", false},
    {"Origin: https://spa.example.evil\r\nAccess-Control-Request-Method: PUT\r\n", false},
    {"Origin: https://spa.exampl\r\nAccess-Control-Request-Method: PUT\r\n", false},
    {"Origin: https://SPA.example\r\nAccess-Control-Request-Method: PUT\r\n", false},
    {"Origin: https://spa.example:443\r\nAccess-Control-Request-Method: PUT\r\n", false},
    {"Origin: null\r\nAccess-Control-Request-Method: PUT\r\n", false},
    {"Origin: https://spa.example\r\nOrigin: https://spa.example\r\nAccess-Control-Request-Method: PUT\r\n",
     false},
};

START_TEST(cors_preflight_is_answered_by_the_rule)
{
  char text[1024];
  const struct preflight_case *c = &preflights[_i];
  struct user *u = user_connect(NULL);
  snprintf(text, sizeof text, "OPTIONS /x HTTP/1.1\r\n" TO_PUBLIC "%s\r\n", c->fields);
  user_send(u, text);
  run_until(user_got(u, "\r\n\r\n"));
  ck_assert_msg(user_got(u, c->allowed ? "HTTP/1.1 204 " : "HTTP/1.1 403 "), "%s", buf_str(&u->got));
  ck_assert(user_got(u, "Access-Control-Allow-Origin: https://spa.example\r\n") == c->allowed);
  ck_assert(user_got(u, "Access-Control-Max-Age: 60\r\n") == c->allowed);
}
END_TEST

/* What the application is asked and answers: its own fields give way. */
static struct user *asked(const char *origin)
{
  char text[256];
  inside_dial(&one, "connector-1");
  struct user *u = user_connect(NULL);
  snprintf(text, sizeof text, "GET /x HTTP/1.1\r\n" TO_PUBLIC "Origin: %s\r\n\r\n", origin);
  user_send(u, text);
  run_until(one.requests == 1);
  inside_answer(&one, 200, "access-control-allow-origin", "*", true);
  run_until(user_got(u, "\r\n\r\n"));
  ck_assert(user_got(u, "HTTP/1.1 200 "));
  ck_assert(user_got(u, "Vary: Origin\r\n"));
  ck_assert(!user_got(u, "rigin: *"));
  return u;
}

START_TEST(cors_response_of_a_known_origin_has_it)
{
  ck_assert(user_got(asked("https://spa.example"), "Access-Control-Allow-Origin: https://spa.example\r\n"));
}
END_TEST

START_TEST(cors_response_of_another_origin_has_none)
{
  ck_assert(!user_got(asked("https://evil.example"), "ccess-"));
}
END_TEST

START_TEST(cors_without_rules_leaves_the_application_its_fields)
{
  front_app("public")->n_cors = 0;
  struct user *u = user_asks("OPTIONS /x HTTP/1.1\r\n" TO_PUBLIC "Origin: https://spa.example\r\n"
                             "Access-Control-Request-Method: PUT\r\n\r\n");
  inside_answer(&one, 200, "access-control-allow-origin", "*", true);
  run_until(user_got(u, "\r\n\r\n"));
  ck_assert(user_got(u, "access-control-allow-origin: *\r\n"));
}
END_TEST

static const struct script_case {
  const char *fields;
  bool script;
} scripts[] = {
    {"", false},
    {"Accept: */*\r\n", false},
    {"Accept: text/html, application/json\r\n", false},
    {"Accept: application/json\r\n", true},
    {"Accept: image/png\r\n", true},
    {"X-Requested-With: XMLHttpRequest\r\nAccept: text/html\r\n", true},
    {"Origin: https://spa.example\r\n", true},
    {"Sec-Fetch-Mode: cors\r\nAccept: text/html\r\n", true},
    {"Sec-Fetch-Mode: same-origin\r\n", true},
    {"Sec-Fetch-Mode: navigate\r\nAccept: application/json\r\nX-Requested-With: x\r\n", false},
    {"Sec-Fetch-Mode: no-cors\r\nAccept: image/png\r\n", false},
};

/* Without an identity provider a page's logon fails at once, a script's answer does not. */
START_TEST(asks_as_script_is_told_by_the_request)
{
  char text[512];
  const struct script_case *c = &scripts[_i];
  struct user *u = user_connect(NULL);
  snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: hello.apps.localhost\r\n%s\r\n", c->fields);
  user_send(u, text);
  run_until(user_got(u, "\r\n\r\n"));
  ck_assert_msg(user_got(u, c->script ? "HTTP/1.1 401 " : "HTTP/1.1 502 "), "%s", buf_str(&u->got));
  ck_assert(user_got(u, "sign_in_required") == c->script);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("cors");
  TCase *c = front_tests(suite, "cors");
  tcase_add_checked_fixture(c, publish_rules, NULL);
  tcase_add_loop_test(c, cors_preflight_is_answered_by_the_rule, 0, sizeof preflights / sizeof *preflights);
  tcase_add_test(c, cors_response_of_a_known_origin_has_it);
  tcase_add_test(c, cors_response_of_another_origin_has_none);
  tcase_add_test(c, cors_without_rules_leaves_the_application_its_fields);
  tcase_add_loop_test(c, asks_as_script_is_told_by_the_request, 0, sizeof scripts / sizeof *scripts);
  return run(suite);
}
