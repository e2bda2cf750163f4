#!/usr/bin/python3
"""Do the databases of a mount show what Storify read: view.py DUMP MOUNT [NAME/KEY that may differ...]"""

import base64
import json
import os
import sys


def bytes_of(hexadecimal):
    return base64.b64encode(bytes.fromhex(hexadecimal)).decode()


def timestamp(seconds, nanoseconds):
    if nanoseconds == 0 and 0 <= seconds < 1 << 32:
        return seconds.to_bytes(4, "big")
    if 0 <= seconds < 1 << 34:
        return (nanoseconds << 34 | seconds).to_bytes(8, "big")
    return nanoseconds.to_bytes(4, "big") + seconds.to_bytes(8, "big", signed=True)


def number(text):
    value = float(text)
    if value != value or value in (float("inf"), float("-inf")):
        return {"$float": text}
    return value


def view(form):
    """A value of a dump as its document."""
    if isinstance(form, list):
        return [view(item) for item in form]
    if not isinstance(form, dict):
        return form
    if "$int" in form:
        return int(form["$int"])
    if "$float" in form:
        return number(form["$float"])
    if "$bytes" in form:
        return {"$bin": bytes_of(form["$bytes"])}
    if "$ext" in form:
        return {"$ext": [form["$ext"][0], bytes_of(form["$ext"][1])]}
    if "$timestamp" in form:
        return {"$ext": [-1, base64.b64encode(timestamp(*map(int, form["$timestamp"]))).decode()]}
    if "$model" in form:
        return {f"__{form['$model']}__": view(form["attrs"])}
    if "$map" in form:
        return {key: view(value) for key, value in form["$map"]}
    return {key: view(value) for key, value in form.items()}


def text(value):
    return json.dumps(value, sort_keys=True)


def escape(key):
    return "".join(f"%{ord(c):02X}" if c in "/%" or ord(c) < 32 or ord(c) == 127 else c for c in key)


def items(data):
    root = view(data)
    if isinstance(root, dict):
        return root
    if isinstance(root, list):
        return {str(number): item for number, item in enumerate(root)}
    return {"value": root}


def main(dump, mount, *others):
    with open(dump, encoding="utf-8") as file:
        wanted = json.load(file)
    good = True
    for name, database in wanted.items():
        folder = os.path.join(mount, name.replace("/", "%2F"))
        if len(name) > 128:
            folder = [os.path.join(mount, entry) for entry in os.listdir(mount) if "~" in entry][0]
        found = {entry.name[:-5]: entry.path for entry in os.scandir(folder)}
        expected = items(database["data"])
        if len(found) != len(expected):
            print(f"{name}: {len(found)} keys, expected {len(expected)}")
            good = False
        # A dump has its keys sorted: the order of the file is not in it.
        for key, value in expected.items():
            path = found.get(escape(key))
            if not path:
                print(f"{name}/{key}: missing")
                good = False
                continue
            with open(path, encoding="utf-8") as file:
                got = json.load(file)
            if text(got) != text(value) and f"{name}/{key}" not in others:
                print(f"{name}/{key}: {got!r:.200}, expected {value!r:.200}")
                good = False
    return good


if __name__ == "__main__":
    sys.exit(0 if main(*sys.argv[1:]) else 1)
