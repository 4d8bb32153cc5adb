sevenstep_fuzz(fuzz_krb_reply SOURCES fuzz_krb_reply.c LIBS spnego)
sevenstep_fuzz(fuzz_delegation_info SOURCES fuzz_delegation_info.c LIBS krb_accept)
