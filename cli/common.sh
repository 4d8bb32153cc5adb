# shellcheck shell=bash
# Messages and small checks that all parts share.

readonly EX_FAILED=1 EX_USAGE=2 EX_CONFIG=3 EX_PORT=4 EX_PACKAGES=5 EX_DOWN=6

# The command line of each subcommand, for help; what stands in none of these takes no arguments.
usage_of() {
  case $1 in
    demo) echo 'demo [--no-install] [USER PASSWORD]' ;;
    test) echo 'test [--no-install] [--unit | --scenarios | --containers] [FILTER]' ;;
    status) echo 'status [--json]' ;;
    logs) echo 'logs [-f] [ACTOR...]' ;;
    trace) echo 'trace [--json] [--wire] [ID]' ;;
    connector) echo 'connector list [--json] | add NAME [--group GROUP] | remove NAME | token NAME [--group GROUP] | register NAME | revoke NAME | purge NAME [USER]' ;;
    start | stop) echo "$1 ACTOR" ;;
    matrix | failures) echo "$1 [--json] [FILTER]" ;;
    app) echo 'app list | add [--delegate] NAME KEY=VALUE... | set [--delegate] NAME KEY=VALUE... | remove NAME' ;;
    user) echo 'user list | add NAME KEY=VALUE... | set NAME KEY=VALUE... | remove NAME' ;;
    capture) echo 'capture start | stop' ;;
    keytab) echo 'keytab APPLICATION' ;;
    revoke) echo 'revoke USER' ;;
    rotate) echo 'rotate CONNECTOR | APPLICATION | --sessions' ;;
    bench | doctor) echo "$1 [OPTIONS]" ;;
    *) echo "$1" ;;
  esac
}

is_one_of() {
  local wanted=$1 item
  shift
  for item; do [[ $item == "$wanted" ]] && return; done
  return 1
}

if [[ -t 1 && -z ${NO_COLOR-} ]]; then
  bold=$'\e[1m' dim=$'\e[2m' green=$'\e[32m' plain=$'\e[0m'
else
  bold='' dim='' green='' plain=''
fi
readonly bold dim green plain

say() { printf '%s\n' "$*"; }
heading() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
warn() { printf 'sevenstep: %s\n' "$*" >&2; }

# die CODE WHAT [WHAT-TO-DO]
die() {
  warn "$2"
  [[ -z ${3-} ]] || printf '           %s\n' "$3" >&2
  exit "$1"
}

no_arguments() {
  (($# == 0)) || die "$EX_USAGE" "unexpected argument \"$1\"" "See --help."
}

# options_known COMMAND ARGUMENT...: refuses options that do not stand in the command's usage. bench and doctor read their own; what
# demo takes last may be a password.
options_known() {
  local name=$1 usage argument
  shift
  usage=$(usage_of "$name")
  [[ $usage != *'[OPTIONS]'* ]] || return 0
  [[ $name != demo ]] || set -- "${1-}"
  for argument; do
    [[ $argument != -?* || " ${usage//[][|]/ } " == *" $argument "* ]] ||
      die "$EX_USAGE" "$name: there is no option $argument" "$(how_to_call "$name" --help)"
  done
}

# Milliseconds between two values of EPOCHREALTIME.
elapsed_ms() {
  local from=${1/[.,]/} to=${2/[.,]/}
  printf '%d' $(((to - from) / 1000))
}

# The command lines of this lab as the user would have to type them: with the run folder that he gave.
given_run=${SEVENSTEP_RUN-}
how_to_call() {
  local prefix=''
  [[ -z $given_run ]] || printf -v prefix 'SEVENSTEP_RUN=%q ' "$given_run"
  printf '%s./sevenstep %s' "$prefix" "$*"
}

how_to_build() {
  printf 'Build all programs in %s, or leave SEVENSTEP_BIN out.' "$bin"
}

how_to_write() {
  printf 'It is for its owner only, %s; else see whether the disk is full.' "$(stat -c %U "$run")"
}
