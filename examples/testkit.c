/* An application's own test of what it does with its license, in each state, without a portal.
 *
 *     lm-portal trust-root > trust_root.txt
 *     cc -DAPP_TRUST_ROOT="\"$(cat trust_root.txt)\"" testkit.c -I../include -llm_testkit -o testkit
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include "lm.h"
#include "lm_testkit.h"

/* ---- The application: what a real one has in a file of its own, and knows nothing of the kit. ---- */

/* What the title bar says; a license that can't be used opens the license dialog. */
static int title(const lm_client *client, char *text, size_t size)
{
    lm_status_info status = { .struct_size = sizeof status };
    if (lm_feature_status(client, "ortho", &status) != LM_OK) {
        snprintf(text, size, "Ortho Studio (no license)");
        return 0;
    }
    if (status.state == LM_STATE_GRACE)
        snprintf(text, size, "Ortho Studio (connect to the network soon)");
    else
        snprintf(text, size, status.usable ? "Ortho Studio" : "Ortho Studio (%s)", lm_state_name(status.state));
    return (int)status.usable;
}

/* ---- Its test. ---- */

#define NOON 1767268800 /* 2026-01-01 12:00 UTC */

static void expect(const lm_client *client, int usable, const char *wanted)
{
    char text[128];
    int said = title(client, text, sizeof text);
    printf("%s\n", text);
    assert(said == usable && strcmp(text, wanted) == 0);
}

int main(void)
{
    lm_options options;
    lm_client *client = NULL;
    lm_error *error = NULL;
    lm_test_record record;
    char id[24];

    lm_options_init(&options, sizeof options);
    options.product = "ortho-studio";
    options.trust_root = APP_TRUST_ROOT;
    options.portal_url = "https://licenses.example.com"; /* never asked */
    assert(lm_client_open(&options, &client, &error) == LM_OK);
    expect(client, 0, "Ortho Studio (no license)");

    /* A license with a lease of a week, and time that goes by. */
    lm_test_activation_id(1, id, sizeof id, NULL);
    lm_test_set_now(client, NOON);
    lm_test_record_init(&record, sizeof record);
    record.activation_id = id;
    record.features = "ortho raster=500";
    record.lease_until = NOON + 7 * 86400;
    assert(lm_test_set_record(client, &record, &error) == LM_OK);
    expect(client, 1, "Ortho Studio");
    lm_test_set_now(client, NOON + 8 * 86400);
    expect(client, 1, "Ortho Studio (connect to the network soon)");
    lm_test_set_now(client, NOON + 11 * 86400);
    expect(client, 0, "Ortho Studio (EXPIRED)");

    /* The first try to refresh it fails; its state says so no more than a real one's would. */
    lm_test_fail_next(client, LM_ERR_DNS, 1);
    assert(lm_refresh(client, id, &error) == LM_ERR_DNS);
    printf("%s\n", lm_error_message(error));
    lm_error_free(error);
    assert(lm_resume(client, NULL) == LM_OK);
    expect(client, 1, "Ortho Studio");

    /* States that time alone doesn't bring about: only what differs is said. */
    lm_test_record_init(&record, sizeof record);
    record.activation_id = id;
    record.features = "ortho";
    record.state = LM_STATE_ORPHANED;
    assert(lm_test_set_record(client, &record, NULL) == LM_OK);
    expect(client, 0, "Ortho Studio (ORPHANED)");
    record.state = LM_STATE_UNTRUSTED;
    record.trust &= ~(uint32_t)LM_TRUST_HOST; /* the store of another machine */
    assert(lm_test_set_record(client, &record, NULL) == LM_OK);
    expect(client, 0, "Ortho Studio (UNTRUSTED)");
    assert(lm_activate(client, id, 1, NULL) == LM_OK);
    expect(client, 1, "Ortho Studio");

    lm_test_set_storage(client, LM_ERR_STORAGE_DAMAGED, NULL);
    expect(client, 0, "Ortho Studio (UNTRUSTED)");
    lm_client_free(client);
    return 0;
}
