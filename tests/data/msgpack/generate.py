#!/usr/bin/env python3
"""Writes the msgpack corpus: good-* must be read, should-fail-* must be refused.

The files are checked in; run this in its folder after changing it. A name says what the file is about.
"""

files = {}


def good(name, *parts):
    add("good-" + name, parts)


def bad(name, *parts):
    add("should-fail-" + name, parts)


def add(name, parts):
    data = b"".join(bytes.fromhex(p) if isinstance(p, str) else p for p in parts)
    assert name not in files, name
    files[name] = data


def be(value, size):
    return value.to_bytes(size, "big")


# Every form of every type
good("nil", "c0")
good("booleans", "92 c2 c3")
good("fixint", "94 00 7f e0 ff")
good("uint8", "92 cc 80 cc ff")
good("uint16", "92 cd 01 00 cd ff ff")
good("uint32", "92 ce 00 01 00 00 ce ff ff ff ff")
good("uint64", "92 cf 00 00 00 01 00 00 00 00 cf ff ff ff ff ff ff ff ff")
good("uint64-2-63", "cf 80 00 00 00 00 00 00 00")
good("int8", "92 d0 80 d0 df")
good("int16", "92 d1 80 00 d1 ff 7f")
good("int32", "92 d2 80 00 00 00 d2 ff ff 7f ff")
good("int64", "92 d3 80 00 00 00 00 00 00 00 d3 ff ff ff ff 7f ff ff ff")
good("int-not-shortest", "96 cc 05 cd 00 05 ce 00 00 00 05 cf 00 00 00 00 00 00 00 05 d0 05 d3 00 00 00 00 00 00 00 05")
good("float32", "93 ca 3f 80 00 00 ca 7f 80 00 00 ca 00 00 00 01")
good("float64", "93 cb 3f f0 00 00 00 00 00 00 cb 80 00 00 00 00 00 00 00 cb 00 00 00 00 00 00 00 01")
good("float-nan", "93 cb 7f f8 00 00 00 00 00 00 cb ff f8 00 00 00 00 00 01 ca 7f c0 00 00")
good("float-infinite", "92 cb 7f f0 00 00 00 00 00 00 cb ff f0 00 00 00 00 00 00")
good("fixstr", "93 a0 a1 61 bf", b"x" * 31)
good("str8", "92 d9 20", b"x" * 32, "d9 00")
good("str16", "da 01 00", b"x" * 256)
good("str32", "db 00 01 00 00", b"x" * 65536)
good("str-utf8", "a9 c3a9 e282ac f09f9880")
good("str-nul", "a1 00")
good("bin8", "92 c4 00 c4 02 ff 00")
good("bin16", "c5 01 00", b"\xff" * 256)
good("bin32", "c6 00 01 00 00", b"\xfe" * 65536)
good("fixext", "95 d4 01 aa d5 02 aabb d6 03 aabbccdd d7 04", b"8" * 8, "d8 05", b"6" * 16)
good("ext8", "92 c7 00 05 c7 03 80 aabbcc")
good("ext16", "c8 01 00 07", b"e" * 256)
good("ext32", "c9 00 01 00 00 f9", b"E" * 65536)
good("ext-timestamp", "d6 ff 67 40 00 00")
good("ext-bigint", "c7 14 4e", b"18446744073709551616")
good("ext-bigint-negative", "c7 14 4e", b"-9223372036854775809")
good("ext-bigint-fits", "c7 03 4e", b"123")
good("ext-bigint-other-digits", "c7 15 4e", b"018446744073709551616")
good("ext-bigint-letters", "c7 02 4e", b"xy")
good("ext-bigint-empty", "c7 00 4e")
good("fixarray", "92 90 91 90")
good("array16", "dc 00 10", b"\x01" * 16)
good("array32", "dd 00 01 00 00", b"\x01" * 65536)
good("array-not-shortest", "92 dc 00 01 c0 dd 00 00 00 00")
good("fixmap", "82 a1 61 01 a1 62 80")
good("map16", "de 00 10", b"".join(b"\xa1" + bytes([97 + i, i]) for i in range(16)))
good("map32", "df 00 01 00 00", b"".join(b"\xce" + be(i, 4) + b"\xc0" for i in range(65536)))
good("map-not-shortest", "df 00 00 00 01 a1 61 de 00 00")
good("map-keys", "88 01 c0 cb 3ff0000000000000 c0 a1 31 c0 c3 c0 c0 c0 c4 01 31 c0 91 01 c0 80 c0")
good("map-keys-nested", "82 81 81 01 02 03 04 81 81 01 03 03 04")
good("map-words", "84 a4", b"$bin", "01 a4", b"$ext", "02 a4", b"$map", "03 a6", b"$float", "04")
good("map-one-word", "94 81 a4", b"$bin", "01 81 a4", b"$ext", "02 81 a4", b"$map", "03 81 a6", b"$float", "04")
good("map-two-words", "82 a4", b"$bin", "01 a4", b"$ext", "02")
good("depth-490-arrays", b"\x91" * 489, "90")
good("depth-490-maps", b"\x81\xa1\x61" * 489, "80")
good("depth-490-map-keys", b"\x81" * 489, "80", b"\x01" * 489)
good("depth-490-integer-keys", b"\x81\x05" * 489, "80")

# Cut short
bad("empty")
for name, data in [
    ("uint8", "cc"), ("uint16", "cd 01"), ("uint32", "ce 01 02 03"), ("uint64", "cf 01 02 03 04 05 06 07"),
    ("int8", "d0"), ("int16", "d1 01"), ("int32", "d2 01 02 03"), ("int64", "d3 01"),
    ("float32", "ca 01 02 03"), ("float64", "cb 01 02 03 04 05 06 07"),
    ("fixstr", "a5 61 62 63 64"), ("str8-head", "d9"), ("str8", "d9 05 61"), ("str16-head", "da 00"),
    ("str16", "da 00 02 61"), ("str32-head", "db 00 00 00"), ("str32", "db 00 00 00 02 61"),
    ("bin8-head", "c4"), ("bin8", "c4 01"), ("bin16-head", "c5 00"), ("bin16", "c5 00 01"),
    ("bin32-head", "c6 00 00 00"), ("bin32", "c6 00 00 00 01"),
    ("fixext1-head", "d4"), ("fixext1", "d4 01"), ("fixext2", "d5 01 02"), ("fixext4", "d6 01 02 03 04"),
    ("fixext8", "d7 01 02"), ("fixext16", "d8 01 02"),
    ("ext8-head", "c7 01"), ("ext8", "c7 01 05"), ("ext16-head", "c8 00 01"), ("ext16", "c8 00 01 05"),
    ("ext32-head", "c9 00 00 00 01"), ("ext32", "c9 00 00 00 01 05"),
    ("fixarray", "92 01"), ("array16-head", "dc 00"), ("array16", "dc 00 02 01"),
    ("array32-head", "dd 00 00 00"), ("array32", "dd 00 00 00 02 01"),
    ("fixmap", "81"), ("fixmap-key", "81 a1 61"), ("map16-head", "de 00"), ("map16", "de 00 01 01"),
    ("map32-head", "df 00 00"), ("map32", "df 00 00 00 01 01"), ("nested", "92 91 91 91 c0"),
    ("second-of-map", "82 a1 61 01 a1 62"),
]:
    bad("cut-" + name, data)

# Lengths that lie
bad("length-str32", "db ff ff ff ff 61")
bad("length-bin32", "c6 ff ff ff ff 61")
bad("length-ext32", "c9 ff ff ff ff 05 61")
bad("length-array32", "dd ff ff ff ff c0 c0")
bad("length-map32", "df ff ff ff ff c0 c0")
bad("length-map32-half", "df 80 00 00 00 c0 c0")
bad("length-array32-nested", "dd ff ff ff ff dd ff ff ff ff dd ff ff ff ff")
bad("length-array16", "dc ff ff 01 02 03")
bad("length-map16", "de ff ff 01 02 03")
bad("length-map-odd", "82 01 02 03")

# Bytes that are no value
bad("c1", "c1")
bad("c1-in-array", "92 01 c1")
bad("c1-as-key", "81 c1 01")
bad("trailing", "c0 c0")
bad("trailing-after-map", "81 a1 61 01 00")
bad("trailing-nul", "80 00")
bad("json", b'{"a":1}')

# Strings
for name, data in [
    ("tail", "a1 80"), ("ff", "a1 ff"), ("overlong", "a2 c0 af"), ("overlong-three", "a3 e0 80 af"),
    ("overlong-four", "a4 f0 80 80 af"), ("surrogate", "a3 ed a0 80"), ("over", "a4 f4 90 80 80"),
    ("cut-two", "a1 c3"), ("cut-three", "a2 e2 82"), ("cut-four", "a3 f0 9f 98"), ("in-key", "81 a1 ff 01"),
    ("after-ascii", "aa 61616161 61616161 61 ff"), ("in-encoded-key", "81 91 a1 ff 01"),
]:
    bad("utf8-" + name, data)

# Duplicate keys
bad("duplicate-string", "82 a1 61 01 a1 61 02")
bad("duplicate-string-forms", "82 a1 61 01 d9 01 61 02")
bad("duplicate-integer", "82 05 01 05 02")
bad("duplicate-integer-forms", "82 05 01 cc 05 02")
bad("duplicate-integer-signs", "82 cf 00 00 00 00 00 00 00 05 01 d3 00 00 00 00 00 00 00 05 02")
bad("duplicate-float-forms", "82 ca 3f 80 00 00 01 cb 3f f0 00 00 00 00 00 00 02")
bad("duplicate-nan", "82 cb 7f f8 00 00 00 00 00 00 01 cb ff f8 00 00 00 00 00 01 02")
bad("duplicate-nil", "82 c0 01 c0 02")
bad("duplicate-bin", "82 c4 01 61 01 c5 00 01 61 02")
bad("duplicate-array", "82 91 01 01 dc 00 01 cc 01 02")
bad("duplicate-map-key", "82 81 a1 61 01 01 de 00 01 d9 01 61 cc 01 02")
bad("duplicate-in-key", "81 82 01 01 01 02 03")
bad("duplicate-nested", "81 a1 61 82 a1 62 01 a1 62 02")
bad("duplicate-of-many", "de 01 01", b"".join(b"\xcd" + be(i, 2) + b"\xc0" for i in range(256)), "cd 00 ff c0")
bad("duplicate-strings-of-many", "de 00 65",
    b"".join(b"\xa3" + b"%03d" % i + b"\xc0" for i in range(100)), "a3", b"099", "c0")

# Depth
bad("depth-491-arrays", b"\x91" * 490, "90")
bad("depth-491-maps", b"\x81\xa1\x61" * 490, "80")
bad("depth-491-map-keys", b"\x81" * 490, "80", b"\x01" * 490)
bad("depth-100000", b"\x91" * 100000)
bad("depth-100000-keys", b"\x81" * 100000)
bad("depth-100000-closed", b"\x91" * 100000, "c0")

if __name__ == "__main__":
    for name, data in files.items():
        with open(name + ".msgpack", "wb") as f:
            f.write(data)
    print(len(files), "files,", sum(n.startswith("good") for n in files), "good")
