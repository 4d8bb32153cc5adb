/* Replays a fuzz target's corpus: every file of every folder named on the command line, in name order, so that each
 * run of the test suite passes through every input that ever mattered. Fails when there is nothing to replay. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static int replay_file(const char *path)
{
  FILE *f = fopen(path, "rb");
  if (!f) return 0;
  size_t cap = 1 << 20, n;
  uint8_t *whole = malloc(cap);
  if (!whole) abort();
  n = fread(whole, 1, cap, f);
  fclose(f);
  /* An exact-size copy, so that the sanitizer sees a read past the end. */
  uint8_t *data = malloc(n ? n : 1);
  if (!data) abort();
  for (size_t i = 0; i < n; i++)
    data[i] = whole[i];
  free(whole);
  LLVMFuzzerTestOneInput(data, n);
  free(data);
  return 1;
}

int main(int argc, char **argv)
{
  int count = 0;
  for (int i = 1; i < argc; i++) {
    struct dirent **names;
    int n = scandir(argv[i], &names, NULL, alphasort);
    for (int k = 0; k < n; k++) {
      char path[4096];
      if (names[k]->d_name[0] != '.') {
        snprintf(path, sizeof path, "%s/%s", argv[i], names[k]->d_name);
        count += replay_file(path);
      }
      free(names[k]);
    }
    if (n >= 0) free(names);
  }
  printf("%d inputs replayed\n", count);
  return count > 0 ? 0 : 1;
}
