/* A page and a style sheet full of links as applications inside write them: with the names that are known
 * there. For whoever tests what becomes of them on their way out. */
#ifndef SEVENSTEP_LINKS_H
#define SEVENSTEP_LINKS_H

#include "step6_verify.h"

/* GET /links/: HTML, with a link to each application of the lab; /links/style.css: CSS. Compressed where
 * Accept-Encoding lets it; ?broken: the compressed page is damaged. */
void handle_links(const struct httpd_request *q, struct httpd_response *r);

#endif
