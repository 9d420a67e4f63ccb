/* The header alone, twice. The same text is compiled as C++. */
#include "lm.h"
#include "lm.h"

/* Each constant is a number for the preprocessor, and each type is complete or opaque as it says. */
#if LM_OK != 0 || LM_ERR_LEASE_OVER != 143 || LM_STATE_UNTRUSTED != 8 || LM_VERSION_NUMBER < 1000
#error "the numbers are a contract"
#endif

extern lm_client *some_client;
extern lm_options some_options;
lm_result use(lm_error **out_error);

lm_result use(lm_error **out_error)
{
    lm_status_info status;
    lm_record_info record;
    status.struct_size = sizeof status;
    record.struct_size = sizeof record;
    some_options.log = NULL;
    return lm_status(some_client, NULL, &status) == LM_OK && status.usable && record.struct_size
               ? lm_refresh(some_client, NULL, out_error)
               : (lm_result)LM_ERR_NOT_FOUND;
}
