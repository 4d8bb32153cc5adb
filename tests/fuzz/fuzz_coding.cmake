sevenstep_fuzz(fuzz_coding SOURCES fuzz_coding.c LIBS coding)
