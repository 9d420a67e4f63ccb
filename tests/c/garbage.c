/* A host's transport that does everything wrong: each fault is one code, and the record is only
 * pending. */
#include "check.h"

enum fault {
    NOTHING,        /* LM_OK, and never responds */
    MADE_UP,        /* a code that is none */
    NOT_A_TRANSPORTS, /* a code, but no transport's */
    TIMED_OUT,
    CANCELLED,
    JUNK,           /* a body that is no answer */
    EMPTY,
    HUGE_BODY,
    MALFORMED       /* arguments of lm_http_respond that are wrong */
};

typedef struct {
    enum fault fault;
    int calls;
    lm_client *own, *other;
} host;

static const uint8_t junk[] = "<html>Please sign in</html>";

static lm_result respond_wrongly(lm_http_response *response)
{
    CHECK_CODE(lm_http_respond(response, 99, junk, sizeof junk), LM_ERR_INVALID_ARGUMENT);
    CHECK_CODE(lm_http_respond(response, 600, junk, sizeof junk), LM_ERR_INVALID_ARGUMENT);
    CHECK_CODE(lm_http_respond(response, 70000, junk, sizeof junk), LM_ERR_INVALID_ARGUMENT);
    CHECK_CODE(lm_http_respond(response, 200, NULL, 4), LM_ERR_INVALID_ARGUMENT);
    return LM_OK;
}

static lm_result transport(void *user_data, const lm_http_request *request,
                           lm_http_response *response)
{
    host *host_ = (host *)user_data;
    lm_status_info status;
    status.struct_size = sizeof status;
    host_->calls++;
    CHECK(request->struct_size >= sizeof *request && request->body_len > 0 && request->body);
    CHECK(strncmp(request->url, "https://portal.example/", 23) == 0 && *request->content_type);
    CHECK(request->timeout_ms > 0 && request->response_max > sizeof junk && request->reserved == 0);
    /* Nothing is locked here: other clients work, and even this one doesn't hang. */
    CHECK_CODE(lm_status(host_->other, NULL, &status), LM_OK);
    CHECK_CODE(lm_status(host_->own, NULL, &status), LM_OK);

    switch (host_->fault) {
    case NOTHING: return LM_OK;
    case MADE_UP: return 12345;
    case NOT_A_TRANSPORTS: return LM_ERR_NO_SEATS;
    case TIMED_OUT: return LM_ERR_TIMEOUT;
    case CANCELLED: return LM_ERR_CANCELLED;
    case JUNK: return lm_http_respond(response, 200, junk, sizeof junk - 1);
    case EMPTY: return lm_http_respond(response, 200, NULL, 0);
    case HUGE_BODY: return lm_http_respond(response, 200, junk, request->response_max + 1);
    case MALFORMED: return respond_wrongly(response);
    }
    return -1;
}

int main(int argc, char **argv)
{
    static const struct {
        enum fault fault;
        lm_result code;
    } rows[] = {
        {NOTHING, LM_ERR_NETWORK},     {MADE_UP, LM_ERR_NETWORK}, {NOT_A_TRANSPORTS, LM_ERR_NETWORK},
        {TIMED_OUT, LM_ERR_TIMEOUT},   {CANCELLED, LM_ERR_CANCELLED},  {JUNK, LM_ERR_HTTP},
        {EMPTY, LM_ERR_HTTP},          {HUGE_BODY, LM_ERR_TOO_LARGE},  {MALFORMED, LM_ERR_NETWORK},
    };
    given all = take(argc, argv);
    lm_options options = options_of(&all);
    host host_ = {NOTHING, 0, NULL, NULL};
    size_t i;

    CHECK_CODE(lm_client_open(&options, &host_.other, NULL), LM_OK);
    options.portal_url = "https://portal.example";
    options.transport = transport;
    options.transport_user_data = &host_;
    CHECK_CODE(lm_client_open(&options, &host_.own, NULL), LM_OK);
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        lm_status_info status;
        int before = host_.calls;
        status.struct_size = sizeof status;
        host_.fault = rows[i].fault;
        fprintf(stderr, "fault %d\n", (int)host_.fault);
        CHECK_CODE(lm_activate(host_.own, all.activation_id, 1, NULL), rows[i].code);
        CHECK(host_.calls > before);
        CHECK_CODE(lm_status(host_.own, all.activation_id, &status), LM_OK);
        CHECK(status.state == LM_STATE_PENDING_ACTIVATION && !status.usable);
    }
    lm_client_free(host_.own);
    lm_client_free(host_.other);
    return 0;
}
