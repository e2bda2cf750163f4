"""Index files of the Python module `storage`: two for each index, by whatever library made them."""

import dbm.dumb
import dbm.gnu
import dbm.ndbm
import json
import os
import re

NAME = re.compile(r"^(?P<prefix>.*?)(?P<type>[^/]+)\.(?P<index>[^.]+)-fwd\.dbm")
LAST_UPDATE = "__index__.lastUpdate"


def read(path):
    """Pairs of one file, as JSON texts, in the order of the library."""
    if os.path.exists(path):
        with dbm.gnu.open(path, "r") as file:
            key, pairs = file.firstkey(), []
            while key is not None:
                pairs.append((key.decode(), file[key].decode()))
                key = file.nextkey(key)
            return pairs
    if os.path.exists(path + ".dat"):
        with dbm.dumb.open(path, "r") as file:
            return [(key.decode(), file[key].decode()) for key in file.keys()]
    if os.path.exists(path + ".db"):
        with dbm.ndbm.open(path, "r") as file:
            return [(key.decode(), file[key].decode()) for key in file.keys()]
    raise FileNotFoundError(path)


def dump(root, schema, exists):
    """All indexes of a folder in the form of expected.json; exists(class, oid) says what is there."""
    names = {item["type"]: name for name, item in schema["objects"].items()}
    result = {}
    for file in sorted(os.listdir(root)):
        match = NAME.match(file)
        if not match or match["type"] not in names:
            continue
        base = os.path.join(root, f"{match['type']}.{match['index']}")
        name = names[match["type"]]
        entry = one(base, name, exists)
        # A dump has its lists sorted: those of the files follow the order of saves, and that of sets.
        for part in ("forward", "backward", "restored"):
            entry[part] = {key: sorted(found, key=json.dumps) for key, found in entry[part].items()}
        result.setdefault(name, {})[match["index"]] = entry
    return result


def one(base, name, exists):
    forward = {key: json.loads(value) for key, value in read(base + "-fwd.dbm")}
    backward = {json.loads(key): json.loads(value) for key, value in read(base + "-bwd.dbm")}
    last_update = backward.pop(LAST_UPDATE, None)
    return {
        "backward": backward,
        "forward": forward,
        "lastUpdate": None if last_update is None else str(last_update),
        "restored": {
            key: [restored(signature, name, exists) for signature in signatures]
            for key, signatures in forward.items()
        },
    }


def restored(signature, name, exists):
    oid = signature.partition(".")[2]
    return oid if exists(name, oid) else None


def strict(root):
    """What is not written as it must be, a sentence each: both files say the same in JSON texts."""
    for file in sorted(os.listdir(root)):
        if not file.endswith("-fwd.dbm"):
            continue
        base = os.path.join(root, file[: -len("-fwd.dbm")])
        forward, backward = dict(read(base + "-fwd.dbm")), dict(read(base + "-bwd.dbm"))
        for text in [*forward, *forward.values(), *backward, *backward.values()]:
            if json.dumps(json.loads(text)) != text:
                yield f"{base}: {text} is not as Python writes it"
        if json.dumps(LAST_UPDATE) not in backward:
            yield f"{base}-bwd.dbm: has no {LAST_UPDATE}"
        pairs = set()
        for key, value in forward.items():
            pairs.update((key, signature) for signature in json.loads(value))
        for key, value in backward.items():
            if json.loads(key) != LAST_UPDATE:
                for item in json.loads(value):
                    pairs.discard((json.dumps(item), json.loads(key)))
        for key, signature in sorted(pairs):
            yield f"{base}: {key} leads to {signature}, which does not say so"
