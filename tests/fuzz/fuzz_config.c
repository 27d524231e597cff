/* The configuration reader against arbitrary files: no crash, and either a configuration whose every
   value can be printed or at least one problem that says why not. The schema is the program's. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "app/settings.h"
#include "backend/config/config.h"

static const char *env(void *user, const char *name)
{
    (void)user;
    return name[0] == 'S' ? "value" : NULL;
}

static void print_all(const bw_config *c)
{
    bw_buf out = BW_BUF_INIT;
    const bw_config_node *top = bw_config_top(c);
    for (size_t i = 0; i < bw_config_node_count(top); i++)
        bw_config_value_yaml(top, i, &out);
    for (size_t k = 0; k < bw_config_count(c, "syncs"); k++) {
        const bw_config_node *n = bw_config_at(c, "syncs", k);
        for (size_t i = 0; i < bw_config_node_count(n); i++)
            bw_config_value_yaml(n, i, &out);
    }
    bw_buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bw_config_input input = {.env = env};
    bw_config_problems problems = BW_CONFIG_PROBLEMS_INIT;
    bw_error err = BW_ERROR_INIT;
    bw_config *c = NULL;
    bw_slice text = {(const char *)data, size};
    bw_settings settings;
    bw_status s = bw_config_parse(bw_settings_init(&settings), &input, "fuzz.yaml", text, &c,
                                  &problems, &err);
    if (s == BW_OK)
        print_all(c);
    else if (problems.count == 0 || c)
        abort();
    bw_config_free(c);
    bw_config_problems_fini(&problems);
    return 0;
}
