"""Values as the two Python systems hold them, and their form in expected.json.

JSON has no way to say some of them; there they are objects with one key that begins with "$".
"""

import json
import math

import msgpack


class Model:
    """An instance of a model class: its class and its attributes."""

    def __init__(self, name, attributes):
        self.name = name
        self.attributes = attributes


class Reference:
    """A property that holds another object."""

    def __init__(self, type_name, oid):
        self.type_name = type_name
        self.oid = oid


def encode(value):
    """A value in the form of expected.json."""
    if value is None or isinstance(value, bool):
        return value
    for kind, form in FORMS:
        if isinstance(value, kind):
            return form(value)
    raise TypeError(f"{type(value).__name__} has no form")


def encode_int(value):
    return {"$int": str(value)} if abs(value) >= 2**53 else value


def encode_float(value):
    if math.isnan(value) or math.isinf(value) or value == int(value):
        return {"$float": repr(value)}
    return value


def encode_str(value):
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return {"$surr": [ord(c) for c in value]}
    return value


def encode_map(value):
    if all(isinstance(key, str) for key in value):
        return {key: encode(item) for key, item in value.items()}
    return {"$map": [[encode(key), encode(item)] for key, item in value.items()]}


FORMS = (
    (int, encode_int),
    (float, encode_float),
    (str, encode_str),
    (bytes, lambda value: {"$bytes": value.hex()}),
    (dict, encode_map),
    ((list, tuple), lambda value: [encode(item) for item in value]),
    (Model, lambda value: {"$model": value.name, "attrs": encode(value.attributes)}),
    (Reference, lambda value: {"$ref": [value.type_name, value.oid]}),
    # ExtType is a tuple as well: these two come from the classes below.
)


def encode_ext(value):
    return {"$ext": [value.code, value.data.hex()]}


def encode_timestamp(value):
    return {"$timestamp": [value.seconds, value.nanoseconds]}


FORMS = ((msgpack.ExtType, encode_ext), (msgpack.Timestamp, encode_timestamp)) + FORMS


def decode(form):
    """The value that a form of expected.json stands for."""
    if isinstance(form, list):
        return [decode(item) for item in form]
    if not isinstance(form, dict):
        return form
    if "$model" in form:
        return Model(form["$model"], decode(form["attrs"]))
    for word, make in MAKERS.items():
        if list(form) == [word]:
            return make(form[word])
    return {key: decode(item) for key, item in form.items()}


MAKERS = {
    "$int": int,
    "$float": float,
    "$bytes": bytes.fromhex,
    "$surr": lambda points: "".join(map(chr, points)),
    "$ref": lambda pair: Reference(*pair),
    "$map": lambda pairs: {decode(key): decode(item) for key, item in pairs},
    "$ext": lambda pair: msgpack.ExtType(pair[0], bytes.fromhex(pair[1])),
    "$timestamp": lambda pair: msgpack.Timestamp(*pair),
}


def differences(wanted, found, where=""):
    """Where two forms differ, a sentence each."""
    if type(wanted) is not type(found):
        yield f"{where}: expected {short(wanted)}, found {short(found)}"
    elif isinstance(wanted, dict):
        for key in list(wanted) + [key for key in found if key not in wanted]:
            if key not in found:
                yield f"{where}/{key}: expected {short(wanted[key])}, it is missing"
            elif key not in wanted:
                yield f"{where}/{key}: {short(found[key])} is too much"
            else:
                yield from differences(wanted[key], found[key], f"{where}/{key}")
    elif isinstance(wanted, list) and len(wanted) == len(found):
        for number, pair in enumerate(zip(wanted, found)):
            yield from differences(*pair, f"{where}/{number}")
    elif wanted != found:
        yield f"{where}: expected {short(wanted)}, found {short(found)}"


def short(value):
    text = json.dumps(value)
    return text if len(text) <= 120 else text[:117] + "..."
