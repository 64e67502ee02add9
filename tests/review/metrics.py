#!/usr/bin/env python3
"""Whether the text and the document of `tcptune metrics` are the same to Prometheus' own client.

    metrics.py TEXT DOCUMENT
"""

import json
import sys

from prometheus_client.parser import text_string_to_metric_families


def main(text, document):
    with open(text, encoding="utf-8", newline="") as file:
        families = list(text_string_to_metric_families(file.read()))
    with open(document, encoding="utf-8") as file:
        told = json.load(file)
    # The client takes the suffix of counters off the family's name.
    read = [
        (family.name, family.type, family.documentation, [(one.labels, one.value) for one in family.samples])
        for family in families
    ]
    wanted = [
        (
            one["name"].removesuffix("_total"),
            one["type"],
            one["help"],
            [(sample["labels"], float(sample["value"])) for sample in one["samples"]],
        )
        for one in told["metrics"]
    ]
    if read != wanted or not read:
        sys.exit(next((f"{a}\n{b}" for a, b in zip(read, wanted) if a != b), "not as many families"))


main(*sys.argv[1:])
