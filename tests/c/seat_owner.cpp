// A seat's owner: it moves, it outlives its client, and the seat is free when it is gone. Two seats are
// active in DIR.
#include "lm.hpp"

#include "check.h"

static std::uint32_t in_use(const lm::client &client)
{
    lm::list records;
    client.records(records).or_throw();
    CHECK(records.size() == 1);
    return records[0].seats_in_use;
}

static void open(lm::client &client, const given &all)
{
    lm::options options("ortho-studio", all.trust_root);
    options.storage_dir(all.dir).host_identity("a C program");
    client.open(options).or_throw();
}

int main(int argc, char **argv)
{
    const given all = take(argc, argv);
    lm::client client, other;
    open(client, all);
    open(other, all);
    {
        lm::seat one, two;
        client.checkout(one, "ortho").or_throw();
        CHECK(one && in_use(other) == 1);
        two = std::move(one);
        CHECK(!one && two && in_use(other) == 1);
        client.checkout(one, "ortho").or_throw();
        lm::error full = other.checkout(one, "ortho");
        CHECK(full.code() == LM_ERR_NO_FREE_SEAT && one && in_use(other) == 2);
        CHECK(std::string(full.detail()).find("\"seats_in_use\":2") != std::string::npos);
        client.close();
        CHECK(!two.checkin() && !two && in_use(other) == 1);
    }
    CHECK(in_use(other) == 0);
    return 0;
}
