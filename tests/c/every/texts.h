/* Text: NULL, empty, the longest, without an end, not UTF-8, control characters. */
#ifndef TEXTS_H
#define TEXTS_H

#include "rows.h"

typedef struct {
    const char *export_, *parameter;
    size_t bound;
    lm_result (*call)(const char *);
    /* What is not UTF-8 or has no end is LM_ERR_INVALID_ARGUMENT everywhere. */
    lm_result null, empty, longest, control;
} text_row;

static lm_result activate(const char *text) { return lm_activate(client, text, 1, NULL); }
static lm_result give_back(const char *text) { return lm_return(client, text, 1, NULL); }
static lm_result refresh(const char *text) { return lm_refresh(client, text, NULL); }
static lm_result repair(const char *text) { return lm_repair(client, text, NULL); }
static lm_result take_out(const char *text) { return lm_remove(client, text, NULL); }

/* Gives what a call has made back at once. */
#define REQUESTED(call)                                                                            \
    lm_buffer *request = NULL;                                                                     \
    lm_result code = (call);                                                                       \
    CHECK((code == LM_OK) == (request != NULL));                                                   \
    lm_buffer_free(request);                                                                       \
    return code

static lm_result request_activation(const char *text)
{
    REQUESTED(lm_request_activation(client, text, 1, &request, NULL));
}
static lm_result request_return(const char *text)
{
    REQUESTED(lm_request_return(client, text, 1, &request, NULL));
}
static lm_result request_repair(const char *text)
{
    REQUESTED(lm_request_repair(client, text, &request, NULL));
}

static lm_result status(const char *text)
{
    lm_status_info info;
    info.struct_size = sizeof info;
    return lm_status(client, text, &info);
}

static lm_result feature_status(const char *text)
{
    lm_status_info info;
    info.struct_size = sizeof info;
    return lm_feature_status(client, text, &info);
}

static lm_result feature_limit(const char *text)
{
    int64_t limit = 0;
    return lm_feature_limit(client, text, &limit);
}

static lm_result checkout_of(const char *text)
{
    lm_seat *seat = NULL;
    lm_result code = lm_checkout(client, text, 1, &seat, NULL);
    lm_seat_free(seat);
    return code;
}

/* It answers no code: whatever it doesn't know, it can't do. */
static lm_result supports(const char *text)
{
    return lm_supports(text) == 0 ? LM_ERR_INVALID_ARGUMENT : LM_OK;
}

#define OPENS_WITH(field)                                                                          \
    static lm_result open_##field(const char *text)                                                \
    {                                                                                              \
        lm_options options = defaults;                                                             \
        options.field = text;                                                                      \
        return opened(&options);                                                                   \
    }
OPENS_WITH(product)
OPENS_WITH(trust_root)
OPENS_WITH(portal_url)
OPENS_WITH(storage_dir)
OPENS_WITH(host_identity)
OPENS_WITH(host_label)
OPENS_WITH(proxy)
OPENS_WITH(ca_file)

#define WRONG LM_ERR_INVALID_ARGUMENT
#define NO_ID LM_ERR_ID_MALFORMED
static const text_row text_rows[] = {
    {"lm_activate", "activation_id", 256, activate, WRONG, NO_ID, NO_ID, NO_ID},
    {"lm_return", "activation_id", 256, give_back, WRONG, NO_ID, NO_ID, NO_ID},
    {"lm_status", "activation_id", 256, status, LM_OK, NO_ID, NO_ID, NO_ID},
    {"lm_refresh", "activation_id", 256, refresh, LM_OK, NO_ID, NO_ID, NO_ID},
    {"lm_repair", "activation_id", 256, repair, WRONG, NO_ID, NO_ID, NO_ID},
    {"lm_remove", "activation_id", 256, take_out, WRONG, NO_ID, NO_ID, NO_ID},
    {"lm_request_activation", "activation_id", 256, request_activation, WRONG, NO_ID, NO_ID, NO_ID},
    {"lm_request_return", "activation_id", 256, request_return, WRONG, NO_ID, NO_ID, NO_ID},
    {"lm_request_repair", "activation_id", 256, request_repair, WRONG, NO_ID, NO_ID, NO_ID},
    {"lm_feature_status", "feature", 64, feature_status, WRONG, WRONG, LM_ERR_FEATURE, WRONG},
    {"lm_feature_limit", "feature", 64, feature_limit, WRONG, WRONG, LM_ERR_FEATURE, WRONG},
    {"lm_checkout", "feature", 64, checkout_of, WRONG, WRONG, LM_ERR_FEATURE, WRONG},
    {"lm_supports", "capability", 64, supports, WRONG, WRONG, WRONG, WRONG},
    {"lm_client_open", "options.product", 64, open_product, WRONG, WRONG, LM_OK, WRONG},
    {"lm_client_open", "options.trust_root", 4096, open_trust_root, WRONG, LM_ERR_TRUST_ROOT,
     LM_ERR_TRUST_ROOT, LM_ERR_TRUST_ROOT},
    {"lm_client_open", "options.portal_url", 4096, open_portal_url, LM_OK, WRONG, WRONG, WRONG},
    {"lm_client_open", "options.storage_dir", 4096, open_storage_dir, LM_OK, WRONG, WRONG, LM_OK},
    {"lm_client_open", "options.host_identity", 1024, open_host_identity, LM_OK, WRONG, LM_OK,
     LM_OK},
    {"lm_client_open", "options.host_label", 128, open_host_label, LM_OK, LM_OK, LM_OK, WRONG},
    {"lm_client_open", "options.proxy", 4096, open_proxy, LM_OK, WRONG, WRONG, WRONG},
    {"lm_client_open", "options.ca_file", 4096, open_ca_file, LM_OK, WRONG, LM_OK, LM_OK},
};

/* Overlong, a surrogate, beyond Unicode, a lone continuation, cut short. */
static const char *const not_utf8[] = {"\xFF",         "\xC0\x80",         "\xED\xA0\x80",
                                       "ortho\x80",    "\xF5\x80\x80\x80", "\xF4\x90\x80\x80",
                                       "abc\xE2\x82", "\xF0\x9F\x98"};

/* So many bytes of one letter before a guard page, and a NUL where the text ends. */
static char *letters(size_t len, int ends)
{
    char *text = (char *)before_guard(len + (ends ? 1 : 0));
    memset(text, 'a', len);
    if (ends)
        text[len] = '\0';
    return text;
}

static void texts(void)
{
    size_t i, k;
    for (i = 0; i < sizeof text_rows / sizeof text_rows[0]; i++) {
        const text_row *r = &text_rows[i];
        const char *field = strchr(r->parameter, '.');
        printf("bound %s %lu\n", field ? field + 1 : r->parameter, (unsigned long)r->bound);
        row(r->export_, r->parameter, "null");
        TRY(r->call(NULL), r->null);
        row(r->export_, r->parameter, "empty");
        TRY(r->call(letters(0, 1)), r->empty);
        row(r->export_, r->parameter, "longest");
        TRY(r->call(letters(r->bound, 1)), r->longest);
        row(r->export_, r->parameter, "unterminated");
        TRY(r->call(letters(r->bound + 1, 0)), LM_ERR_INVALID_ARGUMENT);
        TRY(r->call(letters(r->bound + 1, 1)), LM_ERR_INVALID_ARGUMENT);
        row(r->export_, r->parameter, "not-utf8");
        for (k = 0; k < sizeof not_utf8 / sizeof not_utf8[0]; k++)
            TRY(r->call(not_utf8[k]), LM_ERR_INVALID_ARGUMENT);
        row(r->export_, r->parameter, "control");
        TRY(r->call("a\x01\n\x7F"), r->control);
    }
}

#endif
