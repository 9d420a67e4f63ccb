/* lm_http_respond, which works inside a transport only. */
#ifndef TRANSPORT_H
#define TRANSPORT_H

#include "forked.h"

static lm_http_response *parents_response;

static void respond_in_a_child(void)
{
    IN_CHILD("lm_http_respond", lm_http_respond(parents_response, 200, NULL, 0), LM_OK);
}

static lm_result wrong_responses(void *user_data, const lm_http_request *request,
                                 lm_http_response *response)
{
    size_t max = request->response_max, i;
    uint8_t *any = (uint8_t *)before_guard(256), *last = (uint8_t *)before_guard(1);
    (void)user_data;
    for (i = 0; i < 256; i++)
        any[i] = (uint8_t)i;
    row("lm_http_respond", "http_status", "zero");
    TRY(lm_http_respond(response, 0, any, 256), LM_ERR_INVALID_ARGUMENT);
    row("lm_http_respond", "http_status", "huge");
    TRY(lm_http_respond(response, UINT32_MAX, any, 256), LM_ERR_INVALID_ARGUMENT);
    TRY(lm_http_respond(response, 65536 + 200, any, 256), LM_ERR_INVALID_ARGUMENT);
    row("lm_http_respond", "body", "null");
    TRY(lm_http_respond(response, 200, NULL, 1), LM_ERR_INVALID_ARGUMENT);
    TRY(lm_http_respond(response, 200, NULL, SIZE_MAX), LM_ERR_INVALID_ARGUMENT);
    row("lm_http_respond", "body_len", "huge");
    TRY(lm_http_respond(response, 200, last, SIZE_MAX), LM_ERR_TOO_LARGE);
    TRY(lm_http_respond(response, 200, last, SIZE_MAX / 2 + 1), LM_ERR_TOO_LARGE);
    TRY(lm_http_respond(response, 200, last, max + 1), LM_ERR_TOO_LARGE);
    row("lm_http_respond", "body_len", "zero");
    TRY(lm_http_respond(response, 200, last + 1, 0), LM_OK);
    TRY(lm_http_respond(response, 200, NULL, 0), LM_OK);
    parents_response = response;
    child_of(respond_in_a_child);
    TRY(lm_http_respond(response, 200, (uint8_t *)before_guard(max), max), LM_OK);
    /* Any bytes, each one read and none behind: the last answer is the one that counts. */
    row("lm_http_respond", "body", "any-bytes");
    TRY(lm_http_respond(response, 599, any, 256), LM_OK);
    return LM_OK;
}

static void in_a_transport(void)
{
    lm_options options = defaults;
    lm_client *own = NULL;
    options.portal_url = "https://portal.example";
    options.transport = wrong_responses;
    CHECK_CODE(lm_client_open(&options, &own, NULL), LM_OK);
    TRY(lm_refresh(own, all.activation_id, NULL), LM_ERR_HTTP);
    lm_client_free(own);
    /* The record waits for that answer, and gets it. */
    CHECK_CODE(lm_resume(client, NULL), LM_OK);
    CHECK(status_of(NULL).usable == 1);
}

#endif
