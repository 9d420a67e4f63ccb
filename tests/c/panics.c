/* R83: with a library in which one place after another panics, the process lives, the client is
 * poisoned, another one works, and all is freed. Says on its output which places it has armed; the
 * test compares them with the panics that came. With a further argument it calls what is not
 * guarded, and ends there. */
#include "check.h"

typedef struct {
    int destroyed, responded;
} counted;

static lm_options defaults;
static counted host;

static void arm(const char *place)
{
    CHECK(setenv("LM_PLANTED", place, 1) == 0);
    puts(place);
}

static void disarm(void)
{
    CHECK(unsetenv("LM_PLANTED") == 0);
}

/* Whatever an armed call answers is looked at once nothing is armed any more. */
#define ARMED(place, type, call, expected)                                                         \
    do {                                                                                           \
        type answer_;                                                                              \
        arm(place);                                                                                \
        answer_ = (call);                                                                          \
        disarm();                                                                                  \
        if (!(answer_ == (expected))) {                                                            \
            fprintf(stderr, "%s:%d: with a panic, %s is not %s\n", __FILE__, __LINE__, #call,      \
                    #expected);                                                                    \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

static lm_result transport(void *user_data, const lm_http_request *request,
                           lm_http_response *response)
{
    (void)user_data, (void)request;
    ARMED("lm_http_respond", lm_result, lm_http_respond(response, 200, NULL, 0), LM_ERR_INTERNAL);
    host.responded++;
    return LM_ERR_DNS;
}

static void destroy(void *user_data)
{
    ((counted *)user_data)->destroyed++;
}

static lm_client *opened(void)
{
    lm_client *client = NULL;
    CHECK_CODE(lm_client_open(&defaults, &client, NULL), LM_OK);
    return client;
}

static lm_error *failure(void)
{
    lm_error *error = NULL;
    CHECK_CODE(lm_activate(NULL, NULL, 1, &error), LM_ERR_INVALID_ARGUMENT);
    CHECK(error != NULL);
    return error;
}

/* After a panic nobody knows what the client holds: it only says so. It is still freed. */
static void poisoned(lm_client *client, const given *all)
{
    int destroyed = host.destroyed;
    lm_status_info status;
    lm_list *list = NULL;
    lm_report *report = NULL;
    lm_seat *seat = NULL;
    lm_buffer *buffer = NULL;
    lm_error *error = NULL;
    int64_t limit = 7;
    status.struct_size = sizeof status;

    CHECK_CODE(lm_status(client, NULL, &status), LM_ERR_INTERNAL);
    CHECK_CODE(lm_feature_status(client, "ortho", &status), LM_ERR_INTERNAL);
    CHECK_CODE(lm_feature_limit(client, "ortho", &limit), LM_ERR_INTERNAL);
    CHECK_CODE(lm_activate(client, all->activation_id, 1, &error), LM_ERR_INTERNAL);
    CHECK(lm_error_code(error) == LM_ERR_INTERNAL && *lm_error_message(error));
    lm_error_free(error);
    CHECK_CODE(lm_return(client, all->activation_id, 0, NULL), LM_ERR_INTERNAL);
    CHECK_CODE(lm_refresh(client, NULL, NULL), LM_ERR_INTERNAL);
    CHECK_CODE(lm_repair(client, all->activation_id, NULL), LM_ERR_INTERNAL);
    CHECK_CODE(lm_remove(client, all->activation_id, NULL), LM_ERR_INTERNAL);
    CHECK_CODE(lm_cancel(client), LM_ERR_INTERNAL);
    CHECK_CODE(lm_resume(client, NULL), LM_ERR_INTERNAL);
    CHECK_CODE(lm_list_open(client, &list, NULL), LM_ERR_INTERNAL);
    CHECK_CODE(lm_health(client, 0, &report, NULL), LM_ERR_INTERNAL);
    CHECK(report == NULL);
    CHECK_CODE(lm_checkout(client, "ortho", 1, &seat, NULL), LM_ERR_INTERNAL);
    CHECK_CODE(lm_request_activation(client, all->activation_id, 1, &buffer, NULL),
               LM_ERR_INTERNAL);
    CHECK_CODE(lm_request_return(client, all->activation_id, 0, &buffer, NULL), LM_ERR_INTERNAL);
    CHECK_CODE(lm_request_repair(client, all->activation_id, &buffer, NULL), LM_ERR_INTERNAL);
    CHECK_CODE(lm_apply_response(client, NULL, 0, NULL), LM_ERR_INTERNAL);
    CHECK(buffer == NULL);
    CHECK_CODE(lm_host_id(client, NULL, 0, NULL), LM_ERR_INTERNAL);
    CHECK(lm_change_count(client) == 0 && list == NULL && seat == NULL && limit == 7);
    lm_client_free(client);
    CHECK(host.destroyed == destroyed + 1);
}

/* Each on a client of its own: a poisoned one runs nothing any more. */
#define POISONS(place, type, call, expected)                                                       \
    do {                                                                                           \
        lm_client *client = opened();                                                              \
        ARMED(place, type, call, expected);                                                        \
        poisoned(client, all);                                                                     \
    } while (0)

static void calls_on_a_client(const given *all)
{
    lm_client *beside = opened();
    lm_status_info status;
    lm_list *list = NULL;
    lm_report *report = NULL;
    lm_seat *seat = NULL;
    lm_buffer *buffer = NULL;
    int64_t limit = 7;
    status.struct_size = sizeof status;

    POISONS("lm_status", lm_result, lm_status(client, NULL, &status), LM_ERR_INTERNAL);
    POISONS("lm_feature_status", lm_result, lm_feature_status(client, "ortho", &status),
            LM_ERR_INTERNAL);
    POISONS("lm_feature_limit", lm_result, lm_feature_limit(client, "ortho", &limit),
            LM_ERR_INTERNAL);
    POISONS("lm_change_count", uint64_t, lm_change_count(client), 0);
    POISONS("lm_activate", lm_result, lm_activate(client, all->activation_id, 1, NULL),
            LM_ERR_INTERNAL);
    POISONS("lm_return", lm_result, lm_return(client, all->activation_id, 0, NULL),
            LM_ERR_INTERNAL);
    POISONS("lm_refresh", lm_result, lm_refresh(client, NULL, NULL), LM_ERR_INTERNAL);
    POISONS("lm_repair", lm_result, lm_repair(client, all->activation_id, NULL), LM_ERR_INTERNAL);
    POISONS("lm_cancel", lm_result, lm_cancel(client), LM_ERR_INTERNAL);
    POISONS("lm_remove", lm_result, lm_remove(client, all->activation_id, NULL), LM_ERR_INTERNAL);
    POISONS("lm_resume", lm_result, lm_resume(client, NULL), LM_ERR_INTERNAL);
    POISONS("lm_request_activation", lm_result,
            lm_request_activation(client, all->activation_id, 1, &buffer, NULL), LM_ERR_INTERNAL);
    POISONS("lm_request_return", lm_result,
            lm_request_return(client, all->activation_id, 0, &buffer, NULL), LM_ERR_INTERNAL);
    POISONS("lm_request_repair", lm_result,
            lm_request_repair(client, all->activation_id, &buffer, NULL), LM_ERR_INTERNAL);
    POISONS("lm_apply_response", lm_result, lm_apply_response(client, NULL, 0, NULL),
            LM_ERR_INTERNAL);
    POISONS("lm_list_open", lm_result, lm_list_open(client, &list, NULL), LM_ERR_INTERNAL);
    POISONS("lm_health", lm_result, lm_health(client, 0, &report, NULL), LM_ERR_INTERNAL);
    POISONS("lm_checkout", lm_result, lm_checkout(client, "ortho", 1, &seat, NULL),
            LM_ERR_INTERNAL);
    POISONS("lm_host_id", lm_result, lm_host_id(client, NULL, 0, NULL), LM_ERR_INTERNAL);
    /* The lock of the storage is let go: another client, which has seen none of it, gets through to
     * its transport, where lm_http_respond panics and poisons nothing. */
    POISONS("under the lock", lm_result, lm_activate(client, all->activation_id, 1, NULL),
            LM_ERR_INTERNAL);
    CHECK(host.responded == 0);
    CHECK_CODE(lm_activate(beside, all->activation_id, 1, NULL), LM_ERR_DNS);
    CHECK(host.responded == 1);
    CHECK_CODE(lm_status(beside, all->activation_id, &status), LM_OK);
    CHECK(status.state == LM_STATE_PENDING_ACTIVATION);
    lm_client_free(beside);
}

static void opening_and_freeing(const char *activation_id)
{
    lm_options options = defaults;
    lm_client *client = NULL;
    lm_error *error = NULL;
    lm_list *list = NULL;
    lm_report *report = NULL;
    lm_buffer *buffer = NULL;
    int destroyed = host.destroyed;

    ARMED("lm_options_init", lm_result, lm_options_init(&options, sizeof options),
          LM_ERR_INTERNAL);
    ARMED("lm_client_open", lm_result, lm_client_open(&defaults, &client, &error),
          LM_ERR_INTERNAL);
    CHECK(client == NULL && lm_error_code(error) == LM_ERR_INTERNAL);
    CHECK(host.destroyed == destroyed);
    lm_error_free(error);

    /* What a free that fails doesn't free is lost, and nothing else. */
    client = opened();
    CHECK_CODE(lm_list_open(client, &list, NULL), LM_OK);
    ARMED("lm_list_free", int, (lm_list_free(list), 0), 0);
    CHECK_CODE(lm_health(client, 0, &report, NULL), LM_OK);
    ARMED("lm_report_free", int, (lm_report_free(report), 0), 0);
    CHECK_CODE(lm_request_activation(client, activation_id, 1, &buffer, NULL), LM_OK);
    ARMED("lm_buffer_free", int, (lm_buffer_free(buffer), 0), 0);
    ARMED("lm_client_free", int, (lm_client_free(client), 0), 0);
    CHECK(host.destroyed == destroyed);
    ARMED("lm_error_free", int, (lm_error_free(failure()), 0), 0);
    client = opened();
    ARMED("drop", int, (lm_client_free(client), 0), 0);

    /* An error that can't be made is none; the code says it all the same. */
    error = (lm_error *)&defaults;
    ARMED("finish", lm_result, lm_resume(NULL, &error), LM_ERR_INVALID_ARGUMENT);
    CHECK(error == NULL && *lm_error_message(error) == 0);
}

static void without_a_client(void)
{
    lm_status_info status;
    lm_record_info record;
    lm_finding finding;
    lm_error *error = failure();
    memset(&status, 0, sizeof status);
    status.struct_size = sizeof status;
    record.struct_size = sizeof record;
    finding.struct_size = sizeof finding;

    ARMED("lm_status_text", lm_result, lm_status_text(&status, NULL, 0, NULL), LM_ERR_INTERNAL);
    ARMED("lm_buffer_len", size_t, lm_buffer_len(NULL), 0);
    ARMED("lm_buffer_data", char, *lm_buffer_data(NULL), 0);
    ARMED("lm_list_len", size_t, lm_list_len(NULL), 0);
    ARMED("lm_list_get", lm_result, lm_list_get(NULL, 0, &record), LM_ERR_INTERNAL);
    ARMED("lm_report_len", size_t, lm_report_len(NULL), 0);
    ARMED("lm_report_get", lm_result, lm_report_get(NULL, 0, &finding), LM_ERR_INTERNAL);
    ARMED("lm_checkin", lm_result, lm_checkin(NULL, NULL), LM_ERR_INTERNAL);
    ARMED("lm_seat_free", int, (lm_seat_free(NULL), 0), 0);
    ARMED("lm_error_code", lm_result, lm_error_code(error), LM_ERR_INTERNAL);
    ARMED("lm_error_message", char, *lm_error_message(error), 0);
    ARMED("lm_error_hint", char, *lm_error_hint(error), 0);
    ARMED("lm_error_detail", char, *lm_error_detail(error), 0);
    ARMED("lm_error_retry_at", int64_t, lm_error_retry_at(error), 0);
    CHECK(lm_error_code(error) == LM_ERR_INVALID_ARGUMENT && *lm_error_message(error));
    lm_error_free(error);

    ARMED("lm_result_name", int, strcmp(lm_result_name(LM_ERR_BUSY), "?"), 0);
    ARMED("lm_state_name", int, strcmp(lm_state_name(LM_STATE_ACTIVE), "?"), 0);
    ARMED("lm_version", uint32_t, lm_version(), 0);
    ARMED("lm_version_string", char, *lm_version_string(), 0);
    ARMED("lm_supports", int32_t, lm_supports("https"), 0);
}

uint32_t lm_unguarded(void);

int main(int argc, char **argv)
{
    given all = take(argc > 4 ? 4 : argc, argv);
    defaults = options_of(&all);
    defaults.portal_url = "https://portal.example";
    defaults.transport = transport;
    defaults.log_user_data = &host;
    defaults.log_destroy = destroy;
    if (argc > 4) {
        arm(argv[4]);
        return lm_unguarded() == 7;
    }
    calls_on_a_client(&all);
    opening_and_freeing(all.activation_id);
    without_a_client();
    return 0;
}
