/* Queries of Datastore written down briefly, and entities to ask for. Header only. */
#ifndef BW_TESTS_INTEGRATION_SANDBOX_DATASTORE_QUERIES_H
#define BW_TESTS_INTEGRATION_SANDBOX_DATASTORE_QUERIES_H

#include "tests/integration/sandbox/datastore_fixture.h"

/* Up to four texts with commas between them. */
#define JOIN1(a)                          a
#define JOIN2(a, b)                       a "," b
#define JOIN3(a, b, c)                    a "," b "," c
#define JOIN4(a, b, c, d)                 a "," b "," c "," d
#define PICK(_1, _2, _3, _4, chosen, ...) chosen
#define JOIN(...)                         PICK(__VA_ARGS__, JOIN4, JOIN3, JOIN2, JOIN1, 0)(__VA_ARGS__)

#define PROPERTY(name, op, value) \
    "{'propertyFilter':{'property':{'name':'" name "'},'op':" #op ",'value':" value "}}"
#define K_WHERE(filter)  "{'kind':[{'name':'K'}],'filter':" filter "}"
#define ORDER(name, dir) "{'property':{'name':'" name "'},'direction':" #dir "}"
#define INT(n)           "{'integerValue':'" #n "'}"
#define STR(s)           "{'stringValue':'" s "'}"
#define LIST(...)        "{'arrayValue':{'values':[" JOIN(__VA_ARGS__) "]}}"
#define ALL(...)         "{'compositeFilter':{'op':1,'filters':[" JOIN(__VA_ARGS__) "]}}"
#define ANY(...)         "{'compositeFilter':{'op':2,'filters':[" JOIN(__VA_ARGS__) "]}}"
#define KEY(name)        "{'keyValue':{'path':[{'kind':'K','name':'" name "'}]}}"

/* a..f with n = 1..6, and what else the filters are to meet. */
FIXTURE void put_letters(fixture *f)
{
    static const struct {
        const char *name, *properties;
    } entities[] = {
        {"a", "{'n':{'integerValue':1},'s':{'stringValue':'x'},'tags':{'arrayValue':{'values':["
              "{'stringValue':'red'},{'stringValue':'blue'}]}}}"},
        {"b", "{'n':{'integerValue':2},'s':{'stringValue':'x'},'l':{'arrayValue':{'values':["
              "{'integerValue':1},{'integerValue':9}]}}}"},
        {"c", "{'n':{'integerValue':3},'s':{'stringValue':'y'},'l':{'arrayValue':{'values':["
              "{'integerValue':4},{'integerValue':5}]}}}"},
        {"d", "{'n':{'integerValue':4},'s':{'nullValue':null},'tags':{'arrayValue':{'values':["
              "{'stringValue':'blue'}]}}}"},
        {"e", "{'n':{'integerValue':5},'s':{'stringValue':'z','excludeFromIndexes':true}}"},
        {"f", "{'n':{'integerValue':6},'o':{'entityValue':{'properties':{'in':{'integerValue':7}}"
              "}}}"},
    };
    for (size_t i = 0; i < BW_COUNT(entities); i++)
        put(f, entities[i].name, entities[i].properties);
}

#endif
