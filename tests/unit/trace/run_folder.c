#include "run_folder.h"

#include <check.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void run_folder_make(struct run_folder *r)
{
  snprintf(r->path, sizeof r->path, "/tmp/sevenstep-trace-XXXXXX");
  ck_assert_ptr_nonnull(mkdtemp(r->path));
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
  (void)st, (void)type, (void)ftw;
  return remove(path);
}

void run_folder_remove(struct run_folder *r)
{
  nftw(r->path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void file_name(char out[256], const struct run_folder *r, const char *name)
{
  snprintf(out, 256, "%s/trace/%s", r->path, name);
}

json_t *run_folder_lines(const struct run_folder *r, const char *name)
{
  char path[256], *line = NULL;
  size_t size = 0;
  json_t *all = json_array();
  file_name(path, r, name);
  FILE *f = fopen(path, "r");
  if (!f) return all;
  while (getline(&line, &size, f) > 0) {
    json_t *v = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
    ck_assert_msg(v != NULL, "not JSON: %s", line);
    json_array_append_new(all, v);
  }
  free(line);
  fclose(f);
  return all;
}

long run_folder_size(const struct run_folder *r, const char *name)
{
  char path[256];
  struct stat st;
  file_name(path, r, name);
  return stat(path, &st) == 0 ? (long)st.st_size : -1;
}

void run_folder_append(const struct run_folder *r, const char *name, const char *text)
{
  char path[256];
  snprintf(path, sizeof path, "%s/trace", r->path);
  mkdir(path, 0700);
  file_name(path, r, name);
  FILE *f = fopen(path, "a");
  ck_assert_ptr_nonnull(f);
  ck_assert_int_ge(fputs(text, f), 0);
  ck_assert_int_eq(fclose(f), 0);
}
