/*
 * Credentials for tests: a fresh RSA key, and key files as Google writes them. Every function fails
 * the running cmocka test when it cannot do its work.
 */
#ifndef BW_TESTS_SUPPORT_GOOGLE_KEYS_H
#define BW_TESTS_SUPPORT_GOOGLE_KEYS_H

#include <openssl/types.h>

/* EVP_PKEY_free() it. */
EVP_PKEY *bw_test_rsa_key(unsigned bits);
/* PKCS #8 in PEM form (free()). */
char *bw_test_key_pem(EVP_PKEY *key);

/* Writes text to DIR/NAME and returns the path (free()). */
char *bw_test_write_file(const char *dir, const char *name, const char *text);
/* A service account's key file in DIR (free()): client_email robot@p-file.example, project p-file. */
char *bw_test_service_account(const char *dir, EVP_PKEY *key, const char *token_uri);

#endif
