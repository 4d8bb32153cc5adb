# shellcheck shell=bash
# Where the lab lives, and with which settings. A running lab keeps the settings it was started with (RUN/settings), so
# that `env`, `start` and `down` need no more than the run folder to find it.

run='' lab='' bin=''

# settings_load: environment first, then those of the running lab, then the defaults.
settings_load() {
  run=${SEVENSTEP_RUN:-$top/run}
  [[ $run == /* ]] || run=$PWD/$run
  local saved_lab='' saved_bin='' saved_base='' name value
  if [[ -r $run/settings ]] && lab_is_running; then
    while IFS='=' read -r name value; do
      case $name in
        lab) saved_lab=$value ;;
        bin) saved_bin=$value ;;
        port_base) saved_base=$value ;;
      esac
    done <"$run/settings"
  fi
  lab=${SEVENSTEP_LAB:-${saved_lab:-$top/lab.yaml}}
  [[ $lab == /* ]] || lab=$PWD/$lab
  bin=${SEVENSTEP_BIN:-${saved_bin:-$top/build/release/bin}}
  [[ $bin == /* ]] || bin=$PWD/$bin
  # A lab that runs has its ports; another base in the environment would only describe a lab that does not exist.
  if [[ -n $saved_base ]]; then
    [[ -z ${SEVENSTEP_PORT_BASE-} || $SEVENSTEP_PORT_BASE == "$saved_base" ]] ||
      warn "the lab in $run runs on port base $saved_base, not $SEVENSTEP_PORT_BASE"
    export SEVENSTEP_PORT_BASE=$saved_base
  fi
}

settings_save() {
  printf 'lab=%s\nbin=%s\nport_base=%s\n' "$lab" "$bin" "$1" >"$run/settings.new"
  mv -f "$run/settings.new" "$run/settings"
}

# ask WHAT...: sevenstep-lab's answer about the lab file.
ask() {
  "$bin/sevenstep-lab" -c "$lab" -r "$run" "$@"
}

# The variables of `env`, into this shell.
load_environment() {
  local lines
  lines=$(ask env) || exit "$EX_CONFIG"
  eval "$lines"
}

require_build() {
  [[ ! -x $bin/sevenstep-lab ]] || return 0
  [[ -z ${SEVENSTEP_BIN-} ]] || die "$EX_FAILED" "there are no programs in SEVENSTEP_BIN ($bin)" "Without SEVENSTEP_BIN the programs are built."
  die "$EX_FAILED" "nothing is built in $bin yet" "Run: ./sevenstep up"
}
