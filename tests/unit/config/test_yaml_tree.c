#include "suites.h"
#include "yaml_tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct arena arena;
static struct failure f;

static void set_up(void)
{
  arena_init(&arena, 8u << 20);
  f = (struct failure){0};
}

static void tear_down(void)
{
  arena_clear(&arena);
}

static struct yaml_node *parsed(const char *text)
{
  struct yaml_node *root = NULL;
  ck_assert_msg(yaml_parse(&arena, "t", text, strlen(text), &root, &f) == ERR_OK, "%s", f.why);
  return root;
}

static const char *refused(const char *text)
{
  struct yaml_node *root = NULL;
  ck_assert_int_eq(yaml_parse(&arena, "t", text, strlen(text), &root, &f), ERR_CONFIG);
  ck_assert_ptr_null(root);
  return f.why;
}

START_TEST(yaml_parse_mapping_keeps_places)
{
  const struct yaml_node *b = yaml_get(parsed("a: 1\n\n  \nb:   two words # remark\n"), "b");
  ck_assert_str_eq(b->text, "two words");
  ck_assert_uint_eq(b->key_at.line, 4);
  ck_assert_uint_eq(b->key_at.column, 1);
  ck_assert_uint_eq(b->at.line, 4);
  ck_assert_uint_eq(b->at.column, 6);
}
END_TEST

START_TEST(yaml_parse_list_keeps_order)
{
  const struct yaml_node *list = parsed("[one, 'two', \"three\"]");
  ck_assert_int_eq(list->kind, YAML_LIST);
  ck_assert_uint_eq(list->n, 3);
  ck_assert_str_eq(list->first->text, "one");
  ck_assert(!list->first->quoted);
  ck_assert_str_eq(list->first->next->text, "two");
  ck_assert(list->first->next->quoted);
  ck_assert_uint_eq(list->first->next->next->at.column, 14);
}
END_TEST

START_TEST(yaml_parse_forgotten_value_has_its_key_s_place)
{
  const struct yaml_node *b = yaml_get(parsed("a: 1\nb:\n"), "b");
  ck_assert_str_eq(b->text, "");
  ck_assert(!b->quoted);
  ck_assert_uint_eq(b->at.line, 2);
}
END_TEST

START_TEST(yaml_parse_empty_is_refused)
{
  ck_assert_str_eq(refused(""), "t:1:1: the file is empty");
  ck_assert_str_eq(refused("# only a remark\n"), "t:1:1: the file is empty");
}
END_TEST

START_TEST(yaml_parse_duplicate_key_is_refused)
{
  ck_assert_str_eq(refused("a: 1\nb: 2\na: 3\n"), "t:3:1: \"a\" is given twice; the first is in line 1");
}
END_TEST

START_TEST(yaml_parse_anchor_is_refused)
{
  ck_assert_ptr_nonnull(strstr(refused("a: &x 1\n"), "t:1:7: anchors"));
}
END_TEST

START_TEST(yaml_parse_alias_is_refused)
{
  ck_assert_ptr_nonnull(strstr(refused("a: *x\n"), "t:1:4: aliases"));
}
END_TEST

START_TEST(yaml_parse_tag_is_refused)
{
  ck_assert_ptr_nonnull(strstr(refused("a: !!int 1\n"), "tags (!name)"));
}
END_TEST

START_TEST(yaml_parse_collection_as_key_is_refused)
{
  ck_assert_ptr_nonnull(strstr(refused("? [a]\n: 1\n"), "a key must be a word"));
}
END_TEST

START_TEST(yaml_parse_second_document_is_refused)
{
  ck_assert_ptr_nonnull(strstr(refused("a: 1\n---\nb: 2\n"), "a second document"));
}
END_TEST

START_TEST(yaml_parse_syntax_error_names_the_line)
{
  ck_assert_int_eq(strncmp(refused("a: 1\nb: [1, 2\nc: 3\n"), "t:", 2), 0);
  ck_assert_int_eq(strncmp(refused("a: 1\nb: c: d\n"), "t:2:", 4), 0);
}
END_TEST

START_TEST(yaml_parse_control_character_is_refused)
{
  struct yaml_node *root = NULL;
  ck_assert_int_eq(yaml_parse(&arena, "t", "a: \"x\\0y\"", 9, &root, &f), ERR_CONFIG);
  ck_assert_int_eq(yaml_parse(&arena, "t", "a: x\0y", 6, &root, &f), ERR_CONFIG);
}
END_TEST

START_TEST(yaml_parse_directive_is_refused)
{
  ck_assert_str_eq(refused("%YAML 1.1\n---\na: 1\n"), "t:1:1: directives (%NAME) are not used here");
}
END_TEST

START_TEST(yaml_parse_malformed_utf8_is_refused)
{
  static const char *const bad[] = {"a: \xff",
                                    "a: \x80",
                                    "a: \xc3",
                                    "a: \xc0\xaf",
                                    "a: \xe0\x80\xaf",
                                    "a: \xed\xa0\x80",
                                    "a: \xf0\x80\x80\x80",
                                    "a: \xf4\x90\x80\x80",
                                    "a: \xf5\x80\x80\x80",
                                    "a: \xe2\x82"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    ck_assert_str_eq(refused(bad[i]), "t:1:4: this is not UTF-8");
  ck_assert_str_eq(yaml_get(parsed("a: \xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"), "a")->text,
                   "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
}
END_TEST

START_TEST(yaml_parse_depth_has_a_limit)
{
  ck_assert_int_eq(parsed("[[[[[[[[1]]]]]]]]")->kind, YAML_LIST);
  ck_assert_ptr_nonnull(strstr(refused("[[[[[[[[[1]]]]]]]]]"), "nested too deeply"));
}
END_TEST

START_TEST(yaml_parse_number_of_nodes_has_a_limit)
{
  size_t n = 2u * YAML_MAX_NODES + 2;
  char *text = malloc(n + 1);
  text[0] = '[';
  for (size_t i = 1; i < n; i += 2)
    memcpy(text + i, "a,", 2);
  text[n - 1] = ']';
  text[n] = 0;
  ck_assert_ptr_nonnull(strstr(refused(text), "too many values"));
  free(text);
}
END_TEST

START_TEST(yaml_parse_size_has_a_limit)
{
  size_t n = YAML_MAX_BYTES + 1;
  char *text = malloc(n + 1);
  memset(text, '#', n);
  text[n] = 0;
  ck_assert_ptr_nonnull(strstr(refused(text), "larger than 1 MiB"));
  free(text);
}
END_TEST

START_TEST(yaml_parse_out_of_arena_is_no_memory)
{
  struct arena tiny;
  struct yaml_node *root = NULL;
  arena_init(&tiny, 64);
  ck_assert_int_eq(yaml_parse(&tiny, "t", "[a, b, c, d]", 12, &root, &f), ERR_NOMEM);
  ck_assert_ptr_null(root);
  arena_clear(&tiny);
}
END_TEST

START_TEST(yaml_get_absent_is_null)
{
  ck_assert_ptr_null(yaml_get(NULL, "a"));
  ck_assert_ptr_null(yaml_get(parsed("[a]"), "a"));
  ck_assert_ptr_null(yaml_get(parsed("a: 1"), "b"));
}
END_TEST

Suite *yaml_tree_suite(void)
{
  Suite *s = suite_create("yaml_tree");
  TCase *t = tcase_create("yaml_tree");
  tcase_add_checked_fixture(t, set_up, tear_down);
  tcase_add_test(t, yaml_parse_mapping_keeps_places);
  tcase_add_test(t, yaml_parse_list_keeps_order);
  tcase_add_test(t, yaml_parse_forgotten_value_has_its_key_s_place);
  tcase_add_test(t, yaml_parse_empty_is_refused);
  tcase_add_test(t, yaml_parse_duplicate_key_is_refused);
  tcase_add_test(t, yaml_parse_anchor_is_refused);
  tcase_add_test(t, yaml_parse_alias_is_refused);
  tcase_add_test(t, yaml_parse_tag_is_refused);
  tcase_add_test(t, yaml_parse_collection_as_key_is_refused);
  tcase_add_test(t, yaml_parse_second_document_is_refused);
  tcase_add_test(t, yaml_parse_syntax_error_names_the_line);
  tcase_add_test(t, yaml_parse_control_character_is_refused);
  tcase_add_test(t, yaml_parse_directive_is_refused);
  tcase_add_test(t, yaml_parse_malformed_utf8_is_refused);
  tcase_add_test(t, yaml_parse_depth_has_a_limit);
  tcase_add_test(t, yaml_parse_number_of_nodes_has_a_limit);
  tcase_add_test(t, yaml_parse_size_has_a_limit);
  tcase_add_test(t, yaml_parse_out_of_arena_is_no_memory);
  tcase_add_test(t, yaml_get_absent_is_null);
  suite_add_tcase(s, t);
  return s;
}
