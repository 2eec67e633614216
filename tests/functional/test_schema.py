"""The published schemas (control/schema/) say what the daemon does: both are asked, and must agree."""

import json
import re
import subprocess
import sys

import jsonschema
import pytest
from harness.lab import Lab
from harness.rpc import Rpc
from harness.schemas import ABSENT, FOLDER, Schemas, at_the_edges, replaced
from schema_samples import PLAIN, SAMPLES, STATE

ROOT = FOLDER.parents[1]
SCHEMAS = Schemas()
BAD_PARAMETER, NOT_CARRIED_OUT = -32602, -32007
REFUSED = {"jsonrpc": "2.0", "id": 2, "method": "port.set", "params": {}}
AT_ONCE = 50  # requests that are sent before their answers are read

ALONE = ("plan", "watch", "log.set")  # can not be part of a batch


def every_field():
    """A rule for each field of each item and each way to say it."""
    values = {"anyMac": "02:00:00:00:00:01", "ipv4": "10.1.0.5", "ipv6": "fd00::5"}
    definitions = SCHEMAS.files["document.json"]["$defs"]
    for branch in definitions["matchItem"]["allOf"]:
        item = branch["if"]["properties"]["item"]["const"]
        for name, field in branch["then"]["properties"].items():
            if name == "item":
                continue
            parts = definitions[field["$ref"].split("/")[-1]]["then"]["properties"]
            value = values.get(parts["spec"].get("$ref", "").split("/")[-1], 1)
            for way in ({"spec": value, "prefix": 1}, {"mask": value}, {"spec": value, "last": value}):
                if set(way) <= set(parts):
                    yield {"port": 16, **PLAIN, "pattern": [{"item": item, name: way}]}


FIELDS = list(every_field())


def samples(method):
    return [*SAMPLES.get(method, [{}]), *(FIELDS if method == "rule.validate" else ())]


EVERY_CHANGES = {"request_id", "deadline_ms"}  # what each method has that changes something

# -- changes of the samples ----------------------------------------------------------------------------

ODD = ("nonsense", "", None, True, 1.5, -1, 0, [], {}, ABSENT)
TEXTS = """
    0.0.0.0 255.255.255.255 224.0.0.1 239.1.1.1 10.1.0.5 10.1.0.05 10.1.0 10.1.0.256 10.1.0.5/0
    10.1.0.5/32 10.1.0.5/33 10.1.0.5/08 10.1.0.5/ 0.0.0.0/0 :: ::/0 ::1 ::1/128 ::1/129 fd00::5
    FD00::5/64 ff02::1 1::2::3 ::: 1:2:3:4:5:6:7:8 1:2:3:4:5:6:7:8:9 1:2:3:4:5:6:7 1:2:3:4:5:6:7::
    ::2:3:4:5:6:7:8 1::3:4:5:6:7:8 1::2:3:4:5:6:7:8 12345:: :1 1: g:: ::1.2.3.4 1:2:3:4:5:6:1.2.3.4
    1::1.2.3.4 1.2.3.4:: ::ffff:1.2.3.4 ::ffff:102:304 fe80::1%eth0 0:0:0:0:0:ffff:1:2 02:00:00:00:00:01
    02-00-00-00-00-01 02:00:00:00:00:0g 02:00:00:00:00 01:00:5e:00:00:01 00:00:00:00:00:00
    FE:FF:ff:ff:ff:ff 8000 7999 200Mbit/s 1.5Gbit/s 1.Gbit/s .5Gbit/s 200 200Mb/s 1e9 0x10 -1 +1 7kbit/s
    9Tbit/s 1Pbit/s mbit/s AF41 af43 AF44 AF4 ef NC nc BE le CS7 CS8 DF 46 063 63 64 pass drop trust pcp
    80 080 0 0-65535 0-65534 1-65535 80- -80 80-81-82 65535 65536 1-65536 eth0 eth0:1 a/b a%b . .. ...
    -a a_b.c-d a=b a= =b !a !a=b !!a a!b a,b a"b a=b=c any tcp TCP icmpv6 tls tls:x tls-sni:
    tls-sni:*.x.org http-method:GET http-method:get dns dns:x.org acme/cap acme/ / c1/eth0 up0""".split() + [
        "a b", " a", "a ", "\u00e9", "200 Mbit/s", "a\u0000", *("x" * length for length in (
            15, 16, 63, 64, 128, 129)), "!" + "x" * 128 + "=" + "y" * 128, "x=" + "y" * 129]


def changes(method, patterns_seen):
    """(path, something else there, the sample with it). Texts are tried once for each part of the
    methods ("rule") and each pattern."""
    for sample in samples(method):
        for path, value, schemas in SCHEMAS.places(SCHEMAS.parameters(method), "requests.json", sample):
            if sample in FIELDS and len(path) < 3:
                continue  # as in the others
            if "document" in path[:-1]:  # its entries are looked at as parameters of their verbs
                made_up = {**value, "nonsense": 1} if isinstance(value, dict) else 1
                yield from ((path, it, replaced(sample, path, it)) for it in (made_up, None))
                continue
            values = [*at_the_edges(schemas), *(ODD if path else ())]
            patterns = (method.split(".")[0], *(id(schema) for schema in schemas if "pattern" in schema))
            if len(patterns) > 1 and patterns not in patterns_seen:
                patterns_seen.add(patterns)
                values += TEXTS
            if isinstance(value, dict):
                values.append({**value, "nonsense": 1})
            if isinstance(value, list) and value:
                limits = [schema["maxItems"] for schema in schemas if "maxItems" in schema]
                values += [made_long(value, size) for limit in limits if limit < MOST_MADE
                           for size in (limit, limit + 1)]
            for changed in values:
                yield path, changed, replaced(sample, path, changed)


MOST_MADE = 5000


def made_long(values, size):
    """More of the same; where they are texts, addresses, which are also names and groups."""
    def another(number):
        if isinstance(values[0], str):
            return f"198.51.{number // 200}.{number % 200 + 1}"
        return values[number % len(values)]
    return [*values, *(another(number) for number in range(size - len(values)))][:size]


# What the daemon refuses and no schema can know, because it takes two values to see it, or the state:
# (method, part of the message). And what a schema refuses and the daemon only does not find.
UNKNOWABLE = [
    ("", '" is below the limit 8000 bit/s'),  # of a rate with a unit
    ("", '" is above the limit 1600000000000'),
    ("port.add", "is in no prefix of `addresses`"),
    ("segment.set", "the tenant of a segment can not be changed"),
    ("segment.set", 'a segment with encap "none" is local and has none'),
    ("segment.set", 'is required unless encap is "none"'),
    ("endpoint", "is listed twice"),
    ("endpoint.attach", "is not of the address family of `to`"),
    ("endpoint.set", "that it belongs to"),
    ("endpoint.set", "does not exist"),
    ("qos.port.set", "that it belongs to"),
    ("l7.add", "can never match with that protocol"),
    ("l7.add", "Invalid repeat"),  # the compiler's own words
    ("policy", "never occurs with"),
    ("rule", "is below spec"),
    ("rule", "contradicts the vlan item"),
    ("rule", "can not follow"),
    ("rule", "must follow"),
    ("rule", "what is inside"),
    ("rule", "is none of the port's 1 queues"),
    ("rule.query", "has no action count"),
    ("qos.meter.add", "is below cir"),
]


def is_of_nobody(error, path):
    """Not found, because nothing can have such a name."""
    field = re.sub(r"\.(\d+)", r"[\1]", ".".join(map(str, path)))
    return error is not None and error["code"] == -32001 and error.get("data", {}).get("field") == field


@pytest.fixture(name="weft", scope="module")
def weft_with_state(tmp_path_factory):
    lab = Lab(tmp_path_factory.mktemp("schema"))
    host, peer = lab.host("A"), lab.host("B")
    lab.uplink_wire(host, peer)
    lab.container("c1")
    lab.container("c2")
    has_failed = True
    try:
        daemon = lab.weftd(host)
        for method, parameters in STATE:
            daemon(method, **parameters)
        yield daemon
        has_failed = False
    finally:
        lab.close(has_failed)


def judgements(weft, method, many):
    """The daemon's error for each of many parameters, or None. What they would change is undone: in their
    batch is a request that is refused."""
    # A connection that watches is told of what others do.
    rpc = Rpc(weft.socket_path) if method == "watch" else weft.rpc
    for first in range(0, len(many), AT_ONCE):
        some = many[first:first + AT_ONCE]
        lines = []
        for parameters in some:
            line = {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}
            lines.append(json.dumps(line if method in ALONE else [line, REFUSED]))
        rpc.send_line("\n".join([*lines, ""]).encode())
        for _ in some:
            answer = rpc.read_line()
            error = (answer if method in ALONE else answer[0]).get("error")
            yield None if error is None or error["code"] == NOT_CARRIED_OUT else error


def judged(weft, method, parameters):
    return next(judgements(weft, method, [parameters]))


def said(error):
    return error["message"] if error else ""


def is_bad(error):
    return error is not None and error["code"] == BAD_PARAMETER


def examples():
    """(request, answer) of README.md's examples, in order."""
    text = (ROOT / "control" / "README.md").read_text().split("\n## Examples\n")[1]
    lines = re.sub(r"\n     +(?=\S)", "", text).splitlines()
    found = [json.loads(line) for line in lines if line.startswith(("    {", "    ["))]
    return list(zip(found[::2], found[1::2], strict=True))


# -- the files -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", SCHEMAS.files)
def test_the_files_are_schemas(file):
    schema = SCHEMAS.files[file]
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema.Draft202012Validator.check_schema(schema)


def test_every_property_is_described():
    for file, schema in SCHEMAS.files.items():
        for definition in (schema, *schema["$defs"].values()):
            for _, value, _ in SCHEMAS.places({}, file, definition):
                is_object = isinstance(value, dict) and value.get("type") == "object"
                for name, inner in value.get("properties", {}).items() if is_object else ():
                    if isinstance(inner, dict) and "description" not in inner:
                        inner, _ = SCHEMAS.resolve(inner["$ref"], file)
                    assert inner is True or inner["description"].endswith("."), name


def test_who_closes_a_definition_lists_all_of_it():
    count = 0
    for file, whole in SCHEMAS.files.items():
        for _, schema, _ in SCHEMAS.places({}, file, whole):
            if isinstance(schema, dict) and "$ref" in schema and "additionalProperties" in schema:
                definition, _ = SCHEMAS.resolve(schema["$ref"], file)
                listed = {name for name, inner in schema["properties"].items() if inner is True}
                assert listed == set(definition["properties"]), schema
                count += 1
    assert count > 20


def test_the_examples_of_the_readme_are_valid_where_they_succeed():
    validator = SCHEMAS.validator("requests.json")
    for request, answer in examples():
        if "result" in answer:
            validator.validate(request)
        elif isinstance(answer, dict) and answer["error"]["code"] == BAD_PARAMETER:
            # A pattern can not compare the ends of a range.
            assert not validator.is_valid(request) or "reversed" in answer["error"]["message"], request


def test_a_line_is_a_request_or_a_batch():
    validator = SCHEMAS.validator("requests.json")
    version = {"jsonrpc": "2.0", "method": "version"}
    for line in (version, {**version, "id": 1}, {**version, "id": None, "params": {}}, [version]):
        validator.validate(line)
    for line in (
            5, [], {}, {**version, "id": []}, {**version, "params": []}, {**version, "jsonrpc": "1.0"},
            {**version, "method": "port.fly"}, {**version, "params": {"colour": 1}},
            [{**version, "method": "plan", "params": {"document": {}}}], {**version, "method": "tenant.add"}):
        assert not validator.is_valid(line), line


def validate(file, instance, text):
    """The command of README.md, in an empty network namespace."""
    instance.write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "jsonschema", "-i", instance, "--base-uri", f"file://{FOLDER}/{file}",
         FOLDER / file], capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stderr


def test_a_file_is_validated_without_a_network(tmp_path):
    local = {"name": "red", "tenant": "acme", "encap": "none"}
    assert validate("document.json", tmp_path / "state.json", json.dumps({"segments": [local]})) == (0, "")
    status, said = validate(
        "document.json", tmp_path / "state.json", json.dumps({"segments": [{**local, "vni": 5001}]}))
    assert status == 1 and "5001" in said
    line = {"jsonrpc": "2.0", "id": 1, "method": "segment.add", "params": local}
    assert validate("requests.json", tmp_path / "request.json", json.dumps(line)) == (0, "")
    status, said = validate(
        "requests.json", tmp_path / "request.json", json.dumps({**line, "method": "segment.remove"}))
    assert status == 1 and "were unexpected" in said


def test_a_refusal_of_the_schema_names_the_field():
    validator = SCHEMAS.validator("requests.json")
    line = {"jsonrpc": "2.0", "method": "segment.add", "params": {
        "name": "red", "tenant": "acme", "vni": 16777216, "local_vtep": "192.0.2.1", "colour": 1}}
    said = {(*error.absolute_path, error.message) for error in validator.iter_errors(line)}
    assert said == {
        ("params", "vni", "16777216 is greater than the maximum of 16777215"),
        ("params", "Additional properties are not allowed ('colour' was unexpected)")}


# -- the daemon ----------------------------------------------------------------------------------------


def test_the_methods_are_those_of_the_daemon(weft):
    rows = {}
    for path in (ROOT / "control").rglob("methods_*.cc"):
        found = re.findall(r'Method\{"([a-z0-9_.]+)", \w+(, Effect::\w+)?\}', path.read_text())
        rows |= {name: bool(effect) for name, effect in found}
    assert set(SCHEMAS.methods()) == set(rows)
    assert judged(weft, "port.fly", {})["code"] == -32601
    for method, is_change in rows.items():
        assert ("request_id" in SCHEMAS.parameters(method)["properties"]) == is_change, method
        validator = SCHEMAS.validator("requests.json", f"/$defs/{method}")
        bad = [*(("request_id", it) for it in ("", "x" * 129, 5)),
               *(("deadline_ms", it) for it in (0, 600001, "1", 1.5))]
        for name, value in bad:
            parameters = {**samples(method)[0], name: value}
            error = judged(weft, method, parameters)
            assert is_bad(error) and not validator.is_valid(parameters), (method, name, value)
            assert error["message"].startswith(f"{name}: ") == is_change, (method, error)
        if is_change:
            parameters = {**samples(method)[0], "request_id": "x" * 128, "deadline_ms": 600000}
            assert validator.is_valid(parameters) and not is_bad(judged(weft, method, parameters)), method


def test_the_samples_have_every_property_and_the_daemon_takes_them(weft):
    described, used = set(), set()
    for method in SCHEMAS.methods():
        schema = SCHEMAS.parameters(method)
        described |= set(SCHEMAS.described(schema, "requests.json", set()))
        assert set().union(*samples(method)) == set(schema["properties"]) - EVERY_CHANGES, method
        for sample in samples(method):
            SCHEMAS.validator("requests.json", f"/$defs/{method}").validate(sample)
            assert not is_bad(judged(weft, method, sample)), (method, sample, judged(weft, method, sample))
            for _, value, schemas in SCHEMAS.places(schema, "requests.json", sample):
                if isinstance(value, dict):
                    known = [found.get("properties", {}) for found in schemas]
                    used |= {(id(its), key) for its in known for key in set(its) & set(value)}
    assert {name for _, name in described - used} <= EVERY_CHANGES


def test_the_schema_refuses_what_the_daemon_refuses(weft):
    """Each sample is changed in one place at a time: to the ends of the ranges that the schema names and
    one beyond, to all of its words, to values of other types, to lists that are too long; properties are
    taken away and made up."""
    differences, patterns_seen, unused, count = [], set(), set(UNKNOWABLE), 0
    for method in SCHEMAS.methods():
        validator = SCHEMAS.validator("requests.json", f"/$defs/{method}")
        changed = {json.dumps(it[2]): it for it in changes(method, patterns_seen)}.values()
        count += len(changed)
        errors = judgements(weft, method, [parameters for _, _, parameters in changed])
        for (path, value, parameters), error in zip(changed, errors, strict=True):
            if validator.is_valid(parameters) != is_bad(error) or is_of_nobody(error, path):
                continue
            known = {row for row in UNKNOWABLE if method.startswith(row[0]) and row[1] in said(error)}
            unused -= known
            if not known:
                differences.append((method, path, str(value)[:80], said(error)[:200]))
    assert count > 10000
    assert not differences, "\n".join(map(str, differences))
    assert not unused


def test_the_document_of_a_state_is_valid(weft):
    answer = weft("get")
    document = answer["document"]
    assert all(document.values()), "a section is empty"
    SCHEMAS.validator("document.json").validate(document)
    assert weft("apply", document=document) == {"generation": answer["generation"], "changes": []}
