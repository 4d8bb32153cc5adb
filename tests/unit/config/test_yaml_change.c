#include "suites.h"
#include "yaml_change.h"

#include <stdio.h>
#include <string.h>

static struct arena arena;
static struct failure f;
static struct buf text;

static void set_up(void)
{
  arena_init(&arena, 8u << 20);
  buf_init(&text, 1 << 20);
}

static void tear_down(void)
{
  buf_clear(&text);
  arena_clear(&arena);
}

static struct yaml_node *parsed(const char *name, const char *yaml)
{
  struct yaml_node *root = NULL;
  ck_assert_msg(yaml_parse(&arena, name, yaml, strlen(yaml), &root, &f) == ERR_OK, "%s", f.why);
  return root;
}

static const char *written(const struct yaml_node *node)
{
  ck_assert_ptr_nonnull(node);
  buf_reset(&text);
  ck_assert_int_eq(yaml_write(node, &text), ERR_OK);
  return buf_str(&text);
}

static const char *merged(const char *base, const char *patch)
{
  return written(yaml_merge(&arena, parsed("base", base), parsed("patch", patch)));
}

/* What diff says of two documents, after making sure that it leads from the one to the other. */
static const char *differ(const char *base, const char *target)
{
  struct yaml_node *from = parsed("base", base), *to = parsed("target", target);
  struct yaml_node *patch = yaml_diff(&arena, from, to);
  ck_assert_ptr_nonnull(patch);
  ck_assert(yaml_equal(yaml_merge(&arena, from, patch), to));
  /* As it is kept in a file, too. */
  struct yaml_node *again = parsed("again", written(patch));
  ck_assert(yaml_equal(yaml_merge(&arena, from, again), to));
  return written(patch);
}

START_TEST(yaml_merge_member_replaced_others_kept)
{
  ck_assert_str_eq(merged("a: 1\nb: [x, y]\nc: 3\n", "b: [z]\n"), "a: 1\nb: [z]\nc: 3\n");
}
END_TEST

START_TEST(yaml_merge_mappings_deeply)
{
  ck_assert_str_eq(merged("t:\n  r:\n    k: 1\n    l: 2\n  s: 3\n", "t: {r: {l: 4, m: 5}}"),
                   "t:\n  r:\n    k: 1\n    l: 4\n    m: 5\n  s: 3\n");
}
END_TEST

START_TEST(yaml_merge_null_removes)
{
  ck_assert_str_eq(merged("a: 1\nb: 2\n", "b: null\nc: null\n"), "a: 1\n");
}
END_TEST

START_TEST(yaml_merge_null_in_a_new_mapping_is_not_kept)
{
  ck_assert_str_eq(merged("a: 1\n", "b: {c: null, d: 2}\n"), "a: 1\nb:\n  d: 2\n");
}
END_TEST

START_TEST(yaml_merge_quoted_null_is_text)
{
  ck_assert_str_eq(merged("a: 1\n", "a: \"null\"\n"), "a: \"null\"\n");
}
END_TEST

START_TEST(yaml_merge_kind_changes)
{
  ck_assert_str_eq(merged("a: {b: 1}\n", "a: 2\n"), "a: 2\n");
  ck_assert_str_eq(merged("a: [1]\n", "a: {b: 2}\n"), "a:\n  b: 2\n");
}
END_TEST

START_TEST(yaml_merge_places_are_where_it_was_written)
{
  const struct yaml_node *m = yaml_merge(&arena, parsed("base", "t:\n  r:\n    k: 1\n    l: 2\n"),
                                         parsed("patch", "t:\n  r: {l: 4}\n"));
  const struct yaml_node *row = yaml_get(yaml_get(m, "t"), "r");
  ck_assert_str_eq(row->key_at.file, "base");
  ck_assert_uint_eq(row->key_at.line, 2);
  ck_assert_str_eq(yaml_get(row, "k")->at.file, "base");
  ck_assert_str_eq(yaml_get(row, "l")->at.file, "patch");
  ck_assert_uint_eq(yaml_get(row, "l")->at.line, 2);
}
END_TEST

START_TEST(yaml_merge_alters_neither)
{
  struct yaml_node *base = parsed("base", "a: {b: 1}\nc: 2\n"), *patch = parsed("patch", "a: {d: 3}\n");
  ck_assert_ptr_nonnull(yaml_merge(&arena, base, patch));
  ck_assert_str_eq(written(base), "a:\n  b: 1\nc: 2\n");
  ck_assert_str_eq(written(patch), "a:\n  d: 3\n");
}
END_TEST

START_TEST(yaml_diff_of_equals_is_empty)
{
  ck_assert_str_eq(differ("a: 1\nb: {c: [x]}\n", "b: {c: [\"x\"]}\na: '1'\n"), "{}\n");
}
END_TEST

START_TEST(yaml_diff_smallest)
{
  ck_assert_str_eq(differ("t: {r: {k: 1, l: 2}, s: {k: 1}}\n", "t: {r: {k: 1, l: 3}, s: {k: 1}}\n"),
                   "t:\n  r:\n    l: 3\n");
}
END_TEST

START_TEST(yaml_diff_removed_and_added)
{
  ck_assert_str_eq(differ("t: {r: {k: 1}, s: {k: 1}}\n", "t: {s: {k: 1}, u: {k: 2}}\n"),
                   "t:\n  u:\n    k: 2\n  r: null\n");
}
END_TEST

START_TEST(yaml_diff_lists_are_values)
{
  ck_assert_str_eq(differ("a: [x, y]\n", "a: [y, x]\n"), "a: [y, x]\n");
}
END_TEST

START_TEST(yaml_diff_row_made_anew_loses_the_old_one_s_keys)
{
  ck_assert_str_eq(differ("t: {r: {k: 1, l: 2}}\n", "t: {r: {k: 3}}\n"), "t:\n  r:\n    k: 3\n    l: null\n");
}
END_TEST

/* What has a meaning in YAML, and in texts of lab files. */
START_TEST(yaml_write_reads_back)
{
  static const char *const texts[] = {"",
                                      " ",
                                      "null",
                                      "~",
                                      "true",
                                      "a: b",
                                      "#x",
                                      "- x",
                                      "-",
                                      "[",
                                      "{a}",
                                      "\"q\"",
                                      "'q'",
                                      "back\\slash",
                                      "a\nb\tc\r",
                                      "é ü",
                                      "https://x:{cloud}/",
                                      "*a",
                                      "&a",
                                      "!t",
                                      "%d",
                                      "a #b",
                                      "@",
                                      "`"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    struct yaml_node *map = yaml_new(&arena, YAML_MAP, (struct yaml_place){"t", 1, 1});
    struct yaml_node *list = yaml_new(&arena, YAML_LIST, (struct yaml_place){"t", 1, 1});
    struct yaml_node scalar = {.kind = YAML_SCALAR, .text = texts[i], .quoted = true};
    ck_assert(yaml_append(&arena, list, NULL, &scalar));
    ck_assert(yaml_append(&arena, map, "one", &scalar));
    ck_assert(yaml_append(&arena, map, "many", list));
    struct yaml_node *again = parsed("again", written(map));
    ck_assert_str_eq(yaml_get(again, "one")->text, texts[i]);
    ck_assert_str_eq(yaml_get(again, "many")->first->text, texts[i]);
    ck_assert(yaml_equal(again, map));
  }
}
END_TEST

START_TEST(yaml_write_lists_of_mappings)
{
  ck_assert_str_eq(written(parsed("t", "a:\n  - b: 1\n    c: [x]\n  - b: 2\nd: {}\ne: []\n")),
                   "a: [{b: 1, c: [x]}, {b: 2}]\nd: {}\ne: []\n");
}
END_TEST

START_TEST(yaml_merge_out_of_arena_is_null)
{
  struct arena tiny;
  arena_init(&tiny, 1);
  ck_assert_ptr_null(yaml_merge(&tiny, parsed("base", "a: 1"), parsed("patch", "b: 2")));
  ck_assert_ptr_null(yaml_diff(&tiny, parsed("base", "a: 1"), parsed("patch", "b: 2")));
  arena_clear(&tiny);
}
END_TEST

Suite *yaml_change_suite(void)
{
  Suite *s = suite_create("yaml_change");
  TCase *t = tcase_create("yaml_change");
  tcase_add_checked_fixture(t, set_up, tear_down);
  tcase_add_test(t, yaml_merge_member_replaced_others_kept);
  tcase_add_test(t, yaml_merge_mappings_deeply);
  tcase_add_test(t, yaml_merge_null_removes);
  tcase_add_test(t, yaml_merge_null_in_a_new_mapping_is_not_kept);
  tcase_add_test(t, yaml_merge_quoted_null_is_text);
  tcase_add_test(t, yaml_merge_kind_changes);
  tcase_add_test(t, yaml_merge_places_are_where_it_was_written);
  tcase_add_test(t, yaml_merge_alters_neither);
  tcase_add_test(t, yaml_diff_of_equals_is_empty);
  tcase_add_test(t, yaml_diff_smallest);
  tcase_add_test(t, yaml_diff_removed_and_added);
  tcase_add_test(t, yaml_diff_lists_are_values);
  tcase_add_test(t, yaml_diff_row_made_anew_loses_the_old_one_s_keys);
  tcase_add_test(t, yaml_write_reads_back);
  tcase_add_test(t, yaml_write_lists_of_mappings);
  tcase_add_test(t, yaml_merge_out_of_arena_is_null);
  suite_add_tcase(s, t);
  return s;
}
