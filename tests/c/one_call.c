/* One call of a host application over a store that may be in a bad way; says what the library says:
 *
 *     one_call TRUST_ROOT PORTAL STORAGE CALL [ID]
 *
 * prints the code, the sentence and the hint, then state and cause of the license, a line each. */
#include <stdio.h>
#include <string.h>

#include "lm.h"

static int told(lm_result code, lm_error *error)
{
    printf("%d\n%s\n%s\n", (int)code, lm_error_message(error), lm_error_hint(error));
    lm_error_free(error);
    return 0;
}

static lm_result make_call(lm_client *client, const char *call, const char *id, lm_error **error)
{
    if (strcmp(call, "activate") == 0)
        return lm_activate(client, id, 1, error);
    if (strcmp(call, "return") == 0)
        return lm_return(client, id, 0, error);
    if (strcmp(call, "refresh") == 0)
        return lm_refresh(client, id, error);
    return LM_OK;
}

int main(int argc, char **argv)
{
    lm_options options;
    lm_client *client = NULL;
    lm_error *error = NULL;
    lm_status_info status;
    const char *id = argc > 5 ? argv[5] : NULL;
    lm_result code;

    if (argc < 5 || lm_options_init(&options, sizeof options) != LM_OK)
        return 2;
    options.product = "ortho-studio";
    options.trust_root = argv[1];
    options.portal_url = argv[2];
    options.storage_dir = argv[3];
    options.host_identity = options.host_label = "field-1";
    options.timeout_ms = 5000;
    code = lm_client_open(&options, &client, &error);
    if (code != LM_OK)
        return told(code, error);
    code = make_call(client, argv[4], id, &error);
    told(code, error);
    status.struct_size = sizeof status;
    if (lm_status(client, id, &status) != LM_OK)
        return 1;
    printf("%s\n%s\n", lm_state_name(status.state),
           status.cause ? lm_result_name(status.cause) : "");
    lm_client_free(client);
    return 0;
}
