/* A process that opens the library, checks a license once and ends.
 *
 *     cold STORAGE ACTIVATION_ID TRUST_ROOT [IDENTITY]
 *
 * Without IDENTITY the machine's own factors are read. Compiled with -DEMPTY it does nothing: what is
 * left is what any process costs. */
#ifdef EMPTY
int main(void) { return 0; }
#else
#include <stddef.h>

#include "lm/lm.h"

int main(int argc, char **argv)
{
    lm_options options;
    lm_client *client = NULL;
    lm_status_info status;
    if (argc < 4)
        return 2;
    lm_options_init(&options, sizeof options);
    options.product = "ortho-studio";
    options.storage_dir = argv[1];
    options.trust_root = argv[3];
    options.host_identity = argv[4];
    status.struct_size = sizeof status;
    if (lm_client_open(&options, &client, NULL) != LM_OK || lm_status(client, argv[2], &status) != LM_OK)
        return 1;
    /* With factors it is another machine than the one that activated; the work is the same. */
    return status.state == LM_STATE_ABSENT;
}
#endif
