/* A small orthophoto program that asks for its license.
 *
 * It opens a client, checks a feature before it works, activates and returns when told, and explains
 * each state to its user. Build it with the trust root that your portal prints:
 *
 *     lm-portal trust-root > trust_root.txt
 *     cc -DAPP_TRUST_ROOT="\"$(cat trust_root.txt)\"" host.c -I../include -llm -o host
 *
 *     ./host work                 make an orthophoto, if the license allows it
 *     ./host activate ID [SEATS]  take the seats for this machine
 *     ./host return ID [SEATS]    give them back, all or some
 *     ./host refresh | resume     ask for a new lease | finish what is pending
 *     ./host repair ID            trust again in a license whose store was put back
 *     ./host remove ID            drop an entry that holds no seat
 *     ./host request-activation ID FILE [SEATS] | request-return ID FILE [SEATS]
 *     ./host request-repair ID FILE | apply FILE
 *                                 without a network: one file out, one file in
 *     ./host status [ID] | list   what this machine holds
 *
 * Options before the command: --portal URL, --storage DIR, --identity NAME, --verbose. A real
 * application fixes them; they are here so that one machine can play several.
 * Exit code: 0 done, 1 refused or failed, 2 wrong usage, 3 not usable (work, status). */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lm.h"

#ifndef APP_TRUST_ROOT
#error "Give the line of `lm-portal trust-root` as APP_TRUST_ROOT: it is built in, so nobody swaps it."
#endif
#define APP_PRODUCT "ortho-studio"
#define APP_FEATURE "ortho"

static void log_line(void *user_data, uint32_t level, const char *message)
{
    (void)user_data;
    fprintf(stderr, "[lm %" PRIu32 "] %s\n", level, message);
}

/* Says what went wrong and what to do about it; takes the error over. */
static int explain(lm_result code, lm_error *error)
{
    if (code == LM_OK)
        return 0;
    printf("%s: %s\n", lm_result_name(code), lm_error_message(error));
    printf("  %s\n", lm_error_hint(error));
    if (code >= 70 && code <= 79)
        printf("  The portal was not reached; \"resume\" goes on from here.\n");
    lm_error_free(error);
    return 1;
}

static void show(const char *what, const lm_status_info *status)
{
    char text[512];
    size_t length = 0;
    if (lm_status_text(status, text, sizeof text, &length) != LM_OK)
        text[0] = '\0';
    printf("%s: %s. %s\n", what, lm_state_name(status->state), text);
}

static int status_of(const lm_client *client, const char *id)
{
    lm_status_info status;
    status.struct_size = sizeof status;
    lm_result code = lm_status(client, id, &status);
    if (code != LM_OK) {
        printf("%s\n", lm_result_name(code));
        return 1;
    }
    show(id ? id : APP_PRODUCT, &status);
    return status.usable ? 0 : 3;
}

static int list(const lm_client *client)
{
    lm_list *records = NULL;
    lm_error *error = NULL;
    lm_result code = lm_list_open(client, &records, &error);
    if (code != LM_OK)
        return explain(code, error);
    for (size_t i = 0; i < lm_list_len(records); i++) {
        lm_record_info row;
        row.struct_size = sizeof row;
        if (lm_list_get(records, i, &row) == LM_OK)
            printf("%s  %s  %" PRIu32 " seat(s)  %s\n", row.activation_id, lm_state_name(row.state),
                   row.seats, row.features);
    }
    lm_list_free(records);
    return 0;
}

/* The feature is checked where the work is done, as often as one likes: it costs nanoseconds. */
static int work(const lm_client *client)
{
    lm_status_info status;
    status.struct_size = sizeof status;
    lm_result code = lm_feature_status(client, APP_FEATURE, &status);
    if (code == LM_ERR_FEATURE) {
        printf("No license on this machine has the feature \"%s\". Activate one.\n", APP_FEATURE);
        return 3;
    }
    if (code != LM_OK) {
        printf("%s\n", lm_result_name(code));
        return 1;
    }
    show(APP_FEATURE, &status);
    if (!status.usable)
        return 3;
    for (int strip = 1; strip <= 3; strip++)
        printf("orthorectifying strip %d of 3\n", strip);
    return 0;
}

/* Without a network: a file for the portal's people. */
static lm_result write_request(lm_client *client, const char *command, const char *id,
                               const char *path, uint32_t seats, lm_error **error)
{
    lm_buffer *request = NULL;
    lm_result code;
    if (strcmp(command, "request-repair") == 0)
        code = lm_request_repair(client, id, &request, error);
    else if (strcmp(command, "request-return") == 0)
        code = lm_request_return(client, id, seats, &request, error);
    else
        code = lm_request_activation(client, id, seats ? seats : 1, &request, error);
    if (code != LM_OK)
        return code;
    FILE *file = fopen(path, "wb");
    size_t written = file ? fwrite(lm_buffer_data(request), 1, lm_buffer_len(request), file) : 0;
    if (!file || written != lm_buffer_len(request) || fclose(file) != 0)
        printf("%s could not be written; the same command makes the same file.\n", path);
    lm_buffer_free(request);
    return LM_OK;
}

/* And the file that they make of it. */
static lm_result apply_response(lm_client *client, const char *path, lm_error **error)
{
    enum { MOST = 16 * 1024 * 1024 + 1 };
    uint8_t *bytes = malloc(MOST);
    FILE *file = fopen(path, "rb");
    size_t length = file && bytes ? fread(bytes, 1, MOST, file) : 0;
    lm_result code = lm_apply_response(client, bytes, length, error);
    if (file)
        fclose(file);
    free(bytes);
    return code;
}

static int run(lm_client *client, int argc, char **argv)
{
    const char *command = argv[0], *id = argc > 1 ? argv[1] : NULL;
    uint32_t seats = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 0;
    lm_error *error = NULL;
    lm_result code;
    if (strcmp(command, "work") == 0)
        return work(client);
    if (strcmp(command, "list") == 0)
        return list(client);
    if (strcmp(command, "status") == 0)
        return status_of(client, id);
    if (strcmp(command, "refresh") == 0)
        code = lm_refresh(client, id, &error);
    else if (strcmp(command, "resume") == 0)
        code = lm_resume(client, &error);
    else if (id && strcmp(command, "activate") == 0)
        code = lm_activate(client, id, seats ? seats : 1, &error);
    else if (id && strcmp(command, "return") == 0)
        code = lm_return(client, id, seats, &error);
    else if (id && strcmp(command, "repair") == 0)
        code = lm_repair(client, id, &error);
    else if (id && strcmp(command, "remove") == 0)
        code = lm_remove(client, id, &error);
    else if (argc > 2 && strncmp(command, "request-", 8) == 0)
        code = write_request(client, command, id, argv[2],
                             argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 10) : 0, &error);
    else if (id && strcmp(command, "apply") == 0)
        code = apply_response(client, id, &error);
    else {
        fprintf(stderr, "unknown command or missing activation ID: %s\n", command);
        return 2;
    }
    if (code != LM_OK)
        return explain(code, error);
    printf("done\n");
    if (strcmp(command, "activate") == 0)
        status_of(client, id);
    return 0;
}

int main(int argc, char **argv)
{
    lm_options options;
    if (lm_options_init(&options, sizeof options) != LM_OK)
        return 1;
    options.product = APP_PRODUCT;
    options.trust_root = APP_TRUST_ROOT;
    options.log = log_line;
    int next = 1;
    for (; next < argc && strncmp(argv[next], "--", 2) == 0; next++) {
        const char *name = argv[next];
        if (strcmp(name, "--verbose") == 0) {
            options.log_level = LM_LOG_DEBUG;
            continue;
        }
        const char *value = next + 1 < argc ? argv[++next] : NULL;
        if (value && strcmp(name, "--portal") == 0)
            options.portal_url = value;
        else if (value && strcmp(name, "--storage") == 0)
            options.storage_dir = value;
        else if (value && strcmp(name, "--identity") == 0)
            options.host_identity = options.host_label = value;
        else {
            fprintf(stderr, "unknown option or missing value: %s\n", name);
            return 2;
        }
    }
    if (next >= argc) {
        fprintf(stderr, "usage: %s [--portal URL] [--storage DIR] [--identity NAME] [--verbose] "
                        "work | activate ID [SEATS] | return ID [SEATS] | refresh [ID] | resume | "
                        "repair ID | remove ID | request-activation ID FILE [SEATS] | "
                        "request-return ID FILE [SEATS] | apply FILE | status [ID] | list\n", argv[0]);
        return 2;
    }
    lm_client *client = NULL;
    lm_error *error = NULL;
    lm_result code = lm_client_open(&options, &client, &error);
    if (code != LM_OK)
        return explain(code, error);
    int result = run(client, argc - next, argv + next);
    lm_client_free(client);
    return result;
}
