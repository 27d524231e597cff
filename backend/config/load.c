/*
 * From a file to a configuration: find it, read it, lay the profile and the options over it, check
 * what is in force strictly and the other profiles leniently, so that a typing error in the
 * profile for production does not wait for the night on which it is used.
 */
#include "backend/config/node.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "backend/core/text.h"

static const char *system_env(void *user, const char *name)
{
    (void)user;
    return getenv(name);
}

static bw_expand_env env_of(const bw_config_input *input)
{
    if (input && input->env)
        return (bw_expand_env){input->env, input->env_user};
    return (bw_expand_env){system_env, NULL};
}

/* ---- profiles ---- */

static bw_tree *profile_named(const bw_tree *profiles, const char *name,
                              bw_config_problems *problems)
{
    bw_tree *found = bw_tree_get(profiles, name);
    const char *names[64];
    size_t n = 0;
    if (found)
        return found;
    for (size_t i = 0; profiles && profiles->kind == BW_TREE_MAP && i < profiles->count; i++)
        if (n < BW_COUNT(names))
            names[n++] = profiles->entries[i].key;
    const char *near = bw_nearest(name, names, n);
    bw_buf hint = BW_BUF_INIT;
    if (near) {
        bw_buf_addf(&hint, "Did you mean %s?", near);
    } else {
        bw_buf_adds(&hint, n > 0 ? "There are:" : "The configuration has no profiles.");
        for (size_t i = 0; i < n; i++)
            bw_buf_addf(&hint, "%s %s", i ? "," : "", names[i]);
        bw_buf_adds(&hint, n > 0 ? "." : "");
    }
    bw_problems_add(problems, "", 0, 0, bw_buf_cstr(&hint), "there is no profile %.100s", name);
    bw_buf_fini(&hint);
    return NULL;
}

static void check_aside(const bw_config_pass *pass, bw_tree *tree, bw_tree *lookups,
                        bool in_profile)
{
    bw_config_pass lenient = *pass;
    bw_config_node top;
    bw_config_objects *sections =
        BW_ARENA_ARRAY(pass->arena, bw_config_objects, pass->schema->n_sections + 1);
    lenient.lenient = true;
    lenient.in_profile = in_profile;
    lenient.lookups = lookups;
    bw_config_check_tree(&lenient, tree, &top, sections);
}

/* The base that a profile covers, and every profile on its own. */
static void check_rest(const bw_config_pass *pass, bw_tree *base, bw_tree *merged)
{
    bw_tree *profiles = bw_tree_get(base, "profiles");
    if (base != merged)
        check_aside(pass, base, merged, false);
    if (!profiles || bw_tree_empty(profiles))
        return;
    if (profiles->kind != BW_TREE_MAP) {
        bw_problems_add(pass->problems, pass->file, profiles->line, profiles->column,
                        "Write a name, a colon and the settings below it.",
                        "profiles must be a map of names");
        return;
    }
    for (size_t i = 0; i < profiles->count; i++) {
        bw_tree *p = profiles->entries[i].value;
        check_aside(pass, p, bw_tree_overlay(base, p, pass->arena), true);
    }
}

/* ---- from memory ---- */

/* The tree in force: file, then profile, then options. */
static bw_tree *merge(const bw_config_input *input, bw_config *c, bw_tree *root,
                      bw_config_problems *problems)
{
    bw_tree *merged = root;
    if (!input)
        return merged;
    if (input->profile) {
        bw_tree *profile = profile_named(bw_tree_get(root, "profiles"), input->profile, problems);
        if (profile) {
            bw_tree_mark_profile(profile, c->profile);
            merged = bw_tree_overlay(merged, profile, &c->arena);
        }
    }
    for (size_t i = 0; i < input->n_overrides; i++) {
        const bw_config_override *o = &input->overrides[i];
        merged = bw_tree_overlay(
            merged, bw_tree_from_option(o->path, o->text, o->origin, &c->arena), &c->arena);
    }
    return merged;
}

static bw_status build(bw_config *c, const bw_config_input *input, bw_slice text,
                       bw_config_problems *problems, bw_error *err)
{
    bw_tree *root, *merged;
    bw_config_pass pass = {
        .schema = c->schema,
        .file = c->file ? c->file : "",
        .arena = &c->arena,
        .env = env_of(input),
        .problems = problems,
        .incomplete = !c->file,
        .without_secrets = input && input->without_secrets,
    };
    if (!bw_tree_read(text, pass.file, &c->arena, problems, &root))
        return bw_problems_error(problems, BW_INVALID, err);
    merged = merge(input, c, root, problems);
    if (c->profile && !bw_tree_get(bw_tree_get(root, "profiles"), c->profile))
        return bw_problems_error(problems, BW_NOT_FOUND, err);
    pass.lookups = merged;
    bw_config_check_tree(&pass, merged, &c->top, c->sections);
    check_rest(&pass, root, merged);
    if (problems->count == 0 && c->schema->check)
        c->schema->check(c, problems);
    if (problems->count == 0)
        return BW_OK;
    bw_problems_sort(problems);
    return bw_problems_error(problems, BW_INVALID, err);
}

static bw_status parse(const bw_config_schema *schema, const bw_config_input *input,
                       const char *name, bw_slice text, bw_config **out,
                       bw_config_problems *problems, bw_error *err)
{
    bw_config *c = bw_xcalloc(1, sizeof(*c));
    c->schema = schema;
    c->file = name ? bw_arena_strdup(&c->arena, name) : NULL;
    c->profile = input && input->profile ? bw_arena_strdup(&c->arena, input->profile) : NULL;
    c->sections = BW_ARENA_ARRAY(&c->arena, bw_config_objects, schema->n_sections + 1);
    bw_status status = build(c, input, text, problems, err);
    if (status != BW_OK) {
        bw_config_free(c);
        c = NULL;
    }
    *out = c;
    return status;
}

bw_status bw_config_parse(const bw_config_schema *schema, const bw_config_input *input,
                          const char *name, bw_slice text, bw_config **out,
                          bw_config_problems *problems, bw_error *err)
{
    return parse(schema, input, name, text, out, problems, err);
}

void bw_config_free(bw_config *c)
{
    if (!c)
        return;
    bw_arena_fini(&c->arena);
    free(c);
}

/* ---- from a file ---- */

static bw_status read_file(const char *path, bw_buf *out, bw_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 && errno == ENOENT) {
        bw_error_set(err, BW_NOT_FOUND, "there is no configuration file %s", path);
        return bw_error_hint(err, "Check the path that -c FILE or BRIDGEWATCH_CONFIG names.");
    }
    if (fd < 0)
        return bw_error_errno(err, BW_IO, errno, "cannot open the configuration %s", path);
    bw_status status = BW_OK;
    for (;;) {
        ssize_t n = read(fd, bw_buf_reserve(out, 65536), 65536);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            status = bw_error_errno(err, BW_IO, errno, "cannot read the configuration %s", path);
        if (n <= 0)
            break;
        out->len += (size_t)n;
        /* The reader says that it is too large. */
        if (out->len > BW_CONFIG_MAX_SIZE)
            break;
    }
    close(fd);
    return status;
}

/* The user's own file, whether it exists or not; false without a home. */
static bool user_file(const bw_expand_env *env, bw_buf *out)
{
    const char *xdg = env->get(env->user, "XDG_CONFIG_HOME"), *home = env->get(env->user, "HOME");
    /* The XDG Base Directory Specification: a path that is not absolute is ignored. */
    if (xdg && xdg[0] == '/')
        bw_buf_adds(out, xdg);
    else if (home && home[0])
        bw_buf_addf(out, "%s/.config", home);
    else
        return false;
    bw_buf_adds(out, "/bridgewatch/bridgewatch.yaml");
    bw_buf_cstr(out);
    return true;
}

/* The file to read; *path stays empty where there is none. */
static bw_status search(const bw_config_input *input, bw_buf *path, bw_error *err)
{
    bw_expand_env env = env_of(input);
    const char *named = input->file ? input->file : env.get(env.user, "BRIDGEWATCH_CONFIG");
    bw_buf user = BW_BUF_INIT;
    bool have_user = user_file(&env, &user);
    bw_status status = BW_OK;
    if (named && named[0])
        bw_buf_adds(path, named);
    else if (access("bridgewatch.yaml", F_OK) == 0)
        bw_buf_adds(path, "bridgewatch.yaml");
    else if (have_user && access(user.ptr, F_OK) == 0)
        bw_buf_adds(path, user.ptr);
    else if (!input->optional || input->profile) {
        bw_error_set(err, BW_NOT_FOUND, "there is no configuration");
        status = bw_error_hint(
            err,
            "Looked for ./bridgewatch.yaml%s%s. Name one with -c FILE or BRIDGEWATCH_CONFIG, start "
            "from `bridgewatch config --reference`, or try `bridgewatch demo`.",
            have_user ? " and " : "", have_user ? user.ptr : "");
    }
    bw_buf_fini(&user);
    return status;
}

bw_status bw_config_load(const bw_config_schema *schema, const bw_config_input *input,
                         bw_config **out, bw_config_problems *problems, bw_error *err)
{
    bw_buf path = BW_BUF_INIT, text = BW_BUF_INIT;
    *out = NULL;
    bw_status status = search(input, &path, err);
    bool found = path.len > 0;
    if (status == BW_OK && found)
        status = read_file(bw_buf_cstr(&path), &text, err);
    if (status != BW_OK)
        bw_problems_add(problems, "", 0, 0, err->hint, "%s", err->message);
    else
        status = parse(schema, input, found ? bw_buf_cstr(&path) : NULL, bw_buf_slice(&text), out,
                       problems, err);
    bw_buf_fini(&path);
    bw_buf_fini(&text);
    return status;
}
