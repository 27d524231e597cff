#include "backend/google/pubsub.h"

#include <stdio.h>
#include <stdlib.h>

#include "backend/google/pubsub_internal.h"

#define PAGE_MAX 1000

static const char topics[] = "topics", subscriptions[] = "subscriptions";

bw_pubsub *bw_pubsub_new(const bw_google *google, const char *project, const bw_clock *clock,
                         const bw_cancel *cancel)
{
    bw_pubsub *ps = bw_xcalloc(1, sizeof(*ps));
    const char *own = project ? project : bw_google_project(google);
    bw_rest_init(&ps->rest, google, BW_SERVICE_PUBSUB, clock, cancel, "pubsub");
    ps->root = bw_google_base(google, BW_SERVICE_PUBSUB);
    ps->project = own ? bw_xstrdup(own) : NULL;
    return ps;
}

void bw_pubsub_free(bw_pubsub *ps)
{
    if (!ps)
        return;
    bw_rest_fini(&ps->rest);
    free(ps->project);
    free(ps);
}

void bw_pubsub_set_subject(bw_pubsub *ps, const char *subject)
{
    free(ps->rest.subject);
    ps->rest.subject = bw_xstrdup(subject);
}

void bw_pubsub_set_listener(bw_pubsub *ps, void (*tell)(void *user, const char *text), void *user)
{
    ps->rest.listener = (bw_retry_listener){.tell = tell, .user = user};
}

void bw_pubsub_set_deadline(bw_pubsub *ps, int64_t per_call_us)
{
    ps->rest.per_call_us = per_call_us;
}

int64_t bw_pubsub_answered_us(const bw_pubsub *ps)
{
    return ps->rest.response.headers.len ? bw_http_date(&ps->rest.response) : BW_TIME_NONE;
}

bool bw_pubsub_lost_answer(const bw_pubsub *ps)
{
    return ps->rest.acted_before;
}

/* ---- names and URLs --------------------------------------------------------------------- */

/* An id is what may stand between two slashes of a name; the service knows the rules in full. */
static bool is_id(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)s[i] <= ' ' || s[i] == 127 || strchr("/?#", s[i]))
            return false;
    return n > 0 && n <= 255;
}

static bool is_full(const char *name, const char *collection)
{
    static const char projects[] = "projects/";
    size_t n = strlen(collection);
    if (strncmp(name, projects, sizeof(projects) - 1) != 0)
        return false;
    const char *project = name + sizeof(projects) - 1;
    const char *rest = strchr(project, '/');
    return rest && is_id(project, (size_t)(rest - project)) &&
           strncmp(rest + 1, collection, n) == 0 && rest[n + 1] == '/' &&
           is_id(rest + n + 2, strlen(rest + n + 2));
}

static char *full_name(const bw_pubsub *ps, const char *collection, const char *name, bw_error *err)
{
    if (is_full(name, collection))
        return bw_xstrdup(name);
    if (!is_id(name, strlen(name))) {
        bw_error_set(err, BW_INVALID, "%s is no name of Pub/Sub %s", name, collection);
        bw_error_hint(err, "write its id, or projects/PROJECT/%s/ID", collection);
        return NULL;
    }
    if (!ps->project) {
        bw_error_set(err, BW_INVALID, "no Google Cloud project is named");
        bw_error_hint(err, "set project: in the configuration, or GOOGLE_CLOUD_PROJECT");
        return NULL;
    }
    return bw_xasprintf("projects/%s/%s/%s", ps->project, collection, name);
}

char *bw_pubsub_topic_name(const bw_pubsub *ps, const char *topic, bw_error *err)
{
    return full_name(ps, topics, topic, err);
}

char *bw_pubsub_subscription_name(const bw_pubsub *ps, const char *subscription, bw_error *err)
{
    return full_name(ps, subscriptions, subscription, err);
}

char *bw_pubsub_url(const bw_pubsub *ps, const char *collection, const char *name, const char *verb,
                    bw_error *err)
{
    bw_buf url = BW_BUF_INIT;
    char *full = full_name(ps, collection, name, err);
    if (!full)
        return NULL;
    bw_buf_addf(&url, "%s/v1", ps->root);
    for (const char *at = full; *at;) {
        size_t n = strcspn(at, "/");
        bw_buf_addc(&url, '/');
        bw_http_add_escaped(&url, (bw_slice){at, n});
        at += at[n] ? n + 1 : n;
    }
    if (verb)
        bw_buf_addf(&url, "%s", verb);
    free(full);
    return bw_buf_take(&url);
}

/* One call on the resource; `body` NULL for none. Which one it was stands before the message. */
static bw_status call_on(bw_pubsub *ps, const char *collection, const char *name, const char *verb,
                         bw_rest_call call, const json_t *body, json_t **out, bw_error *err)
{
    if (out)
        *out = NULL;
    char *url = bw_pubsub_url(ps, collection, name, verb, err);
    if (!url)
        return BW_INVALID;
    call.url = url;
    bw_status s = body ? bw_rest_post(&ps->rest, &call, body, out, err)
                       : bw_rest_json(&ps->rest, &call, out, err);
    free(url);
    return s;
}

/* ---- topics and subscriptions ----------------------------------------------------------- */

static bw_status create(bw_pubsub *ps, const char *collection, const char *what, const char *name,
                        const json_t *resource, json_t **out, bw_error *err)
{
    bw_rest_call call = {.what = what, .method = "PUT"};
    json_t *nothing = resource ? NULL : json_object();
    bw_status s =
        call_on(ps, collection, name, NULL, call, resource ? resource : nothing, out, err);
    json_decref(nothing);
    return s;
}

static bw_status patch(bw_pubsub *ps, const char *collection, const char *what, const char *member,
                       const char *name, const json_t *changes, const char *mask, json_t **out,
                       bw_error *err)
{
    bw_rest_call call = {.what = what, .method = "PATCH"};
    json_t *body = json_object();
    json_object_set_new(body, member, json_deep_copy(changes));
    json_object_set_new(body, "updateMask", json_string(mask));
    bw_status s = call_on(ps, collection, name, NULL, call, body, out, err);
    json_decref(body);
    return s;
}

static bw_status remove_resource(bw_pubsub *ps, const char *collection, const char *what,
                                 const char *name, bw_error *err)
{
    bw_error local = BW_ERROR_INIT;
    bw_rest_call call = {.what = what, .method = "DELETE"};
    err = err ? err : &local;
    bw_status s = call_on(ps, collection, name, NULL, call, NULL, NULL, err);
    /* It was there for an attempt whose answer was lost. */
    return s == BW_NOT_FOUND && err->maybe_acted ? BW_OK : s;
}

static bw_status exists(bw_status s, bool *found)
{
    *found = s == BW_OK;
    return s == BW_NOT_FOUND ? BW_OK : s;
}

bw_status bw_pubsub_get_topic(bw_pubsub *ps, const char *topic, json_t **out, bw_error *err)
{
    bw_rest_call call = {.what = "read the topic"};
    return call_on(ps, topics, topic, NULL, call, NULL, out, err);
}

bw_status bw_pubsub_create_topic(bw_pubsub *ps, const char *topic, const json_t *resource,
                                 json_t **out, bw_error *err)
{
    return create(ps, topics, "create the topic", topic, resource, out, err);
}

bw_status bw_pubsub_delete_topic(bw_pubsub *ps, const char *topic, bw_error *err)
{
    return remove_resource(ps, topics, "delete the topic", topic, err);
}

bw_status bw_pubsub_topic_exists(bw_pubsub *ps, const char *topic, bool *found, bw_error *err)
{
    return exists(bw_pubsub_get_topic(ps, topic, NULL, err), found);
}

bw_status bw_pubsub_get_subscription(bw_pubsub *ps, const char *subscription, json_t **out,
                                     bw_error *err)
{
    bw_rest_call call = {.what = "read the subscription"};
    return call_on(ps, subscriptions, subscription, NULL, call, NULL, out, err);
}

bw_status bw_pubsub_create_subscription(bw_pubsub *ps, const char *subscription,
                                        const json_t *resource, json_t **out, bw_error *err)
{
    return create(ps, subscriptions, "create the subscription", subscription, resource, out, err);
}

bw_status bw_pubsub_patch_subscription(bw_pubsub *ps, const char *subscription,
                                       const json_t *changes, const char *mask, json_t **out,
                                       bw_error *err)
{
    return patch(ps, subscriptions, "change the subscription", "subscription", subscription,
                 changes, mask, out, err);
}

bw_status bw_pubsub_delete_subscription(bw_pubsub *ps, const char *subscription, bw_error *err)
{
    return remove_resource(ps, subscriptions, "delete the subscription", subscription, err);
}

bw_status bw_pubsub_subscription_exists(bw_pubsub *ps, const char *subscription, bool *found,
                                        bw_error *err)
{
    return exists(bw_pubsub_get_subscription(ps, subscription, NULL, err), found);
}

/* ---- lists ------------------------------------------------------------------------------ */

/* A page's items are names, or resources that have one. */
static void take_names(const json_t *items, size_t max, json_t *names)
{
    size_t i;
    json_t *item;
    json_array_foreach(items, i, item)
    {
        json_t *name = json_is_object(item) ? json_object_get(item, "name") : item;
        if (json_is_string(name) && json_array_size(names) < max)
            json_array_append(names, name);
    }
}

/* All pages of what is at `base`, a URL that is freed here; NULL when *err is set already. */
static bw_status list_names(bw_pubsub *ps, char *base, const char *what, const char *items,
                            size_t max, json_t **out, bw_error *err)
{
    bw_status s = base ? BW_OK : BW_INVALID;
    json_t *names = json_array();
    char *token = NULL;
    *out = NULL;
    do {
        json_t *page = NULL;
        bw_buf url = BW_BUF_INIT;
        bw_buf_addf(&url, "%s?pageSize=%zu", base ? base : "",
                    max < PAGE_MAX ? max : (size_t)PAGE_MAX);
        if (token)
            bw_buf_adds(&url, "&pageToken=");
        bw_http_add_escaped(&url, bw_slice_cstr(token));
        free(token);
        token = NULL;
        bw_rest_call call = {.what = what, .url = bw_buf_cstr(&url)};
        if (s == BW_OK)
            s = bw_rest_json(&ps->rest, &call, &page, err);
        bw_buf_fini(&url);
        take_names(json_object_get(page, items), max, names);
        const char *next = json_string_value(json_object_get(page, "nextPageToken"));
        token = next && next[0] ? bw_xstrdup(next) : NULL;
        json_decref(page);
    } while (s == BW_OK && token && json_array_size(names) < max);
    free(token);
    free(base);
    if (s == BW_OK)
        *out = names;
    else
        json_decref(names);
    return s;
}

/* ROOT/v1/projects/PROJECT/COLLECTION; NULL with the error set when no project is known. */
static char *collection_url(const bw_pubsub *ps, const char *collection, bw_error *err)
{
    char *url = bw_pubsub_url(ps, collection, "x", NULL, err);
    if (url)
        *strrchr(url, '/') = '\0';
    return url;
}

bw_status bw_pubsub_list_topics(bw_pubsub *ps, size_t max, json_t **out, bw_error *err)
{
    return list_names(ps, collection_url(ps, topics, err), "list the topics", topics, max, out,
                      err);
}

bw_status bw_pubsub_list_subscriptions(bw_pubsub *ps, size_t max, json_t **out, bw_error *err)
{
    return list_names(ps, collection_url(ps, subscriptions, err), "list the subscriptions",
                      subscriptions, max, out, err);
}

bw_status bw_pubsub_list_topic_subscriptions(bw_pubsub *ps, const char *topic, size_t max,
                                             json_t **out, bw_error *err)
{
    char *url = bw_pubsub_url(ps, topics, topic, "/subscriptions", err);
    return list_names(ps, url, "list the topic's subscriptions", subscriptions, max, out, err);
}
