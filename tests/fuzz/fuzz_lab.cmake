sevenstep_fuzz(fuzz_lab SOURCES fuzz_lab.c LIBS config)
