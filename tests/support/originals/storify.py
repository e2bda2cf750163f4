"""Databases of a Storify folder, read as Storify reads them.

Written from the description of the format: the order in which main file and backups are
tried, models, the second reading for texts that are no UTF-8, keys that collide.
"""

import os

import msgpack

from values import Model, encode

# Nesting that Python's stack bears: a list takes two frames of it, a map one.
FRAMES = 991

RAW_MESSAGE = (
    "error: Failed to read database due to a UnicodeDecodeError. Attempting to read the database "
    "again with raw=True. Please ensure the database file is not corrupted or in an unsupported "
    "format."
)


class DatabaseLoadError(Exception):
    pass


class Database:
    """One database: its file, its backups, and what was said when it was loaded."""

    def __init__(self, path, backups, models):
        self.path = path
        self.backups_path = backups
        self.models = models
        self.log = []
        self.recovered_from = None

    def backups(self):
        """Numbers of the backups, ascending. A name that is no number breaks Storify."""
        try:
            return sorted(int(name) for name in os.listdir(self.backups_path))
        except FileNotFoundError:
            return []

    def load(self, root=None):
        if not os.path.exists(self.path):
            return {} if root is None else root
        candidates = [self.path]
        candidates += [os.path.join(self.backups_path, str(n)) for n in reversed(self.backups())]
        for path in candidates:
            try:
                with open(path, "rb") as file:
                    data = self.read(file.read())
            except (ValueError, RecursionError, msgpack.exceptions.UnpackException):
                continue
            self.recovered_from = None if path == self.path else os.path.basename(path)
            return data
        raise DatabaseLoadError("Could not load db:" + self.name())

    def name(self):
        return os.path.basename(self.path)[: -len(".mpack")]

    def read(self, image):
        """What a file means; raises when it means nothing."""
        try:
            data = msgpack.unpackb(image, raw=False, strict_map_key=True, object_hook=self.hook)
        except UnicodeDecodeError:
            self.log.append(RAW_MESSAGE)
            data = msgpack.unpackb(image, raw=True, strict_map_key=True)
        check_depth(data)
        return walk(data)

    def hook(self, value):
        """A map with the key of a model is an instance of it: the first registered one wins."""
        for name, keyname in self.models.items():
            if keyname not in value:
                continue
            try:
                return self.instance(name, value[keyname])
            except Exception as error:
                self.log.append(f"traceback: Failed to decode model: {value} with error: {error}")
                return value
        return value

    def instance(self, name, payload):
        """Pair is a class with a payload of its own, a list of two."""
        if name == "Pair":
            first, second = payload
            return Model(name, {"a": first, "b": second})
        return Model(name, dict(payload))


def check_depth(value):
    """RecursionError where Python's stack would end."""
    pending = [(value, 0)]
    while pending:
        item, frames = pending.pop()
        if isinstance(item, Model):
            continue
        if isinstance(item, (list, dict)):
            frames += 2 if isinstance(item, list) else 1
            if frames > FRAMES:
                raise RecursionError("nested too deep")
            items = item.values() if isinstance(item, dict) else item
            pending.extend((inner, frames) for inner in items)


def walk(value):
    """Bytes that are UTF-8 become text, everywhere but in models; keys always."""
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            return value
    if isinstance(value, list):
        return [walk(item) for item in value]
    if isinstance(value, dict):
        return walk_map(value)
    return value


def walk_map(value):
    """Of two keys that become one the later value wins, unless it is empty."""
    result = {}
    for key, item in value.items():
        key = key.decode("utf-8") if isinstance(key, bytes) else key
        item = walk(item)
        if key in result and isinstance(item, (str, bytes, list, dict)) and not item:
            continue
        result[key] = item
    return result


def names(root):
    """Databases of a folder: those with a file, and those with backups alone."""
    found = set()
    for folder, folders, files in os.walk(root):
        inside = os.path.relpath(folder, root)
        parts = [] if inside == "." else inside.split(os.sep)
        if parts[:1] == [".backups"]:
            if not folders and parts[1:]:
                found.add("/".join(parts[1:]))
            continue
        if parts[:1] == [".storefs"]:
            folders.clear()
            continue
        for name in files:
            if name.endswith(".mpack"):
                found.add("/".join(parts + [name[: -len(".mpack")]]))
    return sorted(found)


def models_of(schema):
    return {name: item["keyname"] for name, item in schema["models"].items()}


def open_database(root, name, schema):
    return Database(
        os.path.join(root, name + ".mpack"),
        os.path.join(root, ".backups", name),
        models_of(schema),
    )


def dump(root, schema):
    result = {}
    for name in names(root):
        database = open_database(root, name, schema)
        try:
            data = encode(database.load())
        except Exception as error:
            data = {"$error": type(error).__name__}
        result[name] = {"backups": database.backups(), "data": data, "log": database.log}
    return result


# --- what may be written ---


def strict(root, schema):
    """What is not written as Storify writes it, a sentence each."""
    for name in names(root):
        database = open_database(root, name, schema)
        images = [os.path.join(database.backups_path, str(n)) for n in database.backups()]
        if os.path.exists(database.path):
            images.append(database.path)
        if os.path.exists(database.path + ".tmp"):
            yield f"{database.path}.tmp: left behind"
        for path in images:
            with open(path, "rb") as file:
                image = file.read()
            wanted = repack(image)
            if image != wanted:
                yield f"{path}: expected {wanted[:100]}, found {image[:100]}"


def repack(image):
    """The image that Storify writes of the same values. Pairs keep what a map would merge."""
    unpacker = msgpack.Unpacker(
        raw=False, strict_map_key=False, object_pairs_hook=Pairs,
        unicode_errors="surrogateescape")
    unpacker.feed(image)
    value = unpacker.unpack()
    return pack(value)


class Pairs(list):
    pass


def pack(value):
    packer = msgpack.Packer(autoreset=False, strict_types=True, unicode_errors="surrogateescape")
    pack_into(packer, value)
    return packer.bytes()


def pack_into(packer, value):
    if type(value) is Pairs:
        packer.pack_map_header(len(value))
        for key, item in value:
            pack_into(packer, key)
            pack_into(packer, item)
    elif type(value) is list:
        packer.pack_array_header(len(value))
        for item in value:
            pack_into(packer, item)
    else:
        packer.pack(value)
