/* The keys of what browsers keep: several at once, each with its time, and the file that they live in. */
#include "seal.h"

#include "encode.h"
#include "run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HOUR 3600

static char folder[64], path[96];
static struct seal *seal;
static struct buf value; /* sealed with the first key */

static void set_up(void)
{
  struct failure f;
  strcpy(folder, "/tmp/sevenstep-seal-XXXXXX");
  ck_assert_ptr_nonnull(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/session.key", folder);
  ck_assert_int_eq(seal_new(path, &seal, &f), ERR_OK);
  buf_init(&value, 1024);
  ck_assert_int_eq(seal_close(seal, "aad", "content", 7, &value), ERR_OK);
}

static void tear_down(void)
{
  seal_free(seal);
  buf_clear(&value);
  unlink(path);
  rmdir(folder);
}

/* Another key is used and stored, at this time; the one before is kept for an hour. */
static void rotate(int64_t now_s)
{
  struct failure f;
  struct seal_ring r = *seal_ring(seal);
  ck_assert_int_eq(seal_ring_rotate(&r, now_s, HOUR, &f), ERR_OK);
  ck_assert_int_eq(seal_ring_write(path, &r, &f), ERR_OK);
  ck_assert_int_eq(seal_use(seal, &r), ERR_OK);
}

static void drop(int64_t now_s)
{
  struct seal_ring r = *seal_ring(seal);
  seal_ring_drop(&r, now_s);
  ck_assert_int_eq(seal_use(seal, &r), ERR_OK);
}

static enum err open_value(enum err (*open)(struct seal *s, const char *aad, const char *text, size_t n,
                                            struct buf *out))
{
  struct buf out;
  buf_init(&out, 1024);
  enum err e = open(seal, "aad", buf_str(&value), value.len, &out);
  if (!e) ck_assert_str_eq(buf_str(&out), "content");
  if (e) ck_assert_uint_eq(out.len, 0);
  buf_clear(&out);
  return e;
}

static uint8_t id_of(const struct buf *text)
{
  struct buf raw;
  buf_init(&raw, 1024);
  ck_assert_int_eq(base64url_decode(&raw, buf_str(text), text->len), ERR_OK);
  uint8_t id = raw.data[0];
  buf_clear(&raw);
  return id;
}

static void close_again(void)
{
  buf_reset(&value);
  ck_assert_int_eq(seal_close(seal, "aad", "content", 7, &value), ERR_OK);
}

static void start_again(void)
{
  struct failure f;
  seal_free(seal);
  ck_assert_int_eq(seal_new(path, &seal, &f), ERR_OK);
}

START_TEST(value_of_a_former_key_opens_until_its_time_is_over)
{
  rotate(1000);
  ck_assert_int_eq(open_value(seal_open), ERR_OK);
  ck_assert(!seal_ring_is_over(seal_ring(seal), 1000 + HOUR - 1));
  drop(1000 + HOUR - 1);
  ck_assert_int_eq(open_value(seal_open), ERR_OK);
  ck_assert(seal_ring_is_over(seal_ring(seal), 1000 + HOUR));
  drop(1000 + HOUR);
  ck_assert_int_eq(open_value(seal_open), ERR_SESSION_INVALID);
  ck_assert_uint_eq(seal_ring(seal)->n, 1);
}
END_TEST

START_TEST(value_is_sealed_with_the_newest_key)
{
  ck_assert_uint_eq(id_of(&value), 1);
  rotate(1000);
  close_again();
  ck_assert_uint_eq(id_of(&value), 2);
  drop(1000 + HOUR);
  ck_assert_int_eq(open_value(seal_open), ERR_OK);
}
END_TEST

/* What was opened is known, and given back without its key. */
START_TEST(value_that_is_known_ends_with_its_key)
{
  ck_assert_int_eq(open_value(seal_reopen), ERR_OK);
  rotate(1000);
  ck_assert_int_eq(open_value(seal_reopen), ERR_OK);
  ck_assert_int_eq(open_value(seal_reopen), ERR_OK);
  drop(1000 + HOUR);
  ck_assert_int_eq(open_value(seal_reopen), ERR_SESSION_INVALID);
}
END_TEST

START_TEST(value_of_another_key_s_id_is_invalid)
{
  static const char *const ids[] = {"AA", "Ag", "fg", "_w"}; /* 0, 2, 126, 255, in the first byte's place */
  for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
    memcpy(value.data, ids[i], 2);
    ck_assert_int_eq(open_value(seal_open), ERR_SESSION_INVALID);
  }
  rotate(1000);
  memcpy(value.data, "Ag", 2); /* there is one of that id now, but not the one */
  ck_assert_int_eq(open_value(seal_open), ERR_SESSION_INVALID);
}
END_TEST

START_TEST(keys_survive_a_new_start)
{
  struct stat st;
  rotate(1000);
  rotate(2000);
  start_again();
  ck_assert_int_eq(open_value(seal_open), ERR_OK);
  ck_assert_uint_eq(seal_ring(seal)->n, 3);
  ck_assert_int_eq(seal_ring(seal)->keys[0].until_s, 0);
  ck_assert_int_eq(seal_ring(seal)->keys[1].until_s, 2000 + HOUR);
  ck_assert_int_eq(seal_ring(seal)->keys[2].until_s, 1000 + HOUR);
  ck_assert_int_eq(stat(path, &st), 0);
  ck_assert_int_eq(st.st_mode & 0777, 0600);
}
END_TEST

START_TEST(rotate_is_refused_while_all_keys_are_needed)
{
  struct failure f;
  for (int i = 1; i < SEAL_KEYS_MAX; i++)
    rotate(1000);
  struct seal_ring r = *seal_ring(seal);
  ck_assert_int_eq(seal_ring_rotate(&r, 1000 + HOUR - 1, HOUR, &f), ERR_AGAIN);
  ck_assert_mem_eq(&r, seal_ring(seal), sizeof r);
  ck_assert_int_eq(open_value(seal_open), ERR_OK);
  ck_assert_int_eq(seal_ring_rotate(&r, 1000 + HOUR, HOUR, &f), ERR_OK);
  ck_assert_uint_eq(r.n, 2);
}
END_TEST

START_TEST(ids_begin_anew_and_are_never_0_nor_in_use)
{
  struct seal_ring r;
  struct failure f;
  seal_ring_begin(&r);
  for (int i = 0; i < 600; i++) {
    ck_assert_int_eq(seal_ring_rotate(&r, 1000 + i * (HOUR / 4), HOUR, &f), ERR_OK);
    for (size_t k = 0; k < r.n; k++)
      ck_assert(r.keys[k].id != 0 && (k == 0 || r.keys[k].id != r.keys[0].id));
    ck_assert_uint_le(r.n, 5);
  }
}
END_TEST

START_TEST(drop_wipes)
{
  static const struct seal_key none;
  struct seal_ring r;
  struct failure f;
  seal_ring_begin(&r);
  ck_assert_int_eq(seal_ring_rotate(&r, 1000, HOUR, &f), ERR_OK);
  ck_assert_int_eq(seal_ring_rotate(&r, 2000, HOUR, &f), ERR_OK);
  seal_ring_drop(&r, 1000 + HOUR);
  ck_assert_uint_eq(r.n, 2);
  ck_assert_mem_eq(&r.keys[2], &none, sizeof none);
}
END_TEST

/* -- the file -------------------------------------------------------------------------------------------- */

static void write_file(const void *data, size_t n)
{
  FILE *file = fopen(path, "we");
  ck_assert_ptr_nonnull(file);
  ck_assert_uint_eq(fwrite(data, 1, n, file), n);
  ck_assert_int_eq(fclose(file), 0);
}

static size_t read_file(uint8_t *out, size_t size)
{
  FILE *file = fopen(path, "re");
  ck_assert_ptr_nonnull(file);
  size_t n = fread(out, 1, size, file);
  fclose(file);
  return n;
}

/* As it was before there were several, with a value that was sealed then: the version that began it is the
 * key's id. */
START_TEST(single_key_of_before_opens_what_it_has_sealed)
{
  uint8_t key[SEAL_KEY];
  memset(key, 'k', sizeof key);
  write_file(key, sizeof key);
  start_again();
  buf_reset(&value);
  ck_assert_int_eq(buf_puts(&value, "AQABAgMEBQYHCAkKCwmymlphvvI-KX70K7TZue2bhlp8OfLJ"), ERR_OK);
  ck_assert_int_eq(open_value(seal_open), ERR_OK);
  rotate(1000);
  start_again();
  ck_assert_int_eq(open_value(seal_open), ERR_OK);
}
END_TEST

static void refused(const void *data, size_t n)
{
  struct seal *none;
  struct failure f;
  write_file(data, n);
  ck_assert_msg(seal_new(path, &none, &f) == ERR_IO, "%zu bytes", n);
  ck_assert_ptr_nonnull(strstr(f.why, path));
}

START_TEST(file_of_any_other_length_is_refused)
{
  uint8_t file[1024];
  rotate(1000);
  size_t n = read_file(file, sizeof file), record = (n - 8) / 2;
  for (size_t cut = 0; cut <= n + record; cut++)
    if (cut != n && cut != n - record && cut != n + record) refused(file, cut);
  memset(file, 1, 32);
  refused(file, 31);
  refused(file, 33);
}
END_TEST

START_TEST(file_of_wrong_ids_is_refused)
{
  uint8_t file[1024];
  rotate(1000);
  size_t n = read_file(file, sizeof file), second = 8 + (n - 8) / 2;
  uint8_t first = file[8];
  file[second] = 0;
  refused(file, n);
  file[second] = first;
  refused(file, n);
}
END_TEST

START_TEST(file_that_others_may_read_is_refused)
{
  struct seal *none;
  struct failure f;
  ck_assert_int_eq(chmod(path, 0640), 0);
  ck_assert_int_eq(seal_new(path, &none, &f), ERR_IO);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("seal");
  TCase *c = tcase_create("seal");
  tcase_add_checked_fixture(c, set_up, tear_down);
  tcase_add_test(c, value_of_a_former_key_opens_until_its_time_is_over);
  tcase_add_test(c, value_is_sealed_with_the_newest_key);
  tcase_add_test(c, value_that_is_known_ends_with_its_key);
  tcase_add_test(c, value_of_another_key_s_id_is_invalid);
  tcase_add_test(c, keys_survive_a_new_start);
  tcase_add_test(c, rotate_is_refused_while_all_keys_are_needed);
  tcase_add_test(c, ids_begin_anew_and_are_never_0_nor_in_use);
  tcase_add_test(c, drop_wipes);
  tcase_add_test(c, single_key_of_before_opens_what_it_has_sealed);
  tcase_add_test(c, file_of_any_other_length_is_refused);
  tcase_add_test(c, file_of_wrong_ids_is_refused);
  tcase_add_test(c, file_that_others_may_read_is_refused);
  suite_add_tcase(suite, c);
  return run(suite);
}
