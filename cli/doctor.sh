# shellcheck shell=bash
# Diagnosis: sevenstep-doctor on this lab, or on a real domain.

help_doctor='Check every link of single sign-on, and name the one that is broken, its cause and the fix.
Without options: the first application and user of the lab file for whom it should work, and the first connector of its group.
What fails is told with the commands that mend it, for MIT and for Active Directory.

  --connector NAME   another connector of the lab file
  --app NAME         another application of the lab file
  --user UPN         another user
  --json             one JSON document

With --realm it examines a real domain instead, from this host, and wants --krb5-conf, --keytab, --principal, --user, --spn and
--url as well; sevenstep-doctor --help lists all options. Exit code 0: nothing failed; 1: something failed.

  ./sevenstep doctor --app vault --user dave@sevenstep.test'

command_doctor() {
  local lab_options=()
  settings_load
  [[ -x $bin/sevenstep-doctor ]] || build_programs
  is_one_of --realm "$@" || [[ " $*" == *' --realm='* ]] || lab_options=(-c "$lab" -r "$run")
  "$bin/sevenstep-doctor" ${lab_options[@]+"${lab_options[@]}"} "$@"
}
