#include "principals.h"

#include "run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *actors[] = {"c"};
static const char *targets[] = {"HTTP/a.test", "HTTP/b.test"};

struct sample {
  struct lab_user users[3];
  struct lab_app apps[3];
  struct lab_connector connectors[1];
  struct lab lab;
};

static void sample_init(struct sample *s)
{
  *s = (struct sample){
      .users =
          {{.name = "u", .password = "p", .enabled = true},
           {.name = "off", .password = "p"},
           {.name = "sens", .password = "p", .enabled = true, .sensitive = true, .expires_s = 2000000000}},
      .apps = {{.name = "a", .spn = "HTTP/a.test"},
               {.name = "a2", .spn = "HTTP/a.test", .allowed_to_act = {actors, 1}},
               {.name = "free"}},
      .connectors = {{.name = "c",
                      .realm = "R",
                      .principal = "HTTP/c.test",
                      .allowed_to_delegate_to = {targets, 2},
                      .ok_to_auth_as_delegate = true}},
  };
  s->lab = (struct lab){.realm = "R",
                        .users = s->users,
                        .n_users = 3,
                        .apps = s->apps,
                        .n_apps = 3,
                        .connectors = s->connectors,
                        .n_connectors = 1};
}

static const struct principal_wanted *find(const struct principal_list *list, const char *name)
{
  for (size_t i = 0; i < list->n; i++)
    if (strcmp(list->v[i].name, name) == 0) return &list->v[i];
  ck_abort_msg("no %s", name);
}

START_TEST(principals_of_lab_connector_of_another_realm_is_named_with_it_and_not_made)
{
  struct sample s;
  struct principal_list list;
  sample_init(&s);
  s.connectors[0].realm = "P";
  ck_assert_int_eq(principals_of_lab(&s.lab, &list, NULL), ERR_OK);
  for (size_t i = 0; i < list.n; i++)
    ck_assert_str_ne(list.v[i].name, "HTTP/c.test");
  ck_assert_str_eq(find(&list, "HTTP/a.test")->act_from, "HTTP/c.test@P");
  principals_clear(&list);
}
END_TEST

START_TEST(principals_of_lab_everyone_requires_preauth)
{
  struct sample s;
  struct principal_list list;
  sample_init(&s);
  ck_assert_int_eq(principals_of_lab(&s.lab, &list, NULL), ERR_OK);
  ck_assert_uint_eq(list.n, 5); /* three users, a connector, one SPN for two applications */
  for (size_t i = 0; i < list.n; i++)
    ck_assert(list.v[i].attributes & KRB5_KDB_REQUIRES_PRE_AUTH);
  principals_clear(&list);
}
END_TEST

START_TEST(principals_of_lab_attributes_follow_the_lab)
{
  struct sample s;
  struct principal_list list;
  sample_init(&s);
  ck_assert_int_eq(principals_of_lab(&s.lab, &list, NULL), ERR_OK);
  ck_assert(!(find(&list, "u")->attributes & (KRB5_KDB_DISALLOW_ALL_TIX | KRB5_KDB_DISALLOW_FORWARDABLE)));
  ck_assert(find(&list, "u")->attributes & KRB5_KDB_DISALLOW_SVR);
  ck_assert(find(&list, "off")->attributes & KRB5_KDB_DISALLOW_ALL_TIX);
  ck_assert(find(&list, "sens")->attributes & KRB5_KDB_DISALLOW_FORWARDABLE);
  ck_assert(find(&list, "HTTP/c.test")->attributes & KRB5_KDB_OK_TO_AUTH_AS_DELEGATE);
  ck_assert_str_eq(find(&list, "HTTP/c.test")->delegate_to, "HTTP/a.test HTTP/b.test");
  ck_assert_ptr_null(find(&list, "HTTP/a.test")->password);
  ck_assert_str_eq(find(&list, "HTTP/a.test")->act_from, "HTTP/c.test");
  ck_assert_int_eq(find(&list, "u")->expires_s, 0);
  ck_assert_int_eq(find(&list, "sens")->expires_s, 2000000000);
  principals_clear(&list);
}
END_TEST

START_TEST(principals_of_lab_wildcard_is_what_connectors_name)
{
  struct sample s;
  struct principal_list list;
  sample_init(&s);
  s.apps[2].spn = "HTTP/*.test";
  ck_assert_int_eq(principals_of_lab(&s.lab, &list, NULL), ERR_OK);
  ck_assert_uint_eq(list.n, 6);
  ck_assert(find(&list, "HTTP/b.test")->attributes & KRB5_KDB_REQUIRES_PRE_AUTH);
  principals_clear(&list);
}
END_TEST

START_TEST(principals_of_lab_user_without_password_is_refused)
{
  struct sample s;
  struct principal_list list;
  sample_init(&s);
  s.users[1].password = NULL;
  ck_assert_int_eq(principals_of_lab(&s.lab, &list, NULL), ERR_CONFIG);
}
END_TEST

START_TEST(principals_of_lab_spn_of_a_connector_is_refused)
{
  struct sample s;
  struct principal_list list;
  sample_init(&s);
  s.apps[2].spn = "HTTP/c.test";
  ck_assert_int_eq(principals_of_lab(&s.lab, &list, NULL), ERR_CONFIG);
}
END_TEST

START_TEST(principals_of_lab_connector_named_like_a_user_is_refused)
{
  struct sample s;
  struct principal_list list;
  sample_init(&s);
  s.connectors[0].principal = "u";
  ck_assert_int_eq(principals_of_lab(&s.lab, &list, NULL), ERR_CONFIG);
}
END_TEST

int main(void)
{
  Suite *s = suite_create("kdc_principals");
  TCase *t = tcase_create("principals");
  tcase_add_test(t, principals_of_lab_everyone_requires_preauth);
  tcase_add_test(t, principals_of_lab_connector_of_another_realm_is_named_with_it_and_not_made);
  tcase_add_test(t, principals_of_lab_attributes_follow_the_lab);
  tcase_add_test(t, principals_of_lab_wildcard_is_what_connectors_name);
  tcase_add_test(t, principals_of_lab_user_without_password_is_refused);
  tcase_add_test(t, principals_of_lab_spn_of_a_connector_is_refused);
  tcase_add_test(t, principals_of_lab_connector_named_like_a_user_is_refused);
  suite_add_tcase(s, t);
  return run(s);
}
