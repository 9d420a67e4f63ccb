/* Request and response files by a host that never had a network: bytes out, bytes in, and what a
 * careless caller does with both. */
#include "check.h"

static void without_arguments(const char *id)
{
    lm_buffer *untouched = (lm_buffer *)id, *buffer = untouched;
    lm_error *error = NULL;
    CHECK_CODE(lm_request_activation(NULL, id, 1, &buffer, NULL), LM_ERR_INVALID_ARGUMENT);
    CHECK_CODE(lm_request_return(NULL, id, 0, &buffer, NULL), LM_ERR_INVALID_ARGUMENT);
    CHECK_CODE(lm_request_repair(NULL, id, &buffer, NULL), LM_ERR_INVALID_ARGUMENT);
    CHECK_CODE(lm_apply_response(NULL, NULL, 0, &error), LM_ERR_INVALID_ARGUMENT);
    CHECK(buffer == untouched && *lm_error_message(error));
    lm_error_free(error);
    CHECK(lm_buffer_len(NULL) == 0 && lm_buffer_data(NULL) && *lm_buffer_data(NULL) == 0);
    lm_buffer_free(NULL);
}

static void wrong_arguments(lm_client *client, const char *id)
{
    lm_buffer *untouched = (lm_buffer *)id, *buffer = untouched;
    const uint8_t byte = 'l';
    CHECK_CODE(lm_request_activation(client, id, 1, NULL, NULL), LM_ERR_INVALID_ARGUMENT);
    CHECK_CODE(lm_request_activation(client, NULL, 1, &buffer, NULL), LM_ERR_INVALID_ARGUMENT);
    CHECK_CODE(lm_request_activation(client, "\xFF", 1, &buffer, NULL), LM_ERR_INVALID_ARGUMENT);
    CHECK_CODE(lm_request_activation(client, "not an ID", 1, &buffer, NULL), LM_ERR_ID_MALFORMED);
    CHECK_CODE(lm_request_activation(client, id, 0, &buffer, NULL), LM_ERR_INVALID_ARGUMENT);
    CHECK_CODE(lm_request_activation(client, id, UINT32_MAX, &buffer, NULL), LM_ERR_INVALID_ARGUMENT);
    CHECK_CODE(lm_request_return(client, id, 0, &buffer, NULL), LM_ERR_NOT_FOUND);
    CHECK_CODE(lm_request_repair(client, id, &buffer, NULL), LM_ERR_NOT_FOUND);
    CHECK_CODE(lm_apply_response(client, NULL, 1, NULL), LM_ERR_INVALID_ARGUMENT);
    CHECK_CODE(lm_apply_response(client, NULL, 0, NULL), LM_ERR_MALFORMED);
    /* A length that no file has: not one byte of it is looked at. */
    CHECK_CODE(lm_apply_response(client, &byte, SIZE_MAX, NULL), LM_ERR_TOO_LARGE);
    CHECK_CODE(lm_apply_response(client, &byte, 16 * 1024 * 1024 + 1, NULL), LM_ERR_TOO_LARGE);
    CHECK(buffer == untouched);
}

static void one_file_out(const given *all, lm_client *client)
{
    lm_buffer *request = NULL, *again = NULL, *other = NULL;
    lm_client *restarted = NULL;
    lm_options options = options_of(all);
    lm_status_info status;
    const char *text;

    CHECK(lm_supports("offline") == 1);
    CHECK_CODE(lm_request_activation(client, all->activation_id, 2, &request, NULL), LM_OK);
    text = (const char *)lm_buffer_data(request);
    CHECK(strlen(text) == lm_buffer_len(request) && strncmp(text, "lm license request", 18) == 0);
    status.struct_size = sizeof status;
    CHECK_CODE(lm_status(client, all->activation_id, &status), LM_OK);
    CHECK(status.state == LM_STATE_PENDING_ACTIVATION && !status.usable);
    CHECK_CODE(lm_resume(client, NULL), LM_ERR_NO_PORTAL);

    CHECK_CODE(lm_client_open(&options, &restarted, NULL), LM_OK);
    CHECK_CODE(lm_request_activation(restarted, all->activation_id, 2, &again, NULL), LM_OK);
    CHECK(strcmp(text, (const char *)lm_buffer_data(again)) == 0);
    CHECK_CODE(lm_request_activation(restarted, all->activation_id, 3, &other, NULL),
               LM_ERR_NOT_ALLOWED);
    CHECK_CODE(lm_apply_response(restarted, lm_buffer_data(request), lm_buffer_len(request), NULL),
               LM_ERR_MISMATCH);
    /* It outlives its client. */
    lm_client_free(restarted);
    CHECK(strcmp(text, (const char *)lm_buffer_data(again)) == 0);
    lm_buffer_free(again);
    lm_buffer_free(request);
}

int main(int argc, char **argv)
{
    given all = take(argc, argv);
    lm_options options = options_of(&all);
    lm_client *client = NULL;
    CHECK_CODE(lm_client_open(&options, &client, NULL), LM_OK);
    without_arguments(all.activation_id);
    wrong_arguments(client, all.activation_id);
    one_file_out(&all, client);
    lm_client_free(client);
    return 0;
}
