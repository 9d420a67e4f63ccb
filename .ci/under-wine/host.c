/* A host for `.ci/wine`: one command a process, one line a fact.
 *
 *     host PORTAL SCOPE USER COMMAND [ID]
 *
 * SCOPE: user or machine. USER: "-", or a name that this process takes on in wine, where the key of data
 * protection is made of the user's name: so it is another installation's. Exit code: 0, or 1 where the
 * command failed. */
#include <stdio.h>
#include <string.h>
#include <windows.h>

#include <lm/lm.h>

static int failed(lm_result code, lm_error *error)
{
    printf("%s: %s\n", lm_result_name(code), lm_error_message(error));
    lm_error_free(error);
    return 1;
}

static int status(const lm_client *client, const char *id)
{
    lm_status_info status = {.struct_size = sizeof status};
    lm_result code = lm_status(client, id, &status);
    if (code != LM_OK)
        return failed(code, NULL);
    printf("%s usable=%u trust=%u cause=%s\n", lm_state_name(status.state), (unsigned)status.usable,
           (unsigned)status.trust, lm_result_name(status.cause));
    return 0;
}

static int list(const lm_client *client)
{
    lm_list *list = NULL;
    lm_error *error = NULL;
    lm_result code = lm_list_open(client, &list, &error);
    if (code != LM_OK)
        return failed(code, error);
    printf("records=%u\n", (unsigned)lm_list_len(list));
    for (size_t i = 0; i < lm_list_len(list); i++) {
        lm_record_info row = {.struct_size = sizeof row};
        if (lm_list_get(list, i, &row) == LM_OK)
            printf("%s %s seats=%u\n", row.activation_id, lm_state_name(row.state), (unsigned)row.seats);
    }
    lm_list_free(list);
    return 0;
}

static int health(lm_client *client)
{
    lm_report *report = NULL;
    lm_error *error = NULL;
    lm_result code = lm_health(client, 1, &report, &error);
    if (code != LM_OK)
        return failed(code, error);
    for (size_t i = 0; i < lm_report_len(report); i++) {
        lm_finding finding = {.struct_size = sizeof finding};
        if (lm_report_get(report, i, &finding) == LM_OK)
            printf("level=%u %s: %s %s\n", (unsigned)finding.level, finding.topic, finding.text,
                   finding.detail);
    }
    lm_report_free(report);
    return 0;
}

static int run(lm_client *client, const char *command, const char *id)
{
    lm_error *error = NULL;
    lm_result code = LM_ERR_UNSUPPORTED;
    if (strcmp(command, "status") == 0)
        return status(client, id);
    if (strcmp(command, "list") == 0)
        return list(client);
    if (strcmp(command, "health") == 0)
        return health(client);
    if (strcmp(command, "activate") == 0)
        code = lm_activate(client, id, 1, &error);
    else if (strcmp(command, "refresh") == 0)
        code = lm_refresh(client, id, &error);
    else if (strcmp(command, "repair") == 0)
        code = lm_repair(client, id, &error);
    else if (strcmp(command, "return") == 0)
        code = lm_return(client, id, 0, &error);
    else if (strcmp(command, "checkout") == 0) {
        lm_seat *seat = NULL;
        code = lm_checkout(client, "ortho", 1, &seat, &error);
        lm_seat_free(seat);
    }
    if (code != LM_OK)
        return failed(code, error);
    return status(client, id);
}

int main(int argc, char **argv)
{
    lm_options options;
    lm_client *client = NULL;
    lm_error *error = NULL;
    lm_result code;
    int result;
    if (argc < 5 || lm_options_init(&options, sizeof options) != LM_OK)
        return 2;
    if (strcmp(argv[3], "-") != 0)
        SetEnvironmentVariableA("WINEUSERNAME", argv[3]);
    options.product = "ortho-studio";
    options.trust_root = APP_TRUST_ROOT;
    options.portal_url = argv[1];
    options.scope = strcmp(argv[2], "machine") == 0 ? LM_SCOPE_MACHINE : LM_SCOPE_USER;
    if ((code = lm_client_open(&options, &client, &error)) != LM_OK)
        return failed(code, error);
    result = run(client, argv[4], argc > 5 ? argv[5] : NULL);
    lm_client_free(client);
    return result;
}
