# shellcheck shell=bash
# Debian packages: which ones are missing, and installing them.

# packages_missing PURPOSE...
packages_missing() {
  local purpose package purposes=" $* "
  local wanted=()
  while read -r purpose package; do
    [[ $purposes == *" $purpose "* ]] && wanted+=("$package")
  done < <(grep -v -e '^#' -e '^$' "$top/packages.txt")
  command -v dpkg-query >/dev/null || return 0
  # Virtual packages and those of the same name on other architectures are no concern: these are real package names.
  local installed
  installed=" $(dpkg-query -W -f '${db:Status-Status}:${Package}\n' "${wanted[@]}" 2>/dev/null | sed -n 's/^installed://p' | tr '\n' ' ')"
  for package in "${wanted[@]}"; do
    [[ $installed == *" $package "* ]] || printf '%s\n' "$package"
  done
}

apt_command() {
  if ((EUID == 0)); then
    echo 'apt-get install -y --no-install-recommends'
  else
    echo 'sudo apt-get install -y --no-install-recommends'
  fi
}

# packages_require PURPOSE...: refuses with the list and the command.
packages_require() {
  local missing
  mapfile -t missing < <(packages_missing "$@")
  ((${#missing[@]})) || return 0
  warn "Debian packages are missing: ${missing[*]}"
  die "$EX_PACKAGES" "nothing was started" "./sevenstep demo installs them; or: $(apt_command) ${missing[*]}"
}

# packages_install INSTALL PURPOSE...: INSTALL 0 lists only.
packages_install() {
  local install=$1 missing
  shift
  if ! command -v apt-get >/dev/null; then
    warn "no apt-get here; packages.txt names what is needed"
    return 0
  fi
  mapfile -t missing < <(packages_missing "$@")
  ((${#missing[@]})) || return 0
  say "Debian packages are missing: ${missing[*]}"
  if ((!install)); then
    say "To install them: $(apt_command) ${missing[*]}"
    exit "$EX_PACKAGES"
  fi
  ((EUID == 0)) || command -v sudo >/dev/null || die "$EX_PACKAGES" "not root, and there is no sudo" "As root: apt-get install ${missing[*]}"
  say "Installing them: $(apt_command) ${missing[*]}"
  local as_root=()
  ((EUID == 0)) || as_root=(sudo)
  # MIT's LDAP schema lies with documentation, which slim images leave out.
  apt_get() {
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=120 \
      -o 'DPkg::Options::=--path-include=/usr/share/doc/krb5-kdc-ldap/*' "$@"
  }
  # The lab needs slapd as a program. Without this its installation would start a directory on port 389.
  [[ " ${missing[*]} " != *' slapd '* ]] || "${as_root[@]}" debconf-set-selections <<<'slapd slapd/no_configuration boolean true'
  # Package lists that are too old to find a package are refreshed once.
  if ! apt_get install -y --no-install-recommends "${missing[@]}" >"$packages_log" 2>&1; then
    { apt_get update && apt_get install -y --no-install-recommends "${missing[@]}"; } >"$packages_log" 2>&1 || {
      tail -n 15 "$packages_log" >&2
      die "$EX_PACKAGES" "apt-get failed" "Its messages are in $packages_log"
    }
  fi
  say "Installed."
}
packages_log=${TMPDIR:-/tmp}/sevenstep-apt-$EUID.log
