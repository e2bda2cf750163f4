"""Classes of schema.json as definitions of storefs."""

FUNCTIONS = {"updatetime": "update_time"}


def definition(schema, name):
    """The definition of a class, with indexes whose keys are those that Python stores."""
    if name in schema["raw"]:
        return {"kind": "raw", "type": schema["raw"][name]["type"]}
    item = schema["objects"][name]
    return {
        "kind": "object",
        "validate": "off",
        "type": item["type"],
        "properties": item["properties"],
        "relations": {
            word: [relation["class"]] if relation["many"] else relation["class"]
            for word, relation in item["relations"].items()
        },
        "indexes": {word: index(text) for word, text in item["indexes"].items()},
    }


def index(text):
    """ "keywords:title,content" in the long form."""
    function, _, rest = text.partition(":")
    result = {"extract": FUNCTIONS.get(function, function), "compatible": True}
    if rest and function == "paths":
        result["separator"] = rest
    elif rest:
        result["from"] = rest.split(",")
    return result
