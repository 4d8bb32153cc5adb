/* Whatever a connector without a certificate says, and whatever a cloud sends as a certificate: no crash, no
 * leak. The first byte chooses: hello and the request in it, a request alone, or a certificate. */
#include "csr.h"
#include "hello.h"

#include <openssl/x509.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_request(const uint8_t *der, size_t n)
{
  struct failure f;
  X509_REQ *q;
  if (csr_check(der, n, "connector-1", "challenge", &q, &f) == ERR_OK) X509_REQ_free(q);
}

static void read_hello(const uint8_t *data, size_t n)
{
  struct hello h;
  struct failure f;
  struct buf again;
  hello_init(&h);
  buf_init(&again, 2 * HELLO_MAX);
  if (hello_read((const char *)data, n, &h, &f) == ERR_OK) {
    check_request(h.csr.data, h.csr.len);
    (void)!hello_write(&h, &again);
  }
  hello_clear(&h);
  buf_clear(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
  struct failure f;
  struct certificate c;
  if (n < 1) return 0;
  switch (data[0] % 3) {
  case 0:
    read_hello(data + 1, n - 1);
    break;
  case 1:
    check_request(data + 1, n - 1);
    break;
  default:
    (void)!certificate_read(data + 1, n - 1, &c, &f);
  }
  return 0;
}
