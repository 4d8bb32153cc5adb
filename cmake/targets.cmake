# sevenstep_library(NAME SOURCES a.c b.c [PUBLIC targets...] [PRIVATE targets...])
# One link target a concern. A library publishes only its own folder's headers; what it links PRIVATEly
# its users cannot include.
function(sevenstep_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_include_directories(${name} PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
  target_link_libraries(${name} PUBLIC ${ARG_PUBLIC} PRIVATE ${ARG_PRIVATE} sevenstep_flags)
endfunction()

# sevenstep_program(NAME SOURCES ... LIBS targets...)
function(sevenstep_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LIBS} sevenstep_flags)
endfunction()

# What a target that uses Check needs. It is given the source tree as SEVENSTEP_SOURCE_DIR, for fixtures and
# corpora.
function(sevenstep_check name)
  target_compile_definitions(${name} PRIVATE SEVENSTEP_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests/unit)
  target_link_libraries(${name} PRIVATE PkgConfig::CHECK sevenstep_flags)
  # Check's own macros use GNU variadics.
  target_compile_options(${name} PRIVATE -Wno-gnu-zero-variadic-macro-arguments -Wno-pedantic)
endfunction()

# sevenstep_test(NAME SOURCES ... LIBS targets...): a Check program, run by ctest.
function(sevenstep_test name)
  if(NOT SEVENSTEP_TESTS)
    return()
  endif()
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LIBS})
  sevenstep_check(${name})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME ${name} COMMAND ${name})
  # Check gives a case 4 seconds, which a machine with much else to do exceeds; who hangs is found later just as well.
  set_tests_properties(${name} PROPERTIES TIMEOUT 300 ENVIRONMENT CK_DEFAULT_TIMEOUT=60)
endfunction()

# sevenstep_fuzz(NAME SOURCES fuzz_x.c LIBS targets... [CORPUS folder])
# With SEVENSTEP_FUZZ the target is a libFuzzer program; otherwise the same source is linked with a
# driver that replays the corpus, as a test of every run.
function(sevenstep_fuzz name)
  cmake_parse_arguments(ARG "" "CORPUS" "SOURCES;LIBS" ${ARGN})
  if(NOT ARG_CORPUS)
    set(ARG_CORPUS ${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${name})
  endif()
  if(SEVENSTEP_FUZZ)
    add_executable(${name} ${ARG_SOURCES})
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  elseif(SEVENSTEP_TESTS)
    add_executable(${name} ${ARG_SOURCES} ${PROJECT_SOURCE_DIR}/tests/fuzz/replay.c)
    add_test(NAME ${name} COMMAND ${name} ${ARG_CORPUS})
    set_tests_properties(${name} PROPERTIES TIMEOUT 120)
  else()
    return()
  endif()
  target_link_libraries(${name} PRIVATE ${ARG_LIBS} sevenstep_flags)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
endfunction()
