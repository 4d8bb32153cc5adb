sevenstep_fuzz(fuzz_markup SOURCES fuzz_markup.c LIBS markup)
