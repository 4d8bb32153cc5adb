sevenstep_fuzz(fuzz_trace SOURCES fuzz_trace.c LIBS trace base PkgConfig::JANSSON)
