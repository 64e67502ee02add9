"""The list of components in a package: good CycloneDX, and exactly the crates that are named on standard input."""

import json
import sys

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

text = open(sys.argv[1], "rb").read()
wanted = set(sys.stdin.read().split())
document = json.loads(text)
complaint = JsonStrictValidator(SchemaVersion.V1_5).validate_str(text.decode())
if complaint:
    sys.exit(f"no good CycloneDX 1.5: {complaint}")

itself = document["metadata"]["component"]
named = [one["bom-ref"] for one in [itself, *document["components"]]]
if len(named) != len(set(named)) or set(named) != wanted:
    sys.exit(f"named and not linked: {set(named) - wanted}; linked and not named: {wanted - set(named)}")
for one in document["components"]:
    if not (one.get("hashes") and one.get("licenses") and one.get("purl")):
        sys.exit(f"{one['bom-ref']}: no hash, licence or purl")

# From the program, whatever is named can be reached.
edges = {one["ref"]: one.get("dependsOn", []) for one in document["dependencies"]}
reached, rest = set(), [itself["bom-ref"]]
while rest:
    one = rest.pop()
    if one not in reached:
        reached.add(one)
        rest += edges[one]
if reached != wanted:
    sys.exit(f"nobody wants {wanted - reached}")
print(f"{len(document['components'])} crates are linked, and all are named")
