/* backend/google/jwt: judged by OpenSSL's own verification with the public key. */
#include "tests/support/test.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "backend/google/jwt.h"
#include "tests/support/google_keys.h"

static void test_base64url(void **state)
{
    (void)state;
    /* RFC 4648, section 10, without padding; and the two characters that differ. */
    static const char *const pairs[][2] = {
        {"", ""},           {"f", "Zg"},          {"fo", "Zm8"},          {"foo", "Zm9v"},
        {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}, {"\xfb\xff\xfe", "-__-"}};
    for (size_t i = 0; i < BW_COUNT(pairs); i++) {
        bw_buf out = BW_BUF_INIT;
        bw_base64url_add(&out, bw_slice_cstr(pairs[i][0]));
        assert_string_equal(bw_buf_cstr(&out), pairs[i][1]);
        bw_buf_fini(&out);
    }
}

/* Decodes base64url; returns the bytes (free()). */
static unsigned char *decode(bw_slice text, size_t *size)
{
    bw_buf plain = BW_BUF_INIT;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        assert_true(c != '+' && c != '/' && c != '=');
        bw_buf_addc(&plain, c == '-' ? '+' : c == '_' ? '/' : c);
    }
    size_t padding = (4 - text.len % 4) % 4;
    bw_buf_add(&plain, "===", padding);
    unsigned char *out = bw_xmalloc(plain.len);
    int n = EVP_DecodeBlock(out, (const unsigned char *)plain.ptr, (int)plain.len);
    assert_true(n >= 0);
    *size = (size_t)n - padding;
    bw_buf_fini(&plain);
    return out;
}

static int verify(EVP_PKEY *key, bw_slice text, const unsigned char *signature, size_t size)
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestVerifyInit(md, NULL, EVP_sha256(), NULL, key), 1);
    int ok = EVP_DigestVerify(md, signature, size, (const unsigned char *)text.ptr, text.len);
    EVP_MD_CTX_free(md);
    return ok;
}

static void test_signature_of_any_key_size(void **state)
{
    (void)state;
    static const unsigned sizes[] = {1024, 2048, 3072};
    for (size_t i = 0; i < BW_COUNT(sizes); i++) {
        EVP_PKEY *made = bw_test_rsa_key(sizes[i]);
        char *pem = bw_test_key_pem(made);
        EVP_PKEY *key = bw_jwt_read_key(bw_slice_cstr(pem));
        assert_non_null(key);
        bw_buf jwt = BW_BUF_INIT;
        bw_error err = BW_ERROR_INIT;
        bw_buf_adds(&jwt, "before ");
        assert_ok(bw_jwt_sign(key, BW_SLICE_LIT("{\"alg\":\"RS256\"}"), BW_SLICE_LIT("{\"a\":1}"),
                              &jwt, &err),
                  err);
        char *text = bw_buf_cstr(&jwt) + strlen("before ");
        assert_memory_equal(text, "eyJhbGciOiJSUzI1NiJ9.eyJhIjoxfQ.", 32);
        char *dot = strrchr(text, '.');
        size_t size;
        unsigned char *signature = decode(bw_slice_cstr(dot + 1), &size);
        assert_int_equal(size, sizes[i] / 8);
        assert_int_equal(verify(made, (bw_slice){text, (size_t)(dot - text)}, signature, size), 1);
        signature[0] ^= 1;
        assert_int_not_equal(verify(made, (bw_slice){text, (size_t)(dot - text)}, signature, size),
                             1);
        free(signature);
        bw_buf_fini(&jwt);
        free(pem);
        EVP_PKEY_free(key);
        EVP_PKEY_free(made);
    }
}

static void test_what_is_not_an_rsa_key(void **state)
{
    (void)state;
    EVP_PKEY *ec = EVP_EC_gen("P-256");
    char *pem = bw_test_key_pem(ec);
    assert_null(bw_jwt_read_key(bw_slice_cstr(pem)));
    assert_null(bw_jwt_read_key(BW_SLICE_LIT("")));
    assert_null(bw_jwt_read_key(BW_SLICE_LIT("-----BEGIN PRIVATE KEY-----\nMIIE\n")));
    free(pem);
    EVP_PKEY_free(ec);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base64url),
        cmocka_unit_test(test_signature_of_any_key_size),
        cmocka_unit_test(test_what_is_not_an_rsa_key),
    };
    return BW_RUN_TESTS(tests);
}
