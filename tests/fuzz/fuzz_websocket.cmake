sevenstep_fuzz(fuzz_websocket SOURCES fuzz_websocket.c LIBS websocket)
