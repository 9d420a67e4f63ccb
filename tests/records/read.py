#!/usr/bin/env python3
"""Opens the stores of all releases by nothing but docs/storage-format.md and Python's `cryptography`.

Offsets, lengths and limits are taken from the page's tables, so a number that is wrong there shows here.

    python3 tests/records/read.py             opens them and compares with store.json
    python3 tests/records/read.py --planted   with each number of the page wrong in turn: each must show
"""

import hashlib
import json
import pathlib
import re
import sys

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

HERE = pathlib.Path(__file__).parent
PAGE = HERE.parent.parent / "docs" / "storage-format.md"


class Wrong(Exception):
    pass


def need(holds, what):
    if not holds:
        raise Wrong(what)


# ---- The page --------------------------------------------------------------------------------------------

def tables(text):
    """Each table with numbers: {title of its columns: [rows]}, in the page's order."""
    found, rows = [], None
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")] if line.startswith("|") else None
        if cells is None:
            rows = None
        elif rows is None:
            rows = []
            found.append((cells, rows))
        elif not set("".join(cells)) <= set("-"):
            rows.append(cells)
    return found


def total(text):
    """A sum of numbers; None where it names something else."""
    parts = text.split(" + ")
    return sum(map(int, parts)) if all(part.isdigit() for part in parts) else None


class Page:
    def __init__(self, text):
        layouts = [rows for head, rows in tables(text) if head[0] == "offset"]
        numbers = [rows for head, rows in tables(text) if head[:2] == ["name", "number"]]
        need(len(layouts) == 3 and len(numbers) == 2, "the page's tables are not those that are read here")
        self.image, self.inside, self.anchor = (
            {row[2]: (row[0], row[1], row[3].strip("`")) for row in layout} for layout in layouts
        )
        for layout in layouts:
            for before, row in zip(layout, layout[1:]):
                start = before[0] if before[1] == "0" else f"{before[0]} + {before[1]}"
                follows = start == row[0] or total(start) == total(row[0]) is not None
                need(follows, f"{row[2]} doesn't follow {before[2]}")
        self.numbers = {row[0]: int(row[1]) for table in numbers for row in table}


def numbers_of(text):
    """Where the page's tables have numbers that are read here."""
    places, counts = [], False
    for line in re.finditer(r"^.*$", text, re.MULTILINE):
        row = line.group()
        if not row.startswith("|"):
            counts = False
        elif row.startswith("| offset | length") or row.startswith("| name | number"):
            counts = True
        elif counts and not row.startswith("|---"):
            cells = "|".join(row.split("|")[:3])
            places += [line.start() + digits.start() for digits in re.finditer(r"\d+", cells)]
    return places


def field(data, layout, name, **known):
    """The bytes of a field; its offset and length may name other fields."""
    offset, length, _ = layout[name]

    def value(text):
        return sum(int(part) if part.isdigit() else known[part.replace(" ", "_")] for part in text.split(" + "))

    start, size = value(offset), value(length)
    need(start + size <= len(data), f"{name} ends behind the end")
    return data[start : start + size]


def number(data, signed=False):
    return int.from_bytes(data, "little", signed=signed)


def framed(*texts):
    return b"".join(len(text.encode()).to_bytes(8, "little") + text.encode() for text in texts)


def key(salt, secret, info):
    return AESGCM(HKDF(algorithm=SHA256(), length=32, salt=salt, info=info).derive(secret))


# ---- A store ---------------------------------------------------------------------------------------------

def open_image(page, data, shown):
    def get(name, **known):
        return field(data, page.image, name, **known)

    need(get("magic").decode("latin-1") == page.image["magic"][2], "magic")
    need(number(get("format")) == shown["format"] == int(page.image["format"][2]), "format")
    need(number(get("oldest reader")) == 1, "oldest reader")
    check = get("check")
    checked = int(page.image["check"][0])
    need(check == hashlib.sha256(data[:checked]).digest()[: len(check)], "check")
    need(checked + len(check) == int(page.image["salt"][0]), "nothing stands between check and salt")
    need(get("store ID").hex() == shown["store_id"], "store ID")
    need(number(get("generation")) == shown["generation"], "generation")
    need(number(get("sealing kind")) == 1, "sealing kind")
    known = {"wrapped_length": number(get("wrapped length")), "sealed_length": number(get("sealed length"))}
    wrapped, sealed = get("wrapped key", **known), get("sealed", **known)
    start = data.index(sealed)
    need(not any(data[start + len(sealed) :]), "zeros to the end")
    low, high = page.numbers["file_min"], page.numbers["image_max"]
    need(len(data) == max(low, 1 << (start + len(sealed) - 1).bit_length()) <= high, "length of the file")
    need(high == 1 << 20 and page.numbers["contents_max"] == high - 4096, "limits")
    wrapping = key(b"lm storage wrap 1", framed(shown["vendor"], shown["product"]), b"")
    master = wrapping.decrypt(wrapped[:12], wrapped[12:], None)
    generation = shown["generation"].to_bytes(8, "little")
    commit = key(get("salt"), master, b"lm storage image 1" + generation)
    return commit.decrypt(bytes(12), sealed, data[:start])


def read_inside(page, plain, shown):
    def get(name):
        return field(plain, page.inside, name)

    own = number(get("own length"))
    end = sum(int(part) for part in page.inside["birth of b"][:2])
    need(own == end - len(get("own length")), "own length")
    need(number(get("first")) in (0, 1), "first")
    for name, inode in (("a", 11), ("b", 12)):
        need(number(get(f"device of {name}")) == 0x801, f"device of {name}")
        need(number(get(f"inode of {name}")) == inode, f"inode of {name}")
        need(number(get(f"birth of {name}"), signed=True) == 1_700_000_000_123_456_789, f"birth of {name}")
    rest, sections, last = plain[end:], {}, -1
    count, rest = number(rest[:4]), rest[4:]
    for _ in range(count):
        tag, length = number(rest[:4]), number(rest[4:8])
        need(tag > last, "the tags rise")
        sections[tag], rest, last = rest[8 : 8 + length], rest[8 + length :], tag
    need(not rest, "nothing behind the last section")
    need(sections[shown["unknown"][0]].hex() == shown["unknown"][1], "the section that nobody knows")
    return json.loads(sections[1])


def read_client(state, shown, text):
    names = [row[0].strip("`") for head, rows in tables(text) if head[0] == "field" for row in rows]
    need(sorted(names) == sorted(state), "the fields of the client's section")
    fields = re.findall(r"`(\w+)`", text.split("An entry: ")[1].split("A\npending")[0])
    held = {entry["activation_id"]: entry for entry in state["entries"]}
    need(sorted(held) == [row["activation_id"] for row in shown["records"]], "the entries")
    for row in shown["records"]:
        entry = held[row["activation_id"]]
        need(sorted(entry) == sorted(fields), f"the fields of an entry: {sorted(entry)}, {sorted(fields)}")
        need(json.loads(entry["record"])["type"] == "record", "a record")
        need((entry["pending"] is not None) == (row["state"] == "PENDING_RETURN"), "what is pending")


def read_anchor(page, path, shown):
    name = framed("lm anchor 1", shown["vendor"], shown["product"], "user") + b"/golden/store"
    need(path.name == hashlib.sha256(name).hexdigest()[:32], "the anchor's name")
    data, slot = path.read_bytes(), page.numbers["slot"]
    need(len(data) == slot * page.numbers["slots"], "the anchor's length")
    found = []
    for at in range(0, len(data), slot):
        part = data[at : at + slot]
        get = lambda name: field(part, page.anchor, name)
        checked = int(page.anchor["check"][0])
        need(get("magic").decode("latin-1") == page.anchor["magic"][2], "the anchor's magic")
        need(get("check") == hashlib.sha256(part[:checked]).digest(), "the anchor's check")
        need(not any(part[checked + len(get("check")) :]), "zeros to the slot's end")
        found.append((number(get("sequence")), number(get("generation")), number(get("flags")), get("store ID").hex()))
    sequence, generation, flags, store = max(found)
    need(sequence - min(found)[0] == 1, "the slots are written in turn")
    need((generation, flags, store) == (shown["generation"], 0, shown["store_id"]), "what the anchor says")


def read_release(folder, text):
    page = Page(text)
    shown = json.loads((folder / "store.json").read_text())
    for name in "ab":
        plain = open_image(page, (folder / "store" / name).read_bytes(), shown)
        read_client(read_inside(page, plain, shown), shown, text)
    (anchor,) = (folder / "anchors").iterdir()
    read_anchor(page, anchor, shown)


def main():
    text = PAGE.read_text(encoding="utf-8")
    releases = sorted(path for path in HERE.iterdir() if path.is_dir())
    need(releases, "no release")
    for folder in releases:
        read_release(folder, text)
        print(f"{folder.name} opens as the page says")
    if sys.argv[1:] != ["--planted"]:
        return 0
    overlooked, places = [], numbers_of(text)
    for at in places:
        wrong = text[:at] + str((int(text[at]) + 1) % 10) + text[at + 1 :]
        try:
            read_release(releases[-1], wrong)
            overlooked.append(text[text.rindex("\n", 0, at) + 1 : text.index("\n", at)])
        except Exception:
            pass
    print(f"{len(places)} cases: a wrong number of the page, {len(overlooked)} overlooked")
    for row in overlooked:
        print(f"  {row}")
    return 1 if overlooked else 0


if __name__ == "__main__":
    sys.exit(main())
