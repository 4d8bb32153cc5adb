sevenstep_fuzz(fuzz_registration SOURCES fuzz_registration.c LIBS enroll PkgConfig::OPENSSL)
