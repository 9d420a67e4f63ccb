/* R84: threads that check while another activates and returns, through one client and through two over
 * one storage. No answer is a mixture of two. Is given besides: the portal's address, the product. */
#include <pthread.h>

#include "check.h"

enum { READERS = 3, ROUNDS = 4 };

static given all;
static lm_client *client, *beside;
static int is_over;

static int goes_on(void)
{
    return !__atomic_load_n(&is_over, __ATOMIC_RELAXED);
}

/* What holds of every answer, whenever it was taken. */
static void is_whole(uint32_t state, uint32_t usable, uint32_t kind, uint32_t seats)
{
    int is_so = 0;
    switch (state) {
    case LM_STATE_ACTIVE: is_so = usable == 1 && kind == LM_KIND_CC && seats > 0; break;
    case LM_STATE_PENDING_RETURN: is_so = usable == (seats > 0) && kind == LM_KIND_CC; break;
    case LM_STATE_PENDING_ACTIVATION: is_so = usable == 0 && seats == 0; break;
    case LM_STATE_ABSENT: is_so = usable == 0 && kind == 0 && seats == 0; break;
    }
    if (!is_so || seats > 3) {
        fprintf(stderr, "%s with usable %u, kind %u, seats %u\n", lm_state_name(state),
                (unsigned)usable, (unsigned)kind, (unsigned)seats);
        exit(1);
    }
}

static void one_check(const lm_client *which)
{
    lm_status_info status;
    int64_t limit = 0;
    lm_result code;
    status.struct_size = sizeof status;
    CHECK_CODE(lm_status(which, all.activation_id, &status), LM_OK);
    is_whole(status.state, status.usable, status.kind, status.seats);
    CHECK_CODE(lm_status(which, NULL, &status), LM_OK);
    is_whole(status.state, status.usable, status.kind, status.seats);
    code = lm_feature_status(which, "ortho", &status);
    CHECK(code == LM_OK || code == LM_ERR_FEATURE);
    code = lm_feature_limit(which, "raster", &limit);
    CHECK(code == LM_OK ? limit == 4 : code == LM_ERR_FEATURE);
}

static void *reads(void *which)
{
    uint64_t count = 0;
    while (goes_on()) {
        lm_list *list = NULL;
        lm_record_info record;
        uint64_t now = lm_change_count((lm_client *)which);
        int i;
        CHECK(now >= count);
        count = now;
        for (i = 0; i < 20; i++)
            one_check((lm_client *)which);
        record.struct_size = sizeof record;
        CHECK_CODE(lm_list_open((lm_client *)which, &list, NULL), LM_OK);
        if (lm_list_len(list)) {
            CHECK_CODE(lm_list_get(list, 0, &record), LM_OK);
            CHECK(strcmp(record.activation_id, all.activation_id) == 0);
            is_whole(record.state, record.usable, record.kind, record.seats);
        }
        lm_list_free(list);
        /* Whatever the other program has under way ends here; the license doesn't. */
        if (which == beside)
            CHECK_CODE(lm_cancel(beside), LM_OK);
    }
    return NULL;
}

/* The routine of a second host program: whatever it meets, it breaks nothing. */
static void *refreshes(void *nothing)
{
    while (goes_on())
        lm_refresh(beside, NULL, NULL);
    return nothing;
}

/* A call may find that the other client's has come first. */
static void done(lm_result code)
{
    if (code != LM_OK && code != LM_ERR_BUSY && code != LM_ERR_STALE && code != LM_ERR_NOT_FOUND) {
        fprintf(stderr, "a change answers %s\n", lm_result_name(code));
        exit(1);
    }
}

int main(int argc, char **argv)
{
    pthread_t readers[READERS], refresher;
    lm_options options;
    int i;
    CHECK(argc >= 6);
    all = take(4, argv);
    options = options_of(&all);
    options.portal_url = argv[4];
    options.product = argv[5];
    CHECK_CODE(lm_client_open(&options, &client, NULL), LM_OK);
    CHECK_CODE(lm_client_open(&options, &beside, NULL), LM_OK);
    for (i = 0; i < READERS; i++)
        CHECK(pthread_create(&readers[i], NULL, reads, i ? client : beside) == 0);
    CHECK(pthread_create(&refresher, NULL, refreshes, NULL) == 0);
    for (i = 0; i < ROUNDS; i++) {
        done(lm_activate(client, all.activation_id, 2, NULL));
        done(lm_activate(client, all.activation_id, 3, NULL));
        done(lm_return(client, all.activation_id, 1, NULL));
        done(lm_return(client, all.activation_id, 0, NULL));
    }
    __atomic_store_n(&is_over, 1, __ATOMIC_RELAXED);
    for (i = 0; i < READERS; i++)
        CHECK(pthread_join(readers[i], NULL) == 0);
    CHECK(pthread_join(refresher, NULL) == 0);
    /* Nobody is in the way any more: what the portal knows and what is here agree. */
    CHECK_CODE(lm_resume(client, NULL), LM_OK);
    CHECK_CODE(lm_activate(client, all.activation_id, 3, NULL), LM_OK);
    CHECK_CODE(lm_return(client, all.activation_id, 0, NULL), LM_OK);
    lm_client_free(client);
    lm_client_free(beside);
    return 0;
}
