#!/usr/bin/env bats
# The scenarios' own tools: a test that finds something wrong fails.

load lib/lab
load lib/load

# Conditions whose failure bash's -e does not notice: behind !, and in front of &&.
conditions_without_effect() {
  grep -nE '^ *(! |(read|lab|(agent|assert)_[a-z_]+)\b.* && |(\[\[|\(\().*(\]\]|\)\)) && (\[\[|\(\(|[a-z_]+( |$)))' "$@" |
    grep -vE ' \|\| | && (break|continue|fail|return|skip)\b'
}

@test "no scenario states a condition where its failure goes unnoticed" {
  run conditions_without_effect - <<'LINES'
  ! agent_has_token
  [[ $status == 0 ]] && agent_has_form
  lab stop kdc && lab start kdc
  read -r line && [[ $line == open ]]
  [[ $status == 0 && $output == x ]]
  [[ -e x ]] && break
  ! cmp -s a b || fail "they are the same"
LINES
  [[ ${#lines[@]} == 4 ]]
  run conditions_without_effect "$lab_top"/scenarios/*.bats "$lab_top"/scenarios/lib/*.bash
  [[ -z $(grep -v 'assertions.bats:' <<<"$output") ]] || fail "write refute, or a line for each:" "$output"
}

@test "a report of a sanitizer fails its scenario, though the actor was started again" {
  nm -D "${SEVENSTEP_BIN:-$lab_top/build/release/bin}/sevenstep-backend" 2>/dev/null | grep -q __asan_init || skip 'this build has no AddressSanitizer'
  local BATS_FILE_TMPDIR=$BATS_TEST_TMPDIR
  lab_start
  sanitizers_found_nothing
  # UBSan ends a program by SIGABRT.
  kill -SEGV "$(pid_of backend)"
  kill -ABRT "$(pid_of idp)"
  lab down
  lab up
  run lab_stop
  [[ $status == 1 && $output == *'ERROR: AddressSanitizer: SEGV'* && $output == *'ERROR: AddressSanitizer: ABRT'* ]]
}
