#include "tests/support/google_keys.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend/core/text.h"
#include "tests/support/test.h"

EVP_PKEY *bw_test_rsa_key(unsigned bits)
{
    EVP_PKEY *key = EVP_RSA_gen(bits);
    assert_non_null(key);
    return key;
}

char *bw_test_key_pem(EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
    char *data;
    long size = BIO_get_mem_data(bio, &data);
    char *pem = bw_xstrndup(data, (size_t)size);
    BIO_free(bio);
    return pem;
}

char *bw_test_write_file(const char *dir, const char *name, const char *text)
{
    char *path = bw_xasprintf("%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
    return path;
}

char *bw_test_service_account(const char *dir, EVP_PKEY *key, const char *token_uri)
{
    char *pem = bw_test_key_pem(key);
    bw_buf text = BW_BUF_INIT;
    bw_buf_adds(&text, "{\"type\":\"service_account\",\"project_id\":\"p-file\","
                       "\"private_key_id\":\"k1\",\"client_email\":\"robot@p-file.example\","
                       "\"private_key\":");
    bw_json_add_string(&text, bw_slice_cstr(pem));
    bw_buf_addf(&text, ",\"token_uri\":\"%s\"}", token_uri);
    char *path = bw_test_write_file(dir, "key.json", bw_buf_cstr(&text));
    bw_buf_fini(&text);
    free(pem);
    return path;
}
