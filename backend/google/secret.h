/*
 * Secrets kept in Secret Manager (v1, projects.secrets.versions.access), for configurations that say
 * secret:projects/P/secrets/S. The service's CRC32C of the content is verified.
 * Threads: any.
 */
#ifndef BW_GOOGLE_SECRET_H
#define BW_GOOGLE_SECRET_H

#include "backend/core/buf.h"
#include "backend/google/google.h"

/*
 * name: "projects/P/secrets/S" (the latest version), or with "/versions/V"; a part
 * "locations/L" after the project names a regional secret. *out is the content, NUL-terminated (the
 * caller's, free()). INVALID for a malformed name or content with a NUL byte, NOT_FOUND, DENIED with
 * the role to grant, CORRUPT when the checksum differs, transient failures after `timeout_us`.
 */
BW_NODISCARD bw_status bw_google_secret(const bw_google *google, const bw_cancel *cancel,
                                        const char *name, int64_t timeout_us, char **out,
                                        bw_error *err);

/* CRC-32C (Castagnoli; RFC 3720, B.4) of the bytes. */
uint32_t bw_crc32c(bw_slice bytes);

#endif
