/* The kit's own promises: who shares a world, what is refused, what an order to fail does, and seats,
 * lists and features over a pretended disk. */
#include "check.h"
#include "lm_testkit.h"

#define NOW 1767268800
#define DAY 86400
#define ALL (LM_TRUST_HOST | LM_TRUST_RESTORE | LM_TRUST_TIME)

static char id[24], other_id[24];

static lm_client *open_in(uint32_t scope, const char *product, const char *dir)
{
    lm_options options;
    lm_client *client = NULL;
    lm_options_init(&options, sizeof options);
    options.product = product;
    options.trust_root = APP_TRUST_ROOT;
    options.portal_url = "https://licenses.example.com";
    options.storage_dir = dir;
    options.scope = scope;
    CHECK_CODE(lm_client_open(&options, &client, NULL), LM_OK);
    return client;
}

static lm_client *open_at(const char *product, const char *dir)
{
    return open_in(LM_SCOPE_USER, product, dir);
}

static lm_status_info status_of(const lm_client *client, const char *which)
{
    lm_status_info status = { .struct_size = sizeof status };
    CHECK_CODE(lm_status(client, which, &status), LM_OK);
    return status;
}

static lm_test_record of_state(uint32_t state)
{
    lm_test_record record;
    CHECK_CODE(lm_test_record_init(&record, sizeof record), LM_OK);
    record.activation_id = id;
    record.state = state;
    return record;
}

/* A world lives as long as a client over its store, and is nobody else's. */
static void worlds(void)
{
    lm_client *one = open_at("ortho-studio", NULL), *two = open_at("ortho-studio", NULL);
    lm_client *elsewhere = open_at("ortho-studio", "/elsewhere");
    lm_client *product = open_at("raster-studio", NULL);
    lm_test_record record = of_state(LM_STATE_ACTIVE);
    uint64_t before = lm_change_count(two);
    CHECK_CODE(lm_test_set_record(one, &record, NULL), LM_OK);
    CHECK(status_of(one, id).usable && status_of(two, id).usable);
    CHECK(lm_change_count(two) > before);
    CHECK(status_of(elsewhere, id).state == LM_STATE_ABSENT);
    CHECK(status_of(product, id).state == LM_STATE_ABSENT);
    CHECK_CODE(lm_test_set_now(one, NOW), LM_OK);
    record.expires_at = NOW + DAY;
    CHECK_CODE(lm_test_set_record(two, &record, NULL), LM_OK);
    CHECK_CODE(lm_test_set_record(elsewhere, &record, NULL), LM_ERR_INVALID_ARGUMENT);
    lm_client_free(one);
    one = open_at("ortho-studio", NULL);
    CHECK(status_of(one, id).expires_at == NOW + DAY);
    lm_client_free(one);
    lm_client_free(two);
    one = open_at("ortho-studio", NULL);
    CHECK(status_of(one, id).state == LM_STATE_ABSENT);
    lm_client_free(one);
    lm_client_free(elsewhere);
    lm_client_free(product);
    one = open_in(LM_SCOPE_MEMORY, "ortho-studio", NULL);
    two = open_in(LM_SCOPE_MEMORY, "ortho-studio", NULL);
    CHECK_CODE(lm_test_set_record(one, &record, NULL), LM_ERR_INVALID_ARGUMENT);
    record.expires_at = 0;
    CHECK_CODE(lm_test_set_record(one, &record, NULL), LM_OK);
    CHECK(status_of(one, id).usable && status_of(two, id).state == LM_STATE_ABSENT);
    lm_client_free(one);
    lm_client_free(two);
    one = open_in(LM_SCOPE_MACHINE, "ortho-studio", NULL);
    CHECK_CODE(lm_test_set_record(one, &record, NULL), LM_OK);
    CHECK(status_of(one, id).usable);
    lm_client_free(one);
}

/* The status is the policy's: bits combine, dates decide, and what can't be is said. */
static void descriptions(lm_client *client)
{
    lm_error *error = NULL;
    lm_test_record record = of_state(LM_STATE_UNTRUSTED);
    record.trust = 0;
    CHECK_CODE(lm_test_set_record(client, &record, NULL), LM_OK);
    lm_status_info status = status_of(client, id);
    CHECK(status.trust == 0 && status.cause == LM_ERR_HOST_CHANGED && status.next_step == LM_NEXT_ACTIVATE);
    record = of_state(LM_STATE_PENDING_RETURN);
    record.trust = ALL & ~LM_TRUST_RESTORE;
    CHECK_CODE(lm_test_set_record(client, &record, NULL), LM_OK);
    CHECK(status_of(client, id).cause == LM_ERR_RESTORED);

    record = of_state(LM_STATE_ACTIVE);
    record.expires_at = NOW - 1;
    CHECK_CODE(lm_test_set_record(client, &record, &error), LM_ERR_INVALID_ARGUMENT);
    CHECK(strstr(lm_error_message(error), "is Expired") && strstr(lm_error_message(error), "LM_ERR_EXPIRED"));
    lm_error_free(error);
    CHECK(status_of(client, id).state == LM_STATE_ABSENT);

    record = of_state(LM_STATE_ACTIVE);
    record.features = "ortho raster=500";
    record.seats = 7;
    CHECK_CODE(lm_test_set_record(client, &record, NULL), LM_OK);
    int64_t limit = 0;
    CHECK(lm_feature_limit(client, "raster", &limit) == LM_OK && limit == 500);
    CHECK(lm_feature_limit(client, "ortho", &limit) == LM_OK && limit == -1);
    CHECK_CODE(lm_feature_limit(client, "lidar", &limit), LM_ERR_FEATURE);
    lm_list *list = NULL;
    CHECK_CODE(lm_list_open(client, &list, NULL), LM_OK);
    lm_record_info row = { .struct_size = sizeof row };
    CHECK(lm_list_len(list) == 1 && lm_list_get(list, 0, &row) == LM_OK);
    CHECK(strcmp(row.features, "ortho raster") == 0 && row.kind == LM_KIND_CC && row.seats == 7);
    lm_list_free(list);
}

static void refused(lm_client *client)
{
    lm_test_record record;
    CHECK_CODE(lm_test_record_init(NULL, sizeof record), LM_ERR_INVALID_ARGUMENT);
    CHECK_CODE(lm_test_record_init(&record, 8), LM_ERR_STRUCT_SIZE);
    CHECK_CODE(lm_test_set_record(client, NULL, NULL), LM_ERR_INVALID_ARGUMENT);
    CHECK_CODE(lm_test_set_record(NULL, &record, NULL), LM_ERR_INVALID_ARGUMENT);
    const struct { lm_result code; uint32_t state, kind, seats, trust, returning; const char *id, *features; } rows[] = {
        { LM_ERR_INVALID_ARGUMENT, 9, 0, 1, ALL, 0, id, NULL },
        { LM_ERR_INVALID_ARGUMENT, 1, 3, 1, ALL, 0, id, NULL },
        { LM_ERR_INVALID_ARGUMENT, 1, LM_KIND_NL, 2, ALL, 0, id, NULL },
        { LM_ERR_INVALID_ARGUMENT, 1, 0, 0, ALL, 0, id, NULL },
        { LM_ERR_INVALID_ARGUMENT, 1, 0, 1, 8, 0, id, NULL },
        { LM_ERR_INVALID_ARGUMENT, LM_STATE_PENDING_RETURN, 0, 2, ALL, 2, id, NULL },
        { LM_ERR_INVALID_ARGUMENT, 1, 0, 1, ALL, 0, NULL, NULL },
        { LM_ERR_ID_MALFORMED, 1, 0, 1, ALL, 0, "12345-12345-12345-12345", NULL },
        { LM_ERR_INVALID_ARGUMENT, 1, 0, 1, ALL, 0, id, "" },
        { LM_ERR_INVALID_ARGUMENT, 1, 0, 1, ALL, 0, id, "ortho=-1" },
        { LM_ERR_INVALID_ARGUMENT, 1, 0, 1, ALL, 0, id, "ortho=many" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        record = of_state(rows[i].state);
        record.kind = rows[i].kind;
        record.seats = rows[i].seats;
        record.trust = rows[i].trust;
        record.returning = rows[i].returning;
        record.activation_id = rows[i].id;
        record.features = rows[i].features;
        CHECK_CODE(lm_test_set_record(client, &record, NULL), rows[i].code);
    }
    CHECK_CODE(lm_test_set_now(client, -1), LM_ERR_INVALID_ARGUMENT);
    CHECK_CODE(lm_test_set_now(NULL, NOW), LM_ERR_INVALID_ARGUMENT);
    CHECK_CODE(lm_test_fail_next(client, 19, 1), LM_ERR_INVALID_ARGUMENT);
    CHECK_CODE(lm_test_fail_next(client, LM_ERR_NO_FREE_SEAT, 1), LM_ERR_UNSUPPORTED);
    CHECK_CODE(lm_test_set_storage(client, LM_ERR_NETWORK, NULL), LM_ERR_UNSUPPORTED);
    lm_client *fresh = open_at("ortho-studio", "/fresh");
    CHECK_CODE(lm_test_set_storage(fresh, LM_ERR_STORAGE_DAMAGED, NULL), LM_ERR_INVALID_ARGUMENT);
    lm_client_free(fresh);
    size_t length = 0;
    CHECK(lm_test_activation_id(1, NULL, 0, &length) == LM_ERR_BUFFER && length == sizeof id);
}

/* Orders are counted, replaced, and those of the store and of the portal don't mix. */
static void orders(lm_client *client)
{
    lm_test_record record = of_state(LM_STATE_ACTIVE);
    CHECK_CODE(lm_test_set_record(client, &record, NULL), LM_OK);
    CHECK_CODE(lm_test_fail_next(client, LM_ERR_TIMEOUT, 2), LM_OK);
    CHECK_CODE(lm_test_set_record(client, &record, NULL), LM_OK); /* the kit's own calls use none up */
    CHECK_CODE(lm_return(client, id, 0, NULL), LM_ERR_TIMEOUT);
    CHECK_CODE(lm_resume(client, NULL), LM_ERR_TIMEOUT);
    CHECK(status_of(client, id).state == LM_STATE_PENDING_RETURN);
    CHECK_CODE(lm_resume(client, NULL), LM_OK);
    CHECK_CODE(lm_test_fail_next(client, LM_ERR_NO_SEATS, 1), LM_OK);
    lm_error *error = NULL;
    CHECK_CODE(lm_activate(client, id, 1, &error), LM_ERR_NO_SEATS);
    CHECK(strstr(lm_error_detail(error), "\"holders\""));
    lm_error_free(error);
    CHECK_CODE(lm_test_fail_next(client, LM_ERR_NETWORK, 9), LM_OK);
    CHECK_CODE(lm_test_fail_next(client, LM_ERR_STORAGE_FULL, 1), LM_OK);
    CHECK_CODE(lm_activate(client, id, 1, NULL), LM_ERR_STORAGE_FULL);
    CHECK_CODE(lm_activate(client, id, 1, NULL), LM_OK);
    CHECK_CODE(lm_test_fail_next(client, LM_ERR_NETWORK, 9), LM_OK);
    CHECK_CODE(lm_test_fail_next(client, LM_OK, 0), LM_OK);
    CHECK_CODE(lm_refresh(client, id, NULL), LM_OK);
    CHECK_CODE(lm_test_set_storage(client, LM_ERR_STORAGE_READ_ONLY, NULL), LM_OK);
    CHECK_CODE(lm_return(client, id, 0, NULL), LM_ERR_STORAGE_READ_ONLY);
    CHECK(status_of(client, id).usable);
    CHECK_CODE(lm_test_set_storage(client, LM_OK, NULL), LM_OK);
    CHECK_CODE(lm_test_set_storage(client, LM_ERR_STORAGE_DAMAGED, NULL), LM_OK);
    CHECK(status_of(client, NULL).cause == LM_ERR_STORAGE_DAMAGED);
    CHECK_CODE(lm_activate(client, id, 1, NULL), LM_OK); /* a new store, which stays */
    CHECK_CODE(lm_test_set_storage(client, LM_OK, NULL), LM_OK);
    CHECK(status_of(client, id).usable);
}

static void seats(lm_client *client)
{
    lm_test_record record = of_state(LM_STATE_ACTIVE);
    lm_seat *seat = NULL, *more = NULL;
    record.seats = 3;
    record.features = "ortho";
    CHECK_CODE(lm_test_set_record(client, &record, NULL), LM_OK);
    CHECK_CODE(lm_checkout(client, "ortho", 2, &seat, NULL), LM_OK);
    lm_client *two = open_at("ortho-studio", NULL);
    CHECK_CODE(lm_checkout(two, "ortho", 2, &more, NULL), LM_ERR_NO_FREE_SEAT);
    CHECK(status_of(two, id).seats_in_use == 2);
    CHECK_CODE(lm_return(two, id, 0, NULL), LM_ERR_IN_USE);
    CHECK_CODE(lm_test_set_record(two, &record, NULL), LM_ERR_IN_USE);
    CHECK_CODE(lm_return(two, id, 1, NULL), LM_OK);
    CHECK_CODE(lm_checkin(seat, NULL), LM_OK);
    lm_seat_free(seat);
    CHECK_CODE(lm_return(two, id, 0, NULL), LM_OK);
    lm_client_free(two);
}

/* One file out, one file in. */
static void files(lm_client *client)
{
    lm_test_record record = of_state(LM_STATE_ABSENT);
    lm_buffer *request = NULL, *response = NULL;
    record.seats = 3;
    CHECK_CODE(lm_test_set_record(client, &record, NULL), LM_OK);
    CHECK_CODE(lm_request_activation(client, id, 3, &request, NULL), LM_OK);
    CHECK(status_of(client, id).state == LM_STATE_PENDING_ACTIVATION);
    CHECK_CODE(lm_test_answer(client, lm_buffer_data(request), lm_buffer_len(request), &response, NULL), LM_OK);
    CHECK_CODE(lm_apply_response(client, lm_buffer_data(response), lm_buffer_len(response), NULL), LM_OK);
    CHECK(status_of(client, id).seats == 3);
    CHECK_CODE(lm_apply_response(client, lm_buffer_data(response), lm_buffer_len(response), NULL), LM_ERR_REPLAYED);
    lm_buffer_free(request);
    lm_buffer_free(response);
    CHECK_CODE(lm_request_repair(client, id, &request, NULL), LM_OK);
    CHECK_CODE(lm_test_fail_next(client, LM_ERR_REPAIR_LIMIT, 1), LM_OK);
    CHECK_CODE(lm_test_answer(client, lm_buffer_data(request), lm_buffer_len(request), &response, NULL), LM_OK);
    CHECK_CODE(lm_apply_response(client, lm_buffer_data(response), lm_buffer_len(response), NULL), LM_ERR_REPAIR_LIMIT);
    CHECK_CODE(lm_test_answer(client, (const uint8_t *)"no file", 7, &response, NULL), LM_ERR_MALFORMED);
    CHECK_CODE(lm_test_answer(client, NULL, 0, &response, NULL), LM_ERR_INVALID_ARGUMENT);
    lm_buffer_free(request);
    lm_buffer_free(response);
}

/* The worst that a report says of the portal. */
static lm_result portal_health(lm_client *client)
{
    lm_report *report = NULL;
    lm_finding finding = { .struct_size = sizeof finding };
    lm_result worst = LM_OK;
    CHECK_CODE(lm_health(client, 1, &report, NULL), LM_OK);
    for (size_t i = 0; i < lm_report_len(report); i++) {
        CHECK_CODE(lm_report_get(report, i, &finding), LM_OK);
        if (strncmp(finding.topic, "portal", 6) == 0 && finding.level == LM_LOG_ERROR)
            worst = finding.code;
    }
    lm_report_free(report);
    return worst;
}

static void health(lm_client *client)
{
    static const lm_result codes[] = { LM_OK, LM_ERR_TIMEOUT, LM_ERR_HTTP, LM_ERR_SIGNATURE, LM_ERR_MISMATCH };
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        CHECK_CODE(lm_test_fail_next(client, codes[i], 1), LM_OK);
        CHECK_CODE(portal_health(client), codes[i]);
    }
}

/* An ID that the portal wasn't told of is granted; what was activated is lost with the world only. */
static void at_will(lm_client *client)
{
    CHECK_CODE(lm_activate(client, other_id, 2, NULL), LM_OK);
    lm_status_info status = status_of(client, other_id);
    CHECK(status.kind == LM_KIND_CC && status.seats == 2 && status.expires_at == 0);
    CHECK_CODE(lm_activate(client, other_id, 5, NULL), LM_OK);
    CHECK(status_of(client, other_id).seats == 5);
    CHECK_CODE(lm_return(client, other_id, 4, NULL), LM_OK);
    CHECK(status_of(client, other_id).seats == 1);
    lm_status_info by_feature = { .struct_size = sizeof by_feature };
    CHECK(lm_feature_status(client, "ortho-studio", &by_feature) == LM_OK && by_feature.usable);
}

int main(void)
{
    CHECK_CODE(lm_test_activation_id(1, id, sizeof id, NULL), LM_OK);
    CHECK_CODE(lm_test_activation_id(2, other_id, sizeof other_id, NULL), LM_OK);
    CHECK(strcmp(id, other_id) != 0);
    worlds();
    lm_client *client = open_at("ortho-studio", NULL);
    CHECK_CODE(lm_test_set_now(client, NOW), LM_OK);
    descriptions(client);
    refused(client);
    orders(client);
    seats(client);
    at_will(client);
    files(client);
    health(client);
    lm_client_free(client);
    return 0;
}
