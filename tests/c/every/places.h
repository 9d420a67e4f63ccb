/* Places for answers: NULL, not aligned, left alone unless there is an answer; buffers of every length.
 * And objects that are NULL. */
#ifndef PLACES_H
#define PLACES_H

#include "texts.h"

/* What no call may write. */
static char untouched;
#define UNTOUCHED ((void *)&untouched)

/* ---- Errors: every call that gives one, failing and succeeding ---- */

typedef struct {
    const char *export_;
    lm_result (*fails)(lm_error **), (*succeeds)(lm_error **);
    lm_result code;
} error_row;

static lm_result open_badly(lm_error **error)
{
    lm_client *fresh = NULL;
    return lm_client_open(NULL, &fresh, error);
}
static lm_result open_well(lm_error **error)
{
    lm_client *fresh = NULL;
    lm_result code = lm_client_open(&defaults, &fresh, error);
    lm_client_free(fresh);
    return code;
}
static lm_result activate_badly(lm_error **e) { return lm_activate(client, "", 1, e); }
static lm_result activate_well(lm_error **e) { return lm_activate(client, all.activation_id, 1, e); }
static lm_result return_badly(lm_error **e) { return lm_return(client, absent, 0, e); }
static lm_result return_well(lm_error **e) { return lm_return(client, all.activation_id, 1, e); }
static lm_result refresh_badly(lm_error **e) { return lm_refresh(client, absent, e); }
static lm_result refresh_well(lm_error **e) { return lm_refresh(client, NULL, e); }
static lm_result repair_badly(lm_error **e) { return lm_repair(client, absent, e); }
static lm_result remove_badly(lm_error **e) { return lm_remove(client, all.activation_id, e); }
static lm_result resume_badly(lm_error **e) { return lm_resume(NULL, e); }
static lm_result resume_well(lm_error **e) { return lm_resume(client, e); }
static lm_result list_badly(lm_error **e) { return lm_list_open(client, NULL, e); }
static lm_result list_well(lm_error **e)
{
    lm_list *list = NULL;
    lm_result code = lm_list_open(client, &list, e);
    lm_list_free(list);
    return code;
}
static lm_result health_badly(lm_error **e)
{
    lm_report *report = NULL;
    return lm_health(client, 2, &report, e);
}
static lm_result health_well(lm_error **e)
{
    lm_report *report = NULL;
    lm_result code = lm_health(client, 1, &report, e);
    lm_report_free(report);
    return code;
}

static lm_result checkout_badly(lm_error **e)
{
    lm_seat *seat = NULL;
    return lm_checkout(client, "lidar", 1, &seat, e);
}
static lm_result checkout_well(lm_error **e)
{
    lm_seat *seat = NULL;
    lm_result code = lm_checkout(client, "ortho", 1, &seat, e);
    lm_seat_free(seat);
    return code;
}
static lm_result checkin_badly(lm_error **e) { return lm_checkin(NULL, e); }
static lm_result checkin_well(lm_error **e)
{
    lm_seat *seat = NULL;
    lm_result code;
    CHECK_CODE(lm_checkout(client, "ortho", 1, &seat, NULL), LM_OK);
    code = lm_checkin(seat, e);
    lm_seat_free(seat);
    return code;
}
static lm_result request_activation_badly(lm_error **e)
{
    lm_buffer *request = NULL;
    return lm_request_activation(client, "", 1, &request, e);
}
static lm_result request_activation_well(lm_error **e)
{
    REQUESTED(lm_request_activation(client, all.activation_id, 1, &request, e));
}
static lm_result request_return_badly(lm_error **e)
{
    REQUESTED(lm_request_return(client, absent, 0, &request, e));
}
static lm_result request_repair_badly(lm_error **e)
{
    REQUESTED(lm_request_repair(client, absent, &request, e));
}
static lm_result apply_badly(lm_error **e) { return lm_apply_response(client, NULL, 0, e); }

static void errors(void)
{
    static const error_row rows[] = {
        {"lm_client_open", open_badly, open_well, LM_ERR_INVALID_ARGUMENT},
        {"lm_activate", activate_badly, activate_well, LM_ERR_ID_MALFORMED},
        {"lm_return", return_badly, return_well, LM_ERR_NOT_FOUND},
        {"lm_refresh", refresh_badly, refresh_well, LM_ERR_NOT_FOUND},
        {"lm_repair", repair_badly, NULL, LM_ERR_NOT_FOUND},
        {"lm_remove", remove_badly, NULL, LM_ERR_NOT_ALLOWED},
        {"lm_resume", resume_badly, resume_well, LM_ERR_INVALID_ARGUMENT},
        {"lm_list_open", list_badly, list_well, LM_ERR_INVALID_ARGUMENT},
        {"lm_health", health_badly, health_well, LM_ERR_INVALID_ARGUMENT},
        {"lm_checkout", checkout_badly, checkout_well, LM_ERR_FEATURE},
        {"lm_checkin", checkin_badly, checkin_well, LM_ERR_INVALID_ARGUMENT},
        {"lm_request_activation", request_activation_badly, request_activation_well,
         LM_ERR_ID_MALFORMED},
        {"lm_request_return", request_return_badly, NULL, LM_ERR_NOT_FOUND},
        {"lm_request_repair", request_repair_badly, NULL, LM_ERR_NOT_FOUND},
        {"lm_apply_response", apply_badly, NULL, LM_ERR_MALFORMED},
    };
    size_t i, k;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const error_row *r = &rows[i];
        lm_error *error = (lm_error *)UNTOUCHED;
        char *place = (char *)before_guard(2 * sizeof error), *before = (char *)before_guard(16);
        if (r->succeeds) {
            TRY(r->succeeds(&error), LM_OK);
            CHECK(error == (lm_error *)UNTOUCHED);
        }
        row(r->export_, "out_error", "null");
        TRY(r->fails(NULL), r->code);
        row(r->export_, "out_error", "misaligned");
        for (k = 1; k < 8; k++)
            TRY(r->fails((lm_error **)(void *)(place + k)), r->code);
        CHECK(memcmp(place, before, 16) == 0);
        TRY(r->fails(&error), r->code);
        CHECK(lm_error_code(error) == r->code && *lm_error_message(error) && *lm_error_hint(error));
        CHECK(lm_error_retry_at(error) == 0 && *lm_error_detail(error) == 0);
        lm_error_free(error);
    }
}

/* ---- Other places ---- */

static lm_result client_into(void *p)
{
    lm_result code = lm_client_open(&defaults, (lm_client **)p, NULL);
    if (code == LM_OK)
        lm_client_free(*(lm_client **)p);
    return code;
}
static lm_result list_into(void *p)
{
    lm_result code = lm_list_open(client, (lm_list **)p, NULL);
    if (code == LM_OK)
        lm_list_free(*(lm_list **)p);
    return code;
}
static lm_result report_into(void *p)
{
    lm_result code = lm_health(client, 0, (lm_report **)p, NULL);
    if (code == LM_OK)
        lm_report_free(*(lm_report **)p);
    return code;
}
static lm_result seat_into(void *p)
{
    lm_result code = lm_checkout(client, "ortho", 1, (lm_seat **)p, NULL);
    if (code == LM_OK)
        lm_seat_free(*(lm_seat **)p);
    return code;
}
static lm_result limit_into(void *p) { return lm_feature_limit(client, "raster", (int64_t *)p); }
static lm_result id_length_into(void *p) { return lm_host_id(client, NULL, 0, (size_t *)p); }
static lm_result text_length_into(void *p)
{
    lm_status_info status = status_of(NULL);
    return lm_status_text(&status, NULL, 0, (size_t *)p);
}

/* What each has begun is brought to an end: the portal is there. */
static lm_result request_into(void *p, lm_result code)
{
    if (code == LM_OK)
        lm_buffer_free(*(lm_buffer **)p);
    lm_resume(client, NULL);
    return code;
}
static lm_result activation_into(void *p)
{
    return request_into(
        p, lm_request_activation(client, all.activation_id, 1, (lm_buffer **)p, NULL));
}
/* Of an activation that is only requested: it is given up, and no seat goes. */
static lm_result return_into(void *p)
{
    lm_buffer *request = NULL;
    CHECK_CODE(lm_request_activation(client, absent, 1, &request, NULL), LM_OK);
    lm_buffer_free(request);
    return request_into(p, lm_request_return(client, absent, 0, (lm_buffer **)p, NULL));
}
static lm_result repair_into(void *p)
{
    return request_into(p, lm_request_repair(client, all.activation_id, (lm_buffer **)p, NULL));
}

static void places(void)
{
    static const struct {
        const char *export_, *parameter;
        lm_result (*call)(void *), null, there;
    } rows[] = {
        {"lm_client_open", "out_client", client_into, LM_ERR_INVALID_ARGUMENT, LM_OK},
        {"lm_list_open", "out_list", list_into, LM_ERR_INVALID_ARGUMENT, LM_OK},
        {"lm_health", "out_report", report_into, LM_ERR_INVALID_ARGUMENT, LM_OK},
        {"lm_checkout", "out_seat", seat_into, LM_ERR_INVALID_ARGUMENT, LM_OK},
        {"lm_request_activation", "out_request", activation_into, LM_ERR_INVALID_ARGUMENT, LM_OK},
        {"lm_request_return", "out_request", return_into, LM_ERR_INVALID_ARGUMENT, LM_OK},
        {"lm_request_repair", "out_request", repair_into, LM_ERR_INVALID_ARGUMENT, LM_OK},
        {"lm_feature_limit", "out_limit", limit_into, LM_ERR_INVALID_ARGUMENT, LM_OK},
        {"lm_host_id", "out_len", id_length_into, LM_ERR_BUFFER, LM_ERR_BUFFER},
        {"lm_status_text", "out_len", text_length_into, LM_ERR_BUFFER, LM_ERR_BUFFER},
    };
    size_t i, k;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *place = (char *)before_guard(16), *before = (char *)before_guard(16);
        row(rows[i].export_, rows[i].parameter, "null");
        TRY(rows[i].call(NULL), rows[i].null);
        row(rows[i].export_, rows[i].parameter, "misaligned");
        for (k = 1; k < 8; k++)
            TRY(rows[i].call(place + k), LM_ERR_INVALID_ARGUMENT);
        CHECK(memcmp(place, before, 16) == 0);
        TRY(rows[i].call(place + 8), rows[i].there);
        CHECK(memcmp(place, before, 8) == 0 && memcmp(place + 8, before, 8) != 0);
    }
}

/* ---- Buffers: each length from 0 to what is needed, no byte more touched than there is ---- */

typedef lm_result (*text_call)(char *, size_t, size_t *);
static lm_status_info told_status;

static lm_result host_id(char *buf, size_t len, size_t *out) { return lm_host_id(client, buf, len, out); }
static lm_result in_words_into(char *buf, size_t len, size_t *out)
{
    return lm_status_text(&told_status, buf, len, out);
}

static void each_length(text_call call, size_t most)
{
    size_t needed = 0, len, i;
    TRY(call(NULL, 0, &needed), LM_ERR_BUFFER);
    CHECK(needed > 1 && needed <= most);
    for (len = 0; len <= needed; len++) {
        char *buf = (char *)before_guard(len);
        size_t again = 0;
        TRY(call(buf, len, &again), len < needed ? LM_ERR_BUFFER : LM_OK);
        CHECK(again == needed);
        for (i = 0; len < needed && i < len; i++)
            CHECK(buf[i] == (char)0xA5);
        CHECK(len < needed || strlen(buf) == needed - 1);
    }
}

static void buffers(void)
{
    row("lm_host_id", "buf", "null");
    TRY(lm_host_id(client, NULL, 64, NULL), LM_ERR_INVALID_ARGUMENT);
    row("lm_host_id", "buf", "short");
    row("lm_host_id", "buf", "exact");
    each_length(host_id, 64);

    told_status = status_of(NULL);
    row("lm_status_text", "buf", "null");
    TRY(lm_status_text(&told_status, NULL, 512, NULL), LM_ERR_INVALID_ARGUMENT);
    row("lm_status_text", "buf", "short");
    row("lm_status_text", "buf", "exact");
    told_status.lease_until = told_status.expires_at = told_status.grace_until = INT64_MIN;
    told_status.seats = UINT32_MAX;
    for (told_status.state = 0; told_status.state <= LM_STATE_UNTRUSTED; told_status.state++)
        each_length(in_words_into, 512);
}

/* ---- Bytes ---- */

static void bytes(void)
{
    uint8_t *some = (uint8_t *)before_guard(3);
    unsigned first;
    row("lm_apply_response", "response", "null");
    TRY(lm_apply_response(client, NULL, 3, NULL), LM_ERR_INVALID_ARGUMENT);
    row("lm_apply_response", "response", "any-bytes");
    for (first = 0; first < 256; first++) {
        memset(some, (int)first, 3);
        TRY(lm_apply_response(client, some, 3, NULL), LM_ERR_MALFORMED);
    }
    row("lm_apply_response", "response_len", "zero");
    TRY(lm_apply_response(client, some, 0, NULL), LM_ERR_MALFORMED);
    row("lm_apply_response", "response_len", "huge");
    TRY(lm_apply_response(client, some, SIZE_MAX, NULL), LM_ERR_TOO_LARGE);
}

/* ---- Objects that are NULL ---- */

static void null_objects(void)
{
    lm_status_info status;
    lm_record_info record;
    lm_list *list = (lm_list *)UNTOUCHED;
    lm_report *report = (lm_report *)UNTOUCHED;
    lm_finding finding;
    lm_seat *seat = (lm_seat *)UNTOUCHED;
    lm_buffer *buffer = (lm_buffer *)UNTOUCHED;
    int64_t limit = 7;
    status.struct_size = sizeof status;
    record.struct_size = sizeof record;
    finding.struct_size = sizeof finding;
#define NULL_CLIENT(export_, call)                                                                 \
    do {                                                                                           \
        row(export_, "client", "null");                                                            \
        TRY(call, LM_ERR_INVALID_ARGUMENT);                                                        \
    } while (0)
    NULL_CLIENT("lm_activate", lm_activate(NULL, all.activation_id, 1, NULL));
    NULL_CLIENT("lm_return", lm_return(NULL, all.activation_id, 1, NULL));
    NULL_CLIENT("lm_status", lm_status(NULL, NULL, &status));
    NULL_CLIENT("lm_feature_status", lm_feature_status(NULL, "ortho", &status));
    NULL_CLIENT("lm_feature_limit", lm_feature_limit(NULL, "ortho", &limit));
    NULL_CLIENT("lm_refresh", lm_refresh(NULL, NULL, NULL));
    NULL_CLIENT("lm_repair", lm_repair(NULL, all.activation_id, NULL));
    NULL_CLIENT("lm_cancel", lm_cancel(NULL));
    NULL_CLIENT("lm_remove", lm_remove(NULL, all.activation_id, NULL));
    NULL_CLIENT("lm_resume", lm_resume(NULL, NULL));
    NULL_CLIENT("lm_list_open", lm_list_open(NULL, &list, NULL));
    NULL_CLIENT("lm_health", lm_health(NULL, 0, &report, NULL));
    NULL_CLIENT("lm_host_id", lm_host_id(NULL, NULL, 0, NULL));
    NULL_CLIENT("lm_request_activation",
                lm_request_activation(NULL, all.activation_id, 1, &buffer, NULL));
    NULL_CLIENT("lm_request_return", lm_request_return(NULL, all.activation_id, 0, &buffer, NULL));
    NULL_CLIENT("lm_request_repair", lm_request_repair(NULL, all.activation_id, &buffer, NULL));
    NULL_CLIENT("lm_apply_response", lm_apply_response(NULL, NULL, 0, NULL));
    CHECK(buffer == (lm_buffer *)UNTOUCHED);
    NULL_CLIENT("lm_checkout", lm_checkout(NULL, "ortho", 1, &seat, NULL));
    CHECK(report == (lm_report *)UNTOUCHED);
    CHECK(list == (lm_list *)UNTOUCHED && seat == (lm_seat *)UNTOUCHED && limit == 7);
#define EMPTY(export_, parameter, holds)                                                           \
    do {                                                                                           \
        row(export_, parameter, "null");                                                           \
        inputs++;                                                                                  \
        CHECK(holds);                                                                              \
    } while (0)
    EMPTY("lm_change_count", "client", lm_change_count(NULL) == 0);
    EMPTY("lm_client_free", "client", (lm_client_free(NULL), 1));
    EMPTY("lm_list_len", "list", lm_list_len(NULL) == 0);
    EMPTY("lm_list_get", "list", lm_list_get(NULL, 0, &record) == LM_ERR_INVALID_ARGUMENT);
    EMPTY("lm_list_free", "list", (lm_list_free(NULL), 1));
    EMPTY("lm_report_len", "report", lm_report_len(NULL) == 0);
    EMPTY("lm_report_get", "report", lm_report_get(NULL, 0, &finding) == LM_ERR_INVALID_ARGUMENT);
    EMPTY("lm_report_free", "report", (lm_report_free(NULL), 1));
    EMPTY("lm_checkin", "seat", lm_checkin(NULL, NULL) == LM_ERR_INVALID_ARGUMENT);
    EMPTY("lm_seat_free", "seat", (lm_seat_free(NULL), 1));
    EMPTY("lm_buffer_data", "buffer", *lm_buffer_data(NULL) == 0);
    EMPTY("lm_buffer_len", "buffer", lm_buffer_len(NULL) == 0);
    EMPTY("lm_buffer_free", "buffer", (lm_buffer_free(NULL), 1));
    EMPTY("lm_error_code", "error", lm_error_code(NULL) == LM_OK);
    EMPTY("lm_error_message", "error", *lm_error_message(NULL) == 0);
    EMPTY("lm_error_hint", "error", *lm_error_hint(NULL) == 0);
    EMPTY("lm_error_detail", "error", *lm_error_detail(NULL) == 0);
    EMPTY("lm_error_retry_at", "error", lm_error_retry_at(NULL) == 0);
    EMPTY("lm_error_free", "error", (lm_error_free(NULL), 1));
    EMPTY("lm_http_respond", "response",
          lm_http_respond(NULL, 200, NULL, 0) == LM_ERR_INVALID_ARGUMENT);
}

#endif
