/* sevenstep-connector --diagnose USER [SPN] [--json]: why does single sign-on fail for this user? sevenstep-doctor
 * tells, asked with what this connector would use: its lab, run folder and name. */
#ifndef SEVENSTEP_CONNECTOR_DIAGNOSE_H
#define SEVENSTEP_CONNECTOR_DIAGNOSE_H

/* Returns when the command line does not ask for it; else becomes sevenstep-doctor, or exits with a message
 * (2 usage, 1 there is no sevenstep-doctor). */
void diagnose_if_asked(int argc, char **argv);

#endif
