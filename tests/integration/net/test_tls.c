/* Certificates are verified: against the CA that is named, for the host that is asked, always. */
#include "tests/support/test.h"

#include <arpa/inet.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/net/http.h"
#include "tests/support/google_keys.h"
#include "tests/support/process.h"

/* Answers every connection with "200 OK" once its TLS handshake has succeeded. */
typedef struct tls_server {
    SSL_CTX *context;
    int listener, port;
    int served; /* read after the thread has ended */
    pthread_t thread;
} tls_server;

static void *serve(void *arg)
{
    tls_server *s = arg;
    for (;;) {
        int fd = accept(s->listener, NULL, NULL);
        if (fd < 0)
            return NULL;
        SSL *ssl = SSL_new(s->context);
        char request[4096];
        SSL_set_fd(ssl, fd);
        if (SSL_accept(ssl) == 1 && SSL_read(ssl, request, sizeof(request)) > 0) {
            static const char reply[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
            SSL_write(ssl, reply, sizeof(reply) - 1);
            SSL_shutdown(ssl);
            s->served++;
        }
        SSL_free(ssl);
        close(fd);
    }
}

/* Self-signed for `names` ("IP:127.0.0.1"), valid from `from` to `to` seconds from now. */
static X509 *make_certificate(EVP_PKEY *key, const char *names, long from, long to)
{
    X509 *c = X509_new();
    X509_NAME *name = X509_get_subject_name(c);
    X509_set_version(c, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(c), 1);
    X509_gmtime_adj(X509_getm_notBefore(c), from);
    X509_gmtime_adj(X509_getm_notAfter(c), to);
    X509_set_pubkey(c, key);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1, 0);
    X509_set_issuer_name(c, name);
    X509_EXTENSION *alt = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
    assert_non_null(alt);
    X509_add_ext(c, alt, -1);
    X509_EXTENSION_free(alt);
    assert_true(X509_sign(c, key, EVP_sha256()) > 0);
    return c;
}

static void start(tls_server *s, EVP_PKEY *key, X509 *certificate)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    *s = (tls_server){.context = SSL_CTX_new(TLS_server_method())};
    assert_int_equal(SSL_CTX_use_certificate(s->context, certificate), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(s->context, key), 1);
    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(s->listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(s->listener, 8), 0);
    assert_int_equal(getsockname(s->listener, (struct sockaddr *)&address, &size), 0);
    s->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void stop(tls_server *s)
{
    shutdown(s->listener, SHUT_RDWR);
    pthread_join(s->thread, NULL);
    close(s->listener);
    SSL_CTX_free(s->context);
}

static char *save(const char *dir, X509 *certificate)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *data;
    assert_int_equal(PEM_write_bio_X509(bio, certificate), 1);
    long size = BIO_get_mem_data(bio, &data);
    char *pem = bw_xstrndup(data, (size_t)size);
    char *path = bw_test_write_file(dir, "ca.pem", pem);
    free(pem);
    BIO_free(bio);
    return path;
}

typedef struct expectation {
    const char *names;
    long from, to;
    bool trusted; /* the CA file is given */
    bw_status status;
} expectation;

static void test_certificates(void **state)
{
    (void)state;
    static const expectation cases[] = {
        {"IP:127.0.0.1", -60, 3600, true, BW_OK},
        {"IP:127.0.0.1", -60, 3600, false, BW_DENIED},
        {"IP:127.0.0.2,DNS:localhost", -60, 3600, true, BW_DENIED},
        {"IP:127.0.0.1", -7200, -3600, true, BW_DENIED},
        {"IP:127.0.0.1", 3600, 7200, true, BW_DENIED},
    };
    char *dir = bw_test_dir_new("tls");
    EVP_PKEY *key = bw_test_rsa_key(2048);
    for (size_t i = 0; i < BW_COUNT(cases); i++) {
        const expectation *e = &cases[i];
        tls_server server;
        X509 *certificate = make_certificate(key, e->names, e->from, e->to);
        char *ca = save(dir, certificate);
        start(&server, key, certificate);
        char *url = bw_xasprintf("https://127.0.0.1:%d/", server.port);
        bw_http *http = bw_http_new(&(bw_http_options){.ca_file = e->trusted ? ca : NULL});
        bw_http_response response = BW_HTTP_RESPONSE_INIT;
        bw_http_request request = {.url = url, .method = "POST", .stall_us = 20 * BW_SECOND};
        bw_error err = BW_ERROR_INIT;
        bw_status s = bw_http_send(http, &request, &response, &err);
        if (s != e->status)
            fail_msg("case %zu: %s, %s", i, bw_status_name(s), err.message);
        if (s != BW_OK) {
            assert_false(err.retryable);
            assert_false(err.maybe_acted);
            assert_non_null(strstr(err.hint, "certificate"));
        }
        bw_http_response_fini(&response);
        bw_http_free(http);
        stop(&server);
        assert_int_equal(server.served, s == BW_OK);
        free(url);
        free(ca);
        X509_free(certificate);
    }
    EVP_PKEY_free(key);
    bw_test_dir_remove(dir);
    free(dir);
}

static void test_unreadable_ca_file(void **state)
{
    (void)state;
    bw_http *http = bw_http_new(&(bw_http_options){.ca_file = "/nowhere/ca.pem"});
    bw_http_response response = BW_HTTP_RESPONSE_INIT;
    bw_error err = BW_ERROR_INIT;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    char *url = bw_xasprintf("https://127.0.0.1:%d/", ntohs(address.sin_port));
    bw_http_request request = {.url = url, .stall_us = 20 * BW_SECOND};
    assert_int_equal(bw_http_send(http, &request, &response, &err), BW_INVALID);
    assert_non_null(strstr(err.hint, "CA file"));
    close(fd);
    free(url);
    bw_http_response_fini(&response);
    bw_http_free(http);
}

int main(void)
{
    /* As the programs do: TLS writes through the system's plain write(). */
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_certificates),
        cmocka_unit_test(test_unreadable_ca_file),
    };
    return BW_RUN_TESTS(tests);
}
