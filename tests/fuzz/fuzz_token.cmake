sevenstep_fuzz(fuzz_token SOURCES fuzz_token.c ${PROJECT_SOURCE_DIR}/tests/unit/token/mint.c
  LIBS token PkgConfig::OPENSSL PkgConfig::JANSSON)
