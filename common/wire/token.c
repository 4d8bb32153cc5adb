/* The way from a token that went to an application to the Kerberos message in it. */
#include "spnego_oids.h"
#include "wire_private.h"

/* 60 { OID krb5, token id, message } (RFC 4121 4.1). */
static bool of_gssapi(struct der body, struct der *ret)
{
  enum { TOKEN_ID = 2 };
  if (der_left(&body) <= TOKEN_ID) return false;
  *ret = der_of(body.p + TOKEN_ID, der_left(&body) - TOKEN_ID);
  return true;
}

/* The OCTET STRING in field [2] of both, mechToken and responseToken (RFC 4178 4.2). */
static bool of_negotiation(struct der seq, struct der *ret)
{
  struct der field, skip;
  while (der_left(&seq) && !der_at(&seq, DER_CONTEXT(2)))
    if (!der_take(&seq, *seq.p, &skip)) return false;
  return der_take(&seq, DER_CONTEXT(2), &field) && der_take_last(&field, DER_OCTET_STRING, ret);
}

/* What is inside of the token, one layer; false: it is no token, or carries nothing. */
static bool unwrap(struct der token, struct der *ret)
{
  struct der body, oid, choice, seq;
  if (der_at(&token, DER_CONTEXT(1)))
    return der_take_last(&token, DER_CONTEXT(1), &choice) && der_take_last(&choice, DER_SEQUENCE, &seq) &&
           of_negotiation(seq, ret);
  if (!der_take_last(&token, DER_APPLICATION(0), &body) || !der_take(&body, DER_OID, &oid)) return false;
  if (der_equals(&oid, oid_krb5, sizeof oid_krb5)) return of_gssapi(body, ret);
  return der_take_last(&body, DER_CONTEXT(0), &choice) && der_take_last(&choice, DER_SEQUENCE, &seq) &&
         of_negotiation(seq, ret);
}

bool token_message(struct der token, struct der *ret)
{
  enum { LAYERS_MAX = 2 }; /* SPNEGO, GSSAPI */
  for (int i = 0; i < LAYERS_MAX && (der_at(&token, DER_CONTEXT(1)) || der_at(&token, DER_APPLICATION(0)));
       i++)
    if (!unwrap(token, &token)) return false;
  *ret = token;
  return der_left(&token) > 0;
}
