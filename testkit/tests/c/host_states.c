/* examples/host.c, a program that knows nothing of the test kit, in each state that a license can be
 * in and before each failure: what it says to its user is compared with host_states.txt. */
#define main host_main
#include "host.c"
#undef main
#include "lm_testkit.h"

#define NOON 1767268800 /* 2026-01-01 12:00 UTC */
#define DAY 86400

static char id[64];

static void must(lm_result code, lm_error *error, const char *what)
{
    if (code == LM_OK)
        return;
    printf("%s: %s: %s\n", what, lm_result_name(code), lm_error_message(error));
    exit(99);
}

/* As a person at a terminal. */
static void host(const char *command, const char *argument)
{
    char *argv[] = { "host", "--portal", "https://licenses.example.com", (char *)command, (char *)argument, NULL };
    printf("$ host %s%s\n", command, argument ? " ID" : "");
    int code = host_main(argument ? 5 : 4, argv);
    printf("[exit code %d]\n", code);
}

static void begin(const char *what)
{
    printf("\n== %s\n", what);
}

/* The license in this state, and what the program makes of it. */
static void see(lm_client *machine, const lm_test_record *wanted, const char *what)
{
    lm_error *error = NULL;
    must(lm_test_set_now(machine, NOON), NULL, "now");
    must(lm_test_set_record(machine, wanted, &error), error, what);
    begin(what);
    host("work", NULL);
    host("status", id);
}

static lm_test_record of_state(uint32_t state)
{
    lm_test_record record;
    must(lm_test_record_init(&record, sizeof record), NULL, "init");
    record.activation_id = id;
    record.features = "ortho raster=500";
    record.state = state;
    return record;
}

static void states(lm_client *machine)
{
    lm_test_record record = of_state(LM_STATE_ACTIVE);
    see(machine, &record, "active, without end");
    record.expires_at = NOON + 30 * DAY;
    record.lease_until = NOON + 7 * DAY;
    record.seats = 3;
    see(machine, &record, "active, three seats, with a term and a lease");
    record = of_state(LM_STATE_GRACE);
    see(machine, &record, "grace");
    record = of_state(LM_STATE_EXPIRED);
    see(machine, &record, "expired: the term is over");
    record.cause = LM_ERR_LEASE_OVER;
    see(machine, &record, "expired: lease and grace are over");
    record.cause = LM_ERR_TOO_LATE;
    see(machine, &record, "expired: the portal's answer came too late");
    record = of_state(LM_STATE_NOT_YET_VALID);
    see(machine, &record, "not yet valid");
    record = of_state(LM_STATE_PENDING_ACTIVATION);
    see(machine, &record, "pending activation");
    record = of_state(LM_STATE_PENDING_RETURN);
    see(machine, &record, "pending return, of all");
    record.seats = 3;
    record.returning = 1;
    see(machine, &record, "pending return, of one of three");
    record = of_state(LM_STATE_ORPHANED);
    see(machine, &record, "orphaned");
    record.cause = LM_ERR_HELD_ELSEWHERE;
    see(machine, &record, "orphaned: another storage of this machine holds it");
    record = of_state(LM_STATE_UNTRUSTED);
    record.trust = LM_TRUST_RESTORE | LM_TRUST_TIME;
    see(machine, &record, "untrusted: another machine");
    record.trust = LM_TRUST_HOST | LM_TRUST_TIME;
    see(machine, &record, "untrusted: an older store was put back");
    record.trust = LM_TRUST_HOST | LM_TRUST_RESTORE;
    see(machine, &record, "untrusted: the clock was set back");
    record = of_state(LM_STATE_ABSENT);
    see(machine, &record, "absent");
}

/* What a person does about it goes on from there, as with a customer. */
static void ways_out(lm_client *machine)
{
    lm_error *error = NULL;
    lm_test_record record = of_state(LM_STATE_ABSENT);
    must(lm_test_set_record(machine, &record, &error), error, "absent");
    begin("from absent: the portal knows it");
    host("activate", id);
    host("work", NULL);
    host("return", id);
    host("status", id);
    const struct { const char *what, *command; uint32_t state, missing; } rows[] = {
        { "from grace", "refresh", LM_STATE_GRACE, 0 },
        { "from a pending activation", "resume", LM_STATE_PENDING_ACTIVATION, 0 },
        { "from a pending return", "resume", LM_STATE_PENDING_RETURN, 0 },
        { "from orphaned", "remove", LM_STATE_ORPHANED, 0 },
        { "from a restored store", "repair", LM_STATE_UNTRUSTED, LM_TRUST_RESTORE },
        { "from another machine's", "activate", LM_STATE_UNTRUSTED, LM_TRUST_HOST },
        { "from a clock set back", "refresh", LM_STATE_UNTRUSTED, LM_TRUST_TIME },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        record = of_state(rows[i].state);
        record.trust &= ~rows[i].missing;
        must(lm_test_set_now(machine, NOON), NULL, "now");
        must(lm_test_set_record(machine, &record, &error), error, rows[i].what);
        begin(rows[i].what);
        host(rows[i].command, strcmp(rows[i].command, "resume") == 0 ? NULL : id);
        host("status", id);
    }
}

/* A week goes by, then another: no answer was canned. */
static void time_goes_by(lm_client *machine)
{
    lm_error *error = NULL;
    lm_test_record record = of_state(LM_STATE_ACTIVE);
    record.lease_until = NOON + 7 * DAY;
    must(lm_test_set_record(machine, &record, &error), error, "leased");
    begin("a lease, and time that goes by");
    const int days[] = { 6, 8, 11, -2 };
    for (int i = 0; i < 4; i++) {
        printf("(day %d)\n", days[i]);
        must(lm_test_set_now(machine, NOON + (int64_t)days[i] * DAY), NULL, "now");
        host("status", id);
        if (days[i] == 11) {
            host("refresh", id);
            host("status", id);
        }
    }
    must(lm_test_set_now(machine, NOON), NULL, "now");
}

static void failures(lm_client *machine)
{
    static const lm_result codes[] = {
        LM_ERR_CANCELLED, LM_ERR_BUSY, LM_ERR_PERMISSION, LM_ERR_STORAGE_READ_ONLY, LM_ERR_STORAGE_FULL,
        LM_ERR_STORAGE_IO, LM_ERR_NETWORK, LM_ERR_DNS, LM_ERR_PROXY, LM_ERR_TLS, LM_ERR_TIMEOUT,
        LM_ERR_HTTP, LM_ERR_PORTAL_BUSY, LM_ERR_SIGNATURE, LM_ERR_MALFORMED, LM_ERR_TOO_LARGE,
        LM_ERR_VERSION, LM_ERR_MISMATCH, LM_ERR_TOO_LATE, LM_ERR_ID_UNKNOWN, LM_ERR_ID_INACTIVE,
        LM_ERR_NO_SEATS, LM_ERR_WRONG_PRODUCT, LM_ERR_WRONG_KIND, LM_ERR_EXPIRED, LM_ERR_NOT_YET_VALID,
        LM_ERR_OBSOLETE, LM_ERR_STALE, LM_ERR_HOST_REFUSED, LM_ERR_HOST_MISMATCH, LM_ERR_RETURN_LIMIT,
        LM_ERR_REHOST_LIMIT, LM_ERR_REPAIR_LIMIT, LM_ERR_OFFLINE_REFUSED, LM_ERR_ABANDONED,
        LM_ERR_HELD_ELSEWHERE,
    };
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        lm_error *error = NULL;
        lm_test_record record = of_state(LM_STATE_ABSENT);
        must(lm_test_set_record(machine, &record, &error), error, "absent");
        begin(lm_result_name(codes[i]));
        must(lm_test_fail_next(machine, codes[i], 1), NULL, "fail_next");
        host("activate", id);
        host("status", id);
    }
    must(lm_test_fail_next(machine, LM_OK, 0), NULL, "fail_next");
}

static void storage(lm_client *machine)
{
    static const lm_result codes[] = {
        LM_ERR_STORAGE_DAMAGED, LM_ERR_STORAGE_NEWER, LM_ERR_STORAGE_MISSING, LM_ERR_STORAGE_UNSAFE,
        LM_ERR_STORAGE_REMOTE, LM_ERR_STORAGE_FULL,
    };
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        lm_error *error = NULL;
        lm_test_record record = of_state(LM_STATE_ACTIVE);
        must(lm_test_set_record(machine, &record, &error), error, "active");
        begin(lm_result_name(codes[i]));
        must(lm_test_set_storage(machine, codes[i], &error), error, "set_storage");
        host("work", NULL);
        host("return", id);
        must(lm_test_set_storage(machine, LM_OK, &error), error, "set_storage");
        host("status", id);
    }
}

int main(void)
{
    lm_options options;
    lm_client *machine = NULL;
    lm_error *error = NULL;
    setvbuf(stdout, NULL, _IONBF, 0);
    must(lm_options_init(&options, sizeof options), NULL, "options");
    options.product = APP_PRODUCT;
    options.trust_root = APP_TRUST_ROOT;
    must(lm_client_open(&options, &machine, &error), error, "open");
    must(lm_test_activation_id(1, id, sizeof id, NULL), NULL, "id");
    must(lm_test_set_now(machine, NOON), NULL, "now");
    states(machine);
    ways_out(machine);
    time_goes_by(machine);
    failures(machine);
    storage(machine);
    lm_client_free(machine);
    return 0;
}
