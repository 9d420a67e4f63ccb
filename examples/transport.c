/* A host that carries the requests itself: through its own HTTP stack, proxy or queue.
 *
 * The library hands over one POST and takes one answer; what it means, and whether it is the
 * vendor's, the library decides. Here: a plain socket to a portal on this machine, and a log.
 *
 *     ./transport http://127.0.0.1:PORT STORAGE_DIR ACTIVATION_ID */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "lm.h"

#ifndef APP_TRUST_ROOT
#error "Give the line of `lm-portal trust-root` as APP_TRUST_ROOT."
#endif

typedef struct app {
    unsigned requests, lines, destroyed;
} app;

static int send_all(int socket, const void *bytes, size_t length)
{
    const char *next = bytes;
    while (length > 0) {
        ssize_t sent = send(socket, next, length, MSG_NOSIGNAL);
        if (sent <= 0)
            return 0;
        next += sent;
        length -= (size_t)sent;
    }
    return 1;
}

/* The whole answer, at most max bytes, NUL-terminated. The portal closes after it. */
static char *receive_all(int socket, size_t max, size_t *length)
{
    char *bytes = malloc(max + 1);
    *length = 0;
    while (bytes && *length < max) {
        ssize_t got = recv(socket, bytes + *length, max - *length, 0);
        if (got <= 0)
            break;
        *length += (size_t)got;
    }
    if (bytes)
        bytes[*length] = '\0';
    return bytes;
}

static int connect_to(const char *url, uint32_t timeout_ms)
{
    unsigned port = 0;
    if (sscanf(url, "http://127.0.0.1:%u/", &port) != 1 || port > 65535)
        return -1;
    int descriptor = socket(AF_INET, SOCK_STREAM, 0);
    if (descriptor < 0)
        return -1;
    struct timeval patience = {(time_t)(timeout_ms / 1000), (suseconds_t)(timeout_ms % 1000) * 1000};
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    struct sockaddr_in address;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons((uint16_t)port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(descriptor, (struct sockaddr *)&address, sizeof address) != 0) {
        close(descriptor);
        return -1;
    }
    return descriptor;
}

static lm_result post(void *user_data, const lm_http_request *request, lm_http_response *response)
{
    ((app *)user_data)->requests++;
    int descriptor = connect_to(request->url, request->timeout_ms);
    if (descriptor < 0)
        return LM_ERR_NETWORK;
    const char *path = strchr(request->url + strlen("http://"), '/');
    char head[512];
    snprintf(head, sizeof head,
             "POST %s HTTP/1.0\r\nHost: 127.0.0.1\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n",
             path ? path : "/", request->content_type, request->body_len);
    size_t length = 0;
    char *answer = NULL;
    if (send_all(descriptor, head, strlen(head)) && send_all(descriptor, request->body, request->body_len))
        answer = receive_all(descriptor, request->response_max + 4096, &length);
    close(descriptor);
    unsigned status = 0;
    char *body = answer ? strstr(answer, "\r\n\r\n") : NULL;
    lm_result result = LM_ERR_HTTP;
    if (body && sscanf(answer, "HTTP/%*s %u", &status) == 1) {
        body += 4;
        size_t body_length = length - (size_t)(body - answer);
        result = lm_http_respond(response, status, (const uint8_t *)body, body_length);
    }
    free(answer);
    return result;
}

static void log_line(void *user_data, uint32_t level, const char *message)
{
    ((app *)user_data)->lines++;
    printf("log %" PRIu32 ": %s\n", level, message);
}

static void destroyed(void *user_data)
{
    ((app *)user_data)->destroyed++;
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    app state = {0, 0, 0};
    lm_options options;
    lm_options_init(&options, sizeof options);
    options.product = "ortho-studio";
    options.trust_root = APP_TRUST_ROOT;
    options.portal_url = argv[1];
    options.storage_dir = argv[2];
    options.host_identity = "transport example";
    options.log_level = LM_LOG_INFO;
    options.log = log_line;
    options.transport = post;
    options.transport_destroy = options.log_destroy = destroyed;
    options.log_user_data = options.transport_user_data = &state;

    lm_client *client = NULL;
    lm_error *error = NULL;
    lm_result code = lm_client_open(&options, &client, &error);
    if (code == LM_OK)
        code = lm_activate(client, argv[3], 1, &error);
    if (code == LM_OK)
        code = lm_return(client, argv[3], 0, &error);
    if (code != LM_OK)
        printf("%s: %s %s\n", lm_result_name(code), lm_error_message(error), lm_error_hint(error));
    lm_error_free(error);
    lm_client_free(client);
    printf("%u requests carried, log lines: %s, destroyed: %u\n", state.requests,
           state.lines ? "yes" : "no", state.destroyed);
    return code == LM_OK ? 0 : 1;
}
