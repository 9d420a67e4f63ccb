/* Numbers: 0, the largest, the smallest. */
#ifndef NUMBERS_H
#define NUMBERS_H

#include "texts.h"

#define ZERO_AND_HUGE(export_, parameter, zero, huge, call_of)                                     \
    do {                                                                                           \
        row(export_, parameter, "zero");                                                           \
        TRY(call_of(0), zero);                                                                     \
        row(export_, parameter, "huge");                                                           \
        TRY(call_of(UINT32_MAX), huge);                                                            \
    } while (0)

static lm_result activate_seats(uint32_t seats)
{
    return lm_activate(client, all.activation_id, seats, NULL);
}

/* 0 would return all that the other rows work with: an ID that isn't here has none. */
static lm_result return_seats(uint32_t seats)
{
    return lm_return(client, seats ? all.activation_id : absent, seats, NULL);
}

static lm_result checkout_seats(uint32_t seats)
{
    lm_seat *seat = NULL;
    lm_result code = lm_checkout(client, "ortho", seats, &seat, NULL);
    CHECK(seat == NULL);
    return code;
}

static lm_result request_activation_of(uint32_t seats)
{
    REQUESTED(lm_request_activation(client, all.activation_id, seats, &request, NULL));
}
static lm_result request_return_of(uint32_t seats)
{
    const char *id = seats ? all.activation_id : absent;
    REQUESTED(lm_request_return(client, id, seats, &request, NULL));
}

#define OPENS_WITH_NUMBER(field)                                                                   \
    static lm_result number_##field(uint32_t number)                                               \
    {                                                                                              \
        lm_options options = defaults;                                                             \
        options.field = number;                                                                    \
        return opened(&options);                                                                   \
    }
OPENS_WITH_NUMBER(scope)
OPENS_WITH_NUMBER(timeout_ms)
OPENS_WITH_NUMBER(log_level)
OPENS_WITH_NUMBER(flags)

static void log_nothing(void *user_data, uint32_t level, const char *message)
{
    (void)user_data, (void)level, (void)message;
}
static void destroy_nothing(void *user_data) { (void)user_data; }
static lm_result away(void *user_data, const lm_http_request *request, lm_http_response *response)
{
    (void)user_data, (void)request, (void)response;
    return LM_ERR_NETWORK;
}

/* Each of the host's functions and its data left out, with all the others there. */
static void functions_left_out(void)
{
    static int data;
    lm_options full = defaults, options;
    full.log_level = LM_LOG_DEBUG;
    full.log = log_nothing;
    full.log_user_data = full.transport_user_data = &data;
    full.log_destroy = full.transport_destroy = destroy_nothing;
    full.transport = away;
#define WITHOUT(field)                                                                             \
    do {                                                                                           \
        row("lm_client_open", "options." #field, "null");                                          \
        options = full;                                                                            \
        options.field = NULL;                                                                      \
        TRY(opened(&options), LM_OK);                                                              \
    } while (0)
    WITHOUT(log);
    WITHOUT(log_user_data);
    WITHOUT(log_destroy);
    WITHOUT(transport);
    WITHOUT(transport_user_data);
    WITHOUT(transport_destroy);
}

static lm_status_info active;

/* A status that no library gave, in words or refused; never more than 512 bytes. */
static lm_result in_words(const lm_status_info *status)
{
    char text[512];
    return lm_status_text(status, text, sizeof text, NULL);
}

#define IN_WORDS(field)                                                                            \
    static lm_result words_##field(uint32_t number)                                                \
    {                                                                                              \
        lm_status_info status = active;                                                            \
        status.field = number;                                                                     \
        return in_words(&status);                                                                  \
    }
IN_WORDS(state)
IN_WORDS(usable)
IN_WORDS(kind)
IN_WORDS(trust)
IN_WORDS(seats)
IN_WORDS(seats_in_use)
IN_WORDS(next_step)

/* As numbers with a sign come: with all states, since only some tell a date or a cause. */
static void signed_fields(void)
{
    static const int64_t times[] = {0, INT64_MAX, INT64_MIN};
    static const char *const kinds[] = {"zero", "huge", "negative"};
    lm_status_info status;
    uint32_t state;
    size_t i;
    for (i = 0; i < 3; i++) {
        row("lm_status_text", "status.expires_at", kinds[i]);
        row("lm_status_text", "status.lease_until", kinds[i]);
        row("lm_status_text", "status.grace_until", kinds[i]);
        row("lm_status_text", "status.cause", kinds[i]);
        for (state = LM_STATE_ABSENT; state <= LM_STATE_UNTRUSTED; state++) {
            status = active;
            status.state = state;
            status.cause = state == LM_STATE_EXPIRED ? LM_ERR_EXPIRED : LM_OK;
            status.expires_at = times[i];
            TRY(in_words(&status), LM_OK);
            status.lease_until = times[i];
            TRY(in_words(&status), LM_OK);
            status.grace_until = times[i];
            TRY(in_words(&status), LM_OK);
            status.cause = (lm_result)(times[i] < 0 ? INT32_MIN : times[i] ? INT32_MAX : 0);
            TRY(in_words(&status), times[i] ? LM_ERR_INVALID_ARGUMENT : LM_OK);
        }
    }
}

static void names(void)
{
    row("lm_result_name", "result", "zero");
    CHECK(strcmp(lm_result_name(0), "LM_OK") == 0);
    row("lm_result_name", "result", "huge");
    CHECK(strcmp(lm_result_name(INT32_MAX), "?") == 0);
    row("lm_result_name", "result", "negative");
    CHECK(strcmp(lm_result_name(INT32_MIN), "?") == 0);
    row("lm_state_name", "state", "zero");
    CHECK(strcmp(lm_state_name(0), "ABSENT") == 0);
    row("lm_state_name", "state", "huge");
    CHECK(strcmp(lm_state_name(UINT32_MAX), "?") == 0);
    inputs += 5;
}

static void sizes_and_indexes(void)
{
    lm_record_info record;
    lm_list *list = NULL;
    lm_finding finding;
    lm_report *report = NULL;
    lm_options options;
    char id[64];
    size_t needed = 0;
    record.struct_size = sizeof record;
    finding.struct_size = sizeof finding;
    row("lm_options_init", "struct_size", "zero");
    TRY(lm_options_init(&options, 0), LM_ERR_STRUCT_SIZE);
    row("lm_options_init", "struct_size", "huge");
    TRY(lm_options_init(&options, SIZE_MAX), LM_ERR_STRUCT_SIZE);

    CHECK_CODE(lm_list_open(client, &list, NULL), LM_OK);
    row("lm_list_get", "index", "zero");
    TRY(lm_list_get(list, 0, &record), LM_OK);
    row("lm_list_get", "index", "huge");
    TRY(lm_list_get(list, SIZE_MAX, &record), LM_ERR_INVALID_ARGUMENT);
    TRY(lm_list_get(list, 1, &record), LM_ERR_INVALID_ARGUMENT);
    lm_list_free(list);

    row("lm_health", "ask_portal", "huge");
    TRY(lm_health(client, UINT32_MAX, &report, NULL), LM_ERR_INVALID_ARGUMENT);
    row("lm_health", "ask_portal", "zero");
    TRY(lm_health(client, 0, &report, NULL), LM_OK);
    row("lm_report_get", "index", "zero");
    TRY(lm_report_get(report, 0, &finding), LM_OK);
    row("lm_report_get", "index", "huge");
    TRY(lm_report_get(report, SIZE_MAX, &finding), LM_ERR_INVALID_ARGUMENT);
    TRY(lm_report_get(report, lm_report_len(report), &finding), LM_ERR_INVALID_ARGUMENT);
    lm_report_free(report);

    row("lm_host_id", "buf_len", "zero");
    TRY(lm_host_id(client, id, 0, &needed), LM_ERR_BUFFER);
    row("lm_host_id", "buf_len", "huge");
    TRY(lm_host_id(client, (char *)before_guard(needed), SIZE_MAX, NULL), LM_OK);
    row("lm_status_text", "buf_len", "zero");
    TRY(lm_status_text(&active, id, 0, &needed), LM_ERR_BUFFER);
    row("lm_status_text", "buf_len", "huge");
    TRY(lm_status_text(&active, (char *)before_guard(needed), SIZE_MAX, NULL), LM_OK);
}

static void numbers(void)
{
    active = status_of(NULL);
    CHECK(active.state == LM_STATE_ACTIVE && active.seats == 3);
    ZERO_AND_HUGE("lm_activate", "seats", LM_ERR_INVALID_ARGUMENT, LM_ERR_INVALID_ARGUMENT,
                  activate_seats);
    ZERO_AND_HUGE("lm_return", "seats", LM_ERR_NOT_FOUND, LM_ERR_INVALID_ARGUMENT,
                  return_seats);
    ZERO_AND_HUGE("lm_checkout", "seats", LM_ERR_INVALID_ARGUMENT, LM_ERR_INVALID_ARGUMENT,
                  checkout_seats);
    ZERO_AND_HUGE("lm_request_activation", "seats", LM_ERR_INVALID_ARGUMENT,
                  LM_ERR_INVALID_ARGUMENT, request_activation_of);
    ZERO_AND_HUGE("lm_request_return", "seats", LM_ERR_NOT_FOUND, LM_ERR_INVALID_ARGUMENT,
                  request_return_of);
    ZERO_AND_HUGE("lm_client_open", "options.scope", LM_OK, LM_ERR_INVALID_ARGUMENT, number_scope);
    ZERO_AND_HUGE("lm_client_open", "options.timeout_ms", LM_OK, LM_ERR_INVALID_ARGUMENT,
                  number_timeout_ms);
    ZERO_AND_HUGE("lm_client_open", "options.log_level", LM_OK, LM_ERR_INVALID_ARGUMENT,
                  number_log_level);
    ZERO_AND_HUGE("lm_client_open", "options.flags", LM_OK, LM_ERR_UNSUPPORTED, number_flags);
    functions_left_out();
#define IN_WORDS_ROW(field, zero, huge)                                                            \
    ZERO_AND_HUGE("lm_status_text", "status." #field, zero, huge, words_##field)
    IN_WORDS_ROW(state, LM_OK, LM_ERR_INVALID_ARGUMENT);
    IN_WORDS_ROW(usable, LM_OK, LM_ERR_INVALID_ARGUMENT);
    IN_WORDS_ROW(kind, LM_OK, LM_ERR_INVALID_ARGUMENT);
    IN_WORDS_ROW(trust, LM_OK, LM_OK);
    IN_WORDS_ROW(seats, LM_OK, LM_OK);
    IN_WORDS_ROW(seats_in_use, LM_OK, LM_OK);
    IN_WORDS_ROW(next_step, LM_OK, LM_ERR_INVALID_ARGUMENT);
    signed_fields();
    names();
    sizes_and_indexes();
}

#endif
