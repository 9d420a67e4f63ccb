/* A client from open to free: what it answers without any record, its log, its destroy functions,
 * a second client beside it, a forked child. */
#include "check.h"

#include <sys/wait.h>
#include <unistd.h>

typedef struct {
    int destroyed, lines;
} counted;

static void count_line(void *user_data, uint32_t level, const char *message)
{
    CHECK(level >= LM_LOG_ERROR && level <= LM_LOG_DEBUG && *message);
    ((counted *)user_data)->lines++;
}

static void count_destroy(void *user_data)
{
    ((counted *)user_data)->destroyed++;
}

static lm_result away(void *user_data, const lm_http_request *request, lm_http_response *response)
{
    (void)user_data, (void)request, (void)response;
    return LM_ERR_DNS;
}

static void destroy_is_called_once(const given *all)
{
    counted log = {0, 0}, transport = {0, 0};
    lm_options options = options_of(all);
    lm_client *client = NULL;
    options.portal_url = "https://portal.example";
    options.log = count_line;
    options.log_level = LM_LOG_DEBUG;
    options.log_user_data = &log;
    options.log_destroy = count_destroy;
    options.transport = away;
    options.transport_user_data = &transport;
    options.transport_destroy = count_destroy;

    options.trust_root = "lm1:cut";
    CHECK_CODE(lm_client_open(&options, &client, NULL), LM_ERR_TRUST_ROOT);
    CHECK(client == NULL && log.destroyed == 0 && transport.destroyed == 0);

    options.trust_root = all->trust_root;
    CHECK_CODE(lm_client_open(&options, &client, NULL), LM_OK);
    /* Nothing here is asked about: the transport, which would say LM_ERR_DNS, isn't called. */
    CHECK_CODE(lm_return(client, all->activation_id, 0, NULL), LM_ERR_NOT_FOUND);
    CHECK_CODE(lm_refresh(client, all->activation_id, NULL), LM_ERR_NOT_FOUND);
    CHECK_CODE(lm_activate(client, all->activation_id, 1, NULL), LM_ERR_DNS);
    CHECK(log.lines > 0 && log.destroyed == 0);
    lm_client_free(client);
    CHECK(log.destroyed == 1 && transport.destroyed == 1);
}

static void answers_without_a_record(lm_client *client, const given *all)
{
    lm_status_info status;
    lm_record_info record;
    lm_list *list = NULL;
    lm_error *error = NULL;
    int64_t limit = 7;
    status.struct_size = sizeof status;
    record.struct_size = sizeof record;

    CHECK_CODE(lm_status(client, all->activation_id, &status), LM_OK);
    CHECK(status.state == LM_STATE_ABSENT && !status.usable && status.cause == LM_OK);
    CHECK(status.next_step == LM_NEXT_ACTIVATE && status.kind == 0 && status.seats == 0);
    CHECK_CODE(lm_status(client, NULL, &status), LM_OK);
    CHECK(strcmp(lm_state_name(status.state), "ABSENT") == 0);
    CHECK_CODE(lm_feature_status(client, "ortho", &status), LM_ERR_FEATURE);
    CHECK_CODE(lm_feature_limit(client, "ortho", &limit), LM_ERR_FEATURE);
    CHECK(limit == 7);

    CHECK_CODE(lm_list_open(client, &list, NULL), LM_OK);
    CHECK(lm_list_len(list) == 0);
    CHECK_CODE(lm_list_get(list, 0, &record), LM_ERR_INVALID_ARGUMENT);
    lm_list_free(list);

    CHECK_CODE(lm_remove(client, all->activation_id, NULL), LM_ERR_NOT_FOUND);
    /* Without a portal nothing is begun, so nothing is left pending. */
    CHECK_CODE(lm_activate(client, all->activation_id, 1, NULL), LM_ERR_NO_PORTAL);
    CHECK_CODE(lm_status(client, all->activation_id, &status), LM_OK);
    CHECK(status.state == LM_STATE_ABSENT);
    CHECK_CODE(lm_return(client, all->activation_id, 0, NULL), LM_ERR_NOT_FOUND);
    CHECK_CODE(lm_activate(client, all->activation_id, 0, &error), LM_ERR_INVALID_ARGUMENT);
    CHECK(*lm_error_hint(error) && *lm_error_detail(error) == 0 && lm_error_retry_at(error) == 0);
    lm_error_free(error);
}

/* In a child the parent's client is of no use, and can still be freed. */
static void forked(lm_client *client, const given *all)
{
    int result = 1;
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        lm_status_info status;
        lm_list *list = NULL;
        lm_client *own = NULL;
        lm_options options = options_of(all);
        status.struct_size = sizeof status;
        CHECK_CODE(lm_status(client, NULL, &status), LM_ERR_FORKED);
        CHECK_CODE(lm_feature_status(client, "ortho", &status), LM_ERR_FORKED);
        CHECK_CODE(lm_list_open(client, &list, NULL), LM_ERR_FORKED);
        CHECK_CODE(lm_activate(client, all->activation_id, 1, NULL), LM_ERR_FORKED);
        CHECK_CODE(lm_resume(client, NULL), LM_ERR_FORKED);
        CHECK_CODE(lm_host_id(client, NULL, 0, NULL), LM_ERR_FORKED);
        CHECK(lm_change_count(client) == 0);
        lm_client_free(client);
        CHECK_CODE(lm_client_open(&options, &own, NULL), LM_OK);
        CHECK_CODE(lm_status(own, NULL, &status), LM_OK);
        lm_client_free(own);
        _exit(0);
    }
    CHECK(waitpid(child, &result, 0) == child);
    CHECK(WIFEXITED(result) && WEXITSTATUS(result) == 0);
}

int main(int argc, char **argv)
{
    given all = take(argc, argv);
    lm_options options = options_of(&all);
    lm_client *client = NULL, *beside = NULL;
    lm_status_info status;
    status.struct_size = sizeof status;

    CHECK_CODE(lm_client_open(&options, &client, NULL), LM_OK);
    answers_without_a_record(client, &all);
    forked(client, &all);
    CHECK_CODE(lm_status(client, NULL, &status), LM_OK);

    /* Another client of the same process sees what this store holds, and neither minds the other. */
    destroy_is_called_once(&all);
    CHECK_CODE(lm_client_open(&options, &beside, NULL), LM_OK);
    CHECK_CODE(lm_status(beside, all.activation_id, &status), LM_OK);
    CHECK(status.state == LM_STATE_PENDING_ACTIVATION && status.next_step == LM_NEXT_RESUME);
    /* Of these two only the other knows a portal. */
    CHECK_CODE(lm_activate(beside, all.activation_id, 1, NULL), LM_ERR_NO_PORTAL);
    lm_client_free(client);
    CHECK_CODE(lm_status(beside, NULL, &status), LM_OK);
    lm_client_free(beside);

    CHECK(strcmp(lm_result_name(LM_ERR_NO_SEATS), "LM_ERR_NO_SEATS") == 0);
    CHECK(strcmp(lm_result_name(77), "?") == 0 && strcmp(lm_state_name(9), "?") == 0);
    CHECK(lm_version() == LM_VERSION_NUMBER);
    CHECK(strcmp(lm_version_string(), LM_VERSION_STRING) == 0);
    CHECK(lm_supports("https") == 1 && lm_supports("transport") == 1);
    CHECK(lm_supports("telepathy") == 0 && lm_supports("") == 0);
    return 0;
}
