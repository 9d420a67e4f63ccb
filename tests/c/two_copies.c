/* R86: two copies of the library in one process, as a host's and its plugin's are, each with a
 * product of its own. Neither sees the other. Wants the path of the second copy as its last argument. */
#define _GNU_SOURCE
#include <dlfcn.h>

#include "check.h"

typedef lm_result (*open_fn)(const lm_options *, lm_client **, lm_error **);
typedef lm_result (*status_fn)(const lm_client *, const char *, lm_status_info *);
typedef void (*free_fn)(lm_client *);

/* ISO C has no cast from an object pointer to a function's. */
static void symbol(void *library, const char *name, void *function)
{
    void *found = dlsym(library, name);
    CHECK(found != NULL);
    memcpy(function, &found, sizeof found);
}

static lm_result away(void *user_data, const lm_http_request *request, lm_http_response *response)
{
    (void)user_data, (void)request, (void)response;
    return LM_ERR_NETWORK;
}

int main(int argc, char **argv)
{
    given all = take(argc - 1, argv);
    void *plugin = dlopen(argv[4], RTLD_NOW | RTLD_LOCAL);
    lm_options options = options_of(&all), plugin_options;
    lm_client *client = NULL, *plugin_client = NULL;
    lm_status_info status;
    open_fn plugin_open;
    status_fn plugin_status;
    free_fn plugin_free;
    status.struct_size = sizeof status;

    CHECK(plugin != NULL);
    symbol(plugin, "lm_client_open", &plugin_open);
    symbol(plugin, "lm_status", &plugin_status);
    symbol(plugin, "lm_client_free", &plugin_free);
    CHECK(plugin_open != lm_client_open);

    plugin_options = options;
    plugin_options.product = "terra-plugin";
    plugin_options.storage_dir = NULL;
    options.portal_url = "https://portal.example";
    options.transport = away;
    {
        char dir[4096];
        CHECK(snprintf(dir, sizeof dir, "%s-plugin", all.dir) < (int)sizeof dir);
        plugin_options.storage_dir = dir;
        CHECK_CODE(plugin_open(&plugin_options, &plugin_client, NULL), LM_OK);
    }
    CHECK_CODE(lm_client_open(&options, &client, NULL), LM_OK);
    CHECK_CODE(lm_activate(client, all.activation_id, 1, NULL), LM_ERR_NETWORK);
    CHECK_CODE(lm_status(client, all.activation_id, &status), LM_OK);
    CHECK(status.state == LM_STATE_PENDING_ACTIVATION);
    CHECK_CODE(plugin_status(plugin_client, all.activation_id, &status), LM_OK);
    CHECK(status.state == LM_STATE_ABSENT);

    lm_client_free(client);
    CHECK_CODE(plugin_status(plugin_client, NULL, &status), LM_OK);
    plugin_free(plugin_client);
    CHECK(dlclose(plugin) == 0);
    return 0;
}
