/* In a child of fork(): the parent's client says so and nothing else, objects can be read and freed,
 * a client of the child's own works. In the parent all is as it was, the storage's lock too. */
#ifndef FORKED_H
#define FORKED_H

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "rows.h"

static void child_of(void (*runs)(void))
{
    int result = 1;
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        runs();
        _exit(0);
    }
    CHECK(waitpid(child, &result, 0) == child);
    CHECK(WIFEXITED(result) && WEXITSTATUS(result) == 0);
}

#define IN_CHILD(export_, call, expected)                                                          \
    do {                                                                                           \
        row(export_, "-", "forked");                                                               \
        CHECK_CODE(call, expected);                                                                \
    } while (0)
#define HOLDS_IN_CHILD(export_, holds)                                                             \
    do {                                                                                           \
        row(export_, "-", "forked");                                                               \
        CHECK(holds);                                                                              \
    } while (0)

static lm_list *parents_list;
static lm_report *parents_report;
static lm_seat *parents_seat;
static lm_buffer *parents_buffer;
static lm_error *parents_error;
static unsigned destroyed;

static void count_destroyed(void *user_data)
{
    (void)user_data;
    destroyed++;
}

static void calls_on_the_parents_client(void)
{
    lm_status_info status;
    lm_list *list = NULL;
    lm_report *report = NULL;
    lm_seat *seat = NULL;
    lm_buffer *buffer = NULL;
    lm_error *error = NULL;
    int64_t limit = 7;
    size_t length = 7;
    status.struct_size = sizeof status;
    IN_CHILD("lm_activate", lm_activate(client, all.activation_id, 1, &error), LM_ERR_FORKED);
    CHECK(lm_error_code(error) == LM_ERR_FORKED && *lm_error_hint(error));
    lm_error_free(error);
    IN_CHILD("lm_return", lm_return(client, all.activation_id, 0, NULL), LM_ERR_FORKED);
    IN_CHILD("lm_status", lm_status(client, NULL, &status), LM_ERR_FORKED);
    CHECK_CODE(lm_status(client, all.activation_id, &status), LM_ERR_FORKED);
    IN_CHILD("lm_feature_status", lm_feature_status(client, "ortho", &status), LM_ERR_FORKED);
    IN_CHILD("lm_feature_limit", lm_feature_limit(client, "ortho", &limit), LM_ERR_FORKED);
    IN_CHILD("lm_refresh", lm_refresh(client, NULL, NULL), LM_ERR_FORKED);
    IN_CHILD("lm_repair", lm_repair(client, all.activation_id, NULL), LM_ERR_FORKED);
    IN_CHILD("lm_cancel", lm_cancel(client), LM_ERR_FORKED);
    IN_CHILD("lm_remove", lm_remove(client, all.activation_id, NULL), LM_ERR_FORKED);
    IN_CHILD("lm_resume", lm_resume(client, NULL), LM_ERR_FORKED);
    IN_CHILD("lm_list_open", lm_list_open(client, &list, NULL), LM_ERR_FORKED);
    IN_CHILD("lm_health", lm_health(client, 0, &report, NULL), LM_ERR_FORKED);
    CHECK(report == NULL);
    IN_CHILD("lm_request_activation",
             lm_request_activation(client, all.activation_id, 1, &buffer, NULL), LM_ERR_FORKED);
    IN_CHILD("lm_request_return",
             lm_request_return(client, all.activation_id, 0, &buffer, NULL), LM_ERR_FORKED);
    IN_CHILD("lm_request_repair", lm_request_repair(client, all.activation_id, &buffer, NULL),
             LM_ERR_FORKED);
    IN_CHILD("lm_apply_response", lm_apply_response(client, NULL, 0, NULL), LM_ERR_FORKED);
    IN_CHILD("lm_host_id", lm_host_id(client, NULL, 0, &length), LM_ERR_FORKED);
    HOLDS_IN_CHILD("lm_change_count", lm_change_count(client) == 0);
    IN_CHILD("lm_checkout", lm_checkout(client, "ortho", 1, &seat, NULL), LM_ERR_FORKED);
    IN_CHILD("lm_checkin", lm_checkin(parents_seat, NULL), LM_ERR_FORKED);
    CHECK(list == NULL && seat == NULL && buffer == NULL && limit == 7 && length == 7);
}

static void what_needs_no_client(void)
{
    lm_record_info record;
    lm_finding finding;
    lm_status_info status;
    char text[512];
    record.struct_size = sizeof record;
    finding.struct_size = sizeof finding;
    memset(&status, 0, sizeof status);
    status.struct_size = sizeof status;
    HOLDS_IN_CHILD("lm_list_len", lm_list_len(parents_list) == 1);
    IN_CHILD("lm_list_get", lm_list_get(parents_list, 0, &record), LM_OK);
    CHECK(strcmp(record.activation_id, all.activation_id) == 0);
    HOLDS_IN_CHILD("lm_report_len", lm_report_len(parents_report) > 4);
    IN_CHILD("lm_report_get", lm_report_get(parents_report, 0, &finding), LM_OK);
    CHECK(strcmp(finding.topic, "storage") == 0);
    HOLDS_IN_CHILD("lm_buffer_len", lm_buffer_len(parents_buffer) > 100);
    HOLDS_IN_CHILD("lm_buffer_data",
                   strlen((const char *)lm_buffer_data(parents_buffer)) == lm_buffer_len(parents_buffer));
    HOLDS_IN_CHILD("lm_error_code", lm_error_code(parents_error) == LM_ERR_NOT_FOUND);
    HOLDS_IN_CHILD("lm_error_message", *lm_error_message(parents_error));
    HOLDS_IN_CHILD("lm_error_hint", *lm_error_hint(parents_error));
    HOLDS_IN_CHILD("lm_error_detail", *lm_error_detail(parents_error) == 0);
    HOLDS_IN_CHILD("lm_error_retry_at", lm_error_retry_at(parents_error) == 0);
    IN_CHILD("lm_status_text", lm_status_text(&status, text, sizeof text, NULL), LM_OK);
    HOLDS_IN_CHILD("lm_result_name", strcmp(lm_result_name(LM_ERR_FORKED), "LM_ERR_FORKED") == 0);
    HOLDS_IN_CHILD("lm_state_name", strcmp(lm_state_name(LM_STATE_ACTIVE), "ACTIVE") == 0);
    HOLDS_IN_CHILD("lm_version", lm_version() == LM_VERSION_NUMBER);
    HOLDS_IN_CHILD("lm_version_string", strcmp(lm_version_string(), LM_VERSION_STRING) == 0);
    HOLDS_IN_CHILD("lm_supports", lm_supports("https") == 1);
}

static void frees_and_opens_its_own(void)
{
    lm_options options;
    lm_client *own = NULL;
    lm_status_info status;
    unsigned before = destroyed;
    status.struct_size = sizeof status;
    HOLDS_IN_CHILD("lm_list_free", (lm_list_free(parents_list), 1));
    HOLDS_IN_CHILD("lm_report_free", (lm_report_free(parents_report), 1));
    HOLDS_IN_CHILD("lm_buffer_free", (lm_buffer_free(parents_buffer), 1));
    HOLDS_IN_CHILD("lm_error_free", (lm_error_free(parents_error), 1));
    HOLDS_IN_CHILD("lm_seat_free", (lm_seat_free(parents_seat), 1));
    HOLDS_IN_CHILD("lm_client_free", (lm_client_free(client), destroyed == before + 1));
    IN_CHILD("lm_options_init", lm_options_init(&options, sizeof options), LM_OK);
    options = defaults;
    IN_CHILD("lm_client_open", lm_client_open(&options, &own, NULL), LM_OK);
    CHECK_CODE(lm_status(own, all.activation_id, &status), LM_OK);
    CHECK(status.usable == 1 && status.seats_in_use == 1);
    CHECK_CODE(lm_refresh(own, NULL, NULL), LM_OK);
    lm_client_free(own);
}

static void all_of_it(void)
{
    calls_on_the_parents_client();
    what_needs_no_client();
    frees_and_opens_its_own();
}

/* ---- A fork under the storage's lock ---- */

static unsigned forks_under_the_lock;
static int is_to_fork, is_to_unlock;
static char lock_path[4096];

/* Whether somebody holds the lock of the storage: an open file of one's own asks. */
static int is_locked(void)
{
    int file = open(lock_path, O_RDWR | O_CLOEXEC), is_held;
    CHECK(file >= 0);
    is_held = flock(file, LOCK_EX | LOCK_NB) != 0;
    CHECK(!is_held || errno == EWOULDBLOCK);
    close(file);
    return is_held;
}

static void child_under_the_lock(void)
{
    lm_options options = defaults;
    lm_client *own = NULL;
    calls_on_the_parents_client();
    CHECK(is_locked());
    lm_client_free(client);
    CHECK(is_locked());
    /* The lock is the parent's: this one waits for it, in vain. */
    options.timeout_ms = 50;
    CHECK_CODE(lm_client_open(&options, &own, NULL), LM_OK);
    CHECK_CODE(lm_return(own, all.activation_id, 1, NULL), LM_ERR_BUSY);
    lm_client_free(own);
    CHECK(is_locked());
    if (is_to_unlock) {
        int file;
        for (file = 3; file < 64; file++)
            flock(file, LOCK_UN);
    }
}

/* In place of the C library's: it is called in the middle of a commit, with the lock held. */
int fdatasync(int file)
{
    if (is_to_fork) {
        is_to_fork = 0;
        forks_under_the_lock++;
        CHECK(is_locked());
        child_of(child_under_the_lock);
        CHECK(is_locked());
    }
    return (int)syscall(SYS_fdatasync, file);
}

static void forked(void)
{
    lm_client *own = client;
    lm_options options = defaults;
    unsigned before = destroyed;
    options.log_destroy = count_destroyed;
    CHECK_CODE(lm_client_open(&options, &client, NULL), LM_OK);
    CHECK_CODE(lm_list_open(client, &parents_list, NULL), LM_OK);
    CHECK_CODE(lm_health(client, 0, &parents_report, NULL), LM_OK);
    CHECK_CODE(lm_remove(client, absent, &parents_error), LM_ERR_NOT_FOUND);
    CHECK_CODE(lm_checkout(client, "ortho", 1, &parents_seat, NULL), LM_OK);
    CHECK_CODE(lm_request_activation(client, all.activation_id, 1, &parents_buffer, NULL), LM_OK);
    child_of(all_of_it);

    /* The parent's are none the worse. */
    CHECK(destroyed == before && status_of(NULL).usable == 1);
    CHECK(status_of(NULL).seats_in_use == 1);
    CHECK_CODE(lm_refresh(client, NULL, NULL), LM_OK);
    CHECK(lm_list_len(parents_list) == 1 && *lm_error_message(parents_error));
    lm_list_free(parents_list);
    lm_report_free(parents_report);
    lm_buffer_free(parents_buffer);
    lm_error_free(parents_error);

    CHECK(snprintf(lock_path, sizeof lock_path, "%s/lock", all.dir) < (int)sizeof lock_path);
    CHECK(!is_locked());
    is_to_fork = 1;
    CHECK_CODE(lm_refresh(client, NULL, NULL), LM_OK);
    CHECK(forks_under_the_lock == 1 && !is_locked());
    CHECK(status_of(NULL).seats_in_use == 1);
    lm_seat_free(parents_seat);
    CHECK(status_of(NULL).seats_in_use == 0);
    lm_client_free(client);
    client = own;
    CHECK(destroyed == before + 1 && status_of(NULL).usable == 1);
}

#endif
