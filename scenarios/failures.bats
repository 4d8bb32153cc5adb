#!/usr/bin/env bats
# The tables of scenarios/matrix/, as the commands measure them: every Kerberos failure made for real and met by a user; the page, the
# trace and the log name it, with its step, actor, evidence, Microsoft's event number, and the fix for MIT and for Active Directory.

load lib/lab

# table COMMAND [FILTER]: measured, and every cell as expected; else those that differ.
table() {
  "$lab_top/sevenstep" "$1" --json "${@:2}" >"$BATS_TEST_TMPDIR/table.json" && return
  jq -r '.cells[] | select(.ok | not)' "$BATS_TEST_TMPDIR/table.json" >&2
  return 1
}

cells() { jq '.cells | length' "$BATS_TEST_TMPDIR/table.json"; }

@test "./sevenstep matrix: every cell is as expected" {
  table matrix
  [[ $(cells) == $(grep -c '^cell ' "$lab_top/scenarios/matrix/delegation.bash") ]]
}

@test "./sevenstep failures: every row is as expected" {
  table failures
  [[ $(cells) == $(grep -c '^cell ' "$lab_top/scenarios/matrix/failures.bash") ]]
}

@test "a cell that differs is shown, and is the exit code" {
  cat >"$BATS_TEST_TMPDIR/wrong.bash" <<'TABLE'
heading 'One that is wrong'
cell wrong what='ordinary user' app=hello error=user_revoked step=4
TABLE
  run "$lab_top/scenarios/matrix/run" "$BATS_TEST_TMPDIR/wrong.bash"
  [[ $status == 1 ]]
  [[ $output == *'DIFFERS'*'error: expected user_revoked, observed none'*'1 cells, 0 as expected, 1 differ.' ]]
}
