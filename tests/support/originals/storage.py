"""Objects and raws of a folder of the Python module `storage`, read as that module reads them.

Written from the description of the format, not from the engine: what the two agree about is
likely to be right. A file that the module can not load gives the exception that it would raise.
"""

import hashlib
import json
import os

from values import Reference, encode

RESERVED = ("oid", "type", "updates")


class Folder:
    """One root, with the classes of a schema (schema.json)."""

    def __init__(self, root, schema):
        self.root = root
        self.classes = schema["objects"]
        self.raws = schema["raw"]
        self.names = {item["type"]: name for name, item in self.classes.items()}
        self.raw_names = {item["type"]: name for name, item in self.raws.items()}
        self.loading = []

    # --- keys and paths ---

    def keys(self):
        """Every key: each file that ends in .json, wherever it is, in order."""
        found = []
        for folder, _, files in os.walk(os.fsencode(self.root)):
            for name in files:
                if name.endswith(b".json"):
                    path = os.path.relpath(os.path.join(folder, name), os.fsencode(self.root))
                    found.append(os.fsdecode(path[: -len(".json")]).replace("/", "."))
        return sorted(found)

    def path(self, key, extension=".json"):
        return os.path.join(self.root, key.replace(".", "/") + extension)

    def owner(self, key):
        """What a key belongs to: (class, oid) with raw or not, or None."""
        for table, raw in ((self.classes, False), (self.raws, True)):
            best = None
            for name, item in table.items():
                prefix = item.get("collection", name) + "."
                if key.startswith(prefix) and (best is None or len(prefix) > len(best[1])):
                    best = (name, prefix)
            if best:
                oid = key[len(best[1]) :]
                if raw and oid.endswith(".meta"):
                    return best[0], oid[: -len(".meta")], True
                return best[0], oid, raw
        return None

    def has(self, name, oid):
        return os.path.exists(self.path(f"{self.classes[name].get('collection', name)}.{oid}"))

    # --- objects ---

    def load(self, name, oid):
        """An object as the dictionary that expected.json has, or None; raises what Python raises."""
        key = f"{self.classes[name].get('collection', name)}.{oid}"
        if key in self.loading:
            raise RecursionError(f"{key} leads to itself")
        self.loading.append(key)
        try:
            with open(self.path(key), "rb") as file:
                return self.restore(json.loads(file.read()), name)
        finally:
            self.loading.pop()

    def restore(self, data, name=None):
        """An object of its export."""
        if data is None:
            return None
        assert isinstance(data, dict), "an object is a map"
        oid, type_name = data["oid"], data["type"]
        if type_name not in self.names:
            raise Exception(f"class {type_name} has not been registered")
        name = self.names[type_name]
        schema = self.classes[name]
        result = {"oid": oid, "properties": {}, "relations": {}, "updates": {}}
        for member, value in data.items():
            if member in schema["properties"]:
                if value is not None:
                    result["properties"][member] = encode(self.property(value))
            elif member in schema["relations"]:
                targets = self.relation(value)
                if targets:
                    result["relations"][member] = targets
            elif member not in RESERVED:
                raise ValueError(f"{name} has no property {member}")
        result["updates"] = updates(data)
        return result

    def property(self, value):
        """A map with type and oid is a reference to an object."""
        if not isinstance(value, dict) or "type" not in value or "oid" not in value:
            return value
        if "." not in value["type"]:
            raise ValueError(f"{value['type']} is not the name of a type")
        return Reference(value["type"], value["oid"])

    def relation(self, value):
        """Targets of a relation, each of which is loaded with all that it leads to."""
        elements = [value] if isinstance(value, dict) else value
        if not isinstance(elements, list):
            raise ValueError("a relation is a list")
        return [self.target(element) for element in elements]

    def target(self, element):
        if not isinstance(element, dict) or "type" not in element or "oid" not in element:
            raise ValueError("a relation leads to maps with type and oid")
        type_name, oid = element["type"], element["oid"]
        if type_name in self.raw_names:
            return [type_name, oid]
        if type_name not in self.names:
            raise Exception(f"class {type_name} has not been registered")
        if self.has(self.names[type_name], oid):
            self.load(self.names[type_name], oid)
        else:
            self.restore(element)
        return [type_name, oid]

    # --- raws ---

    def load_raw(self, name, oid):
        key = f"{name}.{oid}"
        with open(self.path(key + ".meta"), "rb") as file:
            data = json.loads(file.read())
        assert isinstance(data, dict), "metadata is a map"
        assert data["type"] == self.raws[name]["type"], "a raw of another class"
        blob = self.path(key + ".data", ".blob")
        content = b""
        if os.path.exists(blob):
            with open(blob, "rb") as file:
                content = file.read()
        return {
            "has_data": os.path.exists(blob),
            "meta": {word: encode(item) for word, item in data.items() if word not in RESERVED},
            "oid": data["oid"],
            "sha256": hashlib.sha256(content).hexdigest(),
            "size": len(content),
            "updates": updates(data),
        }

    # --- all of it ---

    def dump(self):
        result = {"objects": {}, "raw": {}}
        for key in self.keys():
            owner = self.owner(key)
            assert owner, f"{key}.json belongs to no class"
            name, oid, raw = owner
            try:
                value = self.load_raw(name, oid) if raw else self.load(name, oid)
            except Exception as error:
                value = {"$error": type(error).__name__}
            result["raw" if raw else "objects"].setdefault(name, {})[oid] = value
        return result


def updates(data):
    """Update times, as text."""
    stamps = data.get("updates", {"oid": 0})
    for member, stamp in stamps.items():
        if not isinstance(stamp, int) or isinstance(stamp, bool):
            raise TypeError(f"the update time of {member} is no integer")
    return {member: str(stamp) for member, stamp in stamps.items()}


# --- what may be written ---


def strict(root, schema):
    """What is not written as it must be, a sentence each."""
    folder = Folder(root, schema)
    for key in folder.keys():
        path = folder.path(key)
        owner = folder.owner(key)
        if not owner:
            yield f"{path}: a file that Python takes for an object"
            continue
        name, oid, raw = owner
        with open(path, "rb") as file:
            text = file.read()
        try:
            data = json.loads(text)
        except ValueError as error:
            yield f"{path}: {error}"
            continue
        wanted = json.dumps(data).encode()
        if text != wanted:
            yield f"{path}: expected {wanted[:200]}, found {text[:200]}"
        yield from strict_members(path, data, oid, folder.raws[name] if raw else folder.classes[name])


def strict_members(path, data, oid, schema):
    """Members, their order and the forms of relations."""
    if list(data)[:3] != list(RESERVED):
        yield f"{path}: begins with {list(data)[:3]}, not with oid, type and updates"
        return
    if not isinstance(data["oid"], str):
        yield f"{path}: an oid is text"
    if data["type"] != schema["type"]:
        yield f"{path}: expected type {schema['type']}, found {data['type']}"
    for member, stamp in data["updates"].items():
        if type(stamp) is not int or stamp < 0:
            yield f"{path}: the update time of {member} is {stamp!r}"
    if "properties" not in schema:
        return
    known = list(schema["properties"]) + list(schema["relations"])
    present = [member for member in list(data)[3:] if member in known]
    if present != sorted(present, key=known.index):
        yield f"{path}: members {present} are not in the order of the class"
    for member, value in data.items():
        if member in schema["properties"] and value is None:
            yield f"{path}: {member} is null, and should be absent"
    for member in schema["relations"]:
        if not isinstance(data.get(member), list):
            yield f"{path}: relation {member} is {data.get(member)!r}, not a list"
            continue
        for element in data[member]:
            if list(element) != ["oid", "type"]:
                yield f"{path}: an element of {member} has the members {list(element)}"
