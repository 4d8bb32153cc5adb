sevenstep_fuzz(fuzz_krb_reply SOURCES fuzz_krb_reply.c LIBS spnego)
sevenstep_fuzz(fuzz_pac SOURCES fuzz_pac.c LIBS pac)
sevenstep_fuzz(fuzz_wire SOURCES fuzz_wire.c LIBS wire PkgConfig::JANSSON)
sevenstep_fuzz(fuzz_wire_plain SOURCES fuzz_wire_plain.c LIBS wire spnego PkgConfig::JANSSON PkgConfig::KRB5)
