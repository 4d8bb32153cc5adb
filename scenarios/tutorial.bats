#!/usr/bin/env bats
# docs/tutorial.md does what it says: all its commands, in order, in one shell.

load lib/lab

setup_file() { lab_start; }
teardown_file() { lab_stop; }

@test "every command of the tutorial works, and shows what the tutorial says" {
  cd "$lab_top"
  shell_blocks docs/tutorial.md >"$BATS_TEST_TMPDIR/tutorial.sh"
  [[ $(grep -c . "$BATS_TEST_TMPDIR/tutorial.sh") -gt 30 ]]
  run bash -euo pipefail "$BATS_TEST_TMPDIR/tutorial.sh"
  printf '%s\n' "$output"
  [[ $status == 0 ]]
  [[ $output == *'data-error="token_signature"'* ]]
  [[ $output == *'data-error="not_allowed_to_delegate"'* ]]
  [[ $output == *'"upn": "alice@sevenstep.test"'* ]]
  [[ $output == *'The lab is down.'* ]]
}
