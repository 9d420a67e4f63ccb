// The same small orthophoto program as host.c, in C++ with the owner types of lm.hpp: nothing to
// free, and a failed call either is looked at or throws.
//
//     c++ -DAPP_TRUST_ROOT="\"$(cat trust_root.txt)\"" host.cpp -I../include -llm -o host
//     ./host PORTAL STORAGE IDENTITY COMMAND [ID] [SEATS]
#include <iostream>
#include <string>
#include <vector>

#include "lm.hpp"

#ifndef APP_TRUST_ROOT
#error "Give the line of `lm-portal trust-root` as APP_TRUST_ROOT: it is built in, so nobody swaps it."
#endif

namespace {

int show(const lm::client &client, const char *id)
{
    lm::status_info status;
    client.status(status, id).or_throw();
    std::cout << status.state_name() << ". " << status.text() << '\n';
    return status.usable ? 0 : 3;
}

int list(const lm::client &client)
{
    lm::list records;
    client.records(records).or_throw();
    for (const lm_record_info &row : records)
        std::cout << row.activation_id << "  " << lm_state_name(row.state) << "  " << row.seats
                  << " seat(s)  " << row.features << '\n';
    return 0;
}

// The feature is checked where the work is done, as often as one likes: it costs nanoseconds.
int work(const lm::client &client)
{
    lm::status_info status;
    lm::error error = client.feature_status(status, "ortho");
    if (error.code() == LM_ERR_FEATURE) {
        std::cout << "No license on this machine has the feature \"ortho\". Activate one.\n";
        return 3;
    }
    error.or_throw();
    if (status.usable)
        for (int strip = 1; strip <= 3; strip++)
            std::cout << "orthorectifying strip " << strip << " of 3\n";
    return show(client, nullptr);
}

int run(lm::client &client, const std::vector<std::string> &words)
{
    const std::string &command = words[0];
    const char *id = words.size() > 1 ? words[1].c_str() : nullptr;
    std::uint32_t seats = words.size() > 2 ? std::uint32_t(std::stoul(words[2])) : 0;
    if (command == "work")
        return work(client);
    if (command == "list")
        return list(client);
    if (command == "status")
        return show(client, id);
    if (command == "refresh")
        client.refresh(id).or_throw();
    else if (command == "resume")
        client.resume().or_throw();
    else if (id && command == "activate")
        client.activate(id, seats ? seats : 1).or_throw();
    else if (id && command == "return")
        client.give_back(id, seats).or_throw();
    else if (id && command == "remove")
        client.remove(id).or_throw();
    else
        return 2;
    std::cout << "done\n";
    return 0;
}

} // namespace

int main(int argc, char **argv)
{
    if (argc < 5) {
        std::cerr << "usage: host PORTAL STORAGE IDENTITY COMMAND [ID] [SEATS]\n";
        return 2;
    }
    try {
        lm::options options("ortho-studio", APP_TRUST_ROOT);
        options.portal_url(argv[1]).storage_dir(argv[2]).host_identity(argv[3]).host_label(argv[3]);
        options.log(LM_LOG_WARN, [](std::uint32_t, const char *line) { std::cerr << line << '\n'; });
        lm::client client;
        client.open(options).or_throw();
        return run(client, std::vector<std::string>(argv + 4, argv + argc));
    } catch (const lm::failure &failure) {
        std::cout << lm_result_name(failure.code()) << ": " << failure.what() << '\n';
        return 1;
    } catch (const std::exception &other) {
        std::cout << other.what() << '\n';
        return 1;
    }
}
