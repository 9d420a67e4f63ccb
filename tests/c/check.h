/* CHECK(what must hold): says where it doesn't, and ends the program. */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lm.h"

#define CHECK(holds)                                                                               \
    do {                                                                                           \
        if (!(holds)) {                                                                            \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #holds);                            \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

/* The code that came is named where it is another. */
#define CHECK_CODE(call, expected)                                                                 \
    do {                                                                                           \
        lm_result code_ = (call);                                                                  \
        if (code_ != (expected)) {                                                                 \
            fprintf(stderr, "%s:%d: %s is %s, not %s\n", __FILE__, __LINE__, #call,                \
                    lm_result_name(code_), #expected);                                             \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

/* Each program gets: a trust root, an activation ID, a folder of its own. */
typedef struct {
    const char *trust_root, *activation_id, *dir;
} given;

static inline given take(int argc, char **argv)
{
    given all;
    CHECK(argc == 4);
    all.trust_root = argv[1];
    all.activation_id = argv[2];
    all.dir = argv[3];
    return all;
}

static inline lm_options options_of(const given *all)
{
    lm_options options;
    CHECK_CODE(lm_options_init(&options, sizeof options), LM_OK);
    options.product = "terra-studio";
    options.trust_root = all->trust_root;
    options.storage_dir = all->dir;
    options.host_identity = "a C program";
    return options;
}

#endif
