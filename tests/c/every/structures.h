/* Structures that begin with their size: NULL, not aligned, of no size, too small, too large, no byte
 * more than they say, of a newer header. */
#ifndef STRUCTURES_H
#define STRUCTURES_H

#include "rows.h"

typedef struct {
    const char *export_, *parameter;
    size_t size;
    lm_result (*call)(void *);
    /* What an input holds; NULL: an output. */
    const void *holds;
    /* What a newer host's structure is whose rest is not zero. */
    lm_result rest;
} structure_row;

/* lm_options_init is told the size beside the structure. */
static size_t told;
static lm_list *one_record;
static lm_report *a_report;

static lm_result init_options(void *p) { return lm_options_init((lm_options *)p, told); }
static lm_result open_options(void *p) { return opened((const lm_options *)p); }
static lm_result status_into(void *p) { return lm_status(client, NULL, (lm_status_info *)p); }
static lm_result text_of(void *p)
{
    char text[512];
    return lm_status_text((const lm_status_info *)p, text, sizeof text, NULL);
}
static lm_result feature_into(void *p)
{
    return lm_feature_status(client, "ortho", (lm_status_info *)p);
}
static lm_result record_into(void *p) { return lm_list_get(one_record, 0, (lm_record_info *)p); }

static lm_result finding_into(void *p) { return lm_report_get(a_report, 0, (lm_finding *)p); }

static lm_result with_size(const structure_row *r, void *at, size_t size)
{
    told = size;
    memcpy(at, &size, sizeof size);
    return r->call(at);
}

/* A structure of this size, filled in where it is an input, before a guard page. */
static unsigned char *filled(const structure_row *r, size_t size)
{
    unsigned char *at = (unsigned char *)before_guard(size);
    if (r->holds) {
        memset(at, 0, size);
        memcpy(at, r->holds, size < r->size ? size : r->size);
    }
    return at;
}

static void of_a_newer_header(const structure_row *r, size_t size)
{
    unsigned char *at = filled(r, size);
    size_t i, kept;
    TRY(with_size(r, at, size), LM_OK);
    memcpy(&kept, at, sizeof kept);
    CHECK(kept == size);
    for (i = r->size; i < size; i++)
        CHECK(at[i] == 0);
    if (r->holds) {
        at[size - 1] = 1;
        TRY(with_size(r, at, size), r->rest);
    }
}

static void each_structure(const structure_row *r)
{
    static const size_t large[] = {4097, (size_t)1 << 20, SIZE_MAX / 2, SIZE_MAX};
    unsigned char *at;
    size_t size, i;

    row(r->export_, r->parameter, "null");
    told = r->size;
    TRY(r->call(NULL), LM_ERR_INVALID_ARGUMENT);
    row(r->export_, r->parameter, "misaligned");
    at = filled(r, r->size + 8);
    for (i = 1; i < 8; i++)
        TRY(with_size(r, at + i, r->size), LM_ERR_INVALID_ARGUMENT);
    row(r->export_, r->parameter, "zero-size");
    TRY(with_size(r, before_guard(sizeof size), 0), LM_ERR_STRUCT_SIZE);
    row(r->export_, r->parameter, "too-small");
    for (size = 1; size < r->size; size++)
        TRY(with_size(r, before_guard(sizeof size), size), LM_ERR_STRUCT_SIZE);
    row(r->export_, r->parameter, "too-large");
    for (i = 0; i < sizeof large / sizeof large[0]; i++)
        TRY(with_size(r, before_guard(sizeof size), large[i]), LM_ERR_STRUCT_SIZE);
    row(r->export_, r->parameter, "exact");
    TRY(with_size(r, filled(r, r->size), r->size), LM_OK);
    row(r->export_, r->parameter, "newer");
    for (size = r->size + 8; size <= r->size + 64; size += 8)
        of_a_newer_header(r, size);
    of_a_newer_header(r, 4096);
}

static void structures(void)
{
    lm_status_info now = status_of(NULL);
    const structure_row rows[] = {
        {"lm_options_init", "options", sizeof(lm_options), init_options, NULL, LM_OK},
        {"lm_client_open", "options", sizeof(lm_options), open_options, &defaults,
         LM_ERR_UNSUPPORTED},
        {"lm_status", "out_status", sizeof now, status_into, NULL, LM_OK},
        {"lm_feature_status", "out_status", sizeof now, feature_into, NULL, LM_OK},
        {"lm_status_text", "status", sizeof now, text_of, &now, LM_OK},
        {"lm_list_get", "out_record", sizeof(lm_record_info), record_into, NULL, LM_OK},
        {"lm_report_get", "out_finding", sizeof(lm_finding), finding_into, NULL, LM_OK},
    };
    size_t i;
    CHECK_CODE(lm_list_open(client, &one_record, NULL), LM_OK);
    CHECK(lm_list_len(one_record) == 1);
    CHECK_CODE(lm_health(client, 0, &a_report, NULL), LM_OK);
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++)
        each_structure(&rows[i]);
    lm_list_free(one_record);
    lm_report_free(a_report);
}

#endif
