#!/usr/bin/env bats
# The tables of scenarios/matrix/, as the commands measure them: every failure made for real and met by a user; the page, the
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

# Of an error, as docs/errors.md has it, which is made from err.def.
documented() { awk -F ' *[|] *' -v name="\`$1\`" -v column="$2" '$2 == name { print $column }' "$lab_top/docs/errors.md"; }
readonly EVENT=5 FIX=7

@test "every row of failures has an error with Microsoft's event number and a fix, and every number a row or its reason" {
  local id error number SEVENSTEP_RUN=$BATS_TEST_TMPDIR
  # shellcheck source=/dev/null
  source "$lab_top/scenarios/matrix/cells.bash"
  # shellcheck source=/dev/null
  source "$lab_top/scenarios/matrix/failures.bash"
  for id in "${ids[@]}"; do
    [[ $id != '# '* ]] || continue
    error=${cell[$id.error]}
    [[ $error != none ]] || continue
    [[ -n $(documented "$error" $FIX) ]] || fail "$id: $error has no fix"
    number=$(documented "$error" $EVENT)
    [[ -n $number || $error == ticket_required ]] || fail "$id: $error has no event"
    [[ ${cell[$id.event]-} == "${number:-0}" ]] || fail "$id: $error has event ${number:-0}, the row does not say so"
  done
  # The tables that Microsoft publishes.
  for number in 12003 12004 12008 12011 12027 13001 13006 13007 13012 13013 13014 13015 13016 13019 13020 13022 13028 24029; do
    [[ " ${cell[*]} " == *" $number "* ]] || sed -n '/^## What is not here/,$p' "$lab_top/docs/limits.md" | grep -q "$number" ||
      fail "nothing makes event $number real, and docs/limits.md does not say why"
  done
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

@test "a filter that fits no id says so" {
  local command
  for command in matrix failures; do
    run "$lab_top/sevenstep" "$command" no-such-row
    [[ $status == 2 && $output == *'no id of this table contains "no-such-row"'*'There are: '* && $output != *VERDICT* ]] || fail "$output"
  done
}
