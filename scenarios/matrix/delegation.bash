# shellcheck shell=bash disable=SC2154,SC2034
# The delegation matrix, a cell a call: see cells.bash for what the words mean.

table_title='Delegation: who may get a ticket for whom'

heading 'How the delegation is permitted, and the user'
cell transition-plain what='in the list, protocol transition; ordinary user' app=hello error=none forwardable=true
cell transition-sensitive what='the same; sensitive user' app=hello user=dave \
  error=evidence_not_forwardable status=403 step=4 code=-1765328371 forwardable=false kdc=EVIDENCE_TKT_NOT_FORWARDABLE
cell unlisted-plain what='not in the list; ordinary user' app=vault \
  error=not_allowed_to_delegate status=403 step=4 code=-1765328371 forwardable=true kdc=NOT_ALLOWED_TO_DELEGATE
cell unlisted-sensitive what='the same; sensitive user' app=vault user=dave \
  error=evidence_not_forwardable status=403 step=4 code=-1765328371 forwardable=false kdc=EVIDENCE_TKT_NOT_FORWARDABLE
cell kerberos-only-plain what='in the list, Kerberos only; ordinary user' app=strict via=kerberos-only \
  error=evidence_not_forwardable status=403 step=4 code=-1765328371 forwardable=false kdc=EVIDENCE_TKT_NOT_FORWARDABLE
cell kerberos-only-sensitive what='the same; sensitive user' app=strict via=kerberos-only user=dave \
  error=evidence_not_forwardable status=403 step=4 code=-1765328371 forwardable=false kdc=EVIDENCE_TKT_NOT_FORWARDABLE
cell resource-plain what='resource-based, connector without a list; ordinary user' app=shared via=resource-based error=none forwardable=true
cell resource-sensitive what='the same; sensitive user' app=shared via=resource-based user=dave \
  error=evidence_not_forwardable status=403 step=4 code=-1765328371 forwardable=false kdc=EVIDENCE_TKT_NOT_FORWARDABLE
cell resource-mixed what='resource-based, connector with a list, Kerberos only; ordinary user' app=mixed via=kerberos-only \
  error=evidence_not_forwardable status=403 step=4 code=-1765328371 forwardable=false kdc=EVIDENCE_TKT_NOT_FORWARDABLE
cell resource-foreign what='resource-based, another connector is named; ordinary user' app=foreign via=resource-based \
  error=not_allowed_to_delegate status=403 step=4 code=-1765328371 forwardable=true kdc=NOT_ALLOWED_TO_DELEGATE

heading 'The account, at the logon page'
cell logon-disabled what='disabled' user=carol app=hello error=user_disabled status=403 step=2
cell logon-expired what='expired' user=oscar app=hello error=account_expired status=403 step=2
cell logon-locked what='locked by wrong passwords' user=bob app=hello before='wrong_passwords bob hello' \
  error=locked_out status=429 step=2

heading 'The account, at the KDC, after the session began'
cell session-disabled what='disabled' app=hello session=yes break='admin modprinc -allow_tix alice' \
  error=user_revoked status=403 step=4 code=-1765328366 kdc='CLIENT LOCKED OUT'
cell session-expired what='expired' app=hello session=yes break='admin modprinc -expire yesterday alice' \
  error=user_expired status=403 step=4 code=-1765328383 kdc='CLIENT EXPIRED'
cell session-locked what='locked by wrong passwords' app=hello session=yes break='lock_in_realm alice' mend='unlock_in_realm alice' \
  error=user_revoked status=403 step=4 code=-1765328366 kdc='LOCKED_OUT'
cell session-sensitive what='made sensitive' app=hello session=yes break='admin modprinc -allow_forwardable alice' \
  error=evidence_not_forwardable status=403 step=4 code=-1765328371 forwardable=false kdc=EVIDENCE_TKT_NOT_FORWARDABLE
cell session-removed what='removed' app=hello session=yes break='admin delprinc -force alice' \
  error=user_unknown_to_kdc status=403 step=4 code=-1765328378 kdc=UNKNOWN_S4U2SELF_PRINCIPAL
cell session-cached what='disabled, but the connector has a ticket: served while that is trusted' app=hello session=cached \
  break='admin modprinc -allow_tix alice' error=none cache=hit

heading 'Which name the ticket is asked for (delegated_login_identity)'
cell upn-same what='userPrincipalName; the same name inside' app=hello error=none principal=alice
cell upn-other-account what='userPrincipalName; another name inside' app=hello user=gina error=user_unknown_to_kdc status=403 step=4 code=-1765328378
cell upn-other-suffix what='userPrincipalName; another suffix' app=hello user=hank error=token_bad_upn status=403 step=3
cell on-premises-upn-realm what='onPremisesUserPrincipalName; its suffix is the realm' app=on-premises-upn user=gina error=none principal=gina
cell on-premises-upn-suffix what='onPremisesUserPrincipalName; another suffix' app=on-premises-upn user=hank error=name_malformed status=403 step=4
cell on-premises-upn-none what='onPremisesUserPrincipalName; the user has none' app=on-premises-upn error=token_no_upn status=403 step=3
cell username-suffix what='userPrincipalUsername; another suffix' app=username user=hank error=none principal=hank
cell username-other what='userPrincipalUsername; another name inside' app=username user=gina error=user_unknown_to_kdc status=403 step=4 code=-1765328378
cell on-premises-username-suffix what='onPremisesUserPrincipalUsername; another suffix' app=on-premises-username user=hank error=none principal=hank
cell on-premises-username-none what='onPremisesUserPrincipalUsername; the user has none' app=on-premises-username error=token_no_upn status=403 step=3
cell sam-other-upn what='onPremisesSAMAccountName; another name in the cloud' app=sam-account user=gina error=none principal=gina
cell sam-wrong what='onPremisesSAMAccountName; the cloud knows a wrong one' app=sam-account user=ivy error=user_unknown_to_kdc status=403 step=4 code=-1765328378
cell sam-odd what='onPremisesSAMAccountName; every mark that a name may hold' app=sam-account user=o.dd-n_ame error=none principal=o.dd-n_ame
cell upn-odd what='userPrincipalName; an apostrophe, which the account lacks' app=hello user=o.dd-n_ame error=user_unknown_to_kdc status=403 step=4

heading 'Two realms that trust each other: user -> application'
cell realm-home-home what='home -> home, resource-based' app=shared via=resource-based error=none principal=alice
cell realm-partner-home what='partner -> home, resource-based' app=shared via=resource-based user=pat error=none principal=pat@PARTNER.SEVENSTEP.TEST
cell realm-home-partner what='home -> partner, resource-based' app=abroad via=resource-based error=none principal=alice
cell realm-partner-partner what='partner -> partner, resource-based, through the connector here' app=abroad via=resource-based user=pat \
  error=none principal=pat@PARTNER.SEVENSTEP.TEST
cell realm-partner-list what='partner -> home, by the connector'\''s list' app=hello user=pat error=none principal=pat@PARTNER.SEVENSTEP.TEST
cell realm-list-partner what='home -> partner, by the connector'\''s list' app=abroad-listed error=not_allowed_to_delegate status=403 step=4

heading 'The same two realms, through a connector that is a member of the partner'\''s: user -> application'
cell partners-partner-partner what='partner -> partner, by the connector'\''s list' app=theirs via=partners user=pat \
  error=none principal=pat@PARTNER.SEVENSTEP.TEST forwardable=true
cell partners-home-partner what='home -> partner, by the connector'\''s list' app=theirs via=partners error=none principal=alice
cell partners-home-home what='home -> home, resource-based' app=lent via=partners error=none principal=alice
cell partners-partner-home what='partner -> home, resource-based' app=lent via=partners user=pat error=none principal=pat@PARTNER.SEVENSTEP.TEST
cell partners-sensitive what='home -> partner, by the list; sensitive user' app=theirs via=partners user=dave \
  error=evidence_not_forwardable status=403 step=4 code=-1765328371 forwardable=false kdc=EVIDENCE_TKT_NOT_FORWARDABLE
