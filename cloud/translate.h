/* Translation of URLs in header fields, between what users know of an application and what it knows of itself
 * (translate_urls_in_headers in lab.yaml). Only URLs that are published are touched: of the application
 * itself, or of another one. Pure functions on lists. */
#ifndef SEVENSTEP_TRANSLATE_H
#define SEVENSTEP_TRANSLATE_H

#include "fields.h"
#include "lab.h"

/* Inwards: Origin and Referer. (Host is the connector's.) */
enum err translate_request(const struct lab *lab, const struct lab_app *app, struct fields *f) MUST_CHECK;
/* Outwards: Location, Content-Location, Access-Control-Allow-Origin, and Domain and Path of Set-Cookie, whose
 * other bytes stay as they are. */
enum err translate_response(const struct lab *lab, const struct lab_app *app, struct fields *f) MUST_CHECK;

/* Outwards, one URL: how many bytes of its beginning *ret_with takes the place of; 0: it stays. *ret_with is
 * valid until the next call. */
size_t translate_url(const struct lab *lab, const struct lab_app *app, const char *url,
                     const char **ret_with) MUST_CHECK;

#endif
