#include "backend/google/jwt.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>

void bw_base64url_add(bw_buf *out, bw_slice bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t n = bytes.len - i < 3 ? bytes.len - i : 3;
        unsigned v = 0;
        for (size_t k = 0; k < 3; k++)
            v = v << 8 | (k < n ? (unsigned char)bytes.ptr[i + k] : 0U);
        for (size_t k = 0; k <= n; k++)
            bw_buf_addc(out, digits[v >> (18 - 6 * k) & 63]);
    }
}

/* An encrypted key must not make OpenSSL ask the terminal for its password. */
static int no_password(char *buf, int size, int rwflag, void *user)
{
    (void)buf, (void)size, (void)rwflag, (void)user;
    return -1;
}

EVP_PKEY *bw_jwt_read_key(bw_slice pem)
{
    BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL) : NULL;
    if (key && EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA) {
        EVP_PKEY_free(key);
        key = NULL;
    }
    BIO_free(bio);
    ERR_clear_error();
    return key;
}

bw_status bw_jwt_sign(EVP_PKEY *key, bw_slice header, bw_slice claims, bw_buf *out, bw_error *err)
{
    size_t start = out->len;
    bw_base64url_add(out, header);
    bw_buf_addc(out, '.');
    bw_base64url_add(out, claims);
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    size_t size = (size_t)EVP_PKEY_get_size(key);
    unsigned char *signature = bw_xmalloc(size);
    const unsigned char *text = (const unsigned char *)out->ptr + start;
    bool ok = md && EVP_DigestSignInit(md, NULL, EVP_sha256(), NULL, key) == 1 &&
              EVP_DigestSign(md, signature, &size, text, out->len - start) == 1;
    EVP_MD_CTX_free(md);
    if (ok) {
        bw_buf_addc(out, '.');
        bw_base64url_add(out, (bw_slice){(const char *)signature, size});
    }
    free(signature);
    ERR_clear_error();
    return ok ? BW_OK : bw_error_set(err, BW_INTERNAL, "cannot sign with the private key");
}
