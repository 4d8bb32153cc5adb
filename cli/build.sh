# shellcheck shell=bash
# Building, by CMake's presets into build/PRESET. Ninja decides what is out of date.

# build_preset PRESET: quiet when there is nothing to do; progress on a terminal; the compiler's messages on failure.
build_preset() {
  local preset=$1 folder=$top/build/$1 log lists
  mkdir -p "$folder"
  log=$folder/build.log
  # Two labs that start at once must not build at once.
  exec {build_lock}>"$folder/.lock"
  flock "$build_lock"
  # CMake notices changes in the lists it has read, but not a folder that is new.
  lists=$(printf '%s\n' "$top"/*/CMakeLists.txt "$top"/*/*/CMakeLists.txt)
  if [[ ! -f $folder/build.ninja || $(cat "$folder/.lists" 2>/dev/null) != "$lists" ]]; then
    [[ -f $folder/build.ninja ]] || say "Building ($preset) in ${folder#"$top"/}: about a minute the first time."
    (cd "$top" && cmake --preset "$preset") >"$log" 2>&1 || build_failed "$log"
    printf '%s\n' "$lists" >"$folder/.lists"
  fi
  if [[ $(ninja -C "$folder" -n 2>/dev/null) != *'no work to do'* ]]; then
    if [[ -t 1 ]]; then
      ninja -C "$folder" || die "$EX_FAILED" "the build failed" "The first error above tells why."
    else
      ninja -C "$folder" >"$log" 2>&1 || build_failed "$log"
    fi
  fi
  exec {build_lock}>&-
}

build_failed() {
  tail -n 40 "$1" >&2
  die "$EX_FAILED" "the build failed" "All messages are in $1"
}

# The programs that `up` runs: those of SEVENSTEP_BIN as they are, else the release build, brought up to date.
build_programs() {
  [[ -z ${SEVENSTEP_BIN-} ]] || { require_build; return; }
  packages_require build
  build_preset release
}
