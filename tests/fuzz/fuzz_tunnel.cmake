sevenstep_fuzz(fuzz_tunnel SOURCES fuzz_tunnel.c LIBS tunnel http)
