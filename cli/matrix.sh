# shellcheck shell=bash
# The tables of delegation and of failures, measured.

help_matrix='Measure who may get a ticket for whom: each way to permit a delegation, for users in every state.
Each cell is made real in a lab which the command starts for itself, beside any other, and met by a user; what happened is
read from the page and the trace, and compared with what is expected. docs/kerberos.md tells how to read the table.

  --json   one JSON document
  FILTER   only cells whose id contains this

Exit code 0: every cell is as expected; 1: one differs; 2: no id contains FILTER.

  ./sevenstep matrix realm-       those of two realms only'
help_failures='Make every failure of logon, Kerberos and application for real, and print what a user and an administrator get to see of it.
Changed tokens, disabled accounts, old keys, stopped and stalled KDCs, wrong clocks, one after the other, in a lab which the command starts for
itself, beside any other. docs/kerberos.md tells how to read the table.

  --json   one JSON document
  FILTER   only rows whose id contains this

Exit code 0: every row is as expected; 1: one differs; 2: no id contains FILTER.

  ./sevenstep failures sensitive'

# measure TABLE [--json] [FILTER]
measure() {
  local table=$1
  shift
  settings_load
  packages_require run test
  build_programs
  SEVENSTEP_BIN=$bin exec "$top/scenarios/matrix/run" "$table" "$@"
}

command_matrix() { measure delegation "$@"; }

command_failures() { measure failures "$@"; }
