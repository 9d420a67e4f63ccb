/* R82: NULL, short buffers, wrong encoding, wrong sizes: error codes, and nothing written. */
#include "check.h"

static void nulls(const given *all)
{
    lm_status_info status;
    lm_record_info record;
    lm_error *error = NULL;
    lm_client *client = NULL;
    lm_list *list = NULL;
    lm_seat *seat = NULL;
    int64_t limit = 7;
    lm_options options = options_of(all);
    status.struct_size = sizeof status;
    record.struct_size = sizeof record;

    CHECK_CODE(lm_options_init(NULL, sizeof(lm_options)), LM_ERR_INVALID_ARGUMENT);
    CHECK_CODE(lm_client_open(NULL, &client, NULL), LM_ERR_INVALID_ARGUMENT);
    CHECK_CODE(lm_client_open(&options, NULL, NULL), LM_ERR_INVALID_ARGUMENT);
    CHECK_CODE(lm_activate(NULL, all->activation_id, 1, &error), LM_ERR_INVALID_ARGUMENT);
    CHECK(lm_error_code(error) == LM_ERR_INVALID_ARGUMENT && *lm_error_message(error));
    lm_error_free(error);
    CHECK_CODE(lm_return(NULL, all->activation_id, 0, NULL), LM_ERR_INVALID_ARGUMENT);
    CHECK_CODE(lm_status(NULL, NULL, &status), LM_ERR_INVALID_ARGUMENT);
    CHECK_CODE(lm_refresh(NULL, NULL, NULL), LM_ERR_INVALID_ARGUMENT);
    CHECK_CODE(lm_remove(NULL, all->activation_id, NULL), LM_ERR_INVALID_ARGUMENT);
    CHECK_CODE(lm_resume(NULL, NULL), LM_ERR_INVALID_ARGUMENT);
    CHECK_CODE(lm_feature_status(NULL, "ortho", &status), LM_ERR_INVALID_ARGUMENT);
    CHECK_CODE(lm_feature_limit(NULL, "ortho", &limit), LM_ERR_INVALID_ARGUMENT);
    CHECK_CODE(lm_status_text(NULL, NULL, 0, NULL), LM_ERR_INVALID_ARGUMENT);
    CHECK_CODE(lm_list_open(NULL, &list, NULL), LM_ERR_INVALID_ARGUMENT);
    CHECK_CODE(lm_list_get(NULL, 0, &record), LM_ERR_INVALID_ARGUMENT);
    CHECK_CODE(lm_checkout(NULL, "ortho", 1, &seat, NULL), LM_ERR_INVALID_ARGUMENT);
    CHECK_CODE(lm_checkin(NULL, NULL), LM_ERR_INVALID_ARGUMENT);
    CHECK_CODE(lm_host_id(NULL, NULL, 0, NULL), LM_ERR_INVALID_ARGUMENT);
    CHECK_CODE(lm_http_respond(NULL, 200, NULL, 0), LM_ERR_INVALID_ARGUMENT);
    CHECK(client == NULL && list == NULL && seat == NULL && limit == 7);

    /* A NULL object is an empty one. */
    CHECK(lm_change_count(NULL) == 0 && lm_list_len(NULL) == 0 && lm_error_retry_at(NULL) == 0);
    CHECK(lm_error_code(NULL) == LM_OK && lm_supports(NULL) == 0);
    CHECK(*lm_error_message(NULL) == 0 && *lm_error_hint(NULL) == 0 && *lm_error_detail(NULL) == 0);
    lm_client_free(NULL);
    lm_list_free(NULL);
    lm_seat_free(NULL);
    lm_error_free(NULL);
}

static void nulls_of_a_client(lm_client *client)
{
    CHECK_CODE(lm_activate(client, NULL, 1, NULL), LM_ERR_INVALID_ARGUMENT);
    CHECK_CODE(lm_return(client, NULL, 0, NULL), LM_ERR_INVALID_ARGUMENT);
    CHECK_CODE(lm_remove(client, NULL, NULL), LM_ERR_INVALID_ARGUMENT);
    CHECK_CODE(lm_status(client, NULL, NULL), LM_ERR_INVALID_ARGUMENT);
    CHECK_CODE(lm_feature_status(client, NULL, NULL), LM_ERR_INVALID_ARGUMENT);
    CHECK_CODE(lm_feature_limit(client, "ortho", NULL), LM_ERR_INVALID_ARGUMENT);
    CHECK_CODE(lm_list_open(client, NULL, NULL), LM_ERR_INVALID_ARGUMENT);
    CHECK_CODE(lm_checkout(client, "ortho", 1, NULL, NULL), LM_ERR_INVALID_ARGUMENT);
}

static void short_buffers(const lm_client *client)
{
    char id[64], text[512], untouched[4] = "abc";
    size_t needed = 0, again = 0;
    lm_status_info status;
    status.struct_size = sizeof status;

    CHECK_CODE(lm_host_id(client, NULL, 0, &needed), LM_ERR_BUFFER);
    CHECK(needed > 1 && needed <= sizeof id);
    CHECK_CODE(lm_host_id(client, id, needed - 1, &again), LM_ERR_BUFFER);
    CHECK(again == needed);
    CHECK_CODE(lm_host_id(client, untouched, 3, NULL), LM_ERR_BUFFER);
    CHECK(strcmp(untouched, "abc") == 0);
    CHECK_CODE(lm_host_id(client, NULL, 8, &needed), LM_ERR_INVALID_ARGUMENT);
    CHECK_CODE(lm_host_id(client, id, needed, NULL), LM_OK);
    CHECK(strlen(id) == needed - 1);

    CHECK_CODE(lm_status(client, NULL, &status), LM_OK);
    CHECK_CODE(lm_status_text(&status, text, 1, &needed), LM_ERR_BUFFER);
    CHECK_CODE(lm_status_text(&status, text, sizeof text, &again), LM_OK);
    CHECK(again == needed && strlen(text) == needed - 1);
}

/* A structure of an older, this and a newer version of the header. */
static void sizes(const lm_client *client)
{
    struct {
        lm_status_info known;
        unsigned char newer[16];
    } host;
    lm_options options;

    memset(&host, 0xAA, sizeof host);
    host.known.struct_size = sizeof(lm_status_info) - 1;
    CHECK_CODE(lm_status(client, NULL, &host.known), LM_ERR_STRUCT_SIZE);
    host.known.struct_size = 0;
    CHECK_CODE(lm_status(client, NULL, &host.known), LM_ERR_STRUCT_SIZE);
    CHECK(host.known.state == 0xAAAAAAAAu);

    host.known.struct_size = sizeof(lm_status_info);
    CHECK_CODE(lm_status(client, NULL, &host.known), LM_OK);
    CHECK(host.known.state == LM_STATE_ABSENT && host.newer[0] == 0xAA);

    host.known.struct_size = sizeof host;
    CHECK_CODE(lm_status(client, NULL, &host.known), LM_OK);
    CHECK(host.known.struct_size == sizeof host && host.newer[0] == 0 && host.newer[15] == 0);
    CHECK_CODE(lm_status_text(&host.known, NULL, 0, NULL), LM_ERR_BUFFER);

    host.known.state = 99;
    CHECK_CODE(lm_status_text(&host.known, NULL, 0, NULL), LM_ERR_INVALID_ARGUMENT);
    CHECK_CODE(lm_options_init(&options, sizeof options - 1), LM_ERR_STRUCT_SIZE);
    CHECK_CODE(lm_options_init(&options, 1 << 20), LM_ERR_STRUCT_SIZE);
}

/* Opens with options that are wrong in one thing; nothing is written but the error. */
static void refused(const lm_options *options, lm_result expected)
{
    lm_client *untouched = (lm_client *)options, *client = untouched;
    lm_error *error = NULL;
    lm_result code = lm_client_open(options, &client, &error);
    CHECK_CODE(code, expected);
    CHECK(client == untouched);
    CHECK(lm_error_code(error) == expected && *lm_error_message(error) && *lm_error_hint(error));
    lm_error_free(error);
}

static void options_that_are_wrong(const given *all)
{
    struct {
        lm_options known;
        uint64_t newer;
    } host;
    char no_end[8192];
    lm_options options;

#define WRONG(field, value, code)                                                                  \
    do {                                                                                           \
        options = options_of(all);                                                                 \
        options.field = (value);                                                                   \
        refused(&options, (code));                                                                 \
    } while (0)
    memset(no_end, 'a', sizeof no_end);
    WRONG(product, NULL, LM_ERR_INVALID_ARGUMENT);
    WRONG(product, "terra studio", LM_ERR_INVALID_ARGUMENT);
    WRONG(product, no_end, LM_ERR_INVALID_ARGUMENT);
    WRONG(trust_root, NULL, LM_ERR_INVALID_ARGUMENT);
    WRONG(trust_root, "lm1:cut", LM_ERR_TRUST_ROOT);
    WRONG(portal_url, "http://portal.example", LM_ERR_INVALID_ARGUMENT);
    WRONG(storage_dir, "/tmp/\xC3\x28", LM_ERR_INVALID_ARGUMENT);
    WRONG(host_label, "\xFF", LM_ERR_INVALID_ARGUMENT);
    WRONG(host_identity, no_end, LM_ERR_INVALID_ARGUMENT);
    WRONG(host_identity, "", LM_ERR_INVALID_ARGUMENT);
    WRONG(proxy, "\xC0\x80", LM_ERR_INVALID_ARGUMENT);
    WRONG(scope, 2, LM_ERR_INVALID_ARGUMENT);
    WRONG(log_level, 5, LM_ERR_INVALID_ARGUMENT);
    WRONG(timeout_ms, UINT32_MAX, LM_ERR_INVALID_ARGUMENT);
    WRONG(flags, 1, LM_ERR_UNSUPPORTED);
    WRONG(struct_size, sizeof options - 1, LM_ERR_STRUCT_SIZE);

    /* What a newer header knows and this library doesn't may be there, but not be asked for. */
    CHECK_CODE(lm_options_init(&host.known, sizeof host), LM_OK);
    options = options_of(all);
    options.struct_size = sizeof host;
    host.known = options;
    host.newer = 1;
    refused(&host.known, LM_ERR_UNSUPPORTED);
}

static void texts(lm_client *client)
{
    lm_status_info status;
    lm_seat *seat = NULL;
    char no_end[512];
    memset(no_end, '7', sizeof no_end);
    status.struct_size = sizeof status;
    CHECK_CODE(lm_status(client, "\xED\xA0\x80", &status), LM_ERR_INVALID_ARGUMENT);
    CHECK_CODE(lm_status(client, no_end, &status), LM_ERR_INVALID_ARGUMENT);
    CHECK_CODE(lm_feature_status(client, "\xFE", &status), LM_ERR_INVALID_ARGUMENT);
    CHECK_CODE(lm_feature_status(client, no_end, &status), LM_ERR_INVALID_ARGUMENT);
    CHECK_CODE(lm_checkout(client, NULL, 1, &seat, NULL), LM_ERR_INVALID_ARGUMENT);
    CHECK_CODE(lm_checkout(client, "\xFE", 1, &seat, NULL), LM_ERR_INVALID_ARGUMENT);
    CHECK_CODE(lm_checkout(client, no_end, 1, &seat, NULL), LM_ERR_INVALID_ARGUMENT);
    CHECK_CODE(lm_checkout(client, "ortho", 0, &seat, NULL), LM_ERR_INVALID_ARGUMENT);
    CHECK_CODE(lm_checkout(client, "ortho", UINT32_MAX, &seat, NULL), LM_ERR_INVALID_ARGUMENT);
    CHECK(seat == NULL);
    CHECK_CODE(lm_activate(client, "7F3KM-Q0W2E", 1, NULL), LM_ERR_ID_MALFORMED);
    CHECK_CODE(lm_activate(client, "", 1, NULL), LM_ERR_ID_MALFORMED);
}

int main(int argc, char **argv)
{
    given all = take(argc, argv);
    lm_options options = options_of(&all);
    lm_client *client = NULL;
    nulls(&all);
    options_that_are_wrong(&all);
    CHECK_CODE(lm_client_open(&options, &client, NULL), LM_OK);
    nulls_of_a_client(client);
    short_buffers(client);
    sizes(client);
    texts(client);
    lm_client_free(client);
    return 0;
}
