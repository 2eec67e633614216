"""The published schemas (control/schema/): validators, and what they say about one place of a value."""

import json
import pathlib

import jsonschema

FOLDER = pathlib.Path(__file__).resolve().parents[3] / "control" / "schema"
ABSENT = object()


class Schemas:
    """document.json and requests.json, as one: what a reference names stands in its place. No schema here
    contains itself, and validating is several times faster than following references each time."""

    def __init__(self):
        self.files = {
            name: json.loads((FOLDER / name).read_text()) for name in ("document.json", "requests.json")}
        self._inlined = {}

    def validator(self, file, pointer=""):
        """Of a file, or of a definition in it: "/$defs/port.add"."""
        return self._validator({"$ref": f"#{pointer}"}, file)

    def _validator(self, schema, file):
        return jsonschema.Draft202012Validator(self._inline(schema, file))

    def _inline(self, schema, file):
        if isinstance(schema, list):
            return [self._inline(element, file) for element in schema]
        if not isinstance(schema, dict):
            return schema
        left_out = ("$ref", "$defs", "$id")
        inlined = {word: self._inline(it, file) for word, it in schema.items() if word not in left_out}
        if "$ref" in schema:
            target, its_file = self.resolve(schema["$ref"], file)
            if id(target) not in self._inlined:
                self._inlined[id(target)] = self._inline(target, its_file)
            inlined["allOf"] = [self._inlined[id(target)], *inlined.get("allOf", [])]
        return inlined

    def methods(self):
        return self.files["requests.json"]["$defs"]["request"]["properties"]["method"]["enum"]

    def parameters(self, method):
        return self.files["requests.json"]["$defs"][method]

    def resolve(self, reference, file):
        """(schema, its file)."""
        name, pointer = reference.split("#") if "#" in reference else (reference, "")
        schema = self.files[name or file]
        for key in pointer.split("/")[1:]:
            schema = schema[key]
        return schema, name or file

    def applied(self, schema, file, value):
        """The schema and all those that it lays over the value, as (schema, file). Of anyOf and oneOf all
        branches; of if, the one that holds."""
        if not isinstance(schema, dict):
            return
        yield schema, file
        if "$ref" in schema:
            yield from self.applied(*self.resolve(schema["$ref"], file), value)
        branches = [branch for word in ("allOf", "anyOf", "oneOf") for branch in schema.get(word, [])]
        if "if" in schema:
            branches.append(schema.get("then" if self._holds(schema["if"], file, value) else "else"))
        if isinstance(value, dict):
            branches += [
                branch for key, branch in schema.get("dependentSchemas", {}).items() if key in value]
        for branch in branches:
            yield from self.applied(branch, file, value)

    def _holds(self, schema, file, value):
        return self._validator(schema, file).is_valid(value)

    def places(self, schema, file, value, path=()):
        """(path, value there, schemas there) of the value and of all that is in it."""
        yield from self._places([(schema, file)], value, path)

    def _places(self, roots, value, path):
        schemas = [found for root in roots for found in self.applied(*root, value)]
        yield path, value, [schema for schema, _ in schemas]
        children = enumerate(value) if isinstance(value, list) else ()
        for key, child in value.items() if isinstance(value, dict) else children:
            inner = []
            for schema, file in schemas:
                word = "items" if isinstance(value, list) else "additionalProperties"
                if isinstance(value, dict) and key in schema.get("properties", {}):
                    inner.append((schema["properties"][key], file))
                elif word in schema:
                    inner.append((schema[word], file))
            yield from self._places(inner, child, (*path, key))

    def described(self, schema, file, seen):
        """All properties below the schema, whatever the value: (properties, name)."""
        if not isinstance(schema, dict) or id(schema) in seen:
            return
        seen.add(id(schema))
        for name, inner in schema.get("properties", {}).items():
            if isinstance(inner, dict) and "description" in inner:
                yield id(schema["properties"]), name
            yield from self.described(inner, file, seen)
        if "$ref" in schema:
            yield from self.described(*self.resolve(schema["$ref"], file), seen)
        words = ("then", "else", "items", "additionalProperties")
        branches = [schema[word] for word in words if word in schema]
        branches += [branch for word in ("allOf", "anyOf", "oneOf") for branch in schema.get(word, ())]
        for branch in (*branches, *schema.get("dependentSchemas", {}).values()):
            yield from self.described(branch, file, seen)


def at_the_edges(schemas):
    """Values that the schemas of one place name: the ends of ranges, one beyond, and all words."""
    for schema in schemas:
        for word, step in (("minimum", -1), ("maximum", 1)):
            if word in schema:
                yield from (schema[word], schema[word] + step)
        yield from schema.get("enum", [])
        if "const" in schema:
            yield schema["const"]


def replaced(whole, path, value):
    """A copy with another value at a path; ABSENT takes it away. What is beside the path is shared."""
    if not path:
        return value
    whole = whole.copy()
    if value is ABSENT and len(path) == 1:
        del whole[path[0]]
    else:
        whole[path[0]] = replaced(whole[path[0]], path[1:], value)
    return whole
