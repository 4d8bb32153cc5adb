foreach(kind IN ITEMS request response)
  sevenstep_fuzz(fuzz_http1_${kind} SOURCES fuzz_http1_${kind}.c http1_events.c LIBS http)
endforeach()
