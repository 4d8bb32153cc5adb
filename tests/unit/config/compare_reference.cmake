# Fails unless REFERENCE is exactly what `TOOL doc` prints.
execute_process(COMMAND ${TOOL} doc OUTPUT_VARIABLE made COMMAND_ERROR_IS_FATAL ANY)
file(READ ${REFERENCE} kept)
if(NOT made STREQUAL kept)
  message(FATAL_ERROR "docs/lab.md is not what the table of keys says. To renew it: sevenstep-lab doc > docs/lab.md")
endif()
