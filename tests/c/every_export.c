/* R82, R83: every export with every kind of wrong input, over a machine with a real license. Is given
 * besides: the portal's address, the product, an activation ID that is not here; and, to be seen to
 * fail: "beyond" reads a byte behind a guard page's edge, "unlock" lets the lock go in a child. */
#include "every/rows.h"

#include "every/texts.h"

#include "every/structures.h"

#include "every/numbers.h"

#include "every/places.h"

#include "every/forked.h"

#include "every/transport.h"

/* What takes nothing can be given nothing wrong. */
static void takes_nothing(void)
{
    CHECK(lm_version() == LM_VERSION_NUMBER);
    CHECK(strcmp(lm_version_string(), LM_VERSION_STRING) == 0);
}

int main(int argc, char **argv)
{
    CHECK(argc == 7 || argc == 8);
    is_to_unlock = argc == 8 && strcmp(argv[7], "unlock") == 0;
    if (argc == 8 && strcmp(argv[7], "beyond") == 0)
        CHECK(((volatile char *)before_guard(10))[10] == 'x');
    all = take(4, argv);
    defaults = options_of(&all);
    defaults.portal_url = argv[4];
    defaults.product = argv[5];
    absent = argv[6];
    CHECK_CODE(lm_client_open(&defaults, &client, NULL), LM_OK);
    CHECK_CODE(lm_activate(client, all.activation_id, 3, NULL), LM_OK);
    texts();
    structures();
    numbers();
    places();
    buffers();
    bytes();
    null_objects();
    takes_nothing();
    forked();
    in_a_transport();
    /* Returns a seat: the last one. */
    errors();
    CHECK(status_of(NULL).seats == 2);
    lm_client_free(client);
    printf("inputs %u\n", inputs);
    return 0;
}
