#include <stdio.h>
#include "lm.h"
#include "trust_root.h"      /* #define TRUST_ROOT "lm1:…", the line of `lm-portal trust-root` */

int main(int argc, char **argv)                        /* hello PORTAL ACTIVATION_ID STORAGE */
{
    lm_options options;
    lm_client *client = NULL;
    lm_error *error = NULL;
    lm_status_info status = { .struct_size = sizeof status };
    char text[256];

    if (argc < 4) return 2;
    lm_options_init(&options, sizeof options);
    options.product = "ortho-studio";
    options.trust_root = TRUST_ROOT;
    options.portal_url = argv[1];
    options.storage_dir = argv[3];
    if (lm_client_open(&options, &client, &error) == LM_OK
        && lm_activate(client, argv[2], 1, &error) == LM_OK       /* once, when the user asks */
        && lm_status(client, NULL, &status) == LM_OK) {           /* as often as you like */
        lm_status_text(&status, text, sizeof text, NULL);
        printf("%s, usable: %d\n%s\n", lm_state_name(status.state), (int)status.usable, text);
    }
    if (error) printf("%s\n%s\n", lm_error_message(error), lm_error_hint(error));
    lm_error_free(error);
    lm_client_free(client);
    return status.usable ? 0 : 1;
}
