#!/usr/bin/env python3
"""Makes the test vectors of the license protocol, by nothing but docs/protocol.md and Python's `cryptography`.

It shares no code with the library or the portal: what both sides of this project could get wrong in the
same way, shows here. The vectors are committed; run it again after a change of the protocol, look at the
difference, and never change a vector that was published.

    python3 tests/vectors/make.py            writes them beside this file
    python3 tests/vectors/make.py --check    compares, and says what differs
"""

import base64
import hashlib
import hmac
import json
import pathlib
import sys

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

HERE = pathlib.Path(__file__).parent
NOW = 1_800_000_000
DAY = 86_400
VENDOR = "Géomatique SA"
PRODUCT = "ortho-studio"
ROOT, ONLINE, RETIRED, DEVICE, FRESH = (bytes([seed]) * 32 for seed in (1, 2, 3, 4, 5))
SALT = bytes(range(32))


# ---- How bytes are written -------------------------------------------------------------------------------

def compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def b64(data):
    return base64.b64encode(data).decode()


def public(seed):
    key = Ed25519PrivateKey.from_private_bytes(seed)
    return b64(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))


def envelope(kind, message, seeds):
    payload = compact(message).encode()
    signed = b"LMv1 %d %s %d " % (len(kind), kind.encode(), len(payload)) + payload
    signatures = [
        {"key": public(seed), "signature": b64(Ed25519PrivateKey.from_private_bytes(seed).sign(signed))}
        for seed in seeds
    ]
    return compact({"lm": 1, "type": kind, "payload": b64(payload), "signatures": signatures})


def vector(name, kind, message, seeds):
    return {
        "name": name,
        "type": kind,
        "payload": compact(message),
        "seeds": [seed.hex() for seed in seeds],
        "envelope": envelope(kind, message, seeds),
    }


# ---- Names of things -------------------------------------------------------------------------------------

def activation_id(random):
    alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    check = int.from_bytes(hashlib.sha256(b"lm-activation-id" + random).digest()[:3], "big") >> 4
    bits = int.from_bytes(random, "big") << 20 | check
    letters = "".join(alphabet[bits >> shift & 31] for shift in range(95, -1, -5))
    return "-".join(letters[at : at + 5] for at in range(0, 20, 5))


def factor_hash(kind, raw):
    return hmac.new(SALT, kind.encode() + b"\0" + raw.encode(), hashlib.sha256).digest()[:16].hex()


def host_id(evidence):
    """Of the first factor known; the kinds stand in the order of the protocol."""
    digest = hashlib.sha256(b"lm-host-id")
    for value in evidence["factors"][0]["values"]:
        digest.update(bytes.fromhex(value))
    return "H-" + digest.hexdigest()[:20]


def trust_root():
    body = {"vendor": VENDOR, "keys": [public(ROOT)], "salt": b64(SALT)}
    text = "lm1:" + base64.urlsafe_b64encode(compact(body).encode()).decode().rstrip("=")
    return text + ":" + hashlib.sha256(text.encode()).hexdigest()[:8]


ID = activation_id(bytes(range(10)))
EVIDENCE = {
    "machine": "physical",
    "factors": [
        {"kind": "machine_id", "values": [factor_hash("machine_id", "0123456789abcdef")]},
        {"kind": "disk", "values": sorted(factor_hash("disk", raw) for raw in ("S1", "S2"))},
        {"kind": "processor", "values": [factor_hash("processor", "Model 7")]},
    ],
}
HOLDER = {"scope": "user", "user": factor_hash("user", "1000")}
FULFILLMENT = "F-00112233445566778899"


# ---- Messages --------------------------------------------------------------------------------------------

def keyset():
    def key(seed, status, valid_from, valid_until):
        return {"key": public(seed), "status": status, "valid_from": valid_from, "valid_until": valid_until}

    return {
        "vendor": VENDOR,
        "version": 3,
        "issued_at": NOW - DAY,
        "keys": [
            key(ONLINE, "active", NOW - 30 * DAY, NOW + 300 * DAY),
            key(RETIRED, "verify_only", NOW - 400 * DAY, NOW - 30 * DAY),
            key(bytes([9]) * 32, "revoked", NOW - 400 * DAY, NOW + 300 * DAY),
        ],
    }


def record(generation=4, op="0a" * 16, device=DEVICE):
    return {
        "vendor": VENDOR,
        "product": PRODUCT,
        "activation_id": ID,
        "fulfillment_id": FULFILLMENT,
        "generation": generation,
        "op": op,
        "epoch": 1,
        "kind": "cc",
        "seats": 3,
        "features": [{"name": "ortho", "limit": None}, {"name": "raster", "limit": 4}],
        "holder": HOLDER,
        "host": EVIDENCE,
        "device_key": public(device),
        "issued_at": NOW,
        "starts_at": 0,
        "expires_at": NOW + 365 * DAY,
        "lease_until": NOW + 7 * DAY,
        "grace_until": NOW + 10 * DAY,
        "apply_by": NOW + 7 * DAY,
        "terms": {
            "lease": 7 * DAY,
            "grace": 3 * DAY,
            "clock_tolerance": DAY,
            "strict": False,
            "reclaim": False,
            "virtual_machines": True,
            "containers": True,
            "offline": True,
        },
    }


RECORD = envelope("record", record(), [ONLINE])


def request(number, operation, about_record=True, fresh=False, unanswered=None):
    return {
        "vendor": VENDOR,
        "product": PRODUCT,
        "op": "%032x" % number,
        "nonce": "%032x" % (number + 0x1000),
        "activation_id": ID,
        "operation": operation,
        "holder": HOLDER,
        "host": EVIDENCE,
        "host_label": "Schreibtisch Süd",
        "store": {"id": "5a" * 16, "generation": 17},
        "epoch": 1 if about_record else None,
        "record": RECORD if about_record else None,
        "unanswered": unanswered,
        "device_key": public(DEVICE),
        "fresh_key": public(FRESH) if fresh else None,
        "client": "lm 0.1.0",
    }


ABOUT = {"fulfillment_id": FULFILLMENT, "generation": 4}
REQUESTS = {
    "activate": (request(1, {"activate": {"seats": 1}}, about_record=False), [DEVICE]),
    "re-attach": (request(2, {"activate": {"seats": 3}}, fresh=True), [DEVICE, FRESH]),
    "more seats": (request(3, {"more_seats": {"seats": 5, **ABOUT}}), [DEVICE]),
    "abandon": (request(4, {"abandon": {"activate": "%032x" % 1}}, about_record=False), [DEVICE]),
    "return of some": (request(5, {"return": {"seats": 2, **ABOUT}}, unanswered="%032x" % 3), [DEVICE]),
    "return of all": (request(6, {"return": {"seats": 0, **ABOUT}}), [DEVICE]),
    "refresh": (request(7, {"refresh": ABOUT}), [DEVICE]),
    "repair": (request(8, {"repair": ABOUT}), [DEVICE]),
}


def answer(to, verdict, fulfillment=FULFILLMENT, generation=5):
    asked, _ = REQUESTS[to]
    return {
        "vendor": VENDOR,
        "product": PRODUCT,
        "op": asked["op"],
        "nonce": asked["nonce"],
        "activation_id": ID,
        "host_id": host_id(EVIDENCE),
        "fulfillment_id": fulfillment,
        "generation": generation if fulfillment else 0,
        "time": NOW,
        "epoch": 1,
        "store_generation": 17,
        "verdict": verdict,
    }


def granted(to, generation, device=DEVICE):
    asked, _ = REQUESTS[to]
    return {"granted": {"record": envelope("record", record(generation, asked["op"], device), [ONLINE])}}


def denied(refusal, retry_at=0, detail=""):
    return {"denied": {"refusal": refusal, "retry_at": retry_at, "detail": detail}}


HOLDERS = compact({"seats": 1, "holders": [{"host_id": "H-0", "host_label": "a \"desk\"", "seats": 1}]})
REFUSALS = (
    "id_unknown id_inactive no_seats wrong_product wrong_kind expired not_yet_valid host_refused host_mismatch "
    "return_limit rehost_limit repair_limit offline_refused abandoned portal_restored too_many_seats"
).split()
REASONS = "retired rehosted returned reclaimed held_elsewhere".split()
ANSWERS = [
    ("activate", answer("activate", granted("activate", 1), generation=1)),
    ("re-attach", answer("re-attach", granted("re-attach", 5, FRESH))),
    ("more seats", answer("more seats", granted("more seats", 5))),
    ("abandon", answer("abandon", "abandoned", None)),
    ("return of some", answer("return of some", granted("return of some", 5))),
    ("return of all", answer("return of all", "returned", generation=4)),
    ("refresh", answer("refresh", granted("refresh", 5))),
    ("refresh", answer("refresh", "stale", generation=9)),
    ("repair", answer("repair", granted("repair", 5))),
    ("activate", answer("activate", denied("no_seats", 0, HOLDERS), None)),
    ("return of all", answer("return of all", denied("return_limit", NOW + DAY))),
    *[("activate", answer("activate", denied(refusal), None)) for refusal in REFUSALS],
    *[("refresh", answer("refresh", {"obsolete": {"reason": reason}}, generation=4)) for reason in REASONS],
]
TIME_NONCE = "ee" * 16
TIME = {"vendor": VENDOR, "nonce": TIME_NONCE, "time": NOW}


def answer_name(to, message):
    verdict = message["verdict"]
    word = verdict if isinstance(verdict, str) else next(iter(verdict))
    why = "" if isinstance(verdict, str) else verdict[word].get("refusal") or verdict[word].get("reason") or ""
    return f"{to}: {word} {why}".strip()


# ---- Files -----------------------------------------------------------------------------------------------

def armored(word, head, content):
    data = compact(content).encode()
    text = b64(data)
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    check = hashlib.sha256(data).hexdigest()[:8]
    return "\n".join(
        [head, "", f"BEGIN LM LICENSE {word} 1", *lines, f"END LM LICENSE {word} 1 CHECK {check}", ""]
    )


def asked_line(what):
    return f"{PRODUCT}: {what} of ...{ID[-5:]} on Schreibtisch Süd ({host_id(EVIDENCE)})"


def request_file():
    entry = lambda name, **more: {"request": envelope("request", *REQUESTS[name]), **more}
    head = f"""\
lm license request to be answered by the licensing portal: 3 requests of Schreibtisch Süd
Whoever owns the licenses answers it: on the licensing portal's page "Offline", or by
    lm-portal offline answer THIS-FILE -o RESPONSE-FILE
The response is then applied on the machine:
    lm-administrator apply RESPONSE-FILE

  {asked_line("activate 1 seat")}
  {asked_line("return all seats")}
  {asked_line("repair the license")}"""
    content = {"requests": [entry("activate"), entry("return of all"), entry("repair", time_nonce=TIME_NONCE)]}
    return armored("REQUEST", head, content)


def response_file():
    head = f"""\
lm license response to be applied on the machine: {asked_line("repair the license")}: granted
On the machine:
    lm-administrator apply THIS-FILE
It is good for that machine and that request, once. The portal issues a lost one again."""
    message = answer("repair", granted("repair", 5))
    entry = {"answer": envelope("answer", message, [ONLINE]), "time": envelope("time", TIME, [ONLINE])}
    return armored("RESPONSE", head, {"keyset": envelope("keyset", keyset(), [ROOT]), "answers": [entry]})


# ---- What is not accepted --------------------------------------------------------------------------------

def refused():
    good = envelope("time", TIME, [ONLINE])
    swapped = good.replace(public(ONLINE), public(RETIRED))
    payload = json.loads(good)["payload"]
    other = b64(compact({**TIME, "time": NOW + 1}).encode())
    wide = envelope("time", {**TIME, "more": 1}, [ONLINE])
    return [
        {"name": "another payload under the signature", "error": "signature", "envelope": good.replace(payload, other)},
        {"name": "signed by a key that the keyset lacks", "error": "signature", "envelope": envelope("time", TIME, [FRESH])},
        {"name": "signed by a revoked key", "error": "signature", "envelope": envelope("time", TIME, [bytes([9]) * 32])},
        {"name": "signed after its key's time", "error": "signature", "envelope": envelope("time", TIME, [RETIRED])},
        {"name": "of another vendor", "error": "mismatch", "envelope": envelope("time", {**TIME, "vendor": "Aqua"}, [ONLINE])},
        {"name": "of a later version", "error": "version", "envelope": good.replace('{"lm":1,', '{"lm":2,')},
        {"name": "another message", "error": "malformed", "envelope": envelope("answer", TIME, [ONLINE])},
        {"name": "an unknown field", "error": "malformed", "envelope": wide},
        {"name": "cut off", "error": "malformed", "envelope": good[:-20]},
        {"name": "not a license message", "error": "malformed", "envelope": "<html>"},
        {"name": "the key beside a signature is a hint only", "error": "", "envelope": swapped},
    ]


# ---- Hosts: what the trees of tests/hosts come to, by hand -------------------------------------------------

ROOTS = {"system_uuid", "board_serial", "vm_generation"}
HOSTS = {
    "desktop": ("physical", ROOTS, {
        "machine_id": ["3d1219c7c4c5404aaa1f6d2a48adfda4"],
        "system_uuid": ["7c8f1e52-93a4-11eb-b6d3-a0369fe14c20"],
        "board_serial": ["210485930601277"],
        "disk": ["eui.002538b911b3c771", "s5gxng0r412345", "naa.5000c500c8a1b2c3",
                 "t10.ata wdc wd10ezex-00bn5a0 wd-wcc3f7kj1234"],
        "network": ["a0:36:9f:e1:4c:20", "00:1b:21:c4:77:0a"],
        "processor": ["amd ryzen 9 5950x 16-core processor"],
    }),
    "laptop": ("physical", ROOTS, {
        "machine_id": ["b7e1c02f9a344f0c8d0f4a5be3d29911"],
        "system_uuid": ["2f64a6cc-3a57-11b2-a85c-f5e3d8a1b0c4"],
        "board_serial": ["l1hf15n02xz"],
        "disk": ["eui.e8238fa6bf530001001b448b4a1c9d3e", "21193g802345"],
        "network": ["8c:8d:28:3f:a1:05"],
        "processor": ["11th gen intel(r) core(tm) i7-1185g7 @ 3.00ghz"],
    }),
    "server": ("physical", ROOTS, {
        "machine_id": ["51ad0c9f6f8e4d70b1d26f0c8a77e3b2"],
        "system_uuid": ["4c4c4544-0042-3510-8052-b4c04f4d3332"],
        "board_serial": [".b5mr332.cnivc0017a0bz1."],
        "disk": ["eui.36434830526003890025384500000001", "s6chna0r600389",
                 "naa.6d0946600b7a1c002a6f3e5d1c2b4a59"],
        "network": ["b4:96:91:d0:11:f0", "b4:96:91:d0:11:f1"],
        "processor": ["intel(r) xeon(r) gold 6338 cpu @ 2.00ghz"],
    }),
    "vm": ("virtual", ROOTS, {
        "machine_id": ["0c2f64be51d34c6f9c07f2d8b9f3a611"],
        "system_uuid": ["e8f0b1a6-9d3c-4b57-8f61-20c5d4e7a933"],
        "disk": ["5f1d0b6c-7a2e-4c49-9"],
        "network": ["52:54:00:6b:3c:58"],
        "processor": ["intel xeon processor (icelake)"],
        "vm_generation": [b"generation-no-01".hex()],
    }),
    "container": ("container", ROOTS, {
        "machine_id": ["9b1a7d3c5e0f4b2a8c6d1e7f3a5b9c0d"],
        "system_uuid": ["5a1c0000-7d2e-11ec-8000-3cecef8a9b02"],
        "board_serial": ["wm21bs601234"],
        "disk": ["eui.000000000000000100a0752231c8f7d1", "2131331c8f7d"],
        "processor": ["amd epyc 7543 32-core processor"],
    }),
    # Its board's serial number is the device tree's, which everyone may read.
    "board": ("physical", set(), {
        "machine_id": ["e4d909c290d0fb1ca068ffaddf22cbd0"],
        "board_serial": ["10000000f1e2d3c4"],
        "disk": ["0x5d1e7f2a"],
        "network": ["dc:a6:32:1f:90:4b"],
        "processor": ["arm 0x41 0xd08"],
    }),
}


def host(machine, values):
    factors = [
        {"kind": kind, "values": sorted(factor_hash(kind, value) for value in values[kind])} for kind in values
    ]
    evidence = {"machine": machine, "factors": factors}
    return {"evidence": evidence, "host_id": host_id(evidence)}


def hosts():
    return {
        name: {
            "root": host(machine, values),
            "everyone": host(machine, {kind: values[kind] for kind in values if kind not in roots}),
        }
        for name, (machine, roots, values) in HOSTS.items()
    }


def files():
    pretty = lambda value: json.dumps(value, indent=1, ensure_ascii=False) + "\n"
    ids = [bytes(range(10)), bytes(10), b"\xff" * 10, bytes.fromhex("0123456789abcdef0123")]
    hashes = [["machine_id", "0123456789abcdef"], ["disk", "S1"], ["network", "02:00:5e:10:00:01"], ["user", "1000"]]
    names = {
        "trust_root": {"vendor": VENDOR, "root_seed": ROOT.hex(), "salt": SALT.hex(), "line": trust_root()},
        "activation_ids": [{"random": random.hex(), "text": activation_id(random)} for random in ids],
        "factors": [{"kind": kind, "raw": raw, "hash": factor_hash(kind, raw)} for kind, raw in hashes],
        "host": {"evidence": EVIDENCE, "host_id": host_id(EVIDENCE)},
    }
    exchange = {
        "post": compact({"request": envelope("request", *REQUESTS["activate"]), "time_nonce": TIME_NONCE}),
        "reply": compact(
            {
                "answer": envelope("answer", ANSWERS[0][1], [ONLINE]),
                "keyset": envelope("keyset", keyset(), [ROOT]),
                "time": envelope("time", TIME, [ONLINE]),
            }
        ),
    }
    answers = [
        {**vector(answer_name(to, message), "answer", message, [ONLINE]), "answers": to} for to, message in ANSWERS
    ]
    return {
        "names.json": pretty(names),
        "keyset.json": pretty([vector("keyset", "keyset", keyset(), [ROOT])]),
        "requests.json": pretty([vector(name, "request", *asked) for name, asked in REQUESTS.items()]),
        "record.json": pretty([vector("record", "record", record(), [ONLINE])]),
        "answers.json": pretty(answers),
        "time.json": pretty([vector("time", "time", TIME, [ONLINE])]),
        "exchange.json": pretty(exchange),
        "refused.json": pretty(refused()),
        "hosts.json": pretty(hosts()),
        "request-file.txt": request_file(),
        "response-file.txt": response_file(),
    }


def main():
    check = sys.argv[1:] == ["--check"]
    differing = 0
    for name, text in files().items():
        path = HERE / name
        if check:
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                print(f"{name} differs")
                differing += 1
        else:
            path.write_text(text, encoding="utf-8", newline="\n")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
